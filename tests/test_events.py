"""What a listener is told of creates, requests, tasks and waits, through the client and over a real socket."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
import pytest

from kling_async import AccessKey, KlingClient, Limits, Polling, TaskFailed, TaskLost
from kling_async import events as kinds
from kling_async.emulator import ACCESS_KEY, API_KEY, SECRET_KEY, Emulator
from kling_async.emulator.faults import Fault, Hide, Lose, Refuse
from kling_async.events import (
    Event,
    Polled,
    Refused,
    SlotAwaited,
    SlotGranted,
    SlotsChanged,
    SubmitDoubted,
    SubmitEnded,
    SubmitEvent,
    SubmitSent,
    SubmitSettled,
    TaskChanged,
    TaskEvent,
    TaskGone,
    TokenReplaced,
    Unanswered,
    WaitEnded,
    WaitFailed,
    WaitStarted,
)
from tests.support.vendor import Vendor, refused, row, said

pytestmark = pytest.mark.looptime


def of(told: list[Event], *wanted: type[Any]) -> list[Any]:
    """Those of some kinds, in their order."""
    return [event for event in told if isinstance(event, wanted)]


def names(told: list[Event], *wanted: type[Any]) -> list[str]:
    """The kinds of those of some kinds, in their order."""
    return [type(event).__name__ for event in of(told, *wanted)]


async def test_a_picture_is_told_of_from_its_create_to_its_end() -> None:
    """In the order in which it happens, each thing once."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client(on_event=told.append) as kling:
        handle = await kling.images.generate(prompt="a fox", model_name="kling-v2", n=2)
        task = await handle

    assert ["SubmitStarted", "SlotGranted", "SubmitSent", "SubmitEnded"] == names(told, SubmitEvent)
    assert "WaitStarted" == names(told, TaskEvent)[0]
    assert "WaitEnded" == names(told, TaskEvent)[-1]
    started, granted, sent, ended = of(told, SubmitEvent)
    assert ("image", 2, "kling-v2", f"{emulator.url}/v1/images/generations") == (
        started.pool,
        started.slots,
        started.model,
        started.url,
    )
    assert (0.0, 1, "accepted", task.id, False) == (
        granted.seconds,
        sent.attempt,
        ended.outcome,
        ended.task_id,
        ended.cancelled,
    )
    last = of(told, TaskChanged)[-1]
    assert ("succeed", task.units, "kling-v2", "image") == (last.status, task.units, last.model, last.pool)
    assert last.took > 0
    assert last.age >= last.took - 1
    assert 2 == max(event.used for event in of(told, SlotsChanged))
    assert 0 == of(told, SlotsChanged)[-1].used


