"""Where output goes: results to stdout, everything about them to stderr, and with `--json` one object per line instead.

Text from outside is never taken for markup, and never reaches the terminal with control characters in it.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping

import attrs
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..handle import TaskRef
from .failures import Exit, Failure, plain

_PLAIN_WIDTH = 1000  # a file or a pipe has no edge at which an id would have to be cut


def _stdout() -> Console:
    stream = sys.stdout or io.StringIO()  # None where the stream was closed before we began
    return Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)


def _stderr() -> Console:
    return Console(file=sys.stderr or io.StringIO(), highlight=False)


@attrs.frozen(kw_only=True)
class Shell:
    """The two streams of one command."""

    json: bool = False
    out: Console = attrs.field(factory=_stdout, repr=False)
    err: Console = attrs.field(factory=_stderr, repr=False)

    def line(self, text: str) -> None:
        """A line of the result, never wrapped."""
        self.out.print(Text(plain(text)), soft_wrap=True)
        self.out.file.flush()  # a full disk is to be noticed here, not when the interpreter ends

    def show(self, what: RenderableType) -> None:
        """A table of the result, or a text, which is never wrapped."""
        self.out.print(what, soft_wrap=isinstance(what, Text))
        self.out.file.flush()

    def script(self, text: str) -> None:
        """Text of our own, as it is."""
        self.out.file.write(f"{text}\n")
        self.out.file.flush()

    def object(self, what: Mapping[str, object]) -> None:
        """A JSON object on a line of its own; for `--json`."""
        self.out.file.write(json.dumps(what, default=str) + "\n")
        self.out.file.flush()

    def note(self, text: str, style: str = "dim") -> None:
        """A remark, which is no result. Silent with `--json`."""
        if not self.json:
            self.err.print(Text(plain(text), style=style), soft_wrap=True)

    def warn(self, text: str) -> None:
        """A warning, on stderr in any case."""
        self.err.print(Text(f"Warning: {plain(text)}", style="yellow"), soft_wrap=True)

    def fail(self, failure: Failure, *, ref: TaskRef | None = None, again: str | None = None) -> Exit:
        """Show a failure, and the command that takes the task up *again*; returns the exit code."""
        if self.json:
            self.object(failure.to_json(ref))
            return failure.exit
        for row in failure.rows:
            self.note(str(row), style="default")
        self.err.print(panel(failure))
        if again:
            self.command("Take it up again with:" if ref is None or ref.task_id else "Look for it with:", again)
        return failure.exit

    def unwritten(self, error: OSError, *, ref: TaskRef | None = None, again: str | None = None) -> Exit:
        """Say on stderr, with `--json` too, what stdout could not take; a reader who left early is not worth a word."""
        if sys.stdout is not None:  # or its buffer would fail once more when the interpreter ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if ref is not None or not isinstance(error, BrokenPipeError):
            reason = error.strerror or type(error).__name__
            self.err.print(
                panel(Failure(type=type(error).__name__, title="The output cannot be written", message=reason))
            )
        for line in [ref.to_json() if ref else None, again]:
            if line:
                self.err.print(Text(plain(line)), soft_wrap=True)
        return Exit.ERROR

    def command(self, why: str, line: str) -> None:
        """A command to copy; outside of any frame and never wrapped."""
        self.note(why, style="default")
        self.note(f"  {line}", style="bold cyan")


def pairs() -> Table:
    """A table for names and values, in which no value is cut, however long a word it is."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    return table


def panel(failure: Failure) -> Panel:
    """A failure as people read it."""
    # A broken rule says it all in the rows below.
    parts: list[RenderableType] = [] if "rule" in failure.details else [Text(plain(failure.message))]
    if failure.advice:
        parts.append(Text(f"\n{plain(failure.advice)}.".replace("..", "."), style="bold"))
    if failure.details:
        table = pairs()
        for name, value in failure.details.items():
            table.add_row(Text(name.replace("_", " "), style="dim"), Text(plain(str(value))))
        parts += [*([Text()] if parts else []), table]
    return Panel(Group(*parts), title=Text(failure.title), title_align="left", border_style="red", padding=(1, 2))
