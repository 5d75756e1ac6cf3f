"""What a create body may say: schema, conditional rules, tolerated spellings, pictures. One table row, one promise."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from kling_async.emulator import API_KEY, Emulator

Call = Callable[..., Awaitable[tuple[int, Any]]]
Body = dict[str, Any]

IMAGES = "/v1/images/generations"
SHOTS = "/v1/general/ai-multi-shot"
TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
URL = "https://host.example/a.png"
CAT: Body = {"prompt": "a cat"}
FRAME: Body = {"prompt": "a cat", "image": URL}
V3: Body = {**CAT, "model_name": "kling-v3"}
SIMPLE = {"type": "simple", "config": {"zoom": 3}}
BRUSH = {"dynamic_masks": [{"mask": URL, "trajectories": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}]}
NOT_BASE64 = "File is not in a valid base64 format"
CAMERA = "camera_control is only supported in std mode with 5s duration and kling-v1"


def shots(*seconds: str, first: int = 1) -> list[Body]:
    """A storyboard with shots of these lengths."""
    return [{"index": first + n, "prompt": "x", "duration": length} for n, length in enumerate(seconds)]


def board(*seconds: str, **fields: Any) -> Body:
    """A create body with a storyboard."""
    story = {"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize"}
    return {**story, "multi_prompt": shots(*seconds), **fields}


REFUSED: list[tuple[str, Body, str]] = [
    (IMAGES, {}, "prompt can not be null"),
    (IMAGES, {"prompt": ""}, "prompt can not be null"),
    (IMAGES, {"prompt": None}, "prompt can not be null"),
    (IMAGES, {"prompt": "x" * 2501}, "prompt can not be longer than 2500 characters"),
    (IMAGES, {"prompt": 5}, "prompt value '5' is invalid, it must be of type string"),
    (IMAGES, {**CAT, "aspect_ratio": "5:4"}, "aspect_ratio value '5:4' is invalid"),
    (IMAGES, {**CAT, "n": 10}, "n value '10' is invalid"),
    (IMAGES, {**CAT, "n": "2"}, "n value '2' is invalid, it must be of type integer"),
    (IMAGES, {**CAT, "n": True}, "n value 'True' is invalid, it must be of type integer"),
    (IMAGES, {**CAT, "resolution": "4k"}, "resolution value '4k' is invalid"),
    (IMAGES, {**CAT, "image_fidelity": 1.01}, "image_fidelity value '1.01' is invalid"),
    (IMAGES, {**CAT, "image_reference": "face"}, "image can not be null"),
    (IMAGES, {**FRAME, "model_name": "kling-v1-5"}, "image_reference can not be null"),
    (IMAGES, {**CAT, "model_name": "kling-v2-new"}, "image can not be null"),
    (
        IMAGES,
        {**CAT, "watermark_info": {"enabled": 1}},
        "watermark_info.enabled value '1' is invalid, it must be of type boolean",
    ),
    (IMAGES, {**CAT, "element_list": [{"id": 1}]}, "element_list.0.element_id can not be null"),
    (
        IMAGES,
        {**FRAME, "element_list": [{"element_id": n} for n in range(1, 11)]},
        "The number of images and elements can not be greater than 10",
    ),
    (IMAGES, {**CAT, "image": "data:image/png;base64,iVBORw0KGgo="}, NOT_BASE64),
    (IMAGES, {**CAT, "image": "not base64!"}, NOT_BASE64),
    (IMAGES, {**CAT, "image": base64.b64encode(b"GIF89a" + bytes(40)).decode()}, NOT_BASE64),
    (IMAGES, {**CAT, "image": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()}, NOT_BASE64),
    (IMAGES, {**CAT, "image": base64.b64encode(b"\xff\xd8\xff\xe0\x00\x04ab").decode()}, NOT_BASE64),
    (SHOTS, {}, "element_frontal_image can not be null"),
    (SHOTS, {"element_frontal_image": "x"}, NOT_BASE64),
    (TEXT, {}, "prompt can not be null"),
    (TEXT, {**CAT, "duration": 5}, "duration value '5' is invalid, it must be of type string"),
    (TEXT, {**CAT, "duration": "7"}, "duration value '7' is invalid"),
    (TEXT, {**V3, "duration": "16"}, "duration value '16' is invalid"),
    (TEXT, {**CAT, "aspect_ratio": "21:9"}, "aspect_ratio value '21:9' is invalid"),
    (TEXT, {**CAT, "mode": "4k"}, "mode value '4k' is invalid"),
    (TEXT, {**CAT, "sound": "on"}, "sound on is not supported with kling-v1"),
    (TEXT, {**CAT, "sound": True}, "sound value 'True' is invalid"),
    (
        TEXT,
        {**CAT, "sound": "on", "model_name": "kling-v2-6"},
        "sound on is only supported in pro mode with kling-v2-6",
    ),
    (TEXT, {**V3, "prompt": "<<<voice_1>>> sings"}, "sound must be on when a voice is used"),
    (TEXT, {**V3, "cfg_scale": 0.5}, "cfg_scale is not supported with kling-v3"),
    (TEXT, {**CAT, "cfg_scale": 1.5}, "cfg_scale value '1.5' is invalid"),
    (TEXT, {**V3, "camera_control": SIMPLE}, CAMERA),
    (TEXT, {**CAT, "camera_control": SIMPLE, "duration": "10"}, CAMERA),
    (TEXT, {**CAT, "camera_control": SIMPLE, "mode": "pro"}, CAMERA),
    (
        TEXT,
        {**CAT, "camera_control": {"type": "simple", "config": {"zoom": 3, "pan": 1}}},
        "camera_control config needs exactly one non-zero value with type simple, else none",
    ),
    (
        TEXT,
        {**CAT, "camera_control": {"type": "down_back", "config": {"zoom": 3}}},
        "camera_control config needs exactly one non-zero value with type simple, else none",
    ),
    (TEXT, {**CAT, "camera_control": {"type": "spin"}}, "camera_control.type value 'spin' is invalid"),
    (TEXT, {**V3, "multi_shot": True}, "shot_type can not be null"),
    (TEXT, {"model_name": "kling-v3", "multi_shot": True, "shot_type": "intelligence"}, "prompt can not be null"),
    (TEXT, board(), "multi_prompt can not be null"),
    (TEXT, board("5", model_name="kling-v2-6"), "multi_shot is not supported with kling-v2-6"),
    *(
        (TEXT, body, "multi_prompt must be numbered from 1 and its durations must add up to duration")
        for body in (board("2", "2"), board("0", "5"), board("5", multi_prompt=shots("5", first=2)), board("9" * 5000))
    ),
    (IMAGE, CAT, "image can not be null"),
    (
        IMAGE,
        {"image": URL, "model_name": "kling-v3", "multi_shot": True, "shot_type": "intelligence"},
        "prompt can not be null",
    ),
    (
        IMAGE,
        {**FRAME, "image_tail": URL, "model_name": "kling-v2-master"},
        "image_tail is not supported with kling-v2-master in std mode",
    ),
    (IMAGE, {**CAT, "image_tail": URL}, "image_tail is not supported with kling-v1 in std mode"),
    *(
        (
            IMAGE,
            {**FRAME, "image_tail": URL, "duration": "10", "mode": mode},
            "image_tail is only supported with 5s duration and kling-v1",
        )
        for mode in ("std", "pro")
    ),
    (
        IMAGE,
        {**FRAME, "image_tail": URL, "model_name": "kling-v1-6"},
        "image_tail is not supported with kling-v1-6 in std mode",
    ),
    (
        IMAGE,
        {**FRAME, "image_tail": URL, "model_name": "kling-v2-6", "mode": "pro", "sound": "on"},
        "image_tail is not supported with sound on",
    ),
    (
        IMAGE,
        {**FRAME, "image_tail": URL, "static_mask": URL},
        "image_tail, static_mask/dynamic_masks and camera_control can not be used together",
    ),
    (
        IMAGE,
        {**FRAME, **BRUSH, "duration": "10"},
        "motion brush is only supported with 5s duration and kling-v1, or kling-v1-5 in pro mode",
    ),
    (
        IMAGE,
        {**FRAME, "dynamic_masks": [{"mask": URL, "trajectories": [{"x": 0, "y": 0}]}]},
        "dynamic_masks.0.trajectories value",
    ),
    (
        IMAGE,
        {**FRAME, "camera_control": SIMPLE, "model_name": "kling-v1-5"},
        "camera_control is only supported in pro mode with 5s duration, type simple and kling-v1-5",
    ),
    (
        IMAGE,
        {**FRAME, "element_list": [{"element_id": 1}], "voice_list": [{"voice_id": "1"}], "model_name": "kling-v3"},
        "element_list and voice_list can not be used together",
    ),
    (IMAGE, {**FRAME, "element_list": [{"element_id": 1}]}, "element_list is not supported with kling-v1"),
    (IMAGE, {**FRAME, "voice_list": [{"voice_id": "1"}]}, "voice_list is not supported with kling-v1"),
    (
        IMAGE,
        {**FRAME, "voice_list": [{"voice_id": "1"}], "model_name": "kling-v2-6", "mode": "pro", "sound": "on"},
        "voice_list needs sound on and a voice cited in prompt",
    ),
    (IMAGE, {**FRAME, "dynamic_masks": [{**BRUSH["dynamic_masks"][0], "mask": "x"}]}, NOT_BASE64),
    (IMAGE, {**CAT, "image": "x"}, NOT_BASE64),
    (IMAGE, {**FRAME, "image_tail": "x", "model_name": "kling-v3"}, NOT_BASE64),
    (IMAGE, {**FRAME, "static_mask": "x"}, NOT_BASE64),
]

# Most rules hold for videos from words and from pictures alike.
WORDS_ONLY = ("prompt can not be null", "aspect_ratio value '21:9' is invalid", CAMERA)
REFUSED.extend(
    [
        (IMAGE, {**body, "image": URL}, message)
        for path, body, message in REFUSED
        if path == TEXT and message not in WORDS_ONLY
    ]
)

ACCEPTED: list[tuple[str, Body]] = [
    (
        IMAGES,
        {**CAT, "n": 9, "resolution": "2k", "aspect_ratio": "21:9", "negative_prompt": "", "model_name": "kling-v3"},
    ),
    (IMAGES, {**CAT, "n": 2.0}),
    (IMAGES, {"prompt": "x" * 2500}),
    (IMAGES, {**CAT, "model": "no-such-model", "no_such_key": {"deep": [1]}}),
    (IMAGES, {**CAT, "model_name": "", "element_list": [], "watermark_info": {"enabled": "true"}, "n": None}),
    (IMAGES, {**FRAME, "negative_prompt": "dogs"}),
    (IMAGES, {**FRAME, "model_name": "kling-v2-new"}),
    (SHOTS, {"element_frontal_image": URL}),
    (TEXT, {**V3, "duration": "15", "mode": "4k", "sound": "on"}),
    (TEXT, {**CAT, "camera_control": SIMPLE, "cfg_scale": 0.5}),
    (TEXT, {**CAT, "camera_control": {"type": "down_back"}}),
    (TEXT, {**CAT, "model_name": "kling-v2-6", "mode": "pro", "sound": "on", "duration": "10"}),
    (TEXT, {**CAT, "model_name": "kling-v2-master", "mode": "pro"}),
    (TEXT, {**CAT, "multi_shot": False, "multi_prompt": shots("9")}),
    (TEXT, {**V3, "multi_shot": "true", "shot_type": "intelligence"}),
    (TEXT, board("2", "3")),
    (IMAGE, {**FRAME, "image_tail": URL}),
    (IMAGE, {**FRAME, "image_tail": URL, "mode": "pro"}),
    (IMAGE, {**FRAME, "image_tail": URL, "model_name": "kling-v2-1", "mode": "pro", "duration": "10"}),
    (IMAGE, {**CAT, "image_tail": URL, "model_name": "kling-v1-6", "mode": "pro"}),
    (IMAGE, {"image": URL}),
    (IMAGE, {**FRAME, **BRUSH}),
    (IMAGE, {**FRAME, "camera_control": SIMPLE, "model_name": "kling-v1-5", "mode": "pro"}),
    (
        IMAGE,
        {
            "image": URL,
            "prompt": "<<<voice_1>>> sings",
            "voice_list": [{"voice_id": 829877809978941442}],
            "model_name": "kling-v2-6",
            "mode": "pro",
            "sound": "on",
        },
    ),
    (IMAGE, {**FRAME, "aspect_ratio": {"a key": "that is not in the table"}}),
]


@pytest.mark.parametrize(("path", "body", "message"), REFUSED)
async def test_refused(call: Call, path: str, body: Body, message: str) -> None:
    """A body that breaks a documented rule is 400/1201 with a message that names the field."""
    status, answer = await call("POST", path, body)

    assert (400, 1201) == (status, answer["code"])
    assert answer["message"].startswith(message)
    assert len(answer["message"]) < 150


@pytest.mark.looptime
@pytest.mark.parametrize(("path", "body"), ACCEPTED)
async def test_accepted(call: Call, path: str, body: Body) -> None:
    """What the documents allow, and what the vendor is known to tolerate, is accepted and succeeds."""
    status, answer = await call("POST", path, body)
    await asyncio.sleep(100)

    assert (200, "SUCCEED") == (status, answer["message"])
    status, answer = await call("GET", f"{path}/{answer['data']['task_id']}")
    assert (200, "succeed") == (status, answer["data"]["task_status"])


@pytest.mark.parametrize(("code", "expected"), [(1203, (404, 1203)), (1201, (400, 1201))])
async def test_unknown_model_is_a_switch(code: Any, expected: tuple[int, int]) -> None:
    """The table says 404/1203, live calls may say 400/1201: both are on offer."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with Emulator(unknown_model=code) as emulator, aiohttp.ClientSession(emulator.url, headers=headers) as http:
        async with http.post(TEXT, json={"prompt": "a cat", "model_name": "kling-v99", "duration": 5}) as answer:
            body = await answer.json()

    assert expected == (answer.status, body["code"])


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'"x"', "application/json"),
        (b'{"prompt": "x", "image_fidelity": NaN}', "application/json"),
        (b"\xff\xfe\xfd", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"prompt": "a cat"}', "text/plain"),
        (b'{"prompt": "a cat"}', ""),
    ],
)
async def test_body_that_is_no_json_object(kling_emulator: Emulator, content: bytes, content_type: str) -> None:
    """Something else than a JSON object, or another content type, is 400/1200."""
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": content_type}

    async with (
        aiohttp.ClientSession(kling_emulator.url) as http,
        http.post(TEXT, data=content, headers=headers) as answer,
    ):
        body = await answer.json()

    assert (400, 1200) == (answer.status, body["code"])


