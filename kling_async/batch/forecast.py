"""How long it will take: work in slot-seconds, by the durations that were learned, through so many slots. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

import attrs

from ..api import ROWS, TaskRow
from ..protocol.endpoint import Pool
from ..submitting.ledger import Slots
from .items import Plan, PlanLine
from .queries import KindCount

Typical: TypeAlias = Callable[[TaskRow, tuple[str, ...]], tuple[float, bool]]
"""Seconds that a task of an endpoint and a kind takes in one half of all cases, and whether that was learned."""


@attrs.define
class Work:
    """What a pool has before it."""

    slot_seconds: float = 0.0
    longest: float = 0.0
    """Seconds of the longest task: no number of slots makes it shorter."""

    def add(self, slots: int, seconds: float) -> None:
        """Tasks of so many slots altogether, each of which takes so many seconds."""
        if slots > 0:
            self.slot_seconds += slots * seconds
            self.longest = max(self.longest, seconds)

    def seconds(self, limit: int | None) -> float | None:
        """How long it takes; None where it is not known how many slots there are."""
        if not self.slot_seconds:
            return 0.0
        return None if not limit else max(self.longest, self.slot_seconds / limit)


def limit_of(slots: Slots) -> int | None:
    """How many tasks may be under way at once, as given, else as learned."""
    return slots.limit if slots.limit is not None else slots.learned


def planned(counts: Iterable[KindCount], slots: Mapping[Pool, Slots], typical: Typical) -> Plan:
    """What is still to be made, and what that takes."""
    lines: list[PlanLine] = []
    work: dict[Pool, Work] = {}
    units: dict[Pool, list[PlanLine]] = {}
    for each in counts:
        seconds, learned = typical(ROWS[each.endpoint], each.kind)
        line = PlanLine(
            endpoint=each.endpoint,
            kind=each.kind,
            pool=each.pool,
            tasks=each.tasks,
            slots=each.weight,
            units=None if each.estimate is None else each.estimate * each.tasks,
            seconds=seconds,
            learned=learned,
        )
        lines.append(line)
        units.setdefault(each.pool, []).append(line)
        work.setdefault(each.pool, Work()).add(each.weight * each.tasks, seconds)
    times = [its.seconds(limit_of(slots[pool])) for pool, its in work.items()]
    known = [time for time in times if time is not None]
    return Plan(
        lines=tuple(lines),
        units={pool: _sum(each) for pool, each in units.items()},
        limits={pool: limit_of(slots[pool]) for pool in work},
        seconds=max(known, default=0.0) if len(known) == len(times) else None,
    )


def _sum(lines: Iterable[PlanLine]) -> Decimal | None:
    prices = [line.units for line in lines]
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if len(known) == len(prices) else None
