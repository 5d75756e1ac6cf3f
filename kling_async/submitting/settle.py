"""Was a task made by a create whose answer was lost? Asks by its external id until that is certain, or given up.

A task may stay hidden for a while after it was made, so that "there is none" proves nothing before that while, the
settle window, is over. A question that fails proves nothing at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeAlias, TypeVar

import attrs

from ..errors import ClientClosed
from ..transport.engine import asked_pause

T = TypeVar("T")

Find: TypeAlias = Callable[[], Awaitable[T | None]]
"""Asks once for the task with the external id; None where the vendor says that there is none, else it raises."""

PATIENCE: Final = 120.0
"""Seconds after the window for which questions may fail, or a task that is said to exist stay hidden."""
_MOMENTS: Final = (1.0, 2.0, 4.0, 8.0)
_EVERY: Final = 15.0
_INSTANT: Final = 1e-3
"""Seconds by which a timer may be early; a moment so near has come, or it would be asked for again and again."""


@attrs.frozen(kw_only=True)
class Settled(Generic[T]):
    """What is known in the end. Neither found nor absent: nothing."""

    found: T | None = None
    absent: bool = False
    trouble: Exception | None = None
    """Why it could not be settled, where the last question failed."""


def after(elapsed: float, window: float) -> float:
    """The next moment to ask, in seconds after the create: 1, 2, 4, 8, 15, 30, 45 ... and the end of the window."""
    now = elapsed + _INSTANT
    usual = next((moment for moment in _MOMENTS if moment > now), (now // _EVERY + 1) * _EVERY)
    return min(window, usual) if now < window else usual


async def settle(find: Find[T], *, since: float, window: float, taken: bool = False) -> Settled[T]:
    """
    Ask until it is certain whether there is a task, for `PATIENCE` after the window at most.

    *since* is when the create ended, on the loop's clock. *taken*: the vendor said that the id belongs to a task, so
    that there is none is no answer.
    """
    clock = asyncio.get_running_loop().time
    while True:
        begun, asked = clock(), 0.0
        trouble: Exception | None = None
        try:
            found = await find()
        except ClientClosed as error:
            return Settled(trouble=error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer; the last one is raised in the end
            trouble, asked = error, asked_pause(error) or 0.0
        else:
            if found is not None:
                return Settled(found=found)
            if begun - since >= window - _INSTANT and not taken:
                return Settled(absent=True)
        elapsed = clock() - since
        if elapsed >= window + PATIENCE:
            return Settled(trouble=trouble)
        await asyncio.sleep(max(after(elapsed, window) - elapsed, asked))
