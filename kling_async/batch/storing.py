"""Results on their way to the disk, those whose links end first before all others. File first, journal second.

A file that is gone for good is told as expired; one that cannot be had now is left for the next run. What is wrong with
the disk is wrong for all, and stops everything.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from ..core import Inside
from ..errors import ClientClosed, DownloadError, ExpiredResult, TaskNotFound, Unwritable
from ..fetching import Source
from ..media.durable import Point
from ..models import File, Task
from .items import Artifact, ItemError
from .journal import Journal
from .queries import TaskRow
from .states import State

_PAUSES: Final = (5.0, 30.0)
"""Seconds before a file that could not be had is asked for again, in this run."""
_NEVER: Final = 1 << 62


@attrs.define(eq=False)
class _Result:
    """A task whose files are on their way."""

    row: TaskRow
    files: tuple[File, ...]
    source: Source
    task: Task[Any]
    left: set[int]
    """Places of the files that are not here."""
    artifacts: dict[int, Artifact]


@attrs.define(eq=False, kw_only=True)
class Storing:
    """Stores the files of results, so many at once as the client was told."""

    inside: Inside
    journal: Journal
    directory: Path
    over: Callable[[TaskRow, State], Awaitable[None]]
    """Told of every task that is done, with its row as it is now."""
    broken: Callable[[DownloadError], None]
    """Told of a disk that takes no files."""
    news: Callable[[], None]
    """Called whenever a file is off the list, one way or another."""
    point: Point
    failed: list[DownloadError] = attrs.field(factory=list[DownloadError], init=False)
    """Why files could not be had in this run."""
    _heap: list[tuple[int, int, _Result, int]] = attrs.field(factory=list[tuple[int, int, _Result, int]], init=False)
    _order: itertools.count[int] = attrs.field(factory=itertools.count, init=False)
    _more: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _at_work: int = attrs.field(default=0, init=False)
    _stuck: bool = attrs.field(default=False, init=False)

    @property
    def waiting(self) -> int:
        """Files that wait for their turn, or are on their way; none, where the disk takes no more."""
        return self._at_work + (0 if self._stuck else len(self._heap))

    def add(self, row: TaskRow, task: Task[Any]) -> None:
        """Fetch the files of a task that succeeded; some of them may be here already."""
        files = task.result.files
        artifacts = {each.idx: each for each in row.artifacts}
        left = {idx for idx, each in artifacts.items() if each.state == "waiting" and idx < len(files)}
        result = _Result(row, files, Source(task, self.inside.task, files), task, left, artifacts)
        for idx in left:
            ends = artifacts[idx].expires_ms
            heapq.heappush(self._heap, (_NEVER if ends is None else ends, next(self._order), result, idx))
        self._more.set()

    async def work(self) -> None:
        """Store one file after the other, for ever; several of these run beside each other."""
        while True:
            while not self._heap or self._stuck:
                self._more.clear()
                await self._more.wait()
            _, _, result, idx = heapq.heappop(self._heap)
            self._at_work += 1
            try:
                await self._store(result, idx)
            finally:
                self._at_work -= 1
                self.news()

    async def _store(self, result: _Result, idx: int) -> None:
        row, artifact = result.row, result.artifacts[idx]
        for pause in (*_PAUSES, None):
            try:
                stored = await self.inside.core.downloader.store(
                    result.files[idx],
                    self.directory,
                    f"{row.name}-{idx}",
                    renew=partial(self._renewed, result, idx),
                    until=result.task.expires_at,
                    point=self.point,
                )
            except ClientClosed:
                raise
            except Unwritable as error:
                self._stuck = True
                self.failed.append(error)
                self.broken(error)
                return
            except DownloadError as error:
                if isinstance(error, ExpiredResult) and self._is_over(result.task, error):
                    await self._expired(result, idx, error)
                    return
                if pause is None:
                    self.failed.append(error)
                    return
                await asyncio.sleep(pause)
            else:
                state = await self.journal.stored(
                    row.seq, idx, path=stored.path, bytes=stored.bytes, sha256=stored.sha256
                )
                result.artifacts[idx] = attrs.evolve(
                    artifact, state="stored", path=stored.path, bytes=stored.bytes, sha256=stored.sha256
                )
                await self._took(result, idx, state)
                return

    def _is_over(self, task: Task[Any], error: ExpiredResult) -> bool:
        """Whether a file is gone for good; while the vendor keeps it, or cannot be asked, there may be a link to it."""
        until, cause = task.expires_at, error.__cause__
        asked = cause is None or isinstance(cause, TaskNotFound)
        return asked and (until is None or until <= self.inside.core.downloader.now())

    async def _renewed(self, result: _Result, idx: int) -> File | None:
        """The same file by another link, which the journal learns too."""
        ask = result.source.place(idx)
        file = None if ask is None else await ask()
        if file is not None:
            await self.journal.artifact(result.row.seq, idx, url=file.url, expires_ms=ends(file, result.task))
        return file

    async def _expired(self, result: _Result, idx: int, error: ExpiredResult) -> None:
        row = result.row
        why = ItemError.of(error)
        state = await self.journal.expired(row.seq, idx, error=why)
        result.artifacts[idx] = attrs.evolve(result.artifacts[idx], state="expired")
        result.row = attrs.evolve(row, error=why)
        await self._took(result, idx, state)

    async def _took(self, result: _Result, idx: int, state: State | None) -> None:
        result.left.discard(idx)
        if state is not None:
            artifacts = tuple(result.artifacts[at] for at in sorted(result.artifacts))
            await self.over(attrs.evolve(result.row, artifacts=artifacts), state)


def ends(file: File, task: Task[Any]) -> int | None:
    """When a file cannot be had any more, in Unix milliseconds of the vendor's clock, as far as is known."""
    moments = [moment for moment in (file.expires_at, task.expires_at) if moment is not None]
    return int(min(moments).timestamp() * 1000) if moments else None
