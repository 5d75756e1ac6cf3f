"""The ledger of one process: waiting for slots, giving up, being refused, being stopped."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async.errors import BalanceError, ClientClosed, InvalidRequest, SlotsUnavailable
from kling_async.protocol.endpoint import Pool
from kling_async.submitting.ledger import Hold, Priority, SlotLedger, Slots
from kling_async.submitting.slots import Listeners, LocalLedger

T = TypeVar("T")

pytestmark = pytest.mark.looptime


def ledger(video: int | None = None, listeners: Listeners | None = None, **limits: int) -> LocalLedger:
    """A ledger that knows these limits."""
    given: dict[Pool, int] = {"video": video} if video is not None else {}
    given |= {pool: limits[pool] for pool in ("image", "try_on", "other") if pool in limits}
    return LocalLedger(given, listeners=listeners, chance=random.Random(1))


async def begun(waits: Awaitable[T]) -> asyncio.Task[T]:
    """A task that waits, as far as it gets by itself."""
    task = asyncio.ensure_future(waits)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert isinstance(task, asyncio.Task)
    return task


async def held(slots: SlotLedger, count: int, pool: Pool = "video") -> list[Hold]:
    """So many tasks that were accepted."""
    holds = [await slots.acquire(pool, 1) for _ in range(count)]
    for hold in holds:
        hold.accepted()
    return holds


async def refusing(slots: SlotLedger, holding: int) -> list[Hold]:
    """So many tasks that hold slots, and the vendor has refused one more, which was given up."""
    holds = list[Hold]()
    for _ in range(holding):
        holds += await held(slots, 1)
    waiting = await begun(refused_again(await slots.acquire("video", 1)))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return holds


async def refused_for_ever(hold: Hold) -> None:
    """A hold at a vendor who always says no."""
    while True:
        await hold.refused()


async def refused_again(hold: Hold) -> Hold:
    """A hold after a refusal, when it may be sent again."""
    await hold.refused()
    return hold


async def test_a_task_waits_until_another_has_ended() -> None:
    """And not longer."""
    slots = ledger(1)
    (first,) = await held(slots, 1)
    second = await begun(slots.acquire("video", 1))
    waited = not second.done()
    first.release()
    await second

    assert waited
    assert Slots(used=1, limit=1, learned=None, queued=0) == slots.slots["video"]


async def test_the_slots_of_a_task_are_held_from_the_moment_it_may_be_sent() -> None:
    """An outcome that is not known is not told, and its slots are not given to another."""
    slots = ledger(2)
    await slots.acquire("video", 2)
    second = await begun(slots.acquire("video", 1))

    assert not second.done()
    assert Slots(used=2, limit=2, learned=None, queued=1) == slots.slots["video"]
    second.cancel()


async def test_pools_do_not_mind_each_other() -> None:
    """A full one keeps no task of another."""
    slots = ledger(1, image=1)
    await held(slots, 1)
    await held(slots, 1, "image")
    await asyncio.wait_for(slots.acquire("try_on", 1), 1)

    assert [1, 1, 1, 0] == [slots.slots[pool].used for pool in ("video", "image", "try_on", "other")]


async def test_a_weight_above_the_limit_is_refused_at_once() -> None:
    """It would wait for ever."""
    slots = ledger(image=5)

    with pytest.raises(InvalidRequest, match=r"n: must be at most 5, the limit given for image tasks; got 9") as caught:
        await slots.acquire("image", 9)
    assert "n" == caught.value.field
    assert 0 == slots.slots["image"].queued


async def test_a_release_counts_once() -> None:
    """Both the watcher and the handle may see the end of a task."""
    slots = ledger(2)
    first, _ = await held(slots, 2)
    first.release()
    first.release()

    assert 1 == slots.slots["video"].used


async def test_what_was_not_made_gives_its_slots_back() -> None:
    """A bad request, say."""
    slots = ledger(1)
    hold = await slots.acquire("video", 1)
    second = await begun(slots.acquire("video", 1))
    hold.release()

    assert await second is not None


async def test_each_task_gives_back_as_much_as_it_held() -> None:
    """Tasks of a weight share what stands for their slots; those of another weight have their own."""
    slots = ledger(9)
    wide, narrow = slots.claim("video", 5), slots.claim("video", 2)
    other = slots.claim("video", 2)
    waiting = await begun(slots.acquire("video", 9))
    for held_by in (wide.held, narrow.held, other.held):
        held_by.release(1.0)

    assert narrow.held is other.held
    assert await asyncio.wait_for(waiting, 0.1) is not None
    assert 9 == slots.slots["video"].used


async def test_what_was_made_elsewhere_counts() -> None:
    """At once, even above the limit, and until it was seen to end."""
    slots = ledger(1)
    claims = [slots.claim("video", 1), slots.claim("video", 2)]
    waiting = await begun(slots.acquire("video", 1))
    used = slots.slots["video"].used
    for claim in claims:
        claim.release()

    assert 3 == used
    assert await waiting is not None


async def test_a_claim_needs_no_loop() -> None:
    """Handles are attached anywhere."""
    slots = ledger(1)
    await asyncio.to_thread(lambda: slots.claim("video", 1).release())

    assert 0 == slots.slots["video"].used


@pytest.mark.parametrize("at_once", [False, True], ids=["while waiting", "when its turn has come"])
async def test_a_cancelled_wait_leaves_no_hole(at_once: bool) -> None:  # noqa: FBT001 - pytest passes by name
    """The next one goes in its place."""
    slots = ledger(1)
    (first,) = await held(slots, 1)
    gives_up = await begun(slots.acquire("video", 1))
    goes = await begun(slots.acquire("video", 1))
    if at_once:
        first.release()
    gives_up.cancel()
    await asyncio.wait([gives_up])
    first.release()

    assert await asyncio.wait_for(goes, 1) is not None
    assert gives_up.cancelled()
    assert Slots(used=1, limit=1, learned=None, queued=0) == slots.slots["video"]


async def test_a_cancelled_wait_after_a_refusal_leaves_no_hole() -> None:
    """Its slots were given back with the refusal."""
    slots = ledger(1)
    waiting = await begun(refused_again(await slots.acquire("video", 1)))
    waiting.cancel()
    await asyncio.wait([waiting])

    assert (0, 0) == (slots.slots["video"].used, slots.slots["video"].queued)


async def test_no_slot_in_time() -> None:
    """`SlotsUnavailable` at that moment, and the others go on waiting."""
    slots, loop = ledger(1), asyncio.get_running_loop()
    (first,) = await held(slots, 1)
    patient = await begun(slots.acquire("video", 1, timeout=50))
    begun_at = loop.time()
    with pytest.raises(SlotsUnavailable, match=r"no slot of the pool 'video' came free in 5 s$"):
        await slots.acquire("video", 1, timeout=5)
    after = loop.time() - begun_at
    first.release()

    assert 5 == pytest.approx(after)
    assert await patient is not None


async def test_no_slots_in_time_for_a_wide_task() -> None:
    """It is told how many there were to be."""
    slots = ledger(3)
    await held(slots, 1)
    with pytest.raises(SlotsUnavailable, match=r"^no 3 slots of the pool 'video' came free in 1 s$"):
        await slots.acquire("video", 3, timeout=1)

    assert 1 == slots.slots["video"].used


async def test_the_timeout_goes_on_after_a_refusal() -> None:
    """It is for all of the waiting, whatever the vendor said meanwhile."""
    slots, loop = ledger(), asyncio.get_running_loop()
    slots.claim("video", 1)
    begun_at = loop.time()
    hold = await slots.acquire("video", 1, timeout=33.5)
    with pytest.raises(SlotsUnavailable):
        await refused_for_ever(hold)
    after = loop.time() - begun_at

    assert 33.5 == pytest.approx(after)
    assert (1, 0) == (slots.slots["video"].used, slots.slots["video"].queued)


async def test_only_waiting_uses_up_the_timeout() -> None:
    """Not the time that a task is sent in, or looked for; and of two waits the second has what the first has left."""
    slots, loop = ledger(), asyncio.get_running_loop()
    other = slots.claim("video", 1)
    await refusing(slots, 0)
    waiting = await begun(slots.acquire("video", 1, timeout=5))
    begun_at = loop.time()
    await asyncio.sleep(0.2)
    other.release()
    hold = await waiting
    waited = loop.time() - begun_at
    slots.claim("video", 3)
    await asyncio.sleep(10)
    begun_at = loop.time()
    with pytest.raises(SlotsUnavailable):
        await refused_for_ever(hold)
    after = loop.time() - begun_at

    assert 0.2 == pytest.approx(waited)
    assert 4.8 == pytest.approx(after)
    assert (3, 0) == (slots.slots["video"].used, slots.slots["video"].queued)


async def test_the_deadline_of_a_wait_that_is_over_ends_no_other() -> None:
    """A task that waits for the second time has a later one."""
    slots, loop = ledger(1), asyncio.get_running_loop()
    (first,) = await held(slots, 1)
    waiting = await begun(slots.acquire("video", 1, timeout=5))
    first.release()
    hold = await waiting
    await asyncio.sleep(3)
    again = await begun(refused_again(hold))
    blocks = slots.claim("video", 1)
    await asyncio.sleep(4)
    early = again.done()
    with pytest.raises(SlotsUnavailable):
        await again

    assert not early
    assert 8 == pytest.approx(loop.time(), abs=0.1)
    blocks.release()


async def test_a_task_that_may_exist_keeps_nobody_from_being_sent() -> None:
    """As long as the limit is not known, what is under way is bounded, and a doubt is not."""
    slots = ledger()
    doubted = [await slots.acquire("video", 1) for _ in range(2)]
    third = await begun(slots.acquire("video", 1))
    waited = not third.done()
    for hold in doubted:
        hold.doubted()
        hold.doubted()
    await asyncio.wait_for(third, 0.1)

    assert waited
    assert 3 == slots.slots["video"].used


async def test_doubts_are_no_reason_to_send_more_and_more() -> None:
    """A vendor who fails would be sent half as much again each time, until he is sent everything."""
    slots = ledger()
    for _ in range(20):
        (await slots.acquire("video", 1)).doubted()
    under_way = [await begun(slots.acquire("video", 1)) for _ in range(5)]
    sent = [each.done() for each in under_way]
    for each in under_way:
        each.cancel()

    assert [True, True, False, False, False] == sent


async def test_a_task_that_may_exist_takes_a_slot_of_a_known_limit() -> None:
    """Until it is settled: it may be there."""
    slots = ledger(1)
    hold = await slots.acquire("video", 1)
    hold.doubted()
    waiting = await begun(slots.acquire("video", 1))
    before = waiting.done()
    hold.release()
    hold.doubted()
    hold.release()

    assert not before
    assert await waiting is not None
    assert 1 == slots.slots["video"].used


@pytest.mark.parametrize("told", ["accepted", "doubted"])
async def test_a_task_that_shows_after_its_wait_was_given_up_holds_slots_again(told: str) -> None:
    """An earlier attempt got through, or may have; it is counted once, and until it ends."""
    slots = ledger()
    slots.claim("video", 1)
    hold = await slots.acquire("video", 1, timeout=5)
    with pytest.raises(SlotsUnavailable):
        await refused_for_ever(hold)
    before = slots.slots["video"].used
    getattr(hold, told)()
    hold.accepted()
    during = slots.slots["video"].used
    hold.release()

    assert (1, 2, 1) == (before, during, slots.slots["video"].used)


async def test_a_task_in_doubt_may_be_refused_and_accepted_as_any_other() -> None:
    """It is sent again, and waits at its old place; what is learned is learned then."""
    slots = ledger()
    holds = await held(slots, 2)
    hold = await slots.acquire("video", 1)
    hold.doubted()
    first = await begun(refused_again(hold))
    second = await begun(slots.acquire("video", 1))
    stood = slots.slots["video"]
    holds[0].release()
    (await first).accepted()
    ended = slots.slots["video"]
    second.cancel()

    assert Slots(used=2, limit=None, learned=2, queued=2) == stood
    assert Slots(used=2, limit=None, learned=2, queued=1) == ended


async def test_the_median_is_that_of_the_pool_and_learned() -> None:
    """Whoever holds slots can tell how long tasks usually do."""
    slots = ledger()
    hold = await slots.acquire("video", 1)
    hold.accepted()
    before = hold.median
    for _ in range(10):
        slots.claim("video", 1).held.release(1.0)

    assert 120 == before
    assert 120 / 1.03**10 == pytest.approx(hold.median)


@pytest.mark.parametrize(("end", "used"), [("accepted", 1), ("release", 0)])
async def test_only_a_task_that_is_under_way_can_be_refused(end: str, used: int) -> None:
    """To wait for a second turn of one that has its slots, or needs none, would be to wait for ever."""
    slots = ledger()
    hold = await slots.acquire("video", 1)
    getattr(hold, end)()
    with pytest.raises(RuntimeError, match=r"a task was refused that is not under way but (held|gone)"):
        await hold.refused()

    assert (used, 0) == (slots.slots["video"].used, slots.slots["video"].queued)


async def test_a_refused_task_goes_before_those_that_came_later() -> None:
    """It was there first."""
    slots, order = ledger(), list[str]()
    (other,) = await held(slots, 1)
    first = await begun(refused_again(await slots.acquire("video", 1)))
    second = await begun(slots.acquire("video", 1))
    first.add_done_callback(lambda _: order.append("first"))
    second.add_done_callback(lambda _: order.append("second"))
    other.release()
    (await first).release()
    await second

    assert ["first", "second"] == order


async def test_a_refused_task_is_sent_again_although_nothing_ends() -> None:
    """Somebody else may have had the slots."""
    slots, loop = ledger(), asyncio.get_running_loop()
    hold = await slots.acquire("video", 1)
    begun_at = loop.time()
    await hold.refused()
    first = loop.time() - begun_at
    await hold.refused()

    assert 1 == pytest.approx(first)
    assert 3 == pytest.approx(loop.time() - begun_at)


async def test_the_limit_is_learned_and_told() -> None:
    """From the first refusal on; what is above it waits."""
    told = list[tuple[Pool, int]]()
    slots = ledger(listeners=Listeners(learned=lambda pool, limit: told.append((pool, limit))))
    holds = await refusing(slots, 3)
    slots.claim("video", 1)
    holds[0].release()

    assert [("video", 3)] == told
    assert Slots(used=3, limit=None, learned=3, queued=0) == slots.slots["video"]


async def test_interactive_tasks_go_first() -> None:
    """Those of a batch wait."""
    slots, order = ledger(1), list[Priority]()
    (first,) = await held(slots, 1)

    async def go(priority: Priority) -> None:
        hold = await slots.acquire("video", 1, priority)
        order.append(priority)
        hold.release()

    async with asyncio.TaskGroup() as group:
        for priority in ("batch", "interactive"):
            group.create_task(go(priority))
        await asyncio.sleep(0)
        first.release()

    assert ["interactive", "batch"] == order


@pytest.mark.parametrize("pool", ["video", None])
async def test_a_stopped_pool_fails_all_who_wait(pool: Pool | None) -> None:
    """Each gets an error of its own; later ones do too, until the pool is resumed."""
    slots = ledger(1, image=1)
    (first,) = await held(slots, 1)
    waiting = [await begun(slots.acquire("video", 1)) for _ in range(3)]
    slots.stop(pool, BalanceError("used up", code=1102, status=429))
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    late = await asyncio.gather(*(slots.acquire("video", 1) for _ in range(2)), return_exceptions=True)
    first.release()
    slots.resume()

    assert 5 == len({id(error) for error in (*errors, *late) if isinstance(error, BalanceError)})
    assert await slots.acquire("video", 1) is not None


async def test_a_stopped_pool_leaves_the_others() -> None:
    """A pack that is used up is that of one family."""
    slots = ledger()
    slots.stop("video", BalanceError("used up", code=1102, status=429))

    assert await slots.acquire("image", 1) is not None


async def test_a_task_refused_in_a_stopped_pool_hears_why() -> None:
    """It does not wait for what does not come."""
    slots = ledger()
    hold = await slots.acquire("video", 1)
    slots.stop(None, ClientClosed("closed"))
    with pytest.raises(ClientClosed):
        await hold.refused()

    assert (0, 0) == (slots.slots["video"].used, slots.slots["video"].queued)


async def test_a_queue_tells_when_it_begins_and_ends() -> None:
    """While it exists the ends of all tasks matter; who need not wait makes none."""
    told = list[tuple[Pool, bool]]()
    slots = ledger(1, Listeners(queue=lambda pool, exists: told.append((pool, exists))))
    (first,) = await held(slots, 1)
    before = list(told)
    second, third = await begun(slots.acquire("video", 1)), await begun(slots.acquire("video", 1))
    first.release()
    (await second).release()
    await third

    assert [] == before
    assert [("video", True), ("video", False)] == told


async def test_waiting_is_told() -> None:
    """The pool, the weight, and how many wait."""
    told = list[tuple[Pool, int, int]]()
    slots = ledger(9, Listeners(waits=lambda pool, weight, queued: told.append((pool, weight, queued))))
    slots.claim("video", 8)
    await slots.acquire("video", 1)
    waiting = [await begun(slots.acquire("video", weight)) for weight in (4, 2)]
    for task in waiting:
        task.cancel()

    assert [("video", 4, 1), ("video", 2, 2)] == told


async def test_a_listener_that_raises_leaves_no_hole() -> None:
    """The caller hears of it, and the queue goes on without that task."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    slots = ledger(1, Listeners(waits=fail))
    await held(slots, 1)
    with pytest.raises(ZeroDivisionError):
        await slots.acquire("video", 1)

    assert 0 == slots.slots["video"].queued


