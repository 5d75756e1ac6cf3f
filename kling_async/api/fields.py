"""What request classes are made of: their base, the kinds of fields with their limits, and shared fragments.

A field states its limits once; they are checked here, shown by the command line, and walked by the contract tests.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    NamedTuple,
    TypeAlias,
    TypeVar,
    cast,
    dataclass_transform,
)

import attrs

from ..errors import InvalidRequest
from ..media.inputs import (
    MediaInput,
    PictureLimits,
    SoundLimits,
    bare,
    check_picture,
    check_sound,
    check_url,
    check_video,
)
from ..models.wire import SENT_AS
from ..protocol.codec import encodable
from ..wording import shown
from .about import FIELD, FieldInfo, info, line
from .extra import Extra, kept
from .prices import FREE, units

__all__ = [
    "Checked",
    "ElementRef",
    "ElementRefs",
    "FieldInfo",
    "PageRequest",
    "Request",
    "Rule",
    "TaskRequest",
    "VoiceRef",
    "VoiceRefs",
    "Watermark",
    "WatermarkInfo",
    "choice",
    "exactly_one",
    "frozen",
    "identifier",
    "info",
    "integer",
    "moment",
    "nested",
    "number",
    "picture",
    "pictures",
    "seconds",
    "sequence",
    "sound",
    "switch",
    "text",
    "texts",
    "url",
    "video",
]

T = TypeVar("T")

_UNSET: Final = attrs.NOTHING
_PICTURE: Final = PictureLimits()
_EARLIEST: Final = 10**11
"""Milliseconds since 1970. Numbers below it (March 1973) are somebody's seconds."""
_LONGEST_ID: Final = 10**20
_EITHER: Final = inspect.Parameter.POSITIONAL_OR_KEYWORD


class Rule(NamedTuple):
    """A rule over several fields, already looked at."""

    field: str
    rule: str
    met: bool


def _make(default: object, about: FieldInfo, *, sent_as: str | None = None) -> Any:
    metadata: dict[str, object] = {FIELD: about}
    return attrs.field(default=default, metadata={**metadata, SENT_AS: sent_as} if sent_as else metadata)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(name, "must be a text", value)
    if not (value.isascii() or encodable(value)):
        raise InvalidRequest(name, "must be a text that UTF-8 can write", value)
    return value


def _words(name: str, value: object) -> str:
    given = _text(name, value)
    if not given:
        raise InvalidRequest(name, "must not be empty", value)
    return given


def text(doc: str, *, max_length: int | None = None, default: Any = _UNSET) -> Any:
    """A text, counted in code points."""

    def read(name: str, value: object) -> object:
        given = _words(name, value)
        if max_length is not None and len(given) > max_length:
            raise InvalidRequest(name, f"must have at most {max_length} characters, has {len(given)}", value)
        return given

    return _make(default, FieldInfo(doc, "text", read, max_length=max_length))


def identifier(doc: str, *, default: Any = _UNSET) -> Any:
    """An id, which is text; a number is taken as its digits, for that is how some lists tell it."""

    def read(name: str, value: object) -> object:
        number = None if isinstance(value, str) else _whole(value)
        if number is None:
            return _words(name, value)
        if not 0 <= number < _LONGEST_ID:
            raise InvalidRequest(name, "must be an id, which has at most 20 digits where it is a number", value)
        return str(number)

    return _make(default, FieldInfo(doc, "text", read))


def texts(doc: str, *, default: Any = _UNSET) -> Any:
    """A list of texts; neither may be empty."""

    def read(name: str, value: object) -> object:
        items = tuple(_words(f"{name}[{at}]", each) for at, each in enumerate(_items(name, value, "texts")))
        if not items:
            raise InvalidRequest(name, "must not be empty", value)
        return items

    return _make(default, FieldInfo(doc, "texts", read))


def url(doc: str, *, default: Any = _UNSET) -> Any:
    """An address the vendor will call."""

    def read(name: str, value: object) -> object:
        given = _text(name, value)
        check_url(name, given)
        return given

    return _make(default, FieldInfo(doc, "url", read))


