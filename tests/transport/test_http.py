"""What comes back from the network, however odd, becomes a clear error of ours or a value."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import aiohttp
import pytest

from kling_async import (
    ApiError,
    ClientClosed,
    ConnectionFailed,
    ContentRefused,
    InvalidRequest,
    KlingClient,
    RequestTimeout,
    ResponseError,
    Retry,
    ServerError,
    SubmitUnknown,
)
from kling_async.errors import KlingError
from tests.support.vendor import API_KEY, Reply, Vendor, refused, row, said

ONCE = Retry(attempts=1)
PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head>"
    b"<body><h1>Bad Gateway</h1><p>Bearer eyJabc.def.ghi</p></body></html>"
)


def a_client(vendor: Vendor, *, retry: Retry = ONCE, timeout: float = 5) -> KlingClient:
    """A client of the scripted vendor."""
    return KlingClient(api_key=API_KEY, base_url=vendor.url, retry=retry, timeout=timeout)


async def test_html_from_a_gateway_keeps_status_and_an_excerpt_without_markup_or_token() -> None:
    """A gateway's page is a server error that quotes its words."""
    async with Vendor(Reply(PAGE, 502, {"Content-Type": "text/html", "X-Request-Id": "edge-7"})) as vendor:
        async with a_client(vendor) as kling:
            with pytest.raises(ServerError) as caught:
                await kling.images.generate.get("1")

    assert (502, None, "edge-7") == (caught.value.status, caught.value.code, caught.value.request_id)
    assert "Bad Gateway" in str(caught.value)
    assert "<" not in str(caught.value)
    assert "eyJabc" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b'{"code": 0, "data": {"task_id": "1"', 200), "not JSON, or was cut short"),
        (Reply(b"", 200), "not JSON, or was cut short"),
        (Reply(PAGE, 200), "not JSON, or was cut short"),
        (Reply(b'{"hello": "world"}', 200), "not the vendor's envelope"),
        (Reply(b"[1, 2]", 200), "not the vendor's envelope"),
        (Reply(b'{"code": 0', 200, length=500), "was cut short.*HTTP 200.*code"),
        (Reply(b"", 302, {"Location": "https://elsewhere.example/"}), "redirect"),
        (said({"task_status": "succeed"}), "not a task"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_response_error(reply: Reply, words: str) -> None:
    """Whatever is not the vendor's envelope with a task in it is named as what it is."""
    async with Vendor(reply) as vendor, a_client(vendor) as kling:
        with pytest.raises(ResponseError, match=words):
            await kling.images.generate.get("1")


async def test_a_body_of_more_than_16_mb_is_not_read_to_its_end() -> None:
    """A body that no API answer can have is given up, declared or not, plain or compressed."""
    huge = b'{"code": 0, "data": "' + b"x" * (17 * 1024 * 1024) + b'"}'
    packed = zlib.compress(huge, 1)
    for reply in (Reply(huge), Reply(packed, headers={"Content-Encoding": "deflate"})):
        async with Vendor(reply) as vendor, a_client(vendor) as kling:
            with pytest.raises(ResponseError, match="longer than 16,777,216 bytes") as caught:
                await kling.images.generate.get("1")

        assert 200 == caught.value.status
        assert caught.value.excerpt.startswith('{"code": 0, "data": "xxx')
        assert len(caught.value.excerpt) < 250


async def test_a_code_under_http_200_is_an_error_all_the_same() -> None:
    """The service code decides, not the status."""
    async with Vendor(refused(1301, 200, "Failure to pass the risk control system")) as vendor:
        async with a_client(vendor) as kling:
            with pytest.raises(ContentRefused) as caught:
                await kling.images.generate(prompt="x")

    assert (1301, 200, "req-1") == (caught.value.code, caught.value.status, caught.value.request_id)


async def test_a_code_nobody_has_seen_becomes_an_api_error_with_its_message() -> None:
    """New codes of the vendor's are not lost."""
    async with Vendor(refused(1999, 400, "something new")) as vendor, a_client(vendor) as kling:
        with pytest.raises(ApiError, match="something new") as caught:
            await kling.images.generate.get("1")

    assert ApiError is type(caught.value)
    assert 1999 == caught.value.code


@pytest.mark.looptime
async def test_a_query_is_repeated_where_that_may_help() -> None:
    """5xx, a cut connection, nonsense and 1302 are asked again; the answer that comes then counts."""
    troubles = (refused(5000, 500), Reply(cut=True), Reply(b"<p>oops"), refused(1302, 429))
    async with Vendor(*troubles, said(row())) as vendor, a_client(vendor, retry=Retry()) as kling:
        task = await kling.images.generate.get("1")

    assert "1" == task.id
    assert 5 == len(vendor.seen)


@pytest.mark.looptime
async def test_a_query_is_given_up_after_its_attempts() -> None:
    """`Retry.attempts` is how often a query is sent, and the last error is what is raised."""
    async with Vendor(refused(5001, 503)) as vendor, a_client(vendor, retry=Retry(attempts=3)) as kling:
        with pytest.raises(ServerError):
            await kling.images.generate.get("1")

    assert 3 == len(vendor.seen)


@pytest.mark.parametrize(
    ("code", "status"), [(1000, 401), (1102, 429), (1304, 429), (1201, 400), (1103, 403), (1301, 400)]
)
async def test_a_permanent_refusal_is_not_repeated(code: int, status: int) -> None:
    """Asking again would not help."""
    async with Vendor(refused(code, status)) as vendor, a_client(vendor, retry=Retry()) as kling:
        with pytest.raises(ApiError):
            await kling.images.generate.get("1")

    assert 1 == len(vendor.seen)


@pytest.mark.looptime
@pytest.mark.parametrize(
    "reply",
    [refused(5000, 500), refused(5002, 504), Reply(PAGE, 502), Reply(b'{"code"', 200), Reply(cut=True), said(None)],
)
async def test_a_create_with_an_open_outcome_is_sent_once_and_names_its_id(reply: Reply) -> None:
    """Nothing paid is repeated blindly, and nothing is lost: the error holds the id that was sent."""
    async with Vendor(reply) as vendor, a_client(vendor, retry=Retry(on_unknown="hold")) as kling:
        with pytest.raises(SubmitUnknown) as caught:
            await kling.images.generate(prompt="x")

    assert ["POST"] == [seen.method for seen in vendor.seen if seen.method != "GET"]
    assert vendor.seen[0].json["external_task_id"] == caught.value.external_task_id
    assert caught.value.external_task_id in str(caught.value)
    assert isinstance(caught.value.__cause__, KlingError)


async def test_a_create_in_the_middle_of_which_the_client_is_closed_names_its_id() -> None:
    """Whoever closes the client does not take the id with him."""
    async with Vendor(Reply(silent=True)) as vendor, a_client(vendor) as kling:
        creating = asyncio.ensure_future(kling.images.generate(prompt="x"))
        while not vendor.seen:
            await asyncio.sleep(0)
        await kling.close()

        with pytest.raises(SubmitUnknown) as caught:
            await creating

    assert vendor.seen[0].json["external_task_id"] == caught.value.external_task_id


async def test_a_gateways_page_that_was_cut_short_is_still_told_by_its_status() -> None:
    """What arrived of it is quoted."""
    async with Vendor(Reply(PAGE[:60], 502, length=900)) as vendor, a_client(vendor) as kling:
        with pytest.raises(ServerError, match="Bad Gateway") as caught:
            await kling.images.generate.get("1")

    assert 502 == caught.value.status


async def test_no_byte_of_a_call_over_https_is_in_the_clear() -> None:
    """What goes to an https address begins a TLS handshake, and a server that cannot do one gets nothing."""
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, KlingClient(api_key=API_KEY, base_url=f"https://127.0.0.1:{port}", retry=ONCE) as kling:
        with pytest.raises(ConnectionFailed) as caught:
            await kling.images.generate(prompt="x")

    assert b"\x16\x03" == heard[:2]
    assert API_KEY.encode() not in heard
    assert not caught.value.may_have_been_created


async def test_a_create_that_cannot_have_arrived_is_a_failed_connection() -> None:
    """Where nobody listens nothing can have been made."""
    async with Vendor(said(row())) as vendor:
        url = vendor.url
    async with KlingClient(api_key=API_KEY, base_url=url, retry=ONCE) as kling:
        with pytest.raises(ConnectionFailed, match="cannot be reached") as caught:
            await kling.images.generate(prompt="x")

    assert not caught.value.may_have_been_created


@pytest.mark.looptime
async def test_a_vendor_that_says_nothing_is_a_time_out() -> None:
    """`timeout` bounds one exchange, and a create that timed out may have been made."""
    async with Vendor(Reply(silent=True)) as vendor, a_client(vendor, timeout=20) as kling:
        with pytest.raises(RequestTimeout) as caught:
            await kling.images.generate.get("1")
        with pytest.raises(SubmitUnknown):
            await kling.images.generate(prompt="x")

    assert caught.value.may_have_been_created
    assert isinstance(caught.value, TimeoutError)


@pytest.mark.looptime
@pytest.mark.parametrize(("asked", "waited"), [("70", 70), ("999999999", 120)])
async def test_retry_after_decides_the_pause(asked: str, waited: float) -> None:
    """What the vendor asks for wins over our own idea, within reason."""
    clock = asyncio.get_running_loop().time
    limited = Reply(json.dumps({"code": 1302, "message": "slow"}).encode(), 429, {"Retry-After": asked})
    async with Vendor(limited, said(row())) as vendor, a_client(vendor, retry=Retry()) as kling:
        start = clock()
        await kling.images.generate.get("1")

        assert waited == pytest.approx(clock() - start, abs=5)


async def test_a_session_of_the_callers_is_used_and_left_open() -> None:
    """Borrowed is not owned."""
    async with Vendor(said(row())) as vendor, aiohttp.ClientSession(headers={"X-Mine": "yes"}) as session:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, session=session) as kling:
            await kling.images.generate.get("1")

        assert "yes" == vendor.seen[0].headers["X-Mine"]
        assert not session.closed


