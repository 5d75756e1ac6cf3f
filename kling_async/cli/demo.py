"""`kling demo`: a file of prompts becomes pictures, videos and a page to look at, on an emulator with few slots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import attrs
from cyclopts import Parameter

from ..client import KlingClient
from ..errors import InvalidRequest, PolicyError, TaskFailed
from ..options import Limits, Polling
from ..protocol.endpoint import TaskMethod, TaskSpec
from .common import SPEED, Attempt, Connection, positive, storable
from .failures import explain
from .following import follow
from .manifest import Line, read
from .outcome import Ended
from .progress import Progress, progress
from .shell import Shell, panel

SLOTS: Final[Mapping[str, int]] = {"video": 2, "image": 3}
"""Few on purpose, so that one can watch tasks wait for a place."""
SEED: Final = 1
MEDIA: Final = "media"
_LAG: Final = 0.25


async def demo(
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Directory to write to; made if need be.")] = Path("kling-demo"),
    prompts: Annotated[
        Path | None, Parameter(help="Lines of custom_id, endpoint and body; else those of the package.")
    ] = None,
    speed: Annotated[float, Parameter(help="How many times faster than the real thing tasks run.")] = SPEED,
    json: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Print one JSON object per task, and nothing else.")
    ] = False,
) -> int:
    """
    Turn a dozen prompts into pictures and videos, and a page that shows them.

    Runs against an emulator of its own: no key, no network, no cost. One of the prompts is refused on purpose.
    """
    shell = Shell(json=json)
    with Attempt(shell, Connection(emulator=True, json=json)) as attempt, TemporaryDirectory() as folder:
        lines = await read(prompts, Path(folder), _fit)
        positive("speed", speed)
        await storable(output / MEDIA, None)
        began = time.monotonic()
        ended = await _run_all(shell, lines, output / MEDIA, speed)
        await _show(shell, ended, output, seconds=time.monotonic() - began, speed=speed)
    return attempt.exit


def _fit(row: TaskSpec[..., Any, Any], request: object) -> None:
    weight, most = row.weight(request), SLOTS.get(row.pool)
    if most is not None and weight > most:
        raise InvalidRequest("task", f"needs {weight} slots, the demo has {most} for {row.pool}", weight)


async def _run_all(shell: Shell, lines: tuple[Line, ...], directory: Path, speed: float) -> tuple[Ended, ...]:
    from ..emulator import Emulator  # noqa: PLC0415 - an extra of its own, and slow to import

    async with (
        Emulator(slots=SLOTS, speed=speed, seed=SEED) as emulator,
        emulator.client(limits=Limits(**SLOTS), polling=Polling(max_lag=_LAG)) as kling,
    ):
        with progress(shell) as told:
            for line in lines:
                told.state(line.custom_id, "waiting")
            try:
                async with asyncio.TaskGroup() as group:
                    running = [group.create_task(_run(kling, line, directory, told)) for line in lines]
            except ExceptionGroup as several:
                raise several.exceptions[0] from None  # the others were cancelled on its account
    return tuple(each.result() for each in running)


async def _run(kling: KlingClient, line: Line, directory: Path, told: Progress) -> Ended:
    """One line from request to files. What the vendor refuses or fails to make is a result; other errors are raised."""
    endpoint: TaskMethod[..., Any, Any] = attrgetter(line.row.name)(kling)
    handle = None
    try:
        handle = await endpoint.submit(line.request)
        task = await follow(handle, line.custom_id, told)
    except PolicyError as error:
        told.state(line.custom_id, "refused")
        return Ended(line=line, failure=explain(error))
    except TaskFailed as error:
        told.state(line.custom_id, "failed")
        return Ended(line=line, ref=handle.ref if handle else None, task=error.task, failure=explain(error))
    told.state(line.custom_id, "storing")
    files = await kling.download(task, directory, name=line.name)
    told.state(line.custom_id, "done")
    return Ended(line=line, ref=handle.ref, task=task, files=tuple(files))


async def _show(shell: Shell, ended: tuple[Ended, ...], output: Path, *, seconds: float, speed: float) -> None:
    from ..batch.gallery import write  # noqa: PLC0415 - other commands do without Jinja2
    from .page import gallery, render  # noqa: PLC0415

    totals, cards = gallery(ended, output)
    page = await asyncio.to_thread(write, output / "index.html", [render(totals, cards, seconds=seconds, speed=speed)])
    if shell.json:
        for each in ended:
            shell.object(each.to_json())
        return
    for each in ended:
        if each.failure is not None:
            shell.err.print(panel(attrs.evolve(each.failure, title=f"{each.line.custom_id}: {each.failure.title}")))
    shell.note(f"{totals} in {seconds:.0f} s", style="bold")
    shell.line(str(page))
