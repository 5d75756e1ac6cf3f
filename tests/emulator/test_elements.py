"""Elements of both generations: made, listed, deleted, and known to other calls while they are there."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from PIL import Image, ImageStat

from kling_async.emulator import Emulator
from tests.support.documented import problems

Call = Callable[..., Awaitable[tuple[int, Any]]]

ELEMENTS = "/v1/general/advanced-custom-elements"
PRESETS = "/v1/general/advanced-presets-elements"
DELETE = "/v1/general/delete-elements"
DELETE_ADVANCED = "/v1/general/delete-advanced-elements"
PLAIN = "/v1/general/custom-elements"
PLAIN_PRESETS = "/v1/general/presets-elements"
IMAGES = "/v1/images/generations"
LARGEST_EXACT = 2**53
URL = "https://host.example/a.png"
CLIP = "https://host.example/a.mp4"
LONG = 10_000

THING: dict[str, Any] = {
    "element_name": "Mara",
    "element_description": "Young sailor with a red scarf",
    "reference_type": "image_refer",
    "element_image_list": {"frontal_image": URL, "refer_images": [{"image_url": URL}, {"image_url": URL}]},
    "tag_list": [{"tag_id": "o_102"}, {"tag_id": "o_108"}],
}
CHARACTER: dict[str, Any] = {
    "element_name": "Tom",
    "element_description": "A baker",
    "reference_type": "video_refer",
    "element_video_list": {"refer_videos": [{"video_url": CLIP}]},
}
OLD: dict[str, Any] = {
    "element_name": "Boat",
    "element_description": "A boat",
    "element_frontal_image": URL,
    "element_refer_list": [{"image_url": URL}],
    "tag_list": [{"tag_id": "o_104"}],
}

pytestmark = [pytest.mark.looptime]


async def made(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """The whole answer of a query once an element is there."""
    _, created = await call("POST", ELEMENTS, body)
    await asyncio.sleep(LONG)
    answer: dict[str, Any]
    _, answer = await call("GET", f"{ELEMENTS}/{created['data']['task_id']}")
    return answer


async def element(call: Call, body: dict[str, Any] = THING) -> dict[str, Any]:
    """An element of our own."""
    found: dict[str, Any]
    (found,) = (await made(call, body))["data"]["task_result"]["elements"]
    return found


async def usable(call: Call, element_id: int) -> bool:
    """Whether a picture may be made with an element."""
    body = {"prompt": "a cat", "model_name": "kling-v3", "element_list": [{"element_id": element_id}]}
    status, answer = await call("POST", IMAGES, body)
    assert (status, answer["message"]) in {(200, "SUCCEED"), (400, f"Element id not found: {element_id}")}
    return status == 200


async def test_an_element_from_pictures(call: Call, kling_emulator: Emulator) -> None:
    """Free, with the views, the tags under ``id``, an owner, and the status of one that can be used."""
    answer = await made(call, THING)

    (told,) = answer["data"]["task_result"]["elements"]
    assert [] == problems(answer, "ElementTaskResponse")
    assert ("Mara", "image_refer", "succeed") == (told["element_name"], told["reference_type"], told["status"])
    assert 2 == len(told["element_image_list"]["refer_images"])
    assert ({}, {}) == (told["element_video_list"], told["element_voice_info"])
    assert ["o_102", "o_108"] == [tag["id"] for tag in told["tag_list"]]
    assert "0" == answer["data"]["final_unit_deduction"]
    assert 0 == sum(kling_emulator.spent.values())


async def test_a_character_speaks(call: Call) -> None:
    """An element from a video brings a voice of its own, which is known from then on."""
    told = await element(call, CHARACTER)

    voice = told["element_voice_info"]
    _, bound = await call("POST", ELEMENTS, THING | {"element_voice_id": voice["voice_id"]})
    assert told["element_video_list"]["refer_videos"][0]["video_url"].startswith("http://127.0.0.1:")
    assert {} == told["element_image_list"]
    assert voice["trial_url"].startswith("http://127.0.0.1:")
    assert 0 == bound["code"]


async def test_a_voice_can_be_bound(call: Call) -> None:
    """``element_voice_id`` takes a preset, and the element tells it back."""
    _, presets = await call("GET", "/v1/general/presets-voices")
    voice = presets["data"][3]["task_result"]["voices"][0]

    told = [await element(call, body | {"element_voice_id": voice["voice_id"]}) for body in (THING, CHARACTER)]

    keys = ("voice_id", "voice_name", "owned_by")
    assert [[voice[key] for key in keys]] * 2 == [[one["element_voice_info"][key] for key in keys] for one in told]


async def test_ids_that_a_double_would_spoil(call: Call) -> None:
    """Ids are numbers; some have 15 digits, some are larger than what a double holds exactly, and odd."""
    ids = [(await element(call))["element_id"] for _ in range(4)]

    assert 4 == len(set(ids))
    assert {int} == {type(element_id) for element_id in ids}
    assert {True, False} == {element_id > LARGEST_EXACT for element_id in ids}
    assert [element_id > LARGEST_EXACT for element_id in ids] == [int(float(one)) != one for one in ids]
    assert {15} == {len(str(element_id)) for element_id in ids if element_id < LARGEST_EXACT}


async def test_uploads_are_shown_again(
    call: Call, http: aiohttp.ClientSession, a_picture: Callable[..., str], kling_emulator: Emulator
) -> None:
    """The views of an element are made from the pictures that were sent."""
    pictures = {"frontal_image": a_picture(colour="blue"), "refer_images": [{"image_url": a_picture(colour="red")}]}
    told = await element(call, THING | {"element_image_list": pictures})

    async def mean(link: str) -> list[float]:
        async with http.get(link) as answer:
            with Image.open(io.BytesIO(await answer.read())) as picture:
                return ImageStat.Stat(picture.convert("RGB").crop((100, 100, 600, 500))).mean

    front = await mean(told["element_image_list"]["frontal_image"])
    view = await mean(told["element_image_list"]["refer_images"][0]["image_url"])
    assert front[2] > front[0]
    assert view[0] > view[2] + 100
    (task,) = kling_emulator.tasks.values()
    assert {"element_image_list.frontal_image", "element_image_list.refer_images[0].image_url"} == set(task.pictures)


@pytest.mark.kling_emulator(speed=1)
async def test_an_element_is_there_when_its_task_has_succeeded(call: Call) -> None:
    """Never before, never if the task failed: elements are known by their own id only."""
    _, created = await call("POST", ELEMENTS, THING)
    early = await usable(call, int(created["data"]["task_id"]))
    await asyncio.sleep(LONG)
    _, answer = await call("GET", f"{ELEMENTS}/{created['data']['task_id']}")

    late = await usable(call, answer["data"]["task_result"]["elements"][0]["element_id"])

    assert (False, True) == (early, late)


async def test_failed_elements_are_not_made(call: Call, a_picture: Callable[..., str]) -> None:
    """A picture that is too small fails the task, and there is no element."""
    pictures = {"frontal_image": a_picture(299), "refer_images": [{"image_url": URL}]}

    answer = await made(call, THING | {"element_image_list": pictures})

    assert ("failed", "Image pixel is invalid") == (answer["data"]["task_status"], answer["data"]["task_status_msg"])
    assert {} == answer["data"]["task_result"]


@pytest.mark.parametrize("path", [DELETE, DELETE_ADVANCED])
async def test_deleted_elements_are_gone(call: Call, path: str) -> None:
    """By their own id as text, under either path; the task that made one tells ``deleted`` from then on."""
    answer = await made(call, THING)
    task_id = answer["data"]["task_id"]
    element_id = answer["data"]["task_result"]["elements"][0]["element_id"]
    before = await usable(call, element_id)

    status, deleted = await call("POST", path, {"element_id": str(element_id)})

    after = await usable(call, element_id)
    _, again = await call("GET", f"{ELEMENTS}/{task_id}")
    _, listed = await call("GET", ELEMENTS)
    assert [] == problems(deleted, "DeleteResponse")
    assert (200, False) == (status, "data" in deleted)
    assert (True, False) == (before, after)
    assert ["deleted"] == [one["status"] for one in again["data"]["task_result"]["elements"]]
    assert ["deleted"] == [task["task_result"]["elements"][0]["status"] for task in listed["data"]]
    assert "succeed" == again["data"]["task_status"]


async def test_what_cannot_be_deleted(call: Call) -> None:
    """Unknown ones, presets, ones that are gone already (both paths share a store), ids of tasks, and numbers."""
    answer = await made(call, THING)
    task_id, mine = answer["data"]["task_id"], answer["data"]["task_result"]["elements"][0]["element_id"]
    await call("POST", DELETE, {"element_id": str(mine)})
    _, presets = await call("GET", PRESETS)
    preset = presets["data"][0]["task_result"]["elements"][0]["element_id"]

    ids = ["1", str(preset), str(mine), task_id, "", mine]
    answers = [await call("POST", DELETE_ADVANCED, {"element_id": element_id}) for element_id in ids]

    assert {(400, 1201)} == {(status, answer["code"]) for status, answer in answers}
    assert [
        "Element id not found: 1",
        f"Official element can not be deleted: {preset}",
        f"Element already be deleted for id: {mine}",
        f"Element id not found: {task_id}",
        "element_id can not be null",
        f"element_id value '{mine}' is invalid, it must be of type string",
    ] == [answer["message"] for _, answer in answers]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_deletes_are_posts(call: Call, method: str) -> None:
    """There is no DELETE verb."""
    status, answer = await call(method, DELETE)

    assert (404, 1202) == (status, answer["code"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"element_name": ""}, "element_name can not be null"),
        ({"element_name": "n" * 21}, "element_name can not be longer than 20 characters"),
        ({"element_description": "n" * 101}, "element_description can not be longer than 100 characters"),
        ({"reference_type": None}, "reference_type can not be null"),
        ({"reference_type": "sound_refer"}, "reference_type value 'sound_refer' is invalid"),
        ({"element_image_list": None}, "element_image_list can not be null"),
        ({"reference_type": "video_refer"}, "element_video_list can not be null"),
        (
            {"reference_type": "video_refer", "element_video_list": {"refer_videos": [{"video_url": "AAAA"}]}},
            "video_url must be a link, videos are not taken as base64",
        ),
        ({"element_image_list": {"frontal_image": URL}}, "element_image_list.refer_images can not be null"),
        (
            {"element_image_list": {"frontal_image": "data:image/png;base64,AA", "refer_images": [{"image_url": URL}]}},
            "File is not in a valid base64 format",
        ),
        ({"tag_list": [{"tag_id": "o_109"}]}, "tag_list.0.tag_id value 'o_109' is invalid"),
        ({"element_voice_id": "1"}, "Voice id not found: 1"),
    ],
)
async def test_refused(call: Call, change: dict[str, Any], message: str) -> None:
    """What the documents forbid is 400/1201 and named."""
    status, answer = await call("POST", ELEMENTS, THING | change)

    assert (400, 1201, message) == (status, answer["code"], answer["message"])


async def test_too_many_views(call: Call) -> None:
    """One to three views besides the front."""
    pictures = {"frontal_image": URL, "refer_images": [{"image_url": URL}] * 4}

    status, answer = await call("POST", ELEMENTS, THING | {"element_image_list": pictures})

    assert (400, 1201) == (status, answer["code"])
    assert answer["message"].startswith("element_image_list.refer_images value")


async def test_presets_are_task_shaped(call: Call) -> None:
    """The vendor's elements, each in a finished task, usable at once."""
    _, answer = await call("GET", PRESETS, pageSize=500)

    told = [task["task_result"]["elements"][0] for task in answer["data"]]
    assert [] == problems(answer, "ElementTaskListResponse")
    assert ({"kling"}, {"succeed"}) == ({one["owned_by"] for one in told}, {one["status"] for one in told})
    assert not {"task_info", "final_unit_deduction"} & set(answer["data"][0])
    assert [True] * len(told) == [await usable(call, one["element_id"]) for one in told]


