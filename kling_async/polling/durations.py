"""How long tasks take, learned from those that were seen. Pure: no clock, no loop, no file.

One table per kind of task, a kind being a text such as ("kling-v3", "pro", "5") that goes from coarse to fine. While a
table is thin it leans on the next coarser one, and the coarsest on what is known about its pool. Tasks still pending
count too, as far as they were watched: otherwise the first to end would make all look short.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import log
from typing import Any, Final, TypeAlias, cast

Kind: TypeAlias = tuple[str, ...]
"""What a task's duration depends on, from coarse to fine; () where only the endpoint is known."""

_SHORTEST, _RATIO, _BINS = 0.01, 1.12, 129
_LOG: Final = math.log(_RATIO)
EDGES: Final = (0.0, *(_SHORTEST * _RATIO**at for at in range(_BINS)))
"""Seconds between the bins; the last is five hours and a half, beyond which nothing more is told apart."""
_WIDTHS: Final = tuple(upper - lower for lower, upper in pairwise(EDGES))

_LEAN: Final = 6.0
"""Tasks that must have been seen before a table counts for more than the one it leans on."""
_KEPT: Final = 200
"""Ended tasks after which all counts are halved, so that a table follows a service that becomes slower or faster."""
_SMEAR: Final = ((-1, 0.25), (0, 0.5), (1, 0.25))
_NEWS: Final = 0.02
"""Part of its weight that a table must have learned before it is worked out anew."""

_MEDIANS: Final[Mapping[str, float]] = {"image": 20.0, "video": 120.0, "try_on": 20.0, "other": 30.0}
"""Seconds, by pool, before anything was seen."""
_SPREAD: Final = 0.6
"""Sigma of a lognormal: half of all tasks within two thirds and one and a half times the median."""


def bin_of(age: float) -> int:
    """The bin that an age falls into."""
    if age < _SHORTEST:
        return 0
    return min(_BINS - 1, 1 + int(math.log(age / _SHORTEST) / _LOG))


class Table:
    """The durations of one kind of task: chances, and what follows from them."""

    __slots__ = (
        "_ends",
        "_leaning",
        "_leans_on",
        "_moved",
        "_news",
        "_part",
        "_sum",
        "early",
        "first",
        "late",
        "median",
        "past",
        "seen",
        "version",
    )

    def __init__(self, leans_on: Table | Sequence[float]) -> None:
        self._leans_on = leans_on
        self._ends = [0.0] * _BINS
        self._moved = [0.0] * _BINS
        """Tasks that were watched up to this bin, less those whose watching began in it."""
        self._part = [0.0] * _BINS
        """Seconds of watching inside of the bin, of those that `_moved` counts."""
        self.seen: float = 0.0
        """Weight of all ended tasks."""
        self._news = 0.0
        self.version: int = 0
        """How often it was worked out."""
        self._leaning = 0
        self.past: Sequence[float] = ()
        self._sum: Sequence[float] = ()
        self.first: float = 0.0
        """The age by which one in a hundred has ended; `early` is that of one in ten, `late` of 95 in a hundred."""
        self.early: float = 0.0
        self.median: float = 0.0
        self.late: float = 0.0
        self._work_out()

    def watched(self, start: float, end: float, count: float = 1.0) -> None:
        """*count* tasks were pending at age *start*, and still at age *end*."""
        for age, weight in ((start, -count), (end, count)):
            at = bin_of(age)
            self._moved[at] += weight
            self._part[at] += weight * (age - EDGES[at])

    def ended(self, age: float) -> None:
        """One task ended at this age."""
        at = bin_of(age)
        for aside, weight in _SMEAR:
            self._ends[min(_BINS - 1, max(0, at + aside))] += weight
        self.seen += 1
        self._news += 1
        if self.seen >= 2 * _KEPT:
            for counts in (self._ends, self._moved, self._part):
                counts[:] = [each / 2 for each in counts]
            self.seen /= 2

    def refresh(self) -> bool:
        """Work out what was learned, if it is enough to matter; whether it was."""
        if self._news <= _NEWS * self.seen and (self.seen >= _LEAN or self._leaning == self._below()):
            return False
        self._work_out()
        return True

    def chance(self, age: float) -> float:
        """The part of all tasks that end before this age."""
        at = bin_of(age)
        low, high = self.past[at], self.past[at + 1]
        return min(low + (high - low) * (age - EDGES[at]) / _WIDTHS[at], high)

    def debt(self, seen: float, age: float) -> tuple[float, float, float]:
        """
        The seconds that a task pending at age *seen* is expected to have been over at *age*.

        Besides them how fast they grow, and how fast that grows.
        """
        start, start_sum, _ = self._point(seen)
        end, end_sum, slope = self._point(age)
        left = 1.0 - start
        return (end_sum - start_sum - start * (age - seen)) / left, (end - start) / left, slope / left

    def quantile(self, chance: float) -> float:
        """The age before which that part of all tasks have ended."""
        at = min(max(bisect_right(self.past, chance) - 1, 0), _BINS - 1)
        low, high = self.past[at], self.past[at + 1]
        part = (chance - low) / (high - low) if high > low else 1.0
        return EDGES[at] + _WIDTHS[at] * min(part, 1.0)

    def left(self, age: float) -> float:
        """The seconds that a task still pending at this age goes on for, in one half of all cases."""
        chance = self.chance(age)
        return max(0.0, self.quantile(chance + (1.0 - chance) / 2) - age)

    def dump(self) -> dict[str, Any]:
        """As JSON: what was counted, bins of nothing left out."""
        rows = enumerate(zip(self._ends, self._moved, self._part, strict=True))
        return {"seen": self.seen, "bins": {str(at): row for at, row in rows if any(row)}}

    def load(self, data: Mapping[str, Any]) -> None:
        """Take what `dump` gave; raises `ValueError`, `KeyError` or `TypeError` for anything else."""
        ends, moved, part = ([0.0] * _BINS for _ in range(3))
        for name, row in data["bins"].items():
            at = int(name)
            if not 0 <= at < _BINS:
                raise ValueError(name)
            ends[at], moved[at], part[at] = (_count(each) for each in row)
        seen = _count(data["seen"])
        if min(seen, *ends) < 0.0:
            raise ValueError("less than nothing")
        self._ends, self._moved, self._part, self.seen = ends, moved, part, seen
        self._work_out()

    def _point(self, age: float) -> tuple[float, float, float]:
        """The chance of an end before this age, the sum of all chances up to it, and the chance's growth."""
        at = 0 if age < _SHORTEST else 1 + int(log(age / _SHORTEST) / _LOG)
        if at >= _BINS:
            high = self.past[_BINS]
            return high, self._sum[_BINS] + high * (age - EDGES[_BINS]), 0.0
        low, into = self.past[at], age - EDGES[at]
        slope = (self.past[at + 1] - low) / _WIDTHS[at]
        return low + slope * into, self._sum[at] + (low + slope * into / 2) * into, slope

    def _work_out(self) -> None:
        # Ends per second of watching in each bin, and from it the part that is left: the estimate that makes use of
        # every task for as long as it was watched.
        left = [1.0 - past for past in (self._leans_on.past if isinstance(self._leans_on, Table) else self._leans_on)]
        watched = list(accumulate(reversed(self._moved)))[::-1]
        remains, past = 1.0, [0.0]
        for at in range(_BINS):
            width = _WIDTHS[at]
            beyond = watched[at + 1] if at + 1 < _BINS else 0.0
            seconds = max(0.0, beyond * width + self._part[at]) + _LEAN * width * (left[at] + left[at + 1]) / 2
            ends = self._ends[at] + _LEAN * (left[at] - left[at + 1])
            remains *= math.exp(-ends * width / seconds) if seconds > 0 else 1.0
            past.append(1.0 - max(remains, _LEAST))
        self.past = past
        sums = ((low + high) / 2 * width for (low, high), width in zip(pairwise(past), _WIDTHS, strict=True))
        self._sum = tuple(accumulate(sums, initial=0.0))
        points = (self.quantile(chance) for chance in (0.01, 0.1, 0.5, 0.95))
        self.first, self.early, self.median, self.late = points
        self.version += 1
        self._news, self._leaning = 0.0, self._below()

    def _below(self) -> int:
        return self._leans_on.version if isinstance(self._leans_on, Table) else 0


