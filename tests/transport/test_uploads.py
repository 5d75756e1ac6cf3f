"""Bodies with files in them: whole and exact, or clearly not sent; never more at once than the line can bear."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractStreamWriter
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from kling_async import ClientClosed, ConnectionFailed, InvalidRequest, RequestTimeout
from kling_async.media.embedded import BLOCK, PIECE, Embedded
from kling_async.protocol.call import Answer, Body, Call
from kling_async.protocol.codec import dumps
from kling_async.transport.auth import Secret
from kling_async.transport.http import HTTP
from kling_async.transport.uploads import AT_ONCE, Uploads
from tests.support.vendor import API_KEY, Reply, Vendor, refused, row, said

BEARER = Secret(API_KEY)
HUGE = 48_000_000
"""More than all buffers between two ends of a loopback connection hold."""


def a_call(**body: Body) -> Call[object]:
    """A create."""
    return Call(method="POST", path="/v1/images/generations", read=lambda data: data, body=body, repeatable=False)


@asynccontextmanager
async def a_client(
    url: str, timeout: aiohttp.ClientTimeout | None = None, session: aiohttp.ClientSession | None = None
) -> AsyncGenerator[HTTP, None]:
    """The transport alone."""
    http = HTTP(URL(url), timeout or aiohttp.ClientTimeout(total=20), session)
    try:
        yield http
    finally:
        await http.close()


def a_file(path: Path, size: int) -> Path:
    """A file of zeros that takes no room."""
    with path.open("wb") as out:
        out.truncate(size)
    return path


def text_of(source: bytes | Path) -> str:
    """What stands in the body in its place."""
    return base64.b64encode(source if isinstance(source, bytes) else source.read_bytes()).decode()


def plain(body: Body) -> object:
    """The body as one would build it whole."""
    if isinstance(body, dict):
        return {name: plain(each) for name, each in body.items()}
    if isinstance(body, list):
        return [plain(each) for each in body]
    return text_of(body.source) if isinstance(body, Embedded) else body


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """A server that reads the head of a request, and does with the rest what a test says; by default, nothing."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or self.wait
        self.go_on = asyncio.Event()
        self.heads = list[str]()
        self.received = list[int]()
        """Bytes after the head, of each connection that came to its end."""
        self._serving = set[asyncio.Task[None]]()

    async def wait(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        """Read nothing until the test says so, then everything; say nothing."""
        await self.go_on.wait()
        await self.read_on(reader)

    async def read_on(self, reader: asyncio.StreamReader) -> None:
        """Read until the connection ends."""
        count = 0
        try:
            while part := await reader.read(2**20):
                count += len(part)
        except ConnectionError:
            pass  # cut
        self.received.append(count)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str, None]:
        """Its address. The buffers are small, so that whoever sends has to wait."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=4096)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            self.go_on.set()
            server.close()
            await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self.script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, which is its right
        finally:
            writer.close()
            self._serving.discard(task)

    async def until_heard(self, requests: int) -> None:
        """Wait for so many requests."""
        while len(self.heads) < requests:
            await asyncio.sleep(0)


class Bottomless(AbstractStreamWriter):
    """A connection that takes everything at once."""

    @property
    def transport(self) -> None: ...

    async def write(self, chunk: object) -> None: ...

    async def write_eof(self, chunk: bytes = b"") -> None: ...

    async def drain(self) -> None: ...

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, status_line: str, headers: object) -> None: ...


def reading_threads() -> list[str]:
    """The threads of all clients."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("kling-upload")]


def sockets() -> int:
    """How many sockets this process has open."""
    return sum(str(link.readlink()).startswith("socket:") for link in links())