async def test_old_model_key_means_the_default_model(call: Call, kling_emulator: Emulator) -> None:
    """The key `model` is accepted and has no effect: the call runs on the default model."""
    await call("POST", TEXT, {"prompt": "a cat", "model": "kling-v3"})

    (task,) = kling_emulator.tasks.values()
    assert "kling-v1" == task.body["model_name"]


async def test_pictures_are_taken_out_of_the_body(
    call: Call, kling_emulator: Emulator, a_picture: Callable[..., str]
) -> None:
    """A task keeps what its pictures were, not their megabytes."""
    sent = a_picture(640, 480, "JPEG")

    await call("POST", IMAGE, {"prompt": "a cat", "image": sent})

    (task,) = kling_emulator.tasks.values()
    picture = task.pictures["image"]
    assert ("jpeg", 640, 480, len(base64.b64decode(sent))) == (
        picture.kind,
        picture.width,
        picture.height,
        picture.size,
    )
    assert f"sha256:{picture.sha256}" == task.body["image"]


async def test_picture_over_ten_megabytes(kling_emulator: Emulator, a_picture: Callable[..., str]) -> None:
    """A file above 10 MB is refused, however little of it is a picture."""
    content = base64.b64encode(base64.b64decode(a_picture()) + bytes(10 * 1024 * 1024)).decode()
    body = io.BytesIO(json.dumps({"element_frontal_image": content}).encode())
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}

    async with (
        aiohttp.ClientSession(kling_emulator.url) as http,
        http.post(SHOTS, data=body, headers=headers) as answer,
    ):
        told = await answer.json()

    assert (400, "File size exceeds the limit of 10MB") == (answer.status, told["message"])


async def test_body_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body beyond what ten pictures need is refused, not swallowed."""
    monkeypatch.setattr("kling_async.emulator.server.LARGEST_BODY", 1000)
    headers = {"Authorization": f"Bearer {API_KEY}"}

    async with Emulator() as emulator, aiohttp.ClientSession(emulator.url, headers=headers) as http:
        async with http.post(TEXT, json={"prompt": "x" * 1000}) as answer:
            told = await answer.json()

    assert (400, 1200, "Request body is too large") == (answer.status, told["code"], told["message"])
