"""Every line of the outcome table end to end: a scripted vendor on a real socket, the real engine, a create."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp.abc import AbstractResolver
from yarl import URL

from kling_async import (
    AccountError,
    ApiKey,
    AuthenticationError,
    BadRequest,
    BalanceError,
    ConnectionFailed,
    ContentRefused,
    DuplicateTask,
    InvalidRequest,
    IPNotAllowed,
    NotFound,
    PermissionDenied,
    PolicyError,
    ResponseError,
    Retry,
    SubmitUnknown,
)
from kling_async.api import Images
from kling_async.errors import ApiError
from kling_async.polling.lookup import made
from kling_async.protocol.endpoint import Pool
from kling_async.submitting.intent import Created, Finished, Intent
from kling_async.submitting.submit import Submitter
from kling_async.transport.auth import Authorizer
from kling_async.transport.engine import Engine
from kling_async.transport.http import HTTP
from tests.submitting.creating import ID, Held, now, others
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, refused, row, said

ROW = Images.generate
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\0\0\0\2\0"
PAGE = b"<html><title>502 Bad Gateway</title></html>"
ABSENT = refused(1201, 400, "Task not found by external id")
THEIRS = row("7", task_info={"external_task_id": "theirs"})
MADE = said(row("1", task_info={"external_task_id": ID}))


@attrs.define(eq=False)
class Scripted:
    """Tells POSTs from questions, each with a script of its own, the last reply of which is repeated."""

    posts: list[Reply]
    questions: list[Reply]

    def __call__(self, seen: Seen) -> Reply:
        """The next reply."""
        replies = self.posts if seen.method == "POST" else self.questions
        return replies.pop(0) if len(replies) > 1 else replies[0]


@attrs.define(eq=False)
class Side:
    """A create, and what became of it."""

    engine: Engine
    submitter: Submitter
    hold: Held = attrs.field(factory=Held)
    told: list[Finished] = attrs.field(factory=list[Finished])
    stopped: list[Pool | None] = attrs.field(factory=list[Pool | None])

    async def find(self, since_ms: int | None) -> Any:
        """One question."""
        return await made(self.engine, ROW, ID, since_ms)

    async def make(self, **more: Any) -> Created[Any]:
        """Make a picture."""
        external, call = ROW.create(ROW.request(prompt="x", external_task_id=ID, **more), str)
        return await self.submitter.submit(
            Intent(
                endpoint=ROW.name,
                external_task_id=external,
                pool=ROW.pool,
                call=call,
                find=self.find,
                hold=self.hold,
            )
        )


@asynccontextmanager
async def a_side(url: str, session: aiohttp.ClientSession | None = None) -> AsyncGenerator[Side, None]:
    """A submitter over the real engine."""
    limits = aiohttp.ClientTimeout(total=20)
    engine = Engine(HTTP(URL(url), limits, session), Authorizer(ApiKey(API_KEY)), Retry(), random.Random(1))
    told, stopped = list[Finished](), list[Pool | None]()
    submitter = Submitter(
        engine=engine,
        random=random.Random(1),
        stop=lambda pool, _: stopped.append(pool),
        tell=told.append,
        afford=lambda _: True,
    )
    try:
        yield Side(engine, submitter, told=told, stopped=stopped)
    finally:
        await submitter.close()
        await engine.close()


def posts(vendor: Vendor) -> list[bytes]:
    """The bodies of all POSTs."""
    return [seen.body for seen in vendor.seen if seen.method == "POST"]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("reply", "error", "stopped"),
    [
        (refused(1000, 401), AuthenticationError, [None]),
        (refused(1001, 401), AuthenticationError, [None]),
        (refused(1002, 401), AuthenticationError, [None]),
        (refused(1003, 401), AuthenticationError, [None]),
        (refused(1004, 401), AuthenticationError, [None]),
        (refused(1100, 429), AccountError, [None]),
        (refused(1101, 429), BalanceError, [None]),
        (refused(1102, 429), BalanceError, ["image"]),
        (refused(1103, 403), PermissionDenied, []),
        (refused(1200, 400), BadRequest, []),
        (refused(1201, 400), BadRequest, []),
        (refused(1201, 400, "External_task_id mine-1 already exists"), DuplicateTask, []),
        (refused(1202, 404), NotFound, []),
        (refused(1203, 404), NotFound, []),
        (refused(1300, 400), PolicyError, []),
        (refused(1301, 400), ContentRefused, []),
        (refused(1304, 429), IPNotAllowed, [None]),
        (refused(1999, 400), ApiError, []),
        (Reply(PAGE, 418), ApiError, []),
        (Reply(b"", 302, {"Location": "https://elsewhere.example/"}), ResponseError, []),
    ],
)
async def test_a_refusal_for_good_is_raised_and_stops_whom_it_concerns(
    reply: Reply, error: type[Exception], stopped: list[Pool | None]
) -> None:
    """No question is asked, the slot is given back, nothing is sent again but with a fresh token."""
    async with Vendor(Scripted([reply], [MADE])) as vendor, a_side(vendor.url) as side:
        with pytest.raises(error):
            await side.make()

    assert {"POST"} == {seen.method for seen in vendor.seen}
    assert stopped == side.stopped
    assert ["release"] == side.hold.told


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (refused(1302, 429), []),
        (refused(1303, 429), ["refused"]),
        (Reply(PAGE, 429), []),
        (refused(1999, 429), []),
    ],
)
async def test_a_passing_refusal_is_sent_again(reply: Reply, told: list[str]) -> None:
    """The same body, and no question."""
    async with Vendor(Scripted([reply, reply, MADE], [ABSENT])) as vendor, a_side(vendor.url) as side:
        created = await side.make()

    assert "1" == created.task.id
    assert 3 == len(posts(vendor)) == len(vendor.seen)
    assert 1 == len(set(posts(vendor)))
    assert [*told * 2, "accepted"] == side.hold.told


LOST = [
    refused(5000, 500),
    refused(5001, 503),
    refused(5002, 504),
    Reply(PAGE, 502),
    Reply(PAGE, 408),
    refused(7777, 500),
    said(None),
    said({"task_status": "submitted"}),
    Reply(b'{"code": 0, "data": {"task_id": "1"', 200),
    Reply(b'{"code": 0', 200, length=500),
    Reply(PAGE, 200),
    said(THEIRS),
    Reply(cut=True),
    Reply(silent=True),
]


@pytest.mark.looptime
@pytest.mark.parametrize("reply", LOST)
async def test_a_lost_answer_is_looked_for_and_the_task_is_found(reply: Reply) -> None:
    """However it was lost: one POST, one task."""
    async with (
        Vendor(Scripted([reply, MADE], [ABSENT, refused(5000, 500), MADE])) as vendor,
        a_side(vendor.url) as side,
    ):
        created = await side.make()

    assert ("1", None) == (created.task.id, created.born)
    assert ["POST", "GET", "GET", "GET"] == [seen.method for seen in vendor.seen]
    assert f"/v1/images/generations/{ID}" == vendor.seen[1].path
    assert ["doubted", "accepted"] == side.hold.told


@pytest.mark.looptime
@pytest.mark.parametrize("reply", LOST)
@pytest.mark.parametrize("absent", [ABSENT, refused(1201, 400, "Task not found by id")])
async def test_a_create_that_made_nothing_is_sent_again_when_that_is_certain(reply: Reply, absent: Reply) -> None:
    """The same body, not before the window is over."""
    async with Vendor(Scripted([reply, MADE], [absent])) as vendor, a_side(vendor.url) as side:
        start = now()
        created = await side.make()

        assert 30 <= now() - start < 52
    assert "1" == created.task.id
    assert ["POST", *["GET"] * 7, "POST"] == [seen.method for seen in vendor.seen]
    assert 1 == len(set(posts(vendor)))


@pytest.mark.looptime
async def test_another_task_than_the_one_asked_for_is_not_taken_for_it() -> None:
    """Nor does it prove that there is none."""
    async with Vendor(Scripted([Reply(cut=True), MADE], [said(THEIRS)])) as vendor, a_side(vendor.url) as side:
        with pytest.raises(SubmitUnknown, match="could not be found out") as caught:
            await side.make()

    assert isinstance(caught.value.__cause__, ResponseError)
    assert 1 == len(posts(vendor))


@pytest.mark.looptime
@pytest.mark.parametrize("info", [{}, {"external_task_id": ""}, {"external_task_id": None}, None])
async def test_an_answer_without_an_external_id_is_about_the_one_that_was_asked_for(info: object) -> None:
    """Live answers have been seen to leave it out."""
    told = said(row("1", task_info=info))
    async with Vendor(Scripted([Reply(cut=True)], [told])) as vendor, a_side(vendor.url) as side:
        found = await side.make()
    async with Vendor(told) as vendor, a_side(vendor.url) as side:
        made = await side.make()

    assert "1" == found.task.id == made.task.id


@pytest.mark.looptime
async def test_an_unknown_id_is_never_refused_to_us_by_our_own_task() -> None:
    """Words about a wrong parameter, after a lost answer, are about the id; the task is taken over."""
    wrong = refused(1201, 400, "invalid parameter")
    questions = [*[ABSENT] * 7, ABSENT, MADE]
    async with Vendor(Scripted([Reply(cut=True), wrong], questions)) as vendor, a_side(vendor.url) as side:
        created = await side.make()

    assert "1" == created.task.id
    assert 2 == len(posts(vendor))


@pytest.mark.looptime
async def test_where_nobody_listens_nothing_was_made() -> None:
    """It is tried again, then raised as what it is."""
    async with Vendor(MADE) as vendor:
        url = vendor.url
    async with a_side(url) as side:
        with pytest.raises(ConnectionFailed, match="cannot be reached"):
            await side.make()

    assert ["release"] == side.hold.told


class Nowhere(AbstractResolver):
    """Knows no name."""

    async def resolve(self, *_: Any, **__: Any) -> Any:
        """As a resolver fails."""
        raise OSError(None, "no such name")

    async def close(self) -> None:
        """Nothing is open."""


class Distrusting(aiohttp.TCPConnector):
    """Accepts no certificate."""

    async def connect(self, req: aiohttp.ClientRequest, *_: Any, **__: Any) -> Any:
        """As a handshake fails."""
        raise aiohttp.ClientConnectorCertificateError(req.connection_key, ssl.SSLCertVerificationError("self-signed"))


@pytest.mark.looptime
async def test_a_name_that_does_not_resolve_made_nothing() -> None:
    """As above."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Nowhere())) as session:
        async with a_side("https://api.example.com", session=session) as side:
            with pytest.raises(ConnectionFailed, match="no such name") as caught:
                await side.make()

    assert caught.value.retryable
    assert (["release"], []) == (side.hold.told, side.stopped)