async def test_first_generation_is_made_at_once(call: Call, kling_emulator: Emulator) -> None:
    """No task: the answer is the element; the list has plain elements, and none of the other library."""
    await made(call, THING)

    _, one = await call("POST", PLAIN, OLD)
    _, other = await call("POST", PLAIN, OLD | {"element_name": "Ship"})

    _, listed = await call("GET", PLAIN)
    _, first_page = await call("GET", PLAIN, pageSize=1)
    assert [[], []] == [problems(one, "OldElementResponse"), problems(listed, "OldElementListResponse")]
    assert ["Ship", "Boat"] == [told["element_name"] for told in listed["data"]]
    assert listed["data"][:1] == first_page["data"]
    assert "task_id" not in one["data"]
    assert 1 == len(kling_emulator.tasks)
    assert await usable(call, other["data"]["element_id"])


@pytest.mark.kling_emulator(newest_first=False)
async def test_order_of_the_first_generation(call: Call) -> None:
    """The option for the order of lists holds here too."""
    for name in ("Boat", "Ship"):
        await call("POST", PLAIN, OLD | {"element_name": name})

    _, listed = await call("GET", PLAIN)

    assert ["Boat", "Ship"] == [told["element_name"] for told in listed["data"]]


async def test_first_generation_can_be_deleted(call: Call) -> None:
    """The old path deletes old elements, which then leave the list."""
    _, answer = await call("POST", PLAIN, OLD)

    status, _ = await call("POST", DELETE, {"element_id": str(answer["data"]["element_id"])})

    _, listed = await call("GET", PLAIN)
    assert (200, []) == (status, listed["data"])


