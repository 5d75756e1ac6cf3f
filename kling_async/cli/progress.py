"""How far tasks are: bars on a terminal, plain lines elsewhere, nothing with `--json`. Always on stderr.

The vendor tells no percentage, so a bar only says that something moves, next to the state and the time.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol

import attrs
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.table import Column
from rich.text import Text

from ..events import (
    DownloadFailed,
    DownloadFinished,
    DownloadProgress,
    DownloadResumed,
    DownloadStarted,
    Event,
)
from .failures import plain
from .shell import Shell

FINISHED: Final = {"done": "green", "failed": "red", "refused": "red", "stopped": "yellow"}
"""States that end a row, with their colours."""
LARGE: Final = 8_000_000
"""Bytes of a file whose download one may want to watch."""
_MB: Final = 1_000_000


class Progress(Protocol):
    """Takes states as they change."""

    def state(self, name: str, state: str, eta: float | None = None) -> None:
        """*name* is now in *state*; a state of `FINISHED` ends it. *eta*: the seconds that are likely to be left."""
        ...

    def event(self, event: Event) -> None:
        """Something about a download."""
        ...


@attrs.define
class Relay:
    """Passes events on to what shows progress, which is there only after the client that tells of them."""

    told: Progress | None = None

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        if self.told is not None:
            self.told.event(event)


@contextmanager
def progress(shell: Shell, *, passing: bool = False) -> Generator[Progress]:
    """The form that fits the shell; *passing*: a terminal shows nothing of it afterwards."""
    if shell.json:
        yield Silent()
    elif shell.err.is_terminal:
        with _rich(shell, passing=passing) as bars:
            yield Bars(bars)
    else:
        yield Lines(shell)


class Silent:
    """Says nothing."""

    def state(self, name: str, state: str, eta: float | None = None) -> None:
        """Do nothing."""

    def event(self, event: Event) -> None:
        """Do nothing."""


@attrs.define
class Lines:
    """A line for every change."""

    shell: Shell
    _began: dict[str, float] = attrs.field(factory=dict[str, float], init=False)
    _last: dict[str, str] = attrs.field(factory=dict[str, str], init=False)

    def state(self, name: str, state: str, eta: float | None = None) -> None:
        """Print a line if the state is another one."""
        began = self._began.setdefault(name, time.monotonic())
        if self._last.get(name) != state:
            self._last[name] = state
            left = f", about {_span(eta)} left" if eta else ""
            self.shell.note(f"{name}: {state} ({time.monotonic() - began:.1f} s{left})", style="default")

    def event(self, event: Event) -> None:
        """Print a line where a download broke and goes on."""
        if isinstance(event, DownloadResumed):
            self.shell.note(f"{event.name}: {_resumed(event)}", style="default")


@attrs.define
class Bars:
    """A row with spinner, bar, state and time for each task."""

    rich: RichProgress
    _rows: dict[str, TaskID] = attrs.field(factory=dict[str, TaskID], init=False)

    def state(self, name: str, state: str, eta: float | None = None) -> None:
        """Move the row of *name*."""
        if name not in self._rows:
            self._rows[name] = self.rich.add_task(plain(name), total=None, state="", colour="default", ends=None)
        row = self._rows[name]
        elapsed = next((task.elapsed or 0.0 for task in self.rich.tasks if task.id == row), 0.0)
        self.rich.update(row, ends=elapsed + eta if eta else None)
        colour = FINISHED.get(state, "default")
        self.rich.update(self._rows[name], state=plain(state), colour=colour)
        if state in FINISHED:
            self.rich.update(self._rows[name], total=1, completed=1)

    def event(self, event: Event) -> None:
        """Give a large file a row of its own, whose bar is how much of it is there."""
        match event:
            case DownloadStarted() | DownloadProgress() if (event.expected or 0) >= LARGE:
                self.state(event.name, f"{event.received / _MB:.0f} MB")
                self.rich.update(self._rows[event.name], total=event.expected, completed=event.received)
            case DownloadResumed():
                self.rich.console.print(Text(plain(f"{event.name}: {_resumed(event)}")), soft_wrap=True)
            case DownloadFinished() | DownloadFailed() if event.name in self._rows:
                self.state(event.name, "done" if isinstance(event, DownloadFinished) else "failed")
            case _:
                pass  # small files are there before anybody has read of them


def _resumed(event: DownloadResumed) -> str:
    return f"broke off after {event.received / _MB:.1f} MB ({event.reason}), goes on in {event.pause:.0f} s"


class _State(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        return Text(f"{task.fields['state']:<10}", style=task.fields["colour"])


class _Time(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        ends, spent = task.fields["ends"], task.finished_time or task.elapsed or 0.0
        likely = f" of about {_span(ends)}" if ends and ends > spent else ""
        return Text(_span(spent, digits=1) + likely, style="dim", justify="right")


def _span(seconds: float, digits: int = 0) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}:{rest:0{3 + digits if digits else 2}.{digits}f}" if minutes else f"{rest:.{digits}f} s"


def _rich(shell: Shell, *, passing: bool) -> RichProgress:
    return RichProgress(
        SpinnerColumn(finished_text="•"),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=48)),
        BarColumn(bar_width=24),
        _State(),
        _Time(),
        console=shell.err,
        transient=passing,
        redirect_stdout=False,
        redirect_stderr=False,
    )
