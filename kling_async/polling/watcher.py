"""Follows the tasks of one endpoint for whoever waits for them: asks, pushes the news into handles, wakes nobody else.

One task per endpoint however many handles, and a few more while questions are under way; no timer per handle. It exists
only while somebody waits. What to ask is decided by the debts; here is what the answers mean. A question that fails
never fails a handle while the vendor may recover: the endpoint pauses, then a single question probes it. Pages save
requests and carry no guarantee: where the list is wrong, late, refused or silent, single questions do all the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections import deque
from collections.abc import Callable, Container
from typing import Any, Final, Protocol, TypeAlias

import attrs

from ..errors import ABOUT_ALL, ClientClosed, ConnectionFailed, KlingError, ResponseError, TaskLost, TaskNotFound
from ..handle import TaskHandle
from ..models import Task, TaskStatus
from ..options import Polling
from ..protocol.call import Json
from ..protocol.endpoint import Overview, status_word
from ..transport.engine import asked_pause, may_pass
from .debt import Block, Debts, Page, Plan, Single
from .durations import Durations

log: Final = logging.getLogger("kling_async.polling")

Handle: TypeAlias = TaskHandle[Any]


class Vendor(Protocol):
    """Asks once, without repeating."""

    async def one(self, handle: Handle, /) -> Task[Any]:
        """The task of a handle."""
        ...

    async def page(self, number: int, size: int, wanted: Container[str], leaving: Callable[[], None], /) -> Overview:
        """What a page of the list tells about the tasks that are wanted; *leaving* is called when the question goes."""
        ...

    def read(self, data: Json, /) -> Task[Any]:
        """The task in a row of a page. Raises `ResponseError`."""
        ...


_AT_ONCE, _PAGES_AT_ONCE = 16, 4
"""Questions under way at most."""
_AHEAD: Final = 64
"""Questions planned at most."""
_LONGEST_PAUSE: Final = 30.0
_LONGEST_MISS: Final = 8.0
_NONSENSE: Final = 5
"""Unreadable answers in a row after which one task's waiters are told."""
_PAGE_LIMIT: Final = 20.0
"""Seconds for a page, all of whose tasks wait for it; a single query has the client's time-out."""
_TROUBLES: Final = 2
"""Pages in a row that fail as anything may fail, after which lists are left alone."""
_SUSPENDED: Final = 600.0
"""Seconds for which lists are left alone; twice as long each time."""
_FORGOTTEN: Final = 6 * 3600.0
"""Seconds after which a task that nobody waits for is taken to have ended."""
_OLDEST: Final = 8
_NEVER: Final = float("inf")
_INSTANT: Final = 1e-3
"""Seconds by which a timer may be early."""
_MARGIN: Final = 1.0
"""Seconds by which a list may be late."""


@attrs.define
class _Trouble:
    """What went wrong with one task."""

    missed_since: float | None = None
    misses: int = 0
    failures: int = 0
    """Queries in a row without an answer that could be used."""
    nonsense: int = 0
    """How many of them had one that could not be read."""