async def test_a_pool_has_one_timer_at_most() -> None:
    """However many wait, with whatever timeouts; and none when nobody waits."""
    slots, loop = ledger(1), asyncio.get_running_loop()
    await held(slots, 1)
    waiting = [await begun(slots.acquire("video", 1, timeout=10 + at % 7)) for at in range(50)]
    timers = [each for each in getattr(loop, "_scheduled") if not each.cancelled()]  # noqa: B009 - asyncio tells nobody
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    left = [each for each in getattr(loop, "_scheduled") if not each.cancelled()]  # noqa: B009 - asyncio tells nobody

    assert 1 == len(timers) - len(left)


async def test_outdated_deadlines_are_not_kept() -> None:
    """A task that got its slot long before its timeout is not remembered until then."""
    slots = ledger(1)
    (hold,) = await held(slots, 1)
    for _ in range(1000):
        waiting = await begun(slots.acquire("video", 1, timeout=1e6))
        hold.release()
        hold = await waiting

    assert len(slots._counters["video"]._deadlines) < 100


async def test_a_hundred_thousand_may_wait() -> None:
    """A future and a small entry each."""
    slots = ledger(1)
    (first,) = await held(slots, 1)
    waits = [slots.acquire("video", 1) for _ in range(100_000)]
    for wait in waits:
        wait.send(None)  # as a task does, without the cost of one
    queued = slots.slots["video"].queued
    slots.stop(None, ClientClosed("closed"))
    for wait in waits:
        with contextlib.suppress(ClientClosed):
            wait.send(None)

    assert 100_000 == queued
    assert 0 == slots.slots["video"].queued
    assert sys.getsizeof(first) <= 160


