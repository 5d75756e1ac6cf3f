# The hints of av are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Marking things in a video: sessions, clicks, masks, and what is refused beside the code."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import av
import pytest
import pytest_asyncio
from PIL import Image

from kling_async.emulator import Emulator
from tests.support.documented import painted, problems, unrolled

Call = Callable[..., Awaitable[tuple[int, Any]]]
Select = Callable[..., Awaitable[dict[str, Any]]]

BASE = "/v1/videos/multi-elements"
FILMS = "/v1/videos/text2video"
CLIP = "https://host.example/a.mp4"
SCHEMAS = {
    "init": "InitSelectionResponse",
    "add": "SelectionResponse",
    "delete": "SelectionResponse",
    "clear": "ClearSelectionResponse",
    "preview": "PreviewSelectionResponse",
}
MIDDLE = {"x": 0.5, "y": 0.5}
CORNER = {"x": 0.05, "y": 0.1}


@pytest.fixture
def select(call: Call) -> Select:
    """Makes one of the five calls, checks its shape, and gives its data."""

    async def select(step: str, **body: Any) -> dict[str, Any]:
        status, answer = await call("POST", f"{BASE}/{step}-selection", body)
        assert (200, 0) == (status, answer["code"])
        assert [] == problems(answer, SCHEMAS[step])
        data: dict[str, Any] = answer["data"]
        return data

    return select


@pytest_asyncio.fixture
async def session(select: Select) -> str:
    """A session on a clip behind a link."""
    session_id: str = (await select("init", video_url=CLIP))["session_id"]
    return session_id


async def film(call: Call, **body: Any) -> str:
    """The id of a video of our own. Needs a loop whose clock jumps."""
    _, created = await call("POST", FILMS, {"prompt": "a cat", **body})
    await asyncio.sleep(10_000)
    _, answer = await call("GET", f"{FILMS}/{created['data']['task_id']}")
    video_id: str = answer["data"]["task_result"]["videos"][0]["id"]
    return video_id


@pytest.mark.looptime
async def test_init_tells_about_the_clip(call: Call, select: Select) -> None:
    """Of an own video the size, length and frames are its own; a link is believed to be five seconds in 720p."""
    video_id = await film(call, mode="pro", model_name="kling-v1-6", aspect_ratio="9:16")

    own, linked = await select("init", video_id=video_id, video_url=""), await select("init", video_url=CLIP)

    told = ("fps", "original_duration", "width", "height", "total_frame", "status", "final_unit_deduction")
    assert (24, 5041, 1080, 1920, 121, 0, "0") == tuple(own[key] for key in told)
    assert (24, 5000, 1280, 720, 120, 0, "0") == tuple(linked[key] for key in told)
    assert own["session_id"] != linked["session_id"]
    assert own["normalized_video"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("step", "body", "message"),
    [
        ("init", {}, "video_id or video_url can not be null"),
        ("init", {"video_id": "", "video_url": ""}, "video_id or video_url can not be null"),
        ("init", {"video_id": "1", "video_url": CLIP}, "video_id and video_url can not be used together"),
        ("init", {"video_id": "1"}, "Video id not found: 1"),
        ("init", {"video_url": "AAAA"}, "video_url must be a link, videos are not taken as base64"),
        ("add", {"frame_index": 0, "points": [MIDDLE]}, "session_id can not be null"),
        ("add", {"session_id": "1", "points": [MIDDLE]}, "frame_index can not be null"),
        ("add", {"session_id": "1", "frame_index": 0, "points": []}, "points can not be null"),
        ("add", {"session_id": "1", "frame_index": -1, "points": [MIDDLE]}, "frame_index value '-1' is invalid"),
        ("add", {"session_id": "1", "frame_index": 0, "points": [{"x": 0.5}]}, "points.0.y can not be null"),
        ("add", {"session_id": "1", "frame_index": 0, "points": [{"x": 640, "y": 0.5}]}, "points.0.x value '640'"),
        ("add", {"session_id": "1", "frame_index": 0, "points": [MIDDLE] * 11}, "points value"),
        ("delete", {"session_id": "1", "frame_index": 0, "points": [{"x": -0.1, "y": 0}]}, "points.0.x value '-0.1'"),
        ("clear", {}, "session_id can not be null"),
        ("preview", {"session_id": ""}, "session_id can not be null"),
    ],
)
async def test_wrong_parameters_are_refused_by_the_code(
    call: Call, step: str, body: dict[str, Any], message: str
) -> None:
    """What the schema forbids is 400/1201, as everywhere."""
    status, answer = await call("POST", f"{BASE}/{step}-selection", body)

    assert (400, 1201) == (status, answer["code"])
    assert answer["message"].startswith(message)


