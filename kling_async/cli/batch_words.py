"""How a batch reads in words: numbers, spans, units, one ended task, all of them. Texts only, no console."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import attrs

from ..batch.items import ENDED, Added, Item, Plan, PoolSummary, Summary
from ..protocol.endpoint import Pool
from ..wording import one_line

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SPANS: Final = ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s"))

ON_THE_WAY: Final[Mapping[str, str]] = {
    "submitting": "being sent",
    "unknown": "whose answer was lost",
    "storing": "being stored",
}
"""States of passage, in which there are few tasks at a time, in words."""
AMISS: Final[Mapping[str, str]] = {"failed": "failed", "refused": "refused", "held": "held", "lost": "lost"}
"""States that end a task otherwise than wanted."""


def count(number: int, one: str, many: str | None = None) -> str:
    """A number of things: 1 task, 1,204 tasks."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def amount(units: Decimal) -> str:
    """An amount of units: 9,520 or 0.5, whatever precision it came with."""
    return f"{units.normalize():,f}"


def charge(units: Decimal, pool: Pool) -> str:
    """Units of a pool: 1 image unit, 9,520 video units."""
    return f"{amount(units)} {pool.replace('_', '-')} {'unit' if units == 1 else 'units'}"


def span(seconds: float) -> str:
    """A time as one says it: 45 s, 12 min, 2 h 10 min, 3 d 4 h."""
    whole = math.ceil(seconds) if seconds < 1 else round(seconds)
    for size, name, next_size, next_name in _SPANS:
        if whole >= size:
            first, rest = divmod(whole, size)
            # Seconds beside many minutes would only flicker.
            second = 0 if name == "min" and first >= 5 else rest // next_size
            return f"{first} {name} {second} {next_name}" if second else f"{first} {name}"
    return f"{whole} s"


def money(pools: Mapping[Pool, Decimal | None]) -> str:
    """Units by pool, since those of two pools are not the same money: about 9,520 image units and 60 video units."""
    priced = [charge(units, pool) for pool, units in pools.items() if units]
    unpriced = [pool for pool, units in pools.items() if units is None]
    told = " and ".join(priced)
    if not unpriced:
        return f"about {told}" if told else "nothing"
    unknown = f"an amount that the price list does not tell ({', '.join(unpriced)})"
    return f"about {told}, and {unknown}" if told else unknown


def added(rows: Added, source: str) -> str:
    """What a manifest brought."""
    known = f"; {rows.known:,} were in the batch before" if rows.known else ""
    return f"{source}: {count(rows.new, 'new task')}{known}" if rows.new or rows.known else f"{source}: no tasks"


def cost(plan: Plan) -> str:
    """What is still to be made, and what that takes, in one line."""
    tasks = sum(line.tasks for line in plan.lines)
    if not tasks:
        return "Nothing is left to be made"
    time = f", in about {span(plan.seconds)}" if plan.seconds is not None else ""
    return f"{count(tasks, 'task')} to be made, for {money(plan.units)}{time}"


def ended(item: Item) -> str:
    """One task that has ended: its name, what became of it, its files or the reason."""
    told = [f"{one_line(item.custom_id)}: {item.state}"]
    if item.error is not None and item.state in ENDED:  # of what is to be made anew it is over
        told.append(one_line(item.error.message))
    told += map(near, item.files)
    return ", ".join(told)


def near(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def reason(item: Item) -> str:
    """What stands beside the name of a task that has ended: its files, else why there are none."""
    if item.error is not None:
        return one_line(item.error.message)
    return ", ".join(path.name for path in item.files)


def standing(summary: Summary) -> str:
    """All of a batch in one line."""
    total = sum(pool.total for pool in summary.pools.values())
    ended = _listed(summary, {"done": "done", **AMISS})
    under_way = _listed(summary, {"running": "running", **ON_THE_WAY, "planned": "to be sent"})
    spent = ", ".join(charge(pool.units, name) for name, pool in summary.pools.items() if pool.units)
    left = time_left(summary)
    parts = [
        f"{summary['ended']:,} of {count(total, 'task')} ended{f': {ended}' if ended else ''}",
        under_way,
        f"{spent} charged" if spent else "",
        "" if left is None else f"about {span(left)} left",
    ]
    return "; ".join(filter(None, parts))


def _listed(summary: Summary, names: Mapping[str, str]) -> str:
    return ", ".join(f"{summary[name]:,} {word}" for name, word in names.items() if summary[name])


def also(summary: Summary) -> str:
    """What a table of pools has no column for; nothing where there is nothing."""
    return _listed(summary, ON_THE_WAY)


def time_left(summary: Summary) -> float | None:
    """Seconds until the last pool is through; None if that cannot be told of one with work, or nothing more is sent."""
    waits = [pool.seconds_left for pool in summary.pools.values() if pool.ended < pool.total]
    if not waits or summary.stopped is not None or any(wait is None for wait in waits):
        return None
    return max(wait for wait in waits if wait is not None) or None  # 0: only files are under way


def as_json(item: Item) -> dict[str, object]:
    """A task as `--json` prints it."""
    error = item.error
    return {
        "custom_id": item.custom_id,
        "endpoint": item.endpoint,
        "state": str(item.state),
        "generation": item.generation,
        "task_id": item.task_id,
        "external_task_id": item.external_task_id,
        "units": _decimal(item.units),
        "files": [str(path) for path in item.files],
        "error": None if error is None else attrs.asdict(error),
    }


def pools_as_json(summary: Summary) -> dict[str, object]:
    """The pools of a summary as `--json` prints them."""
    return {pool: _pool(each) for pool, each in summary.pools.items()}


_NUMBERS: Final = (
    "planned",
    "queued",
    "submitting",
    "running",
    "unknown",
    "storing",
    "done",
    "failed",
    "refused",
    "held",
    "lost",
    "slots_used",
    "slots",
    "per_minute",
    "seconds_left",
)


def _pool(pool: PoolSummary) -> dict[str, object]:
    return {
        **{name: getattr(pool, name) for name in _NUMBERS},
        "units": f"{pool.units:f}",
        "expected_units": _decimal(pool.expected_units),
    }


def plan_as_json(plan: Plan) -> dict[str, object]:
    """A plan as `--json` prints it."""
    return {
        "tasks": sum(line.tasks for line in plan.lines),
        "units": {pool: _decimal(units) for pool, units in plan.units.items()},
        "slots": dict(plan.limits),
        "seconds": plan.seconds,
        "lines": [
            {
                "endpoint": line.endpoint,
                "kind": list(line.kind),
                "pool": line.pool,
                "tasks": line.tasks,
                "slots": line.slots,
                "units": _decimal(line.units),
                "seconds": line.seconds,
                "learned": line.learned,
            }
            for line in plan.lines
        ],
    }


def _decimal(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
