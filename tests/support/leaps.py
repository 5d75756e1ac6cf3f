"""Makes looptime's clock look twice before it leaps, in tests with sockets.

Bytes on their way between two ends of this process are not seen by a selector until the kernel has handed them over,
which on a busy machine can take longer than the moment that looptime spins before it moves the clock: a time-out would
pass in the middle of an exchange. So before a leap the process rests for a moment of real time, which lets the kernel
at the CPU and ends at once if something comes. Loops without sockets and short leaps are left as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

QUIET: Final = 0.025
"""Seconds of real time in which nothing may come before the clock leaps: many times what a scheduler takes."""
SHORT: Final = 1.0
"""Seconds on the clock of the loop that do no harm if they pass too early."""


def look_before_leaping(loop: asyncio.AbstractEventLoop) -> None:
    """Teach a loop that looptime has patched already."""
    clocked: Any = loop
    selector = clocked._selector
    wait: Callable[[Any, float], list[Any]] = selector.__class__.select
    leap: Callable[[float | None], list[Any]] = selector.select
    quiet = False

    def select(timeout: float | None) -> list[Any]:
        nonlocal quiet
        # Besides the pair by which threads wake the loop there are sockets.
        far = timeout is not None and timeout > SHORT and clocked.looptime_on and len(selector.get_map()) > 1
        if far and not quiet:
            quiet = not wait(selector, QUIET)
        before = loop.time()
        found = leap(timeout)  # which finds again what has come meanwhile
        quiet = quiet and far and not found and loop.time() == before
        return found

    selector.select = select
