"""Files that cost nothing to draw, in the place of an emulator's own: for tests of how they are fetched, not seen."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Final

from kling_async.emulator import Emulator
from kling_async.emulator.media import Rendering, Studio, Work

_HEADS: Final = {
    ".png": (b"\x89PNG\r\n\x1a\n", "image/png"),
    ".mp4": (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    ".mp3": (b"ID3", "audio/mpeg"),
}
_LEAST, _MOST = 30_000, 300_000


def content(name: str) -> bytes:
    """The bytes of a file, which its name decides: the first ones of its kind, then noise."""
    chance = Random(name)
    return _HEADS[name[-4:]][0] + chance.randbytes(chance.randint(_LEAST, _MOST))


class Noise(Studio):
    """Makes files of noise, of which some cannot be had at the first asking."""

    def __init__(self, *, trouble: float = 0.0, seed: int = 0) -> None:
        super().__init__(form="png", source=lambda _: None)
        self._trouble = trouble
        self._chance = Random(seed)

    async def rendering(self, name: str, work: Work) -> Rendering:
        """The file; or an error of the file host's, by chance."""
        del work
        if self._chance.random() < self._trouble:
            raise RuntimeError("the file host has a bad moment")
        made = content(name)
        return Rendering(made, _HEADS[name[-4:]][1], f'"{hashlib.sha256(made).hexdigest()[:32]}"')


def quick(emulator: Emulator, *, trouble: float = 0.0, seed: int = 0) -> None:
    """Let a running emulator serve noise; `trouble` is the share of requests for files that end in HTTP 500."""
    emulator._running().studio = Noise(trouble=trouble, seed=seed)
