"""Pictures on their way in: an address, Base64 text, bytes, or a local file.

What the vendor would refuse is refused here first: the type by its first bytes, the size, the sides and the ratio by
the header, without an image library. A string is never taken for the name of a file; that takes a `Path`.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit

import attrs

from ..errors import InvalidRequest

MediaInput: TypeAlias = str | bytes | Path
"""An http(s) URL, a `data:` URI or bare Base64; the content; or a local file."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_DATA_URI = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})  # carry no length
_END_MARKERS = frozenset({0x00, 0xD9, 0xDA})  # pixels begin, or nothing follows
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # carry the sides


@attrs.frozen
class Embedded:
    """A file that becomes Base64 text inside a JSON body when the request is sent, not before."""

    source: bytes | Path = attrs.field(
        repr=lambda source: f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
    )

    def text(self) -> str:
        """The Base64 text. Reads the file; call it off the loop. `InvalidRequest` if it has gone since."""
        if isinstance(self.source, bytes):
            return base64.b64encode(self.source).decode("ascii")
        try:
            return base64.b64encode(self.source.read_bytes()).decode("ascii")
        except OSError as error:
            trouble = error.strerror or type(error).__name__
        raise InvalidRequest("file", f"could be read before, and cannot any more ({trouble})", self.source)


def embeds(body: object) -> bool:
    """Whether any local file waits in a body."""
    if isinstance(body, Mapping):
        return any(embeds(value) for value in cast("Mapping[str, object]", body).values())
    if isinstance(body, list):
        return any(embeds(value) for value in cast("list[object]", body))
    return isinstance(body, Embedded)


def filled(body: object) -> object:
    """The body with every local file replaced by its text. Reads files; call it off the loop."""
    if isinstance(body, Mapping):
        return {name: filled(value) for name, value in cast("Mapping[str, object]", body).items()}
    if isinstance(body, list):
        return [filled(value) for value in cast("list[object]", body)]
    return body.text() if isinstance(body, Embedded) else body


class PictureLimits(NamedTuple):
    """What the vendor asks of a picture."""

    max_bytes: int = 10_000_000
    """Of the file, not of its Base64 text; the documents say 10 MB, this is the safe reading."""
    min_side: int = 300
    min_ratio: float = 0.4
    """Width to height."""
    max_ratio: float = 2.5


def bare(value: MediaInput) -> MediaInput:
    """Take a `data:` prefix and line breaks off Base64 text, which the vendor takes without either."""
    if not isinstance(value, str) or _is_url(value):
        return value
    prefix = _DATA_URI.match(value)
    return "".join(value[prefix.end() if prefix else 0 :].split())


def check_picture(field: str, value: MediaInput, limits: PictureLimits) -> None:
    """Raise `InvalidRequest` for whatever can be seen to be refused by the vendor."""
    if isinstance(value, str):
        if _is_url(value):
            _check_url(field, value)
        else:
            _check_base64(field, value, limits)
    elif isinstance(value, bytes):
        _check_content(field, io.BytesIO(value), len(value), value, limits)
    else:
        try:
            about = value.stat()
            if not stat.S_ISREG(about.st_mode):
                raise InvalidRequest(field, "must be a file, not a directory or a device", value)
            with value.open("rb") as file:
                _check_content(field, file, about.st_size, value, limits)
        except InvalidRequest:
            raise
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            trouble = getattr(error, "strerror", None) or str(error)
        else:
            return
        raise InvalidRequest(field, f"must be a file that can be read ({trouble})", value)


def sides(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height from the header of a PNG or JPEG; None where it holds none."""
    head = file.read(24)
    if head.startswith(_PNG):
        whole = len(head) == 24 and head[12:16] == b"IHDR"
        return (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) if whole else None
    if not head.startswith(_JPEG):
        return None
    file.seek(2)
    while True:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in _END_MARKERS:
            return None
        if marker[1] == 0xFF:  # a fill byte before the marker
            file.seek(-1, io.SEEK_CUR)
        elif marker[1] not in _BARE_MARKERS:
            segment = file.read(2)
            if len(segment) < 2 or (length := int.from_bytes(segment)) < 2:
                return None
            if marker[1] in _FRAME_MARKERS:
                frame = file.read(5)
                return (int.from_bytes(frame[3:5]), int.from_bytes(frame[1:3])) if len(frame) == 5 else None
            file.seek(length - 2, io.SEEK_CUR)


def _is_url(value: str) -> bool:
    return value[:8].lower().startswith(("http://", "https://"))


def _check_url(field: str, value: str) -> None:
    try:
        host = urlsplit(value).hostname
    except ValueError:
        host = None
    if not host or any(character.isspace() or "\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRequest(field, "must be a complete http(s) URL", value)


def _check_base64(field: str, value: str, limits: PictureLimits) -> None:
    if not _BASE64.fullmatch(value):
        rule = "must be an http(s) URL or Base64 text; a local file is passed as pathlib.Path"
        raise InvalidRequest(field, rule, value)
    try:
        content = base64.b64decode(value, validate=True)
    except binascii.Error:
        content = b""
    if not content:
        raise InvalidRequest(field, "must be complete Base64 text, its length a multiple of four", value)
    _check_content(field, io.BytesIO(content), len(content), value, limits)


def _check_content(field: str, file: BinaryIO, size: int, value: MediaInput, limits: PictureLimits) -> None:
    start = file.read(8)
    file.seek(0)
    if not start.startswith((_PNG, _JPEG)):
        raise InvalidRequest(field, "must be a PNG or JPEG, told by its first bytes", value)
    if size > limits.max_bytes:
        raise InvalidRequest(field, f"must have at most {limits.max_bytes:,} bytes, has {size:,}", value)
    measured = sides(file)
    if measured is None or 0 in measured:
        raise InvalidRequest(field, "must be a complete PNG or JPEG, this one has no readable header", value)
    width, height = measured
    if min(width, height) < limits.min_side:
        raise InvalidRequest(
            field, f"must have sides of at least {limits.min_side} pixels, has {width}x{height}", value
        )
    if not limits.min_ratio <= width / height <= limits.max_ratio:
        raise InvalidRequest(field, f"must be between 1:2.5 and 2.5:1, is {width}x{height}", value)
