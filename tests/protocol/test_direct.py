"""Calls that are answered at once: what they send, every way an answer may be written, what is repeated."""

from __future__ import annotations

import contextlib
import inspect
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kling_async import (
    ApiError,
    BadRequest,
    BalanceError,
    ConnectionFailed,
    ContentRefused,
    DownloadError,
    InvalidRequest,
    KlingClient,
    NotFound,
    RateLimited,
    ResponseError,
    Retry,
    ServerError,
    TaskFailed,
    TaskStatus,
)
from kling_async.api import CALLS, Account, DeleteElement, DirectRow, Elements, IdentifyFace, Sounds
from kling_async.models import (
    Audio,
    CutOut,
    Element,
    Face,
    Faces,
    FrameMasks,
    LedgerPage,
    ObjectMask,
    PngMask,
    Recognition,
    ResourcePack,
    RleMask,
    SelectionPreview,
    Voice,
)
from kling_async.protocol.direct import DirectMethod
from tests.api.least import CLIP, URL, least
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, refused, said

NOTHING: list[Any] = [None, [], {}]
LARGE = 9007199254740993  # 2**53 + 1, which no double can hold
ONCE, FEW = Retry(attempts=1), Retry(attempts=3)
EVERY: dict[str, DirectRow] = dict(CALLS)
every_call = pytest.mark.parametrize("name", EVERY)
BILLED = sorted(name for name, row in EVERY.items() if not row.repeatable)


def a_client(vendor: Vendor, retry: Retry = ONCE) -> KlingClient:
    """A client of a scripted vendor."""
    return KlingClient(api_key=API_KEY, base_url=vendor.url, retry=retry)


def method(kling: KlingClient, name: str) -> Any:
    """A call by its name."""
    found: Any = kling
    for step in name.split("."):
        found = getattr(found, step)
    return found


async def answered(name: str, data: object, **given: Any) -> Any:
    """What a call with the least arguments makes of an answer."""
    async with Vendor(said(data)) as vendor, a_client(vendor) as kling:
        return await method(kling, name)(**{**least(EVERY[name].request), **given})


async def sent(name: str, data: object = None, **given: Any) -> Seen:
    """What a call sends."""
    async with Vendor(said(data)) as vendor, a_client(vendor) as kling:
        await method(kling, name)(**{**least(EVERY[name].request), **given})
    (seen,) = vendor.seen
    return seen


def query(seen: Seen) -> dict[str, list[str]]:
    """The query of a request."""
    return parse_qs(urlsplit(seen.path).query, keep_blank_values=True)


# What is sent.


@pytest.mark.parametrize("name", ["voices.presets", "elements.presets", "elements.first_generation.list"])
async def test_pages_are_asked_for_by_the_vendors_names(name: str) -> None:
    """Page and size go into the query in camelCase; nothing goes there that was not given, and there is no body."""
    paged = await sent(name, page=2, page_size=10)
    plain = await sent(name)

    assert ("GET", EVERY[name].path) == (paged.method, urlsplit(paged.path).path)
    assert {"pageNum": ["2"], "pageSize": ["10"]} == query(paged)
    assert (EVERY[name].path, b"", b"") == (plain.path, plain.body, paged.body)


