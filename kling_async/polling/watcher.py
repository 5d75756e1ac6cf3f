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
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, Protocol, TypeAlias
from weakref import WeakSet

import attrs

from ..errors import (
    ABOUT_ALL,
    ClientClosed,
    ConnectionFailed,
    KlingError,
    RateLimited,
    RequestTimeout,
    ResponseError,
    TaskLost,
    TaskNotFound,
)
from ..events import Polled, Teller
from ..events.logs import about
from ..handle import TaskHandle
from ..models import Task, TaskStatus
from ..options import Polling
from ..protocol.call import Json
from ..protocol.endpoint import Overview, Wanted, status_word
from ..transport.engine import asked_pause, may_pass
from .calls import Calls
from .debt import Block, Debts, Page, Plan, Single
from .durations import Durations

log: Final = logging.getLogger("kling_async.polling")

Handle: TypeAlias = TaskHandle[Any]


class Vendor(Protocol):
    """Asks once, without repeating."""

    async def one(self, handle: Handle, leaving: Callable[[], None], /) -> Task[Any]:
        """The task of a handle; *leaving* is called when the question goes."""
        ...

    async def page(self, number: int, size: int, wanted: Wanted, leaving: Callable[[], None], /) -> Overview:
        """What a page of the list tells about the tasks that are wanted; *leaving* is called when the question goes."""
        ...

    def read(self, data: Json, /) -> Task[Any]:
        """The task in a row of a page. Raises `ResponseError`."""
        ...


_AT_ONCE, _PAGES_AT_ONCE = 16, 4
"""Questions under way at most; four times as many single ones where there are no lists."""
_AHEAD: Final = 64
"""Questions planned at most."""
_LONGEST_PAUSE: Final = 30.0
_LONGEST_MISS: Final = 8.0
_NONSENSE: Final = 5
"""Unreadable answers in a row after which one task's waiters are told."""
_ANSWER: Final = 20.0
"""Seconds for an answer; twice as many for each time in a row in which a task's own query got none."""
_TROUBLES: Final = 2
"""Pages in a row that fail while a single query succeeds, after which lists are left alone."""
_SUSPENDED, _REFUSED = 60.0, 600.0
"""Seconds for which lists are left alone, for what may pass and for what is said to be wrong; twice each time."""
_REST, _LONGEST_REST = 30.0, 600.0
"""Seconds after which a task is asked for again of which its waiters were told that there is no answer."""
_FORGOTTEN: Final = 6 * 3600.0
"""Seconds after which a task that nobody waits for is taken to have ended."""
_OLDEST: Final = 8
_MOMENTS: Final = 64
"""Answers by which the vendor's clock is known; more would make it long until a clock that is set anew is believed."""
_NEVER: Final = float("inf")
_INSTANT: Final = 1e-3
"""Seconds by which a timer may be early."""
_LONGEST_AGO: Final = 600.0
"""Seconds before it was first seen in which a task may have been made, beyond the time it was watched for."""
_MARGIN: Final = 1.0
"""Seconds by which a list may be late."""


@attrs.define
class _Trouble:
    """What went wrong with one task."""

    missed_at: float | None = None
    """When the vendor last denied it."""
    missing: float = 0.0
    """Seconds of denial, without those of which nothing was heard."""
    misses: int = 0
    failures: int = 0
    """Queries in a row without an answer that could be used."""
    refusals: int = 0
    """How often its waiters were told that there will be no answer, while others wait for its slots."""
    nonsense: int = 0
    """How many of them had one that could not be read."""


@attrs.frozen
class _Left:
    """What is known of a handle that nobody waits for any more, should somebody come back."""

    seen: float | None
    rest: float
    trouble: _Trouble | None
    told: bool = False
    """Whether a callback has told of an end since."""


