"""No task is paid twice and none is lost: creates through the client, whose answers the emulator loses in every way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kling_async import ApiError, ClientClosed, DuplicateTask, KlingClient, Limits, Polling, Retry, SubmitUnknown
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Bend, Down, Fault, Hide, Lose, Refuse, RepeatedIds, Slow
from kling_async.events import Event, SubmitEnded
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, refused, row, said

WAYS: list[Any] = [
    "cut", "cut_body", "reset", "empty", "unreadable", "no_task_id", "html", "silence",
    5000, 5001, 5002, 500, 502, 503, 504, 408,
]  # fmt: skip

PICTURE = "https://example.com/a.png"
CLIP = "https://example.com/a.mp4"


def paid(emulator: Emulator) -> list[int]:
    """How many tasks each create was billed for."""
    return sorted(len(tasks) for tasks in emulator.tasks_by_external_id.values())


@pytest.mark.looptime
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lax", [False, True])
async def test_a_lost_answer_costs_one_task_and_no_result(way: Any, *, lax: bool) -> None:
    """The task that was made is found by its id; even where the vendor would make another, and shows it late."""
    more: list[Fault] = [RepeatedIds(), Hide(1.0)] if lax else []
    retry = Retry(settle=2.0) if lax else Retry()
    async with Emulator(faults=[Lose(way, first=5), *more]) as emulator:
        async with emulator.client(timeout=5, retry=retry) as kling:
            handles = await asyncio.gather(*(kling.images.generate(prompt=f"number {at}") for at in range(5)))
            tasks = await asyncio.gather(*(handle.wait() for handle in handles))

            assert [1] * 5 == paid(emulator)
            assert set(emulator.tasks) == {task.id for task in tasks}
            assert 5 == sum(request.fault == f"lose {way}" for request in emulator.requests)
            assert 0 == kling.slots["image"].used


@pytest.mark.looptime
@pytest.mark.parametrize("way", ["cut", "html", "no_task_id", 5002])
@pytest.mark.parametrize("room", ["image", "video"])
async def test_a_lost_task_is_found_in_the_list_where_it_cannot_be_asked_for(way: Any, room: str) -> None:
    """Two endpoints have no query by external id."""
    async with Emulator(faults=[Lose(way, first=3), Hide(1.0)]) as emulator, emulator.client() as kling:

        async def make() -> str:
            if room == "image":
                return (await kling.images.multi_shot(element_frontal_image=PICTURE)).id or ""
            said = {"mode": "text2video", "video_url": CLIP, "text": "hi", "voice_id": "oversea_male1"}
            return (await kling.videos.lip_sync(input=said)).id or ""

        made = await asyncio.gather(*(make() for _ in range(3)))

        assert [1, 1, 1] == paid(emulator)
        assert set(emulator.tasks) == set(made)


@pytest.mark.looptime
@pytest.mark.parametrize("answer", [5000, 5001, 5002, 504, "html", "cut", "silence"])
async def test_a_create_that_made_nothing_is_sent_again_after_the_settle_window(answer: Any) -> None:
    """With the same id, when it is certain that there is no task."""
    clock = asyncio.get_running_loop().time
    faults = [Refuse(answer, calls="creates", first=2), RepeatedIds()]
    async with Emulator(faults=faults) as emulator, emulator.client(timeout=5, retry=Retry(settle=7)) as kling:
        begun = clock()
        handle = await kling.images.generate(prompt="x")
        took = clock() - begun

        assert [1] == paid(emulator)
        assert 14 <= took <= 14 + 2 * 5 + 2
        assert handle.id == (await handle).id


@pytest.mark.looptime
@pytest.mark.parametrize("shape", ["array", "null", "no_data", "unknown_status", "no_status"])
async def test_an_answer_in_another_shape_costs_one_task_too(shape: Any) -> None:
    """What can be read of it is enough, and what cannot is looked for."""
    faults = [Bend(shape, calls="creates", first=3), RepeatedIds(), Hide(1)]
    async with Emulator(faults=faults) as emulator, emulator.client(retry=Retry(settle=2)) as kling:
        tasks = await asyncio.gather(*(made(kling, at) for at in range(3)))

        assert [1] * 3 == paid(emulator)
        assert set(emulator.tasks) == {task.id for task in tasks}


@pytest.mark.looptime
@pytest.mark.parametrize("trouble", ["cut", "silence", "html", "unreadable", 503, 5000, 1004, 1302, 1303, 429])
async def test_a_lost_task_is_found_although_the_questions_for_it_fail(trouble: Any) -> None:
    """A question that fails is no answer, so that nothing is sent again."""
    faults = [Lose("cut", first=3), RepeatedIds(), Refuse(trouble, calls=["queries", "lists"], first=9)]
    async with Emulator(faults=faults) as emulator, emulator.client(timeout=4, retry=Retry(settle=2)) as kling:
        tasks = await asyncio.gather(*(made(kling, at) for at in range(3)))

        assert [1] * 3 == paid(emulator)
        assert set(emulator.tasks) == {task.id for task in tasks}


@pytest.mark.looptime
async def test_holding_tells_what_cannot_be_settled_and_the_way_back() -> None:
    """Nothing is sent twice, and the id in the error finds a task that shows itself later."""
    retry = Retry(settle=2, on_unknown="hold")
    async with Emulator(faults=[Lose("cut", first=1), Hide(20)]) as emulator, emulator.client(retry=retry) as kling:
        with pytest.raises(SubmitUnknown) as caught:
            await kling.images.generate(prompt="x")
        task = await kling.images.generate.attach(external_task_id=caught.value.external_task_id)

        assert [task.id] == list(emulator.tasks)
        assert 1 == posts(emulator)


@pytest.mark.looptime
@pytest.mark.parametrize("code", [1201, 1301, 1103, 1202])
async def test_a_refusal_after_a_lost_answer_is_about_the_id_that_is_in_use(code: int) -> None:
    """The vendor does not say what it answers then; the task that was made is the one that was wanted."""
    faults = [Lose("cut", first=1), Hide(3), Refuse(code, calls="creates", since=2.0)]
    async with Emulator(faults=faults) as emulator, emulator.client(retry=Retry(settle=2.5)) as kling:
        handle = await kling.images.generate(prompt="x")

        assert [handle.id] == list(emulator.tasks)


@pytest.mark.looptime
async def test_a_second_create_with_a_used_id_is_refused_and_a_second_attempt_adopts() -> None:
    """Only an attempt of one's own may have made the task with that id."""
    async with Emulator(faults=[Lose(5002, every=2), Hide(4)]) as emulator:
        async with emulator.client(retry=Retry(settle=2)) as kling:
            await kling.images.generate(prompt="x", external_task_id="mine")
            with pytest.raises(DuplicateTask):
                await kling.images.generate(prompt="x", external_task_id="mine")
            again = await kling.images.generate(prompt="x", external_task_id="other")

        assert [1, 1] == paid(emulator)
        assert "other" == emulator.tasks[again.id or ""].external_task_id
        assert 4 == posts(emulator)


