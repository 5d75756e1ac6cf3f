"""One aiohttp session: a request in, an answer out. Knows neither codes nor retries nor what a task is.

Redirects are refused, TLS is on, cookies are dropped, bodies are capped. aiohttp's errors never leave this module: they
hold the request and with it the token. They are told apart here by whether bytes can have reached the vendor, because
that decides whether a create may have gone through.
"""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final

import aiohttp
import attrs
from yarl import URL

from .._version import __version__
from ..errors import ClientClosed, ConnectionFailed, InvalidRequest, KlingError, RequestTimeout
from ..protocol.call import Answer
from .bodies import Outgoing, Small
from .uploads import Upload, Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..protocol.call import Call
    from .auth import Secret

MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes of an API answer; a page of 500 tasks has well under one million."""
SINGAPORE: Final = "https://api-singapore.klingai.com"
AT_ONCE: Final = 100
"""Queries under way at once, and as many of all other calls: neither holds up the other, and 200 sockets are allowed
everywhere. Whoever waits has sent nothing, and no time counts. A borrowed session has limits of its own."""
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": f"kling-async/{__version__}"}
"""The vendor asks for the content type on queries too."""
_KNOWING: Final = frozenset({"aiohttp", "aiosignal"})
"""Packages in whose frames the token is."""


def base_url(text: str) -> URL:
    """A checked base URL: https, or http to this very machine; without user, query or fragment."""
    try:
        url = URL(text.rstrip("/"))
    except (ValueError, AttributeError, TypeError):
        url = URL()
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise InvalidRequest("base_url", "must be an absolute URL without query and fragment", text)
    if url.user or url.password:
        raise InvalidRequest("base_url", "must not hold a user or password")
    if url.scheme != "https" and not is_loopback(url):
        raise InvalidRequest("base_url", "must be https; plain http is for loopback addresses only", text)
    return url


def is_loopback(url: URL) -> bool:
    """Whether the host is this machine by its very name, without asking DNS."""
    host = url.host or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _room(http: HTTP) -> asyncio.Semaphore:
    return asyncio.Semaphore(AT_ONCE if http.borrowed is None else sys.maxsize)


@attrs.define(eq=False)
class HTTP:
    """Exchanges calls for answers over one session, made at the first call and closed by `close`."""

    base: URL
    timeout: aiohttp.ClientTimeout
    borrowed: aiohttp.ClientSession | None = None
    """A session of the caller's; used, and never closed here."""
    _queries: asyncio.Semaphore = attrs.field(default=attrs.Factory(_room, takes_self=True), init=False, repr=False)
    _others: asyncio.Semaphore = attrs.field(default=attrs.Factory(_room, takes_self=True), init=False, repr=False)
    _uploads: Uploads = attrs.field(factory=Uploads, init=False, repr=False)
    _session: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False, repr=False)
    _closed: bool = attrs.field(default=False, init=False)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def headers(self) -> Mapping[str, str]:
        """What every request says besides who sends it."""
        return _HEADERS if self.borrowed is None else {**self.borrowed.headers, **_HEADERS}

    @property
    def trusted(self) -> bool:
        """Whether nobody on the way can have changed an answer's headers."""
        return self.base.scheme == "https" or is_loopback(self.base)

    async def close(self) -> None:
        """Close what was opened here, and refuse all further calls."""
        self._closed = True
        self._uploads.stop()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._uploads.close()

    async def exchange(self, call: Call[Any], bearer: Secret, leaving: Callable[[], None] | None = None) -> Answer:
        """
        Send once and return whatever came back, whole or not; `ConnectionFailed` or `RequestTimeout` if nothing.

        The time for a body of several megabytes counts anew with every piece of it that the connection takes, and once
        more for the answer: a slow line is no reason to give up, a line on which nothing moves is. Waiting for a turn,
        or for the own disk, is not counted. An error or a `CancelledError` says in `may_have_been_created` whether all
        of the call may have left; one without it was raised before. *leaving* is called just before: of a call with a
        body when there is a connection
        that takes it, and a `KlingError` that it raises then is raised instead of sending; of one without at its turn.
        """
        self._opened()
        text = None if call.body is None else await self._uploads.prepared(call.body)
        if not isinstance(text, Upload):
            room = self._queries if call.repeatable else self._others
            await room.acquire()  # not `async with`, which costs every query two coroutines more
            try:
                body = None if text is None else Small(text, leaving)
                if body is None and leaving is not None:
                    leaving()
                return await self._exchanged(call, bearer, body, self.timeout)
            finally:
                room.release()
        text.on_whole = leaving
        try:
            async with self._uploads.under_way(text, self.timeout.total):
                return await self._exchanged(call, bearer, text, _without_total(self.timeout))
        except RequestTimeout:
            raise
        except TimeoutError as error:
            failure = self._error(call, error, None, text)
        raise failure.with_traceback(None)

    async def _exchanged(
        self, call: Call[Any], bearer: Secret, body: Outgoing | None, timeout: aiohttp.ClientTimeout
    ) -> Answer:
        session = self._opened()
        answer: Answer | None = None
        try:
            response = await session.request(
                call.method,
                self._url(call),
                data=body,
                headers={"Authorization": f"Bearer {bearer.reveal()}", **(_HEADERS if self.borrowed else {})},
                allow_redirects=False,
                raise_for_status=False,  # a borrowed session may have it on, and with it no code would be read
                timeout=timeout,
            )
            answer = Answer(status=response.status, headers=response.headers)
            try:
                await _read(response, answer)
            finally:
                response.release()
        except asyncio.CancelledError as error:
            # The frames inside aiohttp hold the token; whoever prints this traceback with locals shall not see it.
            error.__context__ = None
            vars(error)["may_have_been_created"] = body is None or body.whole
            raise error.with_traceback(None) from None
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not session.closed:
                raise
            if answer is not None and isinstance(error, aiohttp.ClientPayloadError) and not session.closed:
                answer.flaw = "was cut short"
                return answer
            failure = self._error(call, error, session, body)
        except Exception as error:  # noqa: BLE001 - raised again
            # Of a hook of a borrowed session. It is the caller's own and passes, but for what aiohttp's frames know.
            error.__context__ = None
            raise error.with_traceback(_without_aiohttp(error.__traceback__))  # noqa: B904 - it is the same one
        else:
            return answer
        # Outside of the except block, and with nothing of aiohttp's in a local, a cause or a context: its errors hold
        # the request's headers.
        raise failure.with_traceback(None)

    def _url(self, call: Call[Any]) -> URL:
        url = URL(f"{self.base}{call.path}", encoded=True)
        return url.with_query(call.query) if call.query else url

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ClientClosed("the client is closed; make a new KlingClient")
        if self.borrowed is not None:
            return self.borrowed
        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            raise RuntimeError("a KlingClient belongs to the event loop it was first used in; make one per loop")
        if self._session is None:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # two semaphores see to that
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    def _error(
        self,
        call: Call[Any],
        trouble: Exception,
        session: aiohttp.ClientSession | None,
        body: Outgoing | None,
    ) -> KlingError:
        where = f"{call.method} {self.base.origin()}{call.path}"
        kind, words = type(trouble).__name__, _words(trouble)
        whole, when = True, ""
        if body is not None and not body.whole:
            if body.trouble is not None:
                return body.trouble
            whole, when = False, " before all of the request was sent"  # and half a request makes no task
        if self._closed or (session is not None and session.closed):
            return ClientClosed(f"the session was closed during {where}{when}", may_have_been_created=whole)
        unsent = isinstance(body, Small) and not whole
        if isinstance(trouble, aiohttp.ConnectionTimeoutError) or (isinstance(trouble, TimeoutError) and unsent):
            return RequestTimeout(f"no connection to the vendor in time: {where}")
        if isinstance(trouble, TimeoutError):
            told = f"nothing moved for too long{when}" if when else "no answer in time"
            return RequestTimeout(f"{told}: {where}", may_have_been_created=whole)
        if isinstance(trouble, aiohttp.ClientConnectorError):
            unreached = ConnectionFailed(f"the vendor cannot be reached: {where}: {words}")
            unreached.retryable = not isinstance(trouble, aiohttp.ClientConnectorCertificateError)
            return unreached
        return ConnectionFailed(f"the connection broke{when}: {where}: {kind}: {words}", may_have_been_created=whole)


