"""One file on its way: what is here of it, and what becomes of an answer that may hold more. Asks nobody for anything.

What an answer brings is stored as it comes, or refused: `Broken` may pass, `Gone` calls for another link, and a
`DownloadError` is the end of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, TypeAlias, TypeVar

import aiohttp
import attrs
from yarl import URL

from ..errors import DownloadError, ExpiredResult
from ..events import DownloadProgress, DownloadStarted, Teller
from ..wording import masked
from .durable import Point, nothing
from .kinds import HEAD, contradicts, extension
from .naming import digest
from .pace import LEAST, SPAN, Pace
from .part import Part
from .ranges import Anew, Complete, Mark, More, Unfit, Useless, meaning
from .threads import Threads
from .writing import Writer, unwritable

if TYPE_CHECKING:
    from ..models import File, Kind

P = ParamSpec("P")
T = TypeVar("T")

Renew: TypeAlias = "Callable[[], Awaitable[File | None]]"
"""Asks the vendor for the same file again; None where there is no such file any more."""

_GONE: Final = frozenset({403, 404, 410})
_KEPT: Final = "results are kept for 30 days"


class Broken(Exception):
    """Something that may pass: the download is taken up again."""


class _Slow(Broken):
    """It hardly moves. What came meanwhile does not count: by that measure it would never be given up."""


class Gone(Exception):
    """The host has no file behind this link, or not for whoever comes with it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@attrs.define(eq=False, kw_only=True)
