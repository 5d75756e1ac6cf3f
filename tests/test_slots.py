"""Slots through the whole client: used as soon as they are free, never more than there are, whoever waits."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import heapq
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async import (
    ApiError,
    InvalidRequest,
    KlingClient,
    Limits,
    PermissionDenied,
    Polling,
    Retry,
    SlotsUnavailable,
)
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Limit, Lose, Neighbour, Refuse, Slow
from kling_async.events import Event, LimitLearned, SlotAwaited


def refusals(emulator: Emulator, code: int = 1303) -> int:
    """How often the vendor said so."""
    return sum(request.code == code for request in emulator.requests)


def posts(emulator: Emulator) -> int:
    """How many creates the vendor was sent."""
    return sum(request.method == "POST" for request in emulator.requests)


def ideal(emulator: Emulator, slots: int) -> float:
    """Seconds that the emulator's tasks take, one after the other as soon as there are slots, without any delay."""
    running, now, free, end = list[tuple[float, int]](), 0.0, slots, 0.0
    for task in emulator.tasks.values():
        while free < task.weight:
            now, weight = heapq.heappop(running)
            free += weight
        free -= task.weight
        ends = now + task.course.ended - task.course.created
        heapq.heappush(running, (ends, task.weight))
        end = max(end, ends)
    return end


async def video(kling: KlingClient) -> str:
    """A video from its words to its end."""
    return (await (await kling.videos.text_to_video(prompt="x"))).id


async def pictures(kling: KlingClient, count: int = 1) -> str:
    """Pictures from their words to their end."""
    return (await (await kling.images.generate(prompt="x", n=count))).id


