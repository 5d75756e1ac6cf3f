"""attrs <-> JSON. Tolerant of what the vendor sends, exact in what it is sent.

Null and the empty string count as missing, as they do with the vendor; unknown keys are left alone; numbers written as
text become numbers. Requests are sent with the fields that were set and no others, so that defaults stay the vendor's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from ..errors import InvalidRequest, ResponseError
from ..media.inputs import Embedded
from .call import Body, Json

T = TypeVar("T")

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _plain_dumps(value: object) -> bytes:
    return _encode(value).encode("utf-8", "surrogatepass")  # as json.loads reads it back


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


def _plain_loads(text: bytes) -> Any:
    return _decode(text.decode("utf-8-sig"))


_loads: Callable[[bytes], Any]
_dumps: Callable[[object], bytes]
try:  # the extra `speed`; the standard library does the same without it
    import orjson
except ImportError:
    _loads, _dumps = _plain_loads, _plain_dumps
else:
    _loads, _dumps = orjson.loads, orjson.dumps


def loads(text: bytes) -> Json:
    """Decode JSON; raises `ValueError`, or `RecursionError` for what is nested without end."""
    try:
        return cast("Json", _loads(text))
    except ValueError:
        return cast("Json", _plain_loads(text))  # takes what only one of the two would


def dumps(value: object) -> bytes:
    """Encode JSON compactly, as UTF-8."""
    try:
        return _dumps(value)
    except (TypeError, RecursionError):
        return _plain_dumps(value)  # takes numbers and depths that orjson does not


def dump(request: object) -> dict[str, Body]:
    """The body of a request: the fields that were set, then `extra` as it is. `InvalidRequest` if that is not JSON."""
    body = cast("dict[str, Body]", _requests.unstructure(request))
    extra = body.pop("extra", None)
    for name, value in extra.items() if isinstance(extra, dict) else ():
        plain = cast("Body", _requests.unstructure(value))
        if not _sendable(plain):
            raise InvalidRequest(f"extra.{name}", "must be made of what JSON can write", value)
        body[name] = plain
    return body


def load(kind: type[T], data: object) -> T:
    """Build *kind* from decoded JSON, or raise `ResponseError` naming what is missing or odd."""
    try:
        return _results.structure(data, kind)
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        trouble = f"{kind.__name__}: {type(error).__name__} {error}"
    raise ResponseError(f"the answer does not fit its documented shape ({trouble})")


def encodable(text: str) -> bool:
    """Whether UTF-8 can write a text; it cannot where half of a surrogate pair stands alone."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def moment(value: object) -> datetime | None:
    """Unix milliseconds as an aware datetime; anything else is None, because no task is worth losing for its date."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def decimal(value: object) -> Decimal | None:
    """Decimal text (or a number) as a Decimal; missing, empty and unreadable are None."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def _sendable(value: object) -> bool:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, Mapping):
        return all(
            isinstance(key, str) and _sendable(key) and _sendable(each)
            for key, each in cast("Mapping[object, object]", value).items()
        )
    if isinstance(value, list | tuple):
        return all(_sendable(each) for each in cast("list[object]", value))
    return value is None or isinstance(value, int | Embedded) or (isinstance(value, float) and math.isfinite(value))


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


def _structure_text(value: object, _: type[str]) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return str(value)


def _structure_number(value: object, _: type[float]) -> float | None:
    number = decimal(value)  # what cannot be read is None: no result is worth losing for a length
    return None if number is None else float(number)


def _structure_decimal(value: object, _: type[Decimal]) -> Decimal | None:
    return decimal(value)


def _unstructure_request(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    return make_dict_unstructure_fn(kind, _requests, _cattrs_omit_if_default=True)


_results = Converter(detailed_validation=False)
_results.register_structure_hook_factory(attrs.has, _structure_attrs)
_results.register_structure_hook(str, _structure_text)
_results.register_structure_hook(float, _structure_number)
_results.register_structure_hook(Decimal, _structure_decimal)

_requests = Converter()
_requests.register_unstructure_hook_factory(attrs.has, _unstructure_request)
_requests.register_unstructure_hook(Path, Embedded)
_requests.register_unstructure_hook(bytes, Embedded)
_requests.register_unstructure_hook(Decimal, float)