class Watcher:
    """Follows the tasks of one endpoint."""

    def __init__(
        self,
        name: str,
        vendor: Vendor,
        *,
        durations: Durations,
        polling: Polling,
        random: random.Random,
        tell: Teller | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._name = name
        self._vendor = vendor
        self._polling = polling
        self._random = random
        self._tell = tell or Teller()
        self._calls = calls
        """Where the vendor calls back: whether that can be relied on."""
        self._called: dict[str, Handle | tuple[Handle, ...]] = {}
        """By external id, the handles of tasks that it is to call back about."""
        self._silent: WeakSet[Handle] = WeakSet()
        """Handles of tasks that it calls somebody else about."""
        self._ours: WeakSet[Handle] = WeakSet()
        """Handles of tasks that certainly have an address of ours; of those made elsewhere nobody knows."""
        self.debts: Debts[Handle] = Debts(
            durations, max_lag=polling.max_lag, requests_per_task=polling.requests_per_task
        )
        self.debts.lists = polling.list_pages
        self._known: dict[str, Handle] = {}
        """Handles that are watched, or hold slots; the oldest first."""
        self._known_as: dict[str, Handle] = {}
        """By external id, as long as their own is not known."""
        self._named: dict[Handle, str] = {}
        """By which external id; the vendor may write it in another way."""
        self._troubles: dict[Handle, _Trouble] = {}
        self._questions: dict[asyncio.Task[None], Page[Handle] | Single[Handle]] = {}
        self._asking: dict[Handle, asyncio.Task[None]] = {}
        """The single questions under way, by whom they are about."""
        self._queue: deque[Page[Handle] | Single[Handle]] = deque()
        """What was planned and is not asked yet; planning costs more than asking where there are many."""
        self._pages = 0
        self._page_troubles = 0
        self._suspect = False
        """Whether the last page failed, and no single query has shown yet whether that is the list's fault."""
        self._suspensions = 0
        self._lists_again = 0.0
        self._learned_ms = 0
        """The latest end among those of other people's tasks that the durations know of."""
        self._moments: deque[float] = deque(maxlen=_MOMENTS)
        """How far the vendor's clock is ahead of the loop's, at least, by the latest answers."""
        self._honest = True
        """Whether `updated_at` told when the last task ended, as far as was seen."""
        self._doubted = False
        """Whether the log knows that it does not always."""
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

    def keep(self, handle: Handle, *, silent: bool = False, ours: bool = True) -> None:
        """
        Know a handle that holds slots, so that whatever is heard of its task reaches it.

        *silent*: it is not us that the vendor is to call back about it. *ours*: it was made by this client, or by an
        earlier process in its place.
        """
        known = self._known.setdefault(handle.id or "", handle)
        if known is not handle and known.hold is not None:
            # A task has its slots once, however often it is taken up; the latest to be watched gets them.
            known.hold.release()
            known.hold, handle.hold = handle.hold, None
        if silent:
            self._silent.add(handle)
        elif ours and self._calls is not None:
            self._ours.add(handle)
        self._expect(handle)
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
        self._know(handle)
        left: _Left | None = handle.place
        seen = None if handle.born is None else (left.seen if left else None) or 0.0
        born = loop.time() if handle.born is None else handle.born
        called = any(each in self._ours for each in self._handles(handle.external_task_id or ""))
        self.debts.add(handle, handle.kind, born, seen, asked=handle in self._asking, called=called)
        if (left is not None and left.told) or self._twin_told(handle):
            self.debts.told(handle, loop.time(), over=True)
        if left is not None and left.trouble is not None:
            self._troubles[handle] = left.trouble
            self.debts.rest(handle, left.rest)
        if self._task is None or self._task.done():
            self._wake, self._again = asyncio.Event(), None
            self._task = loop.create_task(self._run(self._wake), name=f"kling_async watcher of {self._name}")
        else:
            self._mind(handle)

    def unwatch(self, handle: Handle) -> None:
        """Follow a handle no longer, unless somebody waits for the slots that it holds."""
        if not self.debts.has(handle) or (self.debts.hurry and handle.hold is not None):
            return
        trouble = self._troubles.get(handle)
        block = self._remove(handle)
        handle.place = (
            _Left(block.seen, block.rest, trouble, block.over) if block.seen or trouble or block.over else None
        )
        if not self.debts and self._wake is not None:
            self._wake.set()

    def called(self, external_id: str, status: TaskStatus) -> bool:
        """
        Take in that a callback claims a status, for the first time or again; whether it is about a task of ours.

        It is a reason to look and nothing else: who repeats or forges it has tasks looked at every two seconds.
        """
        if self._calls is None:
            return False
        now, end = asyncio.get_running_loop().time(), status.final or status is TaskStatus.UNKNOWN
        handles = self._handles(external_id)
        if not handles or status is TaskStatus.SUBMITTED or (handles[-1].status is TaskStatus.PROCESSING and not end):
            self._calls.repeated(external_id, end=end)
            return bool(handles)
        self._calls.heard(external_id, end=end)
        watched = [handle for handle in handles if self.debts.has(handle)]
        for handle in watched[-1:]:  # the answer is for all of them
            self.debts.told(handle, now, over=end)
            self._mind(handle)
        if end and not watched:  # whoever comes to wait need not wait for long
            handles[-1].place = attrs.evolve(handles[-1].place or _Left(None, 0.0, None), told=True)
        return True

    def eta(self, handle: Handle) -> float | None:
        """Seconds that a task goes on for in half of all cases."""
        if handle.born is None or (self.debts.curious and not self.debts.durations.known):
            return None
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:  # asked where no time goes by
            return None
        return self.debts.durations.table(handle.kind).left(now - handle.born)

    async def close(self, error: KlingError) -> None:
        """End at once: every waiter gets *error*, nothing stays behind."""
        self.debts.hurry = False
        self._abandon(error)
        self._known.clear()
        self._called.clear()
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
        if not self.debts.has(handle):
            return
        if not self.debts.hurry or handle.hold is None or isinstance(error, TaskLost | ClientClosed):
            self._remove(handle)
        else:  # whoever waits for its slots needs to know when it ends, and what fails today may be mended tomorrow
            trouble = self._troubles.setdefault(handle, _Trouble())
            trouble.refusals += 1
            pause = min(_LONGEST_REST, _REST * 2.0 ** (trouble.refusals - 1))
            self.debts.rest(handle, asyncio.get_running_loop().time() + pause)
        handle.fail(error)

    def _remove(self, handle: Handle) -> Block[Handle]:
        self._forget(handle)
        return self.debts.remove(handle)

    def _forget(self, handle: Handle) -> None:
        self._troubles.pop(handle, None)
        if handle.hold is not None:
            return
        self._expect_no_more(handle)
        if handle.id is not None and self._known.get(handle.id) is handle:
            del self._known[handle.id]
        if (name := self._named.pop(handle, None)) is not None and self._known_as.get(name) is handle:
            del self._known_as[name]

    def _know(self, handle: Handle) -> None:
        """Recognise the rows of a handle's task."""
        if handle.id is not None:
            if (known := self._known.get(handle.id)) is not None and handle.hold is None:
                handle.hold, known.hold = known.hold, None  # of two handles of a task the latest has its slots
            if known in self._silent:
                self._silent.add(handle)
            self._known[handle.id] = handle
        elif handle.external_task_id is not None:
            self._known_as[handle.external_task_id] = handle
            self._named[handle] = handle.external_task_id
        self._expect(handle)

    def _handles(self, external_id: str) -> tuple[Handle, ...]:
        """All handles of a task that the vendor is to call back about."""
        called = self._called.get(external_id, ())
        return called if isinstance(called, tuple) else (called,)

    def _expect(self, handle: Handle) -> None:
        """From now on, callbacks about a task concern a handle."""
        name = handle.external_task_id
        if self._calls is not None and name is not None and handle not in self._silent:
            others = self._handles(name)
            if handle not in others:
                self._called[name] = (*others, handle) if others else handle

    def _expect_no_more(self, handle: Handle) -> None:
        name = handle.external_task_id
        if self._calls is None or name is None or handle not in (handles := self._handles(name)):
            return
        if len(handles) > 1:
            self._called[name] = tuple(each for each in handles if each is not handle)
        else:
            del self._called[name]
            self._calls.forget(name)

    def _twins(self, handle: Handle) -> tuple[Handle, ...]:
        """The other handles of its task, where callbacks are expected; they hear what it hears."""
        return tuple(each for each in self._handles(handle.external_task_id or "") if each is not handle)

    def _twin_told(self, handle: Handle) -> bool:
        """Whether a callback told of an end when another handle of the task was the last; that one's note is taken."""
        notes = [(twin, twin.place) for twin in self._twins(handle)]
        told = [(twin, left) for twin, left in notes if isinstance(left, _Left) and left.told]
        for twin, left in told:
            twin.place = attrs.evolve(left, told=False)
        return bool(told)

    def _mind(self, handle: Handle) -> None:
        """Think again in time for a task that the last plan did not know of."""
        if self._wake is not None and (self._again is None or self.debts.nothing_before(handle) < self._again):
            self._wake.set()

    def _start_questions(self, now: float) -> float | None:
        """Ask what is due, as far as there is room; returns when to look again, None for "when woken"."""
        if self._calls is not None:
            self.debts.rely(self._calls.judge(now))
        if now < self._resume - _INSTANT:
            return self._resume
        if self._lists_again and now >= self._lists_again:
            self.debts.lists, self._lists_again = True, 0.0
        self._ask_queued()
        if self._room <= 0 or self._queue:
            return None
        # After a page that failed, a single query probes: if it gets an answer, it is the list that is ill.
        ill = self._failures and self._suspect
        ahead = 1 if self._failures else max(_AHEAD, self._room)
        plan: Plan[Handle] = self.debts.plan(now, room=ahead, pages=0 if ill else ahead)
        self._queue.extend((*plan.pages, *plan.singles))
        self._ask_queued()
        judged = self._calls.again if self._calls is not None and self.debts.called_back else None
        return min((at for at in (plan.again, judged) if at is not None), default=None)

    @property
    def _room(self) -> int:
        """Questions that may be asked now."""
        most = _AT_ONCE if self.debts.lists else 4 * _AT_ONCE
        return (1 if self._failures else most) - len(self._questions)

    def _ask_queued(self) -> None:
        while self._queue and self._room > 0:
            ask = self._queue[0]
            if isinstance(ask, Page):
                if self._pages >= _PAGES_AT_ONCE:
                    return
                self._pages += 1
                self._start(ask, self._turn(ask), "page")
            elif self.debts.has(ask.item) and ask.item not in self._asking:
                self._asking[ask.item] = self._start(ask, self._ask(ask), "query")
            self._queue.popleft()

    def _unask(self) -> None:
        """Forget what was planned: it owes what it owed."""
        while self._queue:
            self.debts.unasked(self._queue.popleft())

    def _start(
        self, ask: Page[Handle] | Single[Handle], asking: Coroutine[Any, Any, None], what: str
    ) -> asyncio.Task[None]:
        question = asyncio.create_task(asking, name=f"kling_async {what} of {self._name}")
        self._questions[question] = ask
        question.add_done_callback(self._answered)
        return question

    def _answered(self, question: asyncio.Task[None]) -> None:
        ask = self._questions.pop(question)
        if isinstance(ask, Page):
            self._pages -= 1
        elif self._asking.get(ask.item) is question:
            del self._asking[ask.item]
        if question.cancelled():  # perhaps before its first step
            self.debts.failed(ask)
        elif (mistake := question.exception()) is not None:  # of ours; nobody is to wait for what will not come
            self._abandon(mistake if isinstance(mistake, Exception) else ClientClosed("a query was ended"))
        if self._wake is not None:
            self._wake.set()

    # One task.

    async def _ask(self, ask: Single[Handle]) -> None:
        handle, loop = ask.item, asyncio.get_running_loop()
        since, at = self._resume, loop.time()
        trouble = self._troubles.get(handle)
        patience = _ANSWER * 2 ** (trouble.failures if trouble else 0)
        limit = asyncio.timeout(None)  # which does not count the wait for a turn
        try:
            try:
                async with limit:
                    task = await self._vendor.one(handle, lambda: limit.reschedule(loop.time() + patience))
            finally:
                self._asking.pop(handle, None)  # whoever comes back from now on is to be asked for anew
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                self._fail(handle, ClientClosed("the query was cancelled"))
                raise
            # Not this task was cancelled, but something it waited for: a provider of keys, say.
            self._failed(ask, ConnectionFailed("something that the query waited for was cancelled"), since)
        except TaskNotFound:
            self._failures = 0
            self._polled("task", 0, at)
            self._missed(ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait, not to this task
            failure = RequestTimeout("no answer in time") if limit.expired() else error
            self._polled("task", 0, at, failure)
            self._failed(ask, failure, since)
        else:
            self._polled("task", 1, at)
            self._succeeded()
            self._clock(task.updated_ms, loop.time())
            self._troubles.pop(handle, None)
            if not self.debts.has(handle):  # nobody waits any more, but the news are news
                handle.push(task)
                return
            if not task.status.final:
                self.debts.looked(handle, at)
                self._locate(handle, task, at)
            self._push(handle, task)
            if self.debts.has(handle):
                self._mind(handle)

    def _succeeded(self) -> None:
        """The vendor answers for single tasks; if a page before failed, it is the list that is ill."""
        self._failures = 0
        if self._suspect:
            self._suspect = False
            self._page_troubles += 1
            if self._page_troubles >= _TROUBLES:
                self._suspend("pages fail where single queries succeed", _SUSPENDED)

    def _missed(self, ask: Single[Handle]) -> None:
        """The vendor says there is no such task: perhaps not yet, perhaps for good."""
        handle = ask.item
        self.debts.failed(ask)
        if not self.debts.has(handle):
            return
        now, patience = asyncio.get_running_loop().time(), self._polling.patience
        trouble = self._troubles.setdefault(handle, _Trouble())
        if trouble.missed_at is not None:
            trouble.missing += min(now - trouble.missed_at, 2 * _LONGEST_MISS)
        trouble.missed_at = now
        if trouble.missing < patience - _INSTANT:
            pause = min(_LONGEST_MISS, 2.0**trouble.misses, patience - trouble.missing)
            trouble.misses += 1
            self.debts.rest(handle, now + pause)
            return
        log.error(
            "task %s is lost: the vendor has not known it for %.0f s",
            handle.ref.to_json(),
            trouble.missing,
            extra=about(endpoint=self._name, task_id=handle.id, external_task_id=handle.external_task_id),
        )
        self._fail(handle, TaskLost(handle.ref, seconds=trouble.missing))

    def _failed(self, ask: Single[Handle], error: Exception, since: float) -> None:
        handle, self._suspect = ask.item, False
        self.debts.failed(ask)
        watched = self.debts.has(handle)
        trouble = self._troubles.setdefault(handle, _Trouble()) if watched else _Trouble()
        trouble.failures += 1
        trouble.nonsense = trouble.nonsense + 1 if isinstance(error, ResponseError) else 0
        if not may_pass(error) or trouble.nonsense >= _NONSENSE:
            # Of a refusal that is about the account, the others would hear the same.
            for each in tuple(self.debts) if isinstance(error, ABOUT_ALL) else (handle,):
                self._fail(each, error)
            return
        self._pause(error, since)
        if watched:
            # The failure may be the task's own: others probe before it, or one bad task would hold up all of them.
            pause = min(_LONGEST_PAUSE, 2.0 ** (trouble.failures - 1))
            self.debts.rest(handle, max(self._resume, asyncio.get_running_loop().time() + pause))

    def _pause(self, error: Exception, since: float) -> None:
        now, asked = asyncio.get_running_loop().time(), asked_pause(error) or 0.0
        if since != self._resume:  # others asked at the same time, and the pause for this trouble is set
            self._resume = max(self._resume, now + asked if asked else 0.0)
            return
        pause = max(asked, self._random.uniform(0.5, 1.0) * min(_LONGEST_PAUSE, 2.0**self._failures))
        self._failures += 1
        self._unask()
        self._resume = max(self._resume, now + pause)
        log.info(
            "a query of %s failed (%s), going on in %.1f s",
            self._name,
            error,
            pause,
            extra=about(endpoint=self._name, error=error, seconds=pause),
        )

    # A page of the list.

    async def _turn(self, page: Page[Handle]) -> None:
        loop = asyncio.get_running_loop()
        since, at = self._resume, loop.time()
        try:
            async with asyncio.timeout(None) as limit:  # which does not count the wait for a turn

                def leaving() -> None:
                    limit.reschedule(loop.time() + _ANSWER)

                wanted = Wanted(self._known, self._known_as)
                overview = await self._vendor.page(page.number, page.size, wanted, leaving)
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                raise
            self._page_failed(page, ConnectionFailed("something that the query waited for was cancelled"), since)
        except ClientClosed as error:
            self._abandon(error)
        except Exception as error:  # noqa: BLE001 - the single queries that follow will meet it and tell
            self._polled("list", 0, at, error)
            self._page_failed(page, error, since)
        else:
            self._polled("list", len(overview.wanted), at)
            self._failures = self._page_troubles = 0
            self._suspect = False
            self._read(page, overview, at)

    def _page_failed(self, page: Page[Handle], error: Exception, since: float) -> None:
        """No page fails a handle: where all is refused, the next single query will hear it."""
        self.debts.failed(page)
        if isinstance(error, RateLimited):
            self._pause(error, since)
        elif (may_pass(error) and not isinstance(error, ResponseError)) or isinstance(error, TimeoutError):
            self._suspect = True
            self._pause(error, since)
        else:
            self._suspend(f"{type(error).__name__}: {error}", _REFUSED)

    def _suspend(self, why: str, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if not self.debts.lists:
            return
        self._lists_again = now + seconds * 2**self._suspensions
        self._suspensions += 1
        self._page_troubles, self._suspect = 0, False
        self._unask()
        self.debts.lists = False
        log.warning(
            "tasks of %s are asked for one by one for %.0f s: %s",
            self._name,
            self._lists_again - now,
            why,
            extra=about(endpoint=self._name, seconds=self._lists_again - now),
        )

    def _read(self, page: Page[Handle], overview: Overview, at: float) -> None:
        for ended_ms, duration in overview.ended:
            if ended_ms > self._learned_ms and self._honest:
                self.debts.durations.ended((), 0.0, duration)
        self._learned_ms = max(self._learned_ms, *(ended_ms for ended_ms, _ in overview.ended), 0)
        # A list may be a copy. It is as new as the latest thing it tells of, by the clock that creates and single
        # queries have shown; what it says to be pending was so then, and perhaps not any more.
        known = -_NEVER
        if self._moments and overview.latest_ms is not None:
            known = overview.latest_ms / 1000 - max(self._moments)
        found = dict[Handle, int]()
        above, known_by, troubles, has = (page.number - 1) * page.size, self._known, self._troubles, self.debts.has
        for row, task_id, external, status, updated_ms, data in overview.wanted:
            handle = known_by.get(task_id) if external is None else self._known_as.get(external)
            if handle is None:  # it ended, or was left, while the page was on its way
                continue
            latest = handle.latest
            same = latest is not None and status is latest.status and updated_ms == latest.updated_ms
            if (same or self._told(handle, data, at)) and has(handle):
                found[handle] = above + row
                if (trouble := troubles.get(handle)) is not None:  # the vendor knows it
                    trouble.missed_at, trouble.missing, trouble.misses = None, 0.0, 0
        self.debts.read(page, found, at, known)
        if not overview.ordered and self.debts.lists:
            log.warning(
                "the list of %s is not in the order of creation; its tasks are asked for one by one",
                self._name,
                extra=about(endpoint=self._name),
            )
            self.debts.lists, self._lists_again = False, 0.0
            self._unask()

    def _told(self, handle: Handle, data: Json, at: float) -> bool:
        """Take in what a row tells; whether it could be read."""
        try:
            task = self._vendor.read(data)
        except ResponseError as error:
            log.info(
                "a row of the list of %s cannot be read (%s); the task is asked for alone",
                self._name,
                error,
                extra=about(endpoint=self._name, task_id=handle.id, error=error),
            )
            return False
        if task.status is TaskStatus.SUCCEED and task.result == type(task.result)():
            # Lists may leave out what was made. The end is no news to wait for, but it is the task itself that tells.
            if self.debts.has(handle):
                self.debts.hasten(handle, asyncio.get_running_loop().time())
            return False
        if not task.status.final:
            self._locate(handle, task, at)
        self._push(handle, task)
        return True

    # Both.

    def _polled(self, question: Literal["task", "list"], tasks: int, at: float, error: Exception | None = None) -> None:
        if self._tell:
            seconds = asyncio.get_running_loop().time() - at
            self._tell(Polled(endpoint=self._name, question=question, tasks=tasks, seconds=seconds, error=error))

    def _push(self, handle: Handle, task: Task[Any]) -> None:
        if task.status is TaskStatus.UNKNOWN and (word := status_word(task)) not in self._unknown_words:
            self._unknown_words.add(word)
            log.warning(
                "%s has tasks in a status that is not known here, %s; they count as pending",
                self._name,
                word,
                extra=about(endpoint=self._name, task_id=task.id),
            )
        self._compare(handle, task)
        if not task.status.final:
            handle.push(task)
            self._know(handle)  # where it was known by its external id only
            for twin in self._twins(handle):
                twin.push(task)
            return
        if not self.debts.has(handle):  # nobody waits, but its slots are free now
            handle.push(task)
            return
        block: Block[Handle] = handle.place
        duration, late = self._duration(handle, task), 0.0
        if block.listed and self._honest and duration is not None and block.seen is not None:
            late = block.born + block.seen - duration - (block.born if handle.born is None else handle.born)
        self.debts.ended(handle, duration if late <= _MARGIN else None)  # what the list said of it may be wrong too
        self._forget(handle)
        twins = self._twins(handle)
        handle.push(task)
        for twin in twins:
            if self.debts.has(twin):
                self._remove(twin)
            twin.push(task)
        if late > _MARGIN and self.debts.lists:
            self.debts.distrust(late)
            self._suspend(f"the list told of a task as pending {late:.1f} s after its end", _REFUSED)

    def _compare(self, handle: Handle, task: Task[Any]) -> None:
        """Whether callbacks can be relied on is told by the changes that are seen."""
        name, now = handle.external_task_id, asyncio.get_running_loop().time()
        if self._calls is None or name not in self._called or handle.latest is None or handle.done:
            return
        if task.status.final:
            self._calls.seen(name, now, end=True)
        elif task.status is TaskStatus.PROCESSING and handle.status is TaskStatus.SUBMITTED:
            self._calls.seen(name, now, end=False)
        self.debts.rely(self._calls.judge(now))

    def _duration(self, handle: Handle, task: Task[Any]) -> float | None:
        """How long a task took: as the vendor tells it where that can be true, else as it was seen."""
        told = None
        if task.created_ms is not None and task.updated_ms is not None and task.updated_ms > task.created_ms:
            told = (task.updated_ms - task.created_ms) / 1000
        if handle.born is None or told is None:
            return told
        block: Block[Handle] = handle.place
        least = block.born + block.sure - handle.born
        most = asyncio.get_running_loop().time() - handle.born
        if told > 2 * most + _LONGEST_AGO:
            return None
        self._honest = least - _MARGIN <= told
        if self._honest:
            return told  # more than was seen, perhaps: the age of a task that was made elsewhere is a guess
        if not self._doubted:
            self._doubted = True
            log.warning(
                "updated_at does not tell when tasks of %s end; durations are taken as seen",
                self._name,
                extra=about(endpoint=self._name),
            )
        return (least + most) / 2

    def _locate(self, handle: Handle, task: Task[Any], at: float) -> None:
        """Find out how old a task is that was made elsewhere, now that it was seen."""
        if handle.born is not None or not self.debts.has(handle):
            return
        handle.born = self._born(task, at)
        block = self.debts.remove(handle)
        age = max(0.0, at - handle.born)
        self.debts.add(handle, handle.kind, handle.born, age, like=block, called=block.called)

    def _born(self, task: Task[Any], now: float) -> float:
        # No local clock is compared with the vendor's: its own moments tell how late it is there, at least.
        if task.created_ms is None:
            return now
        ahead = max((task.updated_ms or task.created_ms) / 1000 - now, *self._moments, -_NEVER)
        return task.created_ms / 1000 - ahead

    def _clock(self, moment_ms: int | None, now: float) -> None:
        if moment_ms is not None:
            self._moments.append(moment_ms / 1000 - now)