async def test_every_question_that_follows_a_task_is_told() -> None:
    """As many as the vendor was asked, with how many tasks the answer told of."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client(on_event=told.append, polling=Polling(max_lag=1)) as kling:
        handles = [await kling.images.generate(prompt="a fox") for _ in range(5)]
        await asyncio.gather(*(handle.wait() for handle in handles))
        asked = sum(request.method == "GET" for request in emulator.requests)

    polled = of(told, Polled)
    assert asked == len(polled)
    assert {None} == {event.error for event in polled}
    assert {"list", "task"} >= {event.question for event in polled}
    assert 5 == max(event.tasks for event in polled)
    assert all(event.seconds >= 0 for event in polled)


async def test_a_question_that_fails_says_why() -> None:
    """And the waiting goes on."""
    told = list[Event]()

    async with Emulator(faults=[Refuse(5000, calls="queries", first=1)]) as emulator:
        async with emulator.client(on_event=told.append, polling=Polling(list_pages=False)) as kling:
            await (await kling.images.generate(prompt="a fox"))

    assert ["ServerError"] == [type(event.error).__name__ for event in of(told, Polled) if event.error]
    assert [("images.generate", "GET", None, 5000)] == [
        (event.endpoint, event.method, event.external_task_id, event.code) for event in of(told, Refused)
    ]
    assert [] == of(told, WaitFailed)


async def test_a_full_pool_is_told_as_a_refusal_and_a_second_grant() -> None:
    """With the code, the create it is about, and how long it waited."""
    told = list[Event]()

    async with Emulator(slots={"image": 1}) as emulator, emulator.client(on_event=told.append) as kling:
        first, second = await asyncio.gather(*(kling.images.generate(prompt="a fox") for _ in range(2)))
        await asyncio.gather(first.wait(), second.wait())

    (refusal,) = {event.external_task_id: event for event in of(told, Refused)}.values()
    grants = [each for each in of(told, SlotGranted) if each.external_task_id == refusal.external_task_id]
    assert (1303, 429, "POST") == (refusal.code, refusal.status, refusal.method)
    assert refusal.request_id
    assert len(grants) == 1 + sum(each.code == 1303 for each in of(told, Refused))
    assert 0.0 == grants[0].seconds
    assert grants[-1].seconds > 0
    assert [1, len(grants)] == sorted(Counter(each.external_task_id for each in of(told, SubmitSent)).values())
    assert 2 == len(of(told, SubmitEnded))


async def test_a_lost_answer_is_doubted_and_settled() -> None:
    """One task, whose create is told as accepted in the end."""
    told = list[Event]()

    async with Emulator(faults=[Lose("cut", first=1)]) as emulator, emulator.client(on_event=told.append) as kling:
        handle = await kling.images.generate(prompt="a fox")

    assert ["SubmitStarted", "SlotGranted", "SubmitSent", "SubmitDoubted", "SubmitSettled", "SubmitEnded"] == names(
        told, SubmitEvent
    )
    assert [True] == [event.found for event in of(told, SubmitSettled)]
    assert [handle.id] == [event.task_id for event in of(told, SubmitEnded)]
    assert ["ConnectionFailed"] == [type(event.error).__name__ for event in of(told, SubmitDoubted)]
    assert [handle.external_task_id] == [event.external_task_id for event in of(told, Unanswered)]


@pytest.mark.parametrize("code", [1201, 1301])
async def test_a_create_that_is_refused_for_good_ends_as_refused(code: int) -> None:
    """With the error that is raised."""
    told = list[Event]()

    async with Emulator(faults=[Refuse(code, calls="creates")]) as emulator:
        async with emulator.client(on_event=told.append) as kling:
            with pytest.raises(Exception, match=str(code)) as caught:
                await kling.images.generate(prompt="a fox")

    (ended,) = of(told, SubmitEnded)
    assert ("refused", None, False) == (ended.outcome, ended.task_id, ended.cancelled)
    assert caught.value is ended.error
    assert [code] == [event.code for event in of(told, Refused)]


async def test_a_create_that_is_cancelled_again_ends_once() -> None:
    """The second time while the first is still seen to; whatever had become of it by then."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client(on_event=told.append) as kling:
        creates = [asyncio.ensure_future(kling.images.generate(prompt="x")) for _ in range(5)]
        await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
            for create in creates:
                create.cancel()
        await asyncio.wait(creates)

    begun = [event.external_task_id for event in of(told, kinds.SubmitStarted)]
    assert 5 == len(begun)
    assert sorted(begun) == sorted(event.external_task_id for event in of(told, SubmitEnded))


async def test_a_create_that_waits_for_slots_and_is_cancelled_ends_as_well() -> None:
    """Nothing was sent for it."""
    told = list[Event]()

    async with Emulator() as emulator:
        async with emulator.client(on_event=told.append, limits=Limits(image=1)) as kling:
            await kling.images.generate(prompt="a fox")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await kling.images.generate(prompt="another")

    ended = of(told, SubmitEnded)[-1]
    assert ("refused", True, 0.5) == (ended.outcome, ended.cancelled, round(ended.seconds, 2))
    assert 1 == len(of(told, SubmitSent))
    assert 1 == len(of(told, SlotAwaited))


async def test_a_token_that_is_refused_is_told_to_be_replaced() -> None:
    """With the code, the clock that the next one is made by, and the request that it is for."""
    told = list[Event]()

    async with Vendor(refused(1004, 401), said(row())) as vendor:
        keys = AccessKey(ACCESS_KEY, SECRET_KEY)
        async with KlingClient(credentials=keys, base_url=vendor.url, on_event=told.append) as kling:
            await kling.images.generate.get("1")

    assert [TokenReplaced(endpoint="images.generate", method="GET", external_task_id=None, code=1004, ahead=0.0)] == of(
        told, TokenReplaced
    )
    assert [1004] == [event.code for event in of(told, Refused)]


async def test_a_failed_task_is_a_change_and_no_failed_wait() -> None:
    """The waiting ends because the task did."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client(on_event=told.append) as kling:
        handle = await kling.images.generate(prompt="something risky")
        with pytest.raises(TaskFailed):
            await handle

    assert "failed" == of(told, TaskChanged)[-1].status
    assert ["failed"] == [event.status for event in of(told, WaitEnded)]
    assert [] == of(told, WaitFailed)


async def test_several_who_wait_for_a_handle_are_one_wait() -> None:
    """From the first to the last of them."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client(on_event=told.append) as kling:
        handle = await kling.images.generate(prompt="a fox")
        await asyncio.gather(*(handle.wait() for _ in range(3)))

    assert ["WaitStarted", "WaitEnded"] == names(told, WaitStarted, WaitEnded)