async def test_costs_are_asked_for_in_snake_case_and_milliseconds() -> None:
    """Moments are Unix milliseconds, a name with odd characters is quoted, and `extra` goes into the query too."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)

    seen = await sent(
        "account.costs",
        {"code": 0, "msg": ""},
        start_time=noon,
        end_time=1772400000000,
        resource_pack_name="Trial & Video+1",
        extra={"new": True, "size": 2, "text": "ä"},
    )

    assert {
        "start_time": ["1772366400000"],
        "end_time": ["1772400000000"],
        "resource_pack_name": ["Trial & Video+1"],
        "new": ["true"],
        "size": ["2"],
        "text": ["ä"],
    } == query(seen)


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, b"bytes"])
async def test_what_no_address_can_hold_is_refused(value: object) -> None:
    """`extra` of a call without a body takes single values only."""
    async with Vendor(said([])) as vendor, a_client(vendor) as kling:
        with pytest.raises(InvalidRequest) as caught:
            await kling.voices.presets(extra={"odd": value})

    assert ("extra.odd", []) == (caught.value.field, vendor.seen)


async def test_body_holds_what_was_given_and_no_more() -> None:
    """A POST carries the fields that were set; ids as text, numbers as numbers; no external id is made up."""
    points = await sent("videos.selection.add", {"status": 0}, points=[{"x": 0, "y": 0.25}], frame_index=0)
    ledger = await sent("account.packages", {}, filters=[{"key": "product_type", "values": ("video",)}], limit=5)
    speech = await sent("audio.text_to_speech", FINISHED, voice_speed=1.5)

    assert {"session_id": "s-1", "frame_index": 0, "points": [{"x": 0, "y": 0.25}]} == points.json
    assert {
        **least(EVERY["account.packages"].request),
        "limit": 5,
        "filters": [{"key": "product_type", "values": ["video"]}],
    } == ledger.json
    assert {
        "text": "hello",
        "voice_id": "oversea_male1",
        "voice_language": "en",
        "voice_speed": 1.5,
    } == speech.json


@pytest.mark.parametrize("given", [LARGE, str(LARGE)])
async def test_large_element_id_is_deleted_exactly(given: int | str) -> None:
    """An id beyond 2**53 is sent as text, digit by digit, whether it was a number or a text."""
    seen = await sent("elements.delete", element_id=given)

    assert b'{"element_id":"9007199254740993"}' == seen.body


@every_call
async def test_request_of_another_class_is_refused(name: str) -> None:
    """`send` takes the call's own request class, and says so."""
    other: Any = IdentifyFace(video_id="1") if EVERY[name].request is not IdentifyFace else DeleteElement(element_id=1)
    async with Vendor(said({})) as vendor, a_client(vendor) as kling:
        with pytest.raises(InvalidRequest, match=f"{name} takes a "):
            await method(kling, name).send(other)

    assert [] == vendor.seen


@every_call
async def test_request_as_a_value_makes_the_same_call(name: str) -> None:
    """A request built earlier sends what keywords send."""
    request: Any = EVERY[name].request(**least(EVERY[name].request))
    async with Vendor(said(None)) as vendor, a_client(vendor) as kling:
        with contextlib.suppress(ResponseError):  # of an answer without data; what was sent is what matters here
            await method(kling, name).send(request)
        with contextlib.suppress(ResponseError):
            await method(kling, name)(**least(EVERY[name].request))

    first, second = vendor.seen[0], vendor.seen[-1]
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)


# What is repeated.


@pytest.mark.looptime
@pytest.mark.parametrize("name", sorted(name for name, row in EVERY.items() if row.repeatable))
@pytest.mark.parametrize("trouble", [refused(5000, 500), refused(1302, 429), Reply(b"<p>oops", 502)])
async def test_call_that_only_reads_is_repeated(name: str, trouble: Reply) -> None:
    """Whatever may pass is asked again, up to `Retry.attempts`."""
    async with Vendor(trouble) as vendor, a_client(vendor, FEW) as kling:
        with pytest.raises((ApiError, ConnectionFailed)):
            await method(kling, name)(**least(EVERY[name].request))

    assert 3 == len(vendor.seen)


@pytest.mark.parametrize("name", BILLED)
@pytest.mark.parametrize(
    ("trouble", "unknown"),
    [(refused(5002, 504), True), (Reply(b"<p>oops", 502), True), (Reply(cut=True), True), (refused(1303, 429), False)],
)
async def test_call_that_changes_or_costs_something_is_sent_once(name: str, trouble: Reply, *, unknown: bool) -> None:
    """What is billed, makes or deletes something is not repeated; the error says whether it may have happened."""
    async with Vendor(trouble) as vendor, a_client(vendor, FEW) as kling:
        with pytest.raises((ServerError, ConnectionFailed, RateLimited)) as caught:
            await method(kling, name)(**least(EVERY[name].request))

    raised: Any = caught.value
    assert 1 == len(vendor.seen)
    assert unknown is raised.may_have_been_created


