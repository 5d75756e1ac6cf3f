"""Cells of flat rows, in which all may be text, as what fields hold: as the command line reads it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from ..api import FieldInfo
from ..errors import InvalidRequest

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "on"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "off"})
_JSON: Final = frozenset({"object", "objects"})
_PLAIN: Final = frozenset({str, int, bool, bytes, type(None)})
_DIGITS: Final = 20  # of a whole number; a decimal with more is as good as a fraction
_MISSING: Final = frozenset({"NAType", "NaTType"})
"""What pandas has for nothing."""
_WHOLE: Final = frozenset({"integer", "seconds"})


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
    return _json(name, text) if kind in _JSON else value


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


def plain(given: object) -> Any:
    """A value of a table as Python has it: arrays as lists, numbers as numbers, and None for what is missing."""
    value: Any = given
    kind: Any = value.__class__
    if kind in _PLAIN:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        inner = ((name, plain(each)) for name, each in cast("Mapping[object, object]", value).items())
        return {name: each for name, each in inner if each is not None}
    if isinstance(value, list | tuple):
        return [plain(each) for each in cast("list[object]", value)]
    if kind.__name__ in _MISSING:
        return None
    if isinstance(value, Decimal):
        return _of_decimal(value)
    if kind is bytearray or kind is memoryview:
        return bytes(value)
    listed = getattr(value, "tolist", None)  # of numpy's arrays and scalars
    return value if listed is None else plain(listed())


def _of_decimal(value: Decimal) -> object:
    if value.is_nan():
        return None
    short = value.is_finite() and value.adjusted() < _DIGITS
    return int(value) if short and value == value.to_integral_value() else float(value)
