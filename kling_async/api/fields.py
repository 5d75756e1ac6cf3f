"""What request classes are made of: their base, the kinds of fields with their limits, and shared fragments.

A field states its limits once; they are checked here, shown by the command line, and walked by the contract tests.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from ..media.inputs import PictureLimits, bare, check_picture
from ..protocol.codec import encodable

T = TypeVar("T")

_FIELD: Final = "kling"
_UNSET: Final = attrs.NOTHING
_PICTURE: Final = PictureLimits()


Read: TypeAlias = Callable[[str, Any], object]
"""Makes what was given for the field of that name into what is kept, or raises `InvalidRequest`."""


class FieldInfo(NamedTuple):
    """What is known about a request field, besides its type."""

    doc: str
    kind: Literal["text", "number", "integer", "switch", "choice", "seconds", "picture", "object", "objects", "url"]
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


def _make(default: object, about: FieldInfo) -> Any:
    return attrs.field(default=default, metadata={_FIELD: about})


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(name, "must be a text", value)
    if not (value.isascii() or encodable(value)):
        raise InvalidRequest(name, "must be a text that UTF-8 can write", value)
    return value


def text(doc: str, *, max_length: int | None = None, default: Any = _UNSET) -> Any:
    """A text, counted in code points."""

    def read(name: str, value: object) -> object:
        given = _text(name, value)
        if not given:
            raise InvalidRequest(name, "must not be empty", value)
        if max_length is not None and len(given) > max_length:
            raise InvalidRequest(name, f"must have at most {max_length} characters, has {len(given)}", value)
        return given

    return _make(default, FieldInfo(doc, "text", read, max_length=max_length))


def url(doc: str, *, default: Any = _UNSET) -> Any:
    """An address the vendor will call or fetch."""

    def read(name: str, value: object) -> object:
        if not re.fullmatch(r"https?://[^\s/?#]+([/?#]\S*)?", _text(name, value), re.IGNORECASE):
            raise InvalidRequest(name, "must be a complete http(s) URL", value)
        return value

    return _make(default, FieldInfo(doc, "url", read))


def number(doc: str, minimum: float, maximum: float, *, default: Any = _UNSET) -> Any:
    """A number between two limits, both allowed."""

    def read(name: str, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
            raise InvalidRequest(name, "must be a number", value)
        if not minimum <= value <= maximum:
            raise InvalidRequest(name, f"must be between {minimum:g} and {maximum:g}", value)
        return value

    return _make(default, FieldInfo(doc, "number", read, minimum=minimum, maximum=maximum))


def integer(doc: str, minimum: int | None = None, maximum: int | None = None, *, default: Any = _UNSET) -> Any:
    """A whole number between two limits, if there are any. Decimal text is taken as the number it spells."""

    def read(name: str, value: object) -> object:
        number = _whole(value)
        if isinstance(number, bool) or not isinstance(number, int):
            raise InvalidRequest(name, "must be a whole number", value)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise InvalidRequest(name, f"must be between {minimum} and {maximum}", value)
        return number

    return _make(default, FieldInfo(doc, "integer", read, minimum=minimum, maximum=maximum))


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


def seconds(doc: str, minimum: int, maximum: int, *, default: Any = _UNSET) -> Any:
    """Whole seconds, which the vendor writes as text: 5 and "5" are the same."""

    def read(name: str, value: object) -> object:
        number = _whole(value)
        if isinstance(number, bool) or not isinstance(number, int) or not minimum <= number <= maximum:
            raise InvalidRequest(name, f"must be whole seconds between {minimum} and {maximum}", value)
        return str(number)

    return _make(default, FieldInfo(doc, "seconds", read, minimum=minimum, maximum=maximum))


def picture(doc: str, *, limits: PictureLimits = _PICTURE, default: Any = _UNSET) -> Any:
    """A picture: http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def read(name: str, value: object) -> object:
        if not isinstance(value, str | bytes | Path):
            raise InvalidRequest(name, "must be a URL or Base64 text, bytes, or a pathlib.Path", value)
        given = bare(value)
        check_picture(name, given, limits)
        return given

    return _make(default, FieldInfo(doc, "picture", read))


def nested(doc: str, item: type, *, default: Any = _UNSET) -> Any:
    """An object of its own, or a mapping with its fields. An empty mapping counts as not given where none is needed."""

    def read(name: str, value: object) -> object:
        left_out = default is not _UNSET and value == {}
        return None if left_out else _nested(name, item, value)

    return _make(default, FieldInfo(doc, "object", read, item=item))


def sequence(doc: str, item: type, *, minimum: int = 0, maximum: int | None = None, default: Any = _UNSET) -> Any:
    """A list of objects, or of mappings with their fields. An empty one counts as not given where none is needed."""

    def read(name: str, value: Any) -> object:
        given: object = value
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise InvalidRequest(name, f"must be a list of {item.__name__}", given)
        items = tuple(_nested(f"{name}[{at}]", item, each) for at, each in enumerate(cast("Iterable[object]", value)))
        if not items and default is not _UNSET:
            return None
        if len(items) < minimum or (maximum is not None and len(items) > maximum):
            raise InvalidRequest(name, f"must have {minimum} to {maximum} items, has {len(items)}", items)
        return items

    return _make(default, FieldInfo(doc, "objects", read, item=item, minimum=minimum, max_length=maximum))


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
    field_specifiers=(text, url, number, integer, switch, choice, seconds, picture, nested, sequence, attrs.field),
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
        """The rules that span several fields."""
        return ()

    def __repr__(self) -> str:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
        given = ((field.name, getattr(self, field.name)) for field in fields)
        told = (f"{name}={shown(value)}" for name, value in given if value is not None and value != {})
        return f"{type(self).__name__}({', '.join(told)})"


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

    voice_id: str = text("The voice's id.")


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
class TaskRequest(Checked):
    """Fields that every call that makes a task takes."""

    callback_url: str | None = url("Where the vendor posts every change of status.", default=None)
    external_task_id: str | None = text(
        "Your own id, unique within the account; the task can be found by it. One is made if you give none.",
        default=None,
    )
    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], converter=_copied, hash=False)
    """Merged into the body unchecked, last: for fields the vendor added after us."""


Watermark: TypeAlias = WatermarkInfo | Mapping[str, bool]
Elements: TypeAlias = Sequence[ElementRef | Mapping[str, Any]]
Voices: TypeAlias = Sequence[VoiceRef | Mapping[str, Any]]
