"""What is known about a request field besides its type, and how that reads in a line. Checks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import attrs

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

FIELD: Final = "kling"
"""Under which a field's metadata holds its `FieldInfo`."""

_EXTRA: Final = "Merged into the body unchecked, last: for fields the vendor added after us."
_FORMS: Final[Mapping[FieldKind, str]] = {
    "url": "an http(s) URL",
    "switch": "true or false",
    "picture": "a URL, Base64 text, bytes or a Path",
    "pictures": "each a URL, Base64 text, bytes or a Path",
    "sound": "a URL, Base64 text, bytes or a Path",
    "video": "an http(s) URL",
}
"""What a field takes, where its limits do not say."""


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
    positional: bool = False
    """Whether it may be given without its name."""


def info(field: attrs.Attribute[Any]) -> FieldInfo | None:
    """The `FieldInfo` of a request field; None for `extra`."""
    return cast("FieldInfo | None", field.metadata.get(FIELD))


def line(field: attrs.Attribute[Any]) -> str:
    """A field in a line: its name, whether it is required, its limits, what it is for."""
    about = info(field)
    notes = ["required" if field.default is attrs.NOTHING else "optional", *(_notes(about) if about else ())]
    return f"{field.name} ({'; '.join(notes)}): {about.doc if about else _EXTRA}"


def _notes(about: FieldInfo) -> Iterator[str]:
    if about.kind in _FORMS:
        yield _FORMS[about.kind]
    if about.item is not None:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", about.item))
        yield f"{about.item.__name__}({', '.join(field.name for field in fields)})"
    if about.max_length is not None and about.kind != "text":
        yield _count(about)
    if about.choices:
        yield f"{'for instance ' if about.open else ''}{' or '.join(about.choices)}"
    yield from limits(about)


def limits(about: FieldInfo) -> Iterator[str]:
    """How long a text may be, and from where to where a number goes; nothing for other kinds."""
    if about.kind == "text" and about.max_length is not None:
        yield f"at most {about.max_length} characters"
    if about.kind in {"number", "integer", "seconds"} and not (about.kind == "seconds" and about.choices):
        yield from _range(about.minimum, about.maximum)


def _count(about: FieldInfo) -> str:
    least, most = int(about.minimum or 0), about.max_length
    if most == 1:
        return "one item"
    if least == most:
        return f"{most} items"
    return f"{least} to {most} items" if least > 1 else f"at most {most} items"


def _range(minimum: float | None, maximum: float | None) -> Iterator[str]:
    if minimum is not None and maximum is not None:
        yield f"{_figure(minimum)} to {_figure(maximum)}"
    elif minimum is not None:
        yield f"at least {_figure(minimum)}"
    elif maximum is not None:
        yield f"at most {_figure(maximum)}"


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
