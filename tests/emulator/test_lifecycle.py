"""From submitted to the end: what a task's status says when, and what it costs in slots and units."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any

import aiohttp
import pytest

from kling_async.emulator import API_KEY, Emulator
from kling_async.emulator.lifecycle import IMAGE, VIDEO, Durations

Call = Callable[..., Awaitable[tuple[int, Any]]]

IMAGES = "/v1/images/generations"
VIDEOS = "/v1/videos/text2video"
HOURS = 10_000

real_time = pytest.mark.kling_emulator(speed=1)


@pytest.mark.looptime
@real_time
async def test_statuses_follow_each_other(call: Call) -> None:
    """A task is submitted, then processing, then succeeds, and stays so."""
    _, created = await call("POST", IMAGES, {"prompt": "a cat"})
    path = f"{IMAGES}/{created['data']['task_id']}"

    seen: list[str] = []
    for _ in range(1000):
        _, answer = await call("GET", path)
        if [answer["data"]["task_status"]] != seen[-1:]:
            seen.append(answer["data"]["task_status"])
        await asyncio.sleep(0.1)

    assert ["submitted", "processing", "succeed"] == seen


@pytest.mark.looptime
@real_time
async def test_times_are_milliseconds_of_the_loops_clock(call: Call, kling_emulator: Emulator) -> None:
    """created_at and updated_at differ by the duration of the task as the loop lived it, and then stand still."""
    _, created = await call("POST", VIDEOS, {"prompt": "a cat"})
    task = kling_emulator.tasks[created["data"]["task_id"]]
    await asyncio.sleep(HOURS)

    _, first = await call("GET", f"{VIDEOS}/{task.task_id}")
    await asyncio.sleep(HOURS)
    _, second = await call("GET", f"{VIDEOS}/{task.task_id}")

    took = first["data"]["updated_at"] - first["data"]["created_at"]
    assert abs(took - (task.course.ended - task.course.created) * 1000) <= 1
    assert 30_000 <= took <= 3_600_000
    assert first["data"]["updated_at"] == second["data"]["updated_at"]
    assert created["data"]["created_at"] == created["data"]["updated_at"] == first["data"]["created_at"]


@pytest.mark.looptime
async def test_speed_compresses_the_time(call: Call, kling_emulator: Emulator) -> None:
    """A thousand times as fast, every picture is there within the second."""
    _, created = await call("POST", IMAGES, {"prompt": "a cat"})

    await asyncio.sleep(0.9)

    _, answer = await call("GET", f"{IMAGES}/{created['data']['task_id']}")
    (task,) = kling_emulator.tasks.values()
    assert "succeed" == answer["data"]["task_status"] == task.status


@pytest.mark.looptime
@real_time
async def test_result_comes_with_success_only(call: Call) -> None:
    """task_result is empty and the units are missing until the task has succeeded."""
    _, created = await call("POST", IMAGES, {"prompt": "a cat", "model_name": "kling-v3", "n": 3})
    path = f"{IMAGES}/{created['data']['task_id']}"

    _, before = await call("GET", path)
    await asyncio.sleep(HOURS)
    _, after = await call("GET", path)

    assert {} == before["data"]["task_result"]
    assert "final_unit_deduction" not in before["data"]
    assert [0, 1, 2] == [image["index"] for image in after["data"]["task_result"]["images"]]
    assert "24" == after["data"]["final_unit_deduction"]


@pytest.mark.looptime
@pytest.mark.kling_emulator(units={"image": 100})
async def test_risky_prompt_fails_late_and_costs_nothing(call: Call, kling_emulator: Emulator) -> None:
    """A risky word is accepted, then fails with the vendor's words."""
    status, created = await call("POST", IMAGES, {"prompt": "a Risky stunt", "model_name": "kling-v3"})
    await asyncio.sleep(HOURS)

    _, answer = await call("GET", f"{IMAGES}/{created['data']['task_id']}")

    assert 200 == status
    assert "failed" == answer["data"]["task_status"]
    assert "Failure to pass the risk control system" == answer["data"]["task_status_msg"]
    assert {} == answer["data"]["task_result"]
    assert "final_unit_deduction" not in answer["data"]
    assert 0 == kling_emulator.spent["image"]


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1, slots={"image": 5, "video": 1})
async def test_slots_are_held_until_the_end(call: Call) -> None:
    """An image task holds n slots of its pool, a video one; both give them back when they end."""
    await call("POST", IMAGES, {"prompt": "a cat", "n": 4})
    await call("POST", VIDEOS, {"prompt": "a cat"})

    too_many, refusal = await call("POST", IMAGES, {"prompt": "a cat", "n": 2})
    one_more, _ = await call("POST", IMAGES, {"prompt": "a cat"})
    second_video, _ = await call("POST", VIDEOS, {"prompt": "a cat"})
    await asyncio.sleep(HOURS)
    after, _ = await call("POST", IMAGES, {"prompt": "a cat", "n": 5})

    assert (429, 1303, "parallel task over resource pack limit") == (too_many, refusal["code"], refusal["message"])
    assert "data" not in refusal
    assert [200, 429, 200] == [one_more, second_video, after]


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1, units={"image": 20})
async def test_units_run_out(call: Call, kling_emulator: Emulator) -> None:
    """A running task holds its price back and is charged once; a price above what is left is refused with 1102."""
    body = {"prompt": "a cat", "model_name": "kling-v3", "n": 2}
    await call("POST", IMAGES, body)

    status, answer = await call("POST", IMAGES, body)
    wrong, wrong_answer = await call("POST", IMAGES, {**body, "n": 99})
    await asyncio.sleep(HOURS)
    rest, _ = await call("POST", IMAGES, {"prompt": "a cat", "model_name": "kling-v2-1"})

    assert (429, 1102, "Account balance not enough") == (status, answer["code"], answer["message"])
    assert (400, 1201) == (wrong, wrong_answer["code"])
    assert 200 == rest
    assert Decimal(16) == kling_emulator.spent["image"]


