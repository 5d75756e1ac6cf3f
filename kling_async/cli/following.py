"""From a handle to files on disk: waits with progress, then stores. What ends the waiting ends nothing else."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ..client import KlingClient
from ..errors import KlingError, TaskTimeout
from ..handle import TaskHandle
from ..models import Task, TaskStatus
from .answers import facts
from .present import addresses, as_json, summary
from .progress import Progress, Relay, progress
from .shell import Shell

WORDS = {TaskStatus.SUCCEED: "done", TaskStatus.UNKNOWN: "waiting"}


async def follow(handle: TaskHandle[Any], name: str, told: Progress, timeout: float | None = None) -> Task[Any]:
    """Wait for the end and tell every change. Raises what `TaskHandle.wait` raises."""
    told.state(name, WORDS.get(handle.status, handle.status), handle.eta)
    limit = asyncio.timeout(timeout)
    try:
        async with limit, aclosing(handle.updates()) as updates:
            async for snapshot in updates:
                if not snapshot.status.final or snapshot.status is TaskStatus.FAILED:
                    told.state(name, WORDS.get(snapshot.status, snapshot.status), handle.eta)
        return await handle
    except TimeoutError:
        told.state(name, "stopped")
        if limit.expired() and timeout is not None:
            raise TaskTimeout(handle, timeout) from None
        raise
    except asyncio.CancelledError:
        told.state(name, "stopped")
        raise


async def finish(
    kling: KlingClient,
    handle: TaskHandle[Any],
    shell: Shell,
    relay: Relay,
    *,
    timeout: float | None,
    directory: Path | None,
    name: str | None = None,
) -> None:
    """Wait, store in *directory* if there is one, and print the paths, else the addresses."""
    label = f"{handle.endpoint} {handle.id or handle.external_task_id}"
    files: list[Path] = []
    with progress(shell) as told:
        relay.told = told
        task = await follow(handle, label, told, timeout)
        if directory is not None:
            told.state(label, "storing")
            try:
                files = await kling.download(task, directory, name=name)
            except KlingError:
                told.state(label, "failed")
                raise
        told.state(label, "done")
    if shell.json:
        shell.object(as_json(handle.ref, task, files))
        return
    shell.note(summary(task))
    for fact in facts(task.result):
        shell.note(fact)
    for each in map(str, files) if directory is not None else addresses(task):
        shell.line(each)
