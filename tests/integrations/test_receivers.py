"""What comes in at a callback's address, on both frameworks: one contract, with everything a sender may get wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import pytest
from aiohttp import web
from fastapi import FastAPI
from standardwebhooks import Webhook

from kling_async import Callbacks, TaskStatus
from kling_async.aiohttp_web import callback_app
from kling_async.fastapi import callback_router
from kling_async.webhooks.hub import Told
from kling_async.webhooks.receive import LIMIT
from tests.support.serving import aiohttp_served, uvicorn_served

KEY: Final = bytes(range(32))
SECRET: Final = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
HOST: Final = "https://service.example"
GOOD: Final = {"task_id": "1", "task_status": "processing", "task_info": {"external_task_id": "k1"}}


class Heard:
    """A hub that notes what it is told."""

    def __init__(self) -> None:
        self.wakes = list[tuple[str, TaskStatus]]()

    async def wake(self, external_id: str, status: TaskStatus) -> None:
        """Note it."""
        self.wakes.append((external_id, status))

    def listen(self, told: Told) -> AbstractAsyncContextManager[None]:
        """Nobody does here."""
        raise NotImplementedError


@attrs.frozen
class Answer:
    """What the sender is told."""

    status: int
    head: str
    body: bytes


@attrs.frozen
class Receiver:
    """A receiver on a real socket, and what came through it."""

    port: int
    callbacks: Callbacks
    hub: Heard

    def path(self, external_id: str = "k1") -> str:
        """Where the vendor would call about a task."""
        return self.callbacks.address(external_id).removeprefix(HOST)

    async def raw(self, head: str, *body: bytes) -> Answer:
        """Send bytes as they are and read the answer, with its body; the connection is left open until then."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in (head.replace("\n", "\r\n").encode(), *body):
                writer.write(part)
            told = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line[15:]) for line in told.splitlines() if line.lower().startswith("content-length:")), 0
            )
            return Answer(int(told.split()[1]), told, await reader.readexactly(length))
        finally:
            writer.close()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send what a client would."""
        head = {"Host": "service.example", "Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\n" for name, value in head.items())
        return await self.raw(f"POST {path} HTTP/1.1\n{lines}\n", body)


def fastapi_app(callbacks: Callbacks) -> AbstractAsyncContextManager[str]:
    """FastAPI under uvicorn."""
    app = FastAPI()
    app.include_router(callback_router(callbacks, prefix="/kling"))
    return uvicorn_served(app)


def aiohttp_app(callbacks: Callbacks) -> AbstractAsyncContextManager[str]:
    """aiohttp."""
    app = web.Application()
    app.add_subapp("/kling", callback_app(callbacks))
    return aiohttp_served(app)


Serve = Callable[[Callbacks], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def receiving(serve: Serve, secret: str | None = None) -> AsyncGenerator[Receiver, None]:
    """A receiver that is served."""
    hub = Heard()
    callbacks = Callbacks(url=f"{HOST}/kling", keys=KEY, secret=secret, hub=hub)
    async with serve(callbacks) as url:
        yield Receiver(int(url.rpartition(":")[2]), callbacks, hub)


@pytest.fixture(params=[fastapi_app, aiohttp_app], ids=["fastapi", "aiohttp"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """Either framework."""
    serve: Serve = request.param
    return serve


def packed(value: object) -> bytes:
    """As it is sent."""
    return json.dumps(value).encode()


async def test_a_callback_wakes_whoever_waits(serve: Serve) -> None:
    """It is answered with 200 and nothing, and told to the hub with what it claims."""
    async with receiving(serve) as receiver:
        answer = await receiver.post(receiver.path(), packed(GOOD))

    assert (200, b"") == (answer.status, answer.body)
    assert [("k1", TaskStatus.PROCESSING)] == receiver.hub.wakes


async def test_both_shapes_unknown_fields_and_any_content_type_will_do(serve: Serve) -> None:
    """The vendor's newer bodies, and whatever it adds to them."""
    newer: dict[str, object] = {
        "id": "1",
        "status": "succeeded",
        "update_time": 1781080794151,
        "news": {"a": [1]},
        "outputs": [],
    }
    async with receiving(serve) as receiver:
        answer = await receiver.post(receiver.path(), packed(newer), {"Content-Type": "text/plain"})

    assert 200 == answer.status
    assert [("k1", TaskStatus.SUCCEED)] == receiver.hub.wakes


async def test_a_body_without_a_length_is_read(serve: Serve) -> None:
    """Chunked, in pieces."""
    body = packed(GOOD)
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:20], body[20:])]
    async with receiving(serve) as receiver:
        head = f"POST {receiver.path()} HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"
        answer = await receiver.raw(head, *pieces, b"0\r\n\r\n")

    assert 200 == answer.status
    assert [("k1", TaskStatus.PROCESSING)] == receiver.hub.wakes


