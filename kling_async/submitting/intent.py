"""What is known about one create, however often it is sent, and what it needs of others. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs

from ..errors import ConnectionFailed, KlingError
from ..events.logs import about
from ..protocol.call import Call
from ..protocol.endpoint import Pool
from ..protocol.outcome import Outcome, Repeat, Row, of
from .ledger import Hold
from .story import Story


class Dated(Protocol):
    """A snapshot of a task."""

    @property
    def id(self) -> str:
        """The vendor's name for it."""
        ...

    @property
    def created_ms(self) -> int | None:
        """When it was made by the vendor's clock, in Unix milliseconds."""
        ...


T = TypeVar("T", bound=Dated)
A = TypeVar("A")

Ask: TypeAlias = Callable[[int | None], Awaitable[T | None]]
"""
Asks once for the task with the external id; None where the vendor says that there is none, else it raises.

Takes a moment of the vendor's clock before which the task cannot have been made, in Unix milliseconds, if one is known.
"""


class Attempting(Protocol):
    """Sends a call once."""

    async def attempt(self, call: Call[A], *, leaving: Callable[[], None] | None = None) -> A:
        """Return what the call reads, or raise; *leaving* is called just before the vendor can have understood it."""
        ...


class Witness(Protocol):
    """Whoever writes down what becomes of a create, before and while it happens."""

    async def sending(self) -> None:
        """
        Return once a POST may leave: all that has to survive is on disk. Called with the slots granted.

        What it raises ends the create, and nothing is sent.
        """

    def refused(self, error: BaseException) -> None:
        """Take in that a POST certainly made nothing, and that it may be sent again: after a pause, or with slots."""

    def doubted(self, error: KlingError) -> None:
        """Take in that a POST may have made a task, which is looked for now."""


@attrs.frozen(kw_only=True)
class Created(Generic[T]):
    """A task that was made."""

    task: T
    """Its first snapshot."""
    born: float | None
    """The loop's time of the answer that it was made by; None if it was found by its id, so that its age is unknown."""


@attrs.frozen(kw_only=True)
class Finished:
    """What became of a create that its caller cancelled when a task may have been made."""

    endpoint: str
    external_task_id: str
    outcome: Outcome
    task: Any = None
    """The snapshot, if it was accepted."""
    born: float | None = None
    """As in `Created`."""
    hold: Hold = attrs.field(repr=False)
    """Goes on to hold the slots of a task that was accepted."""
    error: BaseException | None = attrs.field(default=None, repr=False)


@attrs.define(eq=False, kw_only=True)
class Intent(Generic[T]):
    """One create: one external id, one body."""

    endpoint: str
    external_task_id: str
    given: bool = False
    """Whether the caller chose the external id, so that an older task may have it."""
    pool: Pool
    call: Call[T] = attrs.field(repr=False)
    find: Ask[T] = attrs.field(repr=False)
    hold: Hold = attrs.field(repr=False)
    """Acquired already; told here what becomes of it."""
    witness: Witness | None = attrs.field(default=None, repr=False)
    story: Story = attrs.field(factory=Story, repr=False)
    """Told what happens, for whoever listens."""
    doubted: bool = False
    """Whether the outcome of a POST was unknown, if only for a while; here, or in an earlier process."""
    open: bool = attrs.field(default=False, init=False)
    """Whether there may be a task, for all that is known now."""
    begun: float = attrs.field(default=0.0, init=False)
    """When it was sent for the first time, or wanted to be, on the loop's clock."""
    since: float = attrs.field(default=0.0, init=False)
    """When the last POST ended that may have made a task, on the loop's clock; before it, as `begun`."""
    abandoned: bool = attrs.field(default=False, init=False)
    """Whether the caller is gone; nothing is sent for nobody."""

    def about(self, error: BaseException | None = None, task_id: str | None = None) -> Mapping[str, object]:
        """What log lines carry besides their text."""
        return about(
            endpoint=self.endpoint,
            pool=self.pool,
            task_id=task_id,
            external_task_id=self.external_task_id,
            error=error,
        )

    async def sending(self) -> None:
        """Wait for whoever has to know before a POST leaves."""
        if self.witness is not None:
            await self.witness.sending()

    def leaves(self) -> None:
        """From now on a POST may arrive. Raises where the caller has left since: nothing is sent for nobody."""
        if self.abandoned:
            raise ConnectionFailed("not sent, since its caller has left")
        self.story.sent()
        self.open = True

    async def again(self) -> None:
        """Wait for slots once more, after a 1303. Raises as `Hold.refused`."""
        self.story.waits()
        await self.hold.refused()
        self.story.granted()

    def failed(self, error: KlingError, now: float) -> Row:
        """Take in how a POST ended."""
        row = of(error)
        self.open = self.doubted = self.doubted or row.outcome is Outcome.UNKNOWN
        if row.outcome is Outcome.UNKNOWN:
            self.story.doubted(error)
        if row.repeat is not Repeat.YES:  # a 1302 or 1303 is never about an id that is in use
            self.since = now
        if self.witness is not None:
            if self.doubted:
                self.witness.doubted(error)
            elif row.repeat is Repeat.YES:
                self.witness.refused(error)
        return row