@pytest.mark.looptime
async def test_a_certificate_that_is_not_accepted_is_no_reason_to_try_again() -> None:
    """All creates stop, at once."""
    async with aiohttp.ClientSession(connector=Distrusting()) as session:
        async with a_side("https://api.example.com", session=session) as side:
            start = now()
            with pytest.raises(ConnectionFailed, match="cannot be reached") as caught:
                await side.make()

            assert start == now()
    assert not caught.value.retryable
    assert (["release"], [None]) == (side.hold.told, side.stopped)


async def test_a_post_is_not_sent_again_by_aiohttp_itself() -> None:
    """On a kept-alive connection that dies a query is; if a POST were, a task would be paid twice."""
    async with Vendor(MADE, Reply(cut=True), MADE) as vendor, a_side(vendor.url) as side:
        await side.engine.send(ROW.query("1"))
        created = await side.make()

    assert ["GET", "POST", "GET"] == [seen.method for seen in vendor.seen]
    assert "1" == created.task.id


@pytest.mark.looptime
async def test_a_file_is_read_anew_for_each_post(tmp_path: Path) -> None:
    """And the second body is the first, byte by byte."""
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG + bytes(700_000))
    async with Vendor(Scripted([Reply(cut=True), MADE], [ABSENT])) as vendor, a_side(vendor.url) as side:
        await side.make(image=picture)

    assert 2 == len(posts(vendor))
    assert 1 == len(set(posts(vendor)))
    assert 900_000 < len(posts(vendor)[0])


