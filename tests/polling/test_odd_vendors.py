"""Vendors that are odd in ways no document speaks of: nobody hears of the wrong task, too much, too late or never."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from kling_async import (
    Polling,
    RateLimited,
    ServerError,
    TaskHandle,
    TaskLost,
    TaskNotFound,
    TaskStatus,
    TaskTimeout,
    VideoResult,
)
from kling_async.handle import as_completed
from kling_async.protocol.call import Json
from tests.polling.world import ROW, World, milliseconds, now

pytestmark = pytest.mark.looptime(start=0)

DENIED = TaskNotFound("Task not found by id/external id", code=1201, status=400)


async def ended(world: World, handles: list[TaskHandle[VideoResult]]) -> dict[str, float]:
    """How late the end of each was noticed."""
    late = dict[str, float]()
    async for handle in as_completed(handles):
        late[str(handle.id)] = now() - world.tasks[str(handle.id)].ends
    return late


async def awaited_in_slices(handle: TaskHandle[VideoResult], seconds: float, most: float) -> object:
    """What a wait with a time-out, again and again, comes to."""
    while now() < most:
        try:
            return await handle.wait(seconds)
        except TaskTimeout:
            pass
        except TaskLost as error:
            return error
    return None


async def test_an_id_is_not_taken_for_somebody_elses_external_id() -> None:
    """A task may be called after the id of another one."""
    world = World(Polling(max_lag=5))
    handles = [world.handle(f"t{n}", ends=100 + n) for n in range(10)]
    for n in range(10):
        await asyncio.sleep(0.1)
        world.make(f"x{n}", ends=now() + 1).external = f"t{n}"

    tasks = await asyncio.gather(*handles)

    assert [f"t{n}" for n in range(10)] == [task.id for task in tasks]


async def test_lists_that_leave_out_the_results_are_a_hint_only() -> None:
    """What was made is told by the task itself."""
    world = World()

    def without(rows: list[dict[str, Json]]) -> list[dict[str, Json]]:
        return [{name: value for name, value in row.items() if name != "task_result"} for row in rows]

    world.arrange = without
    tasks = await asyncio.gather(*(world.handle(f"t{n}", ends=60 + 3 * n) for n in range(20)))

    assert [1] * 20 == [len(task.result.videos) for task in tasks]
    assert world.requests < 60


async def test_a_task_that_the_list_shows_is_not_lost() -> None:
    """However long its own query is denied."""
    world = World(Polling(max_lag=3, patience=30))
    handles = [world.handle(f"t{n}", ends=400) for n in range(5)]
    world.refused = {"t0": DENIED}

    late = await ended(world, handles)

    assert 5 == len(late)
    assert not handles[0].lost


@pytest.mark.parametrize("seconds", [0.5, 3.0, 10.0])
async def test_patience_ends_however_the_waiting_is_cut(seconds: float) -> None:
    """A wait with a time-out, again and again, finds out as well, and does not ask more for it."""
    world = World(Polling(list_pages=False, patience=60))
    handle = world.handle("t", ends=10_000)
    world.refused = {"t": DENIED}

    found = await awaited_in_slices(handle, seconds, 600)

    assert isinstance(found, TaskLost)
    assert world.requests < 30


async def test_slices_shorter_than_an_answer_ask_no_more() -> None:
    """The answer to a question counts for whoever came back meanwhile."""
    world = World(Polling(list_pages=False), answer_after=2.5)
    handle = world.handle("t", ends=150)

    task = await awaited_in_slices(handle, 1.0, 1000)

    assert task is not None
    assert world.requests <= 15


async def test_an_outage_is_no_denial() -> None:
    """Only time in which the vendor denied a task counts."""
    world = World(Polling(list_pages=False, patience=60))
    handle = world.handle("t", ends=900)
    waiting = asyncio.ensure_future(handle.wait())
    world.troubles = [DENIED, ServerError("down", code=5000, status=503)]
    await asyncio.sleep(700)
    world.troubles = [DENIED]
    await asyncio.sleep(20)
    world.troubles = []

    task = await waiting

    assert task.status is TaskStatus.SUCCEED


async def test_a_question_that_is_cancelled_before_it_begins_strands_nobody() -> None:
    """Somebody who cancels tasks that are not his may hit one that has not run yet."""
    world = World(Polling(max_lag=5))
    handles = [world.handle(f"t{n}", ends=100 + n) for n in range(10)]
    cancelled = list[asyncio.Task[Any]]()

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **options)
        if work.__name__ in {"_ask", "_turn"} and len(cancelled) < 6:
            task.cancel()
            cancelled.append(task)
        return task

    asyncio.get_running_loop().set_task_factory(factory)

    late = await ended(world, handles)

    assert 6 == len(cancelled)
    assert 10 == len(late)
    assert max(late.values()) <= 6


class Hurried(World):
    """A vendor who says at times that requests come too fast."""

    chance = random.Random(1)

    async def page(self, *args: Any, **more: Any) -> Any:
        """Answer, or refuse."""
        if self.chance.random() < 0.15:
            raise RateLimited("too fast", code=1302, status=429)
        return await super().page(*args, **more)


async def test_a_rate_limit_is_no_reason_to_leave_lists_alone() -> None:
    """It says nothing about the list, and single queries would be more."""
    world = Hurried(seed=3)
    handles = [world.handle(f"t{n}", ends=60 + (53 * n) % 120) for n in range(60)]

    late = await ended(world, handles)

    assert 60 == len(late)
    assert len(world.asked) < 30


async def test_a_retry_after_counts_even_where_another_failure_came_first() -> None:
    """The longest pause that was asked for is kept."""
    world = World(Polling(list_pages=False, max_lag=5))
    handles = [world.handle(f"t{n}", ends=100 + n) for n in range(3)]
    waiting = asyncio.ensure_future(ended(world, handles))
    await asyncio.sleep(4)
    down = ServerError("down", code=5000, status=503)
    world.troubles = [down, RateLimited("too fast", code=1302, status=429, retry_after=20.0), down, down]
    while len(world.asked) < 3:
        await asyncio.sleep(0.1)
    failed_at = world.asked[-1][0]
    world.troubles = []

    await waiting

    assert min(at for at, _ in world.asked if at > failed_at) >= failed_at + 20


async def test_moments_that_do_not_move_teach_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Durations are then taken as they were seen, and no list is accused."""
    world = World()

    def frozen(rows: list[dict[str, Json]]) -> list[dict[str, Json]]:
        return [{**row, "updated_at": int(str(row["created_at"])) + 1000} for row in rows]

    world.arrange = frozen
    world.read_one = lambda row: frozen([row])[0]
    handles = [world.handle(f"t{n}", ends=100 + 5 * n) for n in range(30)]

    late = await ended(world, handles)

    assert 60 < world.durations.table(()).median < 260
    assert max(late.values()) < 60
    assert 1 == caplog.text.count("updated_at does not tell")


