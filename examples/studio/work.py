"""What a worker does for the tasks it has: starts them, follows them, fetches what they made, notes all of it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from kling_async import ClientClosed, DuplicateTask, KlingClient, KlingError, TaskHandle, TaskRef
from kling_async.integrations.problems import problem

from .kinds import request
from .store import LEASE, Row, Store

_BEAT: Final = 2.0
"""Seconds between two looks for tasks that nobody follows."""
_TYPES: Final[Mapping[str, str]] = {
    ".mp4": "video",
    ".mov": "video",
    ".webm": "video",
    ".mp3": "audio",
    ".wav": "audio",
}


class Work:
    """The tasks of one worker."""

    def __init__(self, kling: KlingClient, store: Store, folder: Path) -> None:
        self._kling, self._store, self._folder = kling, store, folder
        self._running = dict[int, asyncio.Task[None]]()

    async def order(self, kind: str, prompt: str, options: Mapping[str, object]) -> Row:
        """Note a task and start it; raises `InvalidRequest` for one that cannot be."""
        external_id = f"studio-{uuid.uuid4().hex}"
        request(kind, prompt, options, external_id)
        now = time.time()
        row = await self._store.add(
            {
                "external_task_id": external_id,
                "kind": kind,
                "prompt": prompt,
                "options": json.dumps(dict(options)),
                "created": now,
                "leased": now + LEASE,
            }
        )
        self._start(row)
        return row

    async def run(self) -> None:
        """Keep the leases, and take over what a worker that is gone has left; until cancelled."""
        try:
            while True:
                now = time.time()
                if self._running:
                    await self._store.renew(self._running, now + LEASE)
                for row in await self._store.adopt(now, now + LEASE):
                    if row["id"] not in self._running:  # it is ours: this worker was too slow to keep it
                        self._start(row)
                await asyncio.sleep(_BEAT)
        finally:
            await self._stop()

    def _start(self, row: Row) -> None:
        task = asyncio.create_task(self._make(row), name=f"studio task {row['id']}")
        self._running[row["id"]] = task
        task.add_done_callback(lambda _: self._running.pop(row["id"], None))

    async def _stop(self) -> None:
        left = dict(self._running)
        for task in left.values():
            task.cancel()
        if left:
            await asyncio.wait(left.values())
            await self._store.renew(left, 0.0)  # for whoever comes next

    async def _make(self, row: Row) -> None:
        """One task, from wherever it stands to its end. What goes wrong is shown in its place."""
        try:
            handle = await self._handle(row)
            await self._follow(row, handle)
        except ClientClosed:
            pass  # the worker stops; another takes over
        except KlingError as error:
            told = problem(error, safe=True).body
            await self._store.change(
                row["id"], state="failed", message=f"{told['title']}: {told['detail']}", ended=time.time()
            )

    async def _handle(self, row: Row) -> TaskHandle[Any]:
        """The task at the vendor's: as it was noted, or as it is made now, under an id that cannot be used twice."""
        if row["ref"] is not None:
            return self._kling.attach(TaskRef.from_json(row["ref"]))
        made = request(row["kind"], row["prompt"], json.loads(row["options"]), row["external_task_id"])
        endpoint = attrgetter(row["kind"])(self._kling)
        try:
            handle: TaskHandle[Any] = await endpoint.submit(made)
        except DuplicateTask:  # a worker that is gone had sent it
            handle = endpoint.attach(external_task_id=row["external_task_id"])
        await self._store.change(row["id"], ref=handle.ref.to_json())
        return handle

    async def _follow(self, row: Row, handle: TaskHandle[Any]) -> None:
        async for task in handle.updates():
            if task.status == "failed":
                message = task.message or "Kling gave no reason."
                await self._store.change(row["id"], state="failed", message=message, ended=time.time())
                return
            if not task.status.final:
                expected = None if handle.eta is None else time.time() + handle.eta
                await self._store.change(row["id"], state=str(task.status), expected=expected)
        await self._store.change(row["id"], state="storing")
        folder = self._folder / str(row["id"])
        paths = await self._kling.download(handle, folder, name="file")
        files = [{"url": f"/files/{row['id']}/{path.name}", "type": _TYPES.get(path.suffix, "image")} for path in paths]
        units = None if handle.latest is None or handle.latest.units is None else str(handle.latest.units)
        await self._store.change(row["id"], state="done", files=json.dumps(files), units=units, ended=time.time())
