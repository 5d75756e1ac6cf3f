"""attrs <-> JSON. Tolerant of what the vendor sends, exact in what it is sent.

Null and whatever is empty count as missing; unknown keys are left alone; numbers written as text
become numbers. What does not fit is read a second time, part by part, so that one odd value costs itself and no more:
what was made is paid. Requests are sent with the fields that were set and no others: defaults stay the vendor's.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ..errors import InvalidRequest, ResponseError
from ..media.inputs import Embedded
from ..models.wire import SENT_AS, TELLING
from ..wording import shown
from .call import Body, Json

T = TypeVar("T")

log: Final = logging.getLogger("kling_async.protocol")

_ODD: Final = (KeyError, ValueError, TypeError, ArithmeticError)
"""What reading raises where an answer does not fit."""
_LONGEST, _LARGEST = 100, 30
"""Characters of a number, and the power of ten, beyond which it is none: neither units nor ids come near."""
_NAMED = 5
"""Odd places that a warning names."""
_TOO_LATE = 253_402_300_800_000  # the year 10000, which no datetime reaches

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
        return bytes(memoryview(_dumps(value)))  # a copy of just its size: orjson hands out its whole buffer
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


def load(kind: type[T], data: object, whose: str = "an answer") -> T:
    """
    Build *kind* from decoded JSON. What is odd in it is left out, with a warning that says where, and *whose* it was.

    Raises `ResponseError` for what is no object, or lacks what nothing can stand for.
    """
    try:
        return _results.structure(data, kind)
    except _ODD:
        odd = list[str]()
    try:
        kept = cast("T", _object(kind, data, "", odd))
    except _ODD as error:
        trouble = f"{kind.__name__}: {type(error).__name__} {shown(str(error))}"
    else:
        if odd:
            more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
            log.warning("%s is not as documented, and was read without %s%s", whose, ", ".join(odd[:_NAMED]), more)
        return kept
    raise ResponseError(f"the answer does not fit its documented shape ({trouble})")


def load_each(read: Callable[[Json], T], rows: Sequence[Json], whose: str) -> tuple[T, ...]:
    """The rows that can be read; others are left out, with a warning. `ResponseError` if not one is even an object."""
    found = list[T]()
    trouble: ResponseError | None = None
    for row in rows:
        try:
            found.append(read(row))
        except ResponseError as error:
            trouble = error
    if trouble is None:
        return tuple(found)
    if not any(isinstance(row, dict) for row in rows):
        raise trouble
    log.warning("%d of %d rows of %s cannot be read, and were left out", len(rows) - len(found), len(rows), whose)
    return tuple(found)


def encodable(text: str) -> bool:
    """Whether UTF-8 can write a text; it cannot where half of a surrogate pair stands alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def milliseconds(value: object) -> int | None:
    """A Unix time in milliseconds; anything else is None, because no task is worth losing for its date."""
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, int | str | float):
            return None
        try:
            value = int(value)
        except (ValueError, OverflowError):
            return None
    return value if 0 <= value < _TOO_LATE else None