_LEAST: Final = 1e-4
"""No chance is so small that waiting for it would be free."""


class Durations:
    """The tables of one endpoint, by kind."""

    def __init__(self, pool: str) -> None:
        middle = math.log(_MEDIANS.get(pool, _MEDIANS["other"]))
        known = [0.0, *((1 + math.erf((math.log(edge) - middle) / _SPREAD / math.sqrt(2))) / 2 for edge in EDGES[1:])]
        self._tables: dict[Kind, Table] = {(): Table([min(each, 1 - _LEAST) for each in known])}

    def table(self, kind: Kind) -> Table:
        """The table of a kind; made where there is none."""
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = Table(self.table(kind[:-1]))
        return table

    @property
    def known(self) -> bool:
        """Whether any task was seen to end."""
        return self._tables[()].seen > 0

    def refresh(self) -> bool:
        """Work out what was learned since, where it is enough to matter; whether anything was."""
        return sum(table.refresh() for table in self._tables.values()) > 0  # each of them, not only the first

    def watched(self, kind: Kind, start: float, end: float, count: float = 1.0) -> None:
        """*count* tasks of a kind were pending at age *start*, and still at age *end*."""
        for at in range(len(kind) + 1):
            self.table(kind[:at]).watched(start, end, count)

    def ended(self, kind: Kind, start: float, age: float) -> None:
        """One task of a kind, last known to be pending at age *start*, ended at this age."""
        for at in range(len(kind) + 1):
            table = self.table(kind[:at])
            table.watched(min(start, age), age)
            table.ended(age)

    def dump(self) -> list[dict[str, Any]]:
        """As JSON, tables that learned nothing left out."""
        return [{"kind": list(kind), **table.dump()} for kind, table in self._tables.items() if table.seen]

    def load(self, data: object) -> None:
        """Take what `dump` gave; raises `ValueError`, `KeyError` or `TypeError` for anything else."""
        rows = cast("list[dict[str, Any]]", data)
        for row in sorted(rows, key=lambda row: len(row["kind"])):
            kind = tuple(str(each) for each in row["kind"])
            if len(kind) > _DEEPEST:
                raise ValueError(len(kind))
            self.table(kind).load(row)


_DEEPEST: Final = 8
"""Words of a kind at most, where a file names it."""
_MANY: Final = 1e12


def _count(value: object) -> float:
    """A number of tasks, or of seconds of watching; both may be less than nothing where more is taken than given."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MANY:
        raise ValueError(value)
    return float(value)
