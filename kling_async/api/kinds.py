"""The kinds of fields of a request, each with its limits. What is none of them is refused with `InvalidRequest`.

A field states its limits once; they are checked here, shown by the command line, and walked by the contract tests.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import Any, Final, cast

import attrs

from ..errors import InvalidRequest
from ..media.inputs import (
    MediaInput,
    PictureLimits,
    SoundLimits,
    bare,
    check_picture,
    check_sound,
    check_url,
    check_video,
)
from ..models.wire import SENT_AS
from ..protocol.codec import encodable
from .about import FIELD, FieldInfo

_UNSET: Final = attrs.NOTHING
_PICTURE: Final = PictureLimits()
_EARLIEST: Final = 10**11
"""Milliseconds since 1970. Numbers below it (March 1973) are somebody's seconds."""
_LONGEST_ID: Final = 10**20


def _make(default: object, about: FieldInfo, *, sent_as: str | None = None) -> Any:
    metadata: dict[str, object] = {FIELD: about}
    return attrs.field(default=default, metadata={**metadata, SENT_AS: sent_as} if sent_as else metadata)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(name, "must be a text", value)
    if not (value.isascii() or encodable(value)):
        raise InvalidRequest(name, "must be a text that UTF-8 can write", value)
    return value


def _words(name: str, value: object) -> str:
    given = _text(name, value)
    if not given:
        raise InvalidRequest(name, "must not be empty", value)
    return given


def text(doc: str, *, max_length: int | None = None, default: Any = _UNSET) -> Any:
    """A text, counted in code points."""

    def read(name: str, value: object) -> object:
        given = _words(name, value)
        if max_length is not None and len(given) > max_length:
            raise InvalidRequest(name, f"must have at most {max_length} characters, has {len(given)}", value)
        return given

    return _make(default, FieldInfo(doc, "text", read, max_length=max_length))


def identifier(doc: str, *, default: Any = _UNSET) -> Any:
    """An id, which is text; a number is taken as its digits, for that is how some lists tell it."""

    def read(name: str, value: object) -> object:
        number = None if isinstance(value, str) else _whole(value)
        if number is None:
            return _words(name, value)
        if not 0 <= number < _LONGEST_ID:
            raise InvalidRequest(name, "must be an id, which has at most 20 digits where it is a number", value)
        return str(number)

    return _make(default, FieldInfo(doc, "text", read))


def texts(doc: str, *, default: Any = _UNSET) -> Any:
    """A list of texts; neither may be empty."""

    def read(name: str, value: object) -> object:
        items = tuple(_words(f"{name}[{at}]", each) for at, each in enumerate(_items(name, value, "texts")))
        if not items:
            raise InvalidRequest(name, "must not be empty", value)
        return items

    return _make(default, FieldInfo(doc, "texts", read))


def url(doc: str, *, default: Any = _UNSET) -> Any:
    """An address the vendor will call."""

    def read(name: str, value: object) -> object:
        given = _text(name, value)
        check_url(name, given)
        return given

    return _make(default, FieldInfo(doc, "url", read))


def number(doc: str, minimum: float | None = None, maximum: float | None = None, *, default: Any = _UNSET) -> Any:
    """A number between two limits, if there are any; both allowed."""

    def read(name: str, value: object) -> object:
        number = _number(value)
        if number is None:
            raise InvalidRequest(name, "must be a number", value)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise InvalidRequest(name, f"must be {_between(minimum, maximum)}", value)
        return number

    return _make(default, FieldInfo(doc, "number", read, minimum=minimum, maximum=maximum))


def integer(
    doc: str,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    words: tuple[str, ...] = (),
    sent_as: str | None = None,
    default: Any = _UNSET,
) -> Any:
    """A whole number between two limits, if there are any, or one of some words. Decimal text is read as a number."""

    def read(name: str, value: object) -> object:
        if isinstance(value, str) and value in words:
            return value
        number = _whole(value)
        rule = " or ".join(["a whole number", *words])
        if number is None:
            raise InvalidRequest(name, f"must be {rule}", value)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise InvalidRequest(name, " or ".join([f"must be {_between(minimum, maximum)}", *words]), value)
        return number

    about = FieldInfo(doc, "integer", read, minimum=minimum, maximum=maximum, choices=words)
    return _make(default, about, sent_as=sent_as)


