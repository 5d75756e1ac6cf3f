"""The watcher: how often it asks, what it makes of trouble, and that nobody is left waiting or forgotten."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from kling_async import (
    AuthenticationError,
    BadRequest,
    BalanceError,
    ClientClosed,
    ConnectionFailed,
    InvalidRequest,
    Polling,
    RateLimited,
    ResponseError,
    ServerError,
    Task,
    TaskFailed,
    TaskLost,
    TaskNotFound,
    TaskRef,
    TaskStatus,
    TaskTimeout,
    VideoResult,
)
from kling_async.handle import as_completed
from tests.polling.world import ROW, START, Made, World, milliseconds, now, watchers_tasks

pytestmark = pytest.mark.looptime(start=0)


def a_task(name: str, status: str, *, at: float = 0) -> Task[VideoResult | None]:
    """A snapshot as the vendor might send it."""
    return ROW.read({**Made(name, 0, at or 1).row(0), "task_status": status, "updated_at": milliseconds(at)})


async def test_awaiting_gives_the_success_soon_after_it_happened() -> None:
    """The end is seen within a fifth of the task's time, for a handful of requests."""
    world = World()
    handle = world.handle("a", ends=130)

    task = await handle

    assert TaskStatus.SUCCEED == task.status
    assert 130 <= now() <= 130 * 1.2
    assert world.requests <= 10


async def test_max_lag_bounds_how_long_the_end_goes_unnoticed() -> None:
    """A user who wants to know soon says so in seconds."""
    world = World(Polling(max_lag=2))
    handle = world.handle("a", ends=300)

    await handle

    assert 300 <= now() <= 302


async def test_many_waiters_cost_no_more_than_one() -> None:
    """Fifty coroutines on one handle share the questions and all get the answer."""
    alone, crowd = World(), World()
    await alone.handle("a", ends=60)
    start = now()
    handle = crowd.handle("a", ends=start + 60)

    tasks = await asyncio.gather(*(handle.wait() for _ in range(50)))

    assert 50 == len(tasks)
    assert len(alone.asked) == pytest.approx(len(crowd.asked), abs=2)


async def test_nobody_is_asked_about_a_task_that_nobody_waits_for() -> None:
    """A handle alone costs nothing; the watcher's task ends with the last waiter."""
    world = World()
    handle = world.handle("a", ends=1000)
    await asyncio.sleep(100)
    assert [] == world.asked

    with pytest.raises(TaskTimeout):
        await handle.wait(timeout=50)
    asked = len(world.asked)
    await asyncio.sleep(100)

    assert asked == len(world.asked)
    assert [] == watchers_tasks()


async def test_a_time_out_leaves_the_handle_as_it_was() -> None:
    """It says that the task still runs, holds the handle, and the handle can be awaited again."""
    world = World()
    handle = world.handle("a", ends=100)

    with pytest.raises(TaskTimeout) as caught:
        await handle.wait(timeout=30)

    assert handle is caught.value.handle
    assert TaskRef(endpoint=ROW.name, task_id="a", external_task_id="ka", created_at=START) == caught.value.ref
    assert 30 == now()
    assert TaskStatus.SUCCEED == (await handle).status


async def test_a_cancelled_waiter_takes_nobody_with_it() -> None:
    """The others still get the result, and the vendor sees no difference."""
    world = World()
    handle = world.handle("a", ends=100)
    first, second = asyncio.ensure_future(handle.wait()), asyncio.ensure_future(handle.wait())
    await asyncio.sleep(40)

    first.cancel()

    assert TaskStatus.SUCCEED == (await second).status
    assert first.cancelled()


async def test_a_failed_task_raises_the_vendors_reason_and_stays_data_elsewhere() -> None:
    """`await` raises, `updates` and `latest` do not."""
    world = World()
    handle = world.handle("a", ends=80, well=False)

    seen = [update.status async for update in handle.updates()]
    with pytest.raises(TaskFailed, match="risk control") as caught:
        await handle

    assert [TaskStatus.SUBMITTED, TaskStatus.PROCESSING, TaskStatus.FAILED] == seen
    assert handle.latest is caught.value.task


async def test_updates_can_be_left_early() -> None:
    """Breaking out of the loop stops the watching."""
    world = World()
    handle = world.handle("a", ends=500)

    updates = handle.updates()
    async for update in updates:
        if update.status is TaskStatus.PROCESSING:
            break
    await updates.aclose()
    await asyncio.sleep(0)

    assert [] == watchers_tasks()


