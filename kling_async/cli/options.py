"""Request classes as options. Knows kinds of fields, and no endpoint.

What a field may hold is checked by the request class; what is typed becomes a value in `typed`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast

import attrs
from cyclopts import Parameter

from ..api import FieldInfo, info
from ..api.about import limits
from .common import REQUEST

POSITIONAL: Final = "prompt"
"""The one field that needs no option name."""

_TYPES: Final[Mapping[str, Any]] = {
    "number": float,
    "integer": int,
    "seconds": int,
    "switch": bool,
    "texts": list[str],
    "pictures": list[str],
}
"""Kinds that are not one text on the command line."""

_METAVARS: Final[Mapping[str, str]] = {
    "text": "TEXT",
    "texts": "TEXT",
    "url": "URL",
    "video": "URL",
    "picture": "PICTURE",
    "pictures": "PICTURE",
    "sound": "SOUND",
    "object": "JSON",
    "objects": "JSON",
    "seconds": "SECONDS",
    "moment": "TIME",
}

_FORMS: Final[Mapping[str, str]] = {
    "picture": "a file, a URL, or Base64 text",
    "pictures": "a file, a URL, or Base64 text; once for each",
    "sound": "a file, a URL, or Base64 text",
    "texts": "once for each",
}
"""What is typed, where neither the name nor the words of the field tell."""


_IN_PROGRAMS: Final = "; aware, or Unix milliseconds"
"""What a field says of moments to those who make them in Python; what can be typed is told in a note."""


def parameters(request: type, filled: Mapping[str, str]) -> Iterator[inspect.Parameter]:
    """
    The parameters of a command that makes this request; the prompt first, if there is one.

    What is *filled* in where it is not given is not required; its help tells with what.
    """
    for field in sorted(fields(request), key=lambda field: field.name != POSITIONAL):
        required = field.default is attrs.NOTHING and field.name not in filled
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD if field.name == POSITIONAL else inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if required else None,
            annotation=_annotation(field, required=required, filled=filled.get(field.name)),
        )


def option(name: str) -> str:
    """How a field is called on the command line."""
    return f"--{name.replace('_', '-')}"


def fields(request: type) -> tuple[attrs.Attribute[Any], ...]:
    """The fields of a request class, or of a part of one."""
    known: tuple[attrs.Attribute[Any], ...] = attrs.fields(cast("type[attrs.AttrsInstance]", request))
    return known


def _annotation(field: attrs.Attribute[Any], *, required: bool, filled: str | None) -> object:
    about = info(field)
    shape = _shape(about) if required else _shape(about) | None
    names = [option(field.name), *([f"-{field.name}"] if len(field.name) == 1 else [])]
    metavar = _METAVARS.get(about.kind if about else "object")
    # A list cannot be emptied by an option of its own, a switch can be turned off by one.
    negative = None if about and about.kind == "switch" else ()
    text = _help(about, filled)
    return Annotated[shape, Parameter(name=names, help=text, group=REQUEST, metavar=metavar, negative=negative)]


def _shape(about: FieldInfo | None) -> Any:
    kind = _TYPES.get(about.kind, str) if about else str
    if about is None or not about.choices or about.open:
        return kind
    words = cast("Any", Literal)[about.choices]
    return kind | words if about.kind == "integer" else words


def _help(about: FieldInfo | None, filled: str | None) -> str:
    if about is None:
        return "JSON object merged into the body unchecked, or @FILE: for fields the vendor added after us."
    notes = [*_notes(about), *([f"default: {filled}"] if filled else [])]
    return " ".join([about.doc.replace(_IN_PROGRAMS, ""), *(f"[{note}]" for note in notes)])


def _notes(about: FieldInfo) -> Iterator[str]:
    if about.kind in _FORMS:
        yield _FORMS[about.kind]
    elif about.kind == "moment":
        zone = f"{datetime.now().astimezone():%Z}"
        yield f"such as 2026-03-28 or 2026-03-28T12:00, {zone} as here unless it names a zone; or Unix milliseconds"
    elif about.kind == "objects":
        yield f"list of {f'at most {about.max_length} ' if about.max_length else ''}{_parts(about)}, or @FILE"
    elif about.kind == "object":
        yield f"{_parts(about)}, or @FILE"
    else:
        yield from limits(about)
    if about.open and about.choices:
        yield f"known: {', '.join(about.choices)}"


def _parts(about: FieldInfo) -> str:
    """The keys of a JSON object; those with a question mark may be left out."""
    known = fields(about.item) if about.item else ()
    keys = (f"{each.name}{'' if each.default is attrs.NOTHING else '?'}" for each in known)
    return f"{{{', '.join(keys)}}}"