def _without_total(timeout: aiohttp.ClientTimeout) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        connect=timeout.connect,
        sock_connect=timeout.sock_connect,
        sock_read=timeout.sock_read,
        ceil_threshold=timeout.ceil_threshold,
    )


def _without_aiohttp(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames whose locals hold the token; those of hooks stay."""
    kept = list[TracebackType]()
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in _KNOWING:
            kept.append(trace)
        trace = trace.tb_next
    whole: TracebackType | None = None
    for each in reversed(kept):
        whole = TracebackType(whole, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return whole


async def _read(response: aiohttp.ClientResponse, answer: Answer) -> None:
    """Put the body into the answer as it comes, up to a limit that no answer of the vendor's reaches."""
    stream = response.content
    while not stream.at_eof():
        part = await stream.readany()
        answer.body = answer.body + part if answer.body else part  # nearly always one part
        if len(answer.body) > MAX_BODY:
            answer.flaw = f"is longer than {MAX_BODY:,} bytes"
            response.close()
            return


def _words(trouble: Exception) -> str:
    # The text of an OSError names an address at most; other errors of aiohttp may quote headers, and keep silent.
    inner = trouble.os_error if isinstance(trouble, aiohttp.ClientConnectorError) else trouble
    if isinstance(inner, OSError):
        return inner.strerror or str(inner.errno or "no reason given")
    return "no reason given"
