"""What request classes are made of: their base, the kinds of fields with their limits, and shared fragments.

A field states its limits once; they are checked here, shown by the command line, and walked by the contract tests.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    cast,
    dataclass_transform,
)

import attrs

from ..errors import InvalidRequest, shown
from ..media.inputs import PictureLimits, SoundLimits, bare, check_picture, check_sound, check_video
from ..models.wire import SENT_AS
from ..protocol.codec import encodable
from .prices import FREE, units

T = TypeVar("T")

_FIELD: Final = "kling"
_UNSET: Final = attrs.NOTHING
_PICTURE: Final = PictureLimits()


Read: TypeAlias = Callable[[str, Any], object]
"""Makes what was given for the field of that name into what is kept, or raises `InvalidRequest`."""


FieldKind: TypeAlias = Literal[
    "text",
    "texts",
    "url",
    "number",
    "integer",
    "switch",
    "choice",
    "seconds",
    "moment",
    "picture",
    "pictures",
    "sound",
    "video",
    "object",
    "objects",
]
"""What a field holds; the plural is a list of it."""


class FieldInfo(NamedTuple):
    """What is known about a request field, besides its type."""

    doc: str
    kind: FieldKind
    read: Read
    max_length: int | None = None
    """Characters of a text, items of a list."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    open: bool = False
    """Whether values beyond `choices` pass, because the vendor adds some without notice."""
    item: type | None = None
    """The class of a nested object."""


class Rule(NamedTuple):
    """A rule over several fields, already looked at."""

    field: str
    rule: str
    met: bool


def info(field: attrs.Attribute[Any]) -> FieldInfo | None:
    """The `FieldInfo` of a request field; None for `extra`."""
    return cast("FieldInfo | None", field.metadata.get(_FIELD))


def _make(default: object, about: FieldInfo, *, sent_as: str | None = None) -> Any:
    metadata: dict[str, object] = {_FIELD: about}
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
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else _words(name, value)

    return _make(default, FieldInfo(doc, "text", read))


def texts(doc: str, *, default: Any = _UNSET) -> Any:
    """A list of texts."""

    def read(name: str, value: object) -> object:
        return tuple(_words(f"{name}[{at}]", each) for at, each in enumerate(_items(name, value, "texts")))

    return _make(default, FieldInfo(doc, "texts", read))


def url(doc: str, *, default: Any = _UNSET) -> Any:
    """An address the vendor will call."""

    def read(name: str, value: object) -> object:
        if not re.fullmatch(r"https?://[^\s/?#]+([/?#]\S*)?", _text(name, value), re.IGNORECASE):
            raise InvalidRequest(name, "must be a complete http(s) URL", value)
        return value

    return _make(default, FieldInfo(doc, "url", read))


def number(doc: str, minimum: float | None = None, maximum: float | None = None, *, default: Any = _UNSET) -> Any:
    """A number between two limits, if there are any; both allowed."""

    def read(name: str, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise InvalidRequest(name, "must be a number", value)
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            raise InvalidRequest(name, f"must be {_between(minimum, maximum)}", value)
        return value

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
        if isinstance(number, bool) or not isinstance(number, int):
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


def moment(doc: str, *, default: Any = _UNSET) -> Any:
    """A point in time: an aware `datetime`, or Unix milliseconds, which is what is sent."""

    def read(name: str, value: object) -> object:
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise InvalidRequest(name, "must be a datetime with a time zone, or Unix milliseconds", value)
            return round(value.timestamp() * 1000)
        number = _whole(value)
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise InvalidRequest(name, "must be a datetime with a time zone, or Unix milliseconds", value)
        return number

    return _make(default, FieldInfo(doc, "moment", read))


def _whole(value: object) -> object:
    # Longer text than any number of the vendor's is left as it is: Python refuses to read it past 4,300 digits.
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) <= 20 else value


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
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not whole or not (number in only if only else least <= cast("int", number) <= most):
            raise InvalidRequest(name, f"must be {rule}", value)
        return str(number)

    about = FieldInfo(doc, "seconds", read, minimum=least, maximum=most, choices=tuple(map(str, only)))
    return _make(default, about)


def picture(doc: str, *, limits: PictureLimits = _PICTURE, default: Any = _UNSET) -> Any:
    """A picture: http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def read(name: str, value: object) -> object:
        return _picture(name, value, limits)

    return _make(default, FieldInfo(doc, "picture", read))


def _picture(name: str, value: object, limits: PictureLimits) -> object:
    if not isinstance(value, str | bytes | Path):
        raise InvalidRequest(name, "must be a URL or Base64 text, bytes, or a pathlib.Path", value)
    given = bare(value)
    check_picture(name, given, limits)
    return given


def pictures(doc: str, *, minimum: int, maximum: int, default: Any = _UNSET) -> Any:
    """A list of pictures, each as `picture` takes it."""

    def read(name: str, value: object) -> object:
        items = list(_items(name, value, "pictures"))
        if not items and default is not _UNSET:
            return None
        _counted(name, items, minimum, maximum)
        return tuple(_picture(f"{name}[{at}]", each, _PICTURE) for at, each in enumerate(items))

    return _make(default, FieldInfo(doc, "pictures", read, minimum=minimum, max_length=maximum))


def sound(doc: str, *, default: Any = _UNSET) -> Any:
    """A recording (mp3, wav, m4a, aac): http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def read(name: str, value: object) -> object:
        if not isinstance(value, str | bytes | Path):
            raise InvalidRequest(name, "must be a URL or Base64 text, bytes, or a pathlib.Path", value)
        given = bare(value)
        check_sound(name, given, SoundLimits())
        return given

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
    default = inspect.Parameter.empty if field.default is _UNSET else None
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type)


class _Signature:
    """The real parameters of a request class, for `help()` and notebooks."""

    def __get__(self, _: object, owner: type[attrs.AttrsInstance]) -> inspect.Signature:
        return inspect.Signature([_parameter(field) for field in attrs.fields(owner)])


class Checked:
    """What request classes and their parts share: unknown names, missing fields and broken rules are found at once."""

    __slots__ = ()

    __signature__: ClassVar[_Signature] = _Signature()

    if not TYPE_CHECKING:  # type checkers read the fields; this is where the values are checked

        def __init__(self, /, *positional: object, **given: object) -> None:
            if positional:
                raise TypeError(f"{type(self).__name__} takes its fields by name, not as positional arguments")
            known = {field.name: field for field in attrs.fields(type(self))}
            for name, value in given.items():
                if name not in known:
                    raise InvalidRequest(name, _unknown(name, known), value)
            kept = {name: _read(field, given.get(name)) for name, field in known.items() if name in given}
            for name, field in known.items():
                if field.default is _UNSET and kept.get(name) is None:
                    raise InvalidRequest(name, "is required", None)
            self.__attrs_init__(**kept)

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


def _copied(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequest("extra", "must be a mapping", value)
    given = dict(cast("Mapping[str, object]", value))
    if not all(isinstance(key, str) for key in cast("Iterable[object]", given)):
        raise InvalidRequest("extra", "must have texts as keys", given)
    return given


@frozen
class Request(Checked):
    """What every call takes."""

    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], converter=_copied, hash=False)
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