def links() -> list[Path]:
    """What this process has open."""
    return [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


def opened(file: Path) -> bool:
    """Whether this process has a file open."""
    return file in [link.readlink() for link in links()]


sizes = st.sampled_from([1, 2, 3, 4, PIECE - 1, PIECE, PIECE + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 2])
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=40, deadline=None)
@given(prompt=words, first=sizes, others=st.lists(st.tuples(sizes, st.booleans()), max_size=3), last=words)
def test_body_is_byte_for_byte_that_of_json(
    prompt: str, first: int, others: list[tuple[int, bool]], last: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the sizes, however many the files and wherever they stand, the body is that of `json.dumps`."""
    directory = tmp_path_factory.mktemp("files")

    def embedded(size: int, *, stored: bool) -> Embedded:
        content = os.urandom(size)
        if not stored:
            return Embedded(content)
        file = directory / f"{len(list(directory.iterdir()))}.png"
        file.write_bytes(content)
        return Embedded(file)

    body: dict[str, Body] = {
        "prompt": prompt,
        "image": embedded(first, stored=True),
        "image_list": [{"image": embedded(size, stored=stored), "n": 1} for size, stored in others],
        "last": last,
    }

    async def sent() -> tuple[bytes, str, bool]:
        async with Vendor(said(row())) as vendor, a_client(vendor.url) as http:
            await http.exchange(a_call(**body), BEARER)
            seen = vendor.seen[0]
            return seen.body, seen.headers["Content-Length"], "Transfer-Encoding" in seen.headers

    expected = json.dumps(plain(body), ensure_ascii=False, separators=(",", ":")).encode()

    assert (expected, str(len(expected)), False) == asyncio.run(sent())


@pytest.mark.parametrize("text", ["A" * 1_500_000, 'a "fox"\\ \n\0 ü 🦊' * 20_000, "\ud83e" * 200_000])
async def test_long_text_is_written_in_pieces(text: str) -> None:
    """Base64 of the user's own making, or anything else, is the same as at once, and no warning is heard."""
    body: dict[str, Body] = {"image": text, "prompt": "x"}
    async with Vendor(said(row())) as vendor, a_client(vendor.url) as http:
        await http.exchange(a_call(**body), BEARER)

    assert dumps(body) == vendor.seen[0].body
    assert str(len(dumps(body))) == vendor.seen[0].headers["Content-Length"]


async def test_many_short_texts_are_written_in_pieces() -> None:
    """A body may be large without anything large in it."""
    body: dict[str, Body] = {"words": [f"word {at}" for at in range(200_000)]}
    async with Vendor(said(row())) as vendor, a_client(vendor.url) as http:
        await http.exchange(a_call(**body), BEARER)

    assert body == vendor.seen[0].json


async def test_body_can_be_sent_again(tmp_path: Path) -> None:
    """A call that was refused for want of a slot is sent again from its start."""
    file = a_file(tmp_path / "fox.png", 2_000_000)
    call = a_call(image=Embedded(file), prompt="x")
    async with Vendor(refused(1303, 429), said(row())) as vendor, a_client(vendor.url) as http:
        statuses = [(await http.exchange(call, BEARER)).status for _ in range(2)]

    assert [429, 200] == statuses
    assert vendor.seen[0].body == vendor.seen[1].body
    assert text_of(file) == vendor.seen[1].json["image"]


async def test_hook_of_a_session_may_send_twice_and_look_at_the_body(tmp_path: Path) -> None:
    """A middleware of a borrowed session that repeats a request gets the same body each time."""
    bodies = list[bytes]()

    async def twice(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        assert isinstance(request.body, aiohttp.Payload)
        bodies.append(request.body.decode().encode())
        (await handler(request)).close()
        return await handler(request)

    file = a_file(tmp_path / "fox.png", 1_000_000)
    async with Vendor(said(row())) as vendor, aiohttp.ClientSession(middlewares=[twice]) as session:
        async with a_client(vendor.url, session=session) as http:
            await http.exchange(a_call(image=Embedded(file)), BEARER)

    assert 2 * bodies == [seen.body for seen in vendor.seen]


async def test_file_that_is_gone_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """The error names the field as the vendor does, deep inside a list too, and no connection is made."""
    body: Body = {"image_list": [{"image": Embedded(b"a")}, {"image": Embedded(tmp_path / "gone.png")}]}
    async with Vendor(said(row())) as vendor, a_client(vendor.url) as http:
        with pytest.raises(InvalidRequest, match="No such file") as caught:
            await http.exchange(a_call(input=body), BEARER)

    assert "input.image_list[1].image" == caught.value.field
    assert tmp_path / "gone.png" == caught.value.value
    assert not vendor.seen


async def test_file_that_changed_while_it_waited_is_told(tmp_path: Path) -> None:
    """The vendor gets half a request, which makes no task, and the connection is closed."""
    file = a_file(tmp_path / "fox.png", 1_000_000)
    listener = Listener()
    listener.go_on.set()
    async with listener.serving() as url, a_client(url) as http:
        call = a_call(image=Embedded(file))
        os.truncate(file, 999_999)
        with pytest.raises(InvalidRequest, match=r"image: must be left as it is .* has 999,999") as caught:
            await http.exchange(call, BEARER)

    assert 100 > sum(listener.received)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_file_that_changes_while_it_is_sent_is_told(tmp_path: Path) -> None:
    """However late the change, the body never becomes whole."""
    file = a_file(tmp_path / "fox.png", HUGE)
    listener = Listener()
    async with listener.serving() as url, a_client(url) as http:
        sending = asyncio.ensure_future(http.exchange(a_call(image=Embedded(file)), BEARER))
        await listener.until_heard(1)
        os.truncate(file, HUGE + 1)
        listener.go_on.set()
        with pytest.raises(InvalidRequest, match="image: must be left as it is"):
            await sending

    assert HUGE // 3 * 4 > listener.received[0]
    assert not opened(file)


@pytest.mark.parametrize("closing", [False, True])
async def test_refusal_that_comes_early_ends_the_sending(tmp_path: Path, *, closing: bool) -> None:
    """An answer before the end of the body is read, and what was not sent by then is never sent."""
    file = a_file(tmp_path / "fox.png", HUGE)
    text = b'{"code": 1303, "message": "parallel task over resource pack limit"}'

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 429 Too Many\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        await writer.drain()
        if not closing:
            await listener.read_on(reader)

    listener = Listener(refuse)
    async with listener.serving() as url, a_client(url) as http:
        for _ in range(3):
            answer = await http.exchange(a_call(image=Embedded(file)), BEARER)
            assert (429, text) == (answer.status, answer.body)

    assert 3 == len(listener.heads)
    assert HUGE // 4 > max(listener.received, default=0)
    assert not opened(file)


async def test_connection_that_breaks_in_the_middle_has_made_nothing(tmp_path: Path) -> None:
    """Half a body is no request; a whole one without an answer may be."""
    file = a_file(tmp_path / "fox.png", HUGE)

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.abort()

    async with Listener(cut).serving() as url, a_client(url) as http:
        with pytest.raises(ConnectionFailed, match="before all of the request was sent") as half:
            await http.exchange(a_call(image=Embedded(file)), BEARER)
    async with Vendor(Reply(cut=True)) as vendor, a_client(vendor.url) as http:
        with pytest.raises(ConnectionFailed) as whole:
            await http.exchange(a_call(image=Embedded(b"x" * 1_000_000)), BEARER)

    assert not half.value.may_have_been_created
    assert whole.value.may_have_been_created


@pytest.mark.looptime
async def test_line_on_which_nothing_moves_is_given_up() -> None:
    """The time-out is over when no piece was taken for as long, and half a body has made nothing."""
    clock = asyncio.get_running_loop().time
    listener = Listener()
    async with listener.serving() as url, a_client(url) as http:
        start = clock()
        with pytest.raises(RequestTimeout, match="nothing moved for too long before all of the request") as caught:
            await http.exchange(a_call(image=Embedded(bytes(HUGE))), BEARER)

        assert 20 <= clock() - start < 40
    assert not caught.value.may_have_been_created
    assert caught.value.__context__ is None


@pytest.mark.looptime
async def test_slow_vendor_gets_his_time() -> None:
    """Twenty seconds are for one piece, not for the whole."""
    clock = asyncio.get_running_loop().time

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = int(next(line for line in listener.heads[0].split("\r\n") if "Length" in line).split()[1])
        while left:
            await asyncio.sleep(15)
            part = await reader.readexactly(min(left, 5_000_000))
            left -= len(part)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    listener = Listener(slowly)
    async with listener.serving() as url, a_client(url) as http:
        start = clock()
        answer = await http.exchange(a_call(image=Embedded(bytes(HUGE))), BEARER)

        assert 13 * 15 <= clock() - start
    assert b"{}" == answer.body


@pytest.mark.looptime
async def test_slow_disk_is_not_the_lines_fault(tmp_path: Path) -> None:
    """While a file is read in a thread this clock jumps by any time, and the line is not blamed for it."""
    file = a_file(tmp_path / "fox.png", 10_000_000)
    async with Vendor(said(row())) as vendor, a_client(vendor.url) as http:
        answer = await http.exchange(a_call(image=Embedded(file)), BEARER)

    assert 200 == answer.status


@pytest.mark.looptime
async def test_whole_body_without_an_answer_is_a_time_out_as_ever() -> None:
    """After the last piece the time counts once more, and a task may have been made."""
    async with Vendor(Reply(silent=True)) as vendor, a_client(vendor.url) as http:
        with pytest.raises(RequestTimeout, match="no answer in time") as caught:
            await http.exchange(a_call(image=Embedded(b"x" * 1_000_000)), BEARER)

    assert caught.value.may_have_been_created


async def test_vendor_who_cannot_be_reached_is_told_at_once() -> None:
    """Where nobody listens nothing is read and nothing is made."""
    async with Vendor(said(row())) as vendor:
        url = vendor.url
    async with a_client(url) as http:
        with pytest.raises(ConnectionFailed, match="cannot be reached") as caught:
            await http.exchange(a_call(image=Embedded(b"x" * 1_000_000)), BEARER)

    assert not caught.value.may_have_been_created


@pytest.mark.looptime
async def test_slow_line_that_moves_is_not_given_up() -> None:
    """Each piece that was taken counts the time anew, and waiting for the turn counts nothing."""
    uploads = Uploads()

    async def sending(pieces: int, seconds: float) -> None:
        upload = await uploads.prepared({"image": Embedded(b"x")})
        assert not isinstance(upload, bytes)
        async with uploads.under_way(upload, 10):
            for _ in range(pieces):
                await asyncio.sleep(seconds)
                upload.on_progress()

    await asyncio.gather(*(sending(12, 8) for _ in range(AT_ONCE + 1)))
    with pytest.raises(TimeoutError):
        await sending(1, 11)

    await uploads.close()


async def test_no_more_than_eight_are_under_way(tmp_path: Path) -> None:
    """However many creates there are, the ninth begins when one of the eight was sent."""
    file = a_file(tmp_path / "fox.png", HUGE // 2)

    async def later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await listener.go_on.wait()
        length = int(next(line for line in listener.heads[0].split("\r\n") if "Length" in line).split()[1])
        while length:
            length -= len(await reader.read(2**20))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()

    listener = Listener(later)
    async with listener.serving() as url, a_client(url) as http:
        sending = [
            asyncio.ensure_future(http.exchange(a_call(image=Embedded(file)), BEARER)) for _ in range(AT_ONCE + 2)
        ]
        await listener.until_heard(AT_ONCE)
        for _ in range(200):
            await asyncio.sleep(0)
        at_first = len(listener.heads)
        listener.go_on.set()
        answers: list[Answer] = await asyncio.gather(*sending)

    assert AT_ONCE == at_first
    assert [b"{}"] * (AT_ONCE + 2) == [answer.body for answer in answers]


async def test_answer_that_takes_long_keeps_nobody_waiting() -> None:
    """The turn ends with the last piece of the body, not with the answer."""
    async with Vendor(Reply(silent=True)) as vendor, a_client(vendor.url) as http:
        sending = [
            asyncio.ensure_future(http.exchange(a_call(image=Embedded(b"x" * 1_000_000)), BEARER))
            for _ in range(AT_ONCE + 2)
        ]
        while len(vendor.seen) < AT_ONCE + 2:
            await asyncio.sleep(0)
        await http.close()
        ended = await asyncio.gather(*sending, return_exceptions=True)

    assert all(isinstance(each, ClientClosed) and each.may_have_been_created for each in ended)


@pytest.mark.parametrize(("source", "turns"), [(Embedded(bytes(100 * PIECE)), 100), ("A" * 100 * PIECE, 200)])
async def test_fast_line_leaves_the_loop_to_others(source: Body, turns: int) -> None:
    """Where nobody makes the sender wait he makes room himself, after every piece; a text is measured so as well."""
    had = 0

    async def another() -> None:
        nonlocal had
        while True:
            had += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(another())
    upload = await Uploads().prepared({"image": source})
    assert not isinstance(upload, bytes)
    await upload.write(Bottomless())
    waiting.cancel()

    assert turns <= had


async def test_cancelling_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    """The connection is cut, the file is closed, and the next one gets its turn."""
    file = a_file(tmp_path / "fox.png", HUGE)
    listener = Listener()
    async with listener.serving() as url, a_client(url) as http:
        before = sockets()
        for at in range(AT_ONCE + 1):
            sending = asyncio.ensure_future(http.exchange(a_call(image=Embedded(file)), BEARER))
            await listener.until_heard(at + 1)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        await http.close()
        for _ in range(10):
            await asyncio.sleep(0)

        assert len(listener.heads) == sockets() - before  # those of the server alone
    assert not opened(file)
    assert not reading_threads()


@pytest.mark.parametrize("borrowed", [False, True])
@pytest.mark.parametrize("turns", [0, 5000])
async def test_closing_in_the_middle_leaves_nothing_behind(tmp_path: Path, *, borrowed: bool, turns: int) -> None:
    """What is under way, stuck or in line ends with `ClientClosed`, and says that no task was made."""
    file = a_file(tmp_path / "fox.png", HUGE)
    sources: list[bytes | Path] = [file, bytes(HUGE)] * (AT_ONCE // 2 + 1)
    listener = Listener()
    async with listener.serving() as url, aiohttp.ClientSession() as session:
        async with a_client(url, session=session if borrowed else None) as http:
            sending = [asyncio.ensure_future(http.exchange(a_call(image=Embedded(each)), BEARER)) for each in sources]
            await listener.until_heard(AT_ONCE)
            for _ in range(turns):
                await asyncio.sleep(0)
            await http.close()
            ended = await asyncio.gather(*sending, return_exceptions=True)
        assert session.closed is False

    assert [ClientClosed] * len(sources) == [type(each) for each in ended]
    assert not any(each.may_have_been_created for each in ended if isinstance(each, ClientClosed))
    assert not opened(file)
    assert not reading_threads()


async def test_threads_are_there_only_for_files() -> None:
    """Whoever sends no local file has none of them."""
    async with Vendor(said(row())) as vendor, a_client(vendor.url) as http:
        await http.exchange(a_call(image=Embedded(b"x" * 1_000_000)), BEARER)

        assert not reading_threads()


async def test_no_secret_in_the_errors_of_an_upload(tmp_path: Path) -> None:
    """Neither the words nor the locals of any frame of ours hold the token."""
    file = a_file(tmp_path / "fox.png", HUGE)

    async def cut(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(1000)

    listener = Listener(cut)
    async with listener.serving() as url, a_client(url) as http:
        call = a_call(image=Embedded(file))
        with pytest.raises(ConnectionFailed) as broken:
            await http.exchange(call, BEARER)
        sending = asyncio.ensure_future(http.exchange(call, BEARER))
        await listener.until_heard(2)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await sending
        os.truncate(file, 1)
        with pytest.raises(InvalidRequest) as changed:
            await http.exchange(call, BEARER)

    for error in (broken.value, cancelled.value, changed.value):
        assert error.__traceback__ is not None
        report = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
        assert API_KEY not in "".join(report.format())
        assert not any("aiohttp" in frame.filename for frame in report.stack)
