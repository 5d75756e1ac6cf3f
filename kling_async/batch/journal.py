"""The journal of batches: what must not be forgotten, on disk before it is acted upon.

`Journal` is the one owner of a file and writes it; `Reader` looks at it from anywhere, meanwhile or afterwards. What
`Journal.step` returned for is on disk, also after the power has failed, where the disk keeps what it was told to.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

from ..errors import InvalidRequest, JournalError
from ..media.durable import Point, nothing
from ..protocol.endpoint import Pool
from . import bulk, changes, queries
from .changes import Fields, Transaction
from .items import Added, ItemError
from .owner import MOUNTS, is_owned
from .queries import BatchRow, Count, KindCount, Planned, TaskRow
from .schema import STEPS, Steps
from .states import BY_EVENT, FINAL, Cause, State
from .store import OwnedFile, owner_pid, read_only, told
from .writer import Change, Job, Question, Writer

T = TypeVar("T")

log: Final = logging.getLogger("kling_async.batch")

_LAZY: Final = 1.0
"""Seconds within which a change that nobody waits for is on disk."""
_LATER: Final = frozenset(each.cause for each in BY_EVENT.values() if not each.durable)


def _real(path: str | os.PathLike[str]) -> Path:
    """Where a file is: two names for one journal are one journal, with one owner."""
    return Path(os.path.realpath(path))


class Journal:
    """A journal, for the one who writes it. All its calls belong to one event loop."""

    def __init__(self, path: Path, writer: Writer) -> None:
        """For `open`."""
        self.path: Final = path
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._lazy: list[Change] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        now_ms: Callable[[], int],
        point: Point = nothing,
        steps: Steps = STEPS,
        mounts: Path = MOUNTS,
    ) -> Self:
        """
        Become the owner of a file, which is made if there is none, and brought up to this version.

        *now_ms*: Unix milliseconds, for what is written. Raises `JournalError` where the file is in use, damaged, of a
        newer version or no journal, cannot be written, or is not on a disk of this machine.
        """
        place = _real(path)
        writer = Writer(OwnedFile(place, steps, mounts), now_ms=now_ms, point=point)
        await writer.open()
        return cls(place, writer)

    async def close(self) -> None:
        """Write what waits, and let go of the file. May be called twice."""
        self._closed = True
        self._flush()
        await self._writer.close()
        trouble, self._writer.trouble = self._writer.trouble, None
        if trouble is not None:  # nobody is left to raise it to; it was something that is found out again
            log.warning("%s was closed without something that was told by the way: %s", self.path, trouble)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def commits(self) -> int:
        """Transactions so far."""
        return self._writer.commits

    @property
    def writes(self) -> int:
        """Changes so far."""
        return self._writer.writes

    async def enter(self, name: str, *, account: str, options: Mapping[str, Any]) -> BatchRow:
        """Make the batch of a name, or take it up; `JournalError` if it was begun with another account."""
        return await self._change(partial(bulk.enter, name=name, account=account, options=options), alone=True)

    async def recover(self) -> int:
        """Before anything else after a start: what was being submitted is unknown. Returns how many that were."""
        return await self._change(bulk.recover)

    async def plan(self, batch: BatchRow, rows: Callable[[], Iterator[Planned]]) -> Added:
        """
        Take over the rows of a manifest, all or none. *rows* is called, and read, in the thread that writes.

        Raises `ManifestError` with all rows that are known by their custom_id and have changed since.
        """
        return await self._change(partial(bulk.plan, into=batch, rows=rows), alone=True)

    async def step(self, seq: int, cause: Cause, **fields: Unpack[Fields]) -> State:
        """
        One thing happens to a task; on disk when this returns.

        Raises `IllegalTransition` where it cannot happen, and `JournalError` where it cannot be written: then it has
        not happened. A caller who is cancelled leaves it to be written all the same.
        """
        return await self._change(partial(changes.step, seq=seq, cause=cause, fields=fields))

    def later(self, seq: int, cause: Cause, **fields: Unpack[Fields]) -> None:
        """
        The same for what a crash may take away, with the next commit or in a second; nobody waits for it.

        If it fails, the next call that writes raises why.
        """
        if cause not in _LATER:
            raise ValueError(f"{cause} must be on disk before anything else is done")
        self._lazy.append(Change(partial(changes.step, seq=seq, cause=cause, fields=fields), None))
        if self._timer is None:
            self._timer = self._loop.call_later(_LAZY, self._flush)

    async def stored(self, seq: int, idx: int, *, path: Path, bytes: int, sha256: str) -> State | None:  # noqa: A002 - as in Artifact
        """One file is on disk. Returns the state of the task if that was the last one."""
        return await self._change(partial(changes.stored, seq=seq, idx=idx, path=path, size=bytes, sha256=sha256))

    async def expired(self, seq: int, idx: int, *, error: ItemError) -> State | None:
        """One file cannot be had any more, which the task says as *error*. Returns its state if that was the last."""
        return await self._change(partial(changes.expired, seq=seq, idx=idx, error=error))

    async def artifact(self, seq: int, idx: int, *, url: str, expires_ms: int | None) -> None:
        """One file has a fresh link."""
        await self._change(partial(changes.relinked, seq=seq, idx=idx, url=url, expires_ms=expires_ms))

    async def retry(self, batch: BatchRow, states: Collection[State], custom_ids: Collection[str] | None = None) -> int:
        """Plan a new generation of tasks that ended in one of these states; returns of how many."""
        for state in states:
            if state not in FINAL:
                raise InvalidRequest("states", f"must be among {', '.join(sorted(FINAL))}", str(state))
        return await self._change(partial(bulk.retry, into=batch, states=states, custom_ids=custom_ids))

    async def cancel(self, batch: BatchRow, custom_ids: Collection[str] | None = None, *, error: ItemError) -> int:
        """Refuse what is planned, with *error* for a reason; returns how many that were."""
        return await self._change(partial(bulk.cancel, batch_id=batch.id, custom_ids=custom_ids, error=error))

    async def next(self, batch: BatchRow, pool: Pool, limit: int, *, without: Collection[int] = ()) -> list[TaskRow]:
        """Planned tasks, by priority and then as in the manifest, but for those *without* (numbers)."""
        return await self.read(
            partial(queries.planned, batch_id=batch.id, pool=pool, limit=limit, without=frozenset(without))
        )

    async def unfinished(
        self, batch: BatchRow, states: Iterable[State], after: int = 0, limit: int = 500
    ) -> list[TaskRow]:
        """Tasks in these states with a number above *after*, in the order of their numbers; with their files."""
        return await self.read(
            partial(queries.tasks, batch_id=batch.id, states=tuple(states), after=after, limit=limit)
        )

    async def newest(self, batch: BatchRow, custom_id: str) -> TaskRow | None:
        """The newest generation of one task."""
        return await self.read(partial(queries.newest, batch_id=batch.id, custom_id=custom_id))

    async def counts(self, batch: BatchRow) -> list[Count]:
        """How many tasks of each pool are in which state, and what they cost."""
        return await self.read(partial(queries.counts, batch_id=batch.id))

    async def kinds(self, batch: BatchRow) -> list[KindCount]:
        """What is planned, alike tasks together."""
        return await self.read(partial(queries.kinds, batch_id=batch.id))

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask something in the thread that writes, after all that was to be written before; it should not take long."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._put(Question(question, future))
        return await future

    async def _change(self, change: Callable[[Transaction], T], *, alone: bool = False) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        trouble, self._writer.trouble = self._writer.trouble, None
        if trouble is not None:
            raise trouble
        self._put(Change(change, future, alone))
        return await future

    def _put(self, job: Job) -> None:
        if self._closed:
            raise JournalError(f"{self.path}: the journal is closed")
        if self._lazy:
            self._flush()
        self._writer.put(job)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for job in self._lazy:
            self._writer.put(job)
        self._lazy.clear()


class Reader:
    """A journal, for those who only look: another process, while the owner writes or when there is none. Blocking."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """For `open`."""
        self.path: Final = path
        self._connection = connection

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, steps: Steps = STEPS) -> Self:
        """Look at a file; `JournalError` if there is none, or it is damaged, of another version or no journal."""
        place = _real(path)
        return cls(place, read_only(place, steps))

    def close(self) -> None:
        """May be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def batches(self) -> list[BatchRow]:
        """All of them, the oldest first."""
        return self.read(queries.batches)

    def counts(self, batch: BatchRow) -> list[Count]:
        """How many tasks of each pool are in which state, and what they cost."""
        return self.read(partial(queries.counts, batch_id=batch.id))

    def kinds(self, batch: BatchRow) -> list[KindCount]:
        """What is planned, alike tasks together."""
        return self.read(partial(queries.kinds, batch_id=batch.id))

    def items(
        self, batch: BatchRow, after: int = 0, limit: int = 500, states: Iterable[State] | None = None
    ) -> list[TaskRow]:
        """Tasks with a number above *after*, in the order of their numbers; only the newest generation of each."""
        wanted = tuple(State) if states is None else tuple(states)
        return self.read(partial(queries.tasks, batch_id=batch.id, states=wanted, after=after, limit=limit))

    def newest(self, batch: BatchRow, custom_id: str) -> TaskRow | None:
        """The newest generation of one task."""
        return self.read(partial(queries.newest, batch_id=batch.id, custom_id=custom_id))

    def owner(self) -> int | None:
        """The process that writes it just now; None if there is none."""
        return self.read(owner_pid) if is_owned(self.path) else None

    def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask something."""
        try:
            return question(self._connection)
        except sqlite3.Error as error:
            raise told(self.path, error) from error
