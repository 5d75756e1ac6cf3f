"""What it means to keep account of slots: a promise that one process can keep alone, or several through a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias

import attrs

from ..protocol.endpoint import Pool

Priority: TypeAlias = Literal["interactive", "batch"]
"""The lane that a task waits in."""


@attrs.frozen(kw_only=True)
class Slots:
    """How things stand in one pool."""

    used: int
    """Slots of tasks that were accepted and not seen to end, and of those being sent."""
    limit: int | None
    """As given by the user; None where it is to be learned."""
    learned: int | None
    """How many the vendor seems to allow, once it has refused one."""
    queued: int
    """Tasks that wait for slots."""


class Held(Protocol):
    """The slots of a task that exists. Many tasks may share one, so that each is to release it once and no more."""

    def release(self, after: float | None = None) -> None:
        """Tell that the task was seen to end, and after how many seconds, if that is known."""


class Hold(Protocol):
    """The slots of one task, from the moment it may be sent until it was seen to end."""

    @property
    def held(self) -> Held:
        """What stands for the hold once the task was made: small, since there may be many tasks for a long time."""
        ...

    @property
    def median(self) -> float:
        """Seconds for which a task of the pool holds its slots, in one half of all cases, as far as is known."""
        ...

    def accepted(self) -> None:
        """Tell that the task was made; it goes on to hold its slots, or holds them again where the hold was over."""

    def doubted(self) -> None:
        """
        Tell that the task may have been made: it holds slots as if it had been, but is not under way any more.

        It may be sent again, and told of as before. May be called again, which changes nothing.
        """

    async def refused(self) -> None:
        """
        Tell of a 1303, and return when the task may be sent again: it waits at its old place in the queue.

        Raises as `SlotLedger.acquire` does, with the timeout that was given there; then, as after a cancellation, the
        hold is over.
        """

    def release(self) -> None:
        """Tell that the task was seen to end, or was certainly not made. May be called again, which changes nothing."""


class SlotLedger(Protocol):
    """
    Who may send. As long as nobody tells of the end of a task, its slots count as taken.

    Those of a task of which it is not known whether it was made are counted too, until that is settled.
    """

    @property
    def slots(self) -> Mapping[Pool, Slots]:
        """How things stand now, of every pool."""
        ...

    async def acquire(
        self, pool: Pool, weight: int, priority: Priority = "interactive", timeout: float | None = None
    ) -> Hold:
        """
        Wait until a task of *weight* slots may be sent.

        Raises `InvalidRequest` where the weight is above a limit that was given, `SlotsUnavailable` after *timeout*
        seconds of waiting altogether, and the error by which the pool was stopped. In none of these cases is anything
        sent. A wait may be cancelled.
        """
        ...

    def claim(self, pool: Pool, weight: int) -> Hold:
        """Count a task that exists already. Never waits, and may exceed the limit."""
        ...

    def stop(self, pool: Pool | None, error: Exception) -> None:
        """Raise an error to all who wait in a pool (None: in all pools), and to all who come before `resume`."""
        ...

    def resume(self) -> None:
        """Let tasks be sent again, in all pools."""
        ...