async def test_a_wait_that_is_left_ends_with_the_task_still_pending() -> None:
    """And begins again with whoever comes back."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client(on_event=told.append) as kling:
        handle = await kling.images.generate(prompt="a fox")
        with pytest.raises(TimeoutError):
            await handle.wait(0.1)
        await handle

    assert ["WaitStarted", "WaitEnded", "WaitStarted", "WaitEnded"] == names(told, WaitStarted, WaitEnded)
    assert ["submitted", "succeed"] == [event.status for event in of(told, WaitEnded)]


async def test_two_handles_of_a_task_tell_each_change_once() -> None:
    """So that what is counted is tasks; one that comes after the end has nothing to add."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client(on_event=told.append) as kling:
        handle = await kling.images.generate(prompt="a fox")
        other, late = (kling.images.generate.attach(handle.id) for _ in range(2))
        await asyncio.gather(handle.wait(), other.wait())
        await late

    statuses = [event.status for event in of(told, TaskChanged)]
    assert ["processing", "succeed"] == statuses


async def test_a_task_that_is_attached_is_told_at_the_first_look() -> None:
    """Before it nothing was known."""
    told = list[Event]()

    async with Emulator() as emulator, emulator.client() as maker:
        made = await maker.images.generate(prompt="a fox")
        await made
        async with emulator.client(on_event=told.append) as kling:
            await kling.images.generate.attach(made.id).refresh()

    assert [("unknown", "succeed", None)] == [(each.before, each.status, each.model) for each in of(told, TaskChanged)]


async def test_a_task_that_is_lost_is_gone_and_the_waiting_failed() -> None:
    """The vendor never knew it again."""
    told = list[Event]()

    async with Emulator(faults=[Hide(10_000)]) as emulator:
        async with emulator.client(on_event=told.append, polling=Polling(patience=5, list_pages=False)) as kling:
            handle = await kling.images.generate(prompt="a fox")
            with pytest.raises(TaskLost):
                await handle

    assert ["WaitStarted", "WaitFailed", "TaskGone", "WaitEnded"] == names(
        told, WaitStarted, WaitFailed, TaskGone, WaitEnded
    )
    assert ["TaskLost"] == [type(event.error).__name__ for event in of(told, WaitFailed)]


async def test_several_listeners_are_told_in_turn_and_one_that_fails_is_no_hindrance(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each failure is logged once."""
    told = list[Event]()

    def fails(event: Event) -> None:
        raise ValueError(event)

    async with Emulator() as emulator, emulator.client(on_event=[fails, told.append, fails]) as kling:
        await kling.images.generate(prompt="a fox")

    assert 1 == len(of(told, SubmitEnded))
    assert 2 == sum(each.name == "kling_async.events" for each in caplog.records)


@pytest.mark.parametrize("faults", [[], [Lose("cut", first=1)], [Refuse(5000, calls="queries", first=2)]])
async def test_no_event_is_made_where_nobody_listens(faults: list[Fault], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one, whatever happens."""
    made = list[str]()

    def make(event: Event, **_: object) -> None:
        made.append(type(event).__name__)

    for name in kinds.__all__:
        kind = getattr(kinds, name)
        if attrs.has(kind):
            monkeypatch.setattr(kind, "__init__", make)

    async with Emulator(slots={"image": 1}, faults=faults) as emulator, emulator.client() as kling:
        handles = await asyncio.gather(*(kling.images.generate(prompt="a fox") for _ in range(2)))
        await asyncio.gather(*(handle.wait() for handle in handles))

    assert [] == made


async def test_no_event_shows_a_key_a_prompt_or_a_signed_link() -> None:
    """Whatever is told of, in a repr or in its fields."""
    told = list[Event]()

    async with Emulator(faults=[Lose("cut", first=1), Refuse(1302, calls="queries", first=1)]) as emulator:
        async with emulator.client(on_event=told.append) as kling:
            await (await kling.images.generate(prompt="a fox that nobody is to know of"))

    text = " ".join(f"{event!r} {attrs.asdict(event)}" for event in told)
    assert not [each for each in (API_KEY, SECRET_KEY, ACCESS_KEY, "nobody is to know", "Signature") if each in text]
