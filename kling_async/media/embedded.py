"""Local files and bytes that stand in a body where their Base64 text will be, read when they are sent and not before.

A file is sent as it was when its request was made, or not at all: one that changes is an `InvalidRequest`, raised
before its last piece is given away.
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Generator
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

from ..errors import InvalidRequest
from .local import Mark, MarkedPath, marked, open_file

PIECE: Final = 72 * 1024
"""Bytes encoded at once: a multiple of three, 0.1 ms of work, and a result that malloc does not ask the kernel for."""
BLOCK: Final = 5 * PIECE
"""Bytes read at once."""


def _first_mark(embedded: Embedded) -> Mark | None:
    if isinstance(embedded.source, bytes):
        return None
    path = marked(embedded.source)
    return path.mark if isinstance(path, MarkedPath) else None  # told when it is sent, with the field's name


@attrs.frozen
class Embedded:
    """A file that becomes Base64 text inside a JSON body."""

    source: bytes | Path = attrs.field(
        repr=lambda source: f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
    )
    mark: Mark | None = attrs.field(
        default=attrs.Factory(_first_mark, takes_self=True), init=False, eq=False, repr=False
    )
    """How the file was when its request was made; None for bytes, and for what could not be looked at."""

    def length(self, field: str) -> int:
        """Characters of the Base64 text. `InvalidRequest` if the file could not be looked at. Blocks only then."""
        if isinstance(self.source, bytes):
            return _text_length(len(self.source))
        if self.mark is not None:
            return _text_length(self.mark.size)
        with open_file(field, self.source):  # says why it cannot be read
            raise InvalidRequest(field, "must be there when the request is made, and came later", self.source)

    def blocks(self, field: str) -> Generator[memoryview, None, None]:
        """
        The content in blocks, all but the last of which are multiples of `PIECE`; can be asked for again.

        Blocking where it is a file; then a block is good until the next but one is asked for. `InvalidRequest` if the
        file changed.
        """
        if isinstance(self.source, bytes):
            yield memoryview(self.source)
            return
        with open_file(field, self.source) as file:
            try:
                yield from self._read(field, file, self.source)
            except OSError as error:
                trouble = error.strerror
            else:
                return
        raise InvalidRequest(field, f"must be a file that can be read ({trouble})", self.source)

    def _read(self, field: str, file: FileIO, path: Path) -> Generator[memoryview, None, None]:
        left = self._unchanged(field, file, path)
        rooms = [memoryview(bytearray(min(BLOCK, left))) for _ in range(2)]
        while left:
            rooms.reverse()  # one is still in use
            wanted = rooms[0][: min(BLOCK, left)]
            filled = _filled(file, wanted)
            left -= filled
            if filled < len(wanted):
                raise _changed(field, path, f"it ended {left:,} bytes early")
            if not left:
                # Before the last block is out of hand, so that a body with a broken file in it is never whole.
                self._unchanged(field, file, path)
            yield wanted

    def _unchanged(self, field: str, file: FileIO, path: Path) -> int:
        now = Mark.of(os.fstat(file.fileno()))
        change = self.mark.change(now) if self.mark else "there was none"
        if change:
            raise _changed(field, path, change)
        return now.size


def _text_length(size: int) -> int:
    return -(-size // 3) * 4


def _changed(field: str, path: Path, change: str) -> InvalidRequest:
    return InvalidRequest(field, f"must be left as it is until the request is sent ({change})", path)


def _plain_encoded(piece: memoryview) -> bytes:
    return binascii.b2a_base64(piece, newline=False)


_encoded: Callable[[memoryview], bytes]
try:  # the extra `speed`; the standard library does the same at a tenth of the pace
    import pybase64
except ImportError:
    _encoded = _plain_encoded
else:
    _encoded = pybase64.b64encode


def encoded(piece: memoryview) -> bytes:
    """Base64 text of a piece, which is a multiple of three bytes or the last."""
    return _encoded(piece)


def _filled(file: FileIO, room: memoryview) -> int:
    """How many bytes could be put in; all there is room for, unless the file ends."""
    filled = 0
    while filled < len(room) and (more := file.readinto(room[filled:])):
        filled += more
    return filled
