"""One thread that writes a journal: it takes all changes that wait, commits them at once, and only then says so.

A commit that fails fails all that was in it, and nothing of it is written. If it was for want of room, the next may
succeed; after anything else nobody knows what the disk holds, and nothing is written any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from ..errors import JournalError, KlingError
from ..media.durable import Point
from .changes import Transaction
from .store import primary, told

_TOGETHER: Final = 1000
"""Changes of one commit at most."""
_PASSING: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY})
"""After these nothing is written, and everything is as it was."""


class Change(NamedTuple):
    """Something to be written."""

    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any] | None
    """None where nobody waits."""
    alone: bool = False
    """Whether it has a commit of its own: because it is long, or expected to fail, which is nobody else's trouble."""


class Question(NamedTuple):
    """Something to be read."""

    ask: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]


Job: TypeAlias = Change | Question
Answer: TypeAlias = tuple[asyncio.Future[Any] | None, Any, BaseException | None]


class Store(Protocol):
    """The file, as the thread needs it."""

    path: Path

    def open(self) -> sqlite3.Connection:
        """Become its owner."""
        ...

    def see(self) -> None:
        """Raise `JournalError` if it is not there any more."""
        ...

    def close(self, connection: sqlite3.Connection) -> None:
        """Be it no more."""
        ...


class Writer:
    """The thread, and what waits for it."""

    def __init__(self, store: Store, *, now_ms: Callable[[], int], point: Point) -> None:
        self.commits: int = 0
        self.writes: int = 0
        self.trouble: BaseException | None = None
        """Why a change failed that nobody waited for."""
        self._store = store
        self._now_ms = now_ms
        self._point = point
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._held: Job | None = None
        self._broken: JournalError | None = None
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="kling_async-journal", daemon=True)

    async def open(self) -> None:
        """Start the thread, which opens the file; raises what that raised."""
        self._thread.start()
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Do all that waits, and end. May be called twice."""
        self._queue.put(None)
        await asyncio.shield(self._closed)
        self._thread.join()

    def put(self, job: Job) -> None:
        """Have something done."""
        self._queue.put(job)

    def _run(self) -> None:
        try:
            connection = self._store.open()
        except BaseException as error:  # noqa: BLE001 - raised where the journal is being opened
            self._answer([(self._opened, None, error), (self._closed, None, None)])
            return
        self._answer([(self._opened, None, None)])
        ended: BaseException | None = None
        try:
            while (jobs := self._waiting()) is not None:
                try:
                    self._do(connection, jobs)
                except BaseException as error:  # noqa: BLE001 - raised to those who were not answered
                    self._answer(_failed(jobs, error))
            self._store.close(connection)
        except sqlite3.Error as error:
            ended = told(self._store.path, error)
        except BaseException as error:  # noqa: BLE001 - raised where the journal is being closed
            ended = error
        self._answer([(self._closed, None, ended)])

    def _waiting(self) -> list[Job] | None:
        """What is to be done together; None at the end."""
        job, self._held = self._held, None
        if job is None:
            job = self._queue.get()
        if job is None:
            return None
        jobs = [job]
        with contextlib.suppress(Empty):
            while not _alone(job) and len(jobs) < _TOGETHER:
                job = self._queue.get_nowait()
                if job is None:
                    self._queue.put(None)  # the end comes after these
                    break
                if _alone(job):
                    self._held = job
                    break
                jobs.append(job)
        return jobs

    def _do(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        changes = [job for job in jobs if isinstance(job, Change)]
        if changes:
            self._answer(self._written(connection, changes))
        for job in jobs:
            if isinstance(job, Question):
                self._answer([self._asked(connection, job)])

    def _asked(self, connection: sqlite3.Connection, job: Question) -> Answer:
        try:
            return job.future, job.ask(connection), None
        except sqlite3.Error as error:
            return job.future, None, told(self._store.path, error)
        except BaseException as error:  # noqa: BLE001 - raised where the question was asked
            return job.future, None, error

    def _written(self, connection: sqlite3.Connection, jobs: list[Change]) -> list[Answer]:
        """Write all and commit once."""
        try:
            self._store.see()
        except JournalError as error:
            self._broken = self._broken or error
        if self._broken is not None:
            return _failed(jobs, self._broken)
        it = Transaction(connection, self._now_ms())
        try:
            connection.execute("BEGIN IMMEDIATE")
            answers = self._changed(it, jobs)
            for mark in sorted(it.marks):
                self._point(f"{mark}.before_commit")
            connection.execute("COMMIT")
            self.commits += 1
            self.writes += it.writes
            for mark in sorted(it.marks):
                self._point(f"{mark}.after_commit")
        except sqlite3.Error as error:
            trouble = told(self._store.path, error)
            if primary(error) not in _PASSING:
                self._broken = trouble
            answers = _failed(jobs, trouble)
        except BaseException as error:  # noqa: BLE001 - raised where the changes were asked for
            answers = _failed(jobs, error)
        self._undo(connection)
        return answers

    def _changed(self, it: Transaction, jobs: list[Change]) -> list[Answer]:
        try:
            return [(job.future, job.work(it), None) for job in jobs]
        except sqlite3.IntegrityError:
            pass
        except sqlite3.Error:
            raise
        except Exception:
            if len(jobs) == 1:
                raise
        # One of them cannot be: from the beginning, each so that it can be undone alone.
        it.connection.execute("ROLLBACK")
        it.connection.execute("BEGIN IMMEDIATE")
        it.marks.clear()
        it.writes = 0
        return [self._apart(it, job) for job in jobs]

    def _apart(self, it: Transaction, job: Change) -> Answer:
        it.connection.execute("SAVEPOINT one")
        before = it.marks.copy(), it.writes
        try:
            value = job.work(it)
        except sqlite3.IntegrityError as error:
            trouble: Exception = told(self._store.path, error)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - raised where the change was asked for
            trouble = error
        else:
            it.connection.execute("RELEASE one")
            return job.future, value, None
        it.connection.execute("ROLLBACK TO one")
        it.connection.execute("RELEASE one")
        it.marks, it.writes = before
        return job.future, None, trouble

    def _undo(self, connection: sqlite3.Connection) -> None:
        """After a failure nothing of it is left, not even a lock."""
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._broken = told(self._store.path, error)

    def _answer(self, answers: list[Answer]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._resolve, answers)
        except RuntimeError:  # the loop has ended, and with it whoever there was to be told
            self._queue.put(None)

    def _resolve(self, answers: list[Answer]) -> None:
        for future, value, error in answers:
            if future is None:
                if error is not None and self.trouble is None:
                    self.trouble = error
            elif future.done():
                continue  # who waited has left
            elif error is None:
                future.set_result(value)
            else:
                # One failure may be that of many, each of whom adds a traceback.
                future.set_exception(copy.copy(error) if isinstance(error, KlingError) else error)


def _alone(job: Job) -> bool:
    return isinstance(job, Change) and job.alone


def _failed(jobs: Sequence[Job], error: BaseException) -> list[Answer]:
    return [(job.future, None, error) for job in jobs]
