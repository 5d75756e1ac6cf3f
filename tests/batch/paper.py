"""Rows for journals, and the ways by which a task gets into each state."""

from __future__ import annotations

import itertools
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from kling_async.batch.changes import Fields
from kling_async.batch.items import Artifact
from kling_async.batch.journal import Journal
from kling_async.batch.queries import BatchRow, Planned
from kling_async.batch.states import TRANSITIONS, Cause, State

NOW: Final = 1_800_000_000_000


class Clock:
    """Milliseconds that pass one by one."""

    def __init__(self) -> None:
        self._ticks = itertools.count(NOW)

    def __call__(self) -> int:
        return next(self._ticks)


def planned(custom_id: str, **changed: Any) -> Planned:
    """One row of a manifest."""
    row = Planned(
        custom_id=custom_id,
        endpoint="images.generate",
        pool="image",
        kind=("kling-v2-1",),
        body_json='{"prompt":"A red fox crosses a frozen lake"}',
        body_sha256="5" * 64,
        weight=1,
        estimate=Decimal("0.5"),
        priority=0,
        name=custom_id,
        where=f"line {custom_id}",
    )
    return attrs.evolve(row, **changed)


def manifest(*rows: Planned) -> Callable[[], Iterator[Planned]]:
    """Rows as a journal takes them."""
    return lambda: iter(rows)


def many(count: int, **changed: Any) -> Callable[[], Iterator[Planned]]:
    """So many rows, c1 and so on."""
    return lambda: (planned(f"c{number}", **changed) for number in range(1, count + 1))


async def opened(path: Path, **given: Any) -> Journal:
    """A journal with a clock of its own."""
    return await Journal.open(path, now_ms=given.pop("now_ms", Clock()), **given)


async def entered(journal: Journal, name: str = "launch") -> BatchRow:
    """A batch in it."""
    return await journal.enter(name, account="studio", options={"output": "out"})


def told(seq: int, cause: Cause) -> Fields:
    """What has to be said with a cause."""
    return {"task_id": f"t{seq}"} if cause in (Cause.ACCEPTED, Cause.FOUND, Cause.RESOLVED_FOUND) else {}


def ways() -> dict[State, tuple[Cause, ...]]:
    """How a planned task gets into each state, by the shortest way."""
    found: dict[State, tuple[Cause, ...]] = {State.PLANNED: ()}
    left = deque(found)
    while left:
        state = left.popleft()
        for each in TRANSITIONS:
            if each.source is state and each.target not in found:
                found[each.target] = (*found[state], each.cause)
                left.append(each.target)
    return found


async def led(journal: Journal, seq: int, state: State) -> None:
    """Bring a planned task into a state."""
    for cause in ways()[state]:
        await journal.step(seq, cause, **told(seq, cause))


def files(count: int) -> list[Artifact]:
    """Files of a result, none of which is here."""
    return [
        Artifact(idx=idx, kind="image", url=f"https://files.example/{idx}.png?sign=abc", expires_ms=NOW)
        for idx in range(count)
    ]


def rows(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """What stands in a file, seen by SQLite alone."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, values).fetchall()