@pytest.mark.looptime
@pytest.mark.parametrize("code", [1100, 1101, 1102, 1304, 1103, 1200, 1201, 1300, 1301, 1000, 1001])
async def test_a_permanent_refusal_is_not_repeated(code: int) -> None:
    """Whatever its HTTP status: four of them say 429."""
    async with Emulator(faults=[Refuse(code, calls="creates")]) as emulator, emulator.client() as kling:
        with pytest.raises(ApiError) as caught:
            await kling.images.generate(prompt="x")

        assert code == caught.value.code
        assert 1 == posts(emulator)
        assert 0 == kling.slots["image"].used


@pytest.mark.looptime
@pytest.mark.parametrize("polls", [True, False])
async def test_a_vendor_that_dies_and_comes_back_costs_nothing(*, polls: bool) -> None:
    """In the middle of twenty creates and of the waiting for their ends; away for less than five attempts last."""
    down = [Down(since=since, until=since + 10) for since in (0.5, 41, 82)]
    slow = Slow(1.0, calls="creates")  # so that some of them are under way when the end comes
    polling = Polling(list_pages=polls)
    async with Emulator(faults=[slow, *down], slots={"image": 5}) as emulator:
        async with emulator.client(polling=polling, retry=Retry(settle=3)) as kling:
            tasks = await asyncio.gather(*(made(kling, at) for at in range(20)))

            assert 20 == len({task.id for task in tasks})
            assert [1] * 20 == paid(emulator)
            assert set(emulator.tasks) == {task.id for task in tasks}


