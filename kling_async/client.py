"""KlingClient: puts the parts together, opens and closes them. Decides nothing itself."""

from __future__ import annotations

import inspect
import logging
import os
import random
from collections.abc import AsyncGenerator, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeVar, cast, get_args

import aiohttp

from .api import ROWS, Account, Elements, Images, Sounds, Videos, Voices
from .core import Core, Inside, unpicklable
from .errors import ClientClosed, InvalidRequest, KlingError
from .events import Listener, Teller
from .fetching import Downloadable, download
from .handle import TaskHandle, TaskRef, as_completed
from .media.downloads import Downloader
from .options import Downloads, Limits, Polling, Retry, Validation, validation
from .protocol.endpoint import Pool
from .submitting.ledger import Priority, Slots
from .transport.auth import Authorizer, Credentials, checked, credentials
from .transport.budget import RetryBudget
from .transport.engine import Engine
from .transport.http import HTTP, SINGAPORE, base_url, is_loopback
from .transport.watching import prompts_wanted
from .webhooks.callbacks import Callbacks
from .wording import Hidden

Q = TypeVar("Q")
R = TypeVar("R")
T = TypeVar("T")

BASE_URL = "KLING_BASE_URL"
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)

log: Final = logging.getLogger("kling_async.client")


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
    does not know always pass. With `callbacks` the vendor is asked to call back about every task whose request names
    no `callback_url` of its own, and tasks are looked at when it did. `on_event`, one function or several, is called
    with every `Event` (`kling_async.events`), for instance with the progress of downloads; it must be quick, and what
    it raises is logged and breaks nothing.
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
        callbacks: Callbacks | None = None,
        on_event: Listener | Iterable[Listener] | None = None,
    ) -> None:
        """Send nothing and open nothing yet; raise `MissingCredentials` or `InvalidRequest` for what cannot work."""
        keys = _credentials(access_key, secret_key, api_key, credentials)
        del access_key, secret_key, api_key, credentials  # whatever fails from here on, no local holds a bare key
        if isinstance(keys, Exception):
            raise keys
        base = _base(base_url, os.environ)
        chance = random.Random()
        http = HTTP(base, _timeout(timeout), session)
        again, slots, tell = retry or Retry(), limits or Limits(), Teller(_listeners(on_event))
        budget, prompts = RetryBudget(again.budget), prompts_wanted(os.environ)
        engine = Engine(http, Authorizer(keys), again, chance, budget, tell=tell, prompts=prompts)
        downloader = Downloader(downloads or Downloads(), base if is_loopback(base) else None, tell)
        core = Core(engine, downloader, polling or Polling(), slots, chance, tell, _callbacks(callbacks))
        self.inside: Inside = Inside(core, again, validation(validate), "interactive", slots.slot_timeout)
        """What the rooms of this package ask that build upon a client, such as batches. Not for users, no promise."""
        self._bind()

    def _bind(self) -> None:
        self.images: Images = Images(self.inside)
        """Pictures."""
        self.videos: Videos = Videos(self.inside)
        """Videos."""
        self.audio: Sounds = Sounds(self.inside)
        """Sounds and speech."""
        self.voices: Voices = Voices(self.inside)
        """Voices for videos."""
        self.elements: Elements = Elements(self.inside)
        """People and things that videos and pictures can show again."""
        self.account: Account = Account(self.inside)
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
        if not hasattr(self, "inside"):
            return "<KlingClient not made>"
        state = "closed" if self.closed else "open"
        return f"<KlingClient {self.inside.core.engine.http.base} {state}>"

    def __reduce__(self) -> NoReturn:
        raise unpicklable()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self.inside.core.engine.http.closed

    @property
    def slots(self) -> Mapping[Pool, Slots]:
        """
        How many tasks are under way and wait, by pool: `"video"`, `"image"`, `"try_on"`, `"other"`; no request.

        A task counts from the moment it is sent until it is *seen* to end, by whoever waits for it or, where creates
        wait for slots, by the client itself.
        """
        return self.inside.core.ledger.slots

    @property
    def callbacks(self) -> Callbacks | None:
        """Where the vendor is to call back; None: nowhere."""
        return self.inside.core.callbacks

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
        inside = self.inside
        limits = Limits(slot_timeout=inside.slot_timeout if slot_timeout is Keep.IT else slot_timeout)
        view = object.__new__(type(self))
        view.inside = Inside(
            inside.core,
            retry or inside.retry,
            inside.validate if validate is None else validation(validate),
            inside.priority if priority is None else _priority(priority),
            limits.slot_timeout,
        )
        view._bind()
        return view

    async def close(self) -> None:
        """
        Close connections and end all waiting with `ClientClosed`. May be called twice.

        Tasks go on at the vendor's and are billed; `handle.ref` finds them again.
        """
        await self.inside.core.close()

    def attach(self, ref: TaskRef) -> TaskHandle[Any]:
        """
        A handle for a task known by its `TaskRef`, for instance in another process. Sends nothing by itself.

        Raises `InvalidRequest` for an endpoint this version does not know.
        """
        if ref.endpoint not in ROWS:
            near = get_close_matches(str(ref.endpoint), ROWS, n=2, cutoff=0.5)
            meant = f"; did you mean {' or '.join(near)}?" if near else ", such as images.generate"
            raise InvalidRequest("ref.endpoint", f"must be an endpoint that makes tasks{meant}", ref.endpoint)
        return self.inside.core.attach(ref.endpoint, ref.task_id, ref.external_task_id)

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
        return await download(self.inside.core.downloader, self.inside.task, what, directory, name)


def _priority(given: object) -> Priority:
    if given not in get_args(Priority):
        raise InvalidRequest("priority", f"must be one of {', '.join(get_args(Priority))}", given)
    return cast("Priority", given)


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


def _callbacks(given: object) -> Callbacks | None:
    if given is None or isinstance(given, Callbacks):
        return given
    raise InvalidRequest("callbacks", "must be Callbacks(url=..., keys=...)", Hidden())


def _listeners(given: object) -> tuple[Listener, ...]:
    if given is None:
        return ()
    listeners: tuple[object, ...] = (given,)
    if isinstance(given, Iterable) and not isinstance(given, str) and not callable(cast("object", given)):
        listeners = tuple(cast("Iterable[object]", given))
    for each in listeners:
        if not callable(each) or inspect.iscoroutinefunction(each):
            rule = "must be a function that takes an Event, or several; not a coroutine function"
            raise InvalidRequest("on_event", rule, each)
    return cast("tuple[Listener, ...]", listeners)


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