async def test_an_unknown_status_is_not_final() -> None:
    """A word nobody has seen means that the task goes on."""
    world = World()
    handle = world.handle("a", ends=30)
    world.tasks["a"].ends, world.tasks["a"].word = 10, "reviewing"
    waiting = asyncio.ensure_future(handle.wait())
    await asyncio.sleep(90)
    assert TaskStatus.UNKNOWN == handle.status
    assert not waiting.done()

    world.tasks["a"].ends, world.tasks["a"].word = 100, "succeed"

    assert TaskStatus.SUCCEED == (await waiting).status


@pytest.mark.parametrize(
    "trouble",
    [
        ServerError("down", code=5000, status=500),
        RateLimited("slow", code=1302, status=429),
        ConnectionFailed("cut", may_have_been_created=True),
    ],
)
async def test_an_hour_of_trouble_fails_no_handle(trouble: Exception) -> None:
    """While the vendor may recover the waiting goes on, with few questions; then the result arrives."""
    world = World()
    world.troubles = [trouble]
    handles = [world.handle(f"t{n}", ends=60) for n in range(40)]
    waiting = asyncio.ensure_future(asyncio.gather(*handles))

    await asyncio.sleep(3600)
    during = len(world.asked)
    world.troubles = []
    tasks = await waiting

    assert {TaskStatus.SUCCEED} == {task.status for task in tasks}
    assert during < 3600 / 15 + 60
    assert now() < 3600 + 45


async def test_after_trouble_one_question_probes_before_all_ask() -> None:
    """A recovering vendor is not met by everybody at once."""
    world = World(answer_after=0.5)
    world.troubles = [ServerError("down", code=5001, status=503)]
    handles = [world.handle(f"t{n}", ends=60) for n in range(10)]
    waiting = asyncio.ensure_future(asyncio.gather(*handles))
    await asyncio.sleep(200)

    moments = Counter(round(at, 3) for at, _ in world.asked if at > 20)
    world.troubles = []
    await waiting

    assert {1} == set(moments.values())


@pytest.mark.parametrize(
    "error", [AuthenticationError("who?", code=1000, status=401), BalanceError("empty", code=1102, status=429)]
)
async def test_a_refusal_about_the_account_reaches_everybody_once(error: Exception) -> None:
    """All waiters learn it from the first question, each with an exception of its own, and can wait again."""
    world = World()
    world.troubles = [error]
    handles = [world.handle(f"t{n}", ends=60) for n in range(5)]

    outcomes = await asyncio.gather(*(handle.wait() for handle in handles), return_exceptions=True)
    asked = len(world.asked)
    world.troubles = []

    assert [type(error)] * 5 == [type(outcome) for outcome in outcomes]
    assert 5 == len({id(outcome) for outcome in outcomes})
    assert asked <= 5
    assert TaskStatus.SUCCEED == (await handles[0]).status


async def test_a_refusal_about_one_task_reaches_its_waiters_only() -> None:
    """The others are not to suffer for an id that the vendor takes exception to."""
    world = World(Polling(list_pages=False))
    odd, good = world.handle("odd", ends=60), world.handle("good", ends=60)
    world.refused = {"odd": BadRequest("odd id", code=1201, status=400)}

    outcomes = await asyncio.gather(odd, good, return_exceptions=True)

    assert isinstance(outcomes[0], BadRequest)
    assert isinstance(outcomes[1], Task)


async def test_a_new_task_may_be_unknown_for_a_while() -> None:
    """Right after a create the vendor's copies may not agree yet."""
    world = World()
    handle = world.handle("a", ends=30)
    missing = TaskNotFound("Task not found by id/external id: a", code=1201, status=400)
    world.troubles = [missing]
    waiting = asyncio.ensure_future(handle.wait())

    await asyncio.sleep(20)
    world.troubles = []

    assert TaskStatus.SUCCEED == (await waiting).status


async def test_a_task_denied_for_longer_than_patience_is_lost_with_its_reference() -> None:
    """Never silently: the error holds what it takes to look again, and a refresh that finds it heals the handle."""
    world = World(Polling(patience=120))
    handle = world.handle("a", ends=30)
    world.troubles = [TaskNotFound("Task not found by id/external id: a", code=1201, status=400)]

    with pytest.raises(TaskLost) as caught:
        await handle
    with pytest.raises(TaskLost):
        await handle
    lost_at = now()
    world.troubles = []
    await handle.refresh()

    assert handle.ref == caught.value.ref
    assert 120 <= lost_at <= 60 + 121
    assert TaskStatus.SUCCEED == (await handle).status


async def test_nonsense_again_and_again_is_told_to_the_waiter() -> None:
    """An answer that can never be read must not keep anybody waiting for ever."""
    world = World()
    world.troubles = [ResponseError("the answer does not fit its documented shape", status=200)]
    handle = world.handle("a")

    with pytest.raises(ResponseError):
        await handle

    assert 5 == len(world.asked)


