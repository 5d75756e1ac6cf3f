"""Voices: made by tasks, listed as presets, deleted by their own id, and known to other calls while they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from kling_async.emulator import Emulator
from tests.support.documented import problems

Call = Callable[..., Awaitable[tuple[int, Any]]]

VOICES = "/v1/general/custom-voices"
PRESETS = "/v1/general/presets-voices"
DELETE = "/v1/general/delete-voices"
FILMS = "/v1/videos/text2video"
ELEMENTS = "/v1/general/advanced-custom-elements"
RECORDING = "https://host.example/a.mp3"
MINE: dict[str, Any] = {"voice_name": "narrator", "voice_url": RECORDING, "video_id": ""}
SPOKEN: dict[str, Any] = {
    "element_name": "Mara",
    "element_description": "A sailor",
    "reference_type": "video_refer",
    "element_video_list": {"refer_videos": [{"video_url": "https://host.example/a.mp4"}]},
}
LONG = 10_000

pytestmark = [pytest.mark.looptime]


async def made(call: Call, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The whole answer of a query once the task is done."""
    _, created = await call("POST", path, body)
    await asyncio.sleep(LONG)
    answer: dict[str, Any]
    _, answer = await call("GET", f"{path}/{created['data']['task_id']}")
    return answer


async def voice(call: Call) -> str:
    """The id of a voice of our own."""
    voice_id: str = (await made(call, VOICES, MINE))["data"]["task_result"]["voices"][0]["voice_id"]
    return voice_id


async def binds(call: Call, voice_id: str) -> bool:
    """Whether an element may speak with a voice, which is how one sees that it is there."""
    _, answer = await call("POST", ELEMENTS, SPOKEN | {"element_voice_id": voice_id})
    assert answer["code"] == 0 or answer["message"] == f"Voice id not found: {voice_id}"
    return bool(answer["code"] == 0)


