"""What a file is: by its first bytes, which decide, and by the header it came with, which must not contradict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..models import Kind

HEAD: Final = 16
"""Bytes enough to tell every type below."""

_BYTES: Final[Mapping[Kind, tuple[tuple[str, re.Pattern[bytes]], ...]]] = {
    "image": (
        ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
        ("jpg", re.compile(rb"\xff\xd8\xff")),
        ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ),
    "video": (
        ("mov", re.compile(rb"....ftypqt  ", re.DOTALL)),
        ("mp4", re.compile(rb"....ftyp", re.DOTALL)),
        ("webm", re.compile(rb"\x1a\x45\xdf\xa3")),
    ),
    "audio": (
        ("wav", re.compile(rb"RIFF....WAVE", re.DOTALL)),
        ("m4a", re.compile(rb"....ftyp", re.DOTALL)),
        ("aac", re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")),
        ("mp3", re.compile(rb"ID3|\xff[\xe2-\xff]")),
    ),
}
"""Extension by first bytes. Neither the link's name nor the header of the answer is believed."""

_HEADERS: Final[Mapping[Kind, re.Pattern[str]]] = {
    "image": re.compile(r"image/.+"),
    "video": re.compile(r"video/.+|application/mp4"),
    "audio": re.compile(r"audio/.+|(?:video|application)/mp4"),
}
_VAGUE: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-octet-stream"})
"""Types that hosts give to whatever they do not know."""


def extension(kind: Kind, head: bytes) -> str | None:
    """The extension for a file that begins so; None if it is not of this kind."""
    return next((name for name, pattern in _BYTES[kind] if pattern.match(head)), None)


def contradicts(kind: Kind, content_type: str) -> bool:
    """Whether a Content-Type says that a file is of another kind."""
    plain = content_type.partition(";")[0].strip().lower()
    return plain not in _VAGUE and not _HEADERS[kind].fullmatch(plain)
