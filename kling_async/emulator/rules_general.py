"""
Conditions of voices, elements, sounds and of the synchronous calls: what breaks the rule, and the answer.

The texts for two ways to name a video are not known; they follow those that are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .footage import video_refused
from .inputs import is_address
from .rules import Body, Rule
from .world import World

ONE_VIDEO: Final = (
    Rule(lambda body: "video_id" not in body and "video_url" not in body, "video_id or video_url can not be null"),
    Rule(lambda body: "video_id" in body and "video_url" in body, "video_id and video_url can not be used together"),
    Rule(
        lambda body: "video_url" in body and not is_address(body["video_url"]),
        "video_url must be a link, videos are not taken as base64",
    ),
)

VOICE_SOURCE: Final = (
    Rule(lambda body: "video_id" not in body and "voice_url" not in body, "voice_url or video_id can not be null"),
    Rule(lambda body: "video_id" in body and "voice_url" in body, "voice_url and video_id can not be used together"),
    Rule(lambda body: "voice_url" in body and not is_address(body["voice_url"]), "voice_url must be a link"),
)


def _clip(body: Body) -> str | None:
    """The link to the clip of a character element."""
    videos: Mapping[str, Any] = body.get("element_video_list", {})
    return videos["refer_videos"][0]["video_url"] if videos else None


ELEMENT: Final = (
    Rule(
        lambda body: body["reference_type"] == "image_refer" and "element_image_list" not in body,
        "element_image_list can not be null",
    ),
    Rule(
        lambda body: body["reference_type"] == "video_refer" and "element_video_list" not in body,
        "element_video_list can not be null",
    ),
    Rule(
        lambda body: body["reference_type"] == "video_refer" and not is_address(_clip(body) or ""),
        "video_url must be a link, videos are not taken as base64",
    ),
)


def _tenth(seconds: float) -> bool:
    return round(seconds, 1) == seconds


TEXT_TO_AUDIO: Final = (
    Rule(
        lambda body: not _tenth(body["duration"]),
        lambda body: f"duration value '{body['duration']}' is invalid, at most one decimal",
    ),
)

SPEAKS: Final = ("/v1/videos/avatar/image2video", "/v1/videos/advanced-lip-sync", "/v1/videos/lip-sync")
VOICED_SECONDS: Final = (5.0, 30.5)
DUBBED_SECONDS: Final = (3.0, 20.5)


def video_is_there(body: Body, world: World) -> str | None:
    """Refuses a ``video_id`` that is unknown or too old."""
    return video_refused(world, body["video_id"]) if "video_id" in body else None


def video_speaks(body: Body, world: World) -> str | None:
    """Refuses to take a voice from a video of ours that has no speech in it, or too little or too much."""
    product = world.video(body["video_id"]) if "video_id" in body else None
    if product is None:
        return None
    least, most = VOICED_SECONDS
    asked: Mapping[str, Any] = product.task.body if product.task is not None else {}
    sounding = asked.get("model_name") == "kling-v2-6" and asked.get("sound") == "on"
    if product.path not in SPEAKS and not sounding:
        return "video_id must be a video with sound made by kling-v2-6, avatar or lip-sync"
    return None if least <= product.seconds <= most else "video duration must be between 5 and 30 seconds"


def dubbed_length(body: Body, world: World) -> str | None:
    """Refuses to make sound for a video of ours that is too short or too long."""
    product = world.video(body["video_id"]) if "video_id" in body else None
    least, most = DUBBED_SECONDS
    fits = product is None or least <= product.seconds <= most
    return None if fits else "video duration must be between 3 and 20 seconds"


def bound_voice(body: Body, world: World) -> str | None:
    """Refuses a voice for an element that is not there."""
    voice_id = body.get("element_voice_id")
    known = voice_id is None or world.library.has_voice(voice_id, world.now())
    return None if known else f"Voice id not found: {voice_id}"
