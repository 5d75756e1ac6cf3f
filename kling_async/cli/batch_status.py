"""`kling batch status`: how a batch stands, from another terminal too while it runs. Reads, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import attrs
from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..batch.items import ENDED, PoolSummary, Summary
from ..batch.journal import Reader
from ..batch.queries import BatchRow, TaskRow
from ..batch.states import State
from ..batch.tally import PoolTally, Tally
from ..protocol.endpoint import Pool
from ..submitting.ledger import Slots
from ..wording import one_line
from .batch_offline import one
from .batch_options import JournalPath, Json, Name, command, existing
from .batch_table import Standing
from .batch_words import count, pools_as_json
from .common import Attempt, Connection
from .failures import plain
from .shell import Shell

_SHOWN: Final = 20
"""Tasks that need a person, and are told one by one."""
_EVERY: Final = 1.0
"""Seconds between two looks with `--watch`."""
_UNDER_WAY: Final = (State.SUBMITTING, State.UNKNOWN, State.SUBMITTED)

WHAT_TO_DO: Final = {
    State.HELD: "held: the answer was lost, no task can be found, and nothing is sent again before you say so",
    State.LOST: "lost: the vendor made it and knows no longer of it",
}
_CHOICES: Final = {
    State.HELD: "--look asks the vendor for it once more, --send makes it anew, --give-up leaves it",
    State.LOST: "--look asks the vendor for it once more; kling batch retry --lost makes it anew, which costs again",
}


@attrs.frozen(kw_only=True)
class Look:
    """How one batch stood when it was looked at."""

    journal: Path
    row: BatchRow
    summary: Summary
    owner: int | None
    """The process that runs it, if one does."""
    reader: Reader
    named: Sequence[str]
    """The option that names it, where the journal holds several."""

    def care(self, state: State) -> Iterator[TaskRow]:
        """Tasks that need a person, read as they are asked for."""
        after = 0
        while rows := self.reader.items(self.row, after, states=[state]):
            yield from rows
            after = rows[-1].seq

    @property
    def unended(self) -> int:
        """Tasks that are not through."""
        return sum(pool.total - pool.ended for pool in self.summary.pools.values())


def status(
    journal: JournalPath,
    *,
    name: Name = None,
    watch: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Look again every second until all has ended.")
    ] = False,
    json: Json = False,
) -> int:
    """
    Show how a batch stands, and what needs a person.

    Works beside a run as well as without one, needs no key, and changes nothing.
    """
    shell = Shell(json=json)
    with Attempt(shell, Connection(json=json)) as attempt:
        existing(journal)
        with Reader.open(journal) as reader:
            look = Watch(reader, journal, name).look
            if watch:
                _watch(shell, look)
            else:
                _show(shell, look())
    return attempt.exit


@attrs.define(eq=False)
class Watch:
    """Looks at a journal, and keeps in mind how it stood before, which tells how fast it goes."""

    reader: Reader
    journal: Path
    name: str | None
    now: Callable[[], float] = time.monotonic
    _tallies: dict[int, Tally] = attrs.field(factory=dict[int, Tally], init=False)

    def look(self) -> list[Look]:
        """How the batches stand now."""
        rows = self.reader.batches()
        wanted = rows if self.name is None else [one(rows, self.name)]
        return [self._look(row, ("--name", row.name) if len(rows) > 1 else ()) for row in wanted]

    def _look(self, row: BatchRow, named: Sequence[str]) -> Look:
        now, tally = self.now(), self._tallies.setdefault(row.id, Tally())
        before = {name: _ended(pool) for name, pool in tally.pools.items()}
        tally.load(self.reader.counts(row), ())
        pools: dict[Pool, PoolSummary] = {}
        for name, pool in tally.pools.items():
            if name not in before:
                pool.rate.begin(now)
            for _ in range(_ended(pool) - before.get(name, _ended(pool))):
                pool.rate.add(now)
            pools[name] = self._pool(pool, now)
        return Look(
            journal=self.journal,
            row=row,
            summary=Summary(name=row.name, pools=pools),
            owner=self.reader.owner(),
            reader=self.reader,
            named=named,
        )

    def _pool(self, pool: PoolTally, now: float) -> PoolSummary:
        used = sum(pool.weights[state] for state in _UNDER_WAY)
        rate = pool.rate.per_minute(now)
        left = None if rate is None else (sum(pool.states.values()) - _ended(pool)) / rate * 60
        return pool.summary(Slots(used=used, limit=None, learned=None, queued=0), now, left)


def _ended(pool: PoolTally) -> int:
    return sum(pool.states[State(each)] for each in ENDED)


def _watch(shell: Shell, look: Callable[[], list[Look]]) -> None:
    """Until all has ended, or Ctrl-C."""
    looks = look()
    if shell.json or not shell.out.is_terminal:
        while any(each.unended for each in looks):
            _show(shell, looks)
            time.sleep(_EVERY)
            looks = look()
        _show(shell, looks)
        return
    with Live(console=shell.out, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            live.update(Group(*_parts(looks)), refresh=True)
            if not any(each.unended for each in looks):
                return
            time.sleep(_EVERY)
            looks = look()


def _show(shell: Shell, looks: Sequence[Look]) -> None:
    if shell.json:
        for each in looks:
            shell.object(_as_json(each))
    elif looks:
        for part in _parts(looks):
            shell.show(part)
    else:
        shell.note("the journal holds no batch yet")


def _parts(looks: Sequence[Look]) -> Iterator[RenderableType]:
    for at, look in enumerate(looks):
        if at:
            yield Text()
        yield Standing(look.summary)
        yield Text(plain(_running(look)), style="dim")
        yield from _care(look)


def _running(look: Look) -> str:
    if look.owner is not None:
        return f"Process {look.owner} runs it."
    if not look.unended:
        return "Nothing is left to run."
    again = command("resume", look.journal, *look.named)
    return f"Nobody runs it. {count(look.unended, 'task')} left. Go on with: {again}"


def _care(look: Look) -> Iterator[RenderableType]:
    for state, what in WHAT_TO_DO.items():
        rows = tuple(islice(look.care(state), _SHOWN))
        if not rows:
            continue
        yield Text()
        yield Text(f"{look.summary[state.value]:,} {what}", style="yellow")
        for row in rows:
            said = f": {one_line(row.error.message)}" if row.error else ""
            yield Text(plain(f"{one_line(row.custom_id)}{said}"))
            yield Text(
                plain(f"  {command('resolve', look.journal, '--look', *look.named, custom_id=row.custom_id)}"),
                style="bold cyan",
            )
        if look.summary[state.value] > len(rows):
            yield Text(f"and {look.summary[state.value] - len(rows):,} more", style="dim")
        yield Text(_CHOICES[state], style="dim")


def _as_json(look: Look) -> dict[str, object]:
    return {
        "name": look.row.name,
        "account": look.row.account,
        "owner_pid": look.owner,
        "state": look.row.state,
        "pools": pools_as_json(look.summary),
        "needs_a_person": [
            {
                "custom_id": row.custom_id,
                "state": str(row.state),
                "external_task_id": row.external_id,
                "task_id": row.task_id,
                "error": None if row.error is None else attrs.asdict(row.error),
            }
            for state in WHAT_TO_DO
            for row in look.care(state)
        ],
    }
