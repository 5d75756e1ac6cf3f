"""Requests per second: free until the vendor says "too fast", then just below what it bears, in the callers' order."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rate_simulation import Bucket, backoff, ours
from kling_async import ClientClosed, KlingClient, RateLimited, Retry, SlotsExceeded
from kling_async.transport.rate import Rate, RateGate
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, refused, row, said

ONCE = Retry(attempts=1)


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def a_client(vendor: Vendor, *, retry: Retry = ONCE) -> KlingClient:
    """A client of the scripted vendor."""
    return KlingClient(api_key=API_KEY, base_url=vendor.url, retry=retry)


def limited(per_second: float = 10, at: float = 0.0) -> Rate:
    """A rate that was cut a second ago, to nine tenths of *per_second*."""
    rate = Rate()
    for _ in range(int(per_second)):
        rate.accepted(at)
    rate.refused(at, 0)
    assert rate.ready(at + 1) == at + 1
    return rate


@pytest.mark.parametrize("limit", [2.0, 10.0, 30.0])
def test_what_the_simulation_promises(limit: float) -> None:
    """Of a limit nobody told us, 98 % are used at three refusals in a hundred requests; backoff is refused far more."""
    found = [ours(Bucket(limit), callers=16, seconds=600, seed=seed) for seed in range(2)]
    plain = backoff(Bucket(limit), callers=16, seconds=600, seed=0)

    assert 0.978 <= sum(cost.passed for cost in found) / (2 * 600 * limit)
    assert max(cost.per_request for cost in found) <= 0.03
    assert max(cost.per_request for cost in found) * 10 <= plain.per_request


def test_nothing_is_limited_before_the_first_refusal() -> None:
    """A thousand at once may go."""
    rate = Rate()

    assert all(rate.take(5.0, waited=False) for _ in range(1000))
    assert not rate.limited


def test_a_refusal_pauses_a_second_and_goes_on_below_the_measured_rate() -> None:
    """After a hundred accepted in ten seconds, nine a second."""
    rate = Rate()
    for at in range(100):
        rate.accepted(at / 10)

    rate.refused(10.0, 0)

    assert 11.0 == rate.ready(10.0)
    assert 11.0 == rate.ready(11.0)
    assert 9.0 == pytest.approx(rate.limit, rel=0.12)


def test_a_burst_is_measured_by_its_own_second() -> None:
    """Nine idle seconds before it say nothing about what the vendor bears."""
    assert 9.0 == limited(10).limit


def test_one_burst_of_refusals_is_one_cut() -> None:
    """What was sent before the cut, and what comes within its second, says nothing new."""
    rate = limited(10)
    for at in (0.1, 0.5, 5.0):
        rate.refused(at, 0)
    rate.refused(0.9, 1)

    assert (1, 9.0) == (rate.cuts, rate.limit)


@pytest.mark.parametrize("asked", [0.0, 0.5, 7.0])
def test_retry_after_wins(asked: float) -> None:
    """However long or short it is."""
    rate = Rate()
    rate.refused(3.0, 0, asked)

    assert 3.0 + asked == rate.ready(3.0)


def test_a_longer_retry_after_in_a_late_answer_counts() -> None:
    """An answer that cuts nothing can still ask for silence."""
    rate = Rate()
    rate.refused(3.0, 0)
    rate.refused(3.1, 0, 30.0)

    assert 33.1 == rate.ready(3.2)
    assert 1 == rate.cuts


def test_the_rate_grows_only_where_more_would_have_been_sent() -> None:
    """Somebody who asks once a minute proves nothing by being let in."""
    rate = limited(10)
    for at in range(1, 600):
        assert rate.take(60.0 * at, waited=False)
        rate.accepted(60.0 * at + 0.1)

    assert 9.0 == rate.limit


def test_growth_is_steep_at_first_then_flat_then_steep_again() -> None:
    """Two hundredths for each request below 0.98, little around the measured rate, and then what it takes."""
    rate = limited(10)
    limits = dict[int, float]()
    at = 1.0
    while at < 200:
        at = max(at + 1e-4, rate.ready(at))
        assert rate.take(at, waited=True)
        rate.accepted(at)
        limits[int(at)] = rate.limit

    assert 9.8 <= limits[2] <= 10.1
    assert 9.8 <= limits[40] <= 10.5
    assert 50 <= limits[150]


def test_after_an_outage_the_rate_finds_back() -> None:
    """A minute of nothing but refusals is not held against the vendor for ever."""
    rate = limited(30)
    at = 1.0
    while at < 60:
        at = max(at + 1e-4, rate.ready(at))
        assert rate.take(at, waited=True)
        rate.refused(at, rate.cuts)
    lowest, passed = rate.limit, 0
    while at < 260:
        at = max(at + 1e-4, rate.ready(at))
        assert rate.take(at, waited=True)
        rate.accepted(at)
        passed += 1
        if rate.limit > 30:
            break

    assert 0.9 == lowest
    assert at < 260


@given(
    st.lists(st.tuples(st.floats(0, 0.7), st.sampled_from(["send", "accept", "refuse"])), max_size=200),
)
def test_no_second_sees_more_than_the_rate(events: list[tuple[float, str]]) -> None:
    """Whatever happens in whatever order: once limited, the requests of any second fit the highest rate in it."""
    rate, at, sent, fastest = limited(10), 1.0, list[float](), 9.0
    for wait, event in events:
        at += wait
        if event == "accept":
            rate.accepted(at)
        elif event == "refuse":
            rate.refused(at, rate.cuts)
        while event == "send" and rate.take(at, waited=True):
            sent.append(at)
        fastest = max(fastest, rate.limit)

    for start in sent:
        assert sum(start <= each < start + 1 for each in sent) <= 2 + fastest * 1.06


# The gate.


async def cut(gate: RateGate, per_second: float = 10) -> None:
    """Have a gate limited to nine tenths of so many."""
    for _ in range(int(per_second)):
        gate.rate.accepted(now())
    gate.rate.refused(now(), gate.rate.cuts)


@pytest.mark.looptime
async def test_who_waits_goes_in_order() -> None:
    """First come, first served, and nobody overtakes those who wait."""
    gate, went = RateGate(), list[int]()
    await cut(gate)

    async def go(number: int) -> None:
        await gate.turn()
        went.append(number)

    start = now()
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(go(number))
            if number % 10 == 0:
                await asyncio.sleep(0.05)

    assert list(range(50)) == went
    assert 49 / 9 == pytest.approx(now() - start - 1, rel=0.1)


@pytest.mark.looptime
async def test_ten_thousand_wait_with_one_timer_and_no_task() -> None:
    """The line is a queue of futures; cancelled or closed, nothing of it stays."""
    gate = RateGate()
    loop: Any = asyncio.get_running_loop()  # which shows its timers to nobody
    await cut(gate)
    before, timers = len(asyncio.all_tasks()), len(loop._scheduled)
    waiting = [asyncio.ensure_future(gate.turn()) for _ in range(10_000)]
    await asyncio.sleep(0)

    assert 10_000 == gate.waiting
    assert before + 10_000 == len(asyncio.all_tasks())
    assert timers + 1 == len(loop._scheduled)
    for each in waiting[5_000:]:
        each.cancel()
    await asyncio.sleep(0)
    assert 5_000 == gate.waiting
    gate.close()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [ClientClosed] * 5_000 + [asyncio.CancelledError] * 5_000 == [type(each) for each in ended]


@pytest.mark.looptime
async def test_who_is_cancelled_takes_nobodys_place() -> None:
    """Neither while waiting nor in the moment of the turn."""
    gate = RateGate()
    await cut(gate)
    first, second, third = (asyncio.ensure_future(gate.turn()) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    start = now()
    loop = asyncio.get_running_loop()
    served = loop.create_future()
    first.add_done_callback(lambda _: served.set_result(None))
    await served
    await third

    assert 1 + 1 / 9 == pytest.approx(now() - start, abs=0.02)


@pytest.mark.looptime
async def test_a_turn_that_came_too_late_goes_to_the_next() -> None:
    """Cancelled after the turn was given and before it was taken: the place is not lost."""
    gate = RateGate()
    await cut(gate)
    first, second = asyncio.ensure_future(gate.turn()), asyncio.ensure_future(gate.turn())
    await asyncio.sleep(0)
    start = now()
    assert gate._timer is not None
    asyncio.get_running_loop().call_at(gate._timer.when(), first.cancel)  # in the same turn of the loop, afterwards
    waiter = gate._waiters[0]
    await second

    assert waiter.result()
    assert first.cancelled()
    assert 1.0 == pytest.approx(now() - start, abs=0.02)


@pytest.mark.looptime
async def test_a_gate_that_everybody_left_has_no_timer() -> None:
    """Nothing wakes up for nobody."""
    gate = RateGate()
    await cut(gate)
    waiting = [asyncio.ensure_future(gate.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert gate._timer is None
    assert 0 == gate.waiting == len(gate._waiters)


# The engine.


class Limiter:
    """A vendor's rule: so many a second, by a bucket of as many."""

    def __init__(self, limit: float) -> None:
        self.bucket = Bucket(limit)
        self.refusals = 0

    def __call__(self, _: Seen) -> Reply:
        """A task, or 1302."""
        if self.bucket.ask(now()):
            return said(row())
        self.refusals += 1
        return refused(1302, 429, "too fast")