@pytest.mark.looptime
@pytest.mark.parametrize("at_once", [2, 20])
async def test_creates_begun_while_the_vendor_is_away_are_made_when_it_is_back(at_once: int) -> None:
    """However many there are: what reaches nobody costs nothing of the budget."""
    async with Emulator(faults=[Down(until=10)]) as emulator, emulator.client(limits=Limits(image=at_once)) as kling:
        handles = await asyncio.gather(*(kling.images.generate(prompt="x") for _ in range(20)))

        assert [1] * 20 == paid(emulator)
        assert {handle.id for handle in handles} == set(emulator.tasks)


# Creates that nobody waits for any more.


@pytest.mark.looptime
@pytest.mark.parametrize("way", ["cancel", "timeout", "wait_for", "group"])
@pytest.mark.parametrize("lost", [False, True])
async def test_a_create_that_its_caller_leaves_is_finished_in_the_background(
    way: str, caplog: pytest.LogCaptureFixture, *, lost: bool
) -> None:
    """The caller is gone at once; the task is told of by an event, in the log, and by its slot until it ends."""
    told = list[Event]()
    clock = asyncio.get_running_loop().time
    faults: list[Fault] = [Slow(3, calls="creates"), *([Lose("cut", first=1)] if lost else [])]
    async with Emulator(faults=faults) as emulator:
        async with emulator.client(limits=Limits(image=1), on_event=told.append) as kling:
            begun = clock()
            await left(kling, way)
            assert clock() - begun <= 1.01
            await asyncio.sleep(6)

            (task,) = emulator.tasks.values()
            assert [
                SubmitEnded(
                    endpoint="images.generate",
                    external_task_id=task.external_task_id or "",
                    outcome="accepted",
                    task_id=task.task_id,
                )
            ] == [event for event in told if isinstance(event, SubmitEnded)]
            assert str(task.external_task_id) in caplog.text
            assert 1 == kling.slots["image"].used
            assert task.task_id == (await kling.images.generate.attach(external_task_id=task.external_task_id)).id
            assert 0 == kling.slots["image"].used


async def left(kling: KlingClient, way: str) -> None:
    """Begin a create and leave it after a second."""
    making = kling.images.generate(prompt="x")
    if way == "cancel":
        task = asyncio.ensure_future(making)
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    elif way == "timeout":
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await making
    elif way == "wait_for":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(making, 1)
    else:
        with pytest.raises(ExceptionGroup):
            await grouped(making)


async def grouped(making: Any) -> None:
    """A group of two tasks, one of which fails after a second."""
    async with asyncio.TaskGroup() as group:
        group.create_task(making)
        await asyncio.sleep(1)
        raise ValueError


@pytest.mark.looptime
async def test_a_create_that_its_caller_leaves_is_followed_for_ten_seconds() -> None:
    """Then it is told that nothing is known; its slot is kept for a while, and comes free."""
    told = list[Event]()
    async with Emulator(faults=[Refuse("silence", calls="creates")]) as emulator:
        async with emulator.client(limits=Limits(image=1), on_event=told.append) as kling:
            await left(kling, "timeout")
            await asyncio.sleep(8.9)
            early = [event for event in told if isinstance(event, SubmitEnded)]
            await asyncio.sleep(1.2)

            assert [] == early
            assert [("unknown", True)] == [(end.outcome, end.cancelled) for end in told if isinstance(end, SubmitEnded)]
            assert 1 == kling.slots["image"].used
            await asyncio.sleep(60)
            assert 0 == kling.slots["image"].used
            assert 1 == posts(emulator)