def test_what_is_repeated_is_what_only_reads() -> None:
    """Every GET, and the POSTs that ask, clear or show; nothing that the price list has."""
    assert [
        "audio.text_to_speech",
        "elements.delete",
        "elements.first_generation.create",
        "images.recognize",
        "videos.identify_face",
        "videos.selection.add",
        "videos.selection.delete",
        "videos.selection.init",
        "voices.delete",
    ] == BILLED


# Deletions.


@pytest.mark.parametrize("data", [None, {}, {"task_id": "1", "task_status": "succeed"}, {"task_id": "1"}])
@pytest.mark.parametrize("name", ["elements.delete", "voices.delete"])
async def test_deletion_is_done_when_code_is_zero(name: str, data: object) -> None:
    """The documents promise a receipt, live answers have none: the code alone tells."""
    assert None is await answered(name, data)


@pytest.mark.parametrize("name", ["elements.delete", "voices.delete"])
async def test_deletion_without_the_key_data(name: str) -> None:
    """An envelope without `data` is one as well."""
    bare = Reply(b'{"code":0,"message":"SUCCEED","request_id":"req-1"}')
    async with Vendor(bare) as vendor, a_client(vendor) as kling:
        assert None is await method(kling, name)(**least(EVERY[name].request))


@pytest.mark.parametrize("trouble", [refused(1203, 404), refused(1202, 404), Reply(b"not found", 404)])
async def test_element_is_deleted_at_the_other_path(trouble: Reply) -> None:
    """Two documents give two paths for one deletion: where the first is none, the second is tried."""
    async with Vendor(trouble, said(None)) as vendor, a_client(vendor) as kling:
        await kling.elements.delete(element_id=LARGE)

    assert ["/v1/general/delete-elements", "/v1/general/delete-advanced-elements"] == [
        seen.path for seen in vendor.seen
    ]
    assert vendor.seen[0].body == vendor.seen[1].body


async def test_element_that_is_nowhere_is_the_last_refusal() -> None:
    """Where neither path is one, the second says so."""
    async with Vendor(refused(1203, 404, "first"), refused(1203, 404, "second")) as vendor, a_client(vendor) as kling:
        with pytest.raises(NotFound, match="second"):
            await kling.elements.delete(element_id=1)

    assert 2 == len(vendor.seen)


@pytest.mark.parametrize(
    "trouble",
    [refused(1201, 400, "Element already be deleted for id: 1"), refused(5000, 500), Reply(cut=True)],
)
async def test_only_a_missing_path_leads_to_the_other(trouble: Reply) -> None:
    """Any other failure is told as it is, and nothing is sent twice."""
    async with Vendor(trouble, said(None)) as vendor, a_client(vendor, FEW) as kling:
        with pytest.raises((ApiError, ConnectionFailed)):
            await kling.elements.delete(element_id=1)

    assert 1 == len(vendor.seen)


# The second error channels.

SELECTIONS = ["init", "add", "delete", "clear", "preview"]


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("status", [1, "3", 1001, 1201])
async def test_refusal_inside_of_a_selection(name: str, status: object) -> None:
    """A status other than zero is a refusal though code and HTTP say success; its numbers are no codes of the API's."""
    with pytest.raises(BadRequest) as caught:
        await answered(f"videos.selection.{name}", {"status": status, "session_id": "s-1"})

    error = caught.value
    assert (None, 200, "req-1") == (error.code, error.status, error.request_id)
    assert f"status {status}" in str(error)
    assert BadRequest is type(error)
    assert not error.retryable
    assert not error.may_have_been_created


@pytest.mark.parametrize(
    ("code", "kind"), [(1200, BadRequest), (1102, BalanceError), (1301, ContentRefused), (77, BadRequest)]
)
async def test_refusal_inside_of_costs(code: int, kind: type[ApiError]) -> None:
    """A second code other than zero is raised as what it means, in the vendor's words."""
    with pytest.raises(kind, match="Missing Request Parameter") as caught:
        await answered("account.costs", {"code": code, "msg": "Missing Request Parameter"})

    assert (code, 200, "req-1") == (caught.value.code, caught.value.status, caught.value.request_id)


