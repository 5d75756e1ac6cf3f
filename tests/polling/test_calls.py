"""Whether callbacks come is judged by what queries show, and polling follows the judgement."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import Polling, TaskHandle, TaskStatus
from kling_async.polling.calls import GRACE, Calls
from tests.polling.test_lists import ended, many
from tests.polling.world import World, now


def came(calls: Calls, count: int, *, end: bool = True) -> None:
    """So many changes of which callbacks told before a query did."""
    for number in range(count):
        calls.heard(f"came {number}", end=end)
        calls.seen(f"came {number}", 0.0, end=end)


def lost(calls: Calls, count: int, *, end: bool = True) -> None:
    """So many of which they did not."""
    for number in range(count):
        calls.seen(f"lost {number}", 0.0, end=end)


def test_nothing_is_relied_on_before_it_came() -> None:
    """The first callback does."""
    calls = Calls()
    before = calls.judge(0.0)

    came(calls, 1)

    assert not before
    assert calls.judge(0.0)


@pytest.mark.parametrize(("good", "bad", "relied"), [(1, 1, False), (2, 2, False), (30, 2, True), (30, 4, False)])
def test_a_few_may_be_lost(good: int, bad: int, relied: bool) -> None:  # noqa: FBT001 - by name
    """One in twenty, and one more once twenty are known: with few tasks, one that is lost may be every second."""
    calls = Calls()
    came(calls, good)
    lost(calls, bad)

    assert calls.judge(GRACE - 1)
    assert relied == calls.judge(GRACE)


def test_a_callback_may_come_after_the_query() -> None:
    """Within a few seconds."""
    calls = Calls()
    lost(calls, 10)

    for number in range(10):
        calls.repeated(f"lost {number}", end=True)

    assert calls.judge(GRACE + 1)
    assert calls.again is None


def test_they_come_again() -> None:
    """After forty that came, what was lost before is forgotten."""
    calls = Calls()
    came(calls, 10)
    lost(calls, 10)
    deaf = calls.judge(GRACE)

    came(calls, 40)

    assert not deaf
    assert calls.judge(GRACE)


def test_a_vendor_who_tells_of_ends_alone_is_relied_on() -> None:
    """That no callback tells of a beginning is held against nobody, unless one did."""
    silent, told = Calls(), Calls()
    came(told, 1, end=False)
    for calls in (silent, told):
        came(calls, 2)
        lost(calls, 5, end=False)

    assert silent.judge(GRACE)
    assert not told.judge(GRACE)


@given(steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["heard", "seen", "repeated"]), st.booleans())))
def test_repeating_changes_nothing(steps: list[tuple[int, str, bool]]) -> None:
    """What is said twice in a row is judged as if it had been said once."""
    once, twice = Calls(), Calls()

    for task, what, end in steps:
        for calls, times in ((once, 1), (twice, 2)):
            for _ in range(times):
                if what == "heard":
                    calls.heard(str(task), end=end)
                elif what == "repeated":
                    calls.repeated(str(task), end=end)
            if what == "seen":
                calls.seen(str(task), 0.0, end=end)

    assert once.judge(GRACE) == twice.judge(GRACE)


def call_back(world: World) -> None:
    """The vendor calls back about every task, when it begins and when it ends."""
    loop = asyncio.get_running_loop()
    for made in world.tasks.values():
        started = min(1.0, (made.ends - made.born) / 2) + made.born
        loop.call_at(started + 0.1, world.watcher.called, str(made.external), TaskStatus.PROCESSING)
        loop.call_at(made.ends + 0.1, world.watcher.called, str(made.external), TaskStatus.SUCCEED)


@pytest.mark.looptime
async def test_where_the_vendor_calls_back_nothing_is_asked_in_between() -> None:
    """Sixty tasks within two minutes: fewer than without, and sooner."""
    silent, calling = World(), World(callbacks=True)
    late = await ended(silent, many(silent))
    handles = [calling.handle(f"t{n}", ends=now() + 60 + (53 * n) % 120) for n in range(60)]
    call_back(calling)

    soon = await ended(calling, handles)

    assert sum(soon.values()) < 0.8 * sum(late.values())
    assert sum(soon.values()) / 60 <= 1.0
    assert calling.requests <= 60 + 5


@pytest.mark.looptime
async def test_callbacks_that_come_together_cost_one_page() -> None:
    """Though each is about another task."""
    world = World(callbacks=True)
    handles = [world.handle(f"t{n}", ends=100) for n in range(50)]
    call_back(world)

    late = await ended(world, handles)

    assert max(late.values()) <= 2.0
    assert world.requests <= 6


@pytest.mark.looptime
async def test_a_task_that_has_not_ended_can_wait() -> None:
    """Fifty that begin are looked at together, within ten seconds."""
    world = World(callbacks=True)
    handles = [world.handle(f"t{n}", ends=1000) for n in range(50)]
    waiting = [asyncio.ensure_future(handle.wait()) for handle in handles]
    call_back(world)

    await asyncio.sleep(12)

    assert {TaskStatus.PROCESSING} == {handle.status for handle in handles}
    assert world.requests <= 2
    for each in waiting:
        each.cancel()


@pytest.mark.looptime
async def test_a_lost_callback_is_made_up_for() -> None:
    """The others came, so that nobody hurries; five minutes are the most."""
    world = World(callbacks=True)
    handles = [world.handle(f"t{n}", ends=100 + n) for n in range(30)]
    call_back(world)
    await ended(world, handles)
    handle = world.handle("alone", ends=now() + 100)

    late = await ended(world, [handle])

    assert 0 < late["alone"] <= 300


async def trusting(polling: Polling | None = None) -> World:
    """A vendor whose callbacks have come."""
    world = World(polling, callbacks=True)
    handles = [world.handle(f"before {n}", ends=now() + 60 + n) for n in range(30)]
    call_back(world)
    await ended(world, handles)
    return world


@pytest.mark.looptime
async def test_who_repeats_himself_has_a_task_looked_at_every_two_seconds() -> None:
    """Ten times a second, for a minute."""
    world = World(Polling(list_pages=False), callbacks=True)
    handle = world.handle("a", ends=1000)
    waiting = asyncio.ensure_future(handle.wait())
    await asyncio.sleep(5)
    world.asked.clear()

    for _ in range(600):
        world.watcher.called("ka", TaskStatus.SUCCEED)
        await asyncio.sleep(0.1)

    moments = [at for at, _ in world.asked]
    assert 25 <= len(moments) <= 31
    assert min(later - at for at, later in pairwise(moments)) >= 2.0 - 1e-6
    waiting.cancel()


@pytest.mark.looptime
async def test_callbacks_cause_a_request_each_two_seconds_at_most() -> None:
    """What could wait a little waits for its turn too."""
    world = await trusting(Polling(list_pages=False))
    handles = [world.handle(name, ends=now() + 1000) for name in "ab"]
    waiting = [asyncio.ensure_future(handle.wait()) for handle in handles]
    await asyncio.sleep(0)
    world.asked.clear()
    world.watcher.called("ka", TaskStatus.PROCESSING)
    await asyncio.sleep(world.durations.table(()).median / 10 - 0.3)
    world.watcher.called("kb", TaskStatus.SUCCEED)

    await asyncio.sleep(5)

    assert ["b", "a"] == [name for _, name in world.asked]
    assert world.asked[1][0] - world.asked[0][0] >= 1.8 - 1e-6
    for each in waiting:
        each.cancel()


@pytest.mark.looptime
async def test_an_old_copy_of_the_list_is_no_answer_to_a_callback() -> None:
    """The tasks that it calls pending are asked for alone."""
    world = await trusting()
    handles = [world.handle(name, ends=now() + 60) for name in "abcdef"]
    waiting = asyncio.ensure_future(ended(world, handles))
    await asyncio.sleep(60.1)
    world.lag = 20.0

    for handle in handles:
        world.watcher.called(f"k{handle.id}", TaskStatus.SUCCEED)

    assert max((await waiting).values()) <= 5.0


@pytest.mark.looptime
async def test_tasks_that_call_somebody_else_prove_nothing() -> None:
    """Nor do other handles of them."""
    world = await trusting()
    for number in range(5):
        handle = world.handle(f"silent {number}", ends=now() + 50, silent=True)
        twin = TaskHandle(handle.endpoint, world, task=handle.latest)
        await asyncio.gather(handle.wait(), twin.wait())
    await asyncio.sleep(GRACE + 1)
    handle = world.handle("alone", ends=now() + 400)
    waiting = asyncio.ensure_future(handle.wait())

    await asyncio.sleep(60)

    assert world.watcher.debts.called_back
    assert not handle.done
    waiting.cancel()