async def many(kling: KlingClient, counts: Sequence[int]) -> tuple[set[str], float]:
    """The ids of tasks that are all wanted at once, and the seconds they took."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    ids = await asyncio.gather(*(pictures(kling, count) for count in counts))
    return set(ids), clock() - begun


# Unknown limits.


@pytest.mark.looptime
@pytest.mark.parametrize("seed", [1])
async def test_thirty_videos_on_five_slots_take_as_long_as_they_must(seed: int) -> None:
    """Within five per cent, although nobody said that there are five."""
    clock = asyncio.get_running_loop().time
    async with Emulator(slots={"video": 5}, seed=seed) as emulator, emulator.client() as kling:
        begun = clock()
        ids = await asyncio.gather(*(video(kling) for _ in range(30)))
        took = clock() - begun

        assert set(emulator.tasks) == set(ids)
        assert 30 == len(ids)
        assert took <= 1.05 * ideal(emulator, 5)
        assert refusals(emulator) <= 0.5 * 30
        assert 5 == kling.slots["video"].learned


@pytest.mark.looptime
@pytest.mark.parametrize("seed", [0, 3])
async def test_sixty_pictures_of_many_widths_on_nine_slots_take_as_long_as_they_must(seed: int) -> None:
    """Within twelve per cent."""
    chance = random.Random(seed)
    counts = [chance.choice([1, 1, 1, 2, 4, 9]) for _ in range(60)]
    async with Emulator(slots={"image": 9}, seed=seed) as emulator, emulator.client() as kling:
        ids, took = await many(kling, counts)

        assert set(emulator.tasks) == ids
        assert 60 == len(ids)
        assert sorted(counts) == sorted(task.weight for task in emulator.tasks.values())
        assert took <= 1.12 * ideal(emulator, 9)


@pytest.mark.looptime
async def test_a_limit_that_changes_and_a_neighbour_are_followed() -> None:
    """Everything is delivered, and what came free is used again."""
    told = list[Event]()
    faults = [Limit("image", 4, since=30, until=90), Neighbour("image", 5, since=150, until=200)]
    async with Emulator(slots={"image": 9}, faults=faults) as emulator, emulator.client(on_event=told.append) as kling:
        ids, _ = await many(kling, [1] * 80)

        learned = [event.slots for event in told if isinstance(event, LimitLearned)]
        assert set(emulator.tasks) == ids
        assert 80 == len(ids)
        assert min(learned) <= 5
        assert learned[-1] in (9, 10)  # what has ended, and was not seen to end, counts


# Known limits.


@pytest.mark.looptime
async def test_two_hundred_creates_at_once_never_exceed_a_known_limit() -> None:
    """Not even at the start; and the slots are in use all the time."""
    async with Emulator(slots={"image": 40}) as emulator, emulator.client(limits=Limits(image=40)) as kling:
        ids, took = await many(kling, [1] * 200)

        assert 200 == len(ids) == posts(emulator)
        assert 0 == refusals(emulator)
        assert took <= 1.05 * ideal(emulator, 40)


STEP = st.fixed_dictionaries(
    {
        "count": st.integers(1, 5),
        "after": st.sampled_from([0.0, 0.0, 0.5, 3.0, 30.0]),
        "fate": st.sampled_from(["awaited", "awaited", "dropped", "waiter leaves", "cancelled", "times out"]),
        "leaves": st.sampled_from([0.001, 0.2, 5.0]),
        "lane": st.sampled_from(["interactive", "batch"]),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(STEP, min_size=5, max_size=25),
    lost=st.sampled_from([None, "cut", 5002, "silence"]),
    seed=st.integers(0, 99),
)
@pytest.mark.looptime
async def test_a_known_limit_is_never_exceeded_whatever_becomes_of_whom(
    steps: list[dict[str, Any]], lost: Any, seed: int
) -> None:
    """With widths, lanes, cancellations, time-outs, lost answers and handles that nobody awaits."""
    faults = [Slow(0.3, calls="creates"), *([Lose(lost, every=4)] if lost else [])]
    async with Emulator(slots={"image": 5}, faults=faults, seed=seed) as emulator:
        async with emulator.client(limits=Limits(image=5), timeout=8, retry=Retry(settle=3)) as kling:

            async def play(step: dict[str, Any]) -> None:
                await asyncio.sleep(step["after"])
                view = kling.with_options(priority=step["lane"])
                making = view.images.generate(prompt="x", n=step["count"])
                if step["fate"] in ("cancelled", "times out"):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(making, step["leaves"])
                    return
                handle = await making
                if step["fate"] == "awaited":
                    await handle
                elif step["fate"] == "waiter leaves":
                    waiting = asyncio.ensure_future(handle.wait())
                    await asyncio.sleep(step["leaves"])
                    waiting.cancel()

            async with asyncio.timeout(7200):
                await asyncio.gather(*(play(step) for step in steps))
            assert 0 == refusals(emulator)
            assert {1} >= {len(tasks) for tasks in emulator.tasks_by_external_id.values()}
            assert 0 == kling.slots["image"].queued


# Slots that nobody waits for.


@pytest.mark.looptime
@pytest.mark.parametrize("limits", [Limits(image=2), Limits()])
@pytest.mark.parametrize("fate", ["kept", "dropped", "waiter left", "create left"])
async def test_slots_come_free_when_nobody_awaits_their_tasks(limits: Limits, fate: str) -> None:
    """Whoever waits for slots has the tasks looked at that hold them."""
    kept = list[Any]()
    slow = Slow(0.5, calls="creates")
    async with Emulator(slots={"image": 2}, faults=[slow]) as emulator, emulator.client(limits=limits) as kling:
        for _ in range(2):
            if fate == "create left":
                making = asyncio.ensure_future(kling.images.generate(prompt="x"))
                await asyncio.sleep(0.2)
                making.cancel()
                await asyncio.sleep(1)
                continue
            handle = await kling.images.generate(prompt="x")
            if fate == "kept":
                kept.append(handle)
            elif fate == "waiter left":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(handle.wait(), 0.1)
            del handle
        gc.collect()

        async with asyncio.timeout(600):
            await asyncio.gather(*(pictures(kling) for _ in range(6)))

        assert 8 == len(emulator.tasks)
        assert 0 == kling.slots["image"].used
        assert limits.image is None or 0 == refusals(emulator)


@pytest.mark.looptime
@pytest.mark.parametrize("limits", [Limits(image=2), Limits()])
async def test_a_crowd_of_creates_of_which_nobody_awaits_a_task_goes_on(limits: Limits) -> None:
    """A task that is made while others wait for slots is looked at from the beginning."""
    async with Emulator(slots={"image": 2}) as emulator, emulator.client(limits=limits) as kling:
        async with asyncio.timeout(900):
            await asyncio.gather(*(kling.images.generate(prompt="x") for _ in range(14)))

        assert 14 == len(emulator.tasks)
        assert {"image": 2} == {pool: slots.used for pool, slots in kling.slots.items() if slots.used}


@pytest.mark.looptime
async def test_nobody_looks_at_tasks_that_nobody_awaits_where_nobody_waits_for_slots() -> None:
    """Queries are free, but not a habit."""
    async with Emulator(slots={"image": 2}) as emulator, emulator.client() as kling:
        await kling.images.generate(prompt="x")
        await asyncio.sleep(300)

        assert ["POST"] == [request.method for request in emulator.requests]
        assert 1 == kling.slots["image"].used


@pytest.mark.looptime
async def test_tasks_that_are_attached_hold_slots_and_give_them_back() -> None:
    """As soon as they were seen to be under way; after a restart, say."""
    async with Emulator(slots={"image": 2}) as emulator:
        async with emulator.client() as before:
            refs = [(await before.images.generate(prompt="x")).ref for _ in range(2)]
        async with emulator.client(limits=Limits(image=2)) as kling:
            for ref in refs:
                await kling.attach(ref).refresh()
            used = kling.slots["image"].used
            async with asyncio.timeout(600):
                await asyncio.gather(*(pictures(kling) for _ in range(4)))

            assert 2 == used
            assert 0 == refusals(emulator)
            assert 0 == kling.slots["image"].used


# What the caller sees.


async def test_more_than_the_limit_is_refused_before_anything_is_sent() -> None:
    """It could never be sent."""
    async with Emulator() as emulator, emulator.client(limits=Limits(image=3)) as kling:
        with pytest.raises(InvalidRequest, match="at most 3"):
            await kling.images.generate(prompt="x", n=4)

        assert [] == emulator.requests


@pytest.mark.looptime
async def test_waiting_for_slots_may_be_bounded() -> None:
    """Nothing is sent, and the next one has its turn."""
    clock = asyncio.get_running_loop().time
    limits = Limits(image=1, slot_timeout=3)
    async with Emulator(speed=0.01) as emulator, emulator.client(limits=limits) as kling:
        await kling.images.generate(prompt="x")
        for view, seconds in ((kling, 3), (kling.with_options(slot_timeout=7), 7)):
            begun = clock()
            with pytest.raises(SlotsUnavailable, match="came free in"):
                await view.images.generate(prompt="x")
            assert seconds == pytest.approx(clock() - begun, abs=0.1)

        assert 1 == posts(emulator)
        assert (1, 0) == (kling.slots["image"].used, kling.slots["image"].queued)


@pytest.mark.looptime
async def test_the_interactive_lane_goes_first() -> None:
    """Although the batch was there before; and the batch is not starved."""
    order = list[str]()
    async with Emulator(slots={"image": 1}) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        batch = kling.with_options(priority="batch")

        async def one(view: KlingClient, name: str) -> None:
            handle = await view.images.generate(prompt="x")
            order.append(name)
            await handle

        async with asyncio.TaskGroup() as group:
            group.create_task(one(kling, "first"))
            await asyncio.sleep(1)
            for _ in range(3):
                group.create_task(one(batch, "batch"))
            await asyncio.sleep(1)
            for _ in range(5):
                group.create_task(one(kling, "now"))

    assert ["first", *["now"] * 4, "batch", "now", "batch", "batch"] == order


@pytest.mark.looptime
async def test_slots_and_waiting_can_be_read_and_watched() -> None:
    """At any time, without a request."""
    told = list[Event]()
    async with Emulator(slots={"image": 3}) as emulator, emulator.client(on_event=told.append) as kling:
        making = [asyncio.ensure_future(kling.images.generate(prompt="x", n=2)) for _ in range(3)]
        await asyncio.sleep(3)
        now = kling.slots["image"]

        assert (2, None, 3, 2) == (now.used, now.limit, now.learned, now.queued)
        assert SlotAwaited(pool="image", slots=2, queued=2) in told
        assert [LimitLearned(pool="image", slots=3)] == [event for event in told if isinstance(event, LimitLearned)]
        assert (0, None, None, 0) == tuple(
            getattr(kling.slots["video"], name) for name in ("used", "limit", "learned", "queued")
        )
        for each in making:
            each.cancel()
        await asyncio.wait(making)
        assert (2, 0) == (kling.slots["image"].used, kling.slots["image"].queued)


# Refusals that are about all.


@pytest.mark.looptime
@pytest.mark.parametrize("code", [1100, 1101, 1304, 1000, 1001, 1002])
async def test_a_refusal_of_the_account_ends_all_queues_with_one_error(code: int) -> None:
    """One request and not thirty; and whoever comes later asks anew."""
    limits = Limits(image=1, video=1)
    async with Emulator() as emulator, emulator.client(limits=limits) as kling:
        await kling.images.generate(prompt="x")
        await kling.videos.text_to_video(prompt="x")
        emulator.add(Refuse(code, calls="creates"))
        waiting = [asyncio.ensure_future(pictures(kling)) for _ in range(15)]
        waiting += [asyncio.ensure_future(video(kling)) for _ in range(15)]
        errors = await asyncio.gather(*waiting, return_exceptions=True)

        assert {code} == {error.code if isinstance(error, ApiError) else None for error in errors}
        assert 30 == len({id(error) for error in errors})
        assert 3 + (code == 1002) == posts(emulator)
        emulator.clear_faults()
        assert await video(kling) in emulator.tasks


@pytest.mark.looptime
async def test_a_used_up_pack_stops_its_pool_only() -> None:
    """Pictures are refused, videos go on."""
    limits = Limits(image=1, video=1)
    refuse = Refuse(1102, path="/v1/images/generations", calls="creates", since=1)
    async with Emulator(faults=[refuse]) as emulator, emulator.client(limits=limits) as kling:
        await kling.images.generate(prompt="x")
        await kling.videos.text_to_video(prompt="x")
        await asyncio.sleep(2)
        images = [asyncio.ensure_future(pictures(kling)) for _ in range(5)]
        videos = [asyncio.ensure_future(video(kling)) for _ in range(2)]

        errors = await asyncio.gather(*images, return_exceptions=True)

        assert [1102] * 5 == [getattr(error, "code", None) for error in errors]
        assert 1 == refusals(emulator, 1102)
        assert 2 == len(set(await asyncio.gather(*videos)))


@pytest.mark.looptime
async def test_a_model_that_is_not_allowed_fails_its_own_create_only() -> None:
    """Those behind it are sent."""
    async with Emulator() as emulator, emulator.client(limits=Limits(image=1)) as kling:
        await kling.images.generate(prompt="x")
        emulator.add(Refuse(1103, calls="creates", first=1))
        made = [asyncio.ensure_future(pictures(kling)) for _ in range(4)]
        ended = await asyncio.gather(*made, return_exceptions=True)

        assert 1 == sum(isinstance(each, PermissionDenied) for each in ended)
        assert 3 == sum(isinstance(each, str) for each in ended)


@pytest.mark.looptime
async def test_queued_creates_go_on_where_lists_do_not_work() -> None:
    """Single queries find the ends of tasks that nobody awaits."""
    refuse = Refuse(5000, calls="lists")
    polling = Polling()
    async with Emulator(slots={"image": 2}, faults=[refuse]) as emulator:
        async with emulator.client(limits=Limits(image=2), polling=polling) as kling:
            async with asyncio.timeout(900):
                for _ in range(10):
                    await kling.images.generate(prompt="x")

            assert 10 == len(emulator.tasks)
            assert 0 == refusals(emulator)
