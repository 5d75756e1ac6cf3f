"""No task is paid twice and none is lost: creates through the client, whose answers the emulator loses in every way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kling_async import ApiError, DuplicateTask, KlingClient, Limits, Polling, Retry, SubmitUnknown
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Down, Fault, Hide, Lose, Refuse, RepeatedIds, Slow

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
        assert await handle


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
    """In the middle of twenty creates and of the waiting for their ends."""
    down = [Down(since=since, until=since + 10) for since in (0.5, 15, 40)]
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


async def made(kling: KlingClient, number: int) -> Any:
    """A picture, from its words to its end."""
    return await (await kling.images.generate(prompt=f"number {number}"))


def posts(emulator: Emulator) -> int:
    """How many creates the vendor was sent."""
    return sum(request.method == "POST" for request in emulator.requests)
