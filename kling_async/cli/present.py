"""Tasks as people and programs read them. Nothing is fetched here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from rich.table import Table
from rich.text import Text

from ..handle import TaskRef
from ..models import Task
from .failures import plain, reference
from .shell import Shell, pairs

STATES = {"succeed": "green", "failed": "red"}


def as_json(ref: TaskRef, task: Task[Any] | None, files: Sequence[Path] = ()) -> dict[str, object]:
    """The object that `--json` prints for a task; numbers that the vendor writes as text stay text."""
    about: dict[str, object] = {name: getattr(ref, name) for name in ("endpoint", "task_id", "external_task_id")}
    if task is not None:
        about |= {
            "status": task.status.value,
            "message": task.message,
            "created_at": _iso(task.created_at),
            "updated_at": _iso(task.updated_at),
            "units": None if task.units is None else str(task.units),
            "result": None if task.result is None else attrs.asdict(task.result),
        }
    return {**about, "files": [str(path) for path in files], "ref": reference(ref)}


def summary(task: Task[Any]) -> str:
    """One line on a finished task."""
    parts = [f"task {task.id}: {task.status}"]
    seconds = took(task)
    if seconds is not None:
        parts.append(f"{seconds:.1f} s")
    if task.units is not None:
        parts.append(units(task.units))
    return ", ".join(parts)


def units(amount: Decimal) -> str:
    """An amount of units in words."""
    return f"{amount:f} {'unit' if amount == 1 else 'units'}"


def took(task: Task[Any]) -> float | None:
    """Seconds from the create to the last change, on the vendor's clock."""
    if task.created_at is None or task.updated_at is None:
        return None
    return (task.updated_at - task.created_at).total_seconds()


def addresses(task: Task[Any]) -> tuple[str, ...]:
    """The links of a task's files; none before it has succeeded."""
    return () if task.result is None else tuple(file.url for file in task.result.files)


def show_task(
    shell: Shell, ref: TaskRef, task: Task[Any], facts: Iterable[str] = (), stored: Sequence[Path] = ()
) -> None:
    """One task in full, with the *facts* about what it made; then its files, stored or not."""
    if shell.json:
        shell.object(as_json(ref, task))
        return
    table = pairs()
    rows = {
        "task": task.id,
        "external id": task.external_task_id,
        "status": task.status.value,
        "message": task.message,
        "created": when(task.created_at),
        "updated": when(task.updated_at),
        "units": None if task.units is None else f"{task.units:f}",
    }
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, style="dim"), Text(plain(value), style=STATES.get(value, "")))
    for fact in facts:
        name, _, text = fact.partition(": ")
        table.add_row(Text(name, style="dim"), Text(plain(text)))
    shell.show(table)
    for line in map(str, stored) if stored else addresses(task):
        shell.line(line)


def show_tasks(shell: Shell, tasks: Iterable[tuple[TaskRef, Task[Any], str]]) -> None:
    """A page of tasks, one line each, with the ids of what they made."""
    if shell.json:
        for ref, task, _ in tasks:
            shell.object(as_json(ref, task))
        return
    table = Table("task", "status", "created", "units", "made", "message", box=None, pad_edge=False)
    for _, task, made in tasks:
        units = "" if task.units is None else f"{task.units:f}"
        cells = (task.id, task.status.value, when(task.created_at), units, made, task.message)
        table.add_row(*(Text(plain(cell), style=STATES.get(cell, "")) for cell in cells))
    if table.row_count:
        shell.show(table)
    else:
        shell.note("no tasks on this page")


def when(moment: datetime | None) -> str:
    """A moment as people read it; nothing where none is known."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
