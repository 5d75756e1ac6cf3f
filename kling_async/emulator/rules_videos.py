"""
Conditions of the video endpoints: what breaks the rule, and the answer.

Refuses what the documents call a must, and the combinations with an observed error text or an explicit "only" or
"needs". What they merely call unsupported passes, because what the vendor does then is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from .inputs import Picture
from .rules import Body, Rule

ANY_MODE: Final = frozenset({"std", "pro", "4k"})
PRO: Final = frozenset({"pro"})
LONG_ONLY: Final = frozenset({"5", "10"})
V1: Final = ("kling-v1", "kling-v1-5", "kling-v1-6")
WITH_SOUND: Final = ("kling-v2-6", "kling-v3")
BRUSH: Final = ("static_mask", "dynamic_masks")
RATIO_TOLERANCE: Final = 0.01

# Modes in which a model takes a first and a last frame, and a last frame alone (capability map).
FIRST_AND_LAST: Final[Mapping[str, frozenset[str]]] = {
    "kling-v1": ANY_MODE,
    "kling-v1-5": PRO,
    "kling-v1-6": PRO,
    "kling-v2-1": PRO,
    "kling-v2-5-turbo": PRO,
    "kling-v2-6": PRO,
    "kling-v3": ANY_MODE,
}
LAST_ONLY: Final[Mapping[str, frozenset[str]]] = {"kling-v1-5": PRO, "kling-v1-6": PRO}


def wants_prompt(body: Body) -> bool:
    """Whether the prompt is what the video is made from."""
    return not body["multi_shot"] or body.get("shot_type") == "intelligence"


def is_storyboard(body: Body) -> bool:
    """Whether the shots are what the video is made from, and the prompt is ignored."""
    return bool(body["multi_shot"]) and body.get("shot_type") == "customize"


def _shots_break(body: Body) -> bool:
    shots: list[Mapping[str, Any]] = body.get("multi_prompt", []) if is_storyboard(body) else []
    # A pattern of digits has no upper bound, and neither would the number.
    seconds = [int(shot["duration"]) if len(shot["duration"]) <= 3 else 0 for shot in shots]
    in_order = [shot["index"] for shot in shots] == list(range(1, len(shots) + 1))
    return bool(shots) and (not in_order or min(seconds) < 1 or sum(seconds) != int(body["duration"]))


def _camera(body: Body) -> Mapping[str, Any]:
    camera: Mapping[str, Any] = body.get("camera_control", {})
    return camera


def _camera_config_breaks(body: Body) -> bool:
    camera = _camera(body)
    if not camera:
        return False
    config: Mapping[str, Any] = camera.get("config", {})
    if camera["type"] != "simple":
        return bool(config)
    return sum(1 for value in config.values() if value) != 1


def _cites_voice(body: Body) -> bool:
    return re.search(r"<<<voice_\d+>>>", body.get("prompt", "")) is not None


def _has_brush(body: Body) -> bool:
    return any(field in body for field in BRUSH)


def _tail_breaks(body: Body) -> bool:
    if "image_tail" not in body:
        return False
    modes = FIRST_AND_LAST if "image" in body else LAST_ONLY
    return body["mode"] not in modes.get(body["model_name"], frozenset())


def _tail_too_long(body: Body) -> bool:
    """The oldest model makes no long video between two frames."""
    return {"image", "image_tail"} <= body.keys() and body["model_name"] == "kling-v1" and body["duration"] != "5"


def _brush_breaks(body: Body) -> bool:
    allowed = (body["model_name"], body["mode"]) in {("kling-v1", "std"), ("kling-v1", "pro"), ("kling-v1-5", "pro")}
    return _has_brush(body) and not (allowed and body["duration"] == "5")


STORYBOARD: Final = (
    Rule(lambda body: body["multi_shot"] and "shot_type" not in body, "shot_type can not be null"),
    Rule(lambda body: is_storyboard(body) and "multi_prompt" not in body, "multi_prompt can not be null"),
    Rule(_shots_break, "multi_prompt must be numbered from 1 and its durations must add up to duration"),
)

VIDEO: Final = (
    *STORYBOARD,
    Rule(
        lambda body: body["multi_shot"] and body["model_name"] != "kling-v3",
        lambda body: f"multi_shot is not supported with {body['model_name']}",
    ),
    Rule(
        lambda body: body["duration"] not in LONG_ONLY and body["model_name"] != "kling-v3",
        lambda body: f"duration value '{body['duration']}' is invalid",
    ),
    Rule(lambda body: body["mode"] == "4k" and body["model_name"] != "kling-v3", "mode value '4k' is invalid"),
    Rule(
        lambda body: body["sound"] == "on" and body["model_name"] not in WITH_SOUND,
        lambda body: f"sound on is not supported with {body['model_name']}",
    ),
    Rule(
        lambda body: body["sound"] == "on" and body["model_name"] == "kling-v2-6" and body["mode"] != "pro",
        "sound on is only supported in pro mode with kling-v2-6",
    ),
    Rule(lambda body: _cites_voice(body) and body["sound"] != "on", "sound must be on when a voice is used"),
    Rule(
        lambda body: "cfg_scale" in body and body["model_name"] not in V1,
        lambda body: f"cfg_scale is not supported with {body['model_name']}",
    ),
    Rule(_camera_config_breaks, "camera_control config needs exactly one non-zero value with type simple, else none"),
)

TEXT_TO_VIDEO: Final = (
    Rule(lambda body: wants_prompt(body) and "prompt" not in body, "prompt can not be null"),
    *VIDEO,
    Rule(
        lambda body: (
            bool(_camera(body)) and (body["model_name"], body["mode"], body["duration"]) != ("kling-v1", "std", "5")
        ),
        "camera_control is only supported in std mode with 5s duration and kling-v1",
    ),
)

IMAGE_TO_VIDEO: Final = (
    Rule(lambda body: "image" not in body and "image_tail" not in body, "image can not be null"),
    # The table speaks of text to video's rules here, the schema of none; a picture alone passes, the rest does not.
    Rule(lambda body: body["multi_shot"] and wants_prompt(body) and "prompt" not in body, "prompt can not be null"),
    *VIDEO,
    Rule(
        lambda body: ("image_tail" in body) + _has_brush(body) + bool(_camera(body)) > 1,
        "image_tail, static_mask/dynamic_masks and camera_control can not be used together",
    ),
    Rule(
        _tail_breaks,
        lambda body: f"image_tail is not supported with {body['model_name']} in {body['mode']} mode",
    ),
    Rule(_tail_too_long, "image_tail is only supported with 5s duration and kling-v1"),
    Rule(
        lambda body: "image_tail" in body and body["model_name"] == "kling-v2-6" and body["sound"] == "on",
        "image_tail is not supported with sound on",
    ),
    Rule(_brush_breaks, "motion brush is only supported with 5s duration and kling-v1, or kling-v1-5 in pro mode"),
    Rule(
        lambda body: (
            bool(_camera(body))
            and (body["model_name"], body["mode"], body["duration"], _camera(body)["type"])
            != ("kling-v1-5", "pro", "5", "simple")
        ),
        "camera_control is only supported in pro mode with 5s duration, type simple and kling-v1-5",
    ),
    Rule(
        lambda body: "element_list" in body and "voice_list" in body,
        "element_list and voice_list can not be used together",
    ),
    Rule(
        lambda body: "element_list" in body and body["model_name"] != "kling-v3",
        lambda body: f"element_list is not supported with {body['model_name']}",
    ),
    Rule(
        lambda body: "voice_list" in body and body["model_name"] not in WITH_SOUND,
        lambda body: f"voice_list is not supported with {body['model_name']}",
    ),
    Rule(
        lambda body: "voice_list" in body and not (body["sound"] == "on" and _cites_voice(body)),
        "voice_list needs sound on and a voice cited in prompt",
    ),
)


def masks_agree(pictures: Mapping[str, Picture]) -> bool:
    """Whether the masks of the motion brush are of one size, in the ratio of the picture they lie on."""
    masks = [picture for place, picture in pictures.items() if place.startswith(BRUSH)]
    under = pictures.get("image")
    in_ratio = under is None or all(
        abs(mask.width / mask.height - under.width / under.height) <= RATIO_TOLERANCE for mask in masks
    )
    return in_ratio and len({(mask.width, mask.height) for mask in masks}) <= 1
