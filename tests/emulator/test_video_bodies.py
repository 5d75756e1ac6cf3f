"""What bodies of the newer video endpoints may say, where the body alone decides. One table row, one promise."""

from __future__ import annotations

import asyncio
import base64
import io
import wave
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kling_async.emulator.documents import is_array, is_object

Call = Callable[..., Awaitable[tuple[int, Any]]]
Body = dict[str, Any]

OMNI = "/v1/videos/omni-video"
FRAME = "/v1/videos/image2video"
REFERENCE = "/v1/videos/multi-image2video"
MOTION = "/v1/videos/motion-control"
ELEMENTS = "/v1/videos/multi-elements"
EXTEND = "/v1/videos/video-extend"
AVATAR = "/v1/videos/avatar/image2video"
LIPS = "/v1/videos/advanced-lip-sync"
OLD_LIPS = "/v1/videos/lip-sync"
EFFECTS = "/v1/videos/effects"
URL = "https://host.example/a.png"
CLIP = "https://host.example/a.mp4"
DATA = "data:image/png;base64,iVBORw0KGgo="
NOT_BASE64 = "File is not in a valid base64 format"

ONE = {"image_url": URL}
FIRST = {"image_url": URL, "type": "first_frame"}
LAST = {"image_url": URL, "type": "end_frame"}
BASE = {"video_url": CLIP}
FEATURE = {"video_url": CLIP, "refer_type": "feature"}
CAT: Body = {"prompt": "a cat", "aspect_ratio": "16:9"}
V3: Body = {**CAT, "model_name": "kling-v3-omni"}
BOARD: Body = {
    "model_name": "kling-v3-omni",
    "aspect_ratio": "16:9",
    "multi_shot": True,
    "shot_type": "customize",
    "multi_prompt": [{"index": 1, "prompt": "x", "duration": "5"}],
}
SMART: Body = {**V3, "multi_shot": True, "shot_type": "intelligence"}
ELEMENT = {"element_id": 1}
DANCE: Body = {"image_url": URL, "video_url": CLIP, "character_orientation": "video", "mode": "std"}
EDIT: Body = {"session_id": "1", "edit_mode": "addition", "image_list": [{"image": URL}], "prompt": "x"}
FACE: Body = {
    "face_id": "0",
    "sound_file": "https://host.example/a.mp3",
    "sound_start_time": 0,
    "sound_end_time": 3000,
    "sound_insert_time": 0,
}
SPEAK: Body = {"mode": "text2video", "video_url": CLIP, "text": "hello", "voice_id": "uk_boy1", "voice_language": "en"}
PLAY: Body = {"mode": "audio2video", "video_url": CLIP, "audio_type": "url", "audio_url": "https://host.example/a.mp3"}


def without(body: Body, *fields: str) -> Body:
    """The body without some fields."""
    return {key: value for key, value in body.items() if key not in fields}


def face(**fields: Any) -> Body:
    """A lip-sync body with one face."""
    return {"session_id": "1", "face_choose": [{**FACE, **fields}]}


