"""
What comes in as Base64: pictures and sounds, read from their first bytes, and a bounded store of pictures.

Refuses a picture that is neither PNG nor JPEG, and a sound that is not MP3, WAV, M4A or AAC. Never opens an address,
and needs no imaging library.
"""

from __future__ import annotations

import binascii
import hashlib
from collections import OrderedDict
from typing import Final

import attrs

from .refusals import Refusal

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
MAX_BYTES: Final = 10 * 1024 * 1024
MIN_SIDE: Final = 300
RATIOS: Final = (1 / 2.5, 2.5)
# Markers of a frame header, which tells the size: all of C0..CF that are not tables or arithmetic settings.
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

# What a sound begins with, and where: mp3 with a tag, wav, m4a. A frame of mp3 or aac begins with a sync word.
SOUNDS: Final = (
    (0, b"ID3"),
    (8, b"WAVE"),
    (4, b"ftypM4A"),
    (4, b"ftypmp4"),
    (4, b"ftypisom"),
    (4, b"ftypdash"),
    (0, b"ADIF"),
)
MAX_SOUND_BYTES: Final = 5 * 1024 * 1024

NOT_A_SOUND: Final = "Audio format is invalid, only mp3, wav, m4a and aac are supported"
NOT_BASE64: Final = "File is not in a valid base64 format"


@attrs.frozen
class Picture:
    """A picture that came with a request, without its bytes."""

    kind: str
    width: int
    height: int
    size: int
    sha256: str


@attrs.frozen
class PictureField:
    """A field that takes a picture, and the late check of its pixels."""

    place: str
    """``a.b`` is the field ``b`` of the object ``a``, ``a[]`` every entry of the array ``a``."""
    any_ratio: bool = attrs.field(default=False, kw_only=True)
    most_side: int | None = attrs.field(default=None, kw_only=True)

    def allows(self, picture: Picture) -> bool:
        """Whether sides and ratio are within the limits."""
        least, most = RATIOS
        ratio_ok = self.any_ratio or least <= picture.width / picture.height <= most
        not_too_large = self.most_side is None or max(picture.width, picture.height) <= self.most_side
        return min(picture.width, picture.height) >= MIN_SIDE and not_too_large and ratio_ok


def is_address(text: str) -> bool:
    """Whether a value is a link, which the emulator believes and never opens."""
    return text[:8].lower().startswith(("http://", "https://"))


def read_picture(text: str) -> tuple[Picture, bytes]:
    """The picture in a Base64 text, and its bytes; refused with 1201 if it is none."""
    content = _decoded(text, MAX_BYTES, "10MB")
    kind, size = ("png", _png_size(content)) if content.startswith(PNG) else ("jpeg", _jpeg_size(content))
    if size is None or 0 in size:
        raise Refusal(1201, NOT_BASE64)
    return Picture(kind, *size, len(content), hashlib.sha256(content).hexdigest()), content


def read_sound(text: str) -> str:
    """The digest of the sound in a Base64 text: mp3, wav, m4a or aac; refused with 1201 if it is none."""
    content = _decoded(text, MAX_SOUND_BYTES, "5MB")
    if not any(content[place : place + len(magic)] == magic for place, magic in SOUNDS) and not _is_frame(content):
        raise Refusal(1201, NOT_A_SOUND)
    return hashlib.sha256(content).hexdigest()


def _decoded(text: str, most: int, told: str) -> bytes:
    try:
        content = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Refusal(1201, NOT_BASE64) from error
    if len(content) > most:
        raise Refusal(1201, f"File size exceeds the limit of {told}")
    return content


def _is_frame(content: bytes) -> bool:
    """Whether the bytes begin with the sync word of an MPEG audio frame (mp3) or an ADTS frame (aac)."""
    return len(content) >= 2 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0


def _png_size(content: bytes) -> tuple[int, int] | None:
    if len(content) < 24 or content[12:16] != b"IHDR":
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    place = 2 if content.startswith(JPEG) else len(content)
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in FRAMES:
            return int.from_bytes(content[place + 7 : place + 9]), int.from_bytes(content[place + 5 : place + 7])
        # 0xFF fills the gap before a marker; every other segment tells its own length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4])
    return None


class PictureStore:
    """The bytes of recent input pictures, the oldest dropped first: an emulator may be sent thousands."""

    def __init__(self, capacity: int = 64 * 1024 * 1024) -> None:
        self._capacity = capacity
        self._held = 0
        self._contents: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, picture: Picture, content: bytes) -> None:
        """Remember the bytes for as long as there is room."""
        if picture.sha256 in self._contents:
            self._contents.move_to_end(picture.sha256)
            return
        self._contents[picture.sha256] = content
        self._held += len(content)
        while self._held > self._capacity:
            _, dropped = self._contents.popitem(last=False)
            self._held -= len(dropped)

    def content(self, picture: Picture) -> bytes | None:
        """The bytes, if they are still here."""
        return self._contents.get(picture.sha256)
