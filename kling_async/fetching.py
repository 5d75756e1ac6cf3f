"""What `kling.download` does: waits for tasks, names their files, fetches each as soon as it can be, and sums up."""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs

from .errors import InvalidRequest, KlingError
from .handle import TaskHandle
from .media.downloads import Downloader, told
from .media.naming import own_name, slug, stem, writable
from .models import KINDS, File, Result, Task

Downloadable: TypeAlias = "Task[Any] | TaskHandle[Any] | File"
Ask: TypeAlias = Callable[[str, str], Awaitable[Task[Any]]]
"""Queries one task, by its endpoint and its id."""


async def download(
    downloader: Downloader,
    ask: Ask,
    what: Downloadable | Iterable[Downloadable],
    directory: str | os.PathLike[str],
    name: str | None,
) -> list[Path]:
    """Store the files of all that is given; see `KlingClient.download`."""
    several = isinstance(what, Iterable) and not isinstance(what, Task | TaskHandle)
    items = list(cast("Iterable[Downloadable]", what)) if several else [cast("Downloadable", what)]
    given = None if name is None else stem(name)
    for item in items:
        _check(item)
    folder = await asyncio.to_thread(writable, directory)
    taken = Counter[str]()
    # Under one name the numbers go on from item to item, so each item learns from the one before it where to start.
    starts = [asyncio.get_running_loop().create_future() for _ in range(len(items) + 1)]
    starts[0].set_result(0)

    async def fetch(at: int) -> list[Path | BaseException]:
        files: Sequence[File] = ()
        try:
            task = await _ended(items[at])
            own, files = _named(items[at], task)
        finally:
            start = await starts[at] if given else 0
            if not starts[at + 1].done():  # cancelled, where everything is being cancelled
                starts[at + 1].set_result(start + len(files))
        base = given or own
        if not given:
            start, taken[base] = taken[base], taken[base] + len(files)
        source = _Source(task, ask) if task is not None else None
        until = task.expires_at if task is not None else None
        jobs = (
            downloader.fetch(
                file, folder, f"{base}-{start + place}", renew=source.place(place) if source else None, until=until
            )
            for place, file in enumerate(files)
        )
        return await asyncio.gather(*jobs, return_exceptions=True)

    outcomes = list[Path | BaseException]()
    for ended in await asyncio.gather(*map(fetch, range(len(items))), return_exceptions=True):
        outcomes += [ended] if isinstance(ended, BaseException) else ended
    return told(outcomes)


@attrs.define(eq=False)
class _Source:
    """Where a task's files come from: asked once more at most, however many of its links have ended."""

    task: Task[Any]
    ask: Ask
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _answer: Sequence[File] | KlingError | None = attrs.field(default=None, init=False)

    def place(self, at: int) -> Callable[[], Awaitable[File | None]] | None:
        """How to get the file at one place of the result again; None where nobody knows whom to ask."""
        if not self.task.endpoint:
            return None

        async def renew() -> File | None:
            files = await self._files()
            return files[at] if at < len(files) else None

        return renew

    async def _files(self) -> Sequence[File]:
        async with self._turn:
            if self._answer is None:
                try:
                    fresh = await self.ask(self.task.endpoint, self.task.id)
                except KlingError as error:
                    self._answer = error
                else:
                    result = cast("Result | None", fresh.result)
                    self._answer = () if result is None else result.files
        if isinstance(self._answer, KlingError):
            raise copy.copy(self._answer)
        return self._answer


async def _ended(item: Downloadable) -> Task[Any] | None:
    """The task behind an item; None for a file alone."""
    if not isinstance(item, TaskHandle):
        return item if isinstance(item, Task) else None
    task = await item
    return task if task.endpoint else attrs.evolve(task, endpoint=item.endpoint)


def _named(item: Downloadable, task: Task[Any] | None) -> tuple[str, Sequence[File]]:
    """The name that comes with an item, and its files."""
    if task is None:
        file = cast("File", item)
        return own_name(file), (file,)
    result = cast("Result | None", task.result)
    if result is None:
        raise InvalidRequest("what", f"must be a finished task, this one is {task.status}", task.id)
    return slug(task.id), result.files


def _check(item: object) -> None:
    is_file = isinstance(getattr(item, "url", None), str) and getattr(item, "kind", None) in KINDS
    if not (isinstance(item, Task | TaskHandle) or is_file):
        raise InvalidRequest("what", "must be tasks, handles or files such as task.result.images[0]", item)