def _between(minimum: float | None, maximum: float | None) -> str:
    if minimum is None or maximum is None:
        return f"at least {minimum:g}" if minimum is not None else f"at most {maximum:g}"
    return f"between {minimum:.15g} and {maximum:.15g}" if maximum < 10**15 else f"between {minimum} and {maximum}"


def moment(doc: str, *, kw_only: bool = True, default: Any = _UNSET) -> Any:
    """A point in time since 1970: an aware `datetime`, or Unix milliseconds, which is what is sent."""

    def read(name: str, value: object) -> object:
        if isinstance(value, datetime):
            if value.utcoffset() is None:
                raise InvalidRequest(name, "must be a datetime with a time zone, or Unix milliseconds", value)
            number, least = round(value.timestamp() * 1000), 0
        else:
            whole = _whole(value)
            if whole is None:
                raise InvalidRequest(name, "must be a datetime with a time zone, or Unix milliseconds", value)
            number, least = whole, _EARLIEST
        if number < 0:
            raise InvalidRequest(name, "must not be before 1970", value)
        if number < least:
            raise InvalidRequest(name, "must be in milliseconds since 1970, this looks like seconds", value)
        return number

    return _make(default, FieldInfo(doc, "moment", read, minimum=_EARLIEST, positional=not kw_only))


def _whole(value: object) -> int | None:
    """A whole number, also as decimal text, or as an object that stands for one, as tables have them; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        # Longer text than any number of the vendor's is none: Python refuses to read it past 4,300 digits.
        return int(value) if value.isdecimal() and len(value) <= 20 else None
    try:
        return operator.index(cast("Any", value))
    except TypeError:
        return None


def _number(value: object) -> float | None:
    """A finite number, of this language or another's tables; else None."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    whole = _whole(value)
    return (number if whole is None else whole) if math.isfinite(number) else None


def switch(doc: str, *, default: Any = _UNSET) -> Any:
    """True or false."""

    def read(name: str, value: object) -> object:
        if not isinstance(value, bool):
            raise InvalidRequest(name, "must be true or false", value)
        return value

    return _make(default, FieldInfo(doc, "switch", read))


def choice(doc: str, *choices: str, open: bool = False, default: Any = _UNSET) -> Any:  # noqa: A002 - the word the documents use
    """One of some words; with `open`, other words pass too."""

    def read(name: str, value: object) -> object:
        if _text(name, value) not in choices and not open:
            raise InvalidRequest(name, f"must be one of {', '.join(choices)}", value)
        return value

    return _make(default, FieldInfo(doc, "choice", read, choices=choices, open=open))


def seconds(doc: str, minimum: int = 1, maximum: int = 60, *, only: tuple[int, ...] = (), default: Any = _UNSET) -> Any:
    """Whole seconds, which the vendor writes as text: 5 and "5" are the same. With *only*, just these."""
    least, most = (only[0], only[-1]) if only else (minimum, maximum)
    rule = " or ".join(map(str, only)) + " seconds" if only else f"whole seconds between {minimum} and {maximum}"

    def read(name: str, value: object) -> object:
        number = _whole(value)
        if number is None or not (number in only if only else least <= number <= most):
            raise InvalidRequest(name, f"must be {rule}", value)
        return str(number)

    about = FieldInfo(doc, "seconds", read, minimum=least, maximum=most, choices=tuple(map(str, only)))
    return _make(default, about)