@pytest.mark.looptime
async def test_a_file_that_changed_meanwhile_is_not_sent_under_the_same_id(tmp_path: Path) -> None:
    """The same id means the same body; what is refused names the id."""
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG + bytes(700_000))

    def change(seen: Seen) -> Reply:
        if seen.method == "POST":
            picture.write_bytes(PNG + bytes(800_000))
            return Reply(cut=True)
        return ABSENT

    async with Vendor(change) as vendor, a_side(vendor.url) as side:
        with pytest.raises(InvalidRequest) as caught:
            await side.make(image=picture)

    assert 1 == len(posts(vendor))
    assert any(ID in note for note in caught.value.__notes__)
    assert ["doubted", "release"] == side.hold.told


@pytest.mark.looptime
async def test_a_create_that_is_cancelled_on_its_way_is_answered_in_the_background() -> None:
    """The connection is not cut, so that the vendor's answer is heard."""
    async with Vendor(MADE) as vendor, a_side(vendor.url) as side:
        making = asyncio.ensure_future(side.make())
        while not vendor.seen:
            await asyncio.sleep(0)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        await side.submitter.close()

        assert ["accepted"] == [each.outcome for each in side.told]
        assert "1" == side.told[0].task.id
        assert not [name for name in others() if name.startswith("kling")]
