"""What video tasks make: sizes, seconds, ids. Pure; draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .footage import LINKED_SECONDS, clip, clip_seconds, parent_video, sound_seconds
from .inputs import Picture
from .media import VideoWork
from .results import MISSING, Entry, Result, new_id, renditions, title
from .rules_clips import ADDED_SECONDS
from .rules_omni import edits
from .tasks import EmulatedTask
from .world import World

SHORT_SIDES: Final = {"std": 720, "pro": 1080, "4k": 2160}
VIDEO_RATIOS: Final = {"16:9": 16 / 9, "9:16": 9 / 16, "1:1": 1.0}
FRAME_RATE: Final = 24
FRAME_RATE_4K: Final = 12
# A real clip has 24 frames a second. Ours have fewer where they would be dear: at 4k, and when long for their size.
MOST_FRAMES: Final = 360
MOST_PIXELS: Final = 500_000_000
WIDE: Final = (1280, 720)


def video(task: EmulatedTask, _: World) -> Result:
    """One video made from words or pictures."""
    body = task.body
    source = _first(task, "image", "image_tail", "image_list")
    # image2video has no aspect_ratio, so there it may be anything, and the picture decides.
    size = _size(body, source if source is not None and "image_list" not in body else None)
    work = _work(task, body["model_name"], size, float(body["duration"]), source)
    return _one(task, attrs.evolve(work, sound=body.get("sound") == "on"))


def omni(task: EmulatedTask, _: World) -> Result:
    """One video made from words, pictures, frames, or another video."""
    body = task.body
    source = _first(task, "image_list")
    frames = any(image.get("type") == "first_frame" for image in body.get("image_list", []))
    seconds = LINKED_SECONDS if edits(body) else float(body["duration"])
    keeps = any(given.get("keep_original_sound") == "yes" for given in body.get("video_list", []))
    work = _work(task, body["model_name"], _size(body, source if frames else None), seconds, source)
    return _one(task, attrs.evolve(work, sound=keeps or body["sound"] == "on"))


def motion(task: EmulatedTask, _: World) -> Result:
    """A picture that moves as somebody in a clip does, for as long as the clip."""
    body, source = task.body, _first(task, "image_url")
    work = _work(task, body["model_name"], _size(body, source), LINKED_SECONDS, source)
    return _one(task, attrs.evolve(work, sound=body.get("keep_original_sound", "yes") == "yes"))


def edited(task: EmulatedTask, world: World) -> Result:
    """The video of a selection session, changed; its entry names the session."""
    body = task.body
    session = world.sessions.find("selection", body["session_id"])
    ratio = session.width / session.height if session is not None else None
    work = _work(task, body["model_name"], _sides(body["mode"], ratio), float(body["duration"]), _first(task, "image"))
    made = _one(task, work)
    return Result({"videos": [{**entry, "session_id": body["session_id"]} for entry in made.lists["videos"]]})


def extended(task: EmulatedTask, world: World) -> Result:
    """The whole video with some seconds more, in the size, model and sound of its beginning."""
    parent = clip(world, task.body)
    seconds = clip_seconds(world, task.body) + ADDED_SECONDS
    size = (parent.width, parent.height) if parent is not None else WIDE
    work = _work(task, parent.model if parent else "", size, seconds, parent.source if parent else None)
    made = _one(task, attrs.evolve(work, sound=parent is not None and parent.sound))
    seed = new_id(task, "seed")
    return Result({"videos": [{**entry, "seed": seed} for entry in made.lists["videos"]]})


def avatar(task: EmulatedTask, world: World) -> Result:
    """A portrait that speaks for as long as the sound."""
    source = _first(task, "image")
    work = _work(task, "avatar", _size(task.body, source), sound_seconds(world, task.body), source)
    return _one(task, attrs.evolve(work, sound=True))


def lip_sync(task: EmulatedTask, world: World) -> Result:
    """The video of a session of faces, as long as it was."""
    session = world.sessions.find("faces", task.body["session_id"])
    size = (session.width, session.height) if session is not None else WIDE
    seconds = session.milliseconds / 1000 if session is not None else LINKED_SECONDS
    source = session.clip.source if session is not None else None
    return _one(task, attrs.evolve(_work(task, "lip-sync", size, seconds, source), sound=True))


def old_lip_sync(task: EmulatedTask, world: World) -> Result:
    """The video, as long as it was."""
    told = task.body["input"]
    parent = clip(world, told)
    size = (parent.width, parent.height) if parent is not None else WIDE
    work = _work(task, "lip-sync", size, clip_seconds(world, told), parent.source if parent else None)
    return _one(task, attrs.evolve(work, sound=True))


def effect(task: EmulatedTask, _: World) -> Result:
    """A picture, or two, in a scene."""
    told, source = task.body["input"], _first(task, "input.image")
    size = _sides(told.get("mode", "std"), source.width / source.height if source else None)
    work = _work(task, told.get("model_name", "effects"), size, float(told.get("duration", "5")), source)
    return _one(task, attrs.evolve(work, title=task.body["effect_scene"]))


def parent_of_extension(task: EmulatedTask, world: World) -> Mapping[str, Any]:
    """What ``task_info`` tells about the video that was made longer."""
    return {"parent_video": parent_video(world, task.body, new_id(task, "parent"))}


def parent_of_lip_sync(task: EmulatedTask, world: World) -> Mapping[str, Any]:
    """What ``task_info`` tells about the video of the session."""
    session = world.sessions.find("faces", task.body["session_id"])
    return {"parent_video": dict(session.parent_video)} if session is not None else {}


def parent_of_old_lip_sync(task: EmulatedTask, world: World) -> Mapping[str, Any]:
    """What ``task_info`` tells about the video that was given."""
    return {"parent_video": parent_video(world, task.body["input"], new_id(task, "parent"))}


def whole_seconds(duration: str) -> str:
    """The other way in which a length is written."""
    return str(round(float(duration)))


def as_it_is(value: Any) -> Any:
    """A field as it is mostly told."""
    return value


def left_out(_: Any) -> Any:
    """A field that is not told."""
    return MISSING


def _one(task: EmulatedTask, work: VideoWork) -> Result:
    entry: Entry = {"id": new_id(task, "video"), **renditions(task, work), "duration": work.seconds}
    return Result({"videos": [entry]})


def _work(task: EmulatedTask, model: str, size: tuple[int, int], seconds: float, source: Picture | None) -> VideoWork:
    width, height = size
    mode = task.body.get("mode", "")
    fps = _frame_rate(mode, width * height, seconds)
    whole = seconds == int(seconds)
    return VideoWork(
        title=title(task),
        model=model,
        label=f"{mode} {seconds:g} s".strip(),
        width=width,
        height=height,
        seed=task.task_id,
        # The vendor's clips are a frame longer than asked: 5.041 s.
        frames=round(seconds * fps) + (whole and fps > 1),
        fps=fps,
        source=source,
    )


def _frame_rate(mode: str, pixels: int, seconds: float) -> int:
    wanted = FRAME_RATE_4K if mode == "4k" else FRAME_RATE
    return max(int(min(wanted, MOST_FRAMES // seconds, MOST_PIXELS // pixels // seconds)), 1)


def _first(task: EmulatedTask, *fields: str) -> Picture | None:
    """The first upload in one of the fields, or in the arrays of these names."""
    for field in fields:
        for place, picture in task.pictures.items():
            if place == field or place.startswith((f"{field}[", f"{field}s[", f"{field}_list[")):
                return picture
    return None


def _size(body: Mapping[str, Any], source: Picture | None) -> tuple[int, int]:
    """The class of the mode, in the ratio of the picture if there is one, else in the asked one."""
    if source is not None:
        return _sides(body["mode"], source.width / source.height)
    asked = body.get("aspect_ratio")
    return _sides(body["mode"], VIDEO_RATIOS.get(asked) if isinstance(asked, str) else None)


def _sides(mode: str, ratio: float | None) -> tuple[int, int]:
    """Even sides, the class of the mode on the short one."""
    wanted = ratio or VIDEO_RATIOS["16:9"]
    short = SHORT_SIDES[mode]
    long = round(short * max(wanted, 1 / wanted) / 2) * 2
    return (long, short) if wanted >= 1 else (short, long)