async def test_a_clock_that_is_set_back_is_believed_again() -> None:
    """One answer from the future is forgotten after some others."""
    world = World()
    odd = world.handle("odd", ends=10)
    odd.push(ROW.read({**world.tasks["odd"].row(0), "task_status": "succeed"}))
    world.watcher.made(ROW.read({**world.tasks["odd"].row(0), "created_at": milliseconds(5 * 3600)}), now())
    handles = list[TaskHandle[VideoResult]]()
    for n in range(100):
        handles.append(world.handle(f"t{n}", ends=now() + 120 + n % 30))
        await asyncio.sleep(0.2)

    late = await ended(world, handles)

    assert len(world.asked) < 30
    assert max(late.values()) < 30


async def test_a_status_never_goes_back() -> None:
    """Whatever moments come with it."""
    world = World()
    handle = world.handle("t", ends=500)
    row = world.tasks["t"].row(0)
    handle.push(ROW.read({**row, "task_status": "processing", "updated_at": milliseconds(10)}))

    handle.push(ROW.read({**row, "task_status": "submitted", "updated_at": milliseconds(20)}))

    assert handle.status is TaskStatus.PROCESSING


@pytest.mark.parametrize("count", [200, 1200])
async def test_tasks_of_before_a_restart_are_found_page_by_page(count: int) -> None:
    """Where nothing is known of them, whole pages are read until all are found."""
    world = World()
    for n in range(count):
        world.make(f"t{n}", ends=now() + 200 + n % 60)
        await asyncio.sleep(0.01)
    handles = [world.attached(f"t{n}") for n in range(count)]

    late = await ended(world, handles)

    assert count == len(late)
    assert all(at > 100 for at, _ in world.asked)
    assert len(world.asked) <= 1.1 * count


async def test_a_callback_is_not_lost_to_an_older_question() -> None:
    """What was asked before knows nothing of it."""
    world = World(Polling(list_pages=False), answer_after=3.0, callbacks=True)
    handle = world.handle("t", ends=10_000)
    waiting = asyncio.ensure_future(handle.wait())
    while not world.asked:
        await asyncio.sleep(0.5)
    world.watcher.called("kt", TaskStatus.SUCCEED)
    asked = len(world.asked)

    await asyncio.sleep(8)

    assert asked + 1 == len(world.asked)
    waiting.cancel()


class Capital(World):
    """A vendor who finds a task by its external id, and writes that in another way."""

    async def one(self, *_: Any, **__: Any) -> Any:
        """Answer with the only one."""
        return ROW.read(self.tasks["t"].row(now()))


async def test_an_external_id_that_the_vendor_writes_in_another_way_leaves_nothing_behind() -> None:
    """What is known of a handle goes with it."""
    world = Capital(Polling(list_pages=False))
    made = world.make("t", ends=20)
    made.external = "ABC"
    handle: TaskHandle[VideoResult] = TaskHandle(ROW.name, world, external_task_id="abc")

    await handle

    assert not world.watcher._known_as
    assert not world.watcher._named


async def test_a_wave_of_one_moment_is_followed_by_pages_whatever_its_order() -> None:
    """Where a page shows the rows is where they are looked for next."""
    world = World()
    handles = [world.handle(f"t{n}", ends=60 + (53 * n) % 120) for n in range(200)]
    world.arrange = lambda rows: [{**row, "created_at": 0} for row in rows[::-1]]

    late = await ended(world, handles)

    assert 200 == len(late)
    assert len(world.asked) < 40
