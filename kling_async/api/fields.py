"""What request classes are made of: their base, the kinds of fields with their limits, and shared fragments.

A field states its limits once; they are checked here, shown by the command line, and walked by the contract tests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, TypeVar, cast, dataclass_transform

import attrs

from ..errors import InvalidRequest, shown
from ..media.inputs import PictureLimits, bare, check_picture

T = TypeVar("T")

_FIELD: Final = "kling"
_UNSET: Final = attrs.NOTHING
_PICTURE: Final = PictureLimits()


@attrs.frozen(kw_only=True)
class FieldInfo:
    """What is known about a request field, besides its type."""

    doc: str
    kind: Literal["text", "number", "integer", "switch", "choice", "seconds", "picture", "object", "objects", "url"]
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


def _make(
    default: object,
    about: FieldInfo,
    check: Callable[[str, Any], None] | None,
    convert: Callable[[str, Any], object] | None = None,
) -> Any:
    required = default is _UNSET

    def converted(value: object, _: object, field: attrs.Attribute[object]) -> object:
        if value is None or (value == "" and not required):
            return None  # an empty text is how the vendor's own samples say "not given"
        return convert(field.name, value) if convert else value

    def validate(_: object, field: attrs.Attribute[object], value: object) -> None:
        if value is None and required:
            raise InvalidRequest(field.name, "is required", value)
        if value is not None and check is not None:
            check(field.name, value)

    return attrs.field(
        default=default,
        converter=attrs.Converter(converted, takes_self=True, takes_field=True),
        validator=validate,
        metadata={_FIELD: about},
    )


def text(doc: str, *, max_length: int | None = None, pattern: str | None = None, default: Any = _UNSET) -> Any:
    """A text, counted in code points."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, str):
            raise InvalidRequest(name, "must be a text", value)
        if not value:
            raise InvalidRequest(name, "must not be empty", value)
        if max_length is not None and len(value) > max_length:
            raise InvalidRequest(name, f"must have at most {max_length} characters, has {len(value)}", value)
        if pattern is not None and not re.fullmatch(pattern, value):
            raise InvalidRequest(name, f"must match {pattern}", value)

    return _make(default, FieldInfo(doc=doc, kind="text", max_length=max_length), check)


def url(doc: str, *, default: Any = _UNSET) -> Any:
    """An address the vendor will call or fetch."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value, re.IGNORECASE):
            raise InvalidRequest(name, "must be a complete http(s) URL", value)

    return _make(default, FieldInfo(doc=doc, kind="url"), check)


def number(doc: str, minimum: float, maximum: float, *, default: Any = _UNSET) -> Any:
    """A number between two limits, both allowed."""

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidRequest(name, "must be a number", value)
        if not minimum <= value <= maximum:
            raise InvalidRequest(name, f"must be between {minimum:g} and {maximum:g}", value)

    return _make(default, FieldInfo(doc=doc, kind="number", minimum=minimum, maximum=maximum), check)


def integer(doc: str, minimum: int, maximum: int | None = None, *, default: Any = _UNSET) -> Any:
    """A whole number from `minimum` on. Decimal text is taken as the number it spells, however long."""

    def convert(_: str, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidRequest(name, "must be a whole number", value)
        if value < minimum or (maximum is not None and value > maximum):
            limits = f"between {minimum} and {maximum}" if maximum is not None else f"at least {minimum}"
            raise InvalidRequest(name, f"must be {limits}", value)

    return _make(default, FieldInfo(doc=doc, kind="integer", minimum=minimum, maximum=maximum), check, convert)


def switch(doc: str, *, default: Any = _UNSET) -> Any:
    """True or false."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, bool):
            raise InvalidRequest(name, "must be true or false", value)

    return _make(default, FieldInfo(doc=doc, kind="switch"), check)


def choice(doc: str, *choices: str, open: bool = False, default: Any = _UNSET) -> Any:  # noqa: A002 - the word the documents use
    """One of some words; with `open`, other words pass too."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, str) or not value:
            raise InvalidRequest(name, "must be a text", value)
        if not open and value not in choices:
            raise InvalidRequest(name, f"must be one of {', '.join(choices)}", value)

    return _make(default, FieldInfo(doc=doc, kind="choice", choices=choices, open=open), check)


def seconds(doc: str, minimum: int, maximum: int, *, default: Any = _UNSET) -> Any:
    """Whole seconds, which the vendor writes as text: 5 and "5" are the same."""

    def convert(name: str, value: object) -> str:
        whole = isinstance(value, int) and not isinstance(value, bool)
        number = str(value) if whole else value
        if not isinstance(number, str) or not number.isdecimal() or not minimum <= int(number) <= maximum:
            raise InvalidRequest(name, f"must be whole seconds between {minimum} and {maximum}", value)
        return str(int(number))

    return _make(default, FieldInfo(doc=doc, kind="seconds", minimum=minimum, maximum=maximum), None, convert)


def picture(doc: str, *, limits: PictureLimits = _PICTURE, default: Any = _UNSET) -> Any:
    """A picture: http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def convert(_: str, value: object) -> object:
        return bare(value) if isinstance(value, str) else value

    def check(name: str, value: object) -> None:
        if not isinstance(value, str | bytes | Path):
            raise InvalidRequest(name, "must be a URL or Base64 text, bytes, or a pathlib.Path", value)
        check_picture(name, value, limits)

    return _make(default, FieldInfo(doc=doc, kind="picture"), check, convert)