@pytest.mark.looptime
async def test_queries_over_the_limit_are_all_answered_at_its_rate() -> None:
    """Two hundred queries to a vendor who takes ten a second need twenty seconds and few refusals."""
    limiter = Limiter(10)
    async with Vendor(limiter) as vendor, a_client(vendor, retry=Retry()) as kling:
        limiter.bucket._at = start = now()
        room = asyncio.Semaphore(16)

        async def ask() -> None:
            async with room:
                await kling.images.generate.get("1")

        await asyncio.gather(*(ask() for _ in range(200)))

        assert now() - start <= 24
    assert limiter.refusals <= 25


@pytest.mark.looptime
@pytest.mark.parametrize("reply", [refused(1302, 429), Reply(b"slow down", 429)], ids=["1302", "no code"])
async def test_a_refused_query_holds_up_queries_and_no_creates(reply: Reply) -> None:
    """Each of the two has its own bucket; a gateway's 429 without a code counts like 1302."""
    async with Vendor(reply, said(row())) as vendor, a_client(vendor) as kling:
        with pytest.raises(RateLimited):
            await kling.images.generate.get("1")
        start = now()
        await kling.images.generate(prompt="x")
        created = now() - start
        await kling.images.generate.get("1")

        assert created < 0.5
        assert 1.0 == pytest.approx(now() - start, abs=0.2)


@pytest.mark.looptime
async def test_slots_do_not_touch_the_rate() -> None:
    """1303 is about tasks, not about requests."""
    async with Vendor(refused(1303, 429)) as vendor, a_client(vendor) as kling:
        engine = kling.inside.core.engine
        with pytest.raises(SlotsExceeded):
            await kling.images.generate.get("1")

        assert not engine.creates.rate.limited
        assert not engine.queries.rate.limited


@pytest.mark.looptime
async def test_closing_ends_the_waiting_for_a_turn() -> None:
    """Nobody waits for a client that is closed."""
    slow = Reply(json.dumps({"code": 1302, "message": "slow"}).encode(), 429, {"Retry-After": "100"})
    async with Vendor(slow) as vendor, a_client(vendor) as kling:
        with pytest.raises(RateLimited):
            await kling.images.generate.get("1")
        asking = [asyncio.ensure_future(kling.images.generate.get("1")) for _ in range(100)]
        await asyncio.sleep(5)
        start = now()
        await kling.close()
        ended = await asyncio.gather(*asking, return_exceptions=True)

        assert now() - start < 1
    assert {ClientClosed} == {type(each) for each in ended}
    assert 1 == len(vendor.seen)
