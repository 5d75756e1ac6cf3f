"""Results on their way out: streamed to `.part`, checked, then renamed in one step.

A session of its own carries no credentials. The server chooses nothing: not the name, not the type, not the size. An
address that is not https is refused, except the emulator's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import aiohttp
import attrs
from yarl import URL

from ..errors import ClientClosed, DownloadError, ExpiredResult, InvalidRequest, KlingError, UnsafeURL

if TYPE_CHECKING:
    from ..models import File, Kind
    from ..options import Downloads

_BATCH: Final = 1024 * 1024  # bytes handed to the disk at once
_HEAD: Final = 16  # bytes enough to tell every type below
_GONE: Final = frozenset({403, 404, 410})
_DEVICES: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")

_TYPES: Final[Mapping[Kind, tuple[tuple[str, re.Pattern[bytes]], ...]]] = {
    "image": (
        ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
        ("jpg", re.compile(rb"\xff\xd8\xff")),
        ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ),
    "video": (
        ("mov", re.compile(rb"....ftypqt  ", re.DOTALL)),
        ("mp4", re.compile(rb"....ftyp", re.DOTALL)),
        ("webm", re.compile(rb"\x1a\x45\xdf\xa3")),
    ),
    "audio": (
        ("wav", re.compile(rb"RIFF....WAVE", re.DOTALL)),
        ("m4a", re.compile(rb"....ftyp", re.DOTALL)),
        ("aac", re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")),
        ("mp3", re.compile(rb"ID3|\xff[\xe2-\xff]")),
    ),
}
"""Extension by first bytes. Neither the link's name nor the header of the answer is believed."""


@attrs.define(eq=False)
class Downloader:
    """Stores files of results."""

    options: Downloads
    trusted: URL | None = None
    """The one origin besides https from which files may come: an emulator on this machine."""
    _session: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _turns: WeakValueDictionary[Path, asyncio.Lock] = attrs.field(
        factory=WeakValueDictionary[Path, asyncio.Lock], init=False, repr=False
    )
    _room: asyncio.Semaphore | None = attrs.field(default=None, init=False)
    _closed: bool = attrs.field(default=False, init=False)

    async def close(self) -> None:
        """Close the session; downloads under way end with `ClientClosed`."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetch(self, file: File, directory: Path, stem: str) -> Path:
        """
        Store one file as `<stem>.<extension by content>`, replacing a file of that name in one step.

        Raises `DownloadError`, or `ExpiredResult` and `UnsafeURL` for what they say. Cancelling leaves a `.part`.
        """
        part = directory / f"{stem}.part"
        if self._room is None:
            self._room = asyncio.Semaphore(self.options.concurrency)
        turn = self._turns.setdefault(part, asyncio.Lock())  # two of one name at once would write into one `.part`
        failure: KlingError
        async with turn, self._room:
            session = self._opened()
            try:
                extension = await self._stream(session, file, part)
                path = directory / f"{stem}.{extension}"
                await asyncio.to_thread(os.replace, part, path)
            except KlingError as error:
                failure = error
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:  # ValueError: yarl, of odd addresses
                failure = self._error(error, file)
            except OSError as error:
                failure = DownloadError(f"{part} cannot be written: {error.strerror}")
            else:
                return path
        # Without the frames below, and without aiohttp's errors: their locals hold the signed address.
        raise failure.with_traceback(None)

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ClientClosed("the client is closed; make a new KlingClient")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60),
                read_bufsize=_BATCH,
            )
        return self._session

    def _url(self, file: File) -> URL:
        try:
            url = URL(file.url, encoded=True)  # signed: not one character may change
        except (ValueError, TypeError):
            url = URL()
        if not url.host:
            raise UnsafeURL("the vendor gave no complete address for this file")
        if url.scheme != "https" and (self.trusted is None or url.origin() != self.trusted.origin()):
            raise UnsafeURL(f"{_plain(url)} is not https, and not of the emulator in use")
        return url

    async def _stream(self, session: aiohttp.ClientSession, file: File, part: Path) -> str:
        url, kind = self._url(file), file.kind
        async with session.get(url, allow_redirects=False) as response:
            cap = self.options.max_bytes[kind]
            expected = _expected(response, url, cap)
            chunks = response.content.iter_any()
            head = bytearray()
            async for chunk in chunks:
                head += chunk
                if len(head) >= _HEAD:
                    break
            extension = _extension(bytes(head[:_HEAD]), kind, url)
            with await asyncio.to_thread(_open, part) as out:
                received, batch = len(head), head
                async for chunk in chunks:
                    received += len(chunk)
                    if received > cap:
                        raise DownloadError(f"{_plain(url)} has more than the {cap:,} bytes allowed")
                    batch += chunk
                    if len(batch) >= _BATCH:
                        await asyncio.to_thread(out.write, batch)
                        batch = bytearray()
                await asyncio.to_thread(out.write, batch)
        stored = (await asyncio.to_thread(part.stat)).st_size
        if expected is not None and received != expected:
            raise DownloadError(f"{_plain(url)} was cut short: {received:,} of {expected:,} bytes")
        if stored != received:
            raise DownloadError(f"{part} has {stored:,} bytes instead of {received:,}: somebody else writes to it")
        return extension

    def _error(self, trouble: Exception, file: File) -> DownloadError | ClientClosed:
        address = file.url.partition("?")[0]
        if self._closed:
            return ClientClosed(f"the client was closed while {address} was under way")
        if isinstance(trouble, ValueError):
            return UnsafeURL(f"{address} is no address that can be fetched")
        return DownloadError(f"{address} could not be fetched: {type(trouble).__name__}")


def told(outcomes: Iterable[Path | BaseException]) -> list[Path]:
    """
    The paths, where all went well.

    One failure alone is raised as it is; of several things some of which succeeded, a `DownloadError` tells of all.
    """
    done, failed = list[Path](), list[Exception]()
    for outcome in outcomes:
        if isinstance(outcome, Path):
            done.append(outcome)
        elif isinstance(outcome, Exception):
            failed.append(outcome)
        else:
            raise outcome
    if len(failed) == 1 and not done:
        raise failed[0]
    if failed:
        summary = f"{len(failed)} of {len(failed) + len(done)} could not be stored; first: {failed[0]}"
        raise DownloadError(summary, done=done, failed=[_as_download_error(each) for each in failed])
    return done


def _as_download_error(error: Exception) -> DownloadError:
    if isinstance(error, DownloadError):
        return error
    wrapped = DownloadError(str(error))
    wrapped.__cause__ = error
    return wrapped


def writable(directory: str | os.PathLike[str]) -> Path:
    """The directory, made if need be. Raises `InvalidRequest` where it cannot be made or written. Blocking."""
    path = Path(directory)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        trouble = error.strerror
    else:
        if os.access(path, os.W_OK | os.X_OK):
            return path
        trouble = "permission denied"
    raise InvalidRequest("directory", f"must be a directory that can be written ({trouble})", str(path))


def stem(name: object) -> str:
    """A name of the user's, refused with `InvalidRequest` where it is no plain name of a file on every system."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        rule = "must be 1 to 80 letters, digits, dots, hyphens or underscores, not start with a dot, and be no device"
        raise InvalidRequest("name", rule, name)
    return name


