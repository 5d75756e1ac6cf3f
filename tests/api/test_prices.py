"""Prices and abilities as data: the tables of the documents, row by row, and what requests make of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import pytest

from kling_async.api import CALLS, ROWS, DirectRow, TaskRow
from kling_async.api.capabilities import (
    IMAGE_MODELS,
    MOTION_MODELS,
    OMNI_IMAGE_MODELS,
    OMNI_VIDEO_MODELS,
    REFERENCE_IMAGE_MODELS,
    VIDEO_MODELS,
    ImageModel,
    OmniImageModel,
)
from kling_async.api.prices import ANY, TARIFFS, units
from kling_async.emulator.documents import document
from tests.api.least import CLIP, FACE, SPEECH, URL, least

EVERY: dict[str, TaskRow | DirectRow] = {**ROWS, **CALLS}
STATED: list[Mapping[str, Any]] = document("image-account")["x-unit-prices"]["rows"]
NO_CALL = {"3.0 Turbo with audio": "its model is on the newer API only"}

ELEMENT = {"element_id": 1}
SHOT = {"index": 1, "prompt": "a fox"}
VOICED = {"prompt": "<<<voice_1>>> sings", "sound": "on", "voice_list": [{"voice_id": "1"}]}


def test_price_list_is_the_documents() -> None:
    """Every row of the documents' list is ours: units by mode, what they are counted by, their date, who says so."""

    def by_mode(price: Any) -> dict[str, Decimal]:
        if not isinstance(price, Mapping):
            return {ANY: Decimal(str(price))}
        return {mode: Decimal(str(each)) for mode, each in cast("Mapping[str, Any]", price).items()}

    stated = {
        each["what"]: (by_mode(each["units"]), each["per"], each["as_of"], each["confidence"] == "official-copy")
        for each in STATED
        if each["what"] not in NO_CALL
    }

    ours = {what: (dict(row.units), row.per, row.as_of, row.official) for what, row in TARIFFS.items()}

    assert stated == ours
    assert list(stated) == list(ours)
    assert NO_CALL.keys() <= {each["what"] for each in STATED}