async def test_a_voice_of_our_own(call: Call, http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """A task makes it; it has an id of 18 digits as text, and a sound that shows it."""
    answer = await made(call, VOICES, MINE)

    (voice,) = answer["data"]["task_result"]["voices"]
    async with http.get(voice["trial_url"]) as file:
        kind = file.content_type
    assert [] == problems(answer, "VoiceTaskResponse")
    assert ("narrator", "audio/mpeg", "0.05") == (voice["voice_name"], kind, answer["data"]["final_unit_deduction"])
    assert voice["owned_by"] != "kling"
    assert (True, 18) == (voice["voice_id"].isdigit(), len(voice["voice_id"]))
    assert Decimal("0.05") == kling_emulator.spent["video"]


@pytest.mark.kling_emulator(speed=1)
async def test_a_voice_is_there_when_its_task_has_succeeded(call: Call) -> None:
    """Not before, also for those who could guess its id; and not at all if the task fails."""
    _, created = await call("POST", VOICES, MINE)
    early = await binds(call, created["data"]["task_id"])
    await asyncio.sleep(LONG)
    _, answer = await call("GET", f"{VOICES}/{created['data']['task_id']}")

    late = await binds(call, answer["data"]["task_result"]["voices"][0]["voice_id"])

    assert (False, True) == (early, late)


async def test_voices_are_found_by_external_id(call: Call) -> None:
    """As most tasks are."""
    await made(call, VOICES, MINE | {"external_task_id": "mine"})

    _, answer = await call("GET", f"{VOICES}/mine")

    assert "narrator" == answer["data"]["task_result"]["voices"][0]["voice_name"]


async def test_presets_are_task_shaped(call: Call) -> None:
    """Each item of the list is a finished task with one voice of the vendor, without its task_info and units."""
    _, answer = await call("GET", PRESETS)

    voices = [task["task_result"]["voices"] for task in answer["data"]]
    assert [] == problems(answer, "VoiceTaskListResponse")
    assert {1} == {len(each) for each in voices}
    assert {"kling"} == {each[0]["owned_by"] for each in voices}
    assert not {"task_info", "final_unit_deduction"} & set(answer["data"][0])
    assert await binds(call, voices[0][0]["voice_id"])


async def test_pages_of_presets(call: Call) -> None:
    """Pages follow each other without gaps; past the end there is nothing."""
    _, whole = await call("GET", PRESETS, pageSize=1000)
    pages = [(await call("GET", PRESETS, pageNum=number, pageSize=4))[1]["data"] for number in range(1, 6)]

    ids = [task["task_id"] for task in whole["data"]]
    assert ids == [task["task_id"] for page in pages for task in page]
    assert [] == pages[-1]


@pytest.mark.parametrize("path", [PRESETS, VOICES])
@pytest.mark.parametrize(
    ("query", "code"),
    [({"pageSize": 1000}, 0), ({"pageSize": 1001}, 1201), ({"pageSize": 0}, 1201), ({"pageNum": 1001}, 1201)],
)
async def test_limits_of_pages(call: Call, path: str, query: dict[str, Any], code: int) -> None:
    """Lists of voices may have a thousand on a page, other lists five hundred."""
    _, answer = await call("GET", path, **query)

    assert code == answer["code"]


async def test_deleted_voices_are_gone(call: Call) -> None:
    """Deleted by their own id, not by that of the task; the answer of a live call has no data."""
    voice_id = await voice(call)
    before = await binds(call, voice_id)

    status, answer = await call("POST", DELETE, {"voice_id": voice_id})

    after = await binds(call, voice_id)
    assert [] == problems(answer, "DeleteResponse")
    assert (200, 0, False) == (status, answer["code"], "data" in answer)
    assert (True, False) == (before, after)


async def test_ids_as_numbers_are_tolerated(call: Call) -> None:
    """An official sample sends a number for a voice id."""
    voice_id = await voice(call)

    status, _ = await call("POST", DELETE, {"voice_id": int(voice_id)})

    assert 200 == status


async def test_what_cannot_be_deleted(call: Call) -> None:
    """Unknown voices, presets, voices that are gone already, and ids of tasks."""
    created = await made(call, VOICES, MINE)
    mine = created["data"]["task_result"]["voices"][0]["voice_id"]
    await call("POST", DELETE, {"voice_id": mine})
    _, presets = await call("GET", PRESETS)
    preset = presets["data"][0]["task_result"]["voices"][0]["voice_id"]
    task_id = created["data"]["task_id"]

    answers = [await call("POST", DELETE, {"voice_id": voice_id}) for voice_id in ("1", preset, mine, task_id, "")]

    assert {(400, 1201)} == {(status, answer["code"]) for status, answer in answers}
    assert [
        "Voice id not found: 1",
        f"Official voice can not be deleted: {preset}",
        f"Voice already be deleted for id: {mine}",
        f"Voice id not found: {task_id}",
        "voice_id can not be null",
    ] == [answer["message"] for _, answer in answers]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"voice_url": RECORDING}, "voice_name can not be null"),
        ({"voice_name": "n" * 21, "voice_url": RECORDING}, "voice_name can not be longer than 20 characters"),
        ({"voice_name": "n"}, "voice_url or video_id can not be null"),
        (
            {"voice_name": "n", "voice_url": RECORDING, "video_id": "1"},
            "voice_url and video_id can not be used together",
        ),
        ({"voice_name": "n", "voice_url": "AAAA"}, "voice_url must be a link"),
        ({"voice_name": "n", "video_id": "1"}, "Video id not found: 1"),
    ],
)
async def test_refused(call: Call, body: dict[str, Any], message: str) -> None:
    """What the documents forbid is 400/1201 and named."""
    status, answer = await call("POST", VOICES, body)

    assert (400, 1201, message) == (status, answer["code"], answer["message"])


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        (FILMS, {"prompt": "x"}, "video_id must be a video with sound made by kling-v2-6, avatar or lip-sync"),
        (FILMS, {"prompt": "x", "model_name": "kling-v2-6"}, "video_id must be a video with sound"),
        (FILMS, {"prompt": "x", "model_name": "kling-v2-6", "sound": "on", "mode": "pro"}, ""),
        (
            "/v1/videos/avatar/image2video",
            {"image": "https://host.example/a.png", "sound_file": RECORDING},
            "",
        ),
    ],
)
async def test_voices_from_own_videos(call: Call, path: str, body: dict[str, Any], reason: str) -> None:
    """Only videos that speak: of kling-v2-6 with sound, of avatars and of lip-syncs."""
    answer = await made(call, path, body)
    video_id = answer["data"]["task_result"]["videos"][0]["id"]

    _, created = await call("POST", VOICES, {"voice_name": "n", "video_id": video_id})

    assert (bool(reason), reason in created["message"]) == (created["code"] == 1201, True)


@pytest.mark.kling_emulator(quirks=True)
async def test_quirks_of_deletes(call: Call) -> None:
    """The documents promise a task in the answer, live calls got none: both turn up."""
    seen: set[bool] = set()
    for _ in range(20):
        _, created = await call("POST", VOICES, MINE)
        await asyncio.sleep(LONG)
        _, listed = await call("GET", VOICES, pageSize=1)
        assert created["data"]["task_id"] == listed["data"][0]["task_id"]
        voice_id = listed["data"][0]["task_result"]["voices"][0]["voice_id"]
        _, answer = await call("POST", DELETE, {"voice_id": voice_id})
        assert [] == problems(answer, "DeleteResponse")
        seen.add("data" in answer)

    assert {True, False} == seen
