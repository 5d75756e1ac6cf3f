"""What tasks cost, by the table in the packaged document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from kling_async.emulator import Emulator
from kling_async.emulator.prices import as_text, price_table

Call = Callable[..., Awaitable[tuple[int, Any]]]

IMAGES = "/v1/images/generations"
SHOTS = "/v1/general/ai-multi-shot"
TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
URL = "https://host.example/a.png"
OMNI_IMAGE = "/v1/images/omni-image"
OMNI = "/v1/videos/omni-video"
MOTION = "/v1/videos/motion-control"
EFFECTS = "/v1/videos/effects"
EXTEND = "/v1/videos/video-extend"
CLIP = "https://host.example/a.mp4"
SOUND = "https://host.example/a.mp3"
WIDE = {"aspect_ratio": "16:9"}
GROWTH = {f"{side}_expansion_ratio": 0.1 for side in ("up", "down", "left", "right")}
DANCE = {"image_url": URL, "video_url": CLIP, "character_orientation": "video", "mode": "std"}
LIPS = {"mode": "audio2video", "video_url": CLIP, "audio_type": "url", "audio_url": SOUND}
VOICED = {
    "prompt": "<<<voice_1>>> sings",
    "image": URL,
    "voice_list": [{"voice_id": "1"}],
    "sound": "on",
    "mode": "pro",
}

PRICES: list[tuple[str, dict[str, Any], str]] = [
    (IMAGES, {"model_name": "kling-v3", "n": 3, "resolution": "2k"}, "24"),
    (IMAGES, {"model_name": "kling-v2-1"}, "4"),
    (IMAGES, {"model_name": "kling-v2-1", "image": URL}, "8"),
    (IMAGES, {"n": 9}, "9"),
    (SHOTS, {"element_frontal_image": URL}, "20"),
    (OMNI_IMAGE, {"n": 2}, "16"),
    (OMNI_IMAGE, {"model_name": "kling-v3-omni", "resolution": "4k"}, "16"),
    (OMNI_IMAGE, {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": 3, "n": 9}, "24"),
    (OMNI_IMAGE, {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": "auto"}, "32"),
    ("/v1/images/multi-image2image", {"subject_image_list": [{"subject_image": URL}], "n": 2}, "32"),
    ("/v1/images/editing/expand", {"image": URL, "n": 2, **GROWTH}, "16"),
    ("/v1/images/kolors-virtual-try-on", {"human_image": URL, "cloth_image": URL}, "1"),
    (OMNI, {**WIDE}, "4"),
    (OMNI, {**WIDE, "mode": "std", "duration": "10"}, "6"),
    (OMNI, {**WIDE, "model_name": "kling-v3-omni", "sound": "on"}, "5"),
    (OMNI, {**WIDE, "model_name": "kling-v3-omni", "mode": "4k", "duration": "3"}, "9"),
    (OMNI, {"video_list": [{"video_url": CLIP}], "duration": "10"}, "6"),
    (OMNI, {**WIDE, "video_list": [{"video_url": CLIP, "refer_type": "feature"}], "duration": "10"}, "12"),
    ("/v1/videos/multi-image2video", {"image_list": [{"image": URL}], "mode": "pro"}, "3.5"),
    (MOTION, DANCE, "2.5"),
    (MOTION, {**DANCE, "model_name": "kling-v3", "mode": "pro"}, "6"),
    ("/v1/videos/avatar/image2video", {"image": URL, "sound_file": SOUND, "mode": "pro"}, "4"),
    ("/v1/videos/lip-sync", {"input": LIPS}, "0.5"),
    (EFFECTS, {"effect_scene": "color_mixing", "input": {"image": URL}}, "2"),
    (EFFECTS, {"effect_scene": "hug", "input": {"images": [URL, URL], "mode": "pro", "duration": "10"}}, "7"),
    (TEXT, {}, "1"),
    (TEXT, {"mode": "pro", "duration": "10"}, "7"),
    (TEXT, {"model_name": "kling-v3", "duration": "3"}, "1.8"),
    (TEXT, {"model_name": "kling-v3", "sound": "on", "mode": "pro"}, "6"),
    (TEXT, {"model_name": "kling-v3", "mode": "4k", "duration": "15"}, "45"),
    (TEXT, {"model_name": "kling-v2-6", "sound": "on", "mode": "pro"}, "5"),
    (TEXT, {"model_name": "kling-v2-5-turbo"}, "1.5"),
    (TEXT, {"model_name": "kling-v2-master"}, "10"),
    (TEXT, {"model_name": "kling-v1-6", "mode": "pro"}, "3.5"),
    (IMAGE, {"model_name": "kling-v2-6", **VOICED}, "6"),
]


@pytest.mark.looptime
@pytest.mark.parametrize(("path", "body", "units"), PRICES)
async def test_units_of_a_task(
    call: Call, kling_emulator: Emulator, path: str, body: dict[str, Any], units: str
) -> None:
    """A finished task tells its units as text without trailing zeros, and they are charged."""
    _, created = await call("POST", path, {"prompt": "a cat", **body})
    await asyncio.sleep(10_000)

    _, answer = await call("GET", f"{path}/{created['data']['task_id']}")

    assert units == answer["data"]["final_unit_deduction"]
    assert Decimal(units) == sum(kling_emulator.spent.values())


@pytest.mark.looptime
@pytest.mark.parametrize(("mode", "units"), [("std", "2"), ("pro", "3.5")])
async def test_extensions_cost_what_their_first_video_says(call: Call, mode: str, units: str) -> None:
    """An extension is paid per call, by the mode of the video at the beginning of the chain."""
    path, body = TEXT, {"prompt": "a cat", "mode": mode}
    told: list[dict[str, Any]] = []
    for _ in range(3):
        _, created = await call("POST", path, body)
        await asyncio.sleep(10_000)
        told.append((await call("GET", f"{path}/{created['data']['task_id']}"))[1]["data"])
        path, body = EXTEND, {"video_id": told[-1]["task_result"]["videos"][0]["id"]}

    assert [units, units] == [task["final_unit_deduction"] for task in told[1:]]


@pytest.mark.looptime
async def test_model_without_a_price(call: Call, monkeypatch: pytest.MonkeyPatch, kling_emulator: Emulator) -> None:
    """What the table does not name is not charged, and the field stays away."""
    monkeypatch.delitem(price_table(), "kling-v1 any")
    _, created = await call("POST", IMAGES, {"prompt": "a cat"})
    await asyncio.sleep(10_000)

    _, answer = await call("GET", f"{IMAGES}/{created['data']['task_id']}")

    assert "succeed" == answer["data"]["task_status"]
    assert "final_unit_deduction" not in answer["data"]
    assert 0 == sum(kling_emulator.spent.values())


@pytest.mark.parametrize(("units", "text"), [("2.40", "2.4"), ("100", "100"), ("0.05", "0.05"), ("1E+2", "100")])
def test_units_as_text(units: str, text: str) -> None:
    """Plain decimal text, never an exponent."""
    assert text == as_text(Decimal(units))
