"""What the bodies of the newer image endpoints may say. One table row, one promise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Call = Callable[..., Awaitable[tuple[int, Any]]]
Body = dict[str, Any]

OMNI = "/v1/images/omni-image"
REFERENCE = "/v1/images/multi-image2image"
EXPAND = "/v1/images/editing/expand"
TRY_ON = "/v1/images/kolors-virtual-try-on"
GENERATE = "/v1/images/generations"
URL = "https://host.example/a.png"
DATA = "data:image/png;base64,iVBORw0KGgo="
NOT_BASE64 = "File is not in a valid base64 format"
TOO_MANY = "The number of images and elements can not be greater than 10"
TOO_LARGE = "The area of the expanded image can not be greater than 3 times the original"
SERIES: Body = {"prompt": "x", "model_name": "kling-v3-omni", "result_type": "series"}
SUBJECT = {"subject_image": URL}
OUTFIT: Body = {"human_image": URL, "cloth_image": "https://host.example/a.webp"}


def growth(up: float, down: float, left: float, right: float, **fields: Any) -> Body:
    """A body that expands a picture."""
    ratios = {"up": up, "down": down, "left": left, "right": right}
    return {"image": URL, **{f"{side}_expansion_ratio": ratio for side, ratio in ratios.items()}, **fields}


REFUSED: list[tuple[str, Body, str]] = [
    (OMNI, {}, "prompt can not be null"),
    (OMNI, {"prompt": "x" * 2501}, "prompt can not be longer than 2500 characters"),
    (OMNI, {"prompt": "x", "image_list": [{"image": ""}]}, "image_list.0.image can not be null"),
    (OMNI, {"prompt": "x", "image_list": [{"image": DATA}]}, NOT_BASE64),
    (OMNI, {"prompt": "x", "image_list": [{"image": URL}] * 9, "element_list": [{"element_id": 1}] * 2}, TOO_MANY),
    (OMNI, {"prompt": "x", "element_list": [{"element_id": 1}]}, "Element id not found: 1"),
    (OMNI, {"prompt": "<<<image_1>>>"}, "<<<image_1>>> in prompt is not found in the list"),
    (OMNI, {"prompt": "<<<element_2>>>"}, "<<<element_2>>> in prompt is not found in the list"),
    (OMNI, {"prompt": "x", "resolution": "4k"}, "resolution 4k is not supported with kling-image-o1"),
    (OMNI, {**SERIES, "model_name": "kling-image-o1"}, "result_type series is not supported with kling-image-o1"),
    (OMNI, {**SERIES, "series_amount": 1}, "series_amount value '1' is invalid"),
    (OMNI, {**SERIES, "series_amount": 10}, "series_amount value '10' is invalid"),
    (OMNI, {"prompt": "x", "n": 10}, "n value '10' is invalid"),
    (OMNI, {"prompt": "x", "aspect_ratio": "5:4"}, "aspect_ratio value '5:4' is invalid"),
    (REFERENCE, {}, "subject_image_list can not be null"),
    (REFERENCE, {"subject_image_list": []}, "subject_image_list can not be null"),
    (REFERENCE, {"subject_image_list": [SUBJECT] * 5}, "subject_image_list value '"),
    (REFERENCE, {"subject_image_list": [{"image": URL}]}, "subject_image_list.0.subject_image can not be null"),
    (REFERENCE, {"subject_image_list": [SUBJECT, {"subject_image": DATA}]}, NOT_BASE64),
    (REFERENCE, {"subject_image_list": [SUBJECT], "style_image": DATA}, NOT_BASE64),
    (REFERENCE, {"subject_image_list": [SUBJECT], "scene_image": DATA}, NOT_BASE64),
    (REFERENCE, {"subject_image_list": [SUBJECT], "aspect_ratio": "auto"}, "aspect_ratio value 'auto' is invalid"),
    *(
        (EXPAND, {k: v for k, v in growth(0, 0, 0, 0).items() if k != field}, f"{field} can not be null")
        for field in growth(0, 0, 0, 0)
    ),
    (EXPAND, growth(2.1, 0, 0, 0), "up_expansion_ratio value '2.1' is invalid"),
    (EXPAND, growth(0, 0, -0.1, 0), "left_expansion_ratio value '-0.1' is invalid"),
    (EXPAND, growth(1, 1, 0.01, 0), TOO_LARGE),
    (EXPAND, growth(0.5, 0.5, 0.5, 0.5), TOO_LARGE),
    (EXPAND, growth(0, 0, 0, 0, image=DATA), NOT_BASE64),
    (TRY_ON, {"human_image": URL}, "cloth_image can not be null"),
    (TRY_ON, {"cloth_image": URL}, "human_image can not be null"),
    (TRY_ON, {**OUTFIT, "cloth_image": DATA}, NOT_BASE64),
    (TRY_ON, {**OUTFIT, "human_image": DATA}, NOT_BASE64),
    (GENERATE, {"prompt": "x", "element_list": [{"element_id": 5}]}, "Element id not found: 5"),
]

ACCEPTED: list[tuple[str, Body]] = [
    (OMNI, {"prompt": "x"}),
    (OMNI, {"prompt": "<<<image_2>>> on <<<image_1>>>", "image_list": [{"image": URL}] * 2, "aspect_ratio": "auto"}),
    (OMNI, {"prompt": "x", "image_list": [{"image": URL}] * 10, "n": 9}),
    (OMNI, {"prompt": "<<<object_1>>> and <<element_1>>", "element_list": []}),
    (OMNI, {"prompt": "x", "model_name": "kling-v3-omni", "resolution": "4k"}),
    (OMNI, {**SERIES, "series_amount": "auto"}),
    (OMNI, {**SERIES, "n": 9, "series_amount": 2}),
    (REFERENCE, {"subject_image_list": [SUBJECT]}),
    (REFERENCE, {"subject_image_list": [SUBJECT] * 4, "scene_image": "", "style_image": URL, "negative_prompt": ""}),
    (EXPAND, growth(0, 0, 0, 0)),
    (EXPAND, growth(0.5, 0.5, 0.25, 0.25)),
    (EXPAND, growth(1.99991, 0, 0, 0)),
    (EXPAND, growth(0.1, 0.1, 0.75, 0.75)),
    (TRY_ON, OUTFIT),
    (TRY_ON, {**OUTFIT, "model_name": "kolors-virtual-try-on-v1-5"}),
]


@pytest.mark.parametrize(("path", "body", "message"), REFUSED)
async def test_refused(call: Call, path: str, body: Body, message: str) -> None:
    """What the documents forbid is 400/1201 and named."""
    status, answer = await call("POST", path, body)

    told = answer["message"]
    assert (400, 1201) == (status, answer["code"])
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
    ("path", "field", "status"),
    [(TRY_ON, "human_image", "succeed"), (TRY_ON, "cloth_image", "succeed"), (EXPAND, "image", "failed")],
)
async def test_limits_on_the_ratio_differ(
    call: Call, a_picture: Callable[..., str], path: str, field: str, status: str
) -> None:
    """Try-on takes a picture of any ratio, expand does not."""
    body = OUTFIT if path == TRY_ON else growth(0.1, 0, 0, 0)

    _, created = await call("POST", path, {**body, field: a_picture(300, 900)})
    await asyncio.sleep(10_000)
    _, answer = await call("GET", f"{path}/{created['data']['task_id']}")

    assert status == answer["data"]["task_status"]
