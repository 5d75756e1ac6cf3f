"""What aiohttp sends by itself a second time: a query on a connection that died, and nothing else. Creates never."""

from __future__ import annotations

import pytest

from kling_async import ConnectionFailed, KlingClient, KlingError, Retry
from kling_async.protocol.call import Call
from tests.support.vendor import API_KEY, Reply, Vendor, refused, row, said

CREATE = Call[object](
    method="POST", path="/v1/images/generations", read=lambda data: data, body={"prompt": "x"}, repeatable=False
)


def a_client(vendor: Vendor) -> KlingClient:
    """A client that repeats nothing."""
    return KlingClient(api_key=API_KEY, base_url=vendor.url, retry=Retry(attempts=1))


async def test_a_create_on_a_kept_connection_that_dies_is_seen_once() -> None:
    """It may have been carried out, so nobody but us decides whether it is sent again."""
    async with Vendor(said(row()), Reply(cut=True), said(row())) as vendor, a_client(vendor) as kling:
        await kling.images.generate.get("1")
        with pytest.raises(KlingError):
            await kling.inside.core.engine.attempt(CREATE)

    assert ["GET", "POST"] == [seen.method for seen in vendor.seen]


async def test_a_query_on_a_kept_connection_that_dies_is_sent_again_by_aiohttp() -> None:
    """Once: this is the one repeat that is not ours, and it is free."""
    async with Vendor(said(row()), Reply(cut=True), Reply(cut=True), said(row())) as vendor, a_client(vendor) as kling:
        await kling.images.generate.get("1")
        with pytest.raises(ConnectionFailed):
            await kling.images.generate.get("2")

    assert 3 == len(vendor.seen)


async def test_a_query_on_a_new_connection_that_dies_is_seen_no_more_than_that() -> None:
    """Two cuts end it here as well."""
    async with Vendor(Reply(cut=True)) as vendor, a_client(vendor) as kling:
        with pytest.raises(ConnectionFailed):
            await kling.images.generate.get("1")

    assert 2 >= len(vendor.seen)


@pytest.mark.looptime
@pytest.mark.parametrize("reply", [refused(5000, 500), refused(1302, 429), Reply(cut=True), Reply(b"<p>oops")])
async def test_what_is_billed_is_not_repeated_however_often_queries_are(reply: Reply) -> None:
    """Not all that is billed is a task: such a call is sent as well, and once."""
    async with Vendor(reply) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, retry=Retry(attempts=4)) as kling:
            engine = kling.inside.core.engine
            with pytest.raises(KlingError):
                await engine.send(CREATE)

        assert 1 == len(vendor.seen)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(b"", status, {"Location": "/v1/elsewhere"}) for status in (301, 302, 303, 307, 308)),
        Reply(b"", 401, {"WWW-Authenticate": 'Digest realm="x", nonce="y"'}),
        Reply(b"", 408, {"Connection": "close"}),
        Reply(b"", 425),
        Reply(b"", 503, {"Retry-After": "0"}),
        refused(5000, 500),
        Reply(b"{", length=100),
    ],
    ids=lambda reply: f"{reply.status}",
)
async def test_an_answer_of_any_kind_is_the_end_of_a_request(reply: Reply, method: str) -> None:
    """No redirect, no challenge and no failure makes aiohttp send anything again."""
    async with Vendor(said(row()), reply) as vendor, a_client(vendor) as kling:
        await kling.images.generate.get("1")
        with pytest.raises(KlingError):
            await (kling.images.generate.get("2") if method == "GET" else kling.inside.core.engine.attempt(CREATE))

    assert 2 == len(vendor.seen)