class Run:
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
    cap: int
    """Bytes it may have."""
    tell: Teller = attrs.field(repr=False)
    threads: Threads = attrs.field(repr=False)
    point: Point = attrs.field(default=nothing, repr=False)
    mark: Mark | None = attrs.field(default=None, init=False)
    """What the bytes in `part` are the beginning of; None where they are no use."""
    fruitless: int = attrs.field(default=0, init=False)
    """How often it broke since more bytes were here than ever before."""
    resumes: int = attrs.field(default=0, init=False)
    """How often it was taken up again."""
    _head: bytes = attrs.field(default=b"", init=False)
    """The first of them."""
    _started: bool = attrs.field(default=False, init=False)
    _best: int = attrs.field(default=0, init=False)
    """The most bytes that were ever here."""

    @property
    def address(self) -> str:
        """The link as messages show it."""
        return masked(self.url)

    @property
    def host(self) -> str:
        """Where the file comes from."""
        try:
            return URL(self.url, encoded=True).raw_host or ""
        except ValueError:
            return ""

    @property
    def have(self) -> int:
        """Bytes that need not come again."""
        return self.part.size if self.mark is not None and self.mark.tells and self.part.size >= HEAD else 0

    async def open(self) -> None:
        """Look at what an earlier download left behind."""
        self.mark = await self._disk(self.part.open)
        if self.mark is not None and self.mark.source != digest(self.url):
            self.mark = None
        self._head = await self._disk(self.part.head, HEAD)
        self._best = self.have

    async def finish(self, path: Path) -> None:
        """Give the whole file its name."""
        await self._disk(self.part.finish, path)

    def lead(self, file: File) -> None:
        """Go on with another link; what is here stays of use if it is signed anew and no more."""
        self.url, self.expires = file.url, file.expires_at
        if self.mark is not None and self.mark.source != digest(self.url):
            self.mark = None

    def past(self, now: datetime) -> list[datetime]:
        """The ends that are over."""
        return [end for end in (self.expires, self.until) if end is not None and end <= now]

    def lost(self, status: int, now: datetime) -> DownloadError:
        """What it means that the file is gone and no other link leads to it."""
        if past := self.past(now):
            ended = f"{min(past):%Y-%m-%d %H:%M} UTC"
            return ExpiredResult(f"{self.address} is gone (HTTP {status}): it ended on {ended}; {_KEPT}")
        ends = [end for end in (self.expires, self.until) if end is not None]
        if ends:
            until = f"{min(ends):%Y-%m-%d %H:%M} UTC"
            return DownloadError(f"{self.address} answered HTTP {status}, though it should be there until {until}")
        return ExpiredResult(
            f"{self.address} is gone (HTTP {status}); {_KEPT}, within which a new query may give a new link"
        )

    def broke(self, broken: Broken) -> None:
        """Count a break; those before count no more if bytes came since."""
        if self.part.size > self._best:
            self._best, self.fruitless = self.part.size, self.fruitless if isinstance(broken, _Slow) else 0
        self.fruitless += 1

    async def take(self, response: aiohttp.ClientResponse) -> str:
        """Store what an answer holds; return the extension once the file is whole."""
        status, headers = response.status, response.headers
        if status in _GONE:
            raise Gone(status)
        if status >= 500:
            raise Broken(f"HTTP {status}")
        if status not in {200, 206, 416}:
            raise DownloadError(f"{self.address} answered HTTP {status}")
        mark = self.mark if self.have else None
        found = meaning(status, headers, digest(self.url), mark, self.have)
        if isinstance(found, Unfit):
            self.mark = None
            raise Broken(found.reason)
        if isinstance(found, Useless):
            raise DownloadError(f"{self.address} {found.reason}")
        if isinstance(found, Complete):
            self._begun(self.part.size, self.part.size)
            return self._kind()
        if headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
            raise DownloadError(f"{self.address} is packed ({headers['Content-Encoding']}), which was not asked for")
        if contradicts(self.kind, headers.get("Content-Type", "")):
            raise DownloadError(f"{self.address} is no {self.kind}: the host says {headers['Content-Type']}")
        return await self._body(response, found)

    async def _body(self, response: aiohttp.ClientResponse, found: Anew | More) -> str:
        chunks = response.content.iter_any()
        total = found.total if isinstance(found, More) else found.mark.total
        if total is not None and total > self.cap:
            raise DownloadError(f"{self.address} has {total:,} bytes, more than the {self.cap:,} allowed")
        first, pace = list[bytes](), Pace()
        ready: asyncio.Future[None] | None = None
        have, end = self.part.size, total
        if isinstance(found, Anew):
            while sum(map(len, first)) < HEAD and (chunk := await anext(chunks, None)) is not None:
                first.append(chunk)
                _moving(pace, chunk)
            have, self._head = 0, b"".join(first)[:HEAD]
        else:
            end = found.end
        kind = self._kind()
        if isinstance(found, Anew):
            self.mark = found.mark
            # Not waited for: what aiohttp holds when a connection breaks is lost, so it is read without a rest.
            ready = self.threads.begin(self.part.restart, found.mark)
        self._begun(have, total)
        async with Writer(lambda pieces: self.threads.begin(self.part.write, pieces), self.part.path, ready) as writer:
            have += sum(map(len, first))
            self._bound(have, end)
            for chunk in first:
                await writer.put(chunk)
            async for chunk in chunks:
                have += len(chunk)
                self._bound(have, end)
                if await writer.put(chunk):
                    pace.restart()  # the disk may have been waited for, which is not the host's fault
                    self._progressed(have, total)
                elif have != end:
                    _moving(pace, chunk)
        if total is not None and self.part.size != total:
            raise Broken(f"was cut short: {self.part.size:,} of {total:,} bytes")
        return kind

    def _bound(self, have: int, end: int | None) -> None:
        """No more bytes than allowed, and none behind the end that the answer gave itself."""
        if have > self.cap:
            raise DownloadError(f"{self.address} has more than the {self.cap:,} bytes allowed")
        if end is not None and have > end:
            self.mark = None
            raise Broken("sent more bytes than it said")

    def _kind(self) -> str:
        kind = extension(self.kind, self._head)
        if kind is None:
            raise DownloadError(f"{self.address} is no {self.kind}: it begins with {self._head!r}")
        return kind

    def _begun(self, have: int, expected: int | None) -> None:
        if not self._started:
            self._started = True
            self.point("download.started")
            if self.tell:
                self.tell(DownloadStarted(name=self.name, host=self.host, received=have, expected=expected))

    def _progressed(self, have: int, expected: int | None) -> None:
        if self.tell:
            self.tell(DownloadProgress(name=self.name, host=self.host, received=have, expected=expected))

    async def _disk(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self.threads.done(work, *args, **kwargs)
        except OSError as error:
            failure = unwritable(self.part.path, error)
        raise failure


def _moving(pace: Pace, chunk: bytes) -> None:
    if pace.lags(len(chunk)):
        raise _Slow(f"came with less than {LEAST:,} bytes a second for {SPAN:.0f} s")
