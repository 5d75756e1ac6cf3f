"""Follows the tasks of one endpoint for whoever waits for them: asks, pushes the news into handles, wakes nobody else.

One task per endpoint however many handles, and a few more while questions are under way; no timer per handle. It exists
only while somebody waits. A question that fails never fails a handle while the vendor may recover: the endpoint pauses,
then a single question probes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import attrs

from ..errors import ABOUT_ALL, ClientClosed, ConnectionFailed, KlingError, ResponseError, TaskLost, TaskNotFound
from ..handle import TaskHandle
from ..models import Task
from ..options import Polling
from ..protocol.endpoint import Pool
from ..transport.engine import asked_pause, may_pass
from .schedule import Schedule

log: Final = logging.getLogger("kling_async.polling")

Ask: TypeAlias = Callable[[TaskHandle[Any]], Awaitable[Task[Any]]]
"""Asks the vendor once, without repeating."""

_AT_ONCE: Final = 16
"""Questions under way at most."""
_LONGEST_PAUSE: Final = 30.0
_LONGEST_MISS: Final = 8.0
_NONSENSE: Final = 5
"""Unreadable answers in a row after which one task's waiters are told."""


@attrs.define(eq=False)
class _Watched:
    """A handle under watch. Replaced, never reused: a heap entry whose `_Watched` is not current is stale."""

    handle: TaskHandle[Any]
    missed_since: float | None = None
    misses: int = 0
    nonsense: int = 0


class Watcher:
    """Follows the tasks of one endpoint."""

    def __init__(
        self, name: str, pool: Pool, ask: Ask, *, schedule: Schedule, polling: Polling, random: random.Random
    ) -> None:
        self._name = name
        self._pool: Pool = pool
        self._ask_vendor = ask
        self._schedule = schedule
        self._polling = polling
        self._random = random
        self._watched: dict[TaskHandle[Any], _Watched] = {}
        self._due: list[tuple[float, int, _Watched]] = []
        self._order = itertools.count()
        self._questions: set[asyncio.Task[None]] = set()
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._resume = 0.0

    def watch(self, handle: TaskHandle[Any]) -> None:
        """Follow a handle from now on; nothing happens if it is followed already."""
        if handle in self._watched:
            return
        loop = asyncio.get_running_loop()
        if handle.born is None:
            handle.born = loop.time()
        watched = self._watched[handle] = _Watched(handle)
        unseen = handle.latest is None
        self._put(watched, 0.0 if unseen else self._schedule.gap(self._pool, loop.time() - handle.born))
        if self._task is None or self._task.done():
            self._wake = asyncio.Event()
            self._task = loop.create_task(self._run(self._wake), name=f"kling_async watcher of {self._name}")
        elif self._wake is not None:
            self._wake.set()

    def unwatch(self, handle: TaskHandle[Any]) -> None:
        """Follow a handle no longer."""
        if self._watched.pop(handle, None) is not None and self._wake is not None:
            self._wake.set()

    async def close(self, error: KlingError) -> None:
        """End at once: every waiter gets *error*, nothing stays behind."""
        self._abandon(error)
        tasks = [*self._questions, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _put(self, watched: _Watched, pause: float) -> None:
        due = asyncio.get_running_loop().time() + pause
        heapq.heappush(self._due, (due, next(self._order), watched))

    async def _run(self, wake: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._watched:
                wake.clear()
                until = self._start_questions(loop.time())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await wake.wait()
        except BaseException as error:  # a mistake of ours, or somebody who cancels all tasks there are
            self._abandon(error if isinstance(error, Exception) else ClientClosed("the watching was cancelled"))
            raise
        finally:
            self._due.clear()  # whoever is watched next starts a new run, with dues of its own

    def _abandon(self, error: Exception) -> None:
        """Leave nobody waiting for an answer that will not come; handles can be awaited again."""
        for handle in tuple(self._watched):
            self._watched.pop(handle, None)
            handle.fail(error)

    def _start_questions(self, now: float) -> float | None:
        """Ask what is due, as far as there is room; returns when to look again, None for "when woken"."""
        room = 1 if self._failures else _AT_ONCE
        while self._due:
            due, _, watched = self._due[0]
            if self._watched.get(watched.handle) is not watched:
                heapq.heappop(self._due)
                continue
            due = max(due, self._resume)
            if due > now:
                return due
            if len(self._questions) >= room:
                return None
            heapq.heappop(self._due)
            question = asyncio.create_task(self._ask(watched), name=f"kling_async query of {self._name}")
            self._questions.add(question)
            question.add_done_callback(self._answered)
        return None

    def _answered(self, question: asyncio.Task[None]) -> None:
        self._questions.discard(question)
        if self._wake is not None:
            self._wake.set()

    async def _ask(self, watched: _Watched) -> None:
        handle, since = watched.handle, self._resume
        try:
            task = await self._ask_vendor(handle)
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                if self._watched.pop(handle, None) is not None:
                    handle.fail(ClientClosed("the query was cancelled"))
                raise
            # Not this task was cancelled, but something it waited for: a provider of keys, say.
            self._failed(watched, ConnectionFailed("something that the query waited for was cancelled"), since)
        except TaskNotFound:
            self._failures = 0
            self._missed(watched)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait, not to this task
            self._failed(watched, error, since)
        else:
            self._failures, watched.missed_since, watched.misses, watched.nonsense = 0, None, 0, 0
            handle.push(task)
            if handle.done:
                self._watched.pop(handle, None)
            else:
                self._put(watched, self._schedule.gap(self._pool, self._age(handle)))

    def _missed(self, watched: _Watched) -> None:
        """The vendor says there is no such task: perhaps not yet, perhaps for good."""
        now = asyncio.get_running_loop().time()
        if watched.missed_since is None:
            watched.missed_since = now
        missing = now - watched.missed_since
        if missing < self._polling.patience:
            pause = min(_LONGEST_MISS, 2.0**watched.misses)
            watched.misses += 1
            self._put(watched, min(pause, self._polling.patience - missing))
            return
        self._watched.pop(watched.handle, None)
        log.error("task %s is lost: the vendor has not known it for %.0f s", watched.handle.ref.to_json(), missing)
        watched.handle.fail(TaskLost(watched.handle.ref, seconds=missing))

    def _failed(self, watched: _Watched, error: Exception, since: float) -> None:
        watched.nonsense = watched.nonsense + 1 if isinstance(error, ResponseError) else 0
        if not may_pass(error) or watched.nonsense >= _NONSENSE:
            # Of a refusal that is about the account, the others would hear the same.
            for handle in tuple(self._watched) if isinstance(error, ABOUT_ALL) else (watched.handle,):
                self._watched.pop(handle, None)
                handle.fail(error)
            return
        if since == self._resume:  # else others asked at the same time, and the pause for this trouble is set
            pause = self._random.uniform(0.5, 1.0) * min(_LONGEST_PAUSE, 2.0**self._failures)
            pause = max(pause, asked_pause(error) or 0.0)
            self._failures += 1
            self._resume = asyncio.get_running_loop().time() + pause
            log.info("a query of %s failed (%s), going on in %.1f s", self._name, error, pause)
        self._put(watched, max(0.0, self._resume - asyncio.get_running_loop().time()))

    def _age(self, handle: TaskHandle[Any]) -> float:
        now = asyncio.get_running_loop().time()
        return now - (handle.born if handle.born is not None else now)