def number(doc: str, minimum: float | None = None, maximum: float | None = None, *, default: Any = _UNSET) -> Any:
    """A number between two limits, if there are any; both allowed."""

    def read(name: str, value: object) -> object:
        number = _number(value)
        if number is None:
            raise InvalidRequest(name, "must be a number", value)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise InvalidRequest(name, f"must be {_between(minimum, maximum)}", value)
        return number

    return _make(default, FieldInfo(doc, "number", read, minimum=minimum, maximum=maximum))


def integer(
    doc: str,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    words: tuple[str, ...] = (),
    sent_as: str | None = None,
    default: Any = _UNSET,
) -> Any:
    """A whole number between two limits, if there are any, or one of some words. Decimal text is read as a number."""

    def read(name: str, value: object) -> object:
        if isinstance(value, str) and value in words:
            return value
        number = _whole(value)
        rule = " or ".join(["a whole number", *words])
        if number is None:
            raise InvalidRequest(name, f"must be {rule}", value)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise InvalidRequest(name, " or ".join([f"must be {_between(minimum, maximum)}", *words]), value)
        return number

    about = FieldInfo(doc, "integer", read, minimum=minimum, maximum=maximum, choices=words)
    return _make(default, about, sent_as=sent_as)


def _between(minimum: float | None, maximum: float | None) -> str:
    if minimum is None or maximum is None:
        return f"at least {minimum:g}" if minimum is not None else f"at most {maximum:g}"
    return f"between {minimum:.15g} and {maximum:.15g}" if maximum < 10**15 else f"between {minimum} and {maximum}"


def moment(doc: str, *, kw_only: bool = True, default: Any = _UNSET) -> Any:
    """A point in time since 1970: an aware `datetime`, or Unix milliseconds, which is what is sent."""

    def read(name: str, value: object) -> object:
        if isinstance(value, datetime):
            if value.utcoffset() is None:
                raise InvalidRequest(name, "must be a datetime with a time zone, or Unix milliseconds", value)
            number, least = round(value.timestamp() * 1000), 0
        else:
            whole = _whole(value)
            if whole is None:
                raise InvalidRequest(name, "must be a datetime with a time zone, or Unix milliseconds", value)
            number, least = whole, _EARLIEST
        if number < 0:
            raise InvalidRequest(name, "must not be before 1970", value)
        if number < least:
            raise InvalidRequest(name, "must be in milliseconds since 1970, this looks like seconds", value)
        return number

    return _make(default, FieldInfo(doc, "moment", read, minimum=_EARLIEST, positional=not kw_only))


def _whole(value: object) -> int | None:
    """A whole number, also as decimal text, or as an object that stands for one, as tables have them; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        # Longer text than any number of the vendor's is none: Python refuses to read it past 4,300 digits.
        return int(value) if value.isdecimal() and len(value) <= 20 else None
    try:
        return operator.index(cast("Any", value))
    except TypeError:
        return None


def _number(value: object) -> float | None:
    """A finite number, of this language or another's tables; else None."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    whole = _whole(value)
    return (number if whole is None else whole) if math.isfinite(number) else None


def switch(doc: str, *, default: Any = _UNSET) -> Any:
    """True or false."""

    def read(name: str, value: object) -> object:
        if not isinstance(value, bool):
            raise InvalidRequest(name, "must be true or false", value)
        return value

    return _make(default, FieldInfo(doc, "switch", read))


def choice(doc: str, *choices: str, open: bool = False, default: Any = _UNSET) -> Any:  # noqa: A002 - the word the documents use
    """One of some words; with `open`, other words pass too."""

    def read(name: str, value: object) -> object:
        if _text(name, value) not in choices and not open:
            raise InvalidRequest(name, f"must be one of {', '.join(choices)}", value)
        return value

    return _make(default, FieldInfo(doc, "choice", read, choices=choices, open=open))


