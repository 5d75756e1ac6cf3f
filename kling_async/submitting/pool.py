"""One pool of slots: a queue below a ceiling. Pure: whoever drives it brings the time and tells what became of whom."""

from __future__ import annotations

import enum
from typing import Generic, TypeVar

import attrs

from .ceiling import Ceiling
from .queue import Queue, Ticket


class Stand(enum.Enum):
    """How far a task has come."""

    NEW = enum.auto()
    WAITING = enum.auto()
    AWAY = enum.auto()
    """It may be sent, or was; whether it takes slots is not known yet."""
    DOUBTED = enum.auto()
    """It was sent, and may or may not take slots: as many tasks may be sent besides it as if it took them."""
    HELD = enum.auto()
    GONE = enum.auto()


@attrs.define(eq=False)
class Claim(Ticket):
    """A task's claim to its slots."""

    stand: Stand = attrs.field(default=Stand.NEW, init=False)
    probe: bool = attrs.field(default=False, init=False)
    """Whether it was sent above the ceiling."""
    since: float | None = attrs.field(default=None, init=False)
    """When it was accepted."""


T = TypeVar("T", bound=Claim)


class SlotPool(Generic[T]):
    """Who waits, who was sent and who holds slots. What does not fit a claim's stand is passed over."""

    def __init__(self, ceiling: Ceiling, queue: Queue[T]) -> None:
        self.ceiling: Ceiling = ceiling
        self.queue: Queue[T] = queue

    def add(self, claim: T) -> None:
        """Wait for slots."""
        claim.stand = Stand.WAITING
        self.queue.add(claim)

    def hold(self, claim: T) -> None:
        """Count a task that exists already."""
        claim.stand = Stand.HELD
        self.ceiling.held += claim.weight

    def admit(self, now: float) -> tuple[list[T], float | None]:
        """
        Those who are to be sent now, and when to ask again.

        None: not before something happens, be it an answer, an end or a newcomer.
        """
        sent = list[T]()
        while (head := self.queue.head()) is not None:
            if now < (rest := self.ceiling.rests_until()):
                return sent, rest
            claim = self.queue.choose(self.ceiling.fits)
            if claim is None:
                at = self.ceiling.probe_at(head.weight)
                if at is None or at > now:
                    return sent, at
            self._send(claim or head, probe=claim is None)
            sent.append(claim or head)
        return sent, None

    def doubted(self, claim: T) -> None:
        """The vendor may have made the task."""
        if claim.stand is Stand.AWAY:
            claim.stand = Stand.DOUBTED
            self.ceiling.doubted(claim.weight, probe=claim.probe)
            claim.probe = False

    def accepted(self, claim: T, now: float) -> None:
        """The vendor made the task."""
        self._settle(claim)
        if claim.stand is Stand.AWAY:
            claim.stand, claim.since = Stand.HELD, now
            self.ceiling.accepted(claim.weight, now, probe=claim.probe)

    def refused(self, claim: T, now: float) -> None:
        """The vendor had no slot: back to the old place."""
        self._settle(claim)
        if claim.stand is Stand.AWAY:
            claim.stand = Stand.WAITING
            self.ceiling.refused(claim.weight, now, probe=claim.probe)
            self.queue.restore(claim)
            if not self.ceiling.used:
                self.queue.step_back(claim)

    def release(self, claim: T, now: float) -> None:
        """The task has ended, or is not to be or was not made."""
        self._settle(claim)
        stand, claim.stand = claim.stand, Stand.GONE
        if stand is Stand.WAITING:
            self.queue.remove(claim)
        elif stand is Stand.AWAY:
            self.ceiling.returned(claim.weight, probe=claim.probe)
        elif stand is Stand.HELD:
            self.ceiling.freed(claim.weight, now, None if claim.since is None else now - claim.since)

    def _settle(self, claim: T) -> None:
        """What is told about a task in doubt is told as of one under way."""
        if claim.stand is Stand.DOUBTED:
            claim.stand = Stand.AWAY
            self.ceiling.settled(claim.weight)

    def _send(self, claim: T, *, probe: bool) -> None:
        self.queue.take(claim)
        claim.stand, claim.probe = Stand.AWAY, probe
        self.ceiling.sent(claim.weight, probe=probe)
