"""A batch as one looks at it: a bar for all of it, a row for each pool, what ended last, what needs a person.

Values of a summary in, renderables out; the live view and `kling batch status` show the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..batch.items import Item, PoolSummary, Summary
from ..batch.states import State
from .batch_words import also, amount, reason, span, time_left
from .failures import plain

COLOURS: Final = {
    State.DONE: "green",
    State.FAILED: "red",
    State.REFUSED: "red",
    State.HELD: "yellow",
    State.LOST: "yellow",
}
_BAR: Final = 60
_TOLD: Final = 38
"""Columns beside the bar, so that it does not change its length with every word."""
_NARROW: Final = 92
"""Columns of a terminal below which what is nice to know gives way to what must be known."""


class _Column(NamedTuple):
    title: str
    cell: Callable[[PoolSummary], str]
    colour: str = ""
    always: bool = True
    """Or only where there is room."""
    kept: bool = True
    """Or only where one of the pools has something to tell."""


def _slots(pool: PoolSummary) -> str:
    return f"{pool.slots_used:,}/{pool.slots:,}" if pool.slots is not None else f"{pool.slots_used:,}"


def _units(pool: PoolSummary) -> str:
    expected = pool.expected_units
    return f"{amount(pool.units)} of {amount(expected)}" if expected else amount(pool.units)


def _rate(pool: PoolSummary) -> str:
    return "" if pool.per_minute is None else f"{pool.per_minute:,.1f}"


def _left(pool: PoolSummary) -> str:
    return span(pool.seconds_left) if pool.seconds_left else ""


def _number(name: str) -> Callable[[PoolSummary], str]:
    return lambda pool: f"{number:,}" if (number := int(getattr(pool, name))) else "-"


def _amiss(pool: PoolSummary) -> str:
    number = pool.failed + pool.refused
    return f"{number:,}" if number else "-"


_COLUMNS: Final = (
    _Column("slots", _slots),
    _Column("queue", _number("planned")),
    _Column("running", _number("running")),
    _Column("done", _number("done"), "green"),
    _Column("failed", _amiss, "red"),
    _Column("units", _units),
    _Column("a minute", _rate, always=False, kept=False),
    _Column("left", _left, kept=False),
)
"""A refused task counts as failed here; what of a batch is held or lost stands below."""


class Standing:
    """How a batch stands, fitted to whatever width there is."""

    def __init__(self, summary: Summary, *, seconds: float | None = None) -> None:
        """*seconds*: how long this run has gone on; None where nobody runs it."""
        self._summary, self._seconds = summary, seconds

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _overall(self._summary, self._seconds, options.max_width)
        yield Text()
        yield _pools(self._summary, wide=options.max_width >= _NARROW)
        passing = also(self._summary)
        if passing:
            yield Text(f"also {passing}", style="dim")


def _overall(summary: Summary, seconds: float | None, width: int) -> RenderableType:
    total = sum(pool.total for pool in summary.pools.values())
    ended = summary["ended"]
    times = [] if seconds is None else [span(seconds)]
    left = time_left(summary)
    if left is not None:
        times.append(f"about {span(left)} left")
    told = Text.assemble((f"{ended:,} of {total:,}", "bold"), (f"  {', '.join(times)}", "dim"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=max(10, width // 3))
    grid.add_column()
    grid.add_column(no_wrap=True)
    room = max(4, min(_BAR, width - max(_TOLD, told.cell_len) - min(len(summary.name), max(10, width // 3)) - 4))
    bar = ProgressBar(total=max(1, total), completed=ended if total else 1, width=room, finished_style="green")
    grid.add_row(Text(plain(summary.name), style="bold"), bar, told)
    return grid


def _pools(summary: Summary, *, wide: bool) -> Table:
    pools = summary.pools.values()
    columns = [each for each in _COLUMNS if (each.always or wide) and (each.kept or any(map(each.cell, pools)))]
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="dim")
    table.add_column("pool", no_wrap=True)
    for each in columns:
        table.add_column(each.title, justify="right", no_wrap=True)
    for name, pool in summary.pools.items():
        cells = ((each.cell(pool), each.colour) for each in columns)
        table.add_row(name, *(Text(text, style="dim" if text == "-" else colour) for text, colour in cells))
    return table


def latest(items: Sequence[Item], width: int) -> Iterator[Text]:
    """A line for each of the tasks that ended last, cut where the terminal ends."""
    name_width = min(max((len(item.custom_id) for item in items), default=0), max(8, width // 3))
    for item in items:
        name = Text(plain(item.custom_id))
        name.truncate(name_width, overflow="ellipsis", pad=True)
        line = Text.assemble(
            (f"{item.state:<8}", COLOURS.get(item.state, "")), name, "  ", (plain(reason(item)), "dim")
        )
        line.truncate(width, overflow="ellipsis")
        yield line
