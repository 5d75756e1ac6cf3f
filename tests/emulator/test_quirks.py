"""With quirks, every field variation the documents list turns up; what is certain stays certain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kling_async.emulator.documents import is_object

Call = Callable[..., Awaitable[tuple[int, Any]]]

IMAGES = "/v1/images/generations"
OTHERS = "/v1/videos/text2video"
DUBBED = "/v1/audio/video-to-audio"
MISSING = "missing"
LOOKS = 300


def variations(tasks: list[dict[str, Any]], field: str) -> set[str]:
    """Every value a field was seen with, as JSON."""
    return {json.dumps(task[field]) if field in task else MISSING for task in tasks}


async def look(call: Call, path: str) -> list[Any]:
    """What many looks tell."""
    return [(await call("GET", path))[1]["data"] for _ in range(LOOKS)]


@pytest.mark.looptime
@pytest.mark.kling_emulator(quirks=True, speed=1)
async def test_every_documented_variation_turns_up(call: Call) -> None:
    """Before the end and after it, a field takes each of the forms that were seen in the wild, and no other."""
    _, created = await call("POST", IMAGES, {"prompt": "a cat", "external_task_id": "mine", "model_name": "kling-v3"})
    path = f"{IMAGES}/{created['data']['task_id']}"

    before = await look(call, path)
    await asyncio.sleep(10_000)
    after = await look(call, path)

    assert {MISSING, "{}", '{"external_task_id": null}', '{"external_task_id": "mine"}'} == variations(
        before, "task_info"
    )
    assert {MISSING, "{}", '{"images": []}', '{"images": null}'} == variations(before, "task_result")
    assert {MISSING, '""', '"0"'} == variations(before, "final_unit_deduction")
    assert {MISSING, '""', "null"} == variations(before, "task_status_msg")
    assert {'"8"'} == variations(after, "final_unit_deduction")
    assert 3 == len(variations(after, "final_balance_deduction"))
    assert {MISSING} == variations(before, "final_balance_deduction")
    images = [task["task_result"]["images"][0] for task in after]
    assert {MISSING, '""', "null"} == variations(images, "watermark_url")
    assert 1 == len(variations(images, "url"))


@pytest.mark.kling_emulator(quirks=True)
async def test_empty_page_is_empty_or_null(call: Call) -> None:
    """Past the end of a list there is an empty array, or null."""
    told = [(await call("GET", OTHERS))[1]["data"] for _ in range(50)]

    assert [] in told
    assert None in told


@pytest.mark.looptime
@pytest.mark.kling_emulator(quirks=True, speed=1)
@pytest.mark.parametrize("path", [DUBBED, OTHERS])
async def test_one_dubbed_video_may_be_listed_alone(call: Call, path: str) -> None:
    """The list of one kind of task is an array, or in an older sample its only task; two are always an array."""
    body = {"video_url": "https://host.example/a.mp4"} if path == DUBBED else {"prompt": "a cat"}
    await call("POST", path, body)

    one = await look(call, path)
    await call("POST", path, body)
    two = await look(call, path)

    alone = [{is_object(told) for told in each} for each in (one, two)]
    assert [{False, True} if path == DUBBED else {False}, {False}] == alone
    assert 1 == len({(told if is_object(told) else told[0])["task_id"] for told in one})


@pytest.mark.looptime
async def test_without_quirks_answers_are_plain(call: Call) -> None:
    """Without quirks a task is told the same way every time."""
    _, created = await call("POST", IMAGES, {"prompt": "a cat", "external_task_id": "mine"})
    path = f"{IMAGES}/{created['data']['task_id']}"
    await asyncio.sleep(10_000)

    told = {json.dumps((await call("GET", path))[1]["data"]) for _ in range(20)}

    assert 1 == len(told)
    assert {"external_task_id": "mine"} == json.loads(told.pop())["task_info"]
