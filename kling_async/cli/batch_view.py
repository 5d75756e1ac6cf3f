"""A batch while it runs: a table that moves on a terminal, lines elsewhere, objects with `--json`.

Tables and lines go to stderr, objects to stdout. A view is shown the summary a few times a second, decides itself what
is worth telling, and is told of every task that ends.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import attrs
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..batch.items import Item, Summary
from ..wording import one_line
from .batch_table import Standing, latest
from .batch_words import as_json, count, ended, pools_as_json, standing
from .failures import plain
from .shell import Shell

EVERY: Final = 30.0
"""Seconds between two lines, or objects, about how all of it stands."""
_LATEST: Final = 8
_BESIDE: Final = 13
"""Lines of the live view that are not about single tasks, with one pool."""


@attrs.frozen(kw_only=True)
class Commands:
    """What somebody may want to type about this batch."""

    resume: str | None
    """Goes on; None where that cannot be, since the emulator ends with the command."""
    status: str
    """Tells what needs a person."""


class View(Protocol):
    """Shows a batch to whoever looks."""

    def item(self, item: Item) -> None:
        """A task has ended."""
        ...

    def tick(self, summary: Summary) -> None:
        """This is how it stands now; called a few times a second."""
        ...


@contextmanager
def view(shell: Shell, commands: Commands, *, lines: bool = False) -> Generator[View]:
    """The form that fits the shell; *lines*: not a table that moves, whatever the terminal can do."""
    if shell.json:
        yield Objects(shell)
    elif lines or not shell.err.is_terminal:
        yield Lines(shell, commands)
    else:
        with Live(console=shell.err, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
            yield Moving(live, commands)


@contextmanager
def checking(shell: Shell, manifest: Path) -> Generator[None]:
    """Say that something goes on while a large manifest is read; nothing of it stays."""
    if shell.json or not shell.err.is_terminal:
        yield
    else:
        with shell.err.status(Text(plain(f"Checking {manifest.name}"))):
            yield


def stopping(summary: Summary) -> str | None:
    """Why nothing more is sent, as long as what is under way is waited for; None before and afterwards."""
    tasks = summary["running"] + summary["submitting"] + summary["unknown"] + summary["storing"]
    if summary.stopped is None or not tasks:
        return None
    they, are = ("it", "is") if tasks == 1 else ("they", "are")
    rest = f"{count(tasks, 'task')} {are} under way and may be billed; {they} {are} finished first"
    match summary.stopped:
        case "asked":
            return f"Stopping: {rest}. Ctrl-C again leaves at once"
        case "budget":
            return f"The budget is reached and no more is sent: {rest}"
        case why:
            return f"No more is sent ({one_line(why)}): {rest}"


def amiss(summary: Summary) -> str | None:
    """Tasks that a person must decide about; None where there are none."""
    told = [f"{summary[name]:,} {name}" for name in ("held", "lost") if summary[name]]
    return " and ".join(told) or None


@attrs.define
class Objects:
    """An object for each task that ended, and for all of it now and then."""

    shell: Shell
    now: Callable[[], float] = time.monotonic
    _told: float | None = attrs.field(default=None, init=False)
    _stopped: bool = attrs.field(default=False, init=False)

    def item(self, item: Item) -> None:
        """Print a task."""
        self.shell.object({"event": "item", **as_json(item)})

    def tick(self, summary: Summary) -> None:
        """Print how it stands, when that is due, and at once that it stops."""
        why = stopping(summary)
        if why is not None and not self._stopped:
            self._stopped = True
            self.shell.object({"event": "stopping", "reason": summary.stopped, "message": why})
        now = self.now()
        if self._told is None:
            self._told = now
        elif now - self._told >= EVERY:
            self._told = now
            self.shell.object({"event": "progress", "pools": pools_as_json(summary)})


@attrs.define
class Lines:
    """A line for each task that ended, and for all of it now and then."""

    shell: Shell
    commands: Commands
    now: Callable[[], float] = time.monotonic
    _told: float | None = attrs.field(default=None, init=False)
    _stopped: bool = attrs.field(default=False, init=False)
    _line: str = attrs.field(default="", init=False)

    def item(self, item: Item) -> None:
        """Print a task."""
        self.shell.note(ended(item), style="default")

    def tick(self, summary: Summary) -> None:
        """Print how it stands, when that is due and another than before, and at once that it stops."""
        if not self._stopped:
            for line in _why(summary, self.commands):
                self._stopped = True
                self.shell.note(line, style="yellow")
        now, line = self.now(), standing(summary)
        if self._told is None:
            self._told = now
        elif now - self._told >= EVERY and line != self._line:
            self._told, self._line = now, line
            self.shell.note(line, style="bold")


@attrs.define
class Moving:
    """A table that is drawn again and again."""

    live: Live
    commands: Commands
    _latest: deque[Item] = attrs.field(factory=lambda: deque[Item](maxlen=_LATEST), init=False)

    def item(self, item: Item) -> None:
        """Keep a task among the last ones."""
        self._latest.append(item)

    def tick(self, summary: Summary) -> None:
        """Draw it."""
        self.live.update(Group(*self._parts(summary)), refresh=True)

    def _parts(self, summary: Summary) -> Iterator[RenderableType]:
        yield Text()
        yield Standing(summary, seconds=summary.seconds)
        room = max(1, min(_LATEST, self.live.console.height - _BESIDE - len(summary.pools)))
        if self._latest:
            yield Text()
            yield from latest(tuple(self._latest)[-room:], self.live.console.width)
        lines = [*_why(summary, self.commands), *_care(summary, self.commands)]
        if lines:
            yield Text()
            yield Text(plain("\n".join(lines)), style="yellow")
        yield Text()


def _why(summary: Summary, commands: Commands) -> Iterator[str]:
    line = stopping(summary)
    if line is not None:
        yield line
        if commands.resume is not None:
            yield f"Go on later with: {commands.resume}"


def _care(summary: Summary, commands: Commands) -> Iterator[str]:
    what = amiss(summary)
    if what is not None:
        yield f"{what}, which a person decides about: {commands.status}"