async def test_a_closed_client_says_so_and_leaves_no_socket() -> None:
    """After `close` every call raises `ClientClosed`, and no connection stays open."""
    async with Vendor(said(row())) as vendor:
        kling = a_client(vendor)
        await kling.images.generate.get("1")
        await kling.close()
        await kling.close()
        for _ in range(10):
            await asyncio.sleep(0)

        with pytest.raises(ClientClosed):
            await kling.images.generate.get("1")
        with pytest.raises(ClientClosed):
            await kling.images.generate(prompt="x")
        with pytest.raises(ClientClosed):
            await kling.download([], "out")
        assert 0 == vendor.open_connections


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "https://",
        "https://x.example/?a=1",
        "http://10.0.0.1",
    ],
)
def test_a_base_url_that_would_send_the_token_in_the_clear_is_refused(url: str) -> None:
    """https everywhere; plain http for this very machine only."""
    with pytest.raises(InvalidRequest) as caught:
        KlingClient(api_key=API_KEY, base_url=url)

    assert "base_url" == caught.value.field


def test_a_password_in_the_base_url_is_refused_and_not_shown() -> None:
    """An address with a secret in it would end up in every message."""
    with pytest.raises(InvalidRequest) as caught:
        KlingClient(api_key=API_KEY, base_url="https://me:hunter2@api.example.com")

    assert "hunter2" not in str(caught.value)


