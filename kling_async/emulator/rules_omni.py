"""
Conditions of omni-video, which can do most and therefore forbids most: what breaks the rule, and the answer.

Where official texts of different dates disagree, the later one counts: key frames go with storyboards, clips of up to
15 seconds with kling-v3-omni, an intelligent storyboard with a reference video.
"""

from __future__ import annotations

from typing import Any, Final

from .rules import Body, Rule, citing
from .rules_videos import LONG_ONLY, STORYBOARD, is_storyboard, wants_prompt
from .world import World

O1: Final = "kling-video-o1"
V3: Final = "kling-v3-omni"
O1_SECONDS: Final = frozenset(map(str, range(3, 11)))
# How many images and elements together, without and with a reference video.
MOST_REFERENCES: Final = {False: 7, True: 4}
MOST_ELEMENTS_WITH_FRAMES: Final = 3
MOST_CHARACTERS: Final = {False: 3, True: 1}
MOST_BESIDE_CHARACTERS: Final = 4


def _images(body: Body, kind: str | None = None) -> list[Any]:
    """The images of one type; without a type they are plain references."""
    return [image for image in body.get("image_list", []) if image.get("type") == kind]


def _elements(body: Body) -> int:
    return len(body.get("element_list", []))


def _references(body: Body) -> int:
    return len(body.get("image_list", [])) + _elements(body)


def _frames(body: Body) -> int:
    return len(_images(body, "first_frame")) + len(_images(body, "end_frame"))


def _has_video(body: Body) -> bool:
    return "video_list" in body


def edits(body: Body) -> bool:
    """Whether the call changes a video, which then decides length and ratio."""
    return any(video.get("refer_type", "base") == "base" for video in body.get("video_list", []))


def _needs_ratio(body: Body) -> bool:
    return not (_images(body, "first_frame") or edits(body))


def _seconds_break(body: Body) -> bool:
    """O1 makes other lengths than 5 and 10 only from references, or between two frames."""
    if body["model_name"] != O1 or edits(body):
        return False
    refers = bool(_images(body) or _images(body, "end_frame") or _elements(body) or _has_video(body))
    return not refers and body["duration"] not in LONG_ONLY


def _prompts(body: Body) -> list[str]:
    if is_storyboard(body):
        return [shot["prompt"] for shot in body.get("multi_prompt", [])]
    return [body["prompt"]] if "prompt" in body else []


OMNI_VIDEO: Final = (
    Rule(lambda body: wants_prompt(body) and "prompt" not in body, "prompt can not be null"),
    *STORYBOARD,
    Rule(lambda body: body["multi_shot"] and body["model_name"] != V3, f"multi_shot is not supported with {O1}"),
    Rule(lambda body: _has_video(body) and body["sound"] == "on", "sound on is not supported with video input"),
    Rule(
        lambda body: _has_video(body) and bool(_images(body, "end_frame")),
        "Tail image is not supported with video input",
    ),
    Rule(
        lambda body: body["multi_shot"] and (edits(body) or (_has_video(body) and is_storyboard(body))),
        "multi_shot is not supported with video input",
    ),
    Rule(
        lambda body: edits(body) and bool(_images(body, "first_frame")),
        "first_frame is not supported with refer_type base",
    ),
    Rule(
        lambda body: bool(_images(body, "end_frame")) and not _images(body, "first_frame"),
        "end_frame is not supported without first_frame",
    ),
    Rule(
        lambda body: bool(_images(body, "end_frame")) and len(body["image_list"]) > 2,
        "end_frame is not supported with more than 2 images",
    ),
    Rule(
        lambda body: _references(body) > MOST_REFERENCES[_has_video(body)],
        lambda body: f"The number of images and elements can not be greater than {MOST_REFERENCES[_has_video(body)]}",
    ),
    Rule(
        lambda body: bool(_frames(body)) and _elements(body) > MOST_ELEMENTS_WITH_FRAMES,
        "The number of elements can not be greater than 3 with first_frame",
    ),
    Rule(
        lambda body: body["model_name"] == O1 and bool(_elements(body)) and bool(_images(body, "end_frame")),
        f"element_list is not supported with first_frame and end_frame in {O1}",
    ),
    Rule(lambda body: body["sound"] == "on" and body["model_name"] == O1, f"sound on is not supported with {O1}"),
    Rule(lambda body: body["mode"] == "4k" and body["model_name"] == O1, "mode value '4k' is invalid"),
    Rule(
        lambda body: body["model_name"] == O1 and body["duration"] not in O1_SECONDS,
        lambda body: f"duration value '{body['duration']}' is invalid",
    ),
    Rule(_seconds_break, "Duration only supports 5 or 10 seconds when no refer_image is provided"),
    Rule(lambda body: _needs_ratio(body) and "aspect_ratio" not in body, "aspect_ratio can not be null"),
    citing(_prompts),
)


def characters_refused(body: Body, world: World) -> str | None:
    """Elements made from videos are limited in their own ways; None if all is well."""
    elements = [world.library.element(entry["element_id"], world.now()) for entry in body.get("element_list", [])]
    characters = sum(1 for element in elements if element is not None and element.is_character)
    if not characters:
        return None
    if body["model_name"] == O1:
        return f"Video character elements are not supported with {O1}"
    most, others = MOST_CHARACTERS[_has_video(body)], _references(body) - characters
    if characters > most:
        return f"The number of video character elements can not be greater than {most}"
    if _has_video(body) and others:
        return "Video character elements can not be used together with images and other elements with video input"
    if others > MOST_BESIDE_CHARACTERS:
        return "The number of images and multi-image elements can not be greater than 4 with video character elements"
    return None