async def test_a_task_that_can_never_fit_keeps_no_others() -> None:
    """Wider than a limit that nobody knows: it is refused for ever, and many others go between two tries."""
    tries = list[tuple[Pool, int, int]]()
    slots = ledger(listeners=Listeners(waits=lambda pool, weight, queued: tries.append((pool, weight, queued))))
    hopeless = await begun(refused_for_ever(await slots.acquire("image", 9)))
    others = [await begun(slots.acquire("image", 1)) for _ in range(32)]
    for other in others:
        (await asyncio.wait_for(other, 100)).release()
    hopeless.cancel()
    await asyncio.wait([hopeless])

    assert 1 <= sum(weight == 9 for _, weight, _ in tries) <= 6
    assert (0, 0) == (slots.slots["image"].used, slots.slots["image"].queued)


class Vendor:
    """Counts slots, and the tasks of one client who waits for them, gives up, or is refused."""

    def __init__(self, slots: LocalLedger, allowed: int, seed: int) -> None:
        self.slots = slots
        self.allowed = allowed
        self.chance = random.Random(seed)
        self.taken: int = 0
        self.outcomes = Counter[str]()

    async def serve(self, weight: int) -> None:
        """One task from its beginning to its end."""
        await asyncio.sleep(self.chance.uniform(0, 20))
        priority: Priority = self.chance.choice(("interactive", "batch"))
        timeout = self.chance.choice((None, None, 5.0, 30.0))
        hold, made = await self.slots.acquire("video", weight, priority, timeout), False
        try:
            while not made:
                await asyncio.sleep(self.chance.uniform(0, 0.5))
                if made := self.taken + weight <= self.allowed:
                    self.taken += weight
                    hold.accepted()
                else:
                    self.outcomes["refused"] += 1
                    await hold.refused()
            await asyncio.sleep(self.chance.uniform(0, 30))
        finally:
            self.taken -= weight * made
            hold.release()

    async def serve_all(self, weights: list[int]) -> None:
        """All of them, some of which are cancelled."""
        tasks = [asyncio.create_task(self.serve(weight)) for weight in weights]
        for each in tasks:
            if self.chance.random() < 0.2:
                asyncio.get_running_loop().call_later(self.chance.uniform(0, 40), each.cancel)
        for result in await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10_000):
            self.outcomes[type(result).__name__] += 1


@settings(deadline=None, max_examples=60)
@given(
    limit=st.none() | st.integers(1, 12),
    real=st.integers(1, 12),
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=25),
    seed=st.integers(0, 1 << 30),
)
def test_every_task_ends_and_no_limit_is_exceeded(limit: int | None, real: int, weights: list[int], seed: int) -> None:
    """Tasks of any weight, lane and timeout, some of them cancelled, at a vendor who counts."""
    slots = ledger(limit)
    vendor = Vendor(slots, limit if limit is not None else max(real, *weights), seed)
    with contextlib.closing(looptime.new_event_loop()) as loop:
        loop.run_until_complete(vendor.serve_all(weights))

    assert vendor.outcomes.keys() <= {"NoneType", "CancelledError", "SlotsUnavailable", "InvalidRequest", "refused"}
    assert limit is None or not vendor.outcomes["refused"]
    assert (0, 0) == (slots.slots["video"].used, slots.slots["video"].queued)
