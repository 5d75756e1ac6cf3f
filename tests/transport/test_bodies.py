"""What has not left has reached nobody: waiting for a connection, making one, and a caller who has gone meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import aiohttp
import pytest
from yarl import URL

from kling_async import ConnectionFailed, RequestTimeout
from kling_async.protocol.call import Body, Call
from kling_async.transport.auth import Secret
from kling_async.transport.http import AT_ONCE, HTTP
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, row, said

BEARER = Secret(API_KEY)
QUERY = Call[object](method="GET", path="/v1/images/generations/1", read=lambda data: data)
LARGE = "x" * 600_000


def a_create(prompt: Body = "x") -> Call[object]:
    """What must not be sent twice."""
    body = {"prompt": prompt}
    return Call(method="POST", path="/v1/images/generations", read=lambda data: data, body=body, repeatable=False)


def only_creates(seen: Seen) -> Reply:
    """Queries hang."""
    return said(row()) if seen.method == "POST" else Reply(silent=True)


class Leaving:
    """Counts how often something was about to leave."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@contextlib.asynccontextmanager
async def a_busy_client(vendor: Vendor, seconds: float = 20) -> AsyncGenerator[HTTP, None]:
    """A transport over a borrowed session, whose one connection is in use for as long as the block lasts."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        http = HTTP(URL(vendor.url), aiohttp.ClientTimeout(total=seconds), session)
        patient = HTTP(URL(vendor.url), aiohttp.ClientTimeout(total=None), session)
        asking = asyncio.ensure_future(patient.exchange(QUERY, BEARER))
        while not vendor.seen:
            await asyncio.sleep(0)
        try:
            yield http
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            await http.close()
            await patient.close()


async def test_a_create_that_is_cancelled_while_it_waits_for_a_connection_is_never_sent() -> None:
    """Not even when the connection comes free."""
    leaving = Leaving()
    async with Vendor(only_creates) as vendor:
        async with a_busy_client(vendor) as http:
            creating = asyncio.ensure_future(http.exchange(a_create(), BEARER, leaving))
            await asyncio.sleep(0.05)
            creating.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await creating
        await asyncio.sleep(0.05)

    assert vars(caught.value)["may_have_been_created"] is False
    assert 0 == leaving.times
    assert ["GET"] == [seen.method for seen in vendor.seen]


@pytest.mark.looptime
async def test_a_create_that_got_no_connection_in_time_was_not_sent() -> None:
    """It is a failed connection like any other, and may be tried again."""
    leaving = Leaving()
    async with Vendor(only_creates) as vendor, a_busy_client(vendor) as http:
        with pytest.raises(RequestTimeout, match="no connection to the vendor in time") as caught:
            await http.exchange(a_create(), BEARER, leaving)

    assert not caught.value.may_have_been_created
    assert 0 == leaving.times
    assert ["GET"] == [seen.method for seen in vendor.seen]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_fails_before_there_is_a_connection_never_began_to_leave(scheme: str) -> None:
    """Nobody who listens, or nobody who speaks TLS."""
    leaving = Leaving()
    async with Vendor(said(row())) as vendor:
        url = vendor.url.replace("http", scheme)
        if scheme == "http":
            await vendor.__aexit__()
        http = HTTP(URL(url), aiohttp.ClientTimeout(total=5))
        with pytest.raises(ConnectionFailed) as caught:
            await http.exchange(a_create(), BEARER, leaving)
        await http.close()

    assert not caught.value.may_have_been_created
    assert 0 == leaving.times


@pytest.mark.looptime
async def test_a_create_that_left_and_was_not_answered_may_have_been_made() -> None:
    """Timed out or cancelled; and it was told once that it leaves."""
    leaving = Leaving()
    async with Vendor(Reply(silent=True)) as vendor:
        http = HTTP(URL(vendor.url), aiohttp.ClientTimeout(total=5))
        with pytest.raises(RequestTimeout) as late:
            await http.exchange(a_create(), BEARER, leaving)
        creating = asyncio.ensure_future(http.exchange(a_create(), BEARER, leaving))
        await asyncio.sleep(1)
        creating.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await creating
        await http.close()

    assert late.value.may_have_been_created
    assert vars(cancelled.value)["may_have_been_created"] is True
    assert 2 == leaving.times == len(vendor.seen)


@pytest.mark.parametrize("call", [a_create(), a_create(LARGE), QUERY], ids=["small", "large", "query"])
async def test_who_says_no_when_it_is_about_to_leave_is_obeyed(call: Call[object]) -> None:
    """The refusal is what is raised, nothing has been sent, and the next call finds everything in order."""

    def no() -> None:
        raise ConnectionFailed("the caller has left")

    async with Vendor(said(row())) as vendor:
        http = HTTP(URL(vendor.url), aiohttp.ClientTimeout(total=5))
        with pytest.raises(ConnectionFailed, match=r"^the caller has left$") as caught:
            await http.exchange(call, BEARER, no)
        unsent = len(vendor.seen)
        answer = await http.exchange(call, BEARER)
        await http.close()

    assert 0 == unsent
    assert not caught.value.may_have_been_created
    assert (200, 1) == (answer.status, len(vendor.seen))


@pytest.mark.looptime
async def test_queries_that_hang_do_not_hold_up_creates() -> None:
    """However many; those that wait for their turn have no time running, and end when the client is closed."""
    async with Vendor(only_creates) as vendor:
        http = HTTP(URL(vendor.url), aiohttp.ClientTimeout(total=20))
        asking = [asyncio.ensure_future(http.exchange(QUERY, BEARER)) for _ in range(AT_ONCE + 30)]
        while len(vendor.seen) < AT_ONCE:
            await asyncio.sleep(0)
        answer = await http.exchange(a_create(), BEARER)
        queries = sum(seen.method == "GET" for seen in vendor.seen)
        await asyncio.sleep(22)
        late = [type(asked.exception()) for asked in asking if asked.done()]
        await http.close()
        done, pending = await asyncio.wait(asking, timeout=5)

    assert 200 == answer.status
    assert AT_ONCE == queries
    assert [RequestTimeout] * AT_ONCE == late
    assert (AT_ONCE + 30, 0) == (len(done), len(pending))