@pytest.mark.looptime
async def test_refusal_inside_that_may_pass_is_repeated() -> None:
    """A second code that says "too fast" is waited out like a first one."""
    fast, done = (
        said({"code": 1302, "msg": "too fast"}),
        said({"code": 0, "msg": "", "resource_pack_subscribe_infos": []}),
    )
    async with Vendor(fast, done) as vendor, a_client(vendor, FEW) as kling:
        packs = await kling.account.costs(**least(Account.costs.request))

    assert ((), 2) == (packs, len(vendor.seen))


@pytest.mark.parametrize("zero", [0, "0", None])
async def test_zero_inside_is_no_refusal(zero: object) -> None:
    """Zero in any spelling, and no second code at all, is success."""
    assert FrameMasks() == await answered("videos.selection.add", {"status": zero, "res": {}})
    assert () == await answered("account.costs", {"code": zero})


# Answers of selections.


async def test_selection_is_read_as_documented() -> None:
    """Masks in both forms; nothing in them is shown, for they are long."""
    row = {
        "object_id": 3,
        "rle_mask": {"size": [720, 1280], "counts": "PPYo1"},
        "png_mask": {"size": [720, 1280], "base64": "iVBO"},
    }

    masks = await answered("videos.selection.add", {"status": 0, "res": {"frame_index": 7, "rle_mask_list": [row]}})

    expected = ObjectMask(
        object_id=3,
        rle_mask=RleMask(size=(720, 1280), counts="PPYo1"),
        png_mask=PngMask(size=(720, 1280), base64="iVBO"),
    )
    assert FrameMasks(frame_index=7, masks=(expected,)) == masks
    assert "iVBO" not in repr(masks)


@pytest.mark.parametrize("res", [*NOTHING, "absent"])
async def test_selection_without_a_result_is_empty(res: object) -> None:
    """Clearing answers without `res`; the others may."""
    data = {"status": 0, "session_id": "s-1"} | ({} if res == "absent" else {"res": res})

    assert FrameMasks() == await answered("videos.selection.delete", data)
    assert SelectionPreview() == await answered("videos.selection.preview", data)
    assert None is await answered("videos.selection.clear", data)


async def test_session_is_read_as_documented() -> None:
    """Numbers as numbers, units as a Decimal, the clip as a file."""
    data: dict[str, Any] = {
        "status": 0,
        "session_id": 912345678901234567,
        "fps": "29.97",
        "original_duration": 5005.0,
        "width": "1280",
        "height": 720,
        "total_frame": 150,
        "normalized_video": f"{CLIP}?sig=1",
        "final_unit_deduction": "0.05",
        "new": {},
    }

    session = await answered("videos.selection.init", data)

    assert ("912345678901234567", 29.97, 5005, 1280, 720, 150, Decimal("0.05")) == (
        session.session_id,
        session.fps,
        session.original_duration,
        session.width,
        session.height,
        session.total_frame,
        session.units,
    )
    assert [f"{CLIP}?sig=1"] == [file.url for file in session.files]
    assert "sig" not in repr(session)


async def test_preview_is_a_clip_and_its_cover() -> None:
    """Both can be downloaded; what follows the masks cannot."""
    res = {"video": CLIP, "video_cover": URL, "tracking_output": "https://files.example/masks.json"}

    preview = await answered("videos.selection.preview", {"status": 0, "res": res})

    assert [("video", CLIP), ("image", URL)] == [(file.kind, file.url) for file in preview.files]


# Faces and cut-outs.


async def test_faces_are_read_as_documented() -> None:
    """Ids stay text, times are milliseconds, thumbnails are files."""
    row = {"face_id": 0, "face_image": URL, "start_time": 0, "end_time": "5200"}

    faces = await answered(
        "videos.identify_face", {"session_id": "s", "face_data": [row], "final_unit_deduction": "0.05"}
    )

    face = Face(face_id="0", face_image=URL, start_time=0, end_time=5200)
    assert Faces(session_id="s", face_data=(face,), units=Decimal("0.05")) == faces
    assert [URL] == [file.url for file in faces.files]