def slug(text: str) -> str:
    """A name made of text from outside, whatever it holds; other texts give other names."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:64]
    if plain and plain == text and not _DEVICES.fullmatch(plain):
        return plain
    return f"{plain or 'file'}-{hashlib.blake2s(text.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


def own_name(file: File) -> str:
    """A name for a file that comes without a task: the same for the same file, whatever its link is signed with."""
    known = getattr(file, "id", None)
    if isinstance(known, str) and known:
        return slug(known)
    address = file.url.partition("?")[0].encode("utf-8", "surrogatepass")
    return f"{file.kind}-{hashlib.blake2s(address, digest_size=6).hexdigest()}"


def _expected(response: aiohttp.ClientResponse, url: URL, cap: int) -> int | None:
    """How long the file says it is; raises for what is not the file, or too long."""
    if response.status in _GONE:
        raise ExpiredResult(
            f"{_plain(url)} is gone (HTTP {response.status}); results are kept for 30 days, "
            "within which a new query may give a new link"
        )
    if response.status != 200:
        raise DownloadError(f"{_plain(url)} answered HTTP {response.status}")
    expected = response.content_length
    if expected is not None and expected > cap:
        raise DownloadError(f"{_plain(url)} has {expected:,} bytes, more than the {cap:,} allowed")
    return expected


def _open(part: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags, 0o666), "wb")


def _extension(head: bytes, kind: Kind, url: URL) -> str:
    for extension, pattern in _TYPES[kind]:
        if pattern.match(head):
            return extension
    raise DownloadError(f"{_plain(url)} is no {kind}: it begins with {head!r}")


def _plain(url: URL) -> str:
    return str(url.with_query(None).with_fragment(None))
