"""Wakes between processes: the hub over a real Redis, and what becomes of it when that is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from kling_async import TaskStatus
from kling_async.integrations.redis import RedisHub
from tests.integrations.conftest import RedisServer

pytestmark = pytest.mark.redis

AWAY = "redis://127.0.0.1:1"


def client(url: str, **options: Any) -> Any:
    """One of redis-py's, whose parameters have no types."""
    return cast("Any", Redis).from_url(url, **options)


class Ear:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.heard = list[tuple[str, TaskStatus]]()

    def __call__(self, external_id: str, status: TaskStatus) -> None:
        self.heard.append((external_id, status))

    async def until(self, enough: Callable[[list[str]], bool]) -> None:
        """Wait until enough was heard."""
        async with asyncio.timeout(15):
            while not enough([name for name, _ in self.heard]):
                await asyncio.sleep(0.005)


async def test_a_wake_is_heard_by_every_hub_on_the_channel(redis_server: RedisServer) -> None:
    """With its status, in any process; one's own included."""
    ears = [Ear(), Ear(), Ear()]
    hubs = [RedisHub(redis_server.url) for _ in ears]
    async with AsyncExitStack() as stack:
        for hub, ear in zip(hubs, ears, strict=True):
            await stack.enter_async_context(hub.listen(ear))
        await hubs[1].wake("k1", TaskStatus.SUCCEED)
        for ear in ears:
            await ear.until(lambda names: "k1" in names)

    assert [[("k1", TaskStatus.SUCCEED)]] * 3 == [ear.heard for ear in ears]


async def test_channels_are_apart(redis_server: RedisServer) -> None:
    """Two accounts on one Redis do not wake each other."""
    mine, yours = RedisHub(redis_server.url, channel="mine"), RedisHub(redis_server.url, channel="yours")
    ear = Ear()
    async with yours, mine.listen(ear):
        await yours.wake("k1")
        await mine.wake("k2")
        await ear.until(bool)

    assert ["k2"] == [name for name, _ in ear.heard]


async def test_whatever_an_external_id_is_made_of_arrives(redis_server: RedisServer) -> None:
    """They are the users' own."""
    names = ["plain", 'a "b"\n\tc', "日本", "x" * 5000, "\x00"]
    hub, ear = RedisHub(redis_server.url), Ear()
    async with hub.listen(ear):
        for name in names:
            await hub.wake(name)
        await ear.until(lambda heard: len(heard) == len(names))

    assert names == [name for name, _ in ear.heard]


@pytest.mark.parametrize("message", ["", "x", "[]", "{", "7", '["k1"]', b"\xff\xfe", "[" * 100_000])
async def test_messages_of_others_are_passed_over(redis_server: RedisServer, message: str | bytes) -> None:
    """Whatever somebody publishes on the channel, the hub goes on."""
    hub, ear = RedisHub(redis_server.url), Ear()
    async with client(redis_server.url) as foreign, hub.listen(ear):
        await foreign.publish("kling_async", message)
        await hub.wake("k1")
        await ear.until(bool)

    assert ["k1"] == [name for name, _ in ear.heard]


async def test_bytes_that_a_lent_client_cannot_read_do_not_deafen(redis_server: RedisServer) -> None:
    """One that decodes answers raises for what is no text, before the hub has seen it; the hub listens again."""
    lent, stranger, ear = client(redis_server.url, decode_responses=True), client(redis_server.url), Ear()
    hub = RedisHub(lent)
    async with hub.listen(ear):
        await stranger.publish("kling_async", b"\xff\xfe")
        async with asyncio.timeout(15):
            while not ear.heard:
                await hub.wake("k1")
                await asyncio.sleep(0.05)
    await lent.aclose()
    await stranger.aclose()

    assert {"k1"} == {name for name, _ in ear.heard}


async def test_an_end_is_told_whatever_is_claimed_after_it(redis_server: RedisServer) -> None:
    """Also while wakes go together: callbacks may come in any order, and from anybody."""
    hub, ear = RedisHub(redis_server.url), Ear()
    claims = [TaskStatus.SUCCEED, TaskStatus.PROCESSING, TaskStatus.SUBMITTED, TaskStatus.UNKNOWN]
    async with hub.listen(ear):
        await asyncio.gather(hub.wake("k0"), *(hub.wake("k1", claim) for claim in claims), hub.wake("k2"))
        await ear.until(lambda names: "k2" in names)

    assert ("k1", TaskStatus.SUCCEED) in ear.heard