@pytest.mark.parametrize("nothing", NOTHING)
async def test_clip_without_a_face(nothing: object) -> None:
    """No face is an answer too, however it is written."""
    assert Faces(session_id="s") == await answered("videos.identify_face", {"session_id": "s", "face_data": nothing})


async def test_recognition_is_read_as_documented() -> None:
    """Pictures stand one level down, units do not; what was not found has no file."""
    images = [
        {"type": "object_seg", "is_contain": True, "url": URL},
        {"type": "cloth_seg", "is_contain": "false", "url": ""},
        {"type": "head_seg", "is_contain": False},
    ]

    found = await answered("images.recognize", {"task_result": {"images": images}, "final_unit_deduction": "0.1"})

    there = CutOut(type="object_seg", is_contain=True, url=URL)
    missing = (CutOut(type="cloth_seg"), CutOut(type="head_seg"))
    assert Recognition(images=(there, *missing), units=Decimal("0.1")) == found
    assert (there,) == found.files


@pytest.mark.parametrize("result", [*NOTHING[::2], {"images": None}, {"images": []}])
async def test_recognition_of_nothing(result: object) -> None:
    """An answer without pictures has none."""
    assert Recognition() == await answered("images.recognize", {"task_result": result})


# Speech.

FINISHED = {
    "task_id": "800000000000000001",
    "task_status": "succeed",
    "task_status_msg": "",
    "final_unit_deduction": "0.05",
    "task_result": {"audios": [{"id": "9", "url": "https://files.example/a.mp3", "duration": "1.63"}]},
    "created_at": 1774700000000,
    "updated_at": 1774700000001,
}


async def test_speech_is_a_finished_task() -> None:
    """It needs no waiting, and carries the id that avatar and lip-sync take."""
    task = await answered("audio.text_to_speech", FINISHED)

    assert (TaskStatus.SUCCEED, Decimal("0.05")) == (task.status, task.units)
    assert (Audio(url="https://files.example/a.mp3", id="9", duration=1.63),) == task.result.audios


async def test_speech_that_failed_raises() -> None:
    """A task that ended badly raises TaskFailed with the vendor's words, though the call itself went well."""
    with pytest.raises(TaskFailed, match="risk control") as caught:
        await answered(
            "audio.text_to_speech",
            {**FINISHED, "task_status": "failed", "task_status_msg": "Failure to pass the risk control system"},
        )

    assert ("800000000000000001", TaskStatus.FAILED) == (caught.value.task.id, caught.value.task.status)


async def test_speech_whose_link_has_ended_says_so(tmp_path: Path) -> None:
    """There is no query for a speech: a link that is refused is not asked for anew."""

    def script(seen: Seen) -> Reply:
        return said(with_link(vendor.url)) if seen.method == "POST" else Reply(status=403)

    vendor = Vendor(script)
    async with vendor, a_client(vendor) as kling:
        task = await kling.audio.text_to_speech(**least(Sounds.text_to_speech.request))
        with pytest.raises(DownloadError):
            await kling.download(task, tmp_path)

    assert {"/v1/audio/tts", "/a.mp3"} == {seen.path for seen in vendor.seen}


def with_link(base: str) -> dict[str, Any]:
    """A finished speech on a host of this machine."""
    return {**FINISHED, "task_result": {"audios": [{"id": "9", "url": f"{base}/a.mp3"}]}}


# Presets and first generation elements.


async def test_presets_are_what_the_tasks_hold() -> None:
    """A list shaped like tasks gives the voices of all of them; tasks without any are passed over."""
    voices = [
        {"voice_id": 829824295735410756, "voice_name": "Tom", "trial_url": URL, "owned_by": "kling"},
        {"voice_id": "2"},
    ]
    rows: list[dict[str, Any]] = [
        {"task_id": "1", "task_status": "succeed", "task_result": {"voices": voices[:1]}},
        {"task_id": "2", "task_status": "processing", "task_result": {}},
        {"task_id": "3", "task_status": "failed", "task_result": None},
        {"task_id": "4"},
        {"task_result": {"voices": None}},
        {"task_result": {"voices": voices[1:]}},
    ]

    found = await answered("voices.presets", rows)

    assert (
        Voice(voice_id="829824295735410756", voice_name="Tom", trial_url=URL, owned_by="kling"),
        Voice(voice_id="2"),
    ) == found