def decimal(value: object) -> Decimal | None:
    """Decimal text (or a number) as a Decimal; missing, empty and unreadable are None."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        text = value if type(value) is str else str(value)
        if len(text) > _LONGEST:
            return None
        number = Decimal(text)
    except (InvalidOperation, ValueError):
        return None
    # A few bytes can name a number whose digits take seconds to write out.
    return number if number.is_finite() and -_LARGEST <= number.adjusted() <= _LARGEST else None


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


def _renamed(kind: type[Any]) -> dict[str, Any]:
    """What fields are called on the wire, where our name differs."""
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", kind))
    return {field.name: override(rename=field.metadata[SENT_AS]) for field in fields if SENT_AS in field.metadata}


def _telling(kind: type[Any]) -> tuple[str, ...]:
    """Fields of which one must be there, because an object without them says nothing."""
    return tuple(field.name for field in attrs.fields(kind) if field.metadata.get(TELLING))


def _structure_attrs(kind: type[T]) -> Callable[[object, type[T]], T]:
    build = make_dict_structure_fn(kind, _results, _cattrs_detailed_validation=False, **_renamed(kind))
    telling = _telling(kind)

    def structure(data: object, _: type[T]) -> T:
        if not isinstance(data, dict):
            raise TypeError(f"expected an object, got {type(data).__name__}")
        given = cast("dict[str, object]", data)
        if not all(given.values()):
            given = _filled(given)
        if telling and not any(name in given for name in telling):
            raise KeyError(telling[0])
        return build(given, kind)

    return structure


def _filled(given: Mapping[str, object]) -> dict[str, object]:
    """What is empty is missing; zero and false are not."""
    return {name: value for name, value in given.items() if value or value == 0}


def _structure_tuple(kind: type[tuple[T, ...]]) -> Callable[[object, type[tuple[T, ...]]], tuple[T, ...]]:
    # cattrs looks the item's hook up for every item; list pages have many.
    item = cast("type[T]", get_args(kind)[0])
    build = _results.get_structure_hook(item)

    def structure(data: object, _: type[tuple[T, ...]]) -> tuple[T, ...]:
        if not data:
            return ()  # however the vendor writes "none"
        if not isinstance(data, list):
            raise TypeError(f"expected a list, got {type(data).__name__}")
        return tuple([build(each, item) for each in cast("list[object]", data)])

    return structure


def _is_tuple(kind: object) -> bool:
    origin: object = get_origin(kind)
    return origin is tuple


def _structure_text(value: object, _: type[str]) -> str:
    if type(value) is str:
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return str(value)


def _structure_number(value: object, _: type[float]) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None  # as for whatever cannot be read: no result is worth losing for a length
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _structure_whole(value: object, _: type[int]) -> int:
    if type(value) is int:
        return value
    number = decimal(value)
    if number is None or number != number.to_integral_value():
        raise ValueError(f"expected a whole number, got {value!r}")
    return int(number)


def _structure_switch(value: object, _: type[bool]) -> bool:
    known = value.lower() if isinstance(value, str) else value
    if known in (True, "true", "yes", "on"):  # the words that requests have for it, too
        return True
    if known in (False, "false", "no", "off"):
        return False
    raise ValueError(f"expected true or false, got {value!r}")


def _lenient(strict: Callable[[object, type[T]], T], kind: type[T]) -> Callable[[object, object], T | None]:
    """What may be missing may also be odd: no result is worth losing for a number beside it."""

    def structure(value: object, _: object) -> T | None:
        try:
            return strict(value, kind)
        except ValueError:
            return None

    return structure


# The second way, for an answer with something odd in it. Slow, which matters little: it is rare.


def _object(kind: Any, data: object, at: str, odd: list[str]) -> object:
    """An object in which whatever may be missing may be odd; an array of one object is that object."""
    if isinstance(data, list):
        items = cast("list[object]", data)
        if len(items) != 1:
            raise TypeError(f"expected an object, got {len(items)} items")
        data = items[0]
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, got {type(data).__name__}")
    given = _filled(cast("dict[str, object]", data))
    read = dict[str, object]()
    for field in attrs.fields(attrs.resolve_types(kind)):
        name = field.metadata.get(SENT_AS, field.name)
        if name not in given:
            continue
        place = f"{at}.{name}" if at else name
        try:
            read[field.name] = _value(field.type, given[name], place, odd)
        except _ODD:
            if field.default is attrs.NOTHING:
                raise
            odd.append(place)
            if field.type is int and (near := _rounded(given[name])) is not None:
                read[field.name] = near
    telling = _telling(kind)
    if telling and not any(name in read for name in telling):
        raise KeyError(telling[0])
    return kind(**read)


def _value(kind: Any, value: object, at: str, odd: list[str]) -> object:
    """A field's value: single ones as ever, objects and lists of objects with whatever is odd in them left out."""
    inner = next((each for each in get_args(kind) if attrs.has(each)), kind)
    if _is_tuple(kind) and attrs.has(inner):
        return _list(inner, value, at, odd)
    return _object(inner, value, at, odd) if attrs.has(inner) else _results.structure(value, kind)


def _list(item: Any, value: object, at: str, odd: list[str]) -> tuple[object, ...]:
    """A list without the items that say nothing; an object is a list of one, as some documents of 2025 have it."""
    if isinstance(value, dict):
        value = [cast("object", value)]
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    found = list[object]()
    for number, each in enumerate(cast("list[object]", value)):
        place = f"{at}[{number}]"
        try:
            found.append(_object(item, each, place, odd))
        except _ODD:
            odd.append(place)
    return tuple(found)


def _rounded(value: object) -> int | None:
    """The whole number next to a fraction: a moment in a clip is still one."""
    number = decimal(value)
    return None if number is None else int(number.to_integral_value(ROUND_HALF_EVEN))


def _structure_decimal(value: object, _: type[Decimal]) -> Decimal | None:
    return decimal(value)


def _unstructure_request(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    return make_dict_unstructure_fn(kind, _requests, _cattrs_omit_if_default=True, **_renamed(kind))


_results = Converter(detailed_validation=False)
_results.register_structure_hook_factory(attrs.has, _structure_attrs)
_results.register_structure_hook_factory(_is_tuple, _structure_tuple)
_results.register_structure_hook(str, _structure_text)
_results.register_structure_hook(float, _structure_number)
_results.register_structure_hook(int, _structure_whole)
_results.register_structure_hook(bool, _structure_switch)
_results.register_structure_hook(cast("Any", int | None), _lenient(_structure_whole, int))
_results.register_structure_hook(cast("Any", bool | None), _lenient(_structure_switch, bool))
_results.register_structure_hook(Decimal, _structure_decimal)

_requests = Converter()
_requests.register_unstructure_hook_factory(attrs.has, _unstructure_request)
_requests.register_unstructure_hook(Path, Embedded)
_requests.register_unstructure_hook(bytes, Embedded)
_requests.register_unstructure_hook(Decimal, float)
