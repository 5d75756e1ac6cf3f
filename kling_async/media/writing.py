"""Bytes on their way to the disk without stopping the event loop: one batch in a thread, the next one collected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from ..errors import Unwritable
from .threads import landed

BATCH: Final = 1024 * 1024
"""Bytes handed to the disk at once."""


@attrs.define(eq=False)
class Writer:
    """Collects pieces and hands them to a thread, one batch at a time, while the next one is collected."""

    write: Callable[[list[bytes]], asyncio.Future[None]]
    path: Path
    _flying: asyncio.Future[None] | None = None
    """What the thread is at."""
    _batch: list[bytes] = attrs.field(factory=list[bytes], init=False)
    _held: int = attrs.field(default=0, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A download that is cancelled waits for the batch in the thread, and for no other.
        if (kind is None or issubclass(kind, Exception)) and self._batch:
            await self._hand_over()
        await self._land()

    async def put(self, piece: bytes) -> bool:
        """Take a piece; True if that made a batch full."""
        self._batch.append(piece)
        self._held += len(piece)
        if self._held < BATCH:
            return False
        await self._hand_over()
        return True

    async def _hand_over(self) -> None:
        batch, self._batch, self._held = self._batch, [], 0
        await self._land()
        self._flying = self.write(batch)

    async def _land(self) -> None:
        flying, self._flying = self._flying, None
        if flying is None:
            return
        try:
            await landed(flying)
        except OSError as error:
            failure = unwritable(self.path, error)
        else:
            return
        raise failure


def unwritable(path: Path, error: OSError) -> Unwritable:
    """What a file system refused, in words."""
    return Unwritable(f"{path} cannot be written: {error.strerror}")
