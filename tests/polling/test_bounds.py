"""How late the end of a task may be noticed, whatever the list is like and whatever becomes of other tasks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async import KlingError, NotFound, Polling, RequestTimeout, ServerError
from kling_async.handle import as_completed
from kling_async.protocol.call import Json
from tests.polling.world import World, now

LISTS: dict[str, Callable[[list[dict[str, Json]]], list[dict[str, Json]]]] = {
    "as it is": lambda rows: rows,
    "shuffled": lambda rows: random.Random(len(rows)).sample(rows, len(rows)),
    "oldest first": lambda rows: rows[::-1],
    "shifted": lambda rows: rows[3:],
    "empty": lambda _: [],
    "cut short": lambda rows: rows[:2],
    "of others only": lambda rows: [{**row, "task_id": f"x{row['task_id']}", "task_info": {}} for row in rows],
    "without results": lambda rows: [{**row, "task_result": 5} for row in rows],
}


async def lateness(world: World, ends: dict[str, float]) -> dict[str, float]:
    """How late the end of each was noticed, of tasks made now."""
    late = dict[str, float]()
    async for handle in as_completed([world.handle(name, ends=at) for name, at in ends.items()]):
        late[str(handle.id)] = now() - world.tasks[str(handle.id)].ends
    return late


def play(what: Coroutine[Any, Any, None]) -> None:
    """Run on a clock that jumps."""
    loop = looptime.new_event_loop()
    try:
        loop.run_until_complete(what)
    finally:
        loop.close()


@given(
    lasting=st.lists(st.floats(1, 900), min_size=1, max_size=12),
    max_lag=st.floats(2, 50),
    how=st.sampled_from(sorted(LISTS)),
)
@settings(deadline=None, max_examples=40)
def test_max_lag_is_kept_whatever_the_list_is_like(lasting: list[float], max_lag: float, how: str) -> None:
    """No end goes unnoticed for longer, as long as the vendor answers."""
    late = dict[str, float]()

    async def follow() -> None:
        world = World(Polling(max_lag=max_lag))
        world.arrange = LISTS[how]
        late.update(await lateness(world, {f"t{n}": each for n, each in enumerate(lasting)}))

    play(follow())

    assert max(late.values()) <= max_lag + 0.01


@given(lasting=st.lists(st.floats(1, 3000), min_size=1, max_size=12), how=st.sampled_from(sorted(LISTS)))
@settings(deadline=None, max_examples=60)
def test_no_end_goes_unnoticed_for_longer_than_a_minute(lasting: list[float], how: str) -> None:
    """Nor, once a task was looked at, for longer than a fifth of its age, or of a tenth of the usual duration."""
    late, first = dict[str, float](), list[float]()

    async def follow() -> None:
        world = World()
        world.arrange = LISTS[how]
        late.update(await lateness(world, {f"t{n}": each for n, each in enumerate(lasting)}))
        first.append(min([*(at for at, _ in world.asked), *(at for at, _, _ in world.pages)]))

    play(follow())

    assert max(late.values()) <= 60.01
    for n, each in enumerate(lasting):
        if each > 2 * first[0] and how == "as it is":
            assert late[f"t{n}"] <= max(0.2 * each, 0.2 * 120) + 0.01


@pytest.mark.looptime(start=0)
@pytest.mark.parametrize("max_lag", [None, 3.0])
@pytest.mark.parametrize("no_lists", [[], [NotFound("no lists", code=1202, status=404)]], ids=["lists", "no lists"])
@pytest.mark.parametrize("error", [ServerError("down", code=5000, status=503), RequestTimeout("no answer in time")])
async def test_a_task_that_cannot_be_asked_for_holds_up_no_other(
    error: KlingError, no_lists: list[BaseException], max_lag: float | None
) -> None:
    """Its query fails for half an hour; the others end as if it did not exist."""
    world = World(Polling(max_lag=max_lag))
    world.page_troubles = no_lists
    world.refused = {"bad": error}
    bad = asyncio.ensure_future(world.handle("bad", ends=20).wait())
    asyncio.get_running_loop().call_later(1800, world.refused.clear)

    late = await lateness(world, {f"t{n}": 60 + (53 * n) % 120 for n in range(20)})
    asked = sum(name == "bad" for _, name in world.asked)
    await bad

    assert max(late.values()) <= (0.2 * 180 + 2 if max_lag is None else max_lag + 2)
    assert asked <= 12
