"""What video tasks make: sizes, seconds, ids. Pure; draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .media import VideoWork
from .results import Result, new_id, renditions, title
from .tasks import EmulatedTask
from .world import World

SHORT_SIDES: Final = {"std": 720, "pro": 1080, "4k": 2160}
VIDEO_RATIOS: Final = {"16:9": 16 / 9, "9:16": 9 / 16, "1:1": 1.0}
FRAME_RATE: Final = 24
FRAME_RATE_4K: Final = 12  # a real 4k clip has 24; half of them keeps a test bearable


def video(task: EmulatedTask, _: World) -> Result:
    """One video made from words or a picture."""
    body = task.body
    source = task.pictures.get("image") or task.pictures.get("image_tail")
    width, height = _video_size(body, source.width / source.height if source else None)
    fps = FRAME_RATE_4K if body["mode"] == "4k" else FRAME_RATE
    work = VideoWork(
        title=title(task),
        model=body["model_name"],
        label=f"{body['mode']} {body['duration']} s",
        width=width,
        height=height,
        seed=task.task_id,
        frames=int(body["duration"]) * fps + 1,  # the vendor's clips are a frame longer: 5.041 s
        fps=fps,
        sound=body["sound"] == "on",
        source=source,
    )
    return Result({"videos": [{"id": new_id(task, "video"), **renditions(task, work), "duration": work.seconds}]})


def _video_size(body: Mapping[str, Any], ratio: float | None) -> tuple[int, int]:
    """Even sides: the class of the mode on the short side, the ratio of the picture if there is one."""
    asked = body.get("aspect_ratio")  # image2video has no such field, so there it may be anything
    wanted = ratio or (VIDEO_RATIOS.get(asked, 16 / 9) if isinstance(asked, str) else 16 / 9)
    short = SHORT_SIDES[body["mode"]]
    long = round(short * max(wanted, 1 / wanted) / 2) * 2
    return (long, short) if wanted >= 1 else (short, long)