@pytest.mark.looptime
@pytest.mark.parametrize("leaves", [False, True])
async def test_closing_in_the_middle_of_creates_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture, *, leaves: bool
) -> None:
    """No task, no socket; whose caller is gone has the rest of its ten seconds, whose is there an error with an id."""
    async with Emulator(faults=[Slow(3, calls="creates")]) as emulator:
        before = asyncio.all_tasks()
        kling = emulator.client(limits=Limits(image=3))
        making = [asyncio.ensure_future(kling.images.generate(prompt="x")) for _ in range(5)]
        await asyncio.sleep(1)
        if leaves:
            for each in making[:3]:
                each.cancel()
            await asyncio.sleep(0)
        await kling.close()
        ended = await asyncio.gather(*making, return_exceptions=True)
        mine = asyncio.all_tasks() - before

        expected = [asyncio.CancelledError] * 3 if leaves else [SubmitUnknown] * 3
        assert [*expected, ClientClosed, ClientClosed] == [type(each) for each in ended]
        assert [] == [task.get_name() for task in mine if "kling_async" in task.get_name()]
        ids = {each.external_task_id for each in ended if isinstance(each, SubmitUnknown)}
        made = {task.external_task_id or "" for task in emulator.tasks.values()}
        assert made == ids if not leaves else all(each in caplog.text for each in made)
        assert 3 == len(made)


@pytest.mark.looptime
@pytest.mark.parametrize("answer", ["silence", 5000])
async def test_a_close_that_is_cancelled_leaves_nothing_behind_either(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What is still followed then, be it an answer or a settle window, is given up, and named in the log."""
    told = list[Event]()
    async with Emulator(faults=[Refuse(answer, calls="creates")]) as emulator:
        before = asyncio.all_tasks()
        kling = emulator.client(on_event=told.append)
        await left(kling, "cancel") if answer == "silence" else await left_settling(kling)
        closing = asyncio.ensure_future(kling.close())
        await asyncio.sleep(1)
        closing.cancel()
        await asyncio.wait([closing])
        await asyncio.sleep(0.1)

        assert kling.closed
        assert [] == [task.get_name() for task in asyncio.all_tasks() - before if "kling_async" in task.get_name()]
        (ended,) = [event for event in told if isinstance(event, SubmitEnded)]
        assert "unknown" == ended.outcome
        assert ended.external_task_id in caplog.text


async def left_settling(kling: KlingClient) -> None:
    """Leave a create whose outcome is being looked for."""
    making = asyncio.ensure_future(kling.images.generate(prompt="x"))
    await asyncio.sleep(5)
    making.cancel()
    await asyncio.wait([making])


@pytest.mark.looptime
async def test_a_create_that_is_left_in_the_queue_was_never_sent() -> None:
    """Nothing to finish, nothing in doubt, and the place goes to the next."""
    told = list[Event]()
    async with Emulator() as emulator:
        async with emulator.client(limits=Limits(image=1), on_event=told.append) as kling:
            await made(kling, 1)
            first = await kling.images.generate(prompt="x")
            await left(kling, "wait_for")
            await made(kling, 2)

            assert first.done
            assert 3 == len(emulator.tasks) == posts(emulator)
            ends = [event for event in told if isinstance(event, SubmitEnded)]
            assert ["refused"] == [event.outcome for event in ends if event.cancelled]
            assert 4 == len(ends)


async def made(kling: KlingClient, number: int) -> Any:
    """A picture, from its words to its end."""
    return await (await kling.images.generate(prompt=f"number {number}"))


def posts(emulator: Emulator) -> int:
    """How many creates the vendor was sent."""
    return sum(request.method == "POST" for request in emulator.requests)


@pytest.mark.looptime
@pytest.mark.parametrize("named", [True, False])
async def test_a_list_that_does_not_tell_leads_to_no_second_create(*, named: bool) -> None:
    """Its rows name no external ids, so that any of them may be the task; where they do, there certainly is none."""
    sent = list[str]()

    def answer(seen: Seen) -> Reply:
        if seen.method == "POST":
            sent.append(seen.json["external_task_id"])
            return refused(5000, 500) if len(sent) == 1 else said(row("9"))
        if "pageNum" not in seen.path:
            return refused(1201, 400, "Task not found by id/external id")
        told = [row("8", task_info={"external_task_id": "theirs"} if named else {})]
        return said(told if "pageNum=1&" in seen.path else [])

    async with Vendor(answer) as vendor:
        async with KlingClient(base_url=vendor.url, api_key=API_KEY, retry=Retry(settle=2)) as kling:
            (made,) = await asyncio.gather(
                kling.images.multi_shot(element_frontal_image=PICTURE), return_exceptions=True
            )

    assert 1 == len(set(sent))
    assert (2, "9") == (len(sent), getattr(made, "id", None)) if named else isinstance(made, SubmitUnknown)