ESTIMATES: list[tuple[str, dict[str, Any], str | None]] = [
    ("images.generate", {}, None),
    ("images.generate", {"model_name": "kling-v3"}, "8"),
    ("images.generate", {"model_name": "kling-v3", "n": 9, "resolution": "2k", "image": URL}, "72"),
    ("images.generate", {"model_name": "kling-v2-1", "n": 2}, "8"),
    ("images.generate", {"model_name": "kling-v2-1", "n": 2, "image": URL}, "16"),
    ("images.generate", {"model_name": "kling-v2"}, "4"),
    ("images.generate", {"model_name": "kling-v2", "image": URL}, "8"),
    ("images.generate", {"model_name": "kling-v2-new", "image": URL}, "8"),
    ("images.generate", {"model_name": "kling-v2-new"}, None),
    ("images.generate", {"model_name": "kling-v1-5", "image": URL, "image_reference": "face"}, "8"),
    ("images.generate", {"model_name": "kling-v1-5"}, "4"),
    ("images.generate", {"model_name": "kling-v1", "n": 3, "image": URL}, "3"),
    ("images.generate", {"model_name": "kling-v9"}, None),
    ("images.omni", {}, None),
    ("images.omni", {"model_name": "kling-image-o1", "n": 2}, "16"),
    ("images.omni", {"model_name": "kling-v3-omni"}, "8"),
    ("images.omni", {"model_name": "kling-v3-omni", "resolution": "2k", "n": 3}, "24"),
    ("images.omni", {"model_name": "kling-v3-omni", "resolution": "4k"}, "16"),
    ("images.omni", {"model_name": "kling-v3-omni", "result_type": "series"}, "32"),
    ("images.omni", {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": 2}, "16"),
    ("images.omni", {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": "auto"}, None),
    ("images.omni", {"model_name": "kling-v9-omni"}, None),
    ("images.reference_to_image", {"model_name": "kling-v2-1", "n": 2}, "32"),
    ("images.reference_to_image", {"model_name": "kling-v2"}, "16"),
    ("images.reference_to_image", {}, None),
    ("images.expand", {"n": 2}, "16"),
    ("images.try_on", {}, "1"),
    ("images.multi_shot", {}, "20"),
    ("images.recognize", {}, "0.1"),
    ("videos.text_to_video", {}, None),
    ("videos.text_to_video", {"model_name": "kling-v3"}, "3.0"),
    ("videos.text_to_video", {"model_name": "kling-v3", "mode": "pro", "sound": "on", "duration": 10}, "12.0"),
    ("videos.text_to_video", {"model_name": "kling-v3", "mode": "4k", "duration": "3"}, "9.0"),
    ("videos.text_to_video", {"model_name": "kling-v2-6", "mode": "pro", "sound": "on"}, "5.0"),
    ("videos.text_to_video", {"model_name": "kling-v2-6", "sound": "on"}, None),
    ("videos.text_to_video", {"model_name": "kling-v2-6", "duration": 10}, "3.0"),
    ("videos.text_to_video", {"model_name": "kling-v2-5-turbo", "mode": "pro"}, "2.5"),
    ("videos.text_to_video", {"model_name": "kling-v2-master"}, "10.0"),
    ("videos.text_to_video", {"model_name": "kling-v1", "mode": "pro"}, "3.5"),
    ("videos.text_to_video", {"model_name": "kling-v9"}, None),
    ("videos.image_to_video", {"model_name": "kling-v2-1", "duration": 10}, "4.0"),
    ("videos.image_to_video", {"model_name": "kling-v2-1-master", "duration": 10}, "20.0"),
    ("videos.image_to_video", {"model_name": "kling-v1-5", "mode": "pro"}, "3.5"),
    ("videos.image_to_video", {"model_name": "kling-v1-6"}, "2.0"),
    ("videos.image_to_video", {"model_name": "kling-v2-6", "mode": "pro", **VOICED}, "6.0"),
    ("videos.image_to_video", {"model_name": "kling-v3", **VOICED}, "4.5"),
    (
        "videos.image_to_video",
        {
            "model_name": "kling-v3",
            "duration": 7,
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [{**SHOT, "duration": 7}],
        },
        "4.2",
    ),
    ("videos.omni", {}, None),
    ("videos.omni", {"model_name": "kling-v3-omni", "mode": "std", "duration": 3}, "1.8"),
    ("videos.omni", {"model_name": "kling-v3-omni"}, "4.0"),
    ("videos.omni", {"model_name": "kling-v3-omni", "sound": "on"}, "5.0"),
    ("videos.omni", {"model_name": "kling-v3-omni", "mode": "4k", "duration": 15}, "45.0"),
    (
        "videos.omni",
        {"model_name": "kling-v3-omni", "video_list": [{"video_url": CLIP, "refer_type": "feature"}]},
        "6.0",
    ),
    ("videos.omni", {"model_name": "kling-v3-omni", "video_list": [{"video_url": CLIP}]}, None),
    ("videos.omni", {"model_name": "kling-video-o1", "mode": "std"}, "3.0"),
    (
        "videos.omni",
        {"model_name": "kling-video-o1", "duration": 7, "video_list": [{"video_url": CLIP, "refer_type": "feature"}]},
        "8.4",
    ),
    ("videos.reference_to_video", {}, "2.0"),
    ("videos.reference_to_video", {"mode": "pro", "duration": 10, "model_name": "kling-v1-6"}, "7.0"),
    ("videos.reference_to_video", {"model_name": "kling-v9"}, None),
    ("videos.motion_control", {"model_name": "kling-v3"}, None),
    ("videos.multi_elements", {"mode": "pro", "duration": 10}, "10.0"),
    ("videos.multi_elements", {}, "3.0"),
    ("videos.multi_elements", {"model_name": "kling-v9"}, None),
    ("videos.extend", {}, None),
    ("videos.avatar", {"mode": "pro"}, None),
    ("videos.advanced_lip_sync", {"face_choose": [FACE]}, None),
    ("videos.lip_sync", {}, None),
    ("videos.effects", {}, None),
    ("videos.identify_face", {}, "0.05"),
    ("videos.selection.init", {}, None),
    ("audio.text_to_audio", {}, "0.25"),
    ("audio.video_to_audio", {}, "0.25"),
    ("audio.text_to_speech", {}, "0.05"),
    ("voices.create", {"voice_url": SPEECH}, "0.05"),
    ("voices.presets", {}, "0"),
    ("voices.delete", {}, "0"),
    ("elements.create", {}, "0"),
    ("elements.presets", {}, "0"),
    ("elements.delete", {}, "0"),
    ("elements.first_generation.list", {}, "0"),
    ("account.costs", {}, "0"),
    ("account.balance", {}, "0"),
    ("account.packages", {}, "0"),
]


@pytest.mark.parametrize(
    ("name", "given", "expected"), ESTIMATES, ids=[f"{at}-{each[0]}" for at, each in enumerate(ESTIMATES)]
)
def test_estimate(name: str, given: dict[str, Any], expected: str | None) -> None:
    """Units by the list, times seconds or pictures; None where the list, or the request, does not tell."""
    request: Any = EVERY[name].request(**{**least(EVERY[name].request), **given})

    estimate = request.estimate()

    assert (None if expected is None else Decimal(expected)) == estimate
    assert type(estimate) in (Decimal, type(None))


def test_every_row_of_tasks_is_estimated_above() -> None:
    """A new row wants its case."""
    assert set(ROWS) <= {name for name, _, _ in ESTIMATES}


def test_price_that_is_not_listed_is_none() -> None:
    """No such row, or no such mode: None, never nothing to pay."""
    assert (None, None) == (units("kling-v9"), units("kling-v2-6 audio", mode="std"))


def test_image_abilities_are_those_of_the_map() -> None:
    """Sizes, elements, series and text to image of each image model, as the documents' capability map says."""
    rows: list[Mapping[str, Any]] = document("image-account")["x-capability-map"]
    stated = {(each["endpoint"], each["model"]): each for each in rows}
    single = {model: stated["generations", model] for model in IMAGE_MODELS}
    omni = {model: stated["omni-image", model] for model in OMNI_IMAGE_MODELS}

    def one(model: ImageModel | OmniImageModel) -> list[str]:
        return list(model.resolutions)

    assert {name: each["resolution"] for name, each in single.items()} == {
        name: one(each) for name, each in IMAGE_MODELS.items()
    }
    assert {name: (each["text_to_image"], each["elements"]) for name, each in single.items()} == {
        name: (each.text, each.elements) for name, each in IMAGE_MODELS.items()
    }
    assert {name: (each["resolution"], each["notes"] == "single and series") for name, each in omni.items()} == {
        name: (one(each), each.series) for name, each in OMNI_IMAGE_MODELS.items()
    }
    assert len(rows) == len(IMAGE_MODELS) + len(OMNI_IMAGE_MODELS) + len(REFERENCE_IMAGE_MODELS) + len(["expand"])


# The video map stands in the text only: section 4 of the sheet, read once more by hand.
MAP = """
kling-v1           | std pro | std pro | 5 10  | std pro | -   | T std | std pro | -       | -   | -     | -     | cfg
kling-v1-5         | -       | std pro | 5 10  | pro     | pro | I pro | pro     | -       | -   | -     | -     | cfg
kling-v1-6         | std pro | std pro | 5 10  | pro     | pro | -     | -       | -       | -   | -     | -     | cfg
kling-v2-master    | std pro | std pro | 5 10  | -       | -   | -     | -       | -       | -   | -     | -     | -
kling-v2-1         | -       | std pro | 5 10  | pro     | -   | -     | -       | -       | -   | -     | -     | -
kling-v2-1-master  | std pro | std pro | 5 10  | -       | -   | -     | -       | -       | -   | -     | -     | -
kling-v2-5-turbo   | std pro | std pro | 5 10  | pro     | -   | -     | -       | -       | -   | -     | -     | -
kling-v2-6         | std pro | std pro | 5 10  | pro     | -   | -     | -       | pro     | pro | -     | -     | -
kling-v3           | std pro 4k | std pro 4k | 3..15 | std pro 4k | - | - | - | std pro 4k | ? | shots | elements | -
"""


def test_video_abilities_are_those_of_the_map() -> None:
    """Modes, lengths and features of each video model, as the table of section 4 says."""
    stated = {
        name: cells
        for name, *cells in ([cell.strip() for cell in line.split("|")] for line in MAP.strip().splitlines())
    }

    def modes(given: frozenset[str], before: str = "") -> str:
        return (
            " ".join([before] * bool(before and given) + [each for each in ("std", "pro", "4k") if each in given])
            or "-"
        )

    def camera(text: frozenset[str], image: frozenset[str]) -> str:
        return modes(text, "T") if text else modes(image, "I")

    ours = {
        name: [
            modes(model.text),
            modes(model.image),
            "5 10" if model.seconds == (5, 10) else f"{model.seconds[0]}..{model.seconds[-1]}",
            modes(model.both_frames),
            modes(model.last_frame),
            camera(model.camera_text, model.camera_image),
            modes(model.brush),
            modes(model.sound),
            "?" if name == "kling-v3" else modes(model.voices),
            "shots" if model.multi_shot else "-",
            "elements" if model.elements else "-",
            "cfg" if model.cfg_scale else "-",
        ]
        for name, model in VIDEO_MODELS.items()
    }

    assert stated == ours
    assert ["kling-v2-6", "kling-v3"] == list(MOTION_MODELS)
    assert {"kling-video-o1": (3, 10), "kling-v3-omni": (3, 15)} == {
        name: (model.seconds[0], model.seconds[-1]) for name, model in OMNI_VIDEO_MODELS.items()
    }
