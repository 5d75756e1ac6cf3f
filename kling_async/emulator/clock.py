"""
The emulator's own time: it begins at the wall clock and goes on with the loop's time.

So a test that lets the loop jump an hour sees tasks an hour older, and nothing here ever sleeps. It begins when it is
first asked for, and anew when the loop's clock is set back, as it may be between a fixture and its test.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import attrs


@attrs.frozen
class Beginning:
    """The same moment on the three clocks involved."""

    wall: float
    loop: float
    monotonic: float


class LoopClock:
    """Seconds since 1970 as the tasks know them."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._began: Beginning | None = None
        self.when_set_back: Callable[[], object] = lambda: None
        """Called when the loop's clock was found set back: what waits for a moment of it would wait too long."""

    def now(self) -> float:
        """The time that tasks and files live by."""
        began = self._beginning()
        return began.wall + (self._loop.time() - began.loop)

    def date(self) -> float:
        """
        The time for the ``Date`` header: the wall clock plus what the loop has jumped ahead.

        It follows a wall clock that is set anew, because clients correct their tokens by it; it follows the loop,
        because clients compare it with ``created_at``.
        """
        began = self._beginning()
        jumped = (self._loop.time() - began.loop) - (time.monotonic() - began.monotonic)
        return self._wall() + jumped

    def _beginning(self) -> Beginning:
        if self._began is not None and self._loop.time() >= self._began.loop:
            return self._began
        is_back = self._began is not None
        self._began = Beginning(self._wall(), self._loop.time(), time.monotonic())
        if is_back:
            self.when_set_back()
        return self._began


def milliseconds(seconds: float) -> int:
    """A time as the API writes it."""
    return int(seconds * 1000)
