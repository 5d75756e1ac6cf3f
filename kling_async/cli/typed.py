"""What was typed as values of request classes: texts become paths, moments and objects. Nothing is checked twice.

A local file may stand wherever a picture or a sound may, inside of JSON too, where a program would pass a `Path`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ..api import FieldInfo
from ..api.texts import known, meant
from ..errors import InvalidRequest
from .options import option


def values(request: type, given: Mapping[str, object]) -> dict[str, object]:
    """Arguments for the request class, from what the parser read. Raises `InvalidRequest` naming the option."""
    abouts = known(request)
    return {
        name: _typed(option(name), abouts[name], value)
        for name, value in given.items()
        if name in abouts and value is not None
    }


def _typed(name: str, about: FieldInfo | None, given: object) -> object:
    if about is None:
        return _object(name, given)
    if about.kind == "object":
        return meant(name, about, _object(name, given))
    if about.kind == "objects" and isinstance(given, str):
        return meant(name, about, _json(name, given))
    return meant(name, about, given)


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
