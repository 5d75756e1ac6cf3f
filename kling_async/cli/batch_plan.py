"""`kling batch plan`: what a file of tasks would take. Sends nothing, needs no key, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from ..batch.items import Plan, PlanLine
from ..options import Limits
from . import amounts
from .batch_files import Places, name_of
from .batch_offline import offline, rows
from .batch_options import Endpoint, Json, Manifest
from .batch_view import checking
from .batch_words import added, amount, cost, plan_as_json, span
from .common import RUNNING, Attempt, Connection
from .failures import plain
from .shell import Shell


async def plan(
    manifest: Manifest,
    *,
    endpoint: Endpoint = None,
    journal: Annotated[
        Path | None, Parameter(group=RUNNING, help="What was made already is told by this. Else beside the manifest.")
    ] = None,
    name: Annotated[str | None, Parameter(group=RUNNING, help="Name of the batch; else that of the manifest.")] = None,
    slots: Annotated[
        str | None, Parameter(group=RUNNING, help="Tasks at once per pool, such as video=5,image=9.")
    ] = None,
    durations: Annotated[
        Path | None, Parameter(group=RUNNING, help="Where it is kept how long tasks take. Else beside the journal.")
    ] = None,
    json: Json = False,
) -> int:
    """
    Check every task of a file, and tell what making them would take: tasks, slots, units, time.

    Sends nothing, needs no key, and leaves nothing behind. Tasks that an earlier run has made are not counted.
    """
    shell = Shell(json=json)
    with Attempt(shell, Connection(json=json)) as attempt:
        limits = Limits(**amounts.slots(slots))
        places = Places(journal) if journal else Places.of_manifest(manifest)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, places.journal.name)
            known = await asyncio.to_thread(rows, places.journal)
            if known:
                await asyncio.to_thread(_copy, places.journal, copy)
            called = name or name_of(manifest)
            row = next((row for row in known if row.name == called), None)
            memory = Path(folder, "durations")
            if (durations or places.durations).is_file():
                shutil.copyfile(durations or places.durations, memory)
            async with offline(called, copy, row, limits=limits, memory=memory) as batch:
                with checking(shell, manifest):
                    new = await batch.add(manifest, endpoint=endpoint)
                _show(shell, added(new, str(manifest)), await batch.plan())
    return attempt.exit


def _copy(journal: Path, copy: Path) -> None:
    """As it stands, while somebody may be writing it."""
    with (
        contextlib.closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _show(shell: Shell, new: str, plan: Plan) -> None:
    if shell.json:
        shell.object(plan_as_json(plan))
        return
    shell.note(new)
    if plan.lines:
        shell.show(_table(plan))
    if not all(line.learned for line in plan.lines):
        shell.note("~ as such tasks usually take; none of them was timed yet")
    for pool, limit in plan.limits.items():
        if limit is None:
            shell.note(f"The time cannot be told without the slots for {pool} tasks, such as --slots {pool}=5")
    shell.note(f"{cost(plan)}. Nothing was sent.", style="bold")


def _table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("endpoint")
    table.add_column("kind")
    for title in ("tasks", "slots each", "units", "time each"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in plan.lines:
        table.add_row(Text(line.endpoint), Text(plain(" ".join(line.kind))), *_numbers(line))
    return table


def _numbers(line: PlanLine) -> tuple[str, ...]:
    units = "?" if line.units is None else amount(line.units)
    return (
        f"{line.tasks:,}",
        f"{line.slots:,}",
        units,
        span(line.seconds) if line.learned else f"~ {span(line.seconds)}",
    )