async def test_the_path_below_a_base_url_is_kept_and_ids_are_encoded() -> None:
    """A relay may live below a path, and an external id may hold any character."""
    async with Vendor(said(row()), said([])) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=f"{vendor.url}/relay/") as kling:
            await kling.images.generate.get(external_task_id="a/b c?d=é")
            await kling.images.generate.list(page=2, page_size=7)

    assert "/relay/v1/images/generations/a%2Fb%20c%3Fd%3D%C3%A9" == vendor.seen[0].path
    assert "/relay/v1/images/generations?pageNum=2&pageSize=7" == vendor.seen[1].path


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), "5", True])
def test_a_time_out_that_is_no_time_is_refused(timeout: Any) -> None:
    """Zero and infinity are not what anybody means."""
    with pytest.raises(InvalidRequest) as caught:
        KlingClient(api_key=API_KEY, timeout=timeout)

    assert "timeout" == caught.value.field


async def test_a_borrowed_session_that_raises_for_status_changes_nothing() -> None:
    """The code is read all the same."""
    async with Vendor(refused(1301, 400, "no")) as vendor, aiohttp.ClientSession(raise_for_status=True) as session:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, session=session) as kling:
            with pytest.raises(ContentRefused):
                await kling.images.generate(prompt="x")


async def test_a_hook_that_fails_after_the_create_does_not_take_the_id_along(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody else's exception passes, with the id in a note and in the log; without frames that know the token."""
    trace = aiohttp.TraceConfig()

    async def broken(*_: object) -> None:
        raise ValueError("the metrics backend is down")

    trace.on_request_end.append(broken)
    async with Vendor(said(row())) as vendor, aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, session=session) as kling:
            with pytest.raises(ValueError, match="metrics") as caught:
                await kling.images.generate(prompt="x")

    external = vendor.seen[0].json["external_task_id"]
    assert external in "".join(caught.value.__notes__)
    assert external in caplog.text
    assert [] == [entry.path for entry in caught.traceback if "site-packages" in str(entry.path)]
    assert "broken" == caught.traceback[-1].name


async def test_a_created_task_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever drops the handle can still find the task."""
    caplog.set_level("INFO")
    async with Vendor(said(row())) as vendor, a_client(vendor) as kling:
        handle = await kling.images.generate(prompt="x")

    assert str(handle.external_task_id) in caplog.text


@pytest.mark.looptime
async def test_closing_ends_a_pause_between_attempts() -> None:
    """Nobody waits two minutes for a client that is closed."""
    clock = asyncio.get_running_loop().time
    limited = Reply(json.dumps({"code": 1302, "message": "slow"}).encode(), 429, {"Retry-After": "100"})
    async with Vendor(limited) as vendor, a_client(vendor, retry=Retry()) as kling:
        asking = asyncio.ensure_future(kling.images.generate.get("1"))
        await asyncio.sleep(5)
        start = clock()
        await kling.close()
        with pytest.raises(ClientClosed):
            await asking

        assert clock() - start < 2


def test_a_client_in_a_second_loop_says_what_is_wrong() -> None:
    """It is not the vendor's fault."""

    async def ask(kling: KlingClient) -> None:
        await kling.images.generate.get("1")

    async def first() -> KlingClient:
        async with Vendor(said(row())) as vendor:
            kling = KlingClient(api_key=API_KEY, base_url=vendor.url)
            await ask(kling)
            session = kling.inside.core.engine.http._session
            assert session is not None
            await session.close()
            return kling

    kling = asyncio.run(first())

    with pytest.raises(RuntimeError, match="one per loop"):
        asyncio.run(ask(kling))