@pytest.mark.parametrize("step", ["add", "delete", "clear", "preview"])
async def test_unknown_session_is_refused_by_the_status(select: Select, step: str) -> None:
    """Code 0 outside, a status inside that is not zero, and the session that was asked for."""
    points = {"frame_index": 0, "points": [MIDDLE]} if step in {"add", "delete"} else {}

    data = await select(step, session_id="nobody", **points)

    assert data["status"] != 0
    assert "nobody" == data["session_id"]
    assert "res" not in data


@pytest.mark.looptime
async def test_sessions_live_for_a_day(select: Select) -> None:
    """A minute before its day is over a session is there, a minute later it is not."""
    session = (await select("init", video_url=CLIP))["session_id"]
    await asyncio.sleep(24 * 3600 - 60)
    before = await select("add", session_id=session, frame_index=0, points=[MIDDLE])
    await asyncio.sleep(120)

    after = await select("add", session_id=session, frame_index=0, points=[MIDDLE])

    assert 0 == before["status"]
    assert after["status"] != 0


@pytest.mark.looptime
async def test_clips_of_the_wrong_length_are_refused_by_the_status(call: Call, select: Select) -> None:
    """Two to five and seven to ten seconds can be edited; a clip between or beyond cannot."""
    lengths = {
        seconds: await film(call, model_name="kling-v3", duration=str(seconds)) for seconds in (3, 5, 6, 7, 10, 11)
    }

    answers = {seconds: await select("init", video_id=video_id) for seconds, video_id in lengths.items()}

    assert [3, 5, 7, 10] == [seconds for seconds, data in answers.items() if data["status"] == 0]
    assert {""} == {data["session_id"] for data in answers.values() if data["status"]}


async def test_masks_are_told_twice(select: Select, session: str) -> None:
    """Runs and PNG of a thing agree, have the size of the clip, and cover the click."""
    data = await select("add", session_id=session, frame_index=7, points=[MIDDLE])

    (thing,) = data["res"]["rle_mask_list"]
    pixels = unrolled(thing["rle_mask"])
    assert 7 == data["res"]["frame_index"]
    assert [720, 1280] == thing["rle_mask"]["size"] == thing["png_mask"]["size"]
    assert painted(thing["png_mask"]) == pixels
    assert (255, 0) == (pixels[360 * 1280 + 640], pixels[0])


async def test_masks_grow_with_clicks(select: Select, session: str) -> None:
    """A click beside another makes its thing larger; one far away is another thing; frames are apart."""
    first = await select("add", session_id=session, frame_index=0, points=[MIDDLE])
    wider = await select("add", session_id=session, frame_index=0, points=[{"x": 0.55, "y": 0.5}])
    both = await select("add", session_id=session, frame_index=0, points=[CORNER])
    other = await select("add", session_id=session, frame_index=1, points=[CORNER])

    sizes = [
        [unrolled(thing["rle_mask"]).count(255) for thing in data["res"]["rle_mask_list"]]
        for data in (first, wider, both, other)
    ]

    assert [1, 1, 2, 1] == [len(size) for size in sizes]
    assert sizes[1][0] > sizes[0][0]
    assert [0, 1] == [thing["object_id"] for thing in both["res"]["rle_mask_list"]]
    assert sizes[2] == [sizes[1][0], sizes[3][0]]


async def test_delete_wants_the_very_coordinates(select: Select, session: str) -> None:
    """A click is taken back by its own coordinates only, and leaves the mask as it was before."""
    once = await select("add", session_id=session, frame_index=0, points=[MIDDLE])
    await select("add", session_id=session, frame_index=0, points=[CORNER])

    near = await select("delete", session_id=session, frame_index=0, points=[{"x": 0.05, "y": 0.1000001}])
    elsewhere = await select("delete", session_id=session, frame_index=1, points=[CORNER])
    exact = await select("delete", session_id=session, frame_index=0, points=[CORNER])
    last = await select("delete", session_id=session, frame_index=0, points=[MIDDLE])

    assert near["status"] != 0
    assert elsewhere["status"] != 0
    assert once["res"] == exact["res"]
    assert [] == last["res"]["rle_mask_list"]


async def test_ten_clicks_on_ten_frames(select: Select, session: str) -> None:
    """The eleventh click on a frame and the eleventh frame are refused by the status; an old click is no new one."""
    ten = [{"x": number / 10, "y": 0.5} for number in range(10)]
    full = await select("add", session_id=session, frame_index=0, points=ten)

    again = await select("add", session_id=session, frame_index=0, points=ten[:1])
    eleventh = await select("add", session_id=session, frame_index=0, points=[MIDDLE | {"y": 0.6}])
    frames = [await select("add", session_id=session, frame_index=frame, points=[MIDDLE]) for frame in range(1, 11)]

    assert (0, 0) == (full["status"], again["status"])
    assert eleventh["status"] != 0
    assert [True] * 9 + [False] == [data["status"] == 0 for data in frames]