async def test_a_storm_of_wakes_is_told_in_few_messages(redis_server: RedisServer) -> None:
    """Those that come while one is on its way go together, and those of one task once."""
    hub, ear = RedisHub(redis_server.url), Ear()
    async with client(redis_server.url) as watcher, hub.listen(ear):
        await asyncio.gather(*(hub.wake(f"k{number % 300}") for number in range(3000)))
        await ear.until(lambda heard: len(set(heard)) == 300)
        calls = (await watcher.info("commandstats"))["cmdstat_publish"]["calls"]

    assert calls <= 5
    assert len(ear.heard) <= 5 * 300


async def test_after_an_outage_wakes_arrive_again(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """By itself, with one line in the log for the outage and one for its end, whatever is tried meanwhile."""
    caplog.set_level(logging.INFO, "kling_async.redis")
    hub, ear = RedisHub(redis_server.url), Ear()

    async def wake(name: str) -> None:
        while name not in {heard for heard, _ in ear.heard}:
            await hub.wake(name)
            await asyncio.sleep(0.05)

    async with hub.listen(ear), asyncio.timeout(20):
        await wake("before")
        redis_server.stop()
        for number in range(20):
            await hub.wake(f"lost-{number}")
        await asyncio.sleep(0.3)
        redis_server.start()
        await wake("after")
        lines = [record.getMessage() for record in caplog.records]

    assert not any(name.startswith("lost") for name, _ in ear.heard)
    assert 2 == len(lines), lines
    assert "away" in lines[0]
    assert "back" in lines[1]
    assert str(redis_server.port) not in " ".join(lines)


async def test_without_redis_nobody_waits_long_and_nothing_is_raised() -> None:
    """A callback is answered and a client starts; polling does the work."""
    hub = RedisHub(AWAY)
    began = time.monotonic()
    async with hub.listen(Ear()):
        for number in range(1000):
            await hub.wake(f"k{number}")

    assert time.monotonic() - began < 3


async def test_a_redis_that_does_not_answer_delays_a_callback_by_a_second_at_most() -> None:
    """It took the connection and says nothing: the first wake is given up, those behind it and after it at once."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    began = time.monotonic()
    async with RedisHub(f"redis://127.0.0.1:{port}") as hub:
        await asyncio.gather(*(hub.wake(f"k{number}") for number in range(500)))
        for number in range(5):
            await hub.wake(f"later-{number}")
        took = time.monotonic() - began
    silent.close()
    await silent.wait_closed()

    assert took < 2.5


class Lent(Redis):
    """A client that notes when it is closed."""

    closed: bool = False

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as there
        """Note it, and close."""
        self.closed = True
        await super().aclose(close_connection_pool)


async def test_a_client_that_is_lent_is_not_closed(redis_server: RedisServer) -> None:
    """Whatever its options: answers decoded or not."""
    ear = Ear()
    async with Lent(port=redis_server.port, decode_responses=True) as lent:
        async with RedisHub(lent) as hub, hub.listen(ear):
            await hub.wake("k1")
            await ear.until(bool)
        closed = lent.closed

    assert not closed


async def test_nobody_listens_once_the_last_has_left(redis_server: RedisServer) -> None:
    """No connection stays open, and the hub can be used again."""
    hub = RedisHub(redis_server.url)
    async with client(redis_server.url) as watcher:
        during = list[int]()
        for _ in range(2):
            async with hub.listen(Ear()), hub.listen(Ear()):
                await hub.wake("k1")
                during.append(len(await watcher.client_list()))
            async with asyncio.timeout(10):
                while len(await watcher.client_list()) > 1:
                    await asyncio.sleep(0.01)

    assert [4, 4] == during


async def test_an_address_with_a_password_shows_itself_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the repr nor in the log."""
    caplog.set_level(logging.DEBUG, "kling_async")
    async with RedisHub("redis://user:canary-word@127.0.0.1:1/0") as hub, hub.listen(Ear()):
        await hub.wake("k1")

    assert "canary" not in repr(hub) + caplog.text
    assert "Redis is away" in caplog.text
