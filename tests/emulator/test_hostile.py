"""Requests that nobody means well with: each is answered by the API's rules, and none breaks the emulator."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any, Final

import aiohttp
import pytest

from kling_async.emulator import API_KEY, Emulator
from kling_async.emulator.direct import DIRECT
from kling_async.emulator.documents import is_array, is_object
from kling_async.emulator.endpoints import ENDPOINTS

Call = Callable[..., Awaitable[tuple[int, Any]]]
Body = dict[str, Any]

PICTURE = "https://host.example/a.png"
CLIP = "https://host.example/a.mp4"
SOUND = "https://host.example/a.mp3"
SPEECH = "/v1/audio/tts"
FACES = "/v1/videos/identify-face"
MARKS = "/v1/videos/multi-elements"
TEXT = "/v1/videos/text2video"
HEADERS = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}

SHOTS = [{"index": 1, "prompt": "a cat", "duration": "5"}]
SPAN = {"sound_start_time": 0, "sound_end_time": 3000, "sound_insert_time": 500}
CAMERA = {"type": "simple", "config": {"zoom": 3}}
BRUSH = [{"mask": PICTURE, "trajectories": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}]
POINTS = [{"x": 0.5, "y": 0.5}]
NAMED = {"element_name": "Mara", "element_description": "a sailor", "tag_list": [{"tag_id": "o_102"}]}
PLAIN = {**NAMED, "element_frontal_image": PICTURE, "element_refer_list": [{"image_url": PICTURE}]}
VIEWS = {"frontal_image": PICTURE, "refer_images": [{"image_url": PICTURE}]}
LEDGER = {"start_time": 1_750_000_000_000, "end_time": 1_760_000_000_000, "limit": 10}
SPOKEN = {"mode": "text2video", "text": "hello", "voice_id": "oversea_male1", "voice_language": "en"}
SIDES = {f"{side}_expansion_ratio": 0.1 for side in ("up", "down", "left", "right")}
MARKED = {"watermark_info": {"enabled": True}, "external_task_id": "", "callback_url": "https://host.example"}

# Valid, and with most of the fields that rules, prices and drawings ask for.
BODIES: Final[dict[str, list[Body]]] = {
    "/v1/images/generations": [
        {"prompt": "a cat", "n": 2, "image": PICTURE, "image_fidelity": 0.5, "model_name": "kling-v3", **MARKED}
    ],
    "/v1/images/omni-image": [
        {"prompt": "<<<image_1>>>", "image_list": [{"image": PICTURE}], "n": 2, "resolution": "2k"}
    ],
    "/v1/images/multi-image2image": [{"subject_image_list": [{"subject_image": PICTURE}], "n": 2}],
    "/v1/images/editing/expand": [{"image": PICTURE, **SIDES, "n": 2}],
    "/v1/images/kolors-virtual-try-on": [{"human_image": PICTURE, "cloth_image": PICTURE}],
    "/v1/general/ai-multi-shot": [{"element_frontal_image": PICTURE}],
    "/v1/videos/omni-video": [
        {"prompt": "a cat", "aspect_ratio": "16:9", "duration": "5", "image_list": [{"image_url": PICTURE}]},
        {"prompt": "a cat", "video_list": [{"video_url": CLIP, "refer_type": "base", "keep_original_sound": "yes"}]},
    ],
    TEXT: [
        {"prompt": "a cat", "duration": "5", "camera_control": CAMERA, "cfg_scale": 0.5, **MARKED},
        {"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS},
    ],
    "/v1/videos/image2video": [{"image": PICTURE, "static_mask": PICTURE, "dynamic_masks": BRUSH}],
    "/v1/videos/multi-image2video": [{"prompt": "a cat", "image_list": [{"image": PICTURE}], "duration": "5"}],
    "/v1/videos/motion-control": [
        {"image_url": PICTURE, "video_url": CLIP, "character_orientation": "video", "mode": "std"}
    ],
    MARKS: [{"session_id": "?", "edit_mode": "addition", "image_list": [{"image": PICTURE}], "prompt": "x"}],
    "/v1/videos/video-extend": [{"video_id": "?", "prompt": "and on"}],
    "/v1/videos/avatar/image2video": [{"image": PICTURE, "sound_file": SOUND, "prompt": "sing"}],
    "/v1/videos/advanced-lip-sync": [
        {"session_id": "?", "face_choose": [{"face_id": "0", "sound_file": SOUND, "sound_volume": 1, **SPAN}]}
    ],
    "/v1/videos/lip-sync": [{"input": {"video_url": CLIP, "voice_speed": 1, **SPOKEN}}],
    "/v1/videos/effects": [{"effect_scene": "color_mixing", "input": {"image": PICTURE, "duration": "5"}}],
    "/v1/audio/text-to-audio": [{"prompt": "rain", "duration": 5}],
    "/v1/audio/video-to-audio": [{"video_url": CLIP, "bgm_prompt": "piano", "asmr_mode": True}],
    "/v1/general/custom-voices": [{"voice_name": "fox", "voice_url": SOUND}],
    "/v1/general/advanced-custom-elements": [
        {**NAMED, "reference_type": "image_refer", "element_image_list": VIEWS},
        {**NAMED, "reference_type": "video_refer", "element_video_list": {"refer_videos": [{"video_url": CLIP}]}},
    ],
    f"{MARKS}/init-selection": [{"video_url": CLIP}],
    f"{MARKS}/add-selection": [{"session_id": "?", "frame_index": 0, "points": POINTS}],
    f"{MARKS}/delete-selection": [{"session_id": "?", "frame_index": 0, "points": POINTS}],
    f"{MARKS}/clear-selection": [{"session_id": "?"}],
    f"{MARKS}/preview-selection": [{"session_id": "?"}],
    FACES: [{"video_url": CLIP}],
    "/v1/videos/image-recognize": [{"image": PICTURE}],
    SPEECH: [{"text": "hello", "voice_id": "oversea_male1", "voice_language": "en", "voice_speed": 1}],
    "/v1/general/delete-voices": [{"voice_id": "1"}],
    "/v1/general/delete-elements": [{"element_id": "1"}],
    "/v1/general/delete-advanced-elements": [{"element_id": "1"}],
    "/v1/general/custom-elements": [PLAIN],
    "/account/billing/balance": [LEDGER],
    "/account/billing/package": [{**LEDGER, "cursor": ""}],
}

DEEP = "[" * 900 + "]" * 900
# As they stand in JSON, because Python would not write some of them.
HOSTILE: Final = (
    *("null", "true", '""', '" "', "[]", "{}", "[[]]", "[null]", "[{}]", '{"": {}}', DEEP, f'{{"a": {DEEP}}}'),
    *("0", "-1", "-0.0", "0.1", "1.5", "1e308", "1e400", "-1e400", "9" * 309, "9" * 4000, "9" * 5000, f"-{'9' * 400}"),
    *('"\\ud800"', '"https://a.b/\\ud800"', '"https://a.b/\\udc00.mp4"', '{"\\ud800": 1}', '["\\udfff"]', '"\\u0000"'),
    *('"https://"', '"https://[::1"', '"http://a\\n.b"', f'"https://a.b/{"x" * 5000}"', '"\\u00e9\\ud83e\\udd8a"'),
    *('"iVBORw0KGgo="', '"iVBORw0KGgoAAAANSUhEUgAAAAAAAAAA"', '"/9j/4AAC"', '"data:image/png;base64,AAAA"', '"SUQz"'),
    *('"0"', '"-5"', '"1e5"', '"\\u0665"', f'"{"9" * 5000}"', '"<<<image_999999>>> <<<voice_0>>>"', '"kling-v1"'),
)
# All 8000 take a quarter of a minute; of these it is known that they meet the mistakes that were made.
MUTATIONS, SEED = 600, 13
HOLE = "\x1ahole"


def places(body: Any) -> Iterator[tuple[Any, Any]]:
    """Every object and array in a body, with each of its keys."""
    keys: list[Any] = list(body) if is_object(body) else list(range(len(body)))
    for key in keys:
        yield body, key
        if is_object(body[key]) or is_array(body[key]):
            yield from places(body[key])


def mutated(body: Body, place: int, hostile: str) -> str:
    """The text of a body with something hostile at one of its places."""
    changed = copy.deepcopy(body)
    holder, key = list(places(changed))[place]
    holder[key] = HOLE
    return json.dumps(changed).replace(json.dumps(HOLE), hostile)


def every_mutation(bodies: dict[str, list[Body]]) -> list[tuple[str, str]]:
    """Each hostile value at each place, with the path it goes to."""
    return [
        (path, mutated(body, place, hostile))
        for path, several in bodies.items()
        for body in several
        for place in range(len(list(places(body))))
        for hostile in HOSTILE
    ]


async def filled(call: Call) -> dict[str, list[Body]]:
    """The bodies, with ids of things that are there."""
    _, film = await call("POST", TEXT, {"prompt": "a cat"})
    await asyncio.sleep(10_000)
    _, told = await call("GET", f"{TEXT}/{film['data']['task_id']}")
    _, faces = await call("POST", FACES, {"video_url": CLIP})
    _, marks = await call("POST", f"{MARKS}/init-selection", {"video_url": CLIP})
    ids = {
        "video_id": told["data"]["task_result"]["videos"][0]["id"],
        MARKS: marks["data"]["session_id"],
        "/v1/videos/advanced-lip-sync": faces["data"]["session_id"],
    }
    bodies = copy.deepcopy(BODIES)
    for path, several in bodies.items():
        session = ids.get(path, ids[MARKS])
        for body in several:
            body.update({name: ids.get(name, session) for name, value in body.items() if value == "?"})
    return bodies


def test_every_call_with_a_body_takes_part() -> None:
    """A new endpoint needs a body here."""
    served = {row.path for row in ENDPOINTS} | {row.path for row in DIRECT if row.form is not None}

    assert served == set(BODIES)


@pytest.mark.looptime
async def test_unharmed_bodies_are_accepted(call: Call) -> None:
    """What is mutated below is valid before: else the mutations would not come far."""
    bodies = await filled(call)

    refused = [
        (path, answer["message"])
        for path, several in bodies.items()
        for body in several
        if (answer := (await call("POST", path, body))[1])["code"] and "/delete-" not in path
    ]

    assert [] == refused


@pytest.mark.looptime
async def test_no_body_breaks_the_emulator(call: Call, http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """Whatever stands wherever in a body, the answer is the API's; what was accepted can be listed afterwards."""
    mutations = Random(SEED).sample(every_mutation(await filled(call)), MUTATIONS)
    before = len(kling_emulator.requests)

    answers = list[tuple[int, int, str, str]]()
    for path, text in mutations:
        async with http.post(path, data=text.encode(), headers=HEADERS) as answer:
            told = await answer.json(content_type=None) if answer.status != 500 else {"code": 500}
            answers.append((answer.status, told["code"], path, text[:200]))
    await asyncio.sleep(10_000)
    lists = [(await call("GET", row.path, pageSize="500"))[0] for row in ENDPOINTS]

    assert [] == [answer for answer in answers if answer[0] not in (200, 400, 404)]
    assert {200} == set(lists)
    assert len(mutations) + len(lists) == len(kling_emulator.requests) - before
    assert {0, 1200, 1201} <= {code for _, code, *_ in answers}


