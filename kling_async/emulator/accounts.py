"""
What one account holds: slots per pool, units per pool, external ids that are taken, and what was charged for.

Slots and units are settled when somebody looks, from the moments at which tasks end; nothing runs in between.
Synchronous calls are charged at once.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from .pools import POOLS
from .refusals import Refusal
from .tasks import EmulatedTask


@attrs.frozen
class Charge:
    """Units taken for one task or one synchronous call."""

    task_id: str
    pool: str
    units: Decimal
    created: float
    charged: float
    path: str
    body: Mapping[str, Any] = attrs.field(repr=False)


class Account:
    """The books of the only account there is."""

    def __init__(self, *, units: Mapping[str, Decimal]) -> None:
        self._units = units
        self._used: Counter[str] = Counter()
        self._reserved: dict[str, Decimal] = {}
        self._spent: dict[str, Decimal] = {}
        self._charges: list[Charge] = []
        self._running: list[tuple[float, str, EmulatedTask]] = []
        self._external_ids: set[str] = set()

    def admit(
        self, pool: str, weight: int, price: Decimal | None, external_id: str | None, *, now: float, slots: int | None
    ) -> None:
        """Refuse a task that may not be created now, in the vendor's order of checks. ``slots`` are its pool's."""
        self.settle(now)
        if external_id in self._external_ids:
            raise Refusal(1201, f"External_task_id {external_id} already exists")
        if pool in self._units and (price or Decimal(0)) > self._left(pool):
            raise Refusal(1102, "Account balance not enough")
        if slots is not None and weight and self._used[pool] + weight > slots:
            raise Refusal(1303, "parallel task over resource pack limit")

    def enter(self, task: EmulatedTask) -> None:
        """Book a task that was admitted: its slots until it ends, its units for good if it succeeds."""
        if task.external_task_id is not None:
            self._external_ids.add(task.external_task_id)
        self._used[task.pool] += task.weight
        self._reserved[task.pool] = self._reserved.get(task.pool, Decimal(0)) + (task.price or 0)
        heapq.heappush(self._running, (task.course.ended, task.task_id, task))

    def settle(self, now: float) -> None:
        """Give back the slots of every task that has ended, and charge for those that succeeded."""
        while self._running and self._running[0][0] <= now:
            _, _, task = heapq.heappop(self._running)
            units = task.price or Decimal(0)
            self._used[task.pool] -= task.weight
            self._reserved[task.pool] -= units
            if task.course.failure is None:
                self.charge(
                    Charge(
                        task_id=task.task_id,
                        pool=task.pool,
                        units=units,
                        created=task.course.created,
                        charged=task.course.ended,
                        path=task.path,
                        body=task.body,
                    )
                )

    def charge(self, charge: Charge) -> None:
        """Take units for good; what costs nothing leaves no trace."""
        if charge.units:
            self._spent[charge.pool] = self._spent.get(charge.pool, Decimal(0)) + charge.units
            self._charges.append(charge)

    def charges(self, now: float) -> Sequence[Charge]:
        """Everything charged so far, in the order of time."""
        self.settle(now)
        return self._charges

    def spent(self, now: float) -> Mapping[str, Decimal]:
        """Units charged so far, for every pool."""
        self.settle(now)
        return {pool: self._spent.get(pool, Decimal(0)) for pool in sorted(POOLS)}

    def _left(self, pool: str) -> Decimal:
        return self._units[pool] - self._spent.get(pool, Decimal(0)) - self._reserved.get(pool, Decimal(0))
