"""KlingClient: puts the parts together, opens and closes them. Decides nothing itself."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TypeAlias, TypeVar, cast

import aiohttp
import attrs

from .api import ROWS, Images, Videos
from .errors import ClientClosed, DownloadError, InvalidRequest, KlingError
from .handle import TaskHandle, TaskRef, as_completed
from .media.downloads import Downloader, Downloads, slug, stem, writable
from .models import File, Result, Task
from .polling.lookup import find
from .polling.schedule import PlainSchedule, Polling
from .polling.watcher import Watcher
from .protocol.call import Call
from .protocol.endpoint import TaskSpec
from .submitting.submit import new_id, submit
from .transport.auth import Authorizer, Credentials, credentials
from .transport.engine import Engine, Retry
from .transport.http import HTTP, SINGAPORE, base_url, is_loopback

Q = TypeVar("Q")
R = TypeVar("R")
T = TypeVar("T")

BASE_URL = "KLING_BASE_URL"
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)

Downloadable: TypeAlias = "Task[Any] | TaskHandle[Any] | File"


@attrs.define(eq=False)
class _Inside:
    """What bound endpoints and handles ask for: the engine, and a watcher for each endpoint."""

    engine: Engine
    polling: Polling
    random: random.Random
    watchers: dict[str, Watcher] = attrs.field(factory=dict[str, Watcher])

    async def send(self, call: Call[T], /, *, retry: bool = True) -> T:
        return await self.engine.send(call, retry=retry)

    async def submit(self, row: TaskSpec[..., Q, R], request: Q, /) -> TaskHandle[R]:
        external, call = row.create(request, new_id)
        task = await submit(self.engine, row.name, external, call)
        born = asyncio.get_running_loop().time()
        return TaskHandle(row.name, self, task=task, external_task_id=external, born=born)

    def find(
        self, row: TaskSpec[..., Any, R], task_id: str | None, external: str | None, /
    ) -> Awaitable[Task[R | None]]:
        return find(self.engine, row, task_id, external)

    def attach(self, row: TaskSpec[..., Any, R], task_id: str | None, external: str | None, /) -> TaskHandle[R]:
        return TaskHandle(row.name, self, task_id=task_id, external_task_id=external)

    def watch(self, handle: TaskHandle[Any], /) -> None:
        if self.engine.http.closed:
            raise ClientClosed("the client is closed; the task goes on, attach its handle.ref to a new KlingClient")
        self._watcher(handle.endpoint).watch(handle)

    def unwatch(self, handle: TaskHandle[Any], /) -> None:
        self._watcher(handle.endpoint).unwatch(handle)

    async def refresh(self, handle: TaskHandle[Any], /) -> None:
        handle.push(await find(self.engine, ROWS[handle.endpoint], handle.id, handle.external_task_id))

    async def close(self) -> None:
        await self.engine.http.close()
        error = ClientClosed("the client was closed while this task was awaited; the task goes on")
        await asyncio.gather(*(watcher.close(error) for watcher in self.watchers.values()))

    def _watcher(self, endpoint: str) -> Watcher:
        watcher = self.watchers.get(endpoint)
        if watcher is None:
            schedule = PlainSchedule(self.polling, self.random)
            row = ROWS[endpoint]
            watcher = Watcher(
                endpoint, row.pool, self._ask, schedule=schedule, polling=self.polling, random=self.random
            )
            self.watchers[endpoint] = watcher
        return watcher

    def _ask(self, handle: TaskHandle[Any]) -> Awaitable[Task[Any]]:
        # The watcher has a schedule of its own for failures; repeating below it would be a retry inside a retry.
        return find(self.engine, ROWS[handle.endpoint], handle.id, handle.external_task_id, retry=False)


class KlingClient:
    """
    A client of the Kling AI open platform. Use it as `async with KlingClient() as kling:`, or call `close`.

    Credentials come from the arguments, else from `KLING_ACCESS_KEY` and `KLING_SECRET_KEY`, else from `KLING_API_KEY`;
    without any, `MissingCredentials` is raised at once. One client holds one connection pool and belongs to one event
    loop; make one and share it.

    `credentials` takes `AccessKey`, `ApiKey`, or a coroutine function that returns one. `base_url` (else
    `KLING_BASE_URL`, else the vendor's Singapore host) must be https; plain http is for this machine only, where an
    emulator may run. `timeout` is of one HTTP exchange: seconds, or aiohttp's `ClientTimeout`; 60 s by default. A
    `session` given is used and never closed.
    """

    def __init__(
        self,
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        api_key: str | None = None,
        credentials: Credentials | None = None,
        base_url: str | None = None,
        polling: Polling | None = None,
        retry: Retry | None = None,
        timeout: float | aiohttp.ClientTimeout | None = None,
        session: aiohttp.ClientSession | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Send nothing and open nothing yet; raise `MissingCredentials` or `InvalidRequest` for what cannot work."""
        keys = _credentials(access_key, secret_key, api_key, credentials)
        base = _base(base_url, os.environ)
        chance = random.Random()
        http = HTTP(base, _timeout(timeout), session)
        engine = Engine(http, Authorizer(keys), retry or Retry(), chance)
        self._inside = _Inside(engine, polling or Polling(), chance)
        self._downloader = Downloader(downloads or Downloads(), base if is_loopback(base) else None)
        self.images: Images = Images(self._inside)
        """Pictures."""
        self.videos: Videos = Videos(self._inside)
        """Videos."""

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
        state = "closed" if self.closed else "open"
        return f"<KlingClient {self._inside.engine.http.base} {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KlingClient holds connections and credentials and cannot be pickled; make one per process")

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._inside.engine.http.closed

    async def close(self) -> None:
        """
        Close connections and end all waiting with `ClientClosed`. May be called twice.

        Tasks go on at the vendor's and are billed; `handle.ref` finds them again.
        """
        await self._inside.close()
        await self._downloader.close()

    def attach(self, ref: TaskRef) -> TaskHandle[Any]:
        """
        A handle for a task known by its `TaskRef`, for instance in another process. Sends nothing by itself.

        Raises `InvalidRequest` for an endpoint this version does not know.
        """
        if ref.endpoint not in ROWS:
            raise InvalidRequest("ref.endpoint", f"must be one of {', '.join(ROWS)}", ref.endpoint)
        handle: TaskHandle[Any] = TaskHandle(
            ref.endpoint, self._inside, task_id=ref.task_id, external_task_id=ref.external_task_id
        )
        return handle

    def as_completed(self, handles: Iterable[TaskHandle[R]]) -> AsyncGenerator[TaskHandle[R], None]:
        """
        Yield each handle once its task has ended, well or badly, in the order seen; then `await` costs nothing.

        Takes thousands of handles without a task for each. Raises what `TaskHandle.wait` raises about the account.
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

        *what* is a task, a handle (awaited first), one file (`Image`, `Video`), or several of them. Files are named
        `<name or task id>-<index>.<ext>`, the extension from the content; one of that name is replaced in one step.
        Where some failed, `DownloadError` holds `.done` and `.failed`; what is finished stays. One handle alone raises
        what awaiting it raises. Free of charge; may be repeated for 30 days, after which the vendor deletes the files.
        """
        several = isinstance(what, Iterable) and not isinstance(what, Task | TaskHandle)
        items = list(cast("Iterable[Downloadable]", what)) if several else [cast("Downloadable", what)]
        given = None if name is None else stem(name)
        if self.closed:
            raise ClientClosed("the client is closed; make a new KlingClient")
        folder = await asyncio.to_thread(writable, directory)
        ended = await asyncio.gather(*map(_files, items), return_exceptions=True)
        jobs, taken, failed = list[tuple[File, str]](), Counter[str](), list[DownloadError]()
        for outcome in ended:
            if isinstance(outcome, BaseException):
                if not several or not isinstance(outcome, KlingError):
                    raise outcome
                failed.append(_as_download_error(outcome))
                continue
            own, files = outcome
            base = given or slug(own or "file")
            for file in files:
                jobs.append((file, f"{base}-{taken[base]}"))
                taken[base] += 1
        return await self._downloader.fetch_all(jobs, folder, failed)


async def _files(item: Downloadable) -> tuple[str | None, tuple[File, ...]]:
    """The name that comes with an item, and its files."""
    if isinstance(item, TaskHandle):
        item = await item
    if not isinstance(item, Task):
        return None, (item,)
    result = cast("Result | None", item.result)
    if result is None:
        raise InvalidRequest("what", f"must be a finished task, this one is {item.status}", item.id)
    return item.id, result.files


def _as_download_error(error: KlingError) -> DownloadError:
    if isinstance(error, DownloadError):
        return error
    wrapped = DownloadError(str(error))
    wrapped.__cause__ = error
    return wrapped


def _credentials(
    access_key: str | None, secret_key: str | None, api_key: str | None, given: Credentials | None
) -> Credentials:
    if given is None:
        return credentials(access_key, secret_key, api_key)
    if access_key or secret_key or api_key:
        raise InvalidRequest("credentials", "give either credentials, or keys")
    return given


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