async def test_frames_end_with_the_clip(select: Select, session: str) -> None:
    """Frames are counted from 0, so the one that has the number of all of them is refused by the status."""
    last, beyond = [await select("add", session_id=session, frame_index=frame, points=[MIDDLE]) for frame in (119, 120)]

    assert 0 == last["status"]
    assert beyond["status"] != 0


async def test_frames_without_clicks_do_not_count(select: Select, session: str) -> None:
    """A frame whose clicks were all taken back makes room for another."""
    for frame in range(10):
        await select("add", session_id=session, frame_index=frame, points=[MIDDLE])
    await select("delete", session_id=session, frame_index=0, points=[MIDDLE])

    data = await select("add", session_id=session, frame_index=10, points=[MIDDLE])

    assert 0 == data["status"]


async def test_clear_forgets_all_clicks(select: Select, session: str) -> None:
    """After it there is nothing to preview, and the session goes on."""
    await select("add", session_id=session, frame_index=0, points=[MIDDLE])

    cleared = await select("clear", session_id=session)

    nothing = await select("preview", session_id=session)
    again = await select("add", session_id=session, frame_index=0, points=[MIDDLE])
    assert (0, session) == (cleared["status"], cleared["session_id"])
    assert nothing["status"] != 0
    assert 0 == again["status"]


async def test_preview_shows_the_marks(select: Select, session: str, http: aiohttp.ClientSession) -> None:
    """A video of the clip's size and length, a cover of its size, and the masks of every frame."""
    await select("add", session_id=session, frame_index=0, points=[MIDDLE])

    res = (await select("preview", session_id=session))["res"]

    async def fetch(link: str) -> bytes:
        async with http.get(link) as answer:
            return await answer.read()

    with Image.open(io.BytesIO(await fetch(res["video_cover"]))) as cover:
        size = cover.size
    async with http.get(res["tracking_output"]) as answer:
        track = await answer.json()
    with av.open(io.BytesIO(await fetch(res["video"])), "r") as container:
        video = container.streams.video[0]
        assert (1280, 720, 120) == (video.width, video.height, video.frames)
    assert (1280, 720) == size
    assert (120, 120) == (track["total_frame"], len(track["frames"]))


async def test_sessions_are_apart(select: Select, session: str) -> None:
    """Clicks in one session are not in another, and faces have sessions of their own."""
    other = (await select("init", video_url=CLIP))["session_id"]
    await select("add", session_id=session, frame_index=0, points=[MIDDLE])

    data = await select("preview", session_id=other)

    assert data["status"] != 0


@pytest.mark.parametrize("step", list(SCHEMAS))
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_steps_are_no_task_ids(call: Call, step: str, method: str) -> None:
    """Their paths come before ``{id}``: a wrong method is 404/1202 and no task that is not found."""
    status, answer = await call(method, f"{BASE}/{step}-selection")

    assert (404, 1202) == (status, answer["code"])


async def test_trailing_slashes(call: Call) -> None:
    """Old documents write them."""
    status, answer = await call("POST", f"{BASE}/init-selection/", {"video_url": CLIP})

    assert (200, 0) == (status, answer["code"])


async def test_selections_are_free(select: Select, session: str, kling_emulator: Emulator) -> None:
    """No price is known, so nothing is charged, and no task is left."""
    await select("add", session_id=session, frame_index=0, points=[MIDDLE])

    assert 0 == sum(kling_emulator.spent.values())
    assert {} == kling_emulator.tasks


@pytest.mark.kling_emulator(quirks=True)
async def test_quirks_of_selections(call: Call) -> None:
    """An empty list is also missing or null, an empty ``res`` also missing, empty or null."""
    _, opened = await call("POST", f"{BASE}/init-selection", {"video_url": CLIP})
    session_id = opened["data"]["session_id"]
    click = {"session_id": session_id, "frame_index": 0, "points": [MIDDLE]}

    lists: set[str] = set()
    rests: set[str] = set()
    for _ in range(60):
        await call("POST", f"{BASE}/add-selection", click)
        _, answer = await call("POST", f"{BASE}/delete-selection", click)
        lists.add(repr(answer["data"]["res"].get("rle_mask_list", "missing")))
        _, answer = await call("POST", f"{BASE}/clear-selection", {"session_id": session_id})
        rests.add(repr(answer["data"].get("res", "missing")))

    assert {"[]", "'missing'", "None"} == lists == {name.replace("{}", "[]") for name in rests}