def picture(doc: str, *, limits: PictureLimits = _PICTURE, default: Any = _UNSET) -> Any:
    """A picture: http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def read(name: str, value: object) -> object:
        return check_picture(name, _media(name, value), limits)

    return _make(default, FieldInfo(doc, "picture", read))


def _media(name: str, value: object) -> MediaInput:
    if not isinstance(value, str | bytes | Path):
        raise InvalidRequest(name, "must be a URL or Base64 text, bytes, or a pathlib.Path", value)
    return bare(value)


def pictures(doc: str, *, minimum: int, maximum: int, default: Any = _UNSET) -> Any:
    """A list of pictures, each as `picture` takes it."""

    def read(name: str, value: object) -> object:
        items = list(_items(name, value, "pictures"))
        if not items and default is not _UNSET:
            return None
        _counted(name, items, minimum, maximum)
        places = (f"{name}[{at}]" for at in range(len(items)))
        return tuple(
            check_picture(place, _media(place, each), _PICTURE) for place, each in zip(places, items, strict=True)
        )

    return _make(default, FieldInfo(doc, "pictures", read, minimum=minimum, max_length=maximum))


def sound(doc: str, *, default: Any = _UNSET) -> Any:
    """A recording (mp3, wav, m4a, aac): http(s) URL, `data:` URI or bare Base64; bytes; or a local file as `Path`."""

    def read(name: str, value: object) -> object:
        return check_sound(name, _media(name, value), SoundLimits())

    return _make(default, FieldInfo(doc, "sound", read))


def video(doc: str, *, what: str = "videos", default: Any = _UNSET) -> Any:
    """A video as http(s) URL, or *what* else the vendor takes in no other form."""

    def read(name: str, value: object) -> object:
        if not isinstance(value, str | bytes | Path):
            raise InvalidRequest(name, "must be an http(s) URL", value)
        check_video(name, value, what)
        return value

    return _make(default, FieldInfo(doc, "video", read))


def nested(doc: str, item: type, *, default: Any = _UNSET) -> Any:
    """An object of its own, or a mapping with its fields. An empty mapping counts as not given where none is needed."""

    def read(name: str, value: object) -> object:
        left_out = default is not _UNSET and value == {}
        return None if left_out else _nested(name, item, value)

    return _make(default, FieldInfo(doc, "object", read, item=item))


def sequence(doc: str, item: type, *, minimum: int = 0, maximum: int | None = None, default: Any = _UNSET) -> Any:
    """A list of objects, or of mappings with their fields. An empty one counts as not given where none is needed."""

    def read(name: str, value: object) -> object:
        given = _items(name, value, item.__name__)
        items = tuple(_nested(f"{name}[{at}]", item, each) for at, each in enumerate(given))
        if not items and default is not _UNSET:
            return None
        _counted(name, items, minimum, maximum)
        return items

    return _make(default, FieldInfo(doc, "objects", read, item=item, minimum=minimum, max_length=maximum))


def _items(name: str, value: object, what: str) -> Iterable[object]:
    given = value  # which no type checker narrows to something half known
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidRequest(name, f"must be a list of {what}", given)
    return cast("Iterable[object]", value)


def _counted(name: str, items: Collection[object], minimum: int, maximum: int | None) -> None:
    if minimum <= len(items) and (maximum is None or len(items) <= maximum):
        return
    if maximum is None:
        rule = f"at least {minimum}"
    else:
        rule = f"exactly {minimum}" if minimum == maximum else f"{minimum} to {maximum}"
    raise InvalidRequest(name, f"must have {rule} items, has {len(items)}", items)


def _nested(name: str, item: type, value: Any) -> object:
    given: Any = value
    if isinstance(value, item):
        return given
    if not isinstance(value, Mapping):
        raise InvalidRequest(name, f"must be a {item.__name__} or a mapping with its fields", given)
    if not all(isinstance(key, str) for key in given):
        raise InvalidRequest(name, "must have the names of fields as keys", given)
    try:
        return item(**given)
    except InvalidRequest as error:
        inner = error
    raise InvalidRequest(f"{name}.{inner.field}", inner.rule or "is not valid", inner.value)
