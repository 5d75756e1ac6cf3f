"""What heals by itself, through the whole client: clocks, tokens, rates, and every trouble of a query."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from kling_async import AccessKey, AuthenticationError, KlingClient, Limits, Polling, Retry
from kling_async.emulator import ACCESS_KEY, SECRET_KEY, Emulator
from kling_async.emulator.faults import Bend, Clock, Expire, Fault, Rate, Refuse
from kling_async.events import Event, SubmitEnded
from tests.support.vendor import Reply, Seen, Vendor, refused, row, said


class Wall:
    """A wall clock that goes with the loop's, so that tokens age where the loop jumps."""

    def __init__(self, wrong: float = 0.0) -> None:
        self._begun = time.time() - asyncio.get_running_loop().time() + wrong

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self._begun + asyncio.get_running_loop().time()


def codes(emulator: Emulator) -> list[int]:
    """What was refused, in order."""
    return [request.code for request in emulator.requests if request.code]


async def made(kling: KlingClient, number: int = 0) -> Any:
    """A picture, from its words to its end."""
    return await (await kling.images.generate(prompt=f"number {number}"))


# Clocks and tokens.


@pytest.mark.looptime
@pytest.mark.parametrize("seconds", [3600, -3600, 40, -7 * 86400])
@pytest.mark.parametrize("whose", ["the vendor's", "ours"])
async def test_a_wrong_clock_costs_one_request_and_one_line(
    seconds: float, whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Thirty tasks are made and awaited, and nobody is told but the log."""
    wall = Wall()
    faults = [Clock(seconds)] if whose == "the vendor's" else []
    async with Emulator(clock=wall, faults=faults) as emulator, emulator.client(limits=Limits(image=10)) as kling:
        kling.inside.core.engine.authorizer.clock = wall if faults else Wall(-seconds)
        tasks = [await made(kling)]
        tasks += await asyncio.gather(*(made(kling, number) for number in range(29)))

        assert 30 == len({task.id for task in tasks}) == len(emulator.tasks)
        refused = codes(emulator)
        warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        if abs(seconds) == 40 and not refused:  # a token that is a little old is good
            return
        assert 1 == len(refused)
        assert refused[0] in (1003, 1004)
        (words,) = warned
        told = float(words.split(" is ")[1].split(" s ")[0])
        assert abs(seconds) == pytest.approx(told, abs=2)
        assert ("behind" if seconds > 0 else "ahead of") in words


@pytest.mark.looptime
@pytest.mark.parametrize("fault", [Expire(20), Expire(since=5), Expire(since=40)])
async def test_tokens_that_end_early_are_replaced_unnoticed(fault: Fault) -> None:
    """In the middle of creates and queries; nothing is made twice."""
    wall = Wall()
    async with Emulator(clock=wall, faults=[fault], slots={"image": 3}) as emulator, emulator.client() as kling:
        kling.inside.core.engine.authorizer.clock = wall
        tasks = await asyncio.gather(*(made(kling, number) for number in range(12)))

        assert 12 == len({task.id for task in tasks}) == len(emulator.tasks)
        assert 1004 in codes(emulator)
        assert {1303, 1004} >= set(codes(emulator))


@pytest.mark.looptime
async def test_a_wait_of_two_hours_crosses_four_renewals_unnoticed() -> None:
    """No token is refused, because each is replaced before its end."""
    wall = Wall()
    tokens = set[str]()
    async with Emulator(clock=wall, speed=0.001) as emulator, emulator.client(polling=Polling(max_lag=200)) as kling:
        authorizer = kling.inside.core.engine.authorizer
        authorizer.clock = wall
        waiting = asyncio.ensure_future(made(kling))
        for _ in range(31):
            await asyncio.sleep(240)
            tokens.add(authorizer._token.reveal() if authorizer._token else "")

        assert not waiting.done()
        assert [] == codes(emulator)
        assert 5 <= len(tokens)
        waiting.cancel()


@pytest.mark.looptime
async def test_a_wrong_secret_is_one_clear_error_for_all_and_no_storm() -> None:
    """Fifty creates cost four requests at most."""
    keys = AccessKey(ACCESS_KEY, f"{SECRET_KEY}-but-wrong")
    async with Emulator() as emulator:
        async with KlingClient(credentials=keys, base_url=emulator.url) as kling:
            creating = (kling.images.generate(prompt="x") for _ in range(50))
            errors = await asyncio.gather(*creating, return_exceptions=True)

        assert {AuthenticationError} == {type(error) for error in errors}
        assert {1000} == set(codes(emulator))
        assert len(emulator.requests) <= 4
        assert len({str(error) for error in errors}) <= 2  # which were under way together


@pytest.mark.looptime
@pytest.mark.parametrize("code", [1002, 1003, 1004])
async def test_a_refused_create_is_not_signed_again_for_a_caller_who_has_left(code: int) -> None:
    """Nothing is sent for nobody; the slot is free at once, and others are not concerned."""
    creating = list[asyncio.Future[Any]]()
    events = list[Event]()

    def refuse_and_cancel(seen: Seen) -> Reply:
        del seen
        creating[0].cancel()
        return refused(code, 401)

    keys = AccessKey(ACCESS_KEY, SECRET_KEY)
    async with Vendor(refuse_and_cancel, said(row())) as vendor:
        async with KlingClient(
            credentials=keys, base_url=vendor.url, limits=Limits(image=1), on_event=events.append
        ) as kling:
            creating.append(asyncio.ensure_future(kling.images.generate(prompt="x")))
            with pytest.raises(asyncio.CancelledError):
                await creating[0]
            await asyncio.sleep(1)
            posts = len(vendor.seen)
            await kling.images.generate(prompt="y")

    (ended,) = (event for event in events if isinstance(event, SubmitEnded) and event.cancelled)
    assert "refused" == ended.outcome
    assert 1 == posts
    assert 2 == sum(seen.method == "POST" for seen in vendor.seen)


# Rates.


@pytest.mark.looptime
@pytest.mark.parametrize("asked", [None, 1, 3])
async def test_a_vendor_that_wants_fewer_requests_gets_fewer(asked: float | None) -> None:
    """Creates and queries by rates of their own; everything is delivered, and few are refused."""
    rates = [
        Rate(2, calls="creates", retry_after=asked),
        Rate(5, calls=["queries", "lists"], retry_after=asked),
    ]
    async with Emulator(faults=rates) as emulator, emulator.client(limits=Limits(image=100)) as kling:
        begun = asyncio.get_running_loop().time()
        handles = await asyncio.gather(*(kling.images.generate(prompt="x") for _ in range(200)))
        took = asyncio.get_running_loop().time() - begun
        tasks = await asyncio.gather(*(handle.wait() for handle in handles))

        assert 200 == len({task.id for task in tasks}) == len(emulator.tasks)
        assert codes(emulator).count(1302) <= 0.03 * len(emulator.requests) + 100  # those that left before the first
        assert took <= 200 / 2 / 0.95


# Queries.

TROUBLES: list[Fault] = [
    *(Refuse(code, calls=["queries", "lists"], first=1) for code in (1003, 1004, 1302, 1303, 5000, 5001, 5002)),
    *(Refuse(status, calls=["queries", "lists"], first=1) for status in (429, 500, 502, 503, 504, 408)),
    *(
        Refuse(way, calls=["queries", "lists"], first=2)
        for way in ("reset", "cut", "cut_body", "html", "empty", "unreadable", "silence")
    ),
    *(Bend(shape, calls=["queries", "lists"], first=2) for shape in ("array", "null", "no_data", "unknown_status")),
    Bend("no_status", calls=["queries", "lists"], first=2),
]


@pytest.mark.looptime
@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize(
    "trouble", TROUBLES, ids=lambda fault: str(getattr(fault, "answer", getattr(fault, "shape", "")))
)
async def test_trouble_with_a_query_is_not_noticed_by_who_awaits(trouble: Fault, *, lists: bool) -> None:
    """One 401, a 5xx, a broken line, a page of HTML, another shape, a word that nobody knows, a rate."""
    polling = Polling(list_pages=lists)
    async with Emulator(faults=[trouble]) as emulator, emulator.client(polling=polling, timeout=10) as kling:
        tasks = await asyncio.gather(*(made(kling, number) for number in range(4)))

        assert set(emulator.tasks) == {task.id for task in tasks}
        assert 4 == len(emulator.tasks)
        assert any(request.fault for request in emulator.requests)


@pytest.mark.looptime
async def test_creates_are_not_held_up_by_too_many_queries() -> None:
    """A refused query says nothing about creates."""
    rate = Rate(0.2, burst=1, calls=["queries", "lists"], retry_after=60)
    async with Emulator(faults=[rate]) as emulator, emulator.client(retry=Retry()) as kling:
        handle = await kling.images.generate(prompt="x")
        waiting = asyncio.ensure_future(handle.wait())
        await asyncio.sleep(30)
        begun = asyncio.get_running_loop().time()
        await kling.images.generate(prompt="y")
        took = asyncio.get_running_loop().time() - begun

        assert took < 1
        assert handle.id == (await waiting).id
