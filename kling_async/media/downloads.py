"""Results on their way out: streamed to `.part`, taken up again where they broke, checked, renamed in one step.

A session of its own carries no credentials and follows no redirect by itself. The server chooses nothing: not the name,
not the type, not the size. Which addresses may be asked is the guard's business, what an answer becomes that of `run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from yarl import URL

from ..errors import ClientClosed, DownloadError, ExpiredResult, KlingError, UnsafeURL
from ..events import DownloadFailed, DownloadFinished, DownloadResumed, Teller
from ..events.logs import about
from .durable import Point, Stored, nothing
from .guard import Guard
from .hosts import answered, stranger
from .naming import within
from .part import Part
from .ranges import asking
from .run import Broken, Gone, Renew, Run
from .threads import Threads
from .writing import unwritable

if TYPE_CHECKING:
    from ..models import File
    from ..options import Downloads

log: Final = logging.getLogger("kling_async.media")

_FIRST, _MOST = 0.5, 20.0  # seconds of the first pause at most, and of any
_PATIENCE: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.define(eq=False)
class Downloader:
    """Stores files of results."""

    options: Downloads
    trusted: URL | None = None
    """The one origin besides https from which files may come: an emulator on this machine."""
    tell: Teller = attrs.field(factory=Teller, repr=False)
    random: random.Random = attrs.field(factory=random.Random, repr=False)
    now: Callable[[], datetime] = attrs.field(default=_now, repr=False)
    timeout: aiohttp.ClientTimeout = _PATIENCE
    resolver: AbstractResolver | None = None
    """Who is asked for addresses; what it says is filtered."""
    _session: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _threads: Threads = attrs.field(factory=Threads, init=False, repr=False)
    _turns: WeakValueDictionary[Path, asyncio.Lock] = attrs.field(
        factory=WeakValueDictionary[Path, asyncio.Lock], init=False, repr=False
    )
    _room: asyncio.Semaphore | None = attrs.field(default=None, init=False)
    _under_way: int = attrs.field(default=0, init=False)
    _ended: asyncio.Event = attrs.field(factory=asyncio.Event, init=False, repr=False)
    _scopes: set[asyncio.Timeout] = attrs.field(factory=set[asyncio.Timeout], init=False, repr=False)
    _stopped: asyncio.Event = attrs.field(factory=asyncio.Event, init=False, repr=False)

    async def close(self) -> None:
        """End downloads under way with `ClientClosed`, wait for them, and close the session."""
        self._stopped.set()
        for scope in self._scopes:
            # A read under way would wait for ever if its session were closed: aiohttp tells it nothing.
            scope.reschedule(asyncio.get_running_loop().time())
        while self._under_way:
            self._ended.clear()
            await self._ended.wait()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        self._threads.close()

    async def fetch(
        self, file: File, directory: Path, stem: str, *, renew: Renew | None = None, until: datetime | None = None
    ) -> Path:
        """
        Store one file as `<stem>.<extension by content>`, replacing a file of that name in one step.

        Raises `DownloadError`, or `ExpiredResult` and `UnsafeURL` for what they say. A `.part` stays on failure and on
        cancelling, and is taken up by the next call if the file is still the same.
        """
        return (await self._named(file, directory, stem, renew, until))[0]

    async def store(
        self,
        file: File,
        directory: Path,
        stem: str,
        *,
        renew: Renew | None = None,
        until: datetime | None = None,
        point: Point = nothing,
    ) -> Stored:
        """
        `fetch`, with the size and the SHA-256 of what is now on the disk, taken while it was written.

        *point* is called on the way, from the loop or from a thread; see `durable`.
        """
        path, part = await self._named(file, directory, stem, renew, until, hashing=True, point=point)
        return Stored(path=path, bytes=part.size, sha256=part.sha256)

    async def _named(
        self,
        file: File,
        directory: Path,
        stem: str,
        renew: Renew | None,
        until: datetime | None,
        *,
        hashing: bool = False,
        point: Point = nothing,
    ) -> tuple[Path, Part]:
        """The file under its name, and what is known of its bytes."""
        if self._stopped.is_set():
            raise ClientClosed("the client is closed; make a new KlingClient")
        if self._room is None:
            self._room = asyncio.Semaphore(self.options.concurrency)
        failure: KlingError
        self._under_way += 1
        clock = asyncio.get_running_loop().time
        try:
            home = await self._threads.done(directory.resolve)
            part = within(home, f"{stem}.part")
            turn = self._turns.setdefault(part, asyncio.Lock())  # two of one name at once would write into one `.part`
            async with turn, self._room:
                began = clock()
                run = Run(
                    name=stem,
                    kind=file.kind,
                    part=Part(part, hashing, point),
                    url=file.url,
                    expires=file.expires_at,
                    until=until,
                    renew=renew,
                    cap=self.options.max_bytes[file.kind],
                    tell=self.tell,
                    threads=self._threads,
                    point=point,
                )
                try:
                    name = f"{stem}.{await self._stored(run, home)}"
                except KlingError as error:
                    failure = error
                except OSError as error:  # while letting go of the `.part`
                    failure = unwritable(part, error)
                else:
                    if self.tell:
                        self.tell(
                            DownloadFinished(
                                name=stem,
                                host=run.host,
                                path=directory / name,
                                received=run.part.size,
                                seconds=clock() - began,
                                resumes=run.resumes,
                            )
                        )
                    return directory / name, run.part
                if self.tell:
                    spent, resumes = clock() - began, run.resumes
                    self.tell(DownloadFailed(name=stem, host=run.host, error=failure, seconds=spent, resumes=resumes))
        finally:
            self._under_way -= 1
            self._ended.set()
        # Without the frames below, and without aiohttp's errors: their locals hold the signed address.
        raise failure.with_traceback(None)

    async def _stored(self, run: Run, home: Path) -> str:
        """Fetch and rename; return the extension."""
        try:
            await run.open()
            kind = await self._fetched(run)
            await run.finish(within(home, f"{run.name}.{kind}"))
            return kind
        finally:
            run.part.close()

    async def _fetched(self, run: Run) -> str:
        """Fetch, with a new link where the one given has ended."""
        if run.past(self.now()):
            await self._renewed(run)
        while True:
            try:
                return await self._persistently(run)
            except Gone as gone:
                status = gone.status
            if not await self._renewed(run):
                raise run.lost(status, self.now())

    async def _renewed(self, run: Run) -> bool:
        """Ask for another link; False if there is none, or it is the same."""
        renew, run.renew = run.renew, None
        if renew is None:
            return False
        failure: KlingError
        try:
            file = await renew()
        except ClientClosed:
            raise
        except KlingError as error:
            failure = error
        else:
            if file is None or file.kind != run.kind or file.url == run.url:
                return False
            run.lead(file)
            return True
        kind = ExpiredResult if run.past(self.now()) else DownloadError
        raise kind(f"{run.address} is gone, and asking for a new link failed: {failure}") from failure

    async def _persistently(self, run: Run) -> str:
        """Fetch, and go on where it breaks, as long as bytes arrive."""

        def pause(_: RetryCallState) -> float:
            return self.random.uniform(0, min(_MOST, _FIRST * 2**run.fruitless))

        def report(state: RetryCallState) -> None:
            run.resumes += 1
            reason = str(state.outcome.exception()) if state.outcome else ""
            seconds = state.next_action.sleep if state.next_action else 0.0
            extra = about(seconds=float(seconds))
            log.info("the download of %s broke (%s), going on in %.1f s", run.name, reason, seconds, extra=extra)
            if self.tell:
                pause = float(seconds)
                self.tell(DownloadResumed(name=run.name, host=run.host, received=run.have, pause=pause, reason=reason))

        async def attempt() -> str:
            try:
                return await self._attempt(run)
            except Broken as broken:
                run.broke(broken)
                raise

        again = AsyncRetrying(
            stop=lambda _: self._stopped.is_set() or run.fruitless > self.options.resumes,
            wait=pause,
            retry=retry_if_exception_type(Broken),
            before_sleep=report,
            sleep=self._pause,
            reraise=True,
        )
        try:
            return await again(attempt)
        except Broken as broken:
            reason = str(broken)
        if self._stopped.is_set():
            raise ClientClosed(f"the client was closed while {run.address} was under way")
        raise DownloadError(f"{run.address} could not be fetched: {reason}")

    async def _attempt(self, run: Run) -> str:
        """Ask once and store what comes; return the extension once the file is whole."""
        session = self._opened()
        try:
            url = URL(run.url, encoded=True)  # signed: not one character may change
            guard, headers = Guard(self.options.hosts, self.trusted), asking(run.mark, run.have)
            async with self._open_end(), answered(session, guard, url, headers) as response:
                return await run.take(response)
        except aiohttp.ClientConnectorCertificateError:
            failure: Exception = DownloadError(f"{run.address} has a certificate that does not hold")
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, ValueError):  # aiohttp's InvalidURL
                failure = UnsafeURL(f"{run.address} is no address that can be fetched")
            else:
                failure = Broken(_in_words(error))
        except (ValueError, TypeError):  # yarl's, of odd addresses
            failure = UnsafeURL(f"{run.address} is no address that can be fetched")
        raise failure

    @contextlib.asynccontextmanager
    async def _open_end(self) -> AsyncGenerator[None, None]:
        """Time without end, until `close` ends it."""
        async with asyncio.timeout(None) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

    def _opened(self) -> aiohttp.ClientSession:
        if self._stopped.is_set():
            raise ClientClosed("the client is closed; make a new KlingClient")
        if self._session is None:
            self._session = stranger(self.trusted, self.resolver, self.timeout)
        return self._session

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()


def _in_words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientPayloadError):
        return "was cut short"
    if isinstance(error, TimeoutError):
        return "nothing came in time"
    return type(error).__name__
