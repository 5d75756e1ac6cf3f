"""How a batch stands, kept up with every step, so that looking at it costs neither a request nor the disk."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import attrs

from ..api import ROWS
from ..protocol.endpoint import Pool
from ..submitting.ledger import Slots
from .forecast import Typical, Work
from .items import PoolSummary
from .queries import Count, KindCount
from .states import State

_SPAN: Final = 300.0
"""Seconds over which a rate is told."""
_SLICE: Final = 10.0

Kind = tuple[str, tuple[str, ...]]
"""An endpoint, and what the duration of its tasks depends on besides."""


@attrs.define(eq=False)
class Rate:
    """How many tasks ended lately, in slices of ten seconds."""

    _slices: deque[tuple[float, int]] = attrs.field(factory=deque[tuple[float, int]], init=False)
    _since: float | None = attrs.field(default=None, init=False)

    def begin(self, now: float) -> None:
        """Count from now on."""
        self._since = now
        self._slices.clear()

    def add(self, now: float) -> None:
        """One more has ended."""
        start = now // _SLICE * _SLICE
        if self._slices and self._slices[-1][0] == start:
            self._slices[-1] = (start, self._slices[-1][1] + 1)
        else:
            self._slices.append((start, 1))
        while self._slices[0][0] < now - _SPAN:
            self._slices.popleft()

    def per_minute(self, now: float) -> float | None:
        """Over the last five minutes; None before any has ended."""
        recent = sum(count for start, count in self._slices if start >= now - _SPAN)
        if not recent or self._since is None:
            return None
        return recent / max(min(now - self._since, _SPAN), 1.0) * 60


@attrs.define(eq=False)
class PoolTally:
    """The tasks of one pool."""

    states: Counter[State] = attrs.field(factory=Counter[State], init=False)
    weights: Counter[State] = attrs.field(factory=Counter[State], init=False)
    units: Decimal = attrs.field(default=Decimal(0), init=False)
    """Charged, or as estimated where the vendor does not say, of those that were made and have ended."""
    expected: Decimal = attrs.field(default=Decimal(0), init=False)
    """By the price list, of all that is not over and was not refused."""
    sent: Decimal = attrs.field(default=Decimal(0), init=False)
    """The part of it that is for tasks that were sent, or may have been."""
    priceless: int = attrs.field(default=0, init=False)
    """How many of those the price list has nothing for."""
    rate: Rate = attrs.field(factory=Rate, init=False)

    @property
    def spent(self) -> Decimal:
        """Charged, or expected to be for what was sent."""
        return self.units + self.sent

    def summary(self, slots: Slots, now: float, seconds_left: float | None) -> PoolSummary:
        """As it stands now."""
        count = self.states
        return PoolSummary(
            planned=count[State.PLANNED],
            queued=min(slots.queued, count[State.PLANNED] + count[State.SUBMITTING]),
            submitting=count[State.SUBMITTING],
            running=count[State.SUBMITTED],
            unknown=count[State.UNKNOWN],
            storing=count[State.SUCCEEDED],
            done=count[State.DONE],
            failed=count[State.FAILED],
            refused=count[State.REFUSED],
            held=count[State.HELD],
            lost=count[State.LOST],
            slots_used=slots.used,
            slots=slots.limit if slots.limit is not None else slots.learned,
            units=self.units,
            expected_units=None if self.priceless else self.units + self.expected,
            per_minute=self.rate.per_minute(now),
            seconds_left=seconds_left,
        )


_CHARGED: Final = frozenset({State.SUCCEEDED, State.DONE})
"""States of tasks that were made and cost something; failed ones are free."""
_OPEN: Final = frozenset(
    {State.PLANNED, State.SUBMITTING, State.UNKNOWN, State.SUBMITTED, State.HELD, State.LOST},
)
"""States of tasks that cost something, or may yet."""
_SENT: Final = frozenset({State.SUBMITTING, State.UNKNOWN, State.SUBMITTED})
_OVER: Final = frozenset({State.DONE, State.FAILED, State.REFUSED, State.HELD, State.LOST})


@attrs.define(eq=False)
class Tally:
    """The tasks of a batch, by pool."""

    pools: dict[Pool, PoolTally] = attrs.field(factory=dict[Pool, PoolTally], init=False)
    planned: Counter[Kind] = attrs.field(factory=Counter[Kind], init=False)
    """Slots that planned tasks of a kind will hold, all of them together."""
    under_way: Counter[Kind] = attrs.field(factory=Counter[Kind], init=False)
    """Slots that those hold that were sent in this run, or taken up by it."""

    def begin(self, now: float) -> None:
        """A run begins, and nothing is under way yet."""
        self.under_way.clear()
        for pool in self.pools.values():
            pool.rate.begin(now)

    def load(self, counts: Iterable[Count], kinds: Iterable[KindCount]) -> None:
        """Begin with what the journal says."""
        self.planned.clear()
        for kind in kinds:
            self.planned[kind.endpoint, kind.kind] += kind.weight * kind.tasks
        rates = {name: pool.rate for name, pool in self.pools.items()}
        self.pools.clear()
        for each in counts:
            pool = self.of(each.pool)
            pool.rate = rates.get(each.pool, pool.rate)
            pool.states[each.state] += each.tasks
            pool.weights[each.state] += each.weight
            if each.state in _CHARGED:
                pool.units += each.units
            elif each.state in _OPEN:
                pool.expected += each.estimate
                pool.sent += 0 if each.state is State.PLANNED else each.estimate
                pool.priceless += each.priceless
                if each.state is State.LOST:  # what was made anew since may have been paid all the same
                    pool.sent += each.units - each.estimate

    def work(self, pool: Pool, typical: Typical) -> Work:
        """What the slots of a pool have before them; of what is under way one half is done, in the mean."""
        work = Work()
        for kinds, part in ((self.planned, 1.0), (self.under_way, 0.5)):
            for (endpoint, kind), weight in kinds.items():
                row = ROWS[endpoint]
                if row.pool == pool and weight > 0:
                    work.add(weight, part * typical(row, kind)[0])
        return work

    def of(self, name: Pool) -> PoolTally:
        """One pool."""
        pool = self.pools.get(name)
        if pool is None:
            pool = self.pools[name] = PoolTally()
        return pool

    def moved(
        self,
        pool: Pool,
        weight: int,
        source: State,
        target: State,
        *,
        estimate: Decimal | None,
        units: Decimal | None,
        now: float,
        kind: Kind,
    ) -> None:
        """One task came from a state into another; *units* as the vendor told them."""
        if source is target:
            return
        its = self.of(pool)
        for state, sign in ((source, -1), (target, 1)):
            its.states[state] += sign
            its.weights[state] += sign * weight
            if state in _CHARGED:
                its.units += sign * (units if units is not None else estimate or 0)
            elif state in _OPEN:
                its.expected += sign * (estimate or 0)
                its.sent += 0 if state is State.PLANNED else sign * (estimate or 0)
                its.priceless += sign * (estimate is None)
            if state is State.PLANNED:
                self.planned[kind] += sign * weight
            elif state in _SENT:
                self.under_way[kind] = max(0, self.under_way[kind] + sign * weight)
        if target in _OVER:
            its.rate.add(now)