def seconds(doc: str, minimum: int = 1, maximum: int = 60, *, only: tuple[int, ...] = (), default: Any = _UNSET) -> Any:
    """Whole seconds, which the vendor writes as text: 5 and "5" are the same. With *only*, just these."""
    least, most = (only[0], only[-1]) if only else (minimum, maximum)
    rule = " or ".join(map(str, only)) + " seconds" if only else f"whole seconds between {minimum} and {maximum}"

    def read(name: str, value: object) -> object:
        number = _whole(value)
        if number is None or not (number in only if only else least <= number <= most):
            raise InvalidRequest(name, f"must be {rule}", value)
        return str(number)

    about = FieldInfo(doc, "seconds", read, minimum=least, maximum=most, choices=tuple(map(str, only)))
    return _make(default, about)


def picture(doc: str, *, limits: PictureLimits = _PICTURE, default: Any = _UNSET) -> Any:
    """A picture: http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def read(name: str, value: object) -> object:
        return check_picture(name, _media(name, value), limits)

    return _make(default, FieldInfo(doc, "picture", read))


def _media(name: str, value: object) -> MediaInput:
    if not isinstance(value, str | bytes | Path):
        raise InvalidRequest(name, "must be a URL or Base64 text, bytes, or a pathlib.Path", value)
    return bare(value)


def pictures(doc: str, *, minimum: int, maximum: int, default: Any = _UNSET) -> Any:
    """A list of pictures, each as `picture` takes it."""

    def read(name: str, value: object) -> object:
        items = list(_items(name, value, "pictures"))
        if not items and default is not _UNSET:
            return None
        _counted(name, items, minimum, maximum)
        places = (f"{name}[{at}]" for at in range(len(items)))
        return tuple(
            check_picture(place, _media(place, each), _PICTURE) for place, each in zip(places, items, strict=True)
        )

    return _make(default, FieldInfo(doc, "pictures", read, minimum=minimum, max_length=maximum))


def sound(doc: str, *, default: Any = _UNSET) -> Any:
    """A recording (mp3, wav, m4a, aac): http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def read(name: str, value: object) -> object:
        return check_sound(name, _media(name, value), SoundLimits())

    return _make(default, FieldInfo(doc, "sound", read))


def video(doc: str, *, what: str = "videos", default: Any = _UNSET) -> Any:
    """A video as http(s) URL, or *what* else the vendor takes in no other form."""

    def read(name: str, value: object) -> object:
        if not isinstance(value, str | bytes | Path):
            raise InvalidRequest(name, "must be an http(s) URL", value)
        check_video(name, value, what)
        return value

    return _make(default, FieldInfo(doc, "video", read))


def nested(doc: str, item: type, *, default: Any = _UNSET) -> Any:
    """An object of its own, or a mapping with its fields. An empty mapping counts as not given where none is needed."""

    def read(name: str, value: object) -> object:
        left_out = default is not _UNSET and value == {}
        return None if left_out else _nested(name, item, value)

    return _make(default, FieldInfo(doc, "object", read, item=item))


def sequence(doc: str, item: type, *, minimum: int = 0, maximum: int | None = None, default: Any = _UNSET) -> Any:
    """A list of objects, or of mappings with their fields. An empty one counts as not given where none is needed."""

    def read(name: str, value: object) -> object:
        given = _items(name, value, item.__name__)
        items = tuple(_nested(f"{name}[{at}]", item, each) for at, each in enumerate(given))
        if not items and default is not _UNSET:
            return None
        _counted(name, items, minimum, maximum)
        return items

    return _make(default, FieldInfo(doc, "objects", read, item=item, minimum=minimum, max_length=maximum))


def _items(name: str, value: object, what: str) -> Iterable[object]:
    given = value  # which no type checker narrows to something half known
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidRequest(name, f"must be a list of {what}", given)
    return cast("Iterable[object]", value)


def _counted(name: str, items: Collection[object], minimum: int, maximum: int | None) -> None:
    if minimum <= len(items) and (maximum is None or len(items) <= maximum):
        return
    if maximum is None:
        rule = f"at least {minimum}"
    else:
        rule = f"exactly {minimum}" if minimum == maximum else f"{minimum} to {maximum}"
    raise InvalidRequest(name, f"must have {rule} items, has {len(items)}", items)