def nested(doc: str, item: type, *, default: Any = _UNSET) -> Any:
    """An object of its own, or a mapping with its fields."""

    def convert(name: str, value: object) -> object:
        return _nested(name, item, value)

    def check(name: str, value: object) -> None:
        if not isinstance(value, item):
            raise InvalidRequest(name, f"must be a {item.__name__} or a mapping with its fields", value)

    return _make(default, FieldInfo(doc=doc, kind="object", item=item), check, convert)


def sequence(doc: str, item: type, *, minimum: int = 0, maximum: int | None = None, default: Any = _UNSET) -> Any:
    """A list of objects, or of mappings with their fields. An empty one counts as not given where none is needed."""

    def convert(name: str, value: Any) -> object:
        given: object = value
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise InvalidRequest(name, f"must be a list of {item.__name__}", given)
        items = tuple(_nested(f"{name}[{at}]", item, each) for at, each in enumerate(cast("Iterable[object]", value)))
        return items if items or default is _UNSET else None

    def check(name: str, value: tuple[object, ...]) -> None:
        for at, each in enumerate(value):
            if not isinstance(each, item):
                raise InvalidRequest(f"{name}[{at}]", f"must be a {item.__name__} or a mapping with its fields", each)
        if len(value) < minimum or (maximum is not None and len(value) > maximum):
            raise InvalidRequest(name, f"must have {minimum} to {maximum} items, has {len(value)}", value)

    about = FieldInfo(doc=doc, kind="objects", item=item, minimum=minimum, max_length=maximum)
    return _make(default, about, check, convert)


def _nested(name: str, item: type, value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    try:
        return item(**cast("Mapping[str, Any]", value))
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


class Checked:
    """What request classes and their parts share: unknown names, missing fields and broken rules are found at once."""

    __slots__ = ()

    if not TYPE_CHECKING:  # type checkers read the fields; this only adds words to what Python would say

        def __init__(self, **given: object) -> None:
            known = {field.name: field for field in attrs.fields(type(self))}
            for name, value in given.items():
                if name not in known:
                    raise InvalidRequest(name, _unknown(name, known), value)
            for name, field in known.items():
                if field.default is attrs.NOTHING and name not in given:
                    raise InvalidRequest(name, "is required", None)
            self.__attrs_init__(**given)

    def __attrs_post_init__(self) -> None:
        for field, rule, met in self.rules():
            if not met:
                raise InvalidRequest(field, rule, getattr(self, field.partition(".")[0]))

    def rules(self) -> Iterable[Rule]:
        """The rules that span several fields."""
        return ()

    def __repr__(self) -> str:
        given = (
            (field.name, getattr(self, field.name))
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
        )
        return f"{type(self).__name__}({', '.join(f'{name}={shown(value)}' for name, value in given if value)})"


def _unknown(name: str, known: Iterable[str]) -> str:
    if name == "model" and "model_name" in known:
        # The vendor takes this key without an error and runs its default model, which is never what was meant.
        return "is called model_name; the vendor accepts this old name and silently runs its default model"
    return f"is not a field of this request; it has {', '.join(known)} (extra={{...}} passes others unchecked)"


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


@frozen
class TaskRequest(Checked):
    """Fields that every call that makes a task takes."""

    callback_url: str | None = url("Where the vendor posts every change of status.", default=None)
    external_task_id: str | None = text(
        "Your own id, unique within the account; the task can be found by it. One is made if you give none.",
        default=None,
    )
    extra: Mapping[str, object] = attrs.field(
        factory=dict[str, object], validator=attrs.validators.deep_mapping(attrs.validators.instance_of(str))
    )
    """Merged into the body unchecked, last: for fields the vendor added after us."""


Watermark: TypeAlias = WatermarkInfo | Mapping[str, bool]
Elements: TypeAlias = Sequence[ElementRef | Mapping[str, Any]]
Voices: TypeAlias = Sequence[VoiceRef | Mapping[str, Any]]
