"""
The emulator's own time: it begins at the wall clock and goes on with the loop's time.

So a test that lets the loop jump an hour sees tasks an hour older, and nothing here ever sleeps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class LoopClock:
    """Seconds since 1970 as the tasks know them."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._monotonic_zero = time.monotonic()
        self._epoch = wall()

    def now(self) -> float:
        """The time that tasks and files live by."""
        return self._epoch + (self._loop.time() - self._zero)

    def date(self) -> float:
        """
        The time for the ``Date`` header: the wall clock plus what the loop has jumped ahead.

        It follows a wall clock that is set anew, because clients correct their tokens by it; it follows the loop,
        because clients compare it with ``created_at``.
        """
        jumped = (self._loop.time() - self._zero) - (time.monotonic() - self._monotonic_zero)
        return self._wall() + jumped


def milliseconds(seconds: float) -> int:
    """A time as the API writes it."""
    return int(seconds * 1000)