async def test_first_generation_presets_are_plain(call: Call) -> None:
    """Not task shaped, with the units that only this list tells."""
    _, answer = await call("GET", PLAIN_PRESETS)

    assert [] == problems(answer, "OldElementListResponse")
    assert {("kling", "0")} == {(told["owned_by"], told["final_unit_deduction"]) for told in answer["data"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"element_frontal_image": ""}, "element_frontal_image can not be null"),
        ({"element_refer_list": []}, "element_refer_list can not be null"),
        ({"element_frontal_image": "AAAA"}, "File is not in a valid base64 format"),
        ({"element_name": "n" * 21}, "element_name can not be longer than 20 characters"),
    ],
)
async def test_first_generation_refused(call: Call, change: dict[str, Any], message: str) -> None:
    """The same limits, under other names."""
    status, answer = await call("POST", PLAIN, OLD | change)

    assert (400, 1201, message) == (status, answer["code"], answer["message"])


@pytest.mark.kling_emulator(quirks=True)
async def test_quirks_of_elements(call: Call) -> None:
    """Ids turn up as numbers and as text, what is empty also missing or null; ids and statuses do not change."""
    _, created = await call("POST", ELEMENTS, THING | {"tag_list": []})
    await asyncio.sleep(LONG)
    tasks = [(await call("GET", ELEMENTS))[1]["data"][0] for _ in range(30)]
    old = [(await call("POST", PLAIN, OLD))[1]["data"]["element_id"] for _ in range(30)]

    told = [task["task_result"]["elements"][0] for task in tasks]
    assert {created["data"]["task_id"]} == {task["task_id"] for task in tasks}
    _, presets = await call("GET", PRESETS)
    assert {int, str} == {type(task["task_result"]["elements"][0]["element_id"]) for task in presets["data"]}
    assert {"[]", "None", "missing"} == {str(one.get("tag_list", "missing")) for one in told}
    assert {"{}", "missing"} == {str(one.get("element_voice_info", "missing")) for one in told}
    assert {int, str} == {type(one["element_id"]) for one in told} == {type(element_id) for element_id in old}
    assert (1, {"succeed"}) == (len({int(one["element_id"]) for one in told}), {one["status"] for one in told})