def deep(levels: int) -> bytes:
    """A task with lists in lists."""
    return packed(GOOD)[:-1] + b', "more": ' + b"[" * levels + b"]" * levels + b"}"


BODIES: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "no_json": b"task_id=1&task_status=succeed",
    "cut": packed(GOOD)[:-1],
    "no_utf8": b'{"task_id": "\xff", "task_status": "succeed"}',
    "a_list": packed([GOOD]),
    "a_number": b"1" * 5000,
    "null": b"null",
    "no_id": packed({"task_status": "succeed"}),
    "no_status": packed({"task_id": "1"}),
    "wrong_types": packed({"task_id": 1, "task_status": ["succeed"]}),
    "another_task": packed({**GOOD, "task_info": {"external_task_id": "k2"}}),
    "deep": deep(1000),
    "deepest": deep(30_000),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_none_is_refused(serve: Serve, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """404 and nothing, whatever is wrong; nobody is woken and nothing is logged."""
    caplog.set_level(logging.DEBUG, "kling_async")
    async with receiving(serve) as receiver:
        answer = await receiver.post(receiver.path(), body)

    assert (404, b"") == (answer.status, answer.body)
    assert [] == receiver.hub.wakes
    assert [] == [record for record in caplog.records if record.name.startswith("kling_async")]


PATHS: Final[Mapping[str, Callable[[str, str], str]]] = {
    "token_of_another_task": lambda good, other: good.rpartition("/")[0] + "/" + other.rpartition("/")[2],
    "token_changed": lambda good, _: good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
    "token_cut": lambda good, _: good[:-1],
    "token_longer": lambda good, _: good + "A",
    "no_such_key": lambda good, _: good.replace("/k1.", "/k2."),
    "no_token": lambda good, _: good.rpartition("/")[0] + "/x",
    "odd_letters": lambda good, _: good.rpartition(".")[0] + ".%00%ff%2e%2e",
    "another_version": lambda good, _: good.replace("/v1/", "/v2/"),
    "deeper": lambda good, _: good + "/more",
    "higher": lambda good, _: good.rpartition("/")[0],
    "elsewhere": lambda _good, _other: "/kling",
}


@pytest.mark.parametrize("wrong", PATHS.values(), ids=PATHS.keys())
async def test_a_path_without_the_tasks_own_token_is_not_found(
    serve: Serve, wrong: Callable[[str, str], str], caplog: pytest.LogCaptureFixture
) -> None:
    """404, without a word on what is wrong, to the sender or to the log."""
    caplog.set_level(logging.DEBUG)
    async with receiving(serve) as receiver:
        path = wrong(receiver.path("k1"), receiver.path("k2"))
        answer = await receiver.post(path, packed(GOOD))

    assert 404 == answer.status
    assert b"token" not in answer.body
    assert [] == receiver.hub.wakes
    assert path.rpartition("/")[2] not in caplog.text or "/kling" == path


async def test_a_right_path_with_a_slash_more_is_not_found(serve: Serve) -> None:
    """And not a redirect, which would repeat the address in a header."""
    async with receiving(serve) as receiver:
        answers = [await receiver.post(f"{path}/", packed(GOOD)) for path in (receiver.path(), "/kling/v1/k1/k1.x")]

    assert [(404, b"")] * 2 == [(answer.status, answer.body) for answer in answers]
    assert [] == receiver.hub.wakes


@pytest.mark.shows_keys("aiohttp logs the error once more, from a frame of its own that knows the request")
async def test_a_body_that_is_not_in_its_encoding_is_refused(serve: Serve) -> None:
    """By a framework that decodes bodies; the other takes them as they are."""
    async with receiving(serve) as receiver:
        answer = await receiver.post(receiver.path(), b"no gzip", {"Content-Encoding": "gzip"})

    assert (404, b"") == (answer.status, answer.body)
    assert [] == receiver.hub.wakes


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post_is_a_callback(serve: Serve, method: str) -> None:
    """405, and what would do."""
    async with receiving(serve) as receiver:
        head = f"{method} {receiver.path()} HTTP/1.1\nHost: a\nContent-Length: 2\n\n"
        answer = await receiver.raw(head, b"{}")

    assert (405, b"") == (answer.status, answer.body)
    assert "allow: post" in answer.head.lower()
    assert [] == receiver.hub.wakes


async def test_the_largest_body_is_taken(serve: Serve) -> None:
    """64 KiB, to the byte."""
    padding = LIMIT - len(packed({**GOOD, "x": ""}))
    async with receiving(serve) as receiver:
        answer = await receiver.post(receiver.path(), packed({**GOOD, "x": "a" * padding}))

    assert 200 == answer.status


async def test_a_body_that_is_declared_too_long_is_not_read(serve: Serve) -> None:
    """413 before its first byte has come."""
    async with receiving(serve) as receiver:
        head = f"POST {receiver.path()} HTTP/1.1\nHost: a\nContent-Length: {LIMIT + 1}\n\n"
        answer = await receiver.raw(head)

    assert (413, b"") == (answer.status, answer.body)


async def test_a_body_that_grows_too_long_is_read_no_further(serve: Serve) -> None:
    """413 with the first byte too many, though the sender would go on for ever."""
    piece = b"1000\r\n" + b"a" * 0x1000 + b"\r\n"
    async with receiving(serve) as receiver:
        head = f"POST {receiver.path()} HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"
        answer = await receiver.raw(head, *[piece] * 17)

    assert (413, b"") == (answer.status, answer.body)
    assert [] == receiver.hub.wakes


async def test_who_has_no_token_is_answered_before_the_body(serve: Serve) -> None:
    """404, though not a byte of it has come: nobody can keep a reader busy without a token."""
    async with receiving(serve) as receiver:
        head = f"POST {receiver.path()}x HTTP/1.1\nHost: a\nContent-Length: 1000\n\n"
        answer = await receiver.raw(head)

    assert (404, b"") == (answer.status, answer.body)


@pytest.mark.looptime(start=0)
async def test_a_body_that_does_not_come_is_given_up(serve: Serve) -> None:
    """408 after five seconds."""
    clock = asyncio.get_running_loop().time
    async with receiving(serve) as receiver:
        head = f"POST {receiver.path()} HTTP/1.1\nHost: a\nContent-Length: 1000\n\n"
        began = clock()
        answer = await receiver.raw(head, b'{"task_id"')
        took = clock() - began

    assert (408, b"") == (answer.status, answer.body)
    assert 5 <= took < 6
    assert [] == receiver.hub.wakes


async def test_a_sender_that_leaves_in_the_middle_breaks_nothing(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """The next one is served, nothing is logged."""
    async with receiving(serve) as receiver:
        _, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(f"POST {receiver.path()} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{{".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        answer = await receiver.post(receiver.path(), packed(GOOD))

    assert 200 == answer.status
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers by which the vendor signs."""
    moment = datetime.fromtimestamp(int(time.time() if at is None else at), tz=UTC)
    return {
        "webhook-id": "9876543210",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("9876543210", moment, body.decode()),
    }


async def test_a_signed_callback_is_taken(serve: Serve) -> None:
    """With the secret of the console, on the bytes as they came."""
    body = packed(GOOD)
    async with receiving(serve, SECRET) as receiver:
        answer = await receiver.post(receiver.path(), body, signed(body))

    assert 200 == answer.status
    assert [("k1", TaskStatus.PROCESSING)] == receiver.hub.wakes


FORGED: Final[Mapping[str, Callable[[bytes], dict[str, str]]]] = {
    "unsigned": lambda _: {},
    "old": lambda body: signed(body, at=time.time() - 400),
    "ahead": lambda body: signed(body, at=time.time() + 400),
    "another_secret": lambda body: signed(body, secret="whsec_" + "A" * 44),
    "another_body": lambda body: signed(body + b" "),
    "no_number": lambda body: {**signed(body), "webhook-timestamp": "now"},
    "odd": lambda _: {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,"},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
async def test_with_a_secret_only_the_vendors_signature_counts(
    serve: Serve, headers: Callable[[bytes], dict[str, str]]
) -> None:
    """404 and nothing, though the token is right."""
    body = packed(GOOD)
    async with receiving(serve, SECRET) as receiver:
        answer = await receiver.post(receiver.path(), body, headers(body))

    assert (404, b"") == (answer.status, answer.body)
    assert [] == receiver.hub.wakes


async def test_replays_are_taken_as_often_as_they_come(serve: Serve) -> None:
    """They change nothing: a wake only means to look."""
    async with receiving(serve) as receiver:
        answers = [await receiver.post(receiver.path(), packed(GOOD)) for _ in range(3)]

    assert [200, 200, 200] == [answer.status for answer in answers]


def test_the_receiver_is_no_part_of_the_schema() -> None:
    """Nobody who reads the documents of a service learns where it is called."""
    app = FastAPI()
    app.include_router(callback_router(Callbacks(url=HOST, keys=KEY), prefix="/kling"))

    schema: dict[str, Any] = app.openapi()

    assert {} == schema["paths"]


async def test_without_a_prefix_the_rest_of_the_application_is_left_alone() -> None:
    """Only two segments below /v1 are the receiver's."""
    app = FastAPI()
    app.include_router(callback_router(Callbacks(url=HOST, keys=KEY)))
    app.get("/v1/models")(lambda: ["mine"])
    async with uvicorn_served(app) as url:
        receiver = Receiver(int(url.rpartition(":")[2]), Callbacks(url=HOST, keys=KEY), Heard())
        mine = await receiver.raw("GET /v1/models HTTP/1.1\nHost: a\n\n")
        ours = await receiver.post(receiver.path(), packed(GOOD))

    assert (200, b'["mine"]') == (mine.status, mine.body)
    assert 200 == ours.status
