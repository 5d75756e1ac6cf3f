"""What stands behind a client: the parts that all views share, and what bound endpoints and batches ask of them.

Puts tasks, slots and watchers together. Reads no environment and opens nothing by itself.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar, get_args
from weakref import WeakSet

import attrs

from .api import ROWS
from .api.fields import Checked
from .errors import ClientClosed, KlingError, UnsupportedWarning
from .events import (
    LimitLearned,
    SlotAwaited,
    SlotsChanged,
    Teller,
)
from .events.logs import about
from .handle import TaskHandle
from .media.downloads import Downloader
from .models import Task, TaskStatus
from .options import Limits, Polling, Retry, Validation
from .polling import memory
from .polling.calls import Calls
from .polling.durations import Durations, Kind
from .polling.lookup import find, made
from .polling.told import Told
from .polling.watcher import Watcher
from .protocol.call import Call, Json
from .protocol.endpoint import Overview, Pool, TaskSpec, Wanted
from .submitting.intent import Created, Finished, Intent, Witness
from .submitting.ledger import Held, Hold, Priority, SlotLedger, Slots
from .submitting.slots import Listeners, LocalLedger
from .submitting.story import Story
from .submitting.submit import Submitter, new_id
from .transport.engine import Engine
from .transport.http import is_loopback
from .webhooks.callbacks import Callbacks
from .webhooks.hub import WakeHub

Q = TypeVar("Q")
R = TypeVar("R")
T = TypeVar("T")

log: Final = logging.getLogger("kling_async.client")

_DEAF: Final = 30.0
"""Seconds until a hub that failed is listened to again."""


def _told(core: Core) -> Told:
    return Told(core.tell)


@attrs.define(eq=False)
class Core:
    """What all views of a client share: the engine, the slots, and a watcher for each endpoint. Keeps the handles."""

    engine: Engine
    downloader: Downloader
    polling: Polling
    limits: Limits
    random: random.Random
    tell: Teller
    callbacks: Callbacks | None = None
    ledger: SlotLedger = attrs.field(init=False)
    submitters: WeakSet[Submitter] = attrs.field(factory=WeakSet[Submitter], init=False)
    watchers: dict[str, Watcher] = attrs.field(factory=dict[str, Watcher], init=False)
    remembered: dict[str, Any] | None = attrs.field(default=None, init=False)
    """What the memory of durations held when it was first needed."""
    told: Told = attrs.field(default=attrs.Factory(_told, takes_self=True), init=False)
    """What listeners know of tasks."""
    closing: bool = attrs.field(default=False, init=False)
    """From now on nobody is let in any more."""
    crowded: set[Pool] = attrs.field(factory=set[Pool], init=False)
    """Pools in which somebody waits for slots."""
    hearing: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    """What hears of callbacks, from the first task on."""

    def __attrs_post_init__(self) -> None:
        pools: tuple[Pool, ...] = get_args(Pool)
        given: dict[Pool, int] = {pool: limit for pool in pools if (limit := getattr(self.limits, pool)) is not None}
        listeners = Listeners(waits=self._waits, queue=self._queue, learned=self._learned, slots=self._slots)
        self.ledger = LocalLedger(given, listeners=listeners, chance=self.random)

    def __reduce__(self) -> NoReturn:
        raise unpicklable()

    def submitter(self, retry: Retry) -> Submitter:
        """What makes tasks by these rules."""
        submitter = Submitter(
            engine=self.engine,
            random=self.random,
            stop=self._stop,
            tell=self._left,
            afford=self.engine.budget.pay,
            settle=retry.settle,
            on_unknown=retry.on_unknown,
            attempts=retry.attempts,
        )
        self.submitters.add(submitter)
        return submitter

    def handle(
        self,
        row: TaskSpec[..., Any, R],
        kind: Kind,
        external: str,
        created: Created[Task[R | None]],
        hold: Hold,
        *,
        silent: bool = False,
    ) -> TaskHandle[R]:
        """
        A handle of a task that was made, which holds its slots until it is seen to end.

        *silent*: it is not us that the vendor is to call back about it.
        """
        watcher = self.watcher(row.name)
        now = asyncio.get_running_loop().time()
        for forgotten in watcher.forgotten(now):
            self.ended(forgotten)
        made = watcher.made(created.task, now if created.born is None else created.born)
        born = None if created.born is None else made  # one that was found again has an age that only its row tells
        handle = TaskHandle(row.name, self, task=created.task, external_task_id=external, born=born, kind=kind)
        self.told.made(handle)
        if created.task.status.final:
            hold.release()
        else:
            handle.hold = hold.held
            watcher.keep(handle, silent=silent)
        return handle

    def resumed(
        self, row: TaskSpec[..., Any, R], kind: Kind, external: str, task_id: str, weight: int
    ) -> TaskHandle[R]:
        """A handle of a task that an earlier process made, which holds its slots until it is seen to end."""
        handle: TaskHandle[R] = TaskHandle(row.name, self, task_id=task_id, external_task_id=external, kind=kind)
        handle.hold = self.ledger.claim(row.pool, weight).held
        self.watcher(row.name).keep(handle)
        self.hear()
        return handle

    def hear(self) -> None:
        """Begin to hear of callbacks, unless that was begun; again, where something in a hub was cancelled."""
        heard = self.hearing is not None and not self.hearing.done()
        if self.callbacks is not None and not heard and not self.engine.http.closed:
            self.hearing = asyncio.create_task(self._hear(self.callbacks.hub), name="kling_async callbacks")

    async def _hear(self, hub: WakeHub) -> None:
        while True:
            try:
                async with hub.listen(self.called):
                    await asyncio.Event().wait()
            except Exception as error:  # noqa: BLE001 - a hub may be anybody's, and callbacks are no guarantee
                log.warning("callbacks are not heard for %.0f s: %s", _DEAF, type(error).__name__)
            await asyncio.sleep(_DEAF)

    def called(self, external_id: str, status: TaskStatus) -> None:
        """Take in that a callback claims a status. Nothing happens where the task is none of this process."""
        any(watcher.called(external_id, status) for watcher in self.watchers.values())

    def typical(self, row: TaskSpec[..., Any, Any], kind: Kind) -> tuple[float, bool]:
        """Seconds that a task of a kind takes in one half of all cases, and whether that was learned from any."""
        table = self.watcher(row.name).debts.durations.table(kind)
        return table.median, table.seen > 0

    def attach(self, endpoint: str, task_id: str | None, external: str | None) -> TaskHandle[Any]:
        """A handle of a task that was made elsewhere, or earlier."""
        return TaskHandle(endpoint, self, task_id=task_id, external_task_id=external)

    def watch(self, handle: TaskHandle[Any], /) -> None:
        """Follow a handle; raises `ClientClosed`."""
        if self.engine.http.closed:
            words = "the client is closed; the task goes on, attach its handle.ref to a new KlingClient"
            raise ClientClosed(words, may_have_been_created=True)
        self.told.awaited(handle)
        self.watcher(handle.endpoint).watch(handle)
        self.hear()

    def unwatch(self, handle: TaskHandle[Any], /) -> None:
        """Follow a handle no longer."""
        self.watcher(handle.endpoint).unwatch(handle)
        self.told.left(handle)

    def failed(self, handle: TaskHandle[Any], error: Exception, /) -> None:
        """The waiting for a handle ends in an error."""
        self.told.failed(handle, error)

    def changed(self, handle: TaskHandle[Any], /) -> None:
        """A task was seen in another state."""
        self.told.changed(handle)

    async def refresh(self, handle: TaskHandle[Any], /) -> None:
        """Ask for a task once, and push the answer."""
        handle.push(await find(self.engine, ROWS[handle.endpoint], handle.id, handle.external_task_id))

    def eta(self, handle: TaskHandle[Any], /) -> float | None:
        """Seconds that a task goes on for in one half of all cases."""
        return self.watcher(handle.endpoint).eta(handle)

    def running(self, handle: TaskHandle[Any], /) -> None:
        """Count the slots of a task that was made elsewhere; one, because nobody tells how many there are."""
        watcher = self.watcher(handle.endpoint)
        other = watcher.other(handle)
        if not self.engine.http.closed and (other is None or other.hold is None):
            handle.hold = self.ledger.claim(ROWS[handle.endpoint].pool, 1).held
            watcher.keep(handle, ours=False)

    def ended(self, handle: TaskHandle[Any], /) -> None:
        """Give the slots back, whichever handle of the task has them."""
        held: Held | None = handle.hold
        handle.hold = None
        if held is not None:
            held.release(None if handle.born is None else asyncio.get_running_loop().time() - handle.born)
        if not handle.done:
            self.told.gone(handle)
        watcher = self.watcher(handle.endpoint)
        other = watcher.other(handle)
        watcher.ended(handle)
        if other is not None and handle.latest is not None and handle.done:
            other.push(handle.latest)

    async def close(self) -> None:
        """End everything; the handles of tasks that go on raise `ClientClosed` to whoever waits."""
        self.closing = True
        self.ledger.stop(None, ClientClosed("the client was closed before this task was sent"))
        try:
            await asyncio.gather(*(submitter.close() for submitter in self.submitters))
        finally:
            try:
                await self._leave()
            finally:
                await self.downloader.close()

    async def _leave(self) -> None:
        if self.hearing is not None:
            self.hearing.cancel()
            await asyncio.gather(self.hearing, return_exceptions=True)
        await self.engine.close()
        words = "the client was closed while this task was awaited; the task goes on"
        error = ClientClosed(words, may_have_been_created=True)
        await asyncio.gather(*(watcher.close(error) for watcher in self.watchers.values()))
        if self.polling.memory is not None and self.remembered is not None:
            learned = {name: watcher.debts.durations.dump() for name, watcher in self.watchers.items()}
            await asyncio.to_thread(memory.write, self.polling.memory, {**self.remembered, **learned})

    def watcher(self, endpoint: str) -> Watcher:
        """The one watcher of an endpoint."""
        watcher = self.watchers.get(endpoint)
        if watcher is None:
            row = ROWS[endpoint]
            durations = Durations(row.pool)
            if self.polling.memory is not None:
                if self.remembered is None:
                    self.remembered = memory.read(self.polling.memory)
                if endpoint in self.remembered:
                    durations = memory.recall(row.pool, self.remembered[endpoint], endpoint)
            vendor = _Questions(self.engine, row)
            calls = None if self.callbacks is None else Calls()
            watcher = Watcher(
                endpoint,
                vendor,
                durations=durations,
                polling=self.polling,
                random=self.random,
                tell=self.tell,
                calls=calls,
            )
            watcher.debts.curious = is_loopback(self.engine.http.base)  # an emulator's tasks may take no time at all
            watcher.debts.hurry = row.pool in self.crowded
            self.watchers[endpoint] = watcher
        return watcher

    def _waits(self, pool: Pool, weight: int, queued: int) -> None:
        if self.tell:
            self.tell(SlotAwaited(pool=pool, slots=weight, queued=queued))

    def _learned(self, pool: Pool, slots: int) -> None:
        if self.tell:
            self.tell(LimitLearned(pool=pool, slots=slots))

    def _slots(self, pool: Pool, now: Slots) -> None:
        if self.tell:
            self.tell(SlotsChanged(pool=pool, used=now.used, limit=now.limit, learned=now.learned, queued=now.queued))

    def _queue(self, pool: Pool, exists: bool) -> None:  # noqa: FBT001 - the ledger's way of telling
        """Somebody begins, or nobody goes on, to wait for the slots of tasks that perhaps nobody looks at."""
        (self.crowded.add if exists else self.crowded.discard)(pool)
        if self.engine.http.closed:
            return
        for endpoint, watcher in self.watchers.items():
            if ROWS[endpoint].pool == pool:
                watcher.hurry(exists)

    def _stop(self, pool: Pool | None, error: KlingError) -> None:
        """Spare all who wait what one was told. Whoever comes later asks anew: keys and balances can be mended."""
        if self.closing:
            return
        self.ledger.stop(pool, error)
        self.ledger.resume()

    def _left(self, ended: Finished) -> None:
        """See to the task of a create whose caller has left."""
        if ended.task is not None and not self.engine.http.closed:  # it has slots, whose end somebody must see
            created = Created[Task[Any]](task=ended.task, born=ended.born)
            self.handle(ROWS[ended.endpoint], (), ended.external_task_id, created, ended.hold)


@attrs.define(eq=False)
class Inside:
    """What bound endpoints ask for: one view of a client."""

    core: Core
    retry: Retry
    validate: Validation
    priority: Priority
    slot_timeout: float | None
    _submitter: Submitter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._submitter = self.core.submitter(self.retry)

    def __reduce__(self) -> NoReturn:
        raise unpicklable()

    def check(self, request: object, /) -> None:
        """Look into the capability map, unless told not to."""
        if self.validate == "off" or not isinstance(request, Checked):
            return
        for error in request.unsupported():
            if self.validate == "error":
                raise error
            warnings.warn(str(error), UnsupportedWarning, stacklevel=_outside())

    async def send(self, call: Call[T], /, *, retry: bool = True) -> T:
        """Send a call that makes no task."""
        try:
            return await self.core.engine.send(call, retry=retry)
        except asyncio.CancelledError as error:
            if not call.repeatable and getattr(error, "may_have_been_created", False):
                log.warning(
                    "%s was cancelled before its answer came; it may have been carried out, and billed",
                    call.endpoint,
                    extra=about(endpoint=call.endpoint),
                )
            raise

    async def submit(self, row: TaskSpec[..., Q, R], request: Q, /) -> TaskHandle[R]:
        """Make a task."""
        return await self.create(row, request)

    async def create(
        self,
        row: TaskSpec[..., Q, R],
        request: Q,
        *,
        external: str | None = None,
        witness: Witness | None = None,
        doubted: bool = False,
    ) -> TaskHandle[R]:
        """
        Make a task, as a bound endpoint does it.

        *external* is the id it gets where the request names none, *witness* is told before and while it is sent.
        *doubted*: an earlier process sent it, and there was no task in the end, so that a refusal for good may still be
        about the id.
        """
        self.check(request)
        own_id, call = row.create(request, new_id if external is None else lambda: external)
        call, silent = self._with_callback(own_id, call)
        core, kind, weight = self.core, row.kind(request), row.weight(request)
        story = Story(core.tell, row.name, own_id, row.pool, weight)
        story.began((kind[0] or None) if kind else None, f"{core.engine.http.base}{call.path}")
        try:
            hold = await core.ledger.acquire(row.pool, weight, self.priority, self.slot_timeout)
        except BaseException as error:
            story.ended("refused", error=error)
            raise
        story.granted()
        intent = Intent(
            endpoint=row.name,
            external_task_id=own_id,
            pool=row.pool,
            call=call,
            find=partial(made, core.engine, row, own_id),
            hold=hold,
            given=getattr(request, "external_task_id", None) is not None,
            witness=witness,
            story=story,
            doubted=doubted,
        )
        return core.handle(row, kind, own_id, await self._submitter.submit(intent), hold, silent=silent)

    def _with_callback(self, external_id: str, call: Call[T]) -> tuple[Call[T], bool]:
        """A create that has the vendor call back, and whether it is somebody else whom it calls."""
        callbacks, body = self.core.callbacks, call.body
        if callbacks is None or body is None:
            return call, False
        if "callback_url" in body:
            return call, True
        self.core.hear()  # before the first callback can come
        return attrs.evolve(call, body={**body, "callback_url": callbacks.address(external_id)}), False

    async def recover(
        self, row: TaskSpec[..., Any, R], kind: Kind, external: str, weight: int, since_ms: int | None
    ) -> TaskHandle[R] | None:
        """
        The task of a create that an earlier process sent and heard nothing of; None where there certainly is none.

        *since_ms* is a moment of the vendor's clock before which it cannot have been made. Sends nothing but questions.
        Its slots count as taken meanwhile. Raises `SubmitUnknown` where it could not be found out, and `ClientClosed`.
        """
        core = self.core
        hold = core.ledger.claim(row.pool, weight)
        try:
            find = partial(made, core.engine, row, external, since_ms)
            task = await self._submitter.recover(row.name, external, find)
        except BaseException:
            hold.release()
            raise
        if task is None:
            hold.release()
            return None
        hold.accepted()
        return core.handle(row, kind, external, Created(task=task, born=None), hold)

    def find(
        self, row: TaskSpec[..., Any, R], task_id: str | None, external: str | None, /
    ) -> Awaitable[Task[R | None]]:
        """Query one task by either id."""
        return find(self.core.engine, row, task_id, external)

    def task(self, endpoint: str, task_id: str, /) -> Awaitable[Task[Any]]:
        """Query one task of an endpoint that is known by name."""
        return find(self.core.engine, ROWS[endpoint], task_id, None)

    def attach(self, row: TaskSpec[..., Any, R], task_id: str | None, external: str | None, /) -> TaskHandle[R]:
        """A handle of a task that exists already."""
        return self.core.attach(row.name, task_id, external)


@attrs.frozen(eq=False)
class _Once:
    """Sends each call once, and tells when it leaves."""

    engine: Engine
    leaving: Callable[[], None]

    async def send(self, call: Call[T], /, *, retry: bool = True) -> T:
        del retry
        return await self.engine.attempt(call, leaving=self.leaving)


@attrs.frozen(eq=False)
class _Questions:
    """What a watcher asks about one endpoint."""

    # The watcher has rules of its own for failures; repeating below it would be a retry inside a retry.

    engine: Engine
    row: TaskSpec[..., Any, Any]

    async def one(self, handle: TaskHandle[Any], leaving: Callable[[], None], /) -> Task[Any]:
        return await find(_Once(self.engine, leaving), self.row, handle.id, handle.external_task_id)

    async def page(self, number: int, size: int, wanted: Wanted, leaving: Callable[[], None], /) -> Overview:
        return await self.engine.attempt(self.row.overview(number, size, wanted), leaving=leaving)

    def read(self, data: Json, /) -> Task[Any]:
        return self.row.read(data)


def unpicklable() -> TypeError:
    """What is raised when a client, or a part of one, is to be pickled."""
    return TypeError(
        "a KlingClient and its parts hold connections and credentials and cannot be pickled; make one per process"
    )


def _outside() -> int:
    """How many frames lie between a warning and whoever called this package."""
    home, frame, level = str(Path(__file__).parent), inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(home):  # `skip_file_prefixes` of Python 3.12
        frame, level = frame.f_back, level + 1
    return level