class Watcher:
    """Follows the tasks of one endpoint."""

    def __init__(
        self, name: str, vendor: Vendor, *, durations: Durations, polling: Polling, random: random.Random
    ) -> None:
        self._name = name
        self._vendor = vendor
        self._polling = polling
        self._random = random
        self.debts: Debts[Handle] = Debts(
            durations, max_lag=polling.max_lag, requests_per_task=polling.requests_per_task
        )
        self.debts.lists = polling.list_pages
        self._known: dict[str, Handle] = {}
        """Handles that are watched, or hold slots, by either id; the oldest first."""
        self._troubles: dict[Handle, _Trouble] = {}
        self._questions: set[asyncio.Task[None]] = set()
        self._queue: deque[Page[Handle] | Single[Handle]] = deque()
        """What was planned and is not asked yet; planning costs more than asking where there are many."""
        self._pages = 0
        self._page_troubles = 0
        self._suspensions = 0
        self._lists_again = 0.0
        self._learned_ms = 0
        """The latest end among those of other people's tasks that the durations know of."""
        self._ahead: float | None = None
        """How far the vendor's clock is ahead of the loop's, at least."""
        self._unknown_words = set[str]()
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._again: float | None = None
        self._failures = 0
        self._resume = 0.0

    def made(self, task: Task[Any], born: float) -> float:
        """Tell of a task that was made, watched or not: it moves all others down the list. Returns its birth."""
        self._clock(task.created_ms, born)
        return self.debts.made(born)

    def keep(self, handle: Handle) -> None:
        """Know a handle that holds slots, so that whatever is heard of its task reaches it."""
        self._known.setdefault(handle.id or "", handle)
        if self.debts.hurry:
            self.watch(handle)

    def other(self, handle: Handle) -> Handle | None:
        """Another handle of the same task."""
        known = self._known.get(handle.id or "")
        return None if known is handle else known

    def forgotten(self, now: float) -> list[Handle]:
        """Handles among the oldest that nobody has asked about for so long that their tasks must be over."""
        oldest = itertools.islice(self._known.values(), _OLDEST)
        return [
            handle
            for handle in oldest
            if not self.debts.has(handle) and handle.born is not None and now - handle.born > _FORGOTTEN
        ]

    def ended(self, handle: Handle) -> None:
        """Forget a handle whose task is over."""
        if not self.debts.has(handle):
            self._forget(handle)

    def hurry(self, on: bool) -> None:  # noqa: FBT001 - the only thing there is to say
        """
        Look sooner, and at tasks that nobody awaits too: somebody waits for the slots that they hold.

        Off: as usual again.
        """
        self.debts.hurry = on
        for handle in tuple(dict.fromkeys(self._known.values())):
            if on and handle.hold is not None:
                self.watch(handle)
            elif not on and not handle.awaited:
                self.unwatch(handle)
        if self._wake is not None:
            self._wake.set()

    def watch(self, handle: Handle) -> None:
        """Follow a handle from now on; nothing happens if it is followed already."""
        if self.debts.has(handle):
            return
        loop = asyncio.get_running_loop()
        if handle.born is None and handle.latest is not None:
            handle.born = self._born(handle.latest, loop.time())
        name = handle.id or handle.external_task_id or ""
        if (known := self._known.get(name)) is not None and handle.hold is None:
            handle.hold, known.hold = known.hold, None  # of two handles of a task the one that is looked at has them
        self._known[name] = handle
        seen = None if handle.born is None else handle.place or 0.0
        self.debts.add(handle, handle.kind, loop.time() if handle.born is None else handle.born, seen)
        if self._task is None or self._task.done():
            self._wake, self._again = asyncio.Event(), None
            self._task = loop.create_task(self._run(self._wake), name=f"kling_async watcher of {self._name}")
        else:
            self._mind(handle)

    def unwatch(self, handle: Handle) -> None:
        """Follow a handle no longer, unless somebody waits for the slots that it holds."""
        if not self.debts.has(handle) or (self.debts.hurry and handle.hold is not None):
            return
        handle.place = self._remove(handle).seen
        if not self.debts and self._wake is not None:
            self._wake.set()

    def hint(self, handle: Handle) -> None:
        """Ask for a task now, because somebody says that it has ended."""
        if self.debts.has(handle) and self._wake is not None:
            self.debts.hasten(handle)
            self._wake.set()

    def eta(self, handle: Handle) -> float | None:
        """Seconds that a task goes on for in half of all cases."""
        if handle.born is None or (self.debts.curious and not self.debts.durations.known):
            return None
        return self.debts.durations.table(handle.kind).left(asyncio.get_running_loop().time() - handle.born)

    async def close(self, error: KlingError) -> None:
        """End at once: every waiter gets *error*, nothing stays behind."""
        self.debts.hurry = False
        self._abandon(error)
        self._known.clear()
        tasks = [*self._questions, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, wake: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self.debts:
                wake.clear()
                self._again = self._start_questions(loop.time())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(self._again):
                        await wake.wait()
        except BaseException as error:  # a mistake of ours, or somebody who cancels all tasks there are
            self._abandon(error if isinstance(error, Exception) else ClientClosed("the watching was cancelled"))
            raise

    def _abandon(self, error: Exception) -> None:
        """Leave nobody waiting for an answer that will not come; handles can be awaited again."""
        self._queue.clear()
        for handle in tuple(self.debts):
            self._fail(handle, error)

    def _fail(self, handle: Handle, error: Exception) -> None:
        if self.debts.has(handle):
            self._remove(handle)
            handle.fail(error)

    def _remove(self, handle: Handle) -> Block[Handle]:
        self._forget(handle)
        return self.debts.remove(handle)

    def _forget(self, handle: Handle) -> None:
        self._troubles.pop(handle, None)
        if handle.hold is not None:
            return
        for key in (handle.id, handle.external_task_id):
            if key is not None and self._known.get(key) is handle:
                del self._known[key]

    def _mind(self, handle: Handle) -> None:
        """Think again in time for a task that the last plan did not know of."""
        if self._wake is not None and (self._again is None or self.debts.nothing_before(handle) < self._again):
            self._wake.set()

    def _start_questions(self, now: float) -> float | None:
        """Ask what is due, as far as there is room; returns when to look again, None for "when woken"."""
        if now < self._resume:
            return self._resume
        if self._lists_again and now >= self._lists_again:
            self.debts.lists, self._lists_again = True, 0.0
        self._ask_queued()
        room = (1 if self._failures else _AT_ONCE) - len(self._questions)
        if room <= 0 or self._queue:
            return None
        # After a page that failed, a single query probes: if it gets an answer, it is the list that is ill.
        ill = self._failures and self._page_troubles
        plan: Plan[Handle] = self.debts.plan(now, room=1 if self._failures else _AHEAD, pages=0 if ill else _AHEAD)
        self._queue.extend((*plan.pages, *plan.singles))
        self._ask_queued()
        return plan.again

    def _ask_queued(self) -> None:
        room = (1 if self._failures else _AT_ONCE) - len(self._questions)
        while self._queue and room > 0:
            ask = self._queue[0]
            if isinstance(ask, Page):
                if self._pages >= _PAGES_AT_ONCE:
                    return
                self._pages += 1
                self._start(self._turn(ask), "page")
            elif ask.item.place is ask.block:
                self._start(self._ask(ask), "query")
            room -= 1
            self._queue.popleft()

    def _unask(self) -> None:
        """Forget what was planned: it owes what it owed."""
        while self._queue:
            self.debts.failed(self._queue.popleft())

    def _start(self, asking: Any, what: str) -> None:
        question = asyncio.create_task(asking, name=f"kling_async {what} of {self._name}")
        self._questions.add(question)
        question.add_done_callback(self._answered)

    def _answered(self, question: asyncio.Task[None]) -> None:
        self._questions.discard(question)
        if self._wake is not None:
            self._wake.set()

    # One task.

    async def _ask(self, single: Single[Handle]) -> None:
        handle, since, at = single.item, self._resume, asyncio.get_running_loop().time()
        try:
            task = await self._vendor.one(handle)
        except asyncio.CancelledError:
            self.debts.failed(single)
            if (current := asyncio.current_task()) is not None and current.cancelling():
                self._fail(handle, ClientClosed("the query was cancelled"))
                raise
            # Not this task was cancelled, but something it waited for: a provider of keys, say.
            self._failed(single, ConnectionFailed("something that the query waited for was cancelled"), since)
        except TaskNotFound:
            self._failures = 0
            self._missed(single)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait, not to this task
            self._failed(single, error, since)
        else:
            self._failures = 0
            self._clock(task.updated_ms, asyncio.get_running_loop().time())
            self._troubles.pop(handle, None)
            if not self.debts.has(handle):  # nobody waits any more, but the news are news
                handle.push(task)
                return
            if not task.status.final and handle.place is single.block:
                self.debts.looked(single, at)
                self._locate(handle, task, at)
            self._push(handle, task)
            if self.debts.has(handle):
                self._mind(handle)

    def _missed(self, single: Single[Handle]) -> None:
        """The vendor says there is no such task: perhaps not yet, perhaps for good."""
        handle, now = single.item, asyncio.get_running_loop().time()
        if handle.place is not single.block:
            self.debts.failed(single)
            return
        trouble = self._troubles.setdefault(handle, _Trouble())
        if trouble.missed_since is None:
            trouble.missed_since = now
        missing = now - trouble.missed_since
        if missing < self._polling.patience - _INSTANT:
            pause = min(_LONGEST_MISS, 2.0**trouble.misses, self._polling.patience - missing)
            trouble.misses += 1
            self.debts.failed(single, until=now + pause)
            return
        log.error("task %s is lost: the vendor has not known it for %.0f s", handle.ref.to_json(), missing)
        self._fail(handle, TaskLost(handle.ref, seconds=missing))

    def _failed(self, single: Single[Handle], error: Exception, since: float) -> None:
        handle = single.item
        watched = self.debts.has(handle)
        trouble = self._troubles.setdefault(handle, _Trouble()) if watched else _Trouble()
        trouble.failures += 1
        trouble.nonsense = trouble.nonsense + 1 if isinstance(error, ResponseError) else 0
        if not may_pass(error) or trouble.nonsense >= _NONSENSE:
            self.debts.failed(single)
            # Of a refusal that is about the account, the others would hear the same.
            for each in tuple(self.debts) if isinstance(error, ABOUT_ALL) else (handle,):
                self._fail(each, error)
            return
        self._pause(error, since)
        # A second failure may be the task's own: others probe before it, or one bad task would hold up all of them.
        rest = min(_LONGEST_PAUSE, 2.0**trouble.failures) if trouble.failures > 1 else 0.0
        self.debts.failed(single, until=self._resume + rest)

    def _pause(self, error: Exception, since: float) -> None:
        if since != self._resume:  # others asked at the same time, and the pause for this trouble is set
            return
        pause = self._random.uniform(0.5, 1.0) * min(_LONGEST_PAUSE, 2.0**self._failures)
        pause = max(pause, asked_pause(error) or 0.0)
        self._failures += 1
        self._unask()
        self._resume = asyncio.get_running_loop().time() + pause
        log.info("a query of %s failed (%s), going on in %.1f s", self._name, error, pause)

    # A page of the list.

    async def _turn(self, page: Page[Handle]) -> None:
        loop = asyncio.get_running_loop()
        since, at = self._resume, loop.time()
        try:
            async with asyncio.timeout(None) as limit:  # which does not count the wait for a turn

                def leaving() -> None:
                    limit.reschedule(loop.time() + _PAGE_LIMIT)

                overview = await self._vendor.page(page.number, page.size, self._known, leaving)
        except asyncio.CancelledError:
            self.debts.failed(page)
            if (current := asyncio.current_task()) is not None and current.cancelling():
                raise
            self._page_failed(page, ConnectionFailed("something that the query waited for was cancelled"), since)
        except ClientClosed as error:
            self._abandon(error)
        except Exception as error:  # noqa: BLE001 - the single queries that follow will meet it and tell
            self._page_failed(page, error, since)
        else:
            self._failures = self._page_troubles = 0
            self._read(page, overview, at)
        finally:
            self._pages -= 1

    def _page_failed(self, page: Page[Handle], error: Exception, since: float) -> None:
        """No page fails a handle: where all is refused, the next single query will hear it."""
        self.debts.failed(page)
        self._page_troubles += 1
        passing = (may_pass(error) and not isinstance(error, ResponseError)) or isinstance(error, TimeoutError)
        if not passing or self._page_troubles >= _TROUBLES:
            self._suspend(f"{type(error).__name__}: {error}")
        if passing:
            self._pause(error, since)

    def _suspend(self, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if not self.debts.lists:
            return
        self._lists_again = now + _SUSPENDED * 2**self._suspensions
        self._suspensions += 1
        self._page_troubles = 0
        self._unask()
        self.debts.lists = False
        log.warning("tasks of %s are asked for one by one for %.0f s: %s", self._name, self._lists_again - now, why)

    def _read(self, page: Page[Handle], overview: Overview, at: float) -> None:
        for ended_ms, duration in overview.ended:
            if ended_ms > self._learned_ms:
                self.debts.durations.ended((), 0.0, duration)
        self._learned_ms = max(self._learned_ms, *(ended_ms for ended_ms, _ in overview.ended), 0)
        # A list may be a copy. It is as new as the latest thing it tells of, by the clock that creates and single
        # queries have shown; what it says to be pending was so then, and perhaps not any more.
        known = (
            -_NEVER if self._ahead is None or overview.latest_ms is None else overview.latest_ms / 1000 - self._ahead
        )
        found = dict[Handle, int]()
        above, known_as, has = (page.number - 1) * page.size, self._known, self.debts.has
        for row, key, status, _, updated_ms, data in overview.wanted:
            handle = known_as.get(key)  # None if it ended, or was left, while the page was on its way
            if handle is None:
                continue
            latest = handle.latest
            same = latest is not None and status is latest.status and updated_ms == latest.updated_ms
            if (same or self._told(handle, data, at)) and has(handle):
                found[handle] = above + row
        self.debts.read(page, found, at, known)
        if not overview.ordered and self.debts.lists:
            log.warning(
                "the list of %s is not in the order of creation; its tasks are asked for one by one", self._name
            )
            self.debts.lists, self._lists_again = False, 0.0
            self._unask()

    def _told(self, handle: Handle, data: Json, at: float) -> bool:
        """Take in what a row tells; whether it could be read."""
        try:
            task = self._vendor.read(data)
        except ResponseError as error:
            log.info("a row of the list of %s cannot be read (%s); the task is asked for alone", self._name, error)
            return False
        self._troubles.pop(handle, None)
        if not task.status.final:
            self._locate(handle, task, at)
        self._push(handle, task)
        return True

    # Both.

    def _push(self, handle: Handle, task: Task[Any]) -> None:
        if task.status is TaskStatus.UNKNOWN and (word := status_word(task)) not in self._unknown_words:
            self._unknown_words.add(word)
            log.warning("%s has tasks in a status that is not known here, %s; they count as pending", self._name, word)
        if not task.status.final:
            self._known.setdefault(task.id, handle)  # where it was known by its external id
            handle.push(task)
            return
        if not self.debts.has(handle):  # nobody waits, but its slots are free now
            handle.push(task)
            return
        duration = None
        if task.created_ms is not None and task.updated_ms is not None and task.updated_ms > task.created_ms:
            duration = (task.updated_ms - task.created_ms) / 1000
        block = self.debts.ended(handle, duration)
        self._forget(handle)
        handle.push(task)
        if duration is None or block.seen is None or handle.born is None:
            return
        late = block.born + block.seen - (handle.born + duration)
        if block.listed and late > _MARGIN and self.debts.lists:
            self.debts.distrust(late)
            self._suspend(f"the list told of a task as pending {late:.1f} s after its end")

    def _locate(self, handle: Handle, task: Task[Any], at: float) -> None:
        """Find out how old a task is that was made elsewhere, now that it was seen."""
        if handle.born is not None or not self.debts.has(handle):
            return
        handle.born = self._born(task, at)
        block = self.debts.remove(handle)
        self.debts.add(handle, handle.kind, handle.born, max(0.0, at - handle.born), like=block)

    def _born(self, task: Task[Any], now: float) -> float:
        # No local clock is compared with the vendor's: its own moments tell how late it is there, at least.
        if task.created_ms is None:
            return now
        ahead = max((task.updated_ms or task.created_ms) / 1000 - now, -_NEVER if self._ahead is None else self._ahead)
        return task.created_ms / 1000 - ahead

    def _clock(self, moment_ms: int | None, now: float) -> None:
        if moment_ms is not None:
            ahead = moment_ms / 1000 - now
            self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)