async def test_a_mistake_in_the_asking_reaches_the_waiter() -> None:
    """An exception nobody foresaw is raised where somebody can see it."""
    world = World()
    world.troubles = [ZeroDivisionError("a vault that fails")]
    handle = world.handle("a")

    with pytest.raises(ZeroDivisionError):
        await handle


async def test_somebody_elses_time_out_is_not_taken_for_ours() -> None:
    """A vault that times out is not a task that takes long."""
    world = World()
    world.troubles = [TimeoutError("the vault says nothing")]
    handle = world.handle("a")

    with pytest.raises(TimeoutError, match="vault") as caught:
        await handle.wait(timeout=100)

    assert not isinstance(caught.value, TaskTimeout)


async def test_close_ends_every_waiting_and_leaves_nothing_behind() -> None:
    """No task, no timer, no waiter."""
    world = World(answer_after=3)
    handles = [world.handle(f"t{n}", ends=600) for n in range(30)]
    waiting = [asyncio.ensure_future(handle.wait()) for handle in handles]
    await asyncio.sleep(5)

    await world.watcher.close(ClientClosed("closed"))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert {ClientClosed} == {type(outcome) for outcome in outcomes}
    assert [] == watchers_tasks()


async def test_a_slow_answer_holds_up_nobody_else() -> None:
    """Questions are asked beside each other, a few at a time."""
    world = World(answer_after=5)
    handles = [world.handle(f"t{n}", ends=60) for n in range(16)]

    await asyncio.gather(*handles)

    assert now() < 60 + 11 + 2 * 5


async def test_late_and_repeated_news_change_nothing() -> None:
    """A status never goes back, and nothing follows the end."""
    handle = World().handle("a")
    handle.push(a_task("a", "processing", at=10))
    handle.push(a_task("a", "submitted", at=5))
    before = handle.status
    handle.push(a_task("a", "succeed", at=20))
    handle.push(a_task("a", "failed", at=30))
    after = handle.status

    assert (TaskStatus.PROCESSING, TaskStatus.SUCCEED) == (before, after)


async def test_as_completed_yields_in_the_order_of_the_ends_without_a_task_each() -> None:
    """Hundreds of handles, a handful of tasks."""
    world = World(Polling(max_lag=1))
    handles = [world.handle(f"t{n}", ends=20 + (37 * n) % 100, well=n % 7 != 0) for n in range(200)]
    done, most = list[str](), 0

    async for handle in as_completed(handles):
        done.append(str(handle.id))
        most = max(most, len(asyncio.all_tasks()))

    assert 200 == len(done) == len(set(done))
    assert all(world.tasks[a].ends <= world.tasks[b].ends + 4 for a, b in pairwise(done))
    assert most < 25


async def test_as_completed_gives_lost_tasks_too() -> None:
    """A lost task has ended as far as anybody can know; awaiting it raises at once."""
    world = World(Polling(patience=30))
    handle = world.handle("a")
    world.troubles = [TaskNotFound("Task not found by id/external id: a", code=1201, status=400)]

    ended = [each async for each in as_completed([handle, handle])]

    assert [handle] == ended
    with pytest.raises(TaskLost):
        await handle


async def test_a_handle_can_be_collected_while_it_waits_for_nobody() -> None:
    """Nothing of ours keeps a forgotten handle alive."""
    world = World()
    handle = world.handle("a", ends=1000)
    with pytest.raises(TaskTimeout):
        await handle.wait(timeout=10)
    ghost = weakref.ref(handle)

    del handle
    await asyncio.sleep(60)
    gc.collect()

    assert ghost() is None


@pytest.mark.parametrize("options", [{"max_lag": 0}, {"max_lag": -1}, {"patience": float("nan")}, {"max_lag": "5"}])
def test_polling_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(InvalidRequest, match=f"Polling.{next(iter(options))}"):
        Polling(**options)


async def test_an_end_counts_whatever_clock_it_was_told_by() -> None:
    """One skewed clock among the vendor's must not lose a paid result."""
    handle = World().handle("a")
    handle.push(a_task("a", "processing", at=100))

    handle.push(a_task("a", "succeed", at=50))

    assert TaskStatus.SUCCEED == handle.status


async def test_a_refresh_of_a_finished_task_brings_fresh_links_and_nothing_else() -> None:
    """Its status cannot change any more."""
    handle = World().handle("a")
    handle.push(a_task("a", "succeed", at=50))
    fresh = a_task("a", "succeed", at=51)

    handle.push(fresh)
    handle.push(a_task("a", "failed", at=52))

    assert handle.latest is fresh


