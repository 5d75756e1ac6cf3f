"""Lists: what one page saves, and that no list, however bad, costs anybody his result."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

import pytest

from kling_async import (
    ConnectionFailed,
    KlingError,
    NotFound,
    PermissionDenied,
    Polling,
    ResponseError,
    ServerError,
    TaskHandle,
    VideoResult,
)
from kling_async.handle import as_completed
from kling_async.protocol.call import Json
from tests.polling.world import World, now

pytestmark = pytest.mark.looptime(start=0)


def many(world: World, count: int = 60) -> list[TaskHandle[VideoResult]]:
    """Tasks made at once that end between one and three minutes later."""
    return [world.handle(f"t{n}", ends=60 + (53 * n) % 120) for n in range(count)]


async def ended(world: World, handles: list[TaskHandle[VideoResult]]) -> dict[str, float]:
    """How late the end of each was noticed."""
    late = dict[str, float]()
    async for handle in as_completed(handles):
        late[str(handle.id)] = now() - world.tasks[str(handle.id)].ends
    return late


async def follow(world: World, handle: TaskHandle[VideoResult], late: dict[str, float]) -> None:
    """Wait for one task, and note how late its end was noticed."""
    await handle
    late[str(handle.id)] = now() - world.tasks[str(handle.id)].ends


async def test_one_page_tells_about_many_tasks() -> None:
    """Fewer requests than tasks, and the ends are noticed within seconds."""
    world = World()

    late = await ended(world, many(world))

    assert world.requests < 60
    assert sum(late.values()) / 60 < 4
    assert 0 <= min(late.values()) <= max(late.values()) < 25


async def test_nothing_is_asked_while_nothing_can_have_ended() -> None:
    """The first seconds of a video are free of requests, however many there are."""
    world = World()
    handles = many(world)
    waiting = asyncio.ensure_future(ended(world, handles))

    await asyncio.sleep(10)

    assert 0 == world.requests
    await waiting


async def test_pages_can_be_forbidden() -> None:
    """Then every request is for one task."""
    world = World(Polling(list_pages=False))

    await ended(world, many(world, 10))

    assert [] == world.pages


def shuffled(rows: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """In no order."""
    return random.Random(5).sample(rows, len(rows))


BAD_LISTS: dict[str, Callable[[list[dict[str, Json]]], list[dict[str, Json]]]] = {
    "shuffled": shuffled,
    "oldest first": lambda rows: rows[::-1],
    "empty": lambda _: [],
    "cut short": lambda rows: rows[:7],
    "only others": lambda rows: [{**row, "task_id": f"x{row['task_id']}", "task_info": {}} for row in rows],
    "never ending": lambda rows: [
        {**row, "task_status": "processing", "updated_at": row["created_at"]} for row in rows
    ],
    "without moments": lambda rows: [{**row, "created_at": None, "updated_at": None} for row in rows],
    "without results": lambda rows: [{**row, "task_result": 5} for row in rows],
}


@pytest.mark.parametrize("arrange", BAD_LISTS.values(), ids=BAD_LISTS)
async def test_a_list_that_tells_nonsense_loses_nothing(
    arrange: Callable[[list[dict[str, Json]]], list[dict[str, Json]]],
) -> None:
    """Single queries notice every end, within what is promised."""
    world = World()
    world.arrange = arrange

    late = await ended(world, many(world, 30))

    assert 30 == len(late)
    assert max(late.values()) <= 120 + 1
    assert world.requests < 30 * 20


async def test_a_list_in_another_order_is_not_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """One page shows it, and the log tells."""
    world = World()
    world.arrange = lambda rows: rows[::-1]
    handles = list[TaskHandle[VideoResult]]()
    for n in range(20):
        handles.append(world.handle(f"t{n}", ends=60 + 7 * n))
        await asyncio.sleep(0.5)

    await ended(world, handles)

    assert 1 == len(world.pages)
    assert 1 == caplog.text.count("not in the order of creation")


@pytest.mark.parametrize("lag", [5, 45, 600])
async def test_a_list_that_lags_is_found_out_and_left_alone(lag: float, caplog: pytest.LogCaptureFixture) -> None:
    """A task that a page called pending after its end is the proof."""
    world = World()
    world.lag = lag

    late = await ended(world, many(world))

    assert all(each <= max(60, 0.2 * 180) + 2 for each in late.values())
    assert sum(late.values()) / 60 < 20
    assert lag > 5 or "as pending" in caplog.text


async def test_a_list_that_stops_in_time_is_found_out() -> None:
    """It was right for a while, and then shows the same for ever."""
    world = World()
    frozen = list[dict[str, Json]]()

    def arrange(rows: list[dict[str, Json]]) -> list[dict[str, Json]]:
        if now() < 90:
            frozen[:] = rows
        return list(frozen)

    world.arrange = arrange

    late = await ended(world, many(world))

    assert max(late.values()) <= 120 + 5


async def test_a_row_that_stopped_in_time_holds_its_task_up_for_a_while_only() -> None:
    """The list is fresh but for one row, which goes on saying that its task is under way: it is asked for alone."""
    world = World()

    def arrange(rows: list[dict[str, Json]]) -> list[dict[str, Json]]:
        stuck: dict[str, Json] = {"task_status": "processing", "task_result": {}}
        return [{**row, **stuck} if row["task_id"] == "t7" else row for row in rows]

    world.arrange = arrange
    late = dict[str, float]()
    async with asyncio.TaskGroup() as group:
        for n in range(300):  # so many all the time that a page is cheaper than a question for one of them
            handle = world.handle(f"t{n}", ends=now() + 60 + (53 * n) % 120)
            group.create_task(follow(world, handle, late))
            await asyncio.sleep(4)

    assert late["t7"] <= world.durations.table(()).late + 2 * 120
    assert max(each for name, each in late.items() if name != "t7") <= 60


async def test_tasks_of_others_push_ours_down_and_cost_a_little_more() -> None:
    """Where rows are found is where they are looked for next."""
    alone, crowded = World(), World()
    await ended(alone, many(alone))
    handles = list[TaskHandle[VideoResult]]()
    for n in range(60):
        handles.append(crowded.handle(f"t{n}", ends=now() + 60 + (53 * n) % 120))
        for m in range(3):
            crowded.make(f"f{n}-{m}", ends=now() + 100, foreign=True)
        await asyncio.sleep(0.1)

    late = await ended(crowded, handles)

    assert sum(late.values()) / 60 < 6
    assert crowded.requests < 3 * alone.requests + 30


async def test_ends_of_other_peoples_tasks_teach_the_table() -> None:
    """What is at the end of the list has all ended, so that nothing but the long ones is missing."""
    world = World()
    for n in range(100):
        world.make(f"f{n}", ends=now() + 10, foreign=True)
    await asyncio.sleep(1000)
    before = world.durations.table(()).median
    handles = [world.handle(f"t{n}", ends=now() + 70) for n in range(5)]

    await ended(world, handles)

    assert before > 100
    assert world.durations.table(()).median < 30


@pytest.mark.parametrize(
    "error",
    [
        PermissionDenied("no lists for you", code=1103, status=403),
        NotFound("no such method", code=1202, status=404),
        ResponseError("the answer is not a list of tasks: 5", status=200),
        ZeroDivisionError("a mistake of ours"),
    ],
)
async def test_a_list_that_is_refused_fails_nobody(error: Exception) -> None:
    """Single queries go on at once; the list is tried again after ten minutes."""
    world = World()
    world.page_troubles = [error]
    first = await ended(world, many(world, 20))
    asked = len(world.pages)
    await asyncio.sleep(700)
    world.page_troubles = []
    handles = [world.handle(f"u{n}", ends=now() + 60 + n) for n in range(20)]

    second = await ended(world, handles)

    assert (20, 20, 1) == (len(first), len(second), asked)
    assert len(world.pages) > asked


@pytest.mark.parametrize(
    "error", [ServerError("down", code=5000, status=503), ConnectionFailed("cut"), TimeoutError("silence")]
)
async def test_lists_that_fail_alone_hold_nobody_up(error: Exception) -> None:
    """A single query probes after a page that failed; two such pages, and the list is left alone for a minute."""
    world = World()
    world.page_troubles = [error]

    late = await ended(world, many(world, 20))

    assert len(world.pages) <= 2 * 2
    assert max(late.values()) <= 0.2 * 180 + 5


async def test_a_page_that_hangs_is_given_up() -> None:
    """Its tasks do not wait for it longer than twenty seconds."""
    world = World()
    world.page_after = 10_000

    late = await ended(world, many(world, 20))

    assert len(world.pages) <= 2 * 2
    assert max(late.values()) <= 0.2 * 180 + 2 * 20 + 5


async def test_handles_attached_after_a_restart_are_found_by_pages() -> None:
    """Two hundred tasks of the last run: a page or two, and nobody asks two hundred times."""
    world = World()
    for n in range(200):
        world.make(f"t{n}", ends=now() + 60 + (53 * n) % 120)
        await asyncio.sleep(0.1)
    await asyncio.sleep(40)
    handles = [world.attached(f"t{n}") for n in range(200)]

    late = await ended(world, handles)

    assert 200 == len(late)
    assert world.requests < 400


async def test_two_handles_of_one_task_both_end() -> None:
    """Whoever attaches a task twice."""
    world = World()
    made = world.handle("a", ends=80)
    twin = world.attached("a")

    one, other = await asyncio.gather(made, twin)

    assert one == other
    assert not world.watcher.debts


async def test_a_status_that_nobody_knows_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many tasks have it."""
    caplog.set_level(logging.WARNING)
    world = World()
    handles = [world.handle(f"t{n}", ends=10) for n in range(20)]
    for made in world.tasks.values():
        made.word = "reviewing"
    waiting = asyncio.ensure_future(ended(world, handles))
    await asyncio.sleep(150)
    for made in world.tasks.values():
        made.word = "succeed"

    await waiting

    assert 1 == caplog.text.count("reviewing")


