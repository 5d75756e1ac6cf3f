"""The conditional rules of the documents: what breaks one is refused in its name, what keeps it passes."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from kling_async import InvalidRequest
from kling_async.api import CameraConfig, CameraControl, GenerateImage, ImageToVideo, TextToVideo

Case: TypeAlias = tuple[Any, dict[str, Any], str, str]
"""A request class, its arguments, the field at fault, words of the rule."""

URL = "https://files.example/fox.png"
ELEMENT = {"element_id": 123456789012345678}
VOICE = {"voice_id": "v-1"}
PATH = [{"x": 1, "y": 2}, {"x": 30, "y": 40}]
MASK = {"mask": URL, "trajectories": PATH}
SPEAKS = "<<<voice_1>>> says hello"
TURN = {"type": "simple", "config": {"pan": 5}}


def shots(*lengths: object) -> list[dict[str, object]]:
    """A storyboard numbered from 1."""
    return [{"index": at, "prompt": "a shot", "duration": length} for at, length in enumerate(lengths, start=1)]


def image(field: str, words: str, **given: object) -> Case:
    """An image from words."""
    return GenerateImage, {"prompt": "a fox", **given}, field, words


def text(field: str, words: str, **given: object) -> Case:
    """A video from words."""
    return TextToVideo, {"prompt": "a fox", **given}, field, words


def start(field: str, words: str, **given: object) -> Case:
    """A video from a first frame."""
    return ImageToVideo, {"image": URL, **given}, field, words


BROKEN: dict[str, Case] = {
    "gen-1 reference needs image": image("image", "is required", image_reference="subject"),
    "gen-2 v1-5 with image needs reference": image("image_reference", "required", model_name="kling-v1-5", image=URL),
    "gen-3 no negative prompt beside image": image("negative_prompt", "with image", image=URL, negative_prompt="rain"),
    "gen-4 image fidelity by model": image("image_fidelity", "kling-v3", model_name="kling-v3", image_fidelity=0.5),
    "gen-4 image fidelity not of v2": image("image_fidelity", "kling-v2", model_name="kling-v2", image_fidelity=0.5),
    "gen-5 human fidelity needs subject": image(
        "human_fidelity", "subject", image=URL, image_reference="face", human_fidelity=0.5
    ),
    "gen-5 human fidelity by model": image(
        "human_fidelity", "kling-v1", model_name="kling-v1", image=URL, image_reference="subject", human_fidelity=0.5
    ),
    "gen-6 reference by model": image(
        "image_reference", "kling-v3", model_name="kling-v3", image=URL, image_reference="face"
    ),
    "gen-7 elements and image": image("element_list", "at most 10", image=URL, element_list=[ELEMENT] * 10),
    "gen-7 elements alone": image("element_list", "10", element_list=[ELEMENT] * 11),
    "gen-8 elements by model": image("element_list", "kling-v2-1", model_name="kling-v2-1", element_list=[ELEMENT]),
    "gen-9 size by model": image("resolution", "must be 1k", model_name="kling-v1-5", resolution="2k"),
    "gen-9 size follows the image": image("resolution", "kling-v2", model_name="kling-v2", image=URL, resolution="2k"),
    "gen-10 restyling needs image": image("image", "no text to image", model_name="kling-v2-new"),
    "map: 21:9 not of v1 from text": image("aspect_ratio", "21:9", model_name="kling-v1", aspect_ratio="21:9"),
    "t2v prompt": (TextToVideo, {"model_name": "kling-v3"}, "prompt", "is required"),
    "t2v prompt of an intelligent storyboard": (
        TextToVideo,
        {"multi_shot": True, "shot_type": "intelligence"},
        "prompt",
        "intelligence",
    ),
    "storyboard needs its kind": text("shot_type", "is required", multi_shot=True),
    "storyboard needs shots": text("multi_prompt", "is required", multi_shot=True, shot_type="customize"),
    "shots are numbered from 1": text(
        "multi_prompt", "numbered", multi_shot=True, shot_type="customize", multi_prompt=shots(2, 3)[::-1]
    ),
    "shots add up": text("multi_prompt", "5 s", multi_shot=True, shot_type="customize", multi_prompt=shots(2, 2)),
    "shots add up to the duration": text(
        "multi_prompt", "8 s", multi_shot=True, shot_type="customize", duration=8, multi_prompt=shots("2", "3")
    ),
    "a cited voice needs sound": (TextToVideo, {"prompt": SPEAKS}, "sound", "must be on"),
    "map: storyboard by model": text(
        "multi_shot", "kling-v2-6", model_name="kling-v2-6", multi_shot=True, shot_type="intelligence"
    ),
    "map: sound by model": text("sound", "kling-v1-6", model_name="kling-v1-6", sound="on"),
    "map: sound of v2-6 in pro": text("sound", "pro", model_name="kling-v2-6", sound="on"),
    "map: cfg_scale by model": text("cfg_scale", "kling-v2-5-turbo", model_name="kling-v2-5-turbo", cfg_scale=0.5),
    "map: 4k by model": text("mode", "4k", model_name="kling-v2-6", mode="4k"),
    "map: lengths by model": text("duration", "5 or 10", model_name="kling-v2-6", duration=7),
    "map: no mode of a master": text("mode", "kling-v2-master", model_name="kling-v2-master", mode="std"),
    "map: v1-5 makes no video from text": text("model_name", "text to video", model_name="kling-v1-5"),
    "map: v2-1 makes no video from text": text("model_name", "text to video", model_name="kling-v2-1"),
    "t2v camera by model": text("camera_control", "kling-v1", model_name="kling-v1-6", camera_control=TURN),
    "t2v camera in std": text("camera_control", "std", model_name="kling-v1", mode="pro", camera_control=TURN),
    "t2v camera with 5 s": text("camera_control", "5 s", model_name="kling-v1", duration=10, camera_control=TURN),
    "camera simple needs config": text("camera_control.config", "required", camera_control={"type": "simple"}),
    "camera config goes with simple only": text(
        "camera_control.config", "left out", camera_control={"type": "down_back", "config": {"pan": 5}}
    ),
    "camera moves one way": text(
        "camera_control.config.zoom", "exactly one", camera_control={"type": "simple", "config": {"pan": 5, "zoom": 1}}
    ),
    "camera moves at all": text(
        "camera_control.config.horizontal", "exactly one", camera_control={"type": "simple", "config": {"pan": 0}}
    ),
    "i2v a frame": (ImageToVideo, {"prompt": "a fox"}, "image", "is required"),
    "i2v tail or brush": start("image_tail", "exclude", image_tail=URL, static_mask=URL),
    "i2v tail or moving brush": start("image_tail", "exclude", image_tail=URL, dynamic_masks=[MASK]),
    "i2v tail or camera": start("image_tail", "exclude", image_tail=URL, camera_control=TURN),
    "i2v brush or camera": start("camera_control", "exclude", static_mask=URL, camera_control=TURN),
    "i2v elements or voices": start(
        "voice_list", "element_list", prompt=SPEAKS, sound="on", voice_list=[VOICE], element_list=[ELEMENT]
    ),
    "i2v voices need sound": start("sound", "voice_list", prompt=SPEAKS, voice_list=[VOICE]),
    "i2v voices are cited": start("prompt", "<<<voice_1>>>", prompt="a fox", sound="on", voice_list=[VOICE]),
    "i2v intelligent storyboard needs prompt": start(
        "prompt", "intelligence", multi_shot=True, shot_type="intelligence"
    ),
    "map: both frames by model": start("image_tail", "kling-v2-master", model_name="kling-v2-master", image_tail=URL),
    "map: both frames by mode": start("image_tail", "std", model_name="kling-v2-1", image_tail=URL),
    "map: both frames of v1 in 5 s": start("duration", "5", model_name="kling-v1", duration=10, image_tail=URL),
    "map: both frames of v2-6 are silent": start(
        "sound", "off", model_name="kling-v2-6", mode="pro", image_tail=URL, sound="on"
    ),
    "map: last frame alone by model": (
        ImageToVideo,
        {"model_name": "kling-v3", "image_tail": URL},
        "image_tail",
        "without image",
    ),
    "map: last frame alone by mode": (
        ImageToVideo,
        {"model_name": "kling-v1-6", "mode": "std", "image_tail": URL},
        "image_tail",
        "without image",
    ),
    "i2v camera by model": start("camera_control", "v1-5", model_name="kling-v1", camera_control=TURN),
    "i2v camera in pro": start("camera_control", "pro", model_name="kling-v1-5", camera_control=TURN),
    "i2v camera is simple": start(
        "camera_control", "simple", model_name="kling-v1-5", mode="pro", camera_control={"type": "down_back"}
    ),
    "i2v camera with 5 s": start(
        "camera_control", "5 s", model_name="kling-v1-5", mode="pro", duration=10, camera_control=TURN
    ),
    "map: brush by model": start("static_mask", "kling-v3", model_name="kling-v3", static_mask=URL),
    "map: moving brush by model": start("dynamic_masks", "kling-v3", model_name="kling-v3", dynamic_masks=[MASK]),
    "map: brush by mode": start("static_mask", "std", model_name="kling-v1-5", static_mask=URL),
    "map: brush by length": start("static_mask", "10 s", model_name="kling-v1", duration=10, static_mask=URL),
    "map: elements by model": start("element_list", "kling-v2-6", model_name="kling-v2-6", element_list=[ELEMENT]),
    "map: voices by mode": start(
        "voice_list", "in std", model_name="kling-v2-6", prompt=SPEAKS, sound="on", voice_list=[VOICE]
    ),
    "map: voices by model": start(
        "voice_list", "kling-v2-1", model_name="kling-v2-1", prompt=SPEAKS, sound="on", voice_list=[VOICE]
    ),
    "map: 4k from image by model": start("mode", "4k", model_name="kling-v2-6", mode="4k"),
}

KEPT: dict[str, tuple[Any, dict[str, Any]]] = {
    "gen-1 reference with image": (GenerateImage, {"image": URL, "image_reference": "subject"}),
    "gen-2 v1-5 from text": (GenerateImage, {"model_name": "kling-v1-5"}),
    "gen-3 an empty negative prompt": (GenerateImage, {"image": URL, "negative_prompt": ""}),
    "gen-4 image fidelity of v1": (GenerateImage, {"model_name": "kling-v1", "image": URL, "image_fidelity": 1}),
    "gen-4 image fidelity of v2-1, as of September": (
        GenerateImage,
        {"model_name": "kling-v2-1", "image": URL, "image_fidelity": 0},
    ),
    "gen-5 human fidelity with subject": (
        GenerateImage,
        {"model_name": "kling-v1-5", "image": URL, "image_reference": "subject", "human_fidelity": 0.45},
    ),
    "gen-6 face of v2-1, as of September": (
        GenerateImage,
        {"model_name": "kling-v2-1", "image": URL, "image_reference": "face"},
    ),
    "gen-7 ten in all": (GenerateImage, {"model_name": "kling-v3", "image": URL, "element_list": [ELEMENT] * 9}),
    "gen-9 2k of v2 from text": (GenerateImage, {"model_name": "kling-v2", "resolution": "2k"}),
    "gen-9 the default size beside an image": (
        GenerateImage,
        {"model_name": "kling-v2", "image": URL, "resolution": "1k"},
    ),
    "gen-10 restyling an image": (GenerateImage, {"model_name": "kling-v2-new", "image": URL}),
    "map: 21:9 of v1 from image is disputed": (
        GenerateImage,
        {"model_name": "kling-v1", "image": URL, "aspect_ratio": "21:9"},
    ),
    "storyboard without prompt": (
        TextToVideo,
        {"prompt": None, "multi_shot": True, "shot_type": "customize", "multi_prompt": shots(2, "3")},
    ),
    "storyboard of six shots in 15 s": (
        TextToVideo,
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "duration": "15",
            "multi_prompt": shots(10, 1, 1, 1, 1, 1),
        },
    ),
    "storyboard fields count only with multi_shot": (
        TextToVideo,
        {"shot_type": "customize", "multi_prompt": shots(1, 1)},
    ),
    "a cited voice with sound": (TextToVideo, {"prompt": SPEAKS, "sound": "on", "voice_list": [VOICE]}),
    "sound of v3 in std": (TextToVideo, {"model_name": "kling-v3", "mode": "std", "sound": "on"}),
    "cfg_scale of v1-6": (TextToVideo, {"model_name": "kling-v1-6", "cfg_scale": 1}),
    "a master without mode": (TextToVideo, {"model_name": "kling-v2-1-master", "duration": "10"}),
    "4k of v3 for 3 s": (TextToVideo, {"model_name": "kling-v3", "mode": "4k", "duration": 3}),
    "t2v camera of v1": (TextToVideo, {"model_name": "kling-v1", "camera_control": TURN}),
    "t2v camera preset": (TextToVideo, {"camera_control": {"type": "forward_up", "config": {}}}),
    "i2v last frame alone": (ImageToVideo, {"model_name": "kling-v1-5", "mode": "pro", "image_tail": URL}),
    "i2v both frames of v3 with sound": (
        ImageToVideo,
        {"model_name": "kling-v3", "image": URL, "image_tail": URL, "sound": "on"},
    ),
    "i2v both frames of v2-6, silent": (
        ImageToVideo,
        {"model_name": "kling-v2-6", "mode": "pro", "image": URL, "image_tail": URL, "sound": "off"},
    ),
    "i2v key frames in a storyboard, since May": (
        ImageToVideo,
        {
            "model_name": "kling-v3",
            "image": URL,
            "image_tail": URL,
            "prompt": "a fox",
            "multi_shot": True,
            "shot_type": "intelligence",
        },
    ),
    "i2v brush of v1 in pro": (
        ImageToVideo,
        {"model_name": "kling-v1", "mode": "pro", "image": URL, "static_mask": URL, "dynamic_masks": [MASK] * 6},
    ),
    "i2v camera of v1-5": (
        ImageToVideo,
        {"model_name": "kling-v1-5", "mode": "pro", "image": URL, "camera_control": TURN},
    ),
    "i2v voices of v2-6": (
        ImageToVideo,
        {
            "model_name": "kling-v2-6",
            "mode": "pro",
            "image": URL,
            "prompt": SPEAKS,
            "sound": "on",
            "voice_list": [VOICE, VOICE],
        },
    ),
    "i2v voices of v3 are disputed": (
        ImageToVideo,
        {"model_name": "kling-v3", "image": URL, "prompt": SPEAKS, "sound": "on", "voice_list": [VOICE]},
    ),
    "i2v elements of v3": (ImageToVideo, {"model_name": "kling-v3", "image": URL, "element_list": [ELEMENT] * 3}),
    "i2v without prompt": (ImageToVideo, {"model_name": "kling-v2-1", "image": URL}),
    "i2v mode of a master is not ruled out": (
        ImageToVideo,
        {"model_name": "kling-v2-master", "image": URL, "mode": "pro"},
    ),
    "unknown models may do anything": (
        ImageToVideo,
        {
            "model_name": "kling-v9",
            "mode": "4k",
            "image": URL,
            "image_tail": URL,
            "duration": 12,
            "cfg_scale": 0.1,
            "sound": "on",
            "multi_shot": True,
            "shot_type": "intelligence",
            "prompt": "a fox",
            "element_list": [ELEMENT],
        },
    ),
    "without a model nothing is known": (
        GenerateImage,
        {"image": URL, "image_reference": "subject", "human_fidelity": 0.1, "image_fidelity": 0.1, "resolution": "2k"},
    ),
}


USUALLY: dict[Any, dict[str, Any]] = {GenerateImage: {"prompt": "a fox"}, TextToVideo: {"prompt": "a fox"}}


def sent(request_class: Any, given: dict[str, Any]) -> Any:
    """A request that a client would send; what the capability map rules out is raised as a client raises it."""
    made = request_class(**given)
    for error in made.unsupported():
        raise error
    return made


@pytest.mark.parametrize(("request_class", "given", "field", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_rule_is_refused_in_its_name(request_class: Any, given: dict[str, Any], field: str, words: str) -> None:
    """A combination the documents rule out names the field at fault, the rule and what was given."""
    with pytest.raises(InvalidRequest) as caught:
        sent(request_class, given)

    assert field == caught.value.field
    assert words in (caught.value.rule or "")
    assert str(caught.value).startswith(f"{field}: {caught.value.rule}; got ")


@pytest.mark.parametrize(("request_class", "given"), KEPT.values(), ids=KEPT.keys())
def test_kept_rule_passes(request_class: Any, given: dict[str, Any]) -> None:
    """A combination the documents allow, or dispute, passes."""
    made = sent(request_class, {**USUALLY.get(request_class, {}), **given})

    assert given.get("model_name") == made.model_name


def test_error_carries_the_value_at_fault() -> None:
    """The error shows the value of the very field it names, also deep inside."""
    with pytest.raises(InvalidRequest) as caught:
        TextToVideo(prompt="a fox", camera_control=CameraControl(type="simple", config=CameraConfig(pan=1, zoom=-2)))

    assert -2 == caught.value.value