def a_wave() -> str:
    """A second of silence, as Base64."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    return base64.b64encode(file.getvalue()).decode()


def a_file(start: bytes, size: int = 100) -> str:
    """A file that begins in some way, as Base64."""
    return base64.b64encode(start.ljust(size, b"\0")).decode()


OMNI_REFUSED: list[tuple[Body, str]] = [
    ({"aspect_ratio": "16:9"}, "prompt can not be null"),
    (without(SMART, "prompt"), "prompt can not be null"),
    (without(BOARD, "shot_type"), "shot_type can not be null"),
    (without(BOARD, "multi_prompt"), "multi_prompt can not be null"),
    ({**BOARD, "duration": "6"}, "multi_prompt must be numbered from 1 and its durations must add up to duration"),
    (without(BOARD, "model_name"), "multi_shot is not supported with kling-video-o1"),
    ({**V3, "sound": "on", "video_list": [FEATURE]}, "sound on is not supported with video input"),
    ({**V3, "sound": "on", "video_list": [BASE]}, "sound on is not supported with video input"),
    ({**V3, "image_list": [FIRST, LAST], "video_list": [FEATURE]}, "Tail image is not supported with video input"),
    ({**SMART, "video_list": [BASE]}, "multi_shot is not supported with video input"),
    ({**BOARD, "video_list": [FEATURE]}, "multi_shot is not supported with video input"),
    ({**V3, "image_list": [FIRST], "video_list": [BASE]}, "first_frame is not supported with refer_type base"),
    ({**V3, "image_list": [LAST]}, "end_frame is not supported without first_frame"),
    ({**V3, "image_list": [FIRST, LAST, ONE]}, "end_frame is not supported with more than 2 images"),
    (
        {**V3, "image_list": [ONE] * 5, "element_list": [ELEMENT] * 3},
        "The number of images and elements can not be greater than 7",
    ),
    (
        {**V3, "image_list": [ONE] * 5, "video_list": [FEATURE]},
        "The number of images and elements can not be greater than 4",
    ),
    (
        {**V3, "image_list": [FIRST], "element_list": [ELEMENT] * 4},
        "The number of elements can not be greater than 3 with first_frame",
    ),
    (
        {**CAT, "image_list": [FIRST, LAST], "element_list": [ELEMENT]},
        "element_list is not supported with first_frame and end_frame in kling-video-o1",
    ),
    ({**CAT, "sound": "on"}, "sound on is not supported with kling-video-o1"),
    ({**CAT, "mode": "4k"}, "mode value '4k' is invalid"),
    ({**CAT, "image_list": [ONE], "duration": "11"}, "duration value '11' is invalid"),
    ({**CAT, "duration": "7"}, "Duration only supports 5 or 10 seconds when no refer_image is provided"),
    (
        {**CAT, "duration": "7", "image_list": [FIRST]},
        "Duration only supports 5 or 10 seconds when no refer_image is provided",
    ),
    ({"prompt": "a cat"}, "aspect_ratio can not be null"),
    ({"prompt": "a cat", "video_list": [FEATURE]}, "aspect_ratio can not be null"),
    ({"prompt": "a cat", "image_list": [ONE]}, "aspect_ratio can not be null"),
    ({**V3, "prompt": "<<<image_2>>>", "image_list": [ONE]}, "<<<image_2>>> in prompt is not found in the list"),
    ({**V3, "prompt": "<<<image_0>>>", "image_list": [ONE]}, "<<<image_0>>> in prompt is not found in the list"),
    ({**V3, "prompt": "<<<element_1>>>"}, "<<<element_1>>> in prompt is not found in the list"),
    ({**V3, "prompt": "<<<video_1>>>"}, "<<<video_1>>> in prompt is not found in the list"),
    (
        {**BOARD, "multi_prompt": [{"index": 1, "prompt": "<<<image_1>>>", "duration": "5"}]},
        "<<<image_1>>> in prompt is not found in the list",
    ),
    ({**V3, "image_list": [{"type": "first_frame"}]}, "image_list.0.image_url can not be null"),
    ({**V3, "image_list": [{"image_url": DATA}]}, NOT_BASE64),
    ({**V3, "video_list": [BASE, BASE]}, "video_list value '"),
    (
        {**V3, "video_list": [{"video_url": "AAAA"}]},
        "video_list[0].video_url value 'AAAA' is invalid, it must be a URL",
    ),
    ({**V3, "element_list": [{"element_id": 7}]}, "Element id not found: 7"),
]

REFUSED: list[tuple[str, Body, str]] = [
    *((OMNI, body, message) for body, message in OMNI_REFUSED),
    (REFERENCE, {"prompt": "x"}, "image_list can not be null"),
    (REFERENCE, {"image_list": [{"image": URL}]}, "prompt can not be null"),
    (REFERENCE, {"prompt": "x", "image_list": [{"image_url": URL}]}, "image_list.0.image can not be null"),
    (REFERENCE, {"prompt": "x", "image_list": [{"image": URL}] * 5}, "image_list value '"),
    (REFERENCE, {"prompt": "x", "image_list": [{"image": DATA}]}, NOT_BASE64),
    (REFERENCE, {"prompt": "x", "image_list": [{"image": URL}], "duration": "7"}, "duration value '7' is invalid"),
    *((MOTION, without(DANCE, field), f"{field} can not be null") for field in DANCE),
    (MOTION, {**DANCE, "mode": "4k"}, "mode value '4k' is invalid"),
    (MOTION, {**DANCE, "image_url": DATA}, NOT_BASE64),
    (MOTION, {**DANCE, "video_url": "AAAA"}, "video_url value 'AAAA' is invalid, it must be a URL"),
    (MOTION, {**DANCE, "element_list": [ELEMENT]}, "element_list is not supported with kling-v2-6"),
    (
        MOTION,
        {**DANCE, "model_name": "kling-v3", "element_list": [ELEMENT], "character_orientation": "image"},
        "character_orientation must be video when element_list is used",
    ),
    (MOTION, {**DANCE, "model_name": "kling-v3", "element_list": [ELEMENT]}, "Element id not found: 1"),
    *((ELEMENTS, without(EDIT, field), f"{field} can not be null") for field in EDIT),
    (ELEMENTS, {**EDIT, "edit_mode": "change"}, "edit_mode value 'change' is invalid"),
    (
        ELEMENTS,
        {**EDIT, "edit_mode": "swap", "image_list": [{"image": URL}] * 2},
        "The number of images can not be greater than 1 with edit_mode swap",
    ),
    (
        ELEMENTS,
        {**EDIT, "edit_mode": "removal"},
        "The number of images can not be greater than 0 with edit_mode removal",
    ),
    (ELEMENTS, {**EDIT, "image_list": [{"image": DATA}]}, NOT_BASE64),
    (ELEMENTS, EDIT, "Session id not found: 1"),
    (EXTEND, {}, "video_id can not be null"),
    (EXTEND, {"video_id": "1", "cfg_scale": 2}, "cfg_scale value '2' is invalid"),
    (EXTEND, {"video_id": "1"}, "Video id not found: 1"),
    (AVATAR, {"audio_id": "1"}, "image can not be null"),
    (AVATAR, {"image": URL}, "audio_id and sound_file can not be both null"),
    (AVATAR, {"image": URL, "audio_id": "1", "sound_file": URL}, "audio_id and sound_file can not be used together"),
    (AVATAR, {"image": DATA, "audio_id": "1"}, NOT_BASE64),
    (AVATAR, {"image": URL, "audio_id": "1"}, "Audio id not found: 1"),
    (AVATAR, {"image": URL, "sound_file": "data:audio/wav;base64,UklGRg=="}, NOT_BASE64),
    (
        AVATAR,
        {"image": URL, "sound_file": a_file(b"OggS")},
        "Audio format is invalid, only mp3, wav, m4a and aac are supported",
    ),
    (AVATAR, {"image": URL, "sound_file": a_file(b"ID3", 5 * 2**20 + 1)}, "File size exceeds the limit of 5MB"),
    (LIPS, {"session_id": "1"}, "face_choose can not be null"),
    (LIPS, {"session_id": "1", "face_choose": [FACE, FACE]}, "face_choose value '"),
    (LIPS, face(sound_file=""), "audio_id and sound_file can not be both null"),
    (LIPS, face(audio_id="1"), "audio_id and sound_file can not be used together"),
    (LIPS, face(sound_end_time=1999), "The cropped audio can not be shorter than 2 seconds"),
    (LIPS, face(sound_volume=2.1), "face_choose.0.sound_volume value '2.1' is invalid"),
    (LIPS, face(sound_file=a_file(b"OggS")), "Audio format is invalid, only mp3, wav, m4a and aac are supported"),
    (LIPS, face(), "Session id not found: 1"),
    (OLD_LIPS, {}, "input can not be null"),
    (OLD_LIPS, {"input": {"video_url": CLIP}}, "input.mode can not be null"),
    (
        OLD_LIPS,
        {"input": without(SPEAK, "video_url")},
        "input.video_id and input.video_url can not be both null",
    ),
    (OLD_LIPS, {"input": {**SPEAK, "video_id": "1"}}, "input.video_id and input.video_url can not be used together"),
    (OLD_LIPS, {"input": {**without(SPEAK, "video_url"), "video_id": "1"}}, "Video id not found: 1"),
    (OLD_LIPS, {"input": {**SPEAK, "video_url": "AAAA"}}, "input.video_url value 'AAAA' is invalid, it must be a URL"),
    (OLD_LIPS, {"input": {**SPEAK, "text": "x" * 121}}, "input.text can not be longer than 120 characters"),
    (OLD_LIPS, {"input": without(SPEAK, "text")}, "input.text can not be null"),
    (OLD_LIPS, {"input": without(SPEAK, "voice_id")}, "input.voice_id can not be null"),
    (OLD_LIPS, {"input": {**SPEAK, "voice_id": "nobody"}}, "Voice id not found"),
    (OLD_LIPS, {"input": {**SPEAK, "voice_language": "zh"}}, "Voice id not found"),
    (OLD_LIPS, {"input": without(PLAY, "audio_type")}, "input.audio_type can not be null"),
    (OLD_LIPS, {"input": without(PLAY, "audio_url")}, "input.audio_url can not be null"),
    (OLD_LIPS, {"input": {**PLAY, "audio_type": "file"}}, "input.audio_file can not be null"),
    (OLD_LIPS, {"input": {**PLAY, "audio_url": "AAAA"}}, "input.audio_url value 'AAAA' is invalid, it must be a URL"),
    (
        OLD_LIPS,
        {"input": {**without(PLAY, "audio_url"), "audio_type": "file", "audio_file": a_file(b"OggS")}},
        "Audio format is invalid, only mp3, wav, m4a and aac are supported",
    ),
    (EFFECTS, {"input": {"image": URL}}, "effect_scene can not be null"),
    (EFFECTS, {"effect_scene": "color_mixing"}, "input can not be null"),
    (EFFECTS, {"effect_scene": "color_mixing", "input": {}}, "input.image can not be null"),
    (EFFECTS, {"effect_scene": "color_mixing", "input": {"images": [URL, URL]}}, "input.image can not be null"),
    (EFFECTS, {"effect_scene": "hug_pro", "input": {"image": URL}}, "input.images can not be null"),
    (EFFECTS, {"effect_scene": "hug_pro", "input": {"images": [URL]}}, "input.images value '"),
    (EFFECTS, {"effect_scene": "never_heard_of", "input": {}}, "input.image can not be null"),
    (
        EFFECTS,
        {"effect_scene": "never_heard_of", "input": {"image": URL, "images": [URL, URL]}},
        "input.image and input.images can not be used together",
    ),
    (
        EFFECTS,
        {"effect_scene": "hug_pro", "input": {"images": [URL, URL], "model_name": "kling-v1-6"}},
        "input.model_name is not supported with effect_scene hug_pro",
    ),
    (
        EFFECTS,
        {"effect_scene": "color_mixing", "input": {"image": URL, "mode": "std"}},
        "input.mode is not supported with effect_scene color_mixing",
    ),
    (
        EFFECTS,
        {"effect_scene": "fight", "input": {"images": [URL, URL]}},
        "effect_scene fight is not supported with kling-v1",
    ),
    (EFFECTS, {"effect_scene": "color_mixing", "input": {"image": DATA}}, NOT_BASE64),
    (EFFECTS, {"effect_scene": "hug_pro", "input": {"images": [URL, DATA]}}, NOT_BASE64),
]

ACCEPTED: list[tuple[str, Body]] = [
    (OMNI, CAT),
    (OMNI, {**CAT, "duration": "10"}),
    (OMNI, {**CAT, "duration": "7", "image_list": [ONE]}),
    (OMNI, {**CAT, "duration": "7", "image_list": [FIRST, LAST]}),
    (OMNI, {**V3, "duration": "15", "mode": "4k", "sound": "on"}),
    (OMNI, {**V3, "image_list": [], "element_list": [], "video_list": []}),
    (OMNI, {"prompt": "a cat", "image_list": [FIRST]}),
    (OMNI, {"prompt": "a cat", "video_list": [BASE]}),
    (OMNI, {**CAT, "video_list": [FEATURE], "duration": "7"}),
    (OMNI, {**V3, "prompt": "<<<image_1>>> in <<<video_1>>>", "image_list": [ONE], "video_list": [FEATURE]}),
    (OMNI, {**V3, "image_list": [ONE] * 7}),
    (OMNI, {**SMART, "video_list": [FEATURE]}),
    (OMNI, {**SMART, "image_list": [FIRST, LAST]}),
    (OMNI, {**BOARD, "prompt": "<<<image_9>>> is not looked at"}),
    (REFERENCE, {"prompt": "x", "image_list": [{"image": URL}] * 4, "mode": "pro", "duration": "10"}),
    (MOTION, DANCE),
    (MOTION, {**DANCE, "model_name": "kling-v3", "character_orientation": "image", "keep_original_sound": "no"}),
    (AVATAR, {"image": URL, "sound_file": "https://host.example/a.mp3", "audio_id": ""}),
    (AVATAR, {"image": URL, "sound_file": a_wave(), "mode": "pro", "prompt": "smiles"}),
    (AVATAR, {"image": URL, "sound_file": a_file(b"ID3")}),
    (AVATAR, {"image": URL, "sound_file": a_file(b"\xff\xfb\x90")}),
    (AVATAR, {"image": URL, "sound_file": a_file(b"\xff\xf1")}),
    (AVATAR, {"image": URL, "sound_file": a_file(b"\0\0\0\x20ftypM4A ")}),
    (OLD_LIPS, {"input": SPEAK}),
    (OLD_LIPS, {"input": without(SPEAK, "voice_language")}),
    (OLD_LIPS, {"input": PLAY}),
    (OLD_LIPS, {"input": {**without(PLAY, "audio_url"), "audio_type": "file", "audio_file": a_wave()}}),
    (EFFECTS, {"effect_scene": "color_mixing", "input": {"image": URL}}),
    (EFFECTS, {"effect_scene": "hug_pro", "input": {"images": [URL, URL], "duration": "5"}}),
    (EFFECTS, {"effect_scene": "hug", "input": {"images": [URL, URL], "mode": "pro", "duration": "10"}}),
    (EFFECTS, {"effect_scene": "fight", "input": {"images": [URL, URL], "model_name": "kling-v1-6"}}),
    (EFFECTS, {"effect_scene": "firework_2026", "input": {"image": URL}}),
    (EFFECTS, {"effect_scene": "never_heard_of", "input": {"image": URL, "duration": "10"}}),
]


@pytest.mark.parametrize(("path", "body", "message"), REFUSED)
async def test_refused(call: Call, path: str, body: Body, message: str) -> None:
    """What the documents forbid is 400/1201 and named."""
    status, answer = await call("POST", path, body)

    assert (400, 1201) == (status, answer["code"])
    told = answer["message"]
    assert message == (told[: len(message)] if message.endswith("value '") else told)
    assert "data" not in answer


@pytest.mark.kling_emulator(speed=1_000_000)
@pytest.mark.parametrize(("path", "body"), ACCEPTED)
async def test_accepted(call: Call, path: str, body: Body) -> None:
    """What the documents allow is accepted."""
    status, answer = await call("POST", path, body)

    assert (200, "SUCCEED") == (status, answer["message"])


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (OMNI, {**CAT, "image_list": [{"image_url": "small"}]}),
        (OMNI, {**CAT, "image_list": [{"image_url": "narrow"}]}),
        (REFERENCE, {"prompt": "x", "image_list": [{"image": URL}, {"image": "narrow"}]}),
        (MOTION, {**DANCE, "image_url": "narrow"}),
        (AVATAR, {"image": "small", "sound_file": URL}),
        (EFFECTS, {"effect_scene": "hug_pro", "input": {"images": [URL, "narrow"]}}),
    ],
)
async def test_wrong_pixels_fail_late(call: Call, a_picture: Callable[..., str], path: str, body: Body) -> None:
    """A picture with too small a side, or too narrow, is accepted and the task fails."""
    pictures = {"small": a_picture(299, 400), "narrow": a_picture(300, 751)}

    def filled(value: Any) -> Any:
        if is_object(value):
            return {key: filled(item) for key, item in value.items()}
        if is_array(value):
            return [filled(item) for item in value]
        return pictures.get(value, value)

    _, created = await call("POST", path, filled(body))
    await asyncio.sleep(10_000)
    _, answer = await call("GET", f"{path}/{created['data']['task_id']}")

    assert ("failed", "Image pixel is invalid") == (answer["data"]["task_status"], answer["data"]["task_status_msg"])


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("still", "moving", "status"),
    [
        ((800, 400), (800, 400), "succeed"),
        ((800, 400), (1000, 500), "failed"),
        ((400, 400), (400, 400), "failed"),
    ],
)
async def test_masks_must_fit_the_picture(
    call: Call, a_picture: Callable[..., str], still: tuple[int, int], moving: tuple[int, int], status: str
) -> None:
    """Masks of different sizes, or in another ratio than the picture, are accepted and the task fails."""
    moves = {"mask": a_picture(*moving), "trajectories": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}
    body = {"image": a_picture(800, 400), "static_mask": a_picture(*still), "dynamic_masks": [moves]}

    _, created = await call("POST", FRAME, body)
    await asyncio.sleep(10_000)
    _, answer = await call("GET", f"{FRAME}/{created['data']['task_id']}")

    assert status == answer["data"]["task_status"]


async def test_spoken_text_is_moderated(call: Call) -> None:
    """The words to be spoken are read like any prompt."""
    _, answer = await call("POST", OLD_LIPS, {"input": {**SPEAK, "text": "something forbidden"}})

    assert 1301 == answer["code"]
