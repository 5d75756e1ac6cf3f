"""Every task endpoint for pictures and videos: made, found, listed, and answered in the shape of the documents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator
from yarl import URL

from kling_async.emulator import Emulator
from kling_async.emulator.documents import document
from kling_async.emulator.endpoint import Endpoint
from kling_async.emulator.rows_images import IMAGES
from kling_async.emulator.rows_videos import VIDEOS

Call = Callable[..., Awaitable[tuple[int, Any]]]
Body = dict[str, Any]
MakeBody = Callable[[str], Awaitable[Body]]

OMNI_IMAGE = "/v1/images/omni-image"
TEXT = "/v1/videos/text2video"
OMNI = "/v1/videos/omni-video"
ELEMENTS = "/v1/videos/multi-elements"
EXTEND = "/v1/videos/video-extend"
AVATAR = "/v1/videos/avatar/image2video"
FACES = "/v1/videos/identify-face"
LIPS = "/v1/videos/advanced-lip-sync"
OLD_LIPS = "/v1/videos/lip-sync"
MOTION = "/v1/videos/motion-control"
PICTURE = "https://host.example/a.png"
CLIP = "https://host.example/a.mp4"
SOUND = "https://host.example/a.mp3"
# Long enough for a lip-sync at the pace of the emulator's speakers.
SPEECH = {"text": "hello there, " * 5, "voice_id": "uk_boy1", "voice_language": "en"}
GROWTH = {f"{side}_expansion_ratio": 0.1 for side in ("up", "down", "left", "right")}

# What stands on its own; what starts from something earlier is in `a_body`.
BODIES: dict[str, Body] = {
    "/v1/images/generations": {"prompt": "a cat"},
    OMNI_IMAGE: {"prompt": "a cat"},
    "/v1/images/multi-image2image": {"subject_image_list": [{"subject_image": PICTURE}]},
    "/v1/images/editing/expand": {"image": PICTURE, **GROWTH},
    "/v1/images/kolors-virtual-try-on": {"human_image": PICTURE, "cloth_image": PICTURE},
    "/v1/general/ai-multi-shot": {"element_frontal_image": PICTURE},
    OMNI: {"prompt": "a cat", "aspect_ratio": "16:9"},
    TEXT: {"prompt": "a cat"},
    "/v1/videos/image2video": {"image": PICTURE},
    "/v1/videos/multi-image2video": {"prompt": "a cat", "image_list": [{"image": PICTURE}]},
    MOTION: {"image_url": PICTURE, "video_url": CLIP, "character_orientation": "video", "mode": "std"},
    AVATAR: {"image": PICTURE, "sound_file": SOUND},
    "/v1/videos/effects": {"effect_scene": "color_mixing", "input": {"image": PICTURE}},
    OLD_LIPS: {"input": {"mode": "audio2video", "video_url": CLIP, "audio_type": "url", "audio_url": SOUND}},
}
ROWS = (*IMAGES, *VIDEOS)

every_endpoint = pytest.mark.parametrize("endpoint", ROWS, ids=lambda endpoint: endpoint.path)


async def made(call: Call, path: str, body: Body) -> dict[str, Any]:
    """A task that has ended, as a query tells it."""
    status, created = await call("POST", path, body)
    assert 200 == status, created
    await asyncio.sleep(10_000)
    return await looked_up(call, path, created)


async def looked_up(call: Call, path: str, created: Any) -> dict[str, Any]:
    """A task as a query tells it."""
    told: dict[str, Any] = (await call("GET", f"{path}/{created['data']['task_id']}"))[1]["data"]
    return told


async def video_id(call: Call, path: str = TEXT, **fields: Any) -> str:
    """The id of a new video."""
    task = await made(call, path, {**BODIES[path], **fields})
    return str(task["task_result"]["videos"][0]["id"])


async def audio_id(call: Call, **fields: Any) -> str:
    """The id of a new spoken text."""
    _, answer = await call("POST", "/v1/audio/tts", {**SPEECH, **fields})
    return str(answer["data"]["task_result"]["audios"][0]["id"])


@pytest_asyncio.fixture
async def a_body(call: Call) -> MakeBody:
    """Makes a body that an endpoint accepts, and first whatever it starts from."""

    async def a_body(path: str) -> Body:
        if path == EXTEND:
            return {"video_id": await video_id(call)}
        if path == ELEMENTS:
            _, session = await call("POST", f"{ELEMENTS}/init-selection", {"video_url": CLIP})
            images = [{"image": PICTURE}]
            return {
                "session_id": session["data"]["session_id"],
                "edit_mode": "addition",
                "image_list": images,
                "prompt": "x",
            }
        if path == LIPS:
            _, session = await call("POST", FACES, {"video_id": await video_id(call)})
            return {"session_id": session["data"]["session_id"], "face_choose": [face(sound_file=SOUND)]}
        return BODIES[path]

    return a_body


def face(**fields: Any) -> Body:
    """The first face, and where its sound goes."""
    times = {"sound_start_time": 0, "sound_end_time": 3000, "sound_insert_time": 500}
    return {"face_id": "0", **times, **fields}


def wrong(endpoint: Endpoint, path: str, method: str, answer: Mapping[str, Any]) -> list[str]:
    """Where an answer leaves the document."""
    described = document(endpoint.document)
    schema = described["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    validator: Any = Draft202012Validator({**schema, "components": described["components"]})
    return [error.message for error in validator.iter_errors(answer)]


async def misshapen(call: Call, endpoint: Endpoint, body: Body) -> list[str]:
    """Where the answers about a new task leave the document, before its end and after it."""
    _, created = await call("POST", endpoint.path, {**body, "external_task_id": "mine", "callback_url": ""})
    one = f"{endpoint.path}/{created['data']['task_id']}"
    answers = [("/{id}", (await call("GET", one))[1])]
    await asyncio.sleep(10_000)
    for _ in range(5):
        answers += [("/{id}", (await call("GET", one))[1]), ("", (await call("GET", endpoint.path))[1])]
    return [
        *wrong(endpoint, endpoint.path, "post", created),
        *(message for tail, answer in answers for message in wrong(endpoint, endpoint.path + tail, "get", answer)),
    ]


@pytest.mark.looptime
@every_endpoint
async def test_answers_have_the_documented_shape(call: Call, a_body: MakeBody, endpoint: Endpoint) -> None:
    """Create, query and list answer as the document says, before the end and after it."""
    body = await a_body(endpoint.path)

    wrongs = await misshapen(call, endpoint, body)

    assert [] == wrongs


@pytest.mark.looptime
@pytest.mark.kling_emulator(quirks=True)
@pytest.mark.parametrize("endpoint", IMAGES, ids=lambda endpoint: endpoint.path)
async def test_quirks_stay_in_the_documented_shape(call: Call, a_body: MakeBody, endpoint: Endpoint) -> None:
    """Whatever variation is told, the document of pictures allows it; that of videos knows no null, the vendor does."""
    body = await a_body(endpoint.path)

    wrongs = await misshapen(call, endpoint, body)

    assert [] == wrongs


@pytest.mark.looptime
@every_endpoint
async def test_result_has_what_the_endpoint_makes(call: Call, a_body: MakeBody, endpoint: Endpoint) -> None:
    """A finished task has entries with links to files of the promised type."""
    task = await made(call, endpoint.path, await a_body(endpoint.path))

    kinds = {"videos": ".mp4", "images": ".png"}
    links = [
        (name, URL(value).path)
        for name, entries in task["task_result"].items()
        if name in kinds
        for entry in entries
        for key, value in entry.items()
        if key.startswith("url")
    ]
    assert "succeed" == task["task_status"]
    assert links
    assert not [path for name, path in links if not path.endswith(kinds[name])]


@pytest.mark.looptime
@pytest.mark.parametrize("path", [ELEMENTS, EXTEND, LIPS])
async def test_derived_videos_can_be_fetched(
    call: Call, http: aiohttp.ClientSession, a_body: MakeBody, path: str
) -> None:
    """What was made from something earlier is a real file as well."""
    task = await made(call, path, await a_body(path))

    async with http.get(task["task_result"]["videos"][0]["url"]) as answer:
        content = await answer.read()

    assert b"ftyp" == content[4:8]


@pytest.mark.looptime
@every_endpoint
async def test_found_by_the_ids_the_document_says(call: Call, a_body: MakeBody, endpoint: Endpoint) -> None:
    """Every task is found by its id, and by its external id where the document does not doubt it."""
    body = await a_body(endpoint.path)
    _, created = await call("POST", endpoint.path, {**body, "external_task_id": "mine"})

    by_id, _ = await call("GET", f"{endpoint.path}/{created['data']['task_id']}")
    by_external_id, _ = await call("GET", f"{endpoint.path}/mine")
    _, listed = await call("GET", f"{endpoint.path}/")

    query = document("video-audio-general")["paths"].get(endpoint.path + "/{id}", {}).get("get", {})
    documented = query.get("x-query-by-external-task-id", True) is True
    assert (200, 200 if documented else 400) == (by_id, by_external_id)
    assert [created["data"]["task_id"]] == [task["task_id"] for task in listed["data"]]


# Makes the same slip twice easily, therefore by hand: weights and pools of the documents.
WEIGHTS: list[tuple[str, Body, str, int]] = [
    (OMNI_IMAGE, {"prompt": "x", "n": 3}, "image", 3),
    (OMNI_IMAGE, {"prompt": "x", "model_name": "kling-v3-omni", "result_type": "series", "n": 9}, "image", 4),
    (
        OMNI_IMAGE,
        {"prompt": "x", "model_name": "kling-v3-omni", "result_type": "series", "series_amount": 7},
        "image",
        7,
    ),
    (
        OMNI_IMAGE,
        {"prompt": "x", "model_name": "kling-v3-omni", "result_type": "series", "series_amount": "auto"},
        "image",
        4,
    ),
    ("/v1/images/multi-image2image", {"subject_image_list": [{"subject_image": PICTURE}], "n": 2}, "image", 2),
    ("/v1/images/editing/expand", {"image": PICTURE, **GROWTH, "n": 2}, "image", 2),
    ("/v1/images/kolors-virtual-try-on", {"human_image": PICTURE, "cloth_image": PICTURE}, "try_on", 1),
    (OMNI, {"prompt": "x", "aspect_ratio": "1:1"}, "video", 1),
    (AVATAR, {"image": PICTURE, "sound_file": SOUND}, "video", 1),
]


@pytest.mark.kling_emulator(slots={"image": 9, "video": 1, "try_on": 1}, speed=0.001)
@pytest.mark.parametrize(("path", "body", "pool", "weight"), WEIGHTS)
async def test_slots(call: Call, kling_emulator: Emulator, path: str, body: Body, pool: str, weight: int) -> None:
    """A task holds a slot per picture of the image pool, one of any other; above the limit there is 1303."""
    fitting = {"image": 9, "video": 1, "try_on": 1}[pool] // weight

    codes = [(await call("POST", path, body))[1]["code"] for _ in range(fitting + 1)]

    assert [*[0] * fitting, 1303] == codes
    assert {(pool, weight)} == {(task.pool, task.weight) for task in kling_emulator.tasks.values()}


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("body", "filled", "count"),
    [
        ({"n": 2}, "images", 2),
        ({"model_name": "kling-v3-omni", "result_type": "series", "series_amount": 3}, "series_images", 3),
    ],
)
async def test_omni_pictures_stand_in_the_list_of_their_type(call: Call, body: Body, filled: str, count: int) -> None:
    """Single pictures are `images`, a series is `series_images`; the other list stays away."""
    task = await made(call, OMNI_IMAGE, {"prompt": "a cat", **body})

    result = task["task_result"]
    assert {"result_type", filled} == set(result)
    assert list(range(count)) == [picture["index"] for picture in result[filled]]


@pytest.mark.looptime
async def test_expanded_picture_is_larger(
    call: Call, kling_emulator: Emulator, http: aiohttp.ClientSession, a_picture: Callable[..., str]
) -> None:
    """The sides of the input grow by their shares."""
    body = {
        "image": a_picture(400, 300),
        "up_expansion_ratio": 0.5,
        "down_expansion_ratio": 0,
        "left_expansion_ratio": 0.25,
        "right_expansion_ratio": 0.25,
    }

    task = await made(call, "/v1/images/editing/expand", body)
    async with http.get(task["task_result"]["images"][0]["url"]) as answer:
        content = await answer.read()

    assert (600, 450) == (int.from_bytes(content[16:20]), int.from_bytes(content[20:24]))
    assert {"image"} == set(next(iter(kling_emulator.tasks.values())).pictures)


@pytest.mark.looptime
async def test_extension_is_the_whole_video(call: Call) -> None:
    """An extended video is as long as its parent and 4 to 5 seconds more, tells the parent, and can be extended."""
    source_id = await video_id(call)

    task = await made(call, EXTEND, {"video_id": source_id})
    video = task["task_result"]["videos"][0]
    again = await made(call, EXTEND, {"video_id": video["id"]})

    parent = task["task_info"]["parent_video"]
    assert (source_id, "5.041") == (parent["id"], parent["duration"])
    assert parent["url"].startswith("http://127.0.0.1")
    assert 9 <= float(video["duration"]) <= 10.1
    assert 13 <= float(again["task_result"]["videos"][0]["duration"]) <= 15.2
    assert video["id"] == again["task_info"]["parent_video"]["id"]


@pytest.mark.looptime
async def test_three_minutes_are_the_end_of_extending(call: Call) -> None:
    """A video can be extended until it would be longer than three minutes."""
    source_id, seconds, message = await video_id(call), 0.0, "SUCCEED"

    while message == "SUCCEED":
        _, answer = await call("POST", EXTEND, {"video_id": source_id})
        message = answer["message"]
        if message == "SUCCEED":
            await asyncio.sleep(10_000)
            video = (await looked_up(call, EXTEND, answer))["task_result"]["videos"][0]
            source_id, seconds = video["id"], float(video["duration"])

    assert "The total duration of the extended video can not be longer than 3 minutes" == message
    assert 170 < seconds <= 180


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("source", "fields", "message"),
    [
        ({"model_name": "kling-v3"}, {}, "video-extend is not supported with kling-v3"),
        ({}, {"cfg_scale": 0.5}, "cfg_scale is not supported with kling-v1"),
        ({}, {"negative_prompt": "x"}, "negative_prompt is not supported with kling-v1"),
    ],
)
async def test_what_cannot_be_extended(call: Call, source: Body, fields: Body, message: str) -> None:
    """Only videos of the first models can be extended, those of the very first without some fields."""
    source_id = await video_id(call, **source)

    _, answer = await call("POST", EXTEND, {"video_id": source_id, **fields})

    assert message == answer["message"]


@pytest.mark.looptime
async def test_videos_of_other_endpoints_cannot_be_extended(call: Call) -> None:
    """An id of an omni video is known, and still not one that can be extended."""
    omni = await video_id(call, OMNI)

    _, answer = await call("POST", EXTEND, {"video_id": omni})

    message = f"video_id value '{omni}' is invalid, it must come from text2video, image2video or extend"
    assert message == answer["message"]


@pytest.mark.looptime
async def test_video_is_an_input_from_its_end_until_thirty_days_later(call: Call, kling_emulator: Emulator) -> None:
    """An id of a video is unknown before its task has ended, good for 30 days, then expired."""
    _, created = await call("POST", TEXT, BODIES[TEXT])
    (task,) = kling_emulator.tasks.values()
    await asyncio.sleep(10_000)
    source_id = (await looked_up(call, TEXT, created))["task_result"]["videos"][0]["id"]

    good, _ = await call("POST", EXTEND, {"video_id": source_id})
    await asyncio.sleep(30 * 24 * 3600)
    _, late = await call("POST", EXTEND, {"video_id": source_id})

    assert 200 == good
    assert f"Video id expired: {source_id}" == late["message"]
    assert "succeed" == task.status


@pytest.mark.looptime
async def test_selection_is_edited(call: Call, a_body: MakeBody) -> None:
    """The edited video names its session; swapping needs something marked first."""
    body = await a_body(ELEMENTS)
    point = {"session_id": body["session_id"], "frame_index": 0, "points": [{"x": 0.5, "y": 0.5}]}

    _, unmarked = await call("POST", ELEMENTS, {**body, "edit_mode": "swap"})
    await call("POST", f"{ELEMENTS}/add-selection", point)
    task = await made(call, ELEMENTS, {**body, "edit_mode": "swap"})
    _, too_long = await call("POST", ELEMENTS, {**body, "duration": "10"})

    assert "No selection is found in the session, edit_mode swap needs one" == unmarked["message"]
    assert (body["session_id"], "3") == (task["task_result"]["videos"][0]["session_id"], task["final_unit_deduction"])
    assert "duration value '10' is invalid for a video of" == too_long["message"][:45]


@pytest.mark.looptime
@pytest.mark.parametrize("path", [ELEMENTS, LIPS])
async def test_session_lives_a_day(call: Call, a_body: MakeBody, path: str) -> None:
    """A session is good for 24 hours, then refused."""
    body = await a_body(path)

    await asyncio.sleep(24 * 3600 - 1)
    good, _ = await call("POST", path, body)
    await asyncio.sleep(1)
    _, late = await call("POST", path, body)

    assert 200 == good
    assert f"Session id expired: {body['session_id']}" == late["message"]


@pytest.mark.looptime
async def test_session_of_another_purpose_is_unknown(call: Call, a_body: MakeBody) -> None:
    """The session of a selection knows no faces."""
    session = (await a_body(ELEMENTS))["session_id"]

    _, answer = await call("POST", LIPS, {"session_id": session, "face_choose": [face(sound_file=SOUND)]})

    assert f"Session id not found: {session}" == answer["message"]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"face_id": "9"}, "Face id not found: 9"),
        ({"audio_id": "1"}, "Audio id not found: 1"),
        ({"sound_file": SOUND, "sound_insert_time": 2500}, "The inserted audio must be within the video"),
    ],
)
async def test_lip_sync_looks_into_its_session(call: Call, a_body: MakeBody, fields: Body, message: str) -> None:
    """Face, sound and times must fit the session."""
    body = await a_body(LIPS)

    _, answer = await call("POST", LIPS, {**body, "face_choose": [face(**{"sound_file": "", **fields})]})

    if "face_id" in fields:
        _, answer = await call("POST", LIPS, {**body, "face_choose": [face(sound_file=SOUND, **fields)]})
    assert message == answer["message"]


@pytest.mark.looptime
async def test_sound_must_meet_the_face(call: Call) -> None:
    """A sound that is over before a face has been seen for two seconds is refused."""
    late: list[tuple[str, Any]] = []
    while not late:
        _, found = await call("POST", FACES, {"video_id": await video_id(call)})
        late = [(found["data"]["session_id"], seen) for seen in found["data"]["face_data"] if seen["start_time"] > 0]
    session, seen = late[0]

    early = face(face_id=seen["face_id"], sound_file=SOUND, sound_end_time=2000, sound_insert_time=0)
    _, answer = await call("POST", LIPS, {"session_id": session, "face_choose": [early]})

    assert "The inserted audio must overlap the time of the face by at least 2 seconds" == answer["message"]


@pytest.mark.looptime
async def test_long_videos_are_not_for_lip_sync(call: Call) -> None:
    """The first generation takes videos of up to a minute."""
    source_id = await video_id(call)
    for _ in range(13):
        task = await made(call, EXTEND, {"video_id": source_id})
        source_id = task["task_result"]["videos"][0]["id"]

    speech = {"mode": "text2video", "video_id": source_id, "text": "hello", "voice_id": "uk_boy1"}
    _, answer = await call("POST", OLD_LIPS, {"input": speech})

    assert "Video duration must be between 2 and 60 seconds" == answer["message"]


@pytest.mark.looptime
async def test_lip_sync_with_a_spoken_text(call: Call, a_body: MakeBody) -> None:
    """A spoken text is a sound by its id; what is cut out of it must lie in it. The parent is the session's video."""
    body, spoken = await a_body(LIPS), await audio_id(call)
    short = await audio_id(call, text="hi")

    task = await made(call, LIPS, {**body, "face_choose": [face(audio_id=spoken)]})
    _, beyond = await call("POST", LIPS, {**body, "face_choose": [face(audio_id=spoken, sound_end_time=60_000)]})
    _, too_short = await call("POST", LIPS, {**body, "face_choose": [face(audio_id=short)]})

    assert ("5.041", "0.5") == (task["task_info"]["parent_video"]["duration"], task["final_unit_deduction"])
    assert 5 == int(float(task["task_result"]["videos"][0]["duration"]))
    assert "sound_end_time can not be later than the end of the audio" == beyond["message"]
    assert "Audio duration must be between 2 and 60 seconds" == too_short["message"]


