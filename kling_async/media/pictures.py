"""Pictures on their way in: type by the first bytes, size, sides and ratio by the header, without an image library."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..errors import InvalidRequest
from .forms import MediaInput, Peek, check_url, content, hint, is_url

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_BARE_MARKERS: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # carry no length
_END_MARKERS: Final = frozenset({0x00, 0xD9, 0xDA})  # pixels begin, or nothing follows
_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # carry the sides
_MOST_MARKERS: Final = 1000  # before the sides; a picture has some dozens, and the loop must not wait for millions


class PictureLimits(NamedTuple):
    """What the vendor asks of a picture."""

    max_bytes: int = 10_000_000
    """Of the file, not of its Base64 text; the documents say 10 MB, this is the safe reading."""
    min_side: int = 300
    min_ratio: float = 0.4
    """Width to height."""
    max_ratio: float = 2.5
    max_side: int | None = None


def check_picture(field: str, value: MediaInput, limits: PictureLimits) -> MediaInput:
    """
    Return what is to be sent: the value, a path with the mark of the file that was looked at.

    Raises `InvalidRequest` for whatever can be seen to be refused by the vendor.
    """
    if isinstance(value, str) and is_url(value):
        check_url(field, value)
        return value
    with content(field, value) as (size, peek, kept):
        if not peek(0, 8).startswith((_PNG, _JPEG)):
            told = "told by its first bytes" if size else "and this is empty"
            raise InvalidRequest(field, f"must be a PNG or JPEG, {told}{hint(value)}", value)
        if size > limits.max_bytes:
            raise InvalidRequest(field, f"must have at most {limits.max_bytes:,} bytes, has {size:,}", value)
        measured = sides(peek)
    if measured is None or 0 in measured:
        raise InvalidRequest(field, "must be a complete PNG or JPEG, this one has no readable header", value)
    _check_sides(field, value, limits, *measured)
    return kept


def _check_sides(field: str, value: MediaInput, limits: PictureLimits, width: int, height: int) -> None:
    if min(width, height) < limits.min_side:
        rule = f"must have sides of at least {limits.min_side} pixels, has {width}x{height}"
    elif limits.max_side is not None and max(width, height) > limits.max_side:
        rule = f"must have sides of at most {limits.max_side} pixels, has {width}x{height}"
    elif not limits.min_ratio <= width / height <= limits.max_ratio:
        rule = f"must be between {_ratio(limits.min_ratio)} and {_ratio(limits.max_ratio)}, is {width}x{height}"
    else:
        return
    raise InvalidRequest(field, rule, value)


def _ratio(value: float) -> str:
    return f"1:{1 / value:g}" if 0 < value < 1 else f"{value:g}:1"


def sides(peek: Peek) -> tuple[int, int] | None:
    """Width and height from the header of a PNG or JPEG; None where it holds none."""
    head = peek(0, 24)
    if head.startswith(_PNG):
        whole = len(head) == 24 and head[12:16] == b"IHDR"
        return (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) if whole else None
    if not head.startswith(_JPEG):
        return None
    at = 2
    for _ in range(_MOST_MARKERS):
        segment = peek(at, 9)
        if len(segment) < 2 or segment[0] != 0xFF or segment[1] in _END_MARKERS:
            return None
        if segment[1] == 0xFF:  # a fill byte before the marker
            at += 1
        elif segment[1] in _BARE_MARKERS:
            at += 2
        elif len(segment) < 4 or (length := int.from_bytes(segment[2:4])) < 2:
            return None
        elif segment[1] in _FRAME_MARKERS:
            return (int.from_bytes(segment[7:9]), int.from_bytes(segment[5:7])) if len(segment) == 9 else None
        else:
            at += 2 + length
    return None
