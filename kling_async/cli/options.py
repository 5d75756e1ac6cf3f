"""Request classes as options, and options as values of request classes. Knows kinds of fields, and no endpoint.

What a field may hold is checked by the request class; here a text only becomes a value of the right kind.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

import attrs
from cyclopts import Parameter

from ..api import FieldInfo, info
from ..errors import InvalidRequest
from .common import REQUEST

POSITIONAL: Final = "prompt"
"""The one field that needs no option name."""

_TYPES: Final[Mapping[str, type]] = {
    "number": float,
    "integer": int,
    "seconds": int,
    "switch": bool,
}
"""Kinds that are not texts on the command line."""


_METAVARS: Final[Mapping[str, str]] = {
    "text": "TEXT",
    "url": "URL",
    "picture": "PICTURE",
    "object": "JSON",
    "objects": "JSON",
    "seconds": "SECONDS",
}


def parameters(request: type) -> Iterator[inspect.Parameter]:
    """The parameters of a command that makes this request; the prompt first, if there is one."""
    fields = sorted(_fields(request), key=lambda field: field.name != POSITIONAL)
    for field in fields:
        required = field.default is attrs.NOTHING
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD if field.name == POSITIONAL else inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if required else None,
            annotation=_annotation(field, required=required),
        )


def values(request: type, given: Mapping[str, object]) -> dict[str, object]:
    """Arguments for the request class, from what the parser read. Raises `InvalidRequest` naming the option."""
    abouts = {field.name: info(field) for field in _fields(request)}
    return {
        name: _value(name, abouts[name], value) for name, value in given.items() if name in abouts and value is not None
    }


def option(name: str) -> str:
    """How a field is called on the command line."""
    return f"--{name.replace('_', '-')}"


def _fields(request: type) -> tuple[attrs.Attribute[Any], ...]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cast("type[attrs.AttrsInstance]", request))
    return fields


def _annotation(field: attrs.Attribute[Any], *, required: bool) -> object:
    about = info(field)
    kind: Any = _TYPES.get(about.kind, str) if about else str
    if about and about.choices and not about.open:
        kind = cast("Any", Literal)[about.choices]
    shape = kind if required else kind | None
    names = [option(field.name), *([f"-{field.name}"] if len(field.name) == 1 else [])]
    metavar = _METAVARS.get(about.kind if about else "object")
    return Annotated[shape, Parameter(name=names, help=_help(about), group=REQUEST, metavar=metavar)]


def _help(about: FieldInfo | None) -> str:
    if about is None:
        return "JSON object merged into the body unchecked, or @FILE: for fields the vendor added after us."
    return " ".join([about.doc, *(f"[{note}]" for note in _notes(about))])


def _notes(about: FieldInfo) -> Iterator[str]:
    if about.kind == "picture":
        yield "a file, a URL, or Base64 text"
    if about.kind == "object":
        yield "JSON, or @FILE"
    elif about.kind == "objects":
        most = f" of at most {about.max_length}" if about.max_length else ""
        yield f"JSON list{most}, or @FILE"
    elif about.max_length is not None:
        yield f"at most {about.max_length} characters"
    elif about.maximum is not None:
        yield f"{about.minimum:g} to {about.maximum:g}"
    if about.open and about.choices:
        yield f"known: {', '.join(about.choices)}"


def _value(name: str, about: FieldInfo | None, given: object) -> object:
    convert = _CONVERT.get(about.kind if about else "object")
    return convert(name, given) if convert and isinstance(given, str) else given


def _picture(name: str, text: str) -> object:
    """A local file as `Path`, anything else as it is; the client refuses to take a text for a file."""
    del name
    if text[:5].lower() in ("http:", "https", "data:"):
        return text
    try:
        exists = Path(text).is_file()
    except (OSError, ValueError):
        return text  # Base64 text is longer than any name of a file
    # Base64 has no dot, so this is the name of a file that is not there, and is to be refused as one.
    return Path(text) if exists or "." in text else text


def _json(name: str, text: str) -> object:
    """JSON, or what the file after an @ holds."""
    source = text
    if text.startswith("@"):
        try:
            source = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            trouble = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise InvalidRequest(option(name), f"the file after @ cannot be read ({trouble})", text) from None
    try:
        return json.loads(source)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(option(name), f"must be JSON, or @FILE with JSON in it ({error})", text) from None


def _extra(name: str, text: str) -> object:
    read = _json(name, text)
    if not isinstance(read, dict):
        raise InvalidRequest(option(name), "must be a JSON object", text)
    return cast("dict[str, object]", read)


_CONVERT: Final[Mapping[str, Callable[[str, str], object]]] = {
    "picture": _picture,
    "object": _extra,
    "objects": _json,
}