@pytest.mark.looptime
async def test_small_input_picture_fails_late(call: Call, a_picture: Callable[..., str]) -> None:
    """A picture with a side under 300 pixels, or too long a one, is accepted and fails with the observed text."""
    bodies = [
        {"image": a_picture(299, 400), "prompt": "x"},
        {"image": a_picture(1000, 399, "JPEG"), "prompt": "x"},
        {"image": a_picture(1000, 400, "JPEG"), "prompt": "x"},
    ]
    created = [await call("POST", "/v1/videos/image2video", body) for body in bodies]
    await asyncio.sleep(HOURS)

    ended = [await call("GET", f"/v1/videos/image2video/{answer['data']['task_id']}") for _, answer in created]

    messages = [answer["data"]["task_status_msg"] for _, answer in ended]
    assert ["Image pixel is invalid", "Image pixel is invalid", ""] == messages


async def test_same_seed_same_fates() -> None:
    """Two emulators with one seed give the same ids and durations; another seed gives others."""
    told = [await _fates(seed) for seed in (7, 7, 8)]

    assert told[0] == told[1]
    assert told[0] != told[2]


async def _fates(seed: int) -> list[tuple[str, float]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with Emulator(seed=seed) as emulator, aiohttp.ClientSession(emulator.url, headers=headers) as http:
        for _ in range(3):
            async with http.post(VIDEOS, json={"prompt": "a cat"}) as answer:
                assert 200 == answer.status
        return [(task.task_id, round(task.course.ended - task.course.created, 3)) for task in emulator.tasks.values()]


@pytest.mark.parametrize(("durations", "median", "mean"), [(IMAGE, 19.0, 21.3), (VIDEO, 125.0, 147.0)])
def test_durations_look_like_the_observed_ones(durations: Durations, median: float, mean: float) -> None:
    """Median and mean of many draws are those of the documented lognormals."""
    random = Random(0)

    drawn = [durations.draw(random) for _ in range(20_000)]

    assert median == pytest.approx(statistics.median(drawn), rel=0.03)
    assert mean == pytest.approx(statistics.mean(drawn), rel=0.05)
