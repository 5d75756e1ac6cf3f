"""Bodies too large to be built: sent piece by piece, as long as said beforehand, and again from the start if need be.

JSON is written with a placeholder where a file or a very long text stands, and cut there. Files are read one block
ahead in two threads of the client's own, and encoded on the loop in pieces of a tenth of a millisecond: threads that
encode hold the loop up for longer, since they share its lock. The length is exact; nothing is ever sent as chunks.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import attrs

from ..errors import InvalidRequest, KlingError
from ..media.inputs import PIECE, Embedded, encoded
from ..protocol.codec import dumps
from .bodies import Outgoing

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from ..protocol.call import Body

AT_ONCE: Final = 8
"""Bodies under way at once, however many are asked for: more of them share the same line and take the more memory."""
_THREADS: Final = 2
_LONG: Final = 64 * 1024  # characters from which a text is encoded in pieces: Base64 of the user's own making
_LARGE: Final = 512 * 1024  # bytes from which any body is written in pieces; aiohttp warns of more than a megabyte

Blocks: TypeAlias = Generator["memoryview | str", None, None]


@attrs.frozen
class Part:
    """A stretch of a body."""

    size: int
    blocks: Callable[[], Blocks]
    encode: Callable[[Any], bytes] = bytes
    """Makes a piece of a block what is sent."""
    blocking: bool = False
    """Whether the next block has to be waited for in a thread."""


class Upload(Outgoing):
    """A body that is written piece by piece."""

    def __init__(self, parts: list[Part], threads: Threads) -> None:
        super().__init__(parts, content_type="application/json")
        self._parts, self._threads = parts, threads
        self.on_progress: Callable[[], None] = _nothing
        """Called after each piece that the connection took, and when a file was waited for."""
        self.on_wait: Callable[[], None] = _nothing
        """Called when a file has to be waited for, which is nobody's fault on the line."""
        self.on_end: Callable[[], None] = _nothing
        """Called when a writing is over, for whatever reason."""
        self._transport: asyncio.WriteTransport | None = None

    @property
    def size(self) -> int:
        """Bytes, known before the first of them is read."""
        return sum(part.size for part in self._parts)

    @property
    def autoclose(self) -> bool:
        """True: nothing is held open between two writings."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The whole body, for hooks of a borrowed session that ask for it. Blocking."""
        pieces = [piece for part in self._parts for block in part.blocks() for piece in _pieces(part, block)]
        return b"".join(pieces).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write everything, from the start. A connection left in the middle is cut, since it is good for nothing."""
        left, self._transport = self.size, writer.transport  # aiohttp forgets it when it closes
        finished = False
        try:
            for part in self._parts:
                async with aclosing(self._threads.ahead(part, self.on_wait)) as blocks:
                    async for block in blocks:
                        self.on_progress()
                        for piece in _pieces(part, block):
                            left -= len(piece)
                            if not left:
                                self.leaves(writer)
                            await writer.write(piece)
                            self.on_progress()
                            await asyncio.sleep(0)  # a fast line never makes anybody wait, and the others want a turn
            finished = True
        except InvalidRequest as error:  # one of its files
            self.trouble: KlingError | None = error
            raise
        finally:
            self.on_end()
            if not finished:
                self.cut()

    def cut(self) -> None:
        """Cut the connection. Closing it, as aiohttp does, waits for a vendor who has stopped to read."""
        if self._transport is not None:
            self._transport.abort()


@attrs.define(eq=False)
class Threads:
    """Two threads of one client, started when a file has to be read."""

    _pool: ThreadPoolExecutor = attrs.field(
        factory=lambda: ThreadPoolExecutor(_THREADS, "kling-upload"), init=False, repr=False
    )
    _jobs: set[Future[Any]] = attrs.field(factory=set[Future[Any]], init=False, repr=False)

    async def ahead(self, part: Part, on_wait: Callable[[], None]) -> AsyncGenerator[memoryview | str, None]:
        """The blocks of a part, the next being read while one is in use; *on_wait* where that is slow. To be closed."""
        blocks = part.blocks()
        if not part.blocking:
            for each in blocks:
                yield each
            return
        reading = self._run(partial(next, blocks, None))
        try:
            while True:
                if not reading.done():
                    on_wait()
                block = await asyncio.wrap_future(reading)
                if block is None:
                    return
                reading = self._run(partial(next, blocks, None))
                yield block
        finally:
            # A thread may be reading just now: whoever is the last closes the file.
            reading.cancel()
            reading.add_done_callback(lambda _: blocks.close())

    async def close(self) -> None:
        """Begin nothing more, and wait for the threads; not for long, should one hang on a file system that is gone."""
        self._pool.shutdown(wait=False)
        if jobs := [asyncio.wrap_future(job) for job in tuple(self._jobs)]:
            await asyncio.wait([asyncio.gather(*jobs, return_exceptions=True)], timeout=1)
        self._pool.shutdown(wait=not self._jobs)

    def _run(self, job: Callable[[], memoryview | str | None]) -> Future[memoryview | str | None]:
        running = self._pool.submit(job)
        self._jobs.add(running)
        running.add_done_callback(self._jobs.discard)
        return running


@attrs.define(eq=False)
class Uploads:
    """What the bodies of one client share: threads, and a line in which they wait for their turn."""

    _threads: Threads = attrs.field(factory=Threads, init=False, repr=False)
    _room: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(AT_ONCE), init=False, repr=False)
    _limits: set[asyncio.Timeout] = attrs.field(factory=set[asyncio.Timeout], init=False, repr=False)

    async def prepared(self, body: Mapping[str, Body]) -> bytes | Upload:
        """A body as aiohttp takes it. `InvalidRequest` if a file in it is not there any more."""
        stand_in = secrets.token_hex(16)
        found: list[tuple[str, Embedded | str]] = []
        text = dumps(_replaced(body, "", stand_in, found))
        if not found and len(text) < _LARGE:
            return text
        stretches = text.split(stand_in.encode())
        parts = [_of_bytes(stretches[0])]
        for (field, each), stretch in zip(found, stretches[1:], strict=True):
            parts += (await _of_text(each) if isinstance(each, str) else _of_file(field, each), _of_bytes(stretch))
        return Upload(parts, self._threads)

    @asynccontextmanager
    async def under_way(self, upload: Upload, patience: float | None) -> AsyncGenerator[None, None]:
        """
        Wait for a turn, which lasts until the body is written or the block is left.

        Raises `TimeoutError` when nothing has moved for *patience* seconds: neither a piece of the body nor, after the
        last of them, the answer. Waiting for the turn does not count, nor does waiting for the own disk.
        """
        clock = asyncio.get_running_loop().time
        await self._room.acquire()
        with ExitStack() as turn:
            turn.callback(self._room.release)
            upload.on_end = turn.close
            async with asyncio.timeout(patience) as limit:

                def count(seconds: float | None) -> None:
                    if limit in self._limits and not limit.expired():
                        limit.reschedule(None if seconds is None else clock() + seconds)

                self._limits.add(limit)
                upload.on_progress, upload.on_wait = partial(count, patience), partial(count, None)
                try:
                    yield
                except BaseException:
                    upload.cut()
                    raise
                finally:
                    upload.on_progress = upload.on_wait = _nothing
                    self._limits.discard(limit)

    def stop(self) -> None:
        """End all that is under way with a `TimeoutError`."""
        while self._limits:
            limit = self._limits.pop()  # so that no piece that goes through just now sets it anew
            if not limit.expired():
                limit.reschedule(0)

    async def close(self) -> None:
        """End the threads."""
        await self._threads.close()


def _nothing() -> None:
    """What is called as long as nobody wants to know."""


def _replaced(value: object, field: str, stand_in: str, found: list[tuple[str, Embedded | str]]) -> object:
    """A copy with a stand-in for every file and every very long text, which are put into *found* in their order."""
    if isinstance(value, Mapping):
        return {
            name: _replaced(each, f"{field}.{name}" if field else name, stand_in, found)
            for name, each in cast("Mapping[str, object]", value).items()
        }
    if isinstance(value, list | tuple):
        return [
            _replaced(each, f"{field}[{at}]", stand_in, found) for at, each in enumerate(cast("list[object]", value))
        ]
    if isinstance(value, Embedded) or (isinstance(value, str) and len(value) > _LONG):
        found.append((field, value))
        return stand_in
    return value


def _pieces(part: Part, block: memoryview | str) -> Generator[bytes, None, None]:
    for at in range(0, len(block), PIECE):
        yield part.encode(block[at : at + PIECE])


def _of_bytes(content: bytes) -> Part:
    return Part(len(content), lambda: (each for each in (memoryview(content),)))


def _of_file(field: str, file: Embedded) -> Part:
    return Part(file.length(field), lambda: file.blocks(field), encoded, blocking=not isinstance(file.source, bytes))


async def _of_text(text: str) -> Part:
    size = 0
    for at in range(0, len(text), PIECE):
        size += len(_escaped(text[at : at + PIECE]))
        await asyncio.sleep(0)
    return Part(size, lambda: (each for each in (text,)), _escaped)


def _escaped(text: str) -> bytes:
    # JSON escapes one character at a time, so that the pieces of a text can be encoded each by itself.
    return dumps(text)[1:-1]
