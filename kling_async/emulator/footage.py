"""
Videos and sounds that a call names: by an id of an earlier result, or by a link, which is believed and never opened.

Pure. What is behind a link counts as five seconds long, since nobody looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .media import VideoWork
from .world import Product, World

LINKED_SECONDS: Final = 5.0


def video_refused(world: World, video_id: str) -> str | None:
    """Why a video cannot be an input; None if it can."""
    return _refused(world, world.video(video_id), f"Video id not found: {video_id}", f"Video id expired: {video_id}")


def audio_refused(world: World, audio_id: str, *, least: int, most: int) -> str | None:
    """Why a sound cannot be an input; None if it can. The limits are in seconds."""
    sound = world.audio(audio_id)
    refused = _refused(world, sound, f"Audio id not found: {audio_id}", f"Audio id expired: {audio_id}")
    if refused is None and sound is not None and not least <= sound.seconds <= most:
        return f"Audio duration must be between {least} and {most} seconds"
    return refused


def _refused(world: World, product: Product | None, unknown: str, expired: str) -> str | None:
    if product is None:
        return unknown
    return expired if product.expired(world.now()) else None


def clip_seconds(world: World, holder: Mapping[str, Any]) -> float:
    """How long the video plays that an object names by ``video_id`` or by a link."""
    product = world.video(holder["video_id"]) if "video_id" in holder else None
    return product.seconds if product is not None else LINKED_SECONDS


def sound_seconds(world: World, holder: Mapping[str, Any]) -> float:
    """How long the sound plays that an object names by ``audio_id``, or carries."""
    product = world.audio(holder["audio_id"]) if "audio_id" in holder else None
    return product.seconds if product is not None else LINKED_SECONDS


def clip(world: World, holder: Mapping[str, Any]) -> VideoWork | None:
    """The video that an object names by ``video_id``, as it can be drawn."""
    product = world.video(holder["video_id"]) if "video_id" in holder else None
    work = product.entry["url"] if product is not None else None
    return work if isinstance(work, VideoWork) else None


def parent_video(world: World, holder: Mapping[str, Any], linked_id: str) -> dict[str, Any]:
    """``task_info.parent_video`` of a task whose body names a video; ``linked_id`` is what a link is called by."""
    product = world.video(holder["video_id"]) if "video_id" in holder else None
    if product is None:
        return {"id": linked_id, "url": holder["video_url"], "duration": str(int(LINKED_SECONDS))}
    entry = product.entry
    return {
        "id": product.product_id,
        "url": world.link(entry["url"], product.made),
        "duration": entry["duration"],
    }
