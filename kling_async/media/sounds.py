"""Sounds on their way in, told by their first bytes."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ..errors import InvalidRequest
from .forms import MediaInput, check_url, content, hint, is_url

_SOUND: Final = re.compile(
    rb"""
      ID3                               # mp3 with tags before it
    | \xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]   # mp3: frame sync with a version and a layer
    | \xff[\xf0\xf1\xf8\xf9]            # aac: ADTS, which has layer 0
    | RIFF....WAVE                      # wav
    | ....ftyp                          # m4a
    """,
    re.VERBOSE | re.DOTALL,
)


class SoundLimits(NamedTuple):
    """What the vendor asks of a sound."""

    max_bytes: int = 5_000_000
    """Of the file; the documents say 5 MB, this is the safe reading."""


def check_sound(field: str, value: MediaInput, limits: SoundLimits) -> MediaInput:
    """
    Return what is to be sent: the value, a path with the mark of the file that was looked at.

    Raises `InvalidRequest` for whatever can be seen to be refused by the vendor, but for how long it plays.
    """
    if isinstance(value, str) and is_url(value):
        check_url(field, value)
        return value
    with content(field, value) as (size, peek, kept):
        if not _SOUND.match(peek(0, 12)):
            told = "told by its first bytes" if size else "and this is empty"
            raise InvalidRequest(field, f"must be an MP3, WAV, M4A or AAC, {told}{hint(value)}", value)
        if size > limits.max_bytes:
            raise InvalidRequest(field, f"must have at most {limits.max_bytes:,} bytes, has {size:,}", value)
    return kept
