"""What `kling.download` does: waits for tasks, names their files, fetches each as soon as it can be, and sums up.

A name tells which item and which of its files, and never how many others there are or what became of them: what is
stored again lands on itself.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs

from .errors import DownloadError, InvalidRequest, KlingError
from .handle import TaskHandle
from .media.downloads import Downloader
from .media.naming import own_name, slug, stem, writable
from .models import KINDS, File, Result, Task, succeeded
from .wording import masked

Downloadable: TypeAlias = "Task[Any] | TaskHandle[Any] | File | Result"
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
    several = isinstance(what, Iterable) and not isinstance(what, str | bytes | Task | TaskHandle)
    items = list(cast("Iterable[Downloadable]", what)) if several else [cast("Downloadable", what)]
    given = None if name is None else stem(name)
    for item in items:
        _check(item)
    folder = await asyncio.to_thread(writable, directory)
    taken = Counter[str]()

    def numbered(own: str) -> str:
        taken[own] += 1
        return f"{own}-{taken[own] - 1}"

    async def fetch(at: int) -> list[Path | BaseException]:
        item = items[at]
        task = await _ended(item)
        files = _files(item, task)
        if given is None:
            names = [numbered(_own(item, task, file)) for file in files]
        elif not several:
            names = [f"{given}-{place}" for place in range(len(files))]
        elif _is_file(item):
            names = [f"{given}-{at}"]
        else:
            names = [f"{given}-{at}-{place}" for place in range(len(files))]
        source = Source(task, ask, files) if task is not None else None
        until = task.expires_at if task is not None else None
        jobs = (
            downloader.fetch(file, folder, names[place], renew=source.place(place) if source else None, until=until)
            for place, file in enumerate(files)
        )
        return await asyncio.gather(*jobs, return_exceptions=True)

    outcomes = list[Path | BaseException]()
    for ended in await asyncio.gather(*map(fetch, range(len(items))), return_exceptions=True):
        outcomes += [ended] if isinstance(ended, BaseException) else ended
    return _told(outcomes)


@attrs.define(eq=False)
class Source:
    """Where a task's files come from: asked once more at most, however many of its links have ended."""

    task: Task[Any]
    ask: Ask
    known: Sequence[File]
    """Its files as they are named, one of which may be missing in another answer, where its row was odd."""
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _answer: Sequence[File] | KlingError | None = attrs.field(default=None, init=False)

    def place(self, at: int) -> Callable[[], Awaitable[File | None]] | None:
        """How to get the file at one place of the result again; None where nobody knows whom to ask."""
        if not self.task.endpoint:
            return None

        async def renew() -> File | None:
            files = await self._files()
            same = [file for file in files if _address(file) == _address(self.known[at])]
            if len(same) == 1:
                return same[0]
            return files[at] if len(files) == len(self.known) else None

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


def _address(file: File) -> str:
    """Where a link leads, whatever it is signed with."""
    return file.url.partition("?")[0]


async def _ended(item: Downloadable) -> Task[Any] | None:
    """The task behind an item; None for a file alone."""
    if not isinstance(item, TaskHandle):
        return item if isinstance(item, Task) else None
    task = await item
    return task if task.endpoint else attrs.evolve(task, endpoint=item.endpoint)


def _files(item: Downloadable, task: Task[Any] | None) -> Sequence[File]:
    """What there is to store of an item, in the vendor's order."""
    if task is None:
        return (cast("File", item),) if _is_file(item) else cast("Result", item).files
    if not task.status.final:
        raise InvalidRequest("what", f"must be a finished task, this one is {task.status}", task.id)
    return cast("Result", succeeded(task).result).files


def _own(item: Downloadable, task: Task[Any] | None, file: File) -> str:
    """The name that comes with a file: of its task or its session, else its own."""
    if task is not None:
        return slug(task.id)
    session = None if _is_file(item) else getattr(item, "session_id", None)
    return slug(session) if isinstance(session, str) and session else own_name(file)


def _is_file(item: object) -> bool:
    return isinstance(getattr(item, "url", None), str) and getattr(item, "kind", None) in KINDS


def _check(item: object) -> None:
    files = getattr(item, "files", None)
    holds_files = isinstance(files, tuple) and all(map(_is_file, cast("tuple[object, ...]", files)))
    if isinstance(item, Task | TaskHandle) or _is_file(item) or holds_files:
        return
    rule = "must be tasks, handles, results or files such as task.result.images[0]"
    if isinstance(item, str):  # most likely the link of a file, which is as good as a key
        raise InvalidRequest("what", f"{rule}, not the address of one", masked(item))
    raise InvalidRequest("what", rule, item)


def _told(outcomes: Iterable[Path | BaseException]) -> list[Path]:
    """
    The paths, where all went well.

    One failure alone is raised as it is; of several things some of which succeeded, a `DownloadError` tells of all.
    """
    done, failed = list[Path](), list[Exception]()
    for outcome in outcomes:
        if isinstance(outcome, Path):
            done.append(outcome)
        elif isinstance(outcome, Exception):
            failed.append(outcome)
        else:
            raise outcome
    if len(failed) == 1 and not done:
        raise failed[0]
    if failed:
        summary = f"{len(failed)} of {len(failed) + len(done)} could not be stored; first: {failed[0]}"
        raise DownloadError(summary, done=done, failed=[_as_download_error(each) for each in failed])
    return done


def _as_download_error(error: Exception) -> DownloadError:
    if isinstance(error, DownloadError):
        return error
    wrapped = DownloadError(str(error))
    wrapped.__cause__ = error
    return wrapped
