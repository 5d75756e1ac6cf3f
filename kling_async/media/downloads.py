"""Results on their way out: streamed to `.part`, taken up again where they broke, checked, renamed in one step.

A session of its own carries no credentials and follows no redirect by itself. The server chooses nothing: not the name,
not the type, not the size. Which addresses may be asked is the guard's business, what an answer means that of `ranges`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, ParamSpec, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from yarl import URL

from ..errors import ClientClosed, DownloadError, ExpiredResult, KlingError, UnsafeURL
from ..events import DownloadFailed, DownloadFinished, DownloadProgress, DownloadResumed, DownloadStarted, Teller
from .guard import Guard, PublicResolver, plain
from .kinds import HEAD, contradicts, extension
from .naming import digest, within
from .pace import LEAST, SPAN, Pace
from .part import Part
from .ranges import Anew, Complete, Mark, More, Unfit, Useless, asking, meaning
from .writing import Writer, landed, unwritable

if TYPE_CHECKING:
    from ..models import File, Kind
    from ..options import Downloads

P = ParamSpec("P")
T = TypeVar("T")

Renew: TypeAlias = "Callable[[], Awaitable[File | None]]"
"""Asks the vendor for the same file again; None where there is no such file any more."""

_BUFFER: Final = 256 * 1024  # bytes after which the socket is left alone, and twice of which may be there
_HOPS: Final = 3  # redirects
_FIRST, _MOST = 0.5, 20.0  # seconds of the first pause at most, and of any
_GONE: Final = frozenset({403, 404, 410})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_PATIENCE: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_KEPT: Final = "results are kept for 30 days"


class _Broken(Exception):
    """Something that may pass: the download is taken up again."""


class _Slow(_Broken):
    """It hardly moves. What came meanwhile does not count: by that measure it would never be given up."""


class _Gone(Exception):
    """The host has no file behind this link, or not for whoever comes with it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@attrs.define(eq=False)
