"""How fast bytes come. A host that sends one now and then never falls silent, and would never end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import attrs

SPAN: Final = 60.0
"""Seconds over which is averaged."""
LEAST: Final = 1024
"""Bytes a second below which nobody sends who means to come to an end: a picture would take hours."""


def _clock() -> Callable[[], float]:
    return asyncio.get_running_loop().time


@attrs.define(eq=False)
class Pace:
    """Bytes by the clock of the loop, from the moment it is made."""

    _clock: Callable[[], float] = attrs.field(factory=_clock)
    _since: float = attrs.field(init=False)
    _came: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what was, for instance a wait of our own making."""
        self._since, self._came = self._clock(), 0

    def lags(self, came: int) -> bool:
        """Count bytes that came; whether those of the last span were too few."""
        self._came += came
        seconds = self._clock() - self._since
        if seconds < SPAN:
            return False
        slow = self._came < LEAST * seconds
        self.restart()
        return slow
