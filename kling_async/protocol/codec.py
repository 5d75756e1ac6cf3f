"""attrs <-> JSON. Tolerant of what the vendor sends, exact in what it is sent.

Null and the empty string count as missing, as they do with the vendor; unknown keys are left alone; numbers written as
text become numbers. Requests are sent with the fields that were set and no others, so that defaults stay the vendor's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from ..errors import ResponseError
from ..media.inputs import Embedded
from .call import Body, Json

T = TypeVar("T")

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _plain_dumps(value: object) -> bytes:
    return _encode(value).encode()


_loads: Callable[[bytes], Any]
_dumps: Callable[[object], bytes]
try:  # the extra `speed`; the standard library does the same without it
    import orjson
except ImportError:
    _loads, _dumps = json.loads, _plain_dumps
else:
    _loads, _dumps = orjson.loads, orjson.dumps


def loads(text: bytes) -> Json:
    """Decode JSON; raises `ValueError`."""
    return cast("Json", _loads(text))


def dumps(value: object) -> bytes:
    """Encode JSON compactly, as UTF-8."""
    return _dumps(value)


def dump(request: object) -> dict[str, Body]:
    """The body of a request: the fields that were set, then `extra` as it is."""
    body = cast("dict[str, Body]", _requests.unstructure(request))
    return {**body, **cast("Mapping[str, Body]", body.pop("extra", {}))}


def load(kind: type[T], data: object) -> T:
    """Build *kind* from decoded JSON, or raise `ResponseError` naming what is missing or odd."""
    try:
        return _results.structure(data, kind)
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        trouble = f"{kind.__name__}: {type(error).__name__} {error}"
    raise ResponseError(f"the answer does not fit its documented shape ({trouble})")


def moment(value: object) -> datetime | None:
    """Unix milliseconds as an aware datetime; anything else is None, because no task is worth losing for its date."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def decimal(value: object) -> Decimal | None:
    """Decimal text (or a number) as a Decimal; missing, empty and unreadable are None."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _known(value: object) -> bool:
    return value is not None and value != ""


def _structure_attrs(kind: type[T]) -> Callable[[object, type[T]], T]:
    build = make_dict_structure_fn(kind, _results, _cattrs_detailed_validation=False)

    def structure(data: object, _: type[T]) -> T:
        if not isinstance(data, Mapping):
            raise TypeError(f"expected an object, got {type(data).__name__}")
        given = cast("Mapping[str, object]", data)
        return build({name: value for name, value in given.items() if _known(value)}, kind)

    return structure


def _structure_decimal(value: object, _: type[Decimal]) -> Decimal:
    return Decimal(str(value))


def _unstructure_request(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    return make_dict_unstructure_fn(kind, _requests, _cattrs_omit_if_default=True)


_results = Converter(detailed_validation=False)
_results.register_structure_hook_factory(attrs.has, _structure_attrs)
_results.register_structure_hook(Decimal, _structure_decimal)

_requests = Converter()
_requests.register_unstructure_hook_factory(attrs.has, _unstructure_request)
_requests.register_unstructure_hook(Path, Embedded)
_requests.register_unstructure_hook(bytes, Embedded)
_requests.register_unstructure_hook(Decimal, float)
