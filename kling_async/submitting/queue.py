"""Who waits for slots, and who goes next. Pure: no clock, no loop; knows weights and places, not limits.

Two lanes. Interactive tasks go before batch ones, except that the first of the batch lane has its turn after four of
them. In a lane the first to come is the first to go. Where the next one is too wide for what is free, four later ones
at most may pass it, the widest that fit, then all wait until it has gone: so the slots are put to use, and no wide task
waits for ever. Whoever was let go and comes back, because the vendor refused, stands where it stood.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import chain, islice, takewhile
from operator import attrgetter
from typing import Final, Generic, TypeVar

import attrs

BYPASS: Final = 4
"""Tasks that may pass one that does not fit."""
_AHEAD: Final = 64
"""Tasks looked at behind one that does not fit."""
_TURNS: Final = 4
"""Interactive tasks that go before the first of the batch lane has its turn."""
_STEPS_BACK: Final = 16
"""Tasks that a hopeless one lets go first."""


@attrs.define(eq=False)
class Ticket:
    """A place in the queue."""

    weight: int
    """Slots that the task takes, one at least."""
    urgent: bool
    """Whether it stands in the interactive lane."""
    arrival: int = attrs.field(default=0, init=False)
    passed: int = attrs.field(default=0, init=False)
    """How many went before it although it was next; below zero as long as it lets others go first."""


T = TypeVar("T", bound=Ticket)


class Queue(Generic[T]):
    """Tickets that wait. What a step costs does not grow with them."""

    def __init__(self, *, bypass: int = BYPASS) -> None:
        self._bypass = bypass
        # Linked lists, so that whoever gives up leaves no hole behind.
        self._urgent: OrderedDict[T, None] = OrderedDict()
        self._batch: OrderedDict[T, None] = OrderedDict()
        self._arrivals = 0
        self._turns = 0
        """Interactive tasks that went while the first of the batch lane waited."""

    def __len__(self) -> int:
        return len(self._urgent) + len(self._batch)

    def tickets(self) -> list[T]:
        """All that wait, the interactive ones first."""
        return [*self._urgent, *self._batch]

    def add(self, ticket: T) -> None:
        """Wait behind all others of the lane."""
        self._arrivals += 1
        ticket.arrival = self._arrivals
        self._lane(ticket)[ticket] = None

    def restore(self, ticket: T) -> None:
        """Wait again, before all that came later. The cost grows with those that came earlier and still wait: few."""
        lane = self._lane(ticket)
        before = list(takewhile(lambda other: other.arrival < ticket.arrival, lane))
        lane[ticket] = None
        for each in (ticket, *reversed(before)):
            lane.move_to_end(each, last=False)
        # Who did not go did not use the turn.
        if ticket.urgent:
            self._turns = max(0, self._turns - 1)
        elif not before:
            self._turns = _TURNS

    def step_back(self, ticket: T) -> None:
        """Let others go first for a while: this one was refused where nothing of ours was in its way."""
        ticket.passed = -_STEPS_BACK

    def remove(self, ticket: T) -> None:
        """Wait no longer."""
        del self._lane(ticket)[ticket]
        if not self._batch:
            self._turns = 0

    def head(self) -> T | None:
        """Whose turn it is."""
        return next(iter(self._next_lane()), None)

    def choose(self, fits: Callable[[int], bool]) -> T | None:
        """Who may go, given which weights fit. That one goes on waiting until it is taken."""
        head = self.head()
        if head is None or not fits(1):
            return None
        if head.passed >= 0 and fits(head.weight):
            return head
        if head.passed < self._bypass:
            lane = self._next_lane()
            other = self._batch if lane is self._urgent else self._urgent
            behind = islice(chain(lane, other), 1, 1 + _AHEAD)
            passing = max((each for each in behind if fits(each.weight)), key=attrgetter("weight"), default=None)
            if passing is not None:
                return passing
        return head if fits(head.weight) else None

    def take(self, ticket: T) -> None:
        """Let one go."""
        head = self.head()
        if head is not None and head is not ticket:
            head.passed += 1
        if ticket.urgent:
            self._turns += bool(self._batch)
        elif ticket is next(iter(self._batch)):
            self._turns = 0
        self.remove(ticket)

    def _lane(self, ticket: T) -> OrderedDict[T, None]:
        return self._urgent if ticket.urgent else self._batch

    def _next_lane(self) -> OrderedDict[T, None]:
        if self._batch and (not self._urgent or self._turns >= _TURNS):
            return self._batch
        return self._urgent
