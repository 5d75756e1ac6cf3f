"""Answers with something odd in them: what was made is paid, so whatever can be read of it reaches the user."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_async import KlingClient, ResponseError, Retry, Task, TaskFailed, TaskStatus
from kling_async.api import CALLS, ROWS, DirectRow
from kling_async.models import (
    Audio,
    BalanceRow,
    CutOut,
    Element,
    ElementPictures,
    Face,
    Image,
    SelectionPreview,
    Video,
    Voice,
)
from tests.api.least import CLIP, URL, least
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, said

DIRECT: dict[str, DirectRow] = dict(CALLS)
IMAGE: Any = ROWS["images.generate"]
TASK: dict[str, Any] = {"task_id": "81", "task_status": "succeed", "created_at": 1774700000000}
NINE = [{"index": at, "url": f"https://files.example/{at}.png"} for at in range(9)]


UNMADE: list[Any] = [{}, None, {"audios": []}, {"audios": [{}]}]


def finished(result: object) -> dict[str, Any]:
    """A task that was made and paid."""
    return {**TASK, "final_unit_deduction": "8", "task_result": result}


def spoilt(**odd: object) -> list[dict[str, Any]]:
    """Nine pictures, one of them with something odd in it."""
    return [{**each, **odd} if each["index"] == 4 else each for each in NINE]


def a_client(vendor: Vendor) -> KlingClient:
    """A client of a scripted vendor."""
    return KlingClient(api_key=API_KEY, base_url=vendor.url, retry=Retry(attempts=1))


async def answered(name: str, data: object) -> Any:
    """What a direct call with the least arguments makes of an answer."""
    async with Vendor(said(data)) as vendor, a_client(vendor) as kling:
        method: Any = kling
        for step in name.split("."):
            method = getattr(method, step)
        return await method(**least(DIRECT[name].request))


def speech(result: object, **more: object) -> dict[str, Any]:
    """An answer to text to speech."""
    return {**finished(result), **more}


# Tasks.


@pytest.mark.parametrize("odd", [{"url": ""}, {"url": None}, {"url": 5.5}, {"url": ["x"]}])
def test_picture_without_a_link_costs_no_other(odd: dict[str, Any]) -> None:
    """Eight of nine paid pictures are there, in order, and the ninth in `raw`."""
    data = finished({"images": spoilt(**odd)})

    task = IMAGE.read(data)

    assert [each["url"] for each in NINE if each["index"] != 4] == [file.url for file in task.result.files]
    assert data == task.raw


@pytest.mark.parametrize("odd", [{"index": "a"}, {"index": True}, {"watermark_url": False}, {"watermark_url": 1.5}])
def test_odd_value_beside_a_link_costs_itself_alone(odd: dict[str, Any]) -> None:
    """All nine pictures are there; what is odd of one is as if it were missing."""
    plain = {"index": 0} if "index" in odd else {}

    task = IMAGE.read(finished({"images": spoilt(**odd)}))

    assert tuple(Image(**each) for each in spoilt(**plain)) == task.result.images


@pytest.mark.parametrize("odd", [{"id": 1.5}, {"seed": 0.25}, {"seed": {}, "id": [1, 2]}, {"session_id": True}])
def test_odd_name_costs_no_video(odd: dict[str, Any]) -> None:
    """A fraction is no id and no seed, and no reason to lose the video."""
    task = ROWS["videos.extend"].read(finished({"videos": [{"url": CLIP, "duration": "5", **odd}]}))

    assert task.result
    assert (Video(url=CLIP, duration=5.0),) == task.result.videos


def test_single_video_in_place_of_a_list() -> None:
    """Documents of 2025 show one object where those of 2026 have a list; both are read."""
    task = ROWS["audio.video_to_audio"].read(finished({"videos": {"url": CLIP, "id": "7"}}))

    assert task.result
    assert (Video(url=CLIP, id="7"),) == task.result.videos


@pytest.mark.parametrize("name", ["videos.extend", "audio.video_to_audio"])
def test_video_that_has_only_an_id_keeps_it(name: str) -> None:
    """Later calls take the id; what has no link is no file."""
    videos = [{"id": "7", "url": ""}, {"id": "", "url": ""}, {"duration": "5"}, {"id": "8", "url": CLIP}]
    row: Any = ROWS[name]

    task = row.read(finished({"videos": videos}))

    assert task.result
    assert (Video(id="7"), Video(id="8", url=CLIP)) == task.result.videos
    assert (Video(id="8", url=CLIP),) == task.result.files


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (
            {"element_image_list": [{"frontal_image": URL}]},
            Element(element_id=5, element_image_list=ElementPictures(frontal_image=URL)),
        ),
        ({"element_image_list": [1, 2]}, Element(element_id=5)),
        ({"tag_list": ["x"]}, Element(element_id=5)),
        (
            {"element_voice_info": {"voice_name": "Tom"}},
            Element(element_id=5, element_voice_info=Voice(voice_name="Tom")),
        ),
        ({"element_voice_info": "Tom"}, Element(element_id=5)),
    ],
)
def test_odd_part_costs_no_element(odd: dict[str, Any], expected: Element) -> None:
    """An element is cited by its id, whatever is odd about what belongs to it."""
    task = ROWS["elements.create"].read(finished({"elements": [{"element_id": 5, **odd}]}))

    assert task.result
    assert (expected,) == task.result.elements


async def test_odd_task_is_reached_by_every_call(tmp_path: Path) -> None:
    """A create answered with it, a query, a page, an awaited handle and a download all give what can be read."""

    def script(seen: Seen) -> Reply:
        if seen.path == "/0.png":
            return Reply(b"\x89PNG\r\n\x1a\n" + bytes(64), headers={"Content-Type": "image/png"})
        data = finished({"images": [{"url": f"{vendor.url}/0.png"}, {"url": ""}]})
        return said([data] if "pageNum" in seen.path else data)

    vendor = Vendor(script)
    async with vendor, a_client(vendor) as kling:
        handle = await kling.images.generate(prompt="a fox")
        tasks = [await handle, await kling.images.generate.get("81"), *await kling.images.generate.list()]
        stored = await kling.download(handle, tmp_path)

    assert [[f"{vendor.url}/0.png"]] * 3 == [[file.url for file in task.result.files] for task in tasks if task.result]
    assert ["81", 1] == [handle.id, len(stored)]


async def test_odd_rows_end_no_listing() -> None:
    """`iterate` goes on after a page that lost a row, and ends with the page that had fewer rows than asked for."""
    pages = {"1": [{**TASK, "task_id": "1"}, {"task_id": 2}], "2": [None, {**TASK, "task_id": "4"}], "3": [TASK]}

    def script(seen: Seen) -> Reply:
        return said(pages[seen.path.partition("pageNum=")[2].partition("&")[0]])

    vendor = Vendor(script)
    async with vendor, a_client(vendor) as kling:
        tasks = [task async for task in kling.images.generate.iterate(page_size=2)]

    assert ["1", "4", "81"] == [task.id for task in tasks]


# Calls that are answered at once; some are billed, and none of those can be asked again.


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"start_time": 1, "end_time": 5000.5}, Face(face_id="0", start_time=1, end_time=5000)),
        ({"end_time": 5200}, Face(face_id="0", end_time=5200)),
        ({"start_time": "x", "end_time": [], "face_image": {"a": 1}}, Face(face_id="0")),
    ],
)
async def test_odd_face_costs_no_session(odd: dict[str, Any], expected: Face) -> None:
    """The session and every face that can be named stay; identifying again would be billed again."""
    data = {
        "session_id": "s",
        "face_data": [{"face_id": 0, **odd}, {"face_id": None}, None],
        "final_unit_deduction": "0.05",
    }

    faces = await answered("videos.identify_face", data)

    assert ("s", (expected,), Decimal("0.05")) == (faces.session_id, faces.face_data, faces.units)


@pytest.mark.parametrize(("word", "meant"), [("yes", True), ("no", False), ("perhaps", False), ([1], False)])
async def test_odd_word_costs_no_cut_out(word: object, meant: bool) -> None:  # noqa: FBT001
    """Every cut-out that has a link or a type is there, whatever else is said of it."""
    images = [{"type": "head_seg", "is_contain": word, "url": URL}, {"url": URL}, {}, {"is_contain": True}]

    found = await answered("images.recognize", {"task_result": [{"images": images}], "final_unit_deduction": "0.1"})

    assert (CutOut(type="head_seg", is_contain=meant, url=URL), CutOut(url=URL)) == found.images
    assert Decimal("0.1") == found.units


async def test_odd_tracking_costs_no_preview() -> None:
    """The clip is there though what tells of its masks is an object."""
    res = {"video": CLIP, "tracking_output": {"frames": [1]}}

    preview = await answered("videos.selection.preview", {"status": 0, "res": res})

    assert SelectionPreview(video=CLIP) == preview


async def test_odd_numbers_cost_no_session() -> None:
    """A clip that was made ready, and paid, can be worked on whatever is said of its size."""
    data: dict[str, Any] = {"status": 0, "session_id": "s", "fps": {}, "width": "wide", "normalized_video": False}

    session = await answered("videos.selection.init", data)

    assert ("s", None, None, None) == (session.session_id, session.fps, session.width, session.normalized_video)


async def test_odd_charge_costs_no_page() -> None:
    """A row of the ledger that is none is left out, and an odd value in a row costs itself alone."""
    rows = [{"task_id": "1", "currency": {"a": 1}, "cash_type": "balance"}, None, "x", {"task_id": "2"}]

    page = await answered("account.balance", {"result": {"detail": rows}, "next_cursor": "c", "has_more": True})

    assert (BalanceRow(task_id="1", cash_type="balance"), BalanceRow(task_id="2")) == page.rows
    assert "c" == page.next_cursor


async def test_odd_preset_costs_no_other() -> None:
    """Rows and things that cannot be read are left out of a list of presets."""
    rows = [
        {"task_result": {"elements": [{"element_id": "x"}, {"element_id": 1}]}},
        {"task_result": "x"},
        None,
        {"task_result": {"elements": {"element_id": 2}}},
    ]

    found = await answered("elements.presets", rows)

    assert (Element(element_id=1), Element(element_id=2)) == found


# Speech.


async def test_speech_without_a_link_keeps_its_id() -> None:
    """`audio_id` is what other calls take; it was paid with the speech."""
    task = await answered("audio.text_to_speech", speech({"audios": [{"id": "9", "url": "", "duration": "x"}]}))

    assert ((Audio(id="9"),), ()) == (task.result.audios, task.result.files)


@pytest.mark.parametrize("word", ["processing", "submitted", "completed"])
async def test_speech_that_is_there_is_handed_over(word: str) -> None:
    """There is no query for a speech: one that came is a success, whatever its status is called."""
    data = speech({"audios": [{"id": "9", "url": URL}]}, task_status=word)

    task = await answered("audio.text_to_speech", data)

    assert (TaskStatus.SUCCEED, (Audio(id="9", url=URL),)) == (task.status, task.result.audios)
    assert data == task.raw


@pytest.mark.parametrize("result", UNMADE)
@pytest.mark.parametrize("word", ["processing", "submitted", "queueing"])
async def test_speech_that_is_not_there_yet_is_no_failure(word: str, result: object) -> None:
    """An unfinished task is not said to have failed: the error names status and id, and that it may be billed."""
    with pytest.raises(ResponseError, match=f"task 81 should be finished, but is '{word}'") as caught:
        await answered("audio.text_to_speech", speech(result, task_status=word))

    assert caught.value.may_have_been_created
    assert not isinstance(caught.value, TaskFailed)


async def test_speech_without_a_status_is_no_task() -> None:
    """What has no status at all makes no sense."""
    with pytest.raises(ResponseError, match="not a task"):
        await answered("audio.text_to_speech", speech({"audios": [{"id": "9", "url": URL}]}, task_status=None))


def test_success_is_one_value() -> None:
    """What is read of an odd answer is a task like any other: it compares and hashes."""
    data = finished({"images": spoilt(url="")})

    assert {IMAGE.read(data)} == {IMAGE.read(data)}
    assert Task is type(IMAGE.read(data))