@pytest.mark.parametrize("listed", [LARGE, str(LARGE)])
async def test_element_id_of_presets_is_exact(listed: object) -> None:
    """A number beyond 2**53 keeps its last digit, also where it comes as text."""
    (element,) = await answered("elements.presets", [{"task_result": {"elements": [{"element_id": listed}]}}])
    (first,) = await answered("elements.first_generation.list", [{"element_id": listed}])

    assert Element(element_id=LARGE) == element
    assert LARGE == first.element_id


async def test_element_with_empty_parts() -> None:
    """What an element does not have may be an empty object, an empty text or null."""
    row: dict[str, Any] = {
        "element_id": 1,
        "element_name": "",
        "element_image_list": {},
        "element_video_list": None,
        "element_voice_info": {},
        "tag_list": None,
        "status": "",
    }

    found = await answered("elements.presets", [{"task_result": {"elements": [row]}}])

    assert (Element(element_id=1),) == found
    assert () == found[0].files


async def test_first_generation_element_is_answered_at_once() -> None:
    """Its answer is the element itself, with the pictures as files."""
    element = await answered(
        "elements.first_generation.create",
        {
            "element_id": "829829895735410756",
            "element_frontal_image": URL,
            "element_refer_list": [{"image_url": f"{URL}?2"}],
            "tag_list": [{"id": "o_102", "name": "Character"}],
        },
    )

    assert 829829895735410756 == element.element_id
    assert [URL, f"{URL}?2"] == [file.url for file in element.files]
    assert ["o_102"] == [tag.id for tag in element.tag_list]


@pytest.mark.parametrize(
    "name",
    ["voices.presets", "elements.presets", "elements.first_generation.list", "elements.first_generation.presets"],
)
@pytest.mark.parametrize("nothing", [None, []])
async def test_page_past_the_end_is_empty(name: str, nothing: object) -> None:
    """Null is as good as an empty list."""
    assert () == await answered(name, nothing)


# The account.


async def test_packs_are_read_as_documented() -> None:
    """Quantities are exact, moments aware; a pack may lack anything."""
    row = {
        "resource_pack_name": "Trial-Video-100Units-5Con-1Months",
        "resource_pack_id": 509,
        "resource_pack_type": "decreasing_total",
        "total_quantity": 100.0,
        "remaining_quantity": 99.95,
        "purchase_time": 1772366400000,
        "effective_time": "1772366399999",
        "invalid_time": 1774958400000,
        "status": "online",
    }

    full, bare = await answered("account.costs", {"code": 0, "resource_pack_subscribe_infos": [row, {}]})

    assert ("509", Decimal("99.95"), Decimal(100)) == (full.id, full.remaining_quantity, full.total_quantity)
    assert datetime(2026, 3, 1, 12, tzinfo=UTC) == full.purchased_at
    assert full.effective_at < full.purchased_at < full.invalid_at
    assert ResourcePack() == bare
    assert None is bare.purchased_at


@pytest.mark.parametrize("nothing", NOTHING[:2])
async def test_account_without_packs(nothing: object) -> None:
    """No pack is an empty list or null."""
    assert () == await answered("account.costs", {"code": 0, "msg": "", "resource_pack_subscribe_infos": nothing})


CHARGE = {
    "task_id": 912345678901234567,
    "resolution": "720p",
    "duration": "5.04",
    "refer_video_input": "false",
    "voice_control": True,
    "deduction_time": "1774700000000",
    "deduction_amount": 0.05,
    "unit_before_deduction": "100.00",
    "unit_after_deduction": 99.95,
    "package_id": "",
}


