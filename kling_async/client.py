"""KlingClient: puts the parts together, opens and closes them. Decides nothing itself."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import random
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum, auto
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeVar, cast, get_args
from weakref import WeakSet

import aiohttp
import attrs

from .api import CALLS, ROWS, Account, Elements, Images, Sounds, Videos, Voices
from .api.fields import Checked
from .errors import ClientClosed, InvalidRequest, KlingError, UnsupportedWarning
from .events import LimitLearned, Listener, SlotAwaited, SubmitEnded, Teller
from .fetching import Downloadable, download
from .handle import TaskHandle, TaskRef, as_completed
from .media.downloads import Downloader
from .models import Task
from .options import Downloads, Limits, Polling, Retry, Validation, validation
from .polling import memory
from .polling.durations import Durations, Kind
from .polling.lookup import find, made
from .polling.watcher import Watcher
from .protocol.call import Call, Json
from .protocol.endpoint import Overview, Pool, TaskSpec, Wanted
from .submitting.intent import Created, Finished, Intent
from .submitting.ledger import Held, Hold, Priority, SlotLedger, Slots
from .submitting.slots import Listeners, LocalLedger
from .submitting.submit import Submitter, new_id
from .transport.auth import Authorizer, Credentials, Hidden, checked, credentials
from .transport.budget import RetryBudget
from .transport.engine import Engine
from .transport.http import HTTP, SINGAPORE, base_url, is_loopback

Q = TypeVar("Q")
R = TypeVar("R")
T = TypeVar("T")

BASE_URL = "KLING_BASE_URL"
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)

log: Final = logging.getLogger("kling_async.client")


@attrs.define(eq=False)
class _Core:
    """What all views of a client share: the engine, the slots, and a watcher for each endpoint. Keeps the handles."""

    engine: Engine
    polling: Polling
    limits: Limits
    random: random.Random
    tell: Teller
    ledger: SlotLedger = attrs.field(init=False)
    submitters: WeakSet[Submitter] = attrs.field(factory=WeakSet[Submitter], init=False)
    watchers: dict[str, Watcher] = attrs.field(factory=dict[str, Watcher], init=False)
    remembered: dict[str, Any] | None = attrs.field(default=None, init=False)
    """What the memory of durations held when it was first needed."""
    closing: bool = attrs.field(default=False, init=False)
    """From now on nobody is let in any more."""
    crowded: set[Pool] = attrs.field(factory=set[Pool], init=False)
    """Pools in which somebody waits for slots."""

    def __attrs_post_init__(self) -> None:
        pools: tuple[Pool, ...] = get_args(Pool)
        given: dict[Pool, int] = {pool: limit for pool in pools if (limit := getattr(self.limits, pool)) is not None}
        listeners = Listeners(waits=self._waits, queue=self._queue, learned=self._learned)
        self.ledger = LocalLedger(given, listeners=listeners, chance=self.random)

    def __reduce__(self) -> NoReturn:
        raise _unpicklable()

    def submitter(self, retry: Retry) -> Submitter:
        """What makes tasks by these rules."""
        submitter = Submitter(
            engine=self.engine,
            random=self.random,
            stop=self._stop,
            tell=self._ended,
            afford=self.engine.budget.pay,
            settle=retry.settle,
            on_unknown=retry.on_unknown,
            attempts=retry.attempts,
        )
        self.submitters.add(submitter)
        return submitter

    def handle(
        self, row: TaskSpec[..., Any, R], kind: Kind, external: str, created: Created[Task[R | None]], hold: Hold
    ) -> TaskHandle[R]:
        """A handle of a task that was made, which holds its slots until it is seen to end."""
        watcher = self.watcher(row.name)
        now = asyncio.get_running_loop().time()
        for forgotten in watcher.forgotten(now):
            self.ended(forgotten)
        made = watcher.made(created.task, now if created.born is None else created.born)
        born = None if created.born is None else made  # one that was found again has an age that only its row tells
        handle = TaskHandle(row.name, self, task=created.task, external_task_id=external, born=born, kind=kind)
        if created.task.status.final:
            hold.release()
        else:
            handle.hold = hold.held
            watcher.keep(handle)
        return handle

    def attach(self, endpoint: str, task_id: str | None, external: str | None) -> TaskHandle[Any]:
        """A handle of a task that was made elsewhere, or earlier."""
        return TaskHandle(endpoint, self, task_id=task_id, external_task_id=external)

    def watch(self, handle: TaskHandle[Any], /) -> None:
        if self.engine.http.closed:
            raise ClientClosed("the client is closed; the task goes on, attach its handle.ref to a new KlingClient")
        self.watcher(handle.endpoint).watch(handle)

    def unwatch(self, handle: TaskHandle[Any], /) -> None:
        self.watcher(handle.endpoint).unwatch(handle)

    async def refresh(self, handle: TaskHandle[Any], /) -> None:
        handle.push(await find(self.engine, ROWS[handle.endpoint], handle.id, handle.external_task_id))

    def eta(self, handle: TaskHandle[Any], /) -> float | None:
        return self.watcher(handle.endpoint).eta(handle)

    def running(self, handle: TaskHandle[Any], /) -> None:
        """Count the slots of a task that was made elsewhere; one, because nobody tells how many there are."""
        watcher = self.watcher(handle.endpoint)
        other = watcher.other(handle)
        if not self.engine.http.closed and (other is None or other.hold is None):
            handle.hold = self.ledger.claim(ROWS[handle.endpoint].pool, 1).held
            watcher.keep(handle)

    def ended(self, handle: TaskHandle[Any], /) -> None:
        """Give the slots back, whichever handle of the task has them."""
        held: Held | None = handle.hold
        handle.hold = None
        if held is not None:
            held.release(None if handle.born is None else asyncio.get_running_loop().time() - handle.born)
        watcher = self.watcher(handle.endpoint)
        other = watcher.other(handle)
        watcher.ended(handle)
        if other is not None and handle.latest is not None and handle.done:
            other.push(handle.latest)

    async def close(self) -> None:
        self.closing = True
        self.ledger.stop(None, ClientClosed("the client was closed before this task was sent"))
        try:
            await asyncio.gather(*(submitter.close() for submitter in self.submitters))
        finally:
            await self._leave()

    async def _leave(self) -> None:
        await self.engine.close()
        error = ClientClosed("the client was closed while this task was awaited; the task goes on")
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
            watcher = Watcher(endpoint, vendor, durations=durations, polling=self.polling, random=self.random)
            watcher.debts.curious = is_loopback(self.engine.http.base)  # an emulator's tasks may take no time at all
            watcher.debts.hurry = row.pool in self.crowded
            self.watchers[endpoint] = watcher
        return watcher

    def _waits(self, pool: Pool, weight: int, queued: int) -> None:
        self.tell(SlotAwaited(pool=pool, slots=weight, queued=queued))

    def _learned(self, pool: Pool, slots: int) -> None:
        self.tell(LimitLearned(pool=pool, slots=slots))

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

    def _ended(self, ended: Finished) -> None:
        task_id = ended.task.id if ended.task is not None else None
        if ended.task is not None and not self.engine.http.closed:  # it has slots, whose end somebody must see
            created = Created[Task[Any]](task=ended.task, born=ended.born)
            self.handle(ROWS[ended.endpoint], (), ended.external_task_id, created, ended.hold)
        self.tell(
            SubmitEnded(
                endpoint=ended.endpoint,
                external_task_id=ended.external_task_id,
                outcome=ended.outcome.value,
                task_id=task_id,
            )
        )


@attrs.define(eq=False)
class _Inside:
    """What bound endpoints ask for: one view of a client."""

    core: _Core
    retry: Retry
    validate: Validation
    priority: Priority
    slot_timeout: float | None
    _submitter: Submitter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._submitter = self.core.submitter(self.retry)

    def __reduce__(self) -> NoReturn:
        raise _unpicklable()

    def check(self, request: object, /) -> None:
        """Look into the capability map, unless told not to."""
        if self.validate == "off" or not isinstance(request, Checked):
            return
        for error in request.unsupported():
            if self.validate == "error":
                raise error
            warnings.warn(str(error), UnsupportedWarning, stacklevel=_outside())

    async def send(self, call: Call[T], /, *, retry: bool = True) -> T:
        try:
            return await self.core.engine.send(call, retry=retry)
        except asyncio.CancelledError as error:
            if not call.repeatable and getattr(error, "may_have_been_created", False):
                log.warning(
                    "%s was cancelled before its answer came; it may have been carried out, and billed", _named(call)
                )
            raise

    async def submit(self, row: TaskSpec[..., Q, R], request: Q, /) -> TaskHandle[R]:
        self.check(request)
        external, call = row.create(request, new_id)
        core, kind = self.core, row.kind(request)
        hold = await core.ledger.acquire(row.pool, row.weight(request), self.priority, self.slot_timeout)
        intent = Intent(
            endpoint=row.name,
            external_task_id=external,
            pool=row.pool,
            call=call,
            find=partial(made, core.engine, row, external),
            hold=hold,
            given=getattr(request, "external_task_id", None) is not None,
        )
        return core.handle(row, kind, external, await self._submitter.submit(intent), hold)

    def find(
        self, row: TaskSpec[..., Any, R], task_id: str | None, external: str | None, /
    ) -> Awaitable[Task[R | None]]:
        return find(self.core.engine, row, task_id, external)

    def task(self, endpoint: str, task_id: str, /) -> Awaitable[Task[Any]]:
        return find(self.core.engine, ROWS[endpoint], task_id, None)

    def attach(self, row: TaskSpec[..., Any, R], task_id: str | None, external: str | None, /) -> TaskHandle[R]:
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


class Keep(Enum):
    """Stands for an option that stays as it is, where None says something else."""

    IT = auto()


class KlingClient:
    """
    A client of the Kling AI open platform. Use it as `async with KlingClient() as kling:`, or call `close`.

    Credentials come from the arguments, else from `KLING_ACCESS_KEY` and `KLING_SECRET_KEY`, else from `KLING_API_KEY`;
    without any, `MissingCredentials` is raised at once. One client holds one connection pool and belongs to one event
    loop; make one and share it.

    `credentials` takes `AccessKey`, `ApiKey`, or a coroutine function that returns one. `base_url` (else
    `KLING_BASE_URL`, else the vendor's Singapore host) must be https; plain http is for this machine only, where an
    emulator may run. `limits` says how many tasks may be under way at once, where that is not to be learned, `polling`
    how they are followed, `retry` what is repeated, `downloads` how files are fetched. `timeout` is of one HTTP
    exchange: seconds, or aiohttp's `ClientTimeout`; 60 s by default. A `session` given is used and never closed.
    `validate` says what happens to a combination that the vendor's capability map calls unsupported, before anything is
    sent: "error" raises `InvalidRequest`, "warn" issues an `UnsupportedWarning`, "off" says nothing; models the map
    does not know always pass. `on_event` is called with every `Event` (`kling_async.events`), for instance with the
    progress of downloads; it must be quick, and what it raises is logged and breaks nothing.
    """

    def __init__(
        self,
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        api_key: str | None = None,
        credentials: Credentials | None = None,
        base_url: str | None = None,
        limits: Limits | None = None,
        polling: Polling | None = None,
        retry: Retry | None = None,
        timeout: float | aiohttp.ClientTimeout | None = None,
        session: aiohttp.ClientSession | None = None,
        downloads: Downloads | None = None,
        validate: Validation = "error",
        on_event: Listener | None = None,
    ) -> None:
        """Send nothing and open nothing yet; raise `MissingCredentials` or `InvalidRequest` for what cannot work."""
        keys = _credentials(access_key, secret_key, api_key, credentials)
        del access_key, secret_key, api_key, credentials  # whatever fails from here on, no local holds a bare key
        if isinstance(keys, Exception):
            raise keys
        base = _base(base_url, os.environ)
        chance = random.Random()
        http = HTTP(base, _timeout(timeout), session)
        again, slots, tell = retry or Retry(), limits or Limits(), Teller(_listener(on_event))
        engine = Engine(http, Authorizer(keys), again, chance, RetryBudget(again.budget))
        core = _Core(engine, polling or Polling(), slots, chance, tell)
        self._inside = _Inside(core, again, validation(validate), "interactive", slots.slot_timeout)
        self._downloader = Downloader(downloads or Downloads(), base if is_loopback(base) else None, tell)
        self._bind()

    def _bind(self) -> None:
        self.images: Images = Images(self._inside)
        """Pictures."""
        self.videos: Videos = Videos(self._inside)
        """Videos."""
        self.audio: Sounds = Sounds(self._inside)
        """Sounds and speech."""
        self.voices: Voices = Voices(self._inside)
        """Voices for videos."""
        self.elements: Elements = Elements(self._inside)
        """People and things that videos and pictures can show again."""
        self.account: Account = Account(self._inside)
        """What the account has and what it spent."""

    async def __aenter__(self) -> Self:
        """The client itself; connections are opened when they are needed."""
        if self.closed:
            raise ClientClosed("the client is closed; make a new KlingClient")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; tasks go on at the vendor's."""
        await self.close()

    def __repr__(self) -> str:
        if not hasattr(self, "_inside"):
            return "<KlingClient not made>"
        state = "closed" if self.closed else "open"
        return f"<KlingClient {self._inside.core.engine.http.base} {state}>"

    def __reduce__(self) -> NoReturn:
        raise _unpicklable()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._inside.core.engine.http.closed

    @property
    def slots(self) -> Mapping[Pool, Slots]:
        """
        How many tasks are under way and wait, by pool: `"video"`, `"image"`, `"try_on"`, `"other"`; no request.

        A task counts from the moment it is sent until it is *seen* to end, by whoever waits for it or, where creates
        wait for slots, by the client itself.
        """
        return self._inside.core.ledger.slots

    def with_options(
        self,
        *,
        priority: Priority | None = None,
        slot_timeout: float | Keep | None = Keep.IT,
        retry: Retry | None = None,
        validate: Validation | None = None,
    ) -> Self:
        """
        A view of this client with other options, which shares its connections, slots and watchers; cheap to make.

        Creates of `priority="batch"` let those of `"interactive"` (as a client begins) go first when both wait for
        slots; one of them goes after every four. `slot_timeout` is as in `Limits`; `retry` is for the creates of the
        view, while queries and the `budget` go on as the client was told. What is not given stays as it is. Closing any
        view closes all.
        """
        inside = self._inside
        limits = Limits(slot_timeout=inside.slot_timeout if slot_timeout is Keep.IT else slot_timeout)
        view = object.__new__(type(self))
        view._inside = _Inside(
            inside.core,
            retry or inside.retry,
            inside.validate if validate is None else validation(validate),
            inside.priority if priority is None else _priority(priority),
            limits.slot_timeout,
        )
        view._downloader = self._downloader
        view._bind()
        return view

    async def close(self) -> None:
        """
        Close connections and end all waiting with `ClientClosed`. May be called twice.

        Tasks go on at the vendor's and are billed; `handle.ref` finds them again.
        """
        try:
            await self._inside.core.close()
        finally:
            await self._downloader.close()

    def attach(self, ref: TaskRef) -> TaskHandle[Any]:
        """
        A handle for a task known by its `TaskRef`, for instance in another process. Sends nothing by itself.

        Raises `InvalidRequest` for an endpoint this version does not know.
        """
        if ref.endpoint not in ROWS:
            near = get_close_matches(str(ref.endpoint), ROWS, n=2, cutoff=0.5)
            meant = f"; did you mean {' or '.join(near)}?" if near else ", such as images.generate"
            raise InvalidRequest("ref.endpoint", f"must be an endpoint that makes tasks{meant}", ref.endpoint)
        return self._inside.core.attach(ref.endpoint, ref.task_id, ref.external_task_id)

    def as_completed(self, handles: Iterable[TaskHandle[R]]) -> AsyncGenerator[TaskHandle[R], None]:
        """
        Yield each handle once its task has ended, well or badly, in the order seen; then `await` costs nothing.

        A handle the vendor will not talk about is yielded as well, and `await` says why. Takes thousands of handles
        without a task for each. Raises what `TaskHandle.wait` raises about the account or the client.
        """
        return as_completed(handles)

    async def download(
        self,
        what: Downloadable | Iterable[Downloadable],
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
    ) -> list[Path]:
        """
        Store result files in *directory*, made if need be, and return their paths.

        *what* is a task, a handle (awaited first), a result or another answer that has `.files`, one file (`Image`,
        `Video`), or several of them, each fetched as soon as it has ended. Files are named
        `<name or task id>-<index>.<ext>`, the extension from the content; without a task, the session or the file's
        own id or address gives the name. Several under one name have their place in between, counted from 0:
        `<name>-<item>-<index>`, and `<name>-<item>` for one that is a file itself, whatever becomes of the others. One
        of that name is replaced in one step. Where some failed, `DownloadError` holds `.done` and `.failed`; what is
        finished stays. One thing alone raises its own error, for instance `TaskFailed`. Files have the rights that
        your umask leaves. Free of charge, and may be repeated for 30 days, until the files are deleted:
        `ExpiredResult`, if a query for new links did not help. What broke off is taken up where it was, now or by a
        later call, from the `.part` that is left. Progress is told to `on_event`.
        """
        if self.closed:
            raise ClientClosed("the client is closed; make a new KlingClient")
        return await download(self._downloader, self._inside.task, what, directory, name)


def _unpicklable() -> TypeError:
    return TypeError(
        "a KlingClient and its parts hold connections and credentials and cannot be pickled; make one per process"
    )


def _priority(given: object) -> Priority:
    if given not in get_args(Priority):
        raise InvalidRequest("priority", f"must be one of {', '.join(get_args(Priority))}", given)
    return cast("Priority", given)


def _named(call: Call[Any]) -> str:
    """The endpoint a direct call is of."""
    rows = (row for row in CALLS.values() if row.method == call.method and call.path in (row.path, *row.aliases))
    return next((row.name for row in rows), call.path)


def _outside() -> int:
    """How many frames lie between a warning and whoever called this package."""
    home, frame, level = str(Path(__file__).parent), inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(home):  # `skip_file_prefixes` of Python 3.12
        frame, level = frame.f_back, level + 1
    return level


def _credentials(
    access_key: str | None, secret_key: str | None, api_key: str | None, given: Credentials | None
) -> Credentials | KlingError:
    """The credentials, or the error to raise: without this frame, whose locals hold the bare keys."""
    try:
        if given is None:
            return credentials(access_key, secret_key, api_key)
        if access_key or secret_key or api_key:
            return InvalidRequest("credentials", "give either credentials, or keys", Hidden())
        return checked(given)
    except KlingError as error:
        return error.with_traceback(None)


def _listener(given: object) -> Listener | None:
    if given is None or (callable(given) and not inspect.iscoroutinefunction(given)):
        return cast("Listener | None", given)
    raise InvalidRequest("on_event", "must be a function that takes an Event; not a coroutine function", given)


def _base(given: str | None, environ: Mapping[str, str]) -> Any:
    return base_url(given or environ.get(BASE_URL) or SINGAPORE)


def _timeout(given: object) -> aiohttp.ClientTimeout:
    if given is None:
        return _TIMEOUT
    if isinstance(given, aiohttp.ClientTimeout):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < float("inf"):
        raise InvalidRequest("timeout", "must be a number of seconds above zero, or a ClientTimeout", given)
    return aiohttp.ClientTimeout(total=float(given), sock_connect=_TIMEOUT.sock_connect)