def _nested(name: str, item: type, value: Any) -> object:
    given: Any = value
    if isinstance(value, item):
        return given
    if not isinstance(value, Mapping):
        raise InvalidRequest(name, f"must be a {item.__name__} or a mapping with its fields", given)
    if not all(isinstance(key, str) for key in given):
        raise InvalidRequest(name, "must have the names of fields as keys", given)
    try:
        return item(**given)
    except InvalidRequest as error:
        inner = error
    raise InvalidRequest(f"{name}.{inner.field}", inner.rule or "is not valid", inner.value)


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(
        text,
        identifier,
        texts,
        url,
        number,
        integer,
        switch,
        choice,
        seconds,
        moment,
        picture,
        pictures,
        sound,
        video,
        nested,
        sequence,
        attrs.field,
    ),
)
def frozen(cls: type[T]) -> type[T]:
    """Make a request class: immutable, keyword only, checked when it is made."""
    return attrs.frozen(kw_only=True, init=False, repr=False, field_transformer=_own_first)(cls)


def _own_first(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    # What a request is about comes before what all requests have, in help() as on the command line.
    depth = {
        name: at
        for at, base in reversed(list(enumerate(cls.__mro__)))
        for name in vars(base).get("__annotations__", ())
    }
    return sorted(fields, key=lambda field: depth[field.name])


def _parameter(field: attrs.Attribute[Any]) -> inspect.Parameter:
    about = info(field)
    kind = inspect.Parameter.KEYWORD_ONLY if about is None or not about.positional else _EITHER
    default = inspect.Parameter.empty if field.default is _UNSET else None if about else Extra()
    return inspect.Parameter(field.name, kind, default=default, annotation=field.type)


class _Signature:
    """The real parameters of a request class, for `help()` and notebooks."""

    def __get__(self, _: object, owner: type) -> inspect.Signature:
        # `help()` asks the bare base too, which has no fields of its own.
        return inspect.Signature([_parameter(field) for field in _fields(owner)])


class Checked:
    """What request classes and their parts share: unknown names, missing fields and broken rules are found at once."""

    __slots__ = ()

    __signature__: ClassVar[_Signature] = _Signature()

    if not TYPE_CHECKING:  # type checkers read the fields; this is where the values are checked

        def __init__(self, /, *positional: object, **given: object) -> None:
            known = {field.name: field for field in attrs.fields(type(self))}
            if positional:
                given = _named(type(self), positional, given)
            for name, value in given.items():
                if name not in known:
                    raise InvalidRequest(name, _unknown(name, known), value)
            kept = {name: _read(field, given.get(name)) for name, field in known.items() if name in given}
            for name, field in known.items():
                if field.default is _UNSET and kept.get(name) is None:
                    raise InvalidRequest(name, "is required", None)
            self.__attrs_init__(**kept)

    @classmethod
    def described(cls) -> str:
        """What this is and a line for each of its fields: whether it is required, its limits, what it is for."""
        lines = "".join(f"\n    {line(field)}" for field in _fields(cls))
        return f"{inspect.getdoc(cls)}\n\nFields:\n{lines}" if lines else inspect.getdoc(cls) or ""

    def __attrs_post_init__(self) -> None:
        for field, rule, met in self.rules():
            if not met:
                raise InvalidRequest(field, rule, getattr(self, field.partition(".")[0]))

    def rules(self) -> Iterable[Rule]:
        """The rules that span several fields and hold for every model; checked when the value is made."""
        return ()

    def abilities(self) -> Iterable[Rule]:
        """What the vendor calls unsupported: combinations that the model asked for is not known to take."""
        return ()

    def unsupported(self) -> tuple[InvalidRequest, ...]:
        """
        What the capability map says will not work, each as the error that a client raises when it is asked to send it.

        Empty for models the map does not know. `KlingClient(validate="warn")` or `"off"` sends such requests.
        """
        return tuple(
            InvalidRequest(field, rule, getattr(self, field.partition(".")[0]))
            for field, rule, met in self.abilities()
            if not met
        )

    def estimate(self) -> Decimal | None:
        """
        Units this will cost by the vendor's price list, as far as the request alone tells; None where it does not.

        The list is dated (`kling_async.api.prices`); `task.units` of the finished task is what was charged. Failed
        tasks are free.
        """
        return None

    def __repr__(self) -> str:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
        given = ((field.name, getattr(self, field.name)) for field in fields)
        told = (f"{name}={shown(value)}" for name, value in given if value is not None and value != {})
        return f"{type(self).__name__}({', '.join(told)})"


def _fields(kind: type) -> tuple[attrs.Attribute[Any], ...]:
    return attrs.fields(kind) if attrs.has(kind) else ()


def _named(kind: type, positional: tuple[object, ...], given: Mapping[str, object]) -> dict[str, object]:
    """All that was given by name, as Python itself would have it."""
    names = [field.name for field in _fields(kind) if (about := info(field)) and about.positional]
    if len(positional) > len(names):
        which = f"no more than {', '.join(names)} as positional arguments" if names else "none of them as positional"
        raise TypeError(f"{kind.__name__} takes its fields by name, {which}")
    placed = dict(zip(names, positional, strict=False))
    if twice := placed.keys() & given.keys():
        raise TypeError(
            f"{kind.__name__} was given {', '.join(sorted(twice))} twice, by name and as positional argument"
        )
    return {**placed, **given}


def exactly_one(request: object, first: str, second: str) -> Rule:
    """The rule that of two fields one is given, and not both; the first is named where neither is."""
    given = [name for name in (first, second) if getattr(request, name) is not None]
    return Rule(given[-1] if given else first, f"exactly one of {first} and {second} is required", len(given) == 1)


def _read(field: attrs.Attribute[Any], value: object) -> object:
    about = info(field)
    if about is None:
        return value
    if value is None or (value == "" and field.default is not _UNSET):
        return None  # an empty text is how the vendor's own samples say "not given"
    return about.read(field.name, value)


def _unknown(name: str, known: Collection[str]) -> str:
    if name == "model" and "model_name" in known:
        # The vendor takes this key without an error and runs its default model, which is never what was meant.
        return "is called model_name; the vendor accepts this old name and silently runs its default model"
    names = [each for each in known if each != "extra"]
    hint = " (extra={...} passes others unchecked)" if "extra" in known else ""
    return f"is not a field; there are {', '.join(names)}{hint}"


@frozen
class WatermarkInfo(Checked):
    """Whether to make a watermarked rendition beside the clean one."""

    enabled: bool = switch("True for a second, watermarked file.")


@frozen
class ElementRef(Checked):
    """An element of the account's library, made with `elements.create`."""

    element_id: int = integer("The element's id, not that of the task that made it.", 1, 2**63 - 1)


@frozen
class VoiceRef(Checked):
    """A voice of the account or of the vendor's presets. Voices of text to speech are another catalogue."""

    voice_id: str = identifier("The voice's id.")


@frozen
class Request(Checked):
    """What every call takes."""

    extra: Mapping[str, object] = attrs.field(factory=Extra, converter=kept, hash=False)
    """Merged into the body unchecked, last: for fields the vendor added after us."""


@frozen
class TaskRequest(Request):
    """What every call that makes a task takes."""

    callback_url: str | None = url("Where the vendor posts every change of status.", default=None)
    external_task_id: str | None = text(
        "Your own id, unique within the account; the task can be found by it. One is made if you give none.",
        default=None,
    )


@frozen
class PageRequest(Request):
    """Which page of a list."""

    page: int | None = integer("Which page, from 1 (vendor's default 1).", 1, 1000, sent_as="pageNum", default=None)
    page_size: int | None = integer(
        "Entries on a page (vendor's default 30).", 1, 500, sent_as="pageSize", default=None
    )

    def estimate(self) -> Decimal | None:
        """Queries are free."""
        return units(FREE)


Watermark: TypeAlias = WatermarkInfo | Mapping[str, bool]
ElementRefs: TypeAlias = Sequence[ElementRef | Mapping[str, Any]]
VoiceRefs: TypeAlias = Sequence[VoiceRef | Mapping[str, Any]]