async def test_a_provider_that_is_cancelled_inside_strands_nobody() -> None:
    """The question is asked again."""
    world = World()
    handle = world.handle("a", ends=60)
    world.refused = {"a": asyncio.CancelledError()}
    waiting = asyncio.ensure_future(handle.wait())
    await asyncio.sleep(30)

    world.refused = {}

    assert TaskStatus.SUCCEED == (await waiting).status


async def test_cancelling_all_tasks_there_are_leaves_nobody_waiting() -> None:
    """As a shutdown does it; the handle can be awaited again."""
    world = World(answer_after=5)
    handles = [world.handle(f"t{n}", ends=60) for n in range(3)]
    waiting = [asyncio.ensure_future(handle.wait()) for handle in handles]
    await asyncio.sleep(7)

    for task in asyncio.all_tasks() - {asyncio.current_task(), *waiting}:
        task.cancel()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert {ClientClosed} == {type(outcome) for outcome in outcomes}
    assert TaskStatus.SUCCEED == (await handles[0]).status


async def test_one_moment_of_trouble_is_one_pause_however_many_asked() -> None:
    """Sixteen answers of 503 at the same time are not sixteen troubles."""
    world = World(Polling(max_lag=1), answer_after=0.1)
    handles = [world.handle(f"t{n}", ends=1) for n in range(16)]
    waiting = asyncio.ensure_future(asyncio.gather(*handles))
    world.troubles = [ServerError("down", code=5001, status=503)]
    await asyncio.sleep(1.15)

    world.troubles = []
    await waiting

    assert now() < 6


async def test_retry_after_holds_for_the_watcher_too() -> None:
    """One policy for every question."""
    world = World(Polling(max_lag=1))
    world.troubles = [RateLimited("slow", code=1302, status=429, retry_after=30)]
    handle = world.handle("a", ends=1)
    waiting = asyncio.ensure_future(handle.wait())
    await asyncio.sleep(20)
    asked = len(world.asked)
    world.troubles = []
    await waiting

    assert 1 == asked
    assert now() > 30


async def test_a_handle_that_heals_is_not_yielded_twice() -> None:
    """Each handle once, whatever its owner does with it meanwhile."""
    world = World(Polling(patience=5))
    lost, good = world.handle("lost", ends=1), world.handle("good", ends=60)
    world.refused = {"lost": TaskNotFound("Task not found by id/external id: lost", code=1201, status=400)}
    given = list[str]()

    async for handle in as_completed([lost, good]):
        given.append(str(handle.id))
        world.refused = {}
        await handle.refresh()

    assert ["lost", "good"] == given


async def test_one_odd_task_does_not_end_as_completed() -> None:
    """It is yielded like the others, and awaiting it says what is wrong."""
    world = World(Polling(list_pages=False))
    world.refused = {"odd": BadRequest("odd id", code=1201, status=400)}
    odd, good = world.handle("odd", ends=60), world.handle("good", ends=60)

    given = [handle.id async for handle in as_completed([odd, good])]

    assert ["odd", "good"] == given
    with pytest.raises(BadRequest):
        await odd


async def test_a_lost_task_is_known_to_be_lost() -> None:
    """Nobody waits for the patience to pass a second time."""
    world = World(Polling(patience=30))
    handle = world.handle("a")
    world.troubles = [TaskNotFound("Task not found by id/external id: a", code=1201, status=400)]
    with pytest.raises(TaskLost):
        await handle
    start = now()

    with pytest.raises(TaskLost):
        await anext(handle.updates())
    given = [each async for each in as_completed([handle])]

    assert handle.lost
    assert [handle] == given
    assert start == now()


@pytest.mark.parametrize("timeout", ["5", -1, float("nan"), True])
async def test_a_time_out_that_is_no_time_is_refused(timeout: float) -> None:
    """In words."""
    handle = World().handle("a")

    with pytest.raises(InvalidRequest, match="timeout"):
        await handle.wait(timeout=timeout)


async def test_a_new_trouble_after_a_recovery_begins_with_a_short_pause() -> None:
    """Old failures are forgotten once the vendor has answered."""
    world = World(Polling(max_lag=1))
    handle = world.handle("a", ends=300)
    waiting = asyncio.ensure_future(handle.wait())
    world.troubles = [ServerError("down", code=5001, status=503)]
    await asyncio.sleep(60)
    world.troubles = []
    await asyncio.sleep(60)
    world.troubles = [ServerError("down", code=5001, status=503)]
    await asyncio.sleep(0.95)
    failed_at = world.asked[-1][0]
    world.troubles = []
    await waiting

    again = min(at for at, _ in world.asked if at > failed_at)
    assert again - failed_at <= 1