@pytest.mark.looptime
async def test_avatar_lasts_as_long_as_its_sound(call: Call) -> None:
    """The length of an avatar is that of the spoken text, and so is its price; after 30 days the text is gone."""
    text = "hello there, " * 10
    spoken = await audio_id(call, text=text)
    seconds = len(text) / 15

    task = await made(call, AVATAR, {"image": PICTURE, "audio_id": spoken})
    await asyncio.sleep(30 * 24 * 3600)
    _, late = await call("POST", AVATAR, {"image": PICTURE, "audio_id": spoken})

    assert abs(seconds - float(task["task_result"]["videos"][0]["duration"])) < 0.2
    assert round(seconds) * Decimal("0.4") == Decimal(task["final_unit_deduction"])
    assert f"Audio id expired: {spoken}" == late["message"]


@pytest.mark.looptime
async def test_first_generation_lip_sync_tells_the_parent(call: Call) -> None:
    """The parent is the video of the id, or the link."""
    source_id = await video_id(call)
    source = BODIES[OLD_LIPS]["input"]

    linked = await made(call, OLD_LIPS, {"input": source})
    named = await made(call, OLD_LIPS, {"input": {**source, "video_url": "", "video_id": source_id}})

    assert CLIP == linked["task_info"]["parent_video"]["url"]
    assert source_id == named["task_info"]["parent_video"]["id"]