@pytest.mark.parametrize(
    ("path", "field"),
    [(FACES, "video_url"), (f"{MARKS}/init-selection", "video_url"), ("/v1/videos/image-recognize", "image")],
)
async def test_half_a_character_is_refused(call: Call, kling_emulator: Emulator, path: str, field: str) -> None:
    """No encoding carries a lone surrogate, so no body does: 400/1200."""
    status, answer = await call("POST", path, {field: "https://a.b/\ud800"})

    assert (400, 1200) == (status, answer["code"])
    assert 1200 == kling_emulator.requests[-1].code


async def test_speed_beyond_every_number_is_the_fastest(call: Call) -> None:
    """A speed counts as the nearest one that there is, however many digits it has."""
    body = {"text": "hello " * 9, "voice_id": "oversea_male1", "voice_language": "en"}

    _, fastest = await call("POST", SPEECH, {**body, "voice_speed": 2})
    status, beyond = await call("POST", SPEECH, {**body, "voice_speed": 10**400})

    lengths = [answer["data"]["task_result"]["audios"][0]["duration"] for answer in (fastest, beyond)]
    assert 200 == status
    assert lengths[0] == lengths[1]


@pytest.mark.shows_keys("asked with plain aiohttp, whose errors hold the request; that ours do not is tested elsewhere")
async def test_body_that_is_not_compressed_as_it_says(http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """400/1200, like any other body that cannot be read."""
    headers = {**HEADERS, "Content-Encoding": "gzip"}

    async with http.post(TEXT, data=b'{"prompt": "a cat"}', headers=headers) as answer:
        told = await answer.json()

    assert (400, 1200, "Request body can not be read") == (answer.status, told["code"], told["message"])
    assert 1200 == kling_emulator.requests[-1].code


@pytest.mark.parametrize("target", ["{url}/v1/videos/text2video?pageSize=2", "/v1/videos/text2video?pageSize=2"])
async def test_target_may_name_the_host(kling_emulator: Emulator, target: str) -> None:
    """A request as one sends it to a proxy is the same call: RFC 9112 says that every server must take it."""
    host = kling_emulator.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    line = f"GET {target.format(url=kling_emulator.url)} HTTP/1.1\r\n"

    writer.write(f"{line}Host: {host}\r\nAuthorization: Bearer {API_KEY}\r\nConnection: close\r\n\r\n".encode())
    head = (await reader.read()).split(b"\r\n", 1)[0]
    writer.close()
    await writer.wait_closed()

    assert b"HTTP/1.1 200 OK" == head
    (seen,) = kling_emulator.requests
    assert (TEXT, "pageSize=2") == (seen.path, seen.query)
