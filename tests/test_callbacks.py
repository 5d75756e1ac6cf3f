"""Callbacks through the whole client, with an emulator that calls and a receiver on a real socket."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import statistics
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web

from kling_async import BadRequest, Batch, InvalidRequest, KlingClient, Polling, TaskHandle, TaskStatus, TaskTimeout
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Fault, LoseCallback, Refuse, RepeatCallback, ShuffleCallbacks, Stale
from kling_async.events import Event, Polled, TaskChanged
from kling_async.integrations.aiohttp_web import callback_app
from kling_async.webhooks.callbacks import Callbacks
from kling_async.webhooks.hub import LocalHub
from tests.support.batches import ended, pictures

pytestmark = pytest.mark.looptime

ELSEWHERE = "http://127.0.0.1:9/mine"


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


@attrs.define
class Called:
    """An emulator, and what it calls."""

    emulator: Emulator
    callbacks: Callbacks
    in_vain: int = 0
    """Questions that brought no end."""
    _idle: bool = False
    lags: dict[str, float] = attrs.field(factory=dict[str, float])
    lasted: dict[str, float] = attrs.field(factory=dict[str, float])

    def client(self, **options: Any) -> KlingClient:
        """A client that is called back, and watched."""
        return self.emulator.client(**{"callbacks": self.callbacks, "on_event": self.watch, **options})

    def watch(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, Polled):
            self.in_vain += 1
            self._idle = True
        elif isinstance(event, TaskChanged) and TaskStatus(event.status).final and self._idle:
            self.in_vain -= 1
            self._idle = False

    async def follow(self, kling: KlingClient, number: int = 0) -> None:
        """Make a picture, and note how late its end is heard of."""
        begun = now()
        handle = await kling.images.generate(prompt=f"fox {number}")
        await handle
        course = self.emulator.tasks[str(handle.id)].course
        self.lasted[str(handle.id)] = course.ended - course.created
        self.lags[str(handle.id)] = now() - begun - (course.ended - course.created)

    async def follow_many(self, kling: KlingClient, count: int = 100) -> None:
        """All at once."""
        await asyncio.gather(*(self.follow(kling, number) for number in range(count)))

    @property
    def queries(self) -> int:
        """What the vendor was asked."""
        return sum(seen.method == "GET" for seen in self.emulator.requests)


@asynccontextmanager
async def called_back(*faults: Fault, **options: Any) -> AsyncGenerator[Called, None]:
    """An emulator in which tasks take their time, and a receiver that it can reach."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/kling"
    callbacks = Callbacks(url=url, keys=secrets.token_bytes(32))
    application = web.Application()
    application.add_subapp("/kling", callback_app(callbacks))
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=1e6)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        async with Emulator(faults=faults, seed=3, **options) as emulator:
            yield Called(emulator, callbacks)
    finally:
        await runner.cleanup()


# What is sent.


async def test_every_create_has_an_address_of_its_own() -> None:
    """Which leads to its task and no other."""
    async with called_back() as world, world.client() as kling:
        handles: list[TaskHandle[Any]] = [
            await kling.images.generate(prompt="x"),
            await kling.videos.text_to_video(prompt="x"),
        ]

        told = [world.emulator.tasks[str(handle.id)].body["callback_url"] for handle in handles]

        assert [world.callbacks.address(str(handle.external_task_id)) for handle in handles] == told
        assert kling.callbacks is world.callbacks


@pytest.mark.parametrize("given", [{"callback_url": ELSEWHERE}, {"extra": {"callback_url": ELSEWHERE}}])
async def test_an_address_of_the_callers_own_stays(given: dict[str, Any]) -> None:
    """And its task is polled for as if there were no callbacks."""
    async with called_back() as world, world.client() as kling:
        await world.follow_many(kling, 3)
        handle = await kling.images.generate(prompt="x", **given)
        begun = now()
        await handle

        task = world.emulator.tasks[str(handle.id)]
        assert ELSEWHERE == task.body["callback_url"]
        assert now() - begun <= (task.course.ended - task.course.created) * 1.25 + 2


