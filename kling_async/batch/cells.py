"""Cells of flat rows, in which all may be text, as what fields hold: as the command line reads it."""

from __future__ import annotations

import json
from typing import Final

from ..api import FieldInfo
from ..errors import InvalidRequest

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "on"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "off"})
_LISTS: Final = frozenset({"texts", "pictures"})
_JSON: Final = frozenset({"object", "objects"})
_WHOLE: Final = frozenset({"integer", "seconds", "moment"})


def cell(name: str, about: FieldInfo | None, value: object) -> object:
    """What a cell holds. Raises `InvalidRequest`; what is of the right type already stays for the check."""
    kind = "object" if about is None else about.kind  # None is `extra`
    if isinstance(value, float) and kind in _WHOLE and value.is_integer():
        return int(value)  # columns of whole numbers become others where a cell is empty
    if not isinstance(value, str):
        return value
    text = value.strip()
    if kind == "number":
        return _number(text, value)
    if kind == "switch" and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    if kind in _WHOLE:
        return text
    if (kind in _JSON and text) or (kind in _LISTS and text.startswith("[")):
        return _json(name, text)
    return [value] if kind in _LISTS and text else value


def _number(text: str, value: str) -> object:
    try:
        return int(text) if text.removeprefix("-").isdecimal() else float(text)
    except ValueError:
        return value


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        said = "it is nested without end" if isinstance(error, RecursionError) else error
        raise InvalidRequest(name, f"must be JSON ({said})", text) from None