@pytest.mark.parametrize("count", [{}, {"count": 1}, {"result": {"detail": [CHARGE], "count": 1}}])
async def test_ledger_page_wherever_its_count_stands(count: dict[str, Any]) -> None:
    """Texts that are numbers become numbers, empty ones None; a count in either place changes nothing."""
    data = {"result": {"detail": [CHARGE]}, "next_cursor": "abc", "has_more": True, **count}

    page = await answered("account.packages", data)

    (row,) = page.rows
    assert ("abc", True) == (page.next_cursor, page.has_more)
    assert ("912345678901234567", 5.04, False, True) == (
        row.task_id,
        row.duration,
        row.refer_video_input,
        row.voice_control,
    )
    assert (Decimal("0.05"), Decimal(100), Decimal("99.95"), None) == (
        row.deduction_amount,
        row.unit_before_deduction,
        row.unit_after_deduction,
        row.package_id,
    )
    assert datetime(2026, 3, 28, 12, 13, 20, tzinfo=UTC) == row.deducted_at


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"result": None},
        {"result": {}},
        {"result": {"detail": None}, "next_cursor": "", "has_more": False},
        {"result": {"detail": [], "count": 0}, "next_cursor": None},
    ],
)
@pytest.mark.parametrize("name", ["account.balance", "account.packages"])
async def test_last_ledger_page(name: str, data: object) -> None:
    """A page without rows, and without a cursor, is the last, however it is written."""
    assert LedgerPage() == await answered(name, data)


async def test_odd_numbers_of_a_ledger_are_none() -> None:
    """No charge is worth losing for a number beside it."""
    odd = {"duration": "n/a", "deduction_time": "yesterday", "refer_video_input": "maybe", "deduction_amount": "NaN"}

    page = await answered("account.balance", {"result": {"detail": [odd]}})

    (row,) = page.rows
    assert [None] * 5 == [
        row.duration,
        row.deduction_time,
        row.refer_video_input,
        row.deduction_amount,
        row.deducted_at,
    ]


# Answers that make no sense.

DELETES = ["elements.delete", "voices.delete"]


@pytest.mark.parametrize("name", [name for name in EVERY if name not in DELETES])
@pytest.mark.parametrize("data", ["a text", 5, True, [[]], ["x"], {"task_result": 5, "status": "?", "code": "?"}])
async def test_nonsense_is_a_response_error(name: str, data: object) -> None:
    """An answer of a shape no document lists is said to be one, with what is needed to trace it."""
    nonsense = data if not isinstance(data, dict) else SPOILT.get(name, data)

    with pytest.raises(ResponseError) as caught:
        await answered(name, nonsense)

    assert 200 == caught.value.status


SPOILT: dict[str, Any] = {
    "videos.selection.clear": [],
    "account.costs": {"code": 0, "resource_pack_subscribe_infos": {"a": 1}},
    "account.balance": {"result": {"detail": {"a": 1}}},
    "account.packages": {"result": [1]},
    "videos.selection.init": {"status": 0},
    "videos.selection.add": {"status": 0, "res": 5},
    "videos.selection.delete": {"status": 0, "res": [1]},
    "videos.selection.preview": {"status": 0, "res": "x"},
}


# The row itself.


@every_call
def test_row_shows_what_it_is(name: str) -> None:
    """A row tells its name and path, and its method the real parameters, `extra` last."""
    row = EVERY[name]
    nobody: Any = None
    bound = DirectMethod(row, nobody)

    assert f"<DirectEndpoint {name} {row.path}>" == repr(row)
    assert inspect.signature(row.request).parameters == inspect.signature(bound).parameters
    assert "extra" == list(inspect.signature(bound).parameters)[-1]


@every_call
def test_method_shows_what_it_takes(name: str) -> None:
    """`help(kling.videos.identify_face)` tells of the method, then of its request: what it is for, and its fields."""
    request, own = EVERY[name].request, inspect.getdoc(DirectMethod)
    nobody: Any = None
    told = getattr(request, "described", lambda: inspect.getdoc(request))()

    shown = DirectMethod(EVERY[name], nobody).__doc__

    assert own
    assert own.startswith("A direct endpoint with a backend behind it")
    assert f"{own}\n\n{told}" == shown


def test_aliases_are_those_of_the_documents() -> None:
    """Only deletion of elements is documented under two paths."""
    assert {"elements.delete": ("/v1/general/delete-advanced-elements",)} == {
        name: row.aliases for name, row in EVERY.items() if row.aliases
    }
    assert "/v1/general/delete-elements" == Elements.delete.path
    assert "GET" == Account.costs.method
