"""Files on their way in: what may be given, what is checked of it, and what waits in a body until it is sent."""

from .embedded import PIECE, Embedded, encoded
from .forms import MediaInput, bare, check_url
from .local import marked, named
from .pictures import PictureLimits, check_picture, sides
from .sounds import SoundLimits, check_sound
from .videos import check_video

__all__ = [
    "PIECE",
    "Embedded",
    "MediaInput",
    "PictureLimits",
    "SoundLimits",
    "bare",
    "check_picture",
    "check_sound",
    "check_url",
    "check_video",
    "encoded",
    "marked",
    "named",
    "sides",
]