@pytest.mark.looptime
async def test_elements_of_the_library_can_be_used(call: Call) -> None:
    """An element that the vendor offers is known everywhere."""
    _, presets = await call("GET", "/v1/general/advanced-presets-elements")
    element = {"element_id": presets["data"][0]["task_result"]["elements"][0]["element_id"]}
    cited = {"prompt": "<<<element_1>>>", "element_list": [element]}

    codes = [
        (await call("POST", path, body))[1]["code"]
        for path, body in (
            ("/v1/images/generations", {**cited, "model_name": "kling-v3"}),
            (OMNI_IMAGE, cited),
            (OMNI, {**cited, "aspect_ratio": "1:1"}),
            ("/v1/videos/image2video", {"image": PICTURE, "element_list": [element], "model_name": "kling-v3"}),
            (MOTION, {**BODIES[MOTION], "element_list": [element], "model_name": "kling-v3"}),
        )
    ]

    assert [0] * 5 == codes


@pytest.mark.looptime
async def test_character_elements_have_limits_of_their_own(call: Call) -> None:
    """Elements made from a video are refused by o1, and limited where there is a reference video."""
    element = {
        "element_name": "Ann",
        "element_description": "a woman",
        "reference_type": "video_refer",
        "element_video_list": {"refer_videos": [{"video_url": CLIP}]},
    }
    task = await made(call, "/v1/general/advanced-custom-elements", element)
    cited = {"element_id": task["task_result"]["elements"][0]["element_id"]}
    body = {"prompt": "x", "aspect_ratio": "1:1", "model_name": "kling-v3-omni"}
    feature = [{"video_url": CLIP, "refer_type": "feature"}]

    messages = [
        (await call("POST", OMNI, {**body, **fields}))[1]["message"]
        for fields in (
            {"element_list": [cited] * 3},
            {"element_list": [cited], "video_list": feature},
            {"element_list": [cited], "model_name": "kling-video-o1"},
            {"element_list": [cited] * 4},
            {"element_list": [cited] * 2, "video_list": feature},
            {"element_list": [cited], "video_list": feature, "image_list": [{"image_url": PICTURE}]},
            {"element_list": [cited], "image_list": [{"image_url": PICTURE}] * 5},
        )
    ]

    assert [
        "SUCCEED",
        "SUCCEED",
        "Video character elements are not supported with kling-video-o1",
        "The number of video character elements can not be greater than 3",
        "The number of video character elements can not be greater than 1",
        "Video character elements can not be used together with images and other elements with video input",
        "The number of images and multi-image elements can not be greater than 4 with video character elements",
    ] == messages


@pytest.mark.looptime
@pytest.mark.kling_emulator(quirks=True)
async def test_variations_of_the_newer_results(call: Call, a_body: MakeBody) -> None:
    """Lengths are told exactly or in whole seconds, seeds and the length of effects may stay away, and so on."""
    effects = "/v1/videos/effects"
    effect, extension, omni = [
        (path, (await call("POST", path, await a_body(path)))[1]) for path in (effects, EXTEND, OMNI_IMAGE)
    ]
    edits = await a_body(ELEMENTS)
    created = [(await call("POST", ELEMENTS, edits))[1]["data"] for _ in range(50)]
    await asyncio.sleep(10_000)

    looks = {
        path: [(await looked_up(call, path, answer))["task_result"] for _ in range(100)]
        for path, answer in (effect, extension, omni)
    }

    assert {"5.041", "5", None} == {look["videos"][0].get("duration") for look in looks[effects]}
    assert {True, False} == {"seed" in look["videos"][0] for look in looks[EXTEND]}
    assert {"missing", "[]", "None"} == {str(look.get("series_images", "missing")) for look in looks[OMNI_IMAGE]}
    assert {True, False} == {"session_id" in answer for answer in created}
    assert not [answer for answer in created if "session_id" in answer and "task_info" in answer]