async def test_tasks_of_a_batch_are_called_back_about(tmp_path: Path) -> None:
    """And no address is in its journal."""
    journal = tmp_path / "jobs.db"
    async with called_back() as world, world.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(3))
            await ended(batch)

        bodies = [task.body for task in world.emulator.tasks.values()]

    assert all(body["callback_url"].startswith(world.callbacks.url) for body in bodies)
    assert not any(b"/kling/v1/" in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


async def test_without_callbacks_no_address_is_sent() -> None:
    """And `kling.callbacks` says so."""
    async with called_back() as world, world.client(callbacks=None) as kling:
        handle = await kling.images.generate(prompt="x")

        assert "callback_url" not in world.emulator.tasks[str(handle.id)].body
        assert kling.callbacks is None


def test_callbacks_are_what_they_should_be() -> None:
    """An address alone is not enough."""
    wrong: Any = "https://studio.example/canary"

    with pytest.raises(InvalidRequest, match="Callbacks") as caught:
        KlingClient(api_key="k", callbacks=wrong)

    assert "canary" not in str(caught.value)


# How good.


async def test_a_hundred_pictures_cost_hardly_a_question() -> None:
    """Besides those that fetch results, of which one fetches several; each end is known within a second on average."""
    async with called_back() as world, world.client() as kling:
        await world.follow_many(kling)

    assert 100 == len(world.lags)
    assert world.in_vain <= 10
    assert world.queries <= 40
    assert statistics.fmean(world.lags.values()) <= 1.0
    assert max(world.lags.values()) <= 3.0


async def test_callbacks_that_come_late_often_and_in_any_order_cost_no_more() -> None:
    """Three times each, within two seconds."""
    async with called_back(RepeatCallback(2, seconds=0.5), ShuffleCallbacks(1.0)) as world, world.client() as kling:
        await world.follow_many(kling)

    assert world.in_vain <= 15
    assert world.queries <= 50
    assert statistics.fmean(world.lags.values()) <= 2.0


@pytest.mark.parametrize("chance", [0.3, 1.0])
async def test_where_callbacks_are_lost_ends_are_heard_of_as_without_them(chance: float) -> None:
    """Within a fifth of what the task took, or of a tenth of the usual, and a minute."""
    async with called_back(LoseCallback(chance=chance)) as world, world.client() as kling:
        await world.follow_many(kling)

    bounds = {name: min(60.0, 0.2 * max(lasted, 20.0)) + 1.0 for name, lasted in world.lasted.items()}
    assert {} == {name: lag for name, lag in world.lags.items() if lag > bounds[name]}


async def test_polling_is_stretched_only_as_long_as_callbacks_come() -> None:
    """They stop, and the next tasks are polled for; they come again, and the polling ceases."""
    async with called_back() as world, world.client() as kling:
        await world.follow_many(kling, 40)
        world.emulator.add(LoseCallback())
        await world.follow_many(kling, 10)
        world.lags.clear()
        for _ in range(5):
            await world.follow(kling)
        deaf = max(world.lags.values())
        world.emulator.clear_faults()
        await world.follow_many(kling, 60)
        before = world.in_vain
        for _ in range(5):
            await world.follow(kling)

    assert deaf <= 6.0
    assert world.in_vain - before <= 5  # that each has begun


async def test_a_promised_lag_is_kept_whatever_becomes_of_callbacks() -> None:
    """`max_lag` is looked after by polling alone."""
    async with called_back() as world, world.client(polling=Polling(max_lag=2.0)) as kling:
        await world.follow_many(kling, 20)
        world.emulator.add(LoseCallback())
        world.lags.clear()

        await world.follow_many(kling, 5)

    assert max(world.lags.values()) <= 2.5


# What callbacks cannot do.


@pytest.mark.parametrize("claimed", [TaskStatus.SUCCEED, TaskStatus.PROCESSING, TaskStatus.SUBMITTED])
@pytest.mark.parametrize("pause", [0.3, 3.0])
async def test_a_promised_lag_is_kept_whatever_callbacks_claim(claimed: TaskStatus, pause: float) -> None:
    """Questions that a callback causes have their pauses, which are none for those that were promised."""
    async with called_back() as world, world.client(polling=Polling(max_lag=0.5)) as kling:
        following = [asyncio.ensure_future(world.follow(kling, number)) for number in range(4)]
        await asyncio.sleep(0.1)
        while not all(each.done() for each in following):
            for task in world.emulator.tasks.values():
                await world.callbacks.hub.wake(str(task.external_task_id), claimed)
            await asyncio.sleep(pause)

    assert max(world.lags.values()) <= 0.6


async def test_a_storm_costs_a_question_every_two_seconds() -> None:
    """A thousand times a second for ten seconds, it is said that a task has ended which goes on."""
    async with called_back() as world, world.client(polling=Polling(list_pages=False)) as kling:
        handle = await kling.videos.text_to_video(prompt="x")
        waiting = asyncio.ensure_future(handle.wait())
        await asyncio.sleep(1)
        before = world.queries

        for _ in range(10_000):
            await world.callbacks.hub.wake(str(handle.external_task_id), TaskStatus.SUCCEED)
            await asyncio.sleep(0.001)

        assert 4 <= world.queries - before <= 7
        assert not handle.done
        waiting.cancel()


async def test_what_a_callback_claims_is_not_believed() -> None:
    """Not even a failure."""
    async with called_back() as world, world.client() as kling:
        handle = await kling.images.generate(prompt="x")
        waiting = asyncio.ensure_future(handle.wait())
        await asyncio.sleep(2)

        await world.callbacks.hub.wake(str(handle.external_task_id), TaskStatus.FAILED)
        await asyncio.sleep(1)

        assert not handle.done
        assert TaskStatus.SUCCEED == (await waiting).status


async def test_wakes_about_nobody_cost_nothing() -> None:
    """Tasks of others, of earlier days, and ids of no task."""
    async with called_back() as world, world.client() as kling:
        await world.follow(kling)
        asked = world.queries

        for number in range(1000):
            await world.callbacks.hub.wake(f"k{number}", TaskStatus.SUCCEED)
        await asyncio.sleep(60)

        assert asked == world.queries


async def test_an_old_copy_of_the_list_does_not_refute_a_callback() -> None:
    """The task is asked for alone."""
    async with called_back(Stale(30)) as world, world.client() as kling:
        await world.follow_many(kling, 10)

    assert max(world.lags.values()) <= 6.0


# Who is woken.


async def test_who_comes_late_is_told_at_once() -> None:
    """The callback came when nobody waited."""
    async with called_back() as world, world.client() as kling:
        await world.follow_many(kling, 5)
        handle = await kling.images.generate(prompt="x")
        course = world.emulator.tasks[str(handle.id)].course
        await asyncio.sleep(course.ended - course.created + 1)
        begun = now()

        await handle

        assert now() - begun <= 2.0


async def test_who_comes_late_is_told_at_once_whichever_handle_is_his() -> None:
    """The callback came when nobody waited, and the last who did had another handle of the task."""
    async with called_back() as world, world.client() as kling:
        await world.follow_many(kling, 5)
        handle = await kling.images.generate(prompt="x")
        course = world.emulator.tasks[str(handle.id)].course
        with pytest.raises(TaskTimeout):
            await kling.attach(handle.ref).wait(1)
        await asyncio.sleep(course.ended - course.created)
        begun = now()

        await handle

        assert now() - begun <= 2.0


async def test_a_handle_that_was_attached_elsewhere_is_woken() -> None:
    """By its ref alone, in a client that has made no task."""
    async with called_back() as world, world.client() as maker, world.client() as waiter:
        handles = [await maker.images.generate(prompt="x") for _ in range(20)]
        lags = list[float]()

        async def wait(handle: TaskHandle[Any], made: float) -> None:
            await waiter.attach(handle.ref)
            course = world.emulator.tasks[str(handle.id)].course
            lags.append(now() - made - (course.ended - course.created))

        await asyncio.gather(*(wait(handle, now()) for handle in handles))

    assert statistics.fmean(lags) <= 1.0


async def test_all_handles_of_a_task_are_woken_by_one_question() -> None:
    """As many tabs may look at it as like."""
    async with called_back() as world, world.client() as kling:
        await world.follow_many(kling, 5)
        handle = await kling.images.generate(prompt="x")
        tabs = [handle, *(kling.attach(handle.ref) for _ in range(5))]
        waiting = [asyncio.ensure_future(tab.wait()) for tab in tabs]
        course = world.emulator.tasks[str(handle.id)].course
        await asyncio.sleep(course.ended - course.created - 1)
        before = world.queries

        tasks = await asyncio.gather(*waiting)

        assert {handle.id} == {task.id for task in tasks}
        assert 1 == world.queries - before


# What may go wrong around it.


class Deaf(LocalHub):
    """A hub whose ears fail as often as it is told."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def listen(self, told: Callable[[str, TaskStatus], None]) -> AbstractAsyncContextManager[None]:
        """Raise, or listen."""
        self.times -= 1
        if self.times >= 0:
            raise ConnectionError("secret-host")
        return super().listen(told)


async def test_a_hub_that_fails_is_listened_to_again(caplog: pytest.LogCaptureFixture) -> None:
    """Meanwhile tasks are polled for; its words are not logged, which may name anything."""
    async with called_back() as world:
        hub = Deaf(2)
        keys = secrets.token_bytes(32)
        async with world.client(callbacks=Callbacks(url=ELSEWHERE, keys=keys, hub=hub)) as kling:
            await world.follow(kling)
            await asyncio.sleep(90)

    assert -1 == hub.times
    assert max(world.lags.values()) <= 8.0
    assert 2 == caplog.text.count("callbacks are not heard")
    assert "secret-host" not in caplog.text


class Cancelled(LocalHub):
    """A hub in which something is cancelled at first, as a client of its own may be."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def listen(self, told: Callable[[str, TaskStatus], None]) -> AbstractAsyncContextManager[None]:
        """Raise what nobody asked for, or listen."""
        self.times += 1
        if self.times == 1:
            raise asyncio.CancelledError
        return super().listen(told)


async def test_a_hub_in_which_something_was_cancelled_is_listened_to_with_the_next_task() -> None:
    """It is not us who were told to stop."""
    async with called_back() as world:
        hub = Cancelled()
        callbacks = Callbacks(url=ELSEWHERE, keys=secrets.token_bytes(32), hub=hub)
        async with world.client(callbacks=callbacks) as kling:
            await world.follow_many(kling, 2)
            await world.follow(kling)

    assert 2 == hub.times


async def test_nothing_is_left_of_a_client_that_is_closed() -> None:
    """Neither a task nor a listener; what is called then is called in vain."""
    async with called_back() as world:
        async with world.client() as kling:
            handle = await kling.images.generate(prompt="x")

        await world.callbacks.hub.wake(str(handle.external_task_id), TaskStatus.SUCCEED)

        assert [] == [task for task in asyncio.all_tasks() if "kling_async" in task.get_name()]


async def test_no_address_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Not by a vendor who repeats it in his refusal, not at DEBUG."""
    caplog.set_level(logging.DEBUG)
    async with called_back() as world, world.client() as kling:
        await world.follow(kling)
        handle = await kling.images.generate(prompt="x")
        address = world.callbacks.address(str(handle.external_task_id))
        world.emulator.add(Refuse(1201, message=f"callback_url {address} is not reachable"))

        with pytest.raises(BadRequest) as caught:
            await kling.images.generate(prompt="x")

        mac = address.rpartition(".")[2]
        assert "k1.***" in str(caught.value)
        assert not [
            where for where in (caplog.text, str(caught.value), repr(caught.value), repr(kling)) if mac in where
        ]
        assert mac not in repr(handle.ref)


async def test_a_task_of_another_process_that_calls_nobody_is_seen_as_soon_as_without_callbacks() -> None:
    """It may have no address of ours; that others have one says nothing about it."""
    async with called_back() as world, world.client() as kling, world.emulator.client() as stranger:
        await world.follow_many(kling, 5)
        handle = await stranger.images.generate(prompt="x")
        course, made = world.emulator.tasks[str(handle.id)].course, now()

        await kling.attach(handle.ref)

        took = course.ended - course.created
        assert now() - made - took <= 0.2 * took + 2