class _Run:
    """One file on its way."""

    name: str
    kind: Kind
    part: Part
    url: str = attrs.field(repr=False)
    expires: datetime | None
    until: datetime | None
    """When the vendor deletes the file, by the age of its task."""
    renew: Renew | None = attrs.field(repr=False)
    """Used at most once."""
    mark: Mark | None = None
    """What the bytes in `part` are the beginning of; None where they are no use."""
    head: bytes = b""
    """The first of them."""
    started: bool = False
    best: int = 0
    """The most bytes that were ever here."""
    fruitless: int = 0
    """How often it broke since then."""

    @property
    def address(self) -> str:
        """The link as messages show it."""
        return self.url.partition("?")[0]

    @property
    def host(self) -> str:
        try:
            return URL(self.url, encoded=True).raw_host or ""
        except ValueError:
            return ""

    @property
    def have(self) -> int:
        """Bytes that need not come again."""
        return self.part.size if self.mark is not None and self.mark.tells and self.part.size >= HEAD else 0

    def lead(self, file: File) -> None:
        """Go on with another link; what is here stays of use if it is signed anew and no more."""
        self.url, self.expires = file.url, file.expires_at
        if self.mark is not None and self.mark.source != digest(self.url):
            self.mark = None

    def past(self, now: datetime) -> list[datetime]:
        """The ends that are over."""
        return [end for end in (self.expires, self.until) if end is not None and end <= now]


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
    _pool: ThreadPoolExecutor | None = attrs.field(default=None, init=False, repr=False)
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
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)  # nothing is left for it to do

    async def fetch(
        self, file: File, directory: Path, stem: str, *, renew: Renew | None = None, until: datetime | None = None
    ) -> Path:
        """
        Store one file as `<stem>.<extension by content>`, replacing a file of that name in one step.

        Raises `DownloadError`, or `ExpiredResult` and `UnsafeURL` for what they say. A `.part` stays on failure and on
        cancelling, and is taken up by the next call if the file is still the same.
        """
        if self._stopped.is_set():
            raise ClientClosed("the client is closed; make a new KlingClient")
        if self._room is None:
            self._room = asyncio.Semaphore(self.options.concurrency)
        failure: KlingError
        self._under_way += 1
        try:
            home = await self._thread(directory.resolve)
            part = within(home, f"{stem}.part")
            turn = self._turns.setdefault(part, asyncio.Lock())  # two of one name at once would write into one `.part`
            async with turn, self._room:
                run = _Run(stem, file.kind, Part(part), file.url, file.expires_at, until, renew)
                try:
                    name = f"{stem}.{await self._stored(run, home)}"
                except KlingError as error:
                    failure = error
                except OSError as error:  # while letting go of the `.part`
                    failure = unwritable(part, error)
                else:
                    self.tell(DownloadFinished(name=stem, host=run.host, path=directory / name, received=run.part.size))
                    return directory / name
                self.tell(DownloadFailed(name=stem, host=run.host, error=failure))
        finally:
            self._under_way -= 1
            self._ended.set()
        # Without the frames below, and without aiohttp's errors: their locals hold the signed address.
        raise failure.with_traceback(None)

    async def _stored(self, run: _Run, home: Path) -> str:
        """Fetch and rename; return the extension."""
        try:
            run.mark = await self._disk(run, run.part.open)
            if run.mark is not None and run.mark.source != digest(run.url):
                run.mark = None
            run.head = await self._disk(run, run.part.head, HEAD)
            run.best = run.have
            kind = await self._fetched(run)
            await self._disk(run, run.part.finish, within(home, f"{run.name}.{kind}"))
            return kind
        finally:
            run.part.close()

    async def _fetched(self, run: _Run) -> str:
        """Fetch, with a new link where the one given has ended."""
        if run.past(self.now()):
            await self._renewed(run)
        while True:
            try:
                return await self._persistently(run)
            except _Gone as gone:
                status = gone.status
            if not await self._renewed(run):
                self._refuse(run, status)

    async def _renewed(self, run: _Run) -> bool:
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

    def _refuse(self, run: _Run, status: int) -> NoReturn:
        if past := run.past(self.now()):
            ended = f"{min(past):%Y-%m-%d %H:%M} UTC"
            raise ExpiredResult(f"{run.address} is gone (HTTP {status}): it ended on {ended}; {_KEPT}")
        ends = [end for end in (run.expires, run.until) if end is not None]
        if ends:
            until = f"{min(ends):%Y-%m-%d %H:%M} UTC"
            raise DownloadError(f"{run.address} answered HTTP {status}, though it should be there until {until}")
        raise ExpiredResult(
            f"{run.address} is gone (HTTP {status}); {_KEPT}, within which a new query may give a new link"
        )

    async def _persistently(self, run: _Run) -> str:
        """Fetch, and go on where it breaks, as long as bytes arrive."""

        def pause(_: RetryCallState) -> float:
            return self.random.uniform(0, min(_MOST, _FIRST * 2**run.fruitless))

        def report(state: RetryCallState) -> None:
            reason = str(state.outcome.exception()) if state.outcome else ""
            seconds = state.next_action.sleep if state.next_action else 0.0
            self.tell(
                DownloadResumed(name=run.name, host=run.host, received=run.have, pause=float(seconds), reason=reason)
            )

        async def attempt() -> str:
            try:
                return await self._attempt(run)
            except _Broken as broken:
                if run.part.size > run.best:
                    run.best, run.fruitless = run.part.size, run.fruitless if isinstance(broken, _Slow) else 0
                run.fruitless += 1
                raise

        again = AsyncRetrying(
            stop=lambda _: self._stopped.is_set() or run.fruitless > self.options.resumes,
            wait=pause,
            retry=retry_if_exception_type(_Broken),
            before_sleep=report,
            sleep=self._pause,
            reraise=True,
        )
        try:
            return await again(attempt)
        except _Broken as broken:
            reason = str(broken)
        if self._stopped.is_set():
            raise ClientClosed(f"the client was closed while {run.address} was under way")
        raise DownloadError(f"{run.address} could not be fetched: {reason}")

    async def _attempt(self, run: _Run) -> str:
        """Ask once and store what comes; return the extension once the file is whole."""
        session = self._opened()
        try:
            url = URL(run.url, encoded=True)  # signed: not one character may change
            async with self._open_end(), self._answered(session, url, asking(run.mark, run.have)) as response:
                return await self._taken(run, response)
        except aiohttp.ClientConnectorCertificateError:
            failure: Exception = DownloadError(f"{run.address} has a certificate that does not hold")
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, ValueError):  # aiohttp's InvalidURL
                failure = UnsafeURL(f"{run.address} is no address that can be fetched")
            else:
                failure = _Broken(_in_words(error))
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

    @contextlib.asynccontextmanager
    async def _answered(
        self, session: aiohttp.ClientSession, url: URL, headers: dict[str, str]
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """The answer at the end of the redirects, every one of which leads somewhere that may be asked."""
        guard = Guard(self.options.hosts, self.trusted)
        for _ in range(_HOPS + 1):
            guard.check(url)
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status not in _MOVED or location is None:
                    yield response
                    return
                url = url.join(URL(location, encoded=True))
        raise DownloadError(f"{plain(url)} is the end of more than {_HOPS} redirects")

    async def _taken(self, run: _Run, response: aiohttp.ClientResponse) -> str:
        status, headers = response.status, response.headers
        if status in _GONE:
            raise _Gone(status)
        if status >= 500:
            raise _Broken(f"HTTP {status}")
        if status not in {200, 206, 416}:
            raise DownloadError(f"{run.address} answered HTTP {status}")
        mark = run.mark if run.have else None
        found = meaning(status, headers, digest(run.url), mark, run.have)
        if isinstance(found, Unfit):
            run.mark = None
            raise _Broken(found.reason)
        if isinstance(found, Useless):
            raise DownloadError(f"{run.address} {found.reason}")
        if isinstance(found, Complete):
            self._begun(run, run.part.size, run.part.size)
            return self._kind(run)
        if headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
            raise DownloadError(f"{run.address} is packed ({headers['Content-Encoding']}), which was not asked for")
        if contradicts(run.kind, headers.get("Content-Type", "")):
            raise DownloadError(f"{run.address} is no {run.kind}: the host says {headers['Content-Type']}")
        return await self._body(run, response, found)

    async def _body(self, run: _Run, response: aiohttp.ClientResponse, found: Anew | More) -> str:
        cap, chunks = self.options.max_bytes[run.kind], response.content.iter_any()
        total = found.total if isinstance(found, More) else found.mark.total
        if total is not None and total > cap:
            raise DownloadError(f"{run.address} has {total:,} bytes, more than the {cap:,} allowed")
        first, pace = list[bytes](), Pace()
        ready: asyncio.Future[None] | None = None
        have, end = run.part.size, total
        if isinstance(found, Anew):
            while sum(map(len, first)) < HEAD and (chunk := await anext(chunks, None)) is not None:
                first.append(chunk)
                _moving(pace, chunk)
            have, run.head = 0, b"".join(first)[:HEAD]
        else:
            end = found.end
        kind = self._kind(run)
        if isinstance(found, Anew):
            run.mark = found.mark
            # Not waited for: what aiohttp holds when a connection breaks is lost, so it is read without a rest.
            ready = self._begin(run.part.restart, found.mark)
        self._begun(run, have, total)
        async with Writer(lambda pieces: self._begin(run.part.write, pieces), run.part.path, ready) as writer:
            have += sum(map(len, first))
            self._bound(run, have, end)
            for chunk in first:
                await writer.put(chunk)
            async for chunk in chunks:
                have += len(chunk)
                self._bound(run, have, end)
                if await writer.put(chunk):
                    pace.restart()  # the disk may have been waited for, which is not the host's fault
                    self.tell(DownloadProgress(name=run.name, host=run.host, received=have, expected=total))
                elif have != end:
                    _moving(pace, chunk)
        if total is not None and run.part.size != total:
            raise _Broken(f"was cut short: {run.part.size:,} of {total:,} bytes")
        return kind

    def _bound(self, run: _Run, have: int, end: int | None) -> None:
        """No more bytes than allowed, and none behind the end that the answer gave itself."""
        cap = self.options.max_bytes[run.kind]
        if have > cap:
            raise DownloadError(f"{run.address} has more than the {cap:,} bytes allowed")
        if end is not None and have > end:
            run.mark = None
            raise _Broken("sent more bytes than it said")

    def _kind(self, run: _Run) -> str:
        kind = extension(run.kind, run.head)
        if kind is None:
            raise DownloadError(f"{run.address} is no {run.kind}: it begins with {run.head!r}")
        return kind

    def _begun(self, run: _Run, have: int, expected: int | None) -> None:
        if not run.started:
            run.started = True
            self.tell(DownloadStarted(name=run.name, host=run.host, received=have, expected=expected))

    def _opened(self) -> aiohttp.ClientSession:
        if self._stopped.is_set():
            raise ClientClosed("the client is closed; make a new KlingClient")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=PublicResolver(self.trusted, self.resolver)),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
                timeout=self.timeout,
                read_bufsize=_BUFFER,
            )
        return self._session

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    def _begin(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(2, thread_name_prefix="kling_async-files")
        return asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))

    async def _thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await landed(self._begin(work, *args, **kwargs))

    async def _disk(self, run: _Run, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._thread(work, *args, **kwargs)
        except OSError as error:
            failure = unwritable(run.part.path, error)
        raise failure


def _moving(pace: Pace, chunk: bytes) -> None:
    if pace.lags(len(chunk)):
        raise _Slow(f"came with less than {LEAST:,} bytes a second for {SPAN:.0f} s")


def _in_words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientPayloadError):
        return "was cut short"
    if isinstance(error, TimeoutError):
        return "nothing came in time"
    return type(error).__name__