async def test_who_waits_for_a_slot_makes_lag_dearer() -> None:
    """Ends are noticed sooner, for more requests."""
    calm, pressed = World(), World()
    pressed.watcher.debts.hurry = True
    slow = await ended(calm, many(calm))
    handles = [pressed.handle(f"t{n}", ends=now() + 60 + (53 * n) % 120) for n in range(60)]

    fast = await ended(pressed, handles)

    assert sum(fast.values()) < 0.8 * sum(slow.values())


@pytest.mark.parametrize(("target", "least", "most"), [(3, 1.5, 4), (10, 7, 13)])
async def test_requests_per_task_are_what_was_asked_for(target: float, least: float, most: float) -> None:
    """One task after the other, so that no page helps."""
    world = World(Polling(requests_per_task=target))
    chance = random.Random(3)
    for n in range(50):
        await world.handle(f"t{n}", ends=now() + 120 * chance.lognormvariate(0, 0.4))
    before = world.requests
    for n in range(50, 100):
        await world.handle(f"t{n}", ends=now() + 120 * chance.lognormvariate(0, 0.4))

    assert least <= (world.requests - before) / 50 <= most


async def test_eta_tells_how_long_it_takes_and_grows_with_what_is_seen() -> None:
    """From others of its kind; zero at the end, None while the age is not known."""
    world = World()
    handle, stranger = world.handle("a", ends=100), world.attached("x")
    fresh = handle.eta
    await asyncio.sleep(60)
    later = handle.eta
    await handle

    assert fresh == pytest.approx(120, rel=0.1)
    assert later is not None
    assert 20 < later < 120
    assert (0.0, None) == (handle.eta, stranger.eta)


async def test_waiting_in_slices_asks_no_more_than_waiting_once() -> None:
    """A loop around `wait(timeout=1)` is not a loop of requests."""
    once, sliced = World(), World()
    await once.handle("a", ends=130)
    start = now()
    handle = sliced.handle("a", ends=start + 130)

    while not handle.done:
        try:
            await handle.wait(timeout=1)
        except KlingError:
            continue

    assert sliced.requests <= once.requests + 3
    assert now() - start <= 130 * 1.2 + 1
