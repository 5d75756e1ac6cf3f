"""What was typed as values of request classes: texts become paths, moments and objects. Nothing is checked twice.

A local file may stand wherever a picture or a sound may, inside of JSON too, where a program would pass a `Path`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from ..api import FieldInfo, info
from ..errors import InvalidRequest
from .options import fields, option

_LONGEST_NAME: Final = 255  # of a file, on all systems; hardly any picture's Base64 text is as short


def values(request: type, given: Mapping[str, object]) -> dict[str, object]:
    """Arguments for the request class, from what the parser read. Raises `InvalidRequest` naming the option."""
    abouts = {field.name: info(field) for field in fields(request)}
    return {
        name: _typed(option(name), abouts[name], value)
        for name, value in given.items()
        if name in abouts and value is not None
    }


def _typed(name: str, about: FieldInfo | None, given: object) -> object:
    if about is None:
        return _object(name, given)
    if about.kind == "object":
        return _filled(name, about, _object(name, given))
    if about.kind == "objects":
        return _filled(name, about, _json(name, given) if isinstance(given, str) else given)
    return _inner(name, about, given)


def _filled(name: str, about: FieldInfo, given: object) -> object:
    """Objects with the texts in them made into what their fields hold; what is of another shape stays for the check."""
    match given:
        case list():
            return [_filled(name, about, each) for each in cast("list[object]", given)]
        case dict() if about.item is not None:
            return _parts(name, about.item, cast("dict[str, object]", given))
        case _:
            return given


def _parts(name: str, item: type, given: Mapping[str, object]) -> dict[str, object]:
    known = {field.name: info(field) for field in fields(item)}
    return {
        key: value if (about := known.get(key)) is None else _inner(f"{name} {key}", about, value)
        for key, value in given.items()
    }


def _inner(name: str, about: FieldInfo, given: object) -> object:
    if about.kind in ("object", "objects"):
        return _filled(name, about, given)
    convert = _CONVERT.get(about.kind)
    if convert is None:
        return given
    if isinstance(given, list):
        return [convert(name, about, each) if isinstance(each, str) else each for each in cast("list[object]", given)]
    return convert(name, about, given) if isinstance(given, str) else given


def _file(_name: str, _about: FieldInfo, text: str) -> object:
    """A local file as `Path`, anything else as it is; the client refuses to take a text for a file."""
    if text[:5].lower() in ("http:", "https", "data:"):
        return text
    try:
        exists = Path(text).is_file()
    except (OSError, ValueError):
        return text  # Base64 text is longer than any name of a file
    # Base64 has no dot and is long, so this is the name of a file that is not there, and is to be refused as one.
    return Path(text) if exists or "." in text or len(text) <= _LONGEST_NAME else text


def _moment(name: str, about: FieldInfo, text: str) -> object:
    rule = "must be a date or time such as 2026-03-28 or 2026-03-28T12:00+08:00, or Unix milliseconds (13 digits)"
    if text.isdecimal():
        # Less than the least is somebody's seconds, or a date without its hyphens.
        if len(text) > 15 or int(text) < (about.minimum or 0):
            raise InvalidRequest(name, rule, text)
        return int(text)
    try:
        return datetime.fromisoformat(text).astimezone()  # which takes a time without a zone for a local one
    except (ValueError, OverflowError):
        raise InvalidRequest(name, rule, text) from None


def _json(name: str, text: str) -> object:
    """JSON, or what the file after an @ holds."""
    source = text
    if text.startswith("@"):
        try:
            source = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            trouble = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise InvalidRequest(name, f"the file after @ cannot be read ({trouble})", text) from None
    try:
        return json.loads(source)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(name, f"must be JSON, or @FILE with JSON in it ({error})", text) from None


def _object(name: str, given: object) -> dict[str, object]:
    read = _json(name, given) if isinstance(given, str) else given
    if not isinstance(read, dict):
        raise InvalidRequest(name, "must be a JSON object", given)
    return cast("dict[str, object]", read)


_CONVERT: Final[Mapping[str, Callable[[str, FieldInfo, str], Any]]] = {
    "picture": _file,
    "pictures": _file,
    "sound": _file,
    "moment": _moment,
}
"""Kinds that are typed as text and hold something else."""
