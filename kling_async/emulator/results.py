"""
From a task to the files it makes and the entries of its ``task_result``: sizes, counts, seconds. Pure; draws nothing.

A value that is a ``Work`` stands where the answer will carry a link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import attrs

from .checks import prompts_of
from .media import Kind, PictureWork, VideoWork, Work
from .tasks import EmulatedTask

Entry = dict[str, "str | int | Work"]

# About a million pixels each, sides divisible by 16; 2k doubles the sides.
PICTURE_SIZES: Final = {
    "1:1": (1024, 1024),
    "16:9": (1360, 768),
    "9:16": (768, 1360),
    "4:3": (1152, 864),
    "3:4": (864, 1152),
    "3:2": (1248, 832),
    "2:3": (832, 1248),
    "21:9": (1568, 672),
}
SHORT_SIDES: Final = {"std": 720, "pro": 1080, "4k": 2160}
VIDEO_RATIOS: Final = {"16:9": 16 / 9, "9:16": 9 / 16, "1:1": 1.0}
FRAME_RATE: Final = 24
FRAME_RATE_4K: Final = 12  # a real 4k clip has 24; half of them keeps a test bearable
SETS, VIEWS = 3, 3


def result_list(kind: Kind) -> str:
    """The name of the list in ``task_result``."""
    return "videos" if kind is Kind.VIDEO else "images"


def entries(kind: Kind, task: EmulatedTask) -> list[Entry]:
    """The entries of the result list of a task."""
    return MAKERS[kind](task)


def _images(task: EmulatedTask) -> list[Entry]:
    width, height = PICTURE_SIZES[task.body["aspect_ratio"]]
    factor = 2 if task.body["resolution"] == "2k" else 1
    count = int(task.body["n"])
    first = PictureWork(
        title=_title(task),
        model=task.body["model_name"],
        label="",
        width=width * factor,
        height=height * factor,
        seed="",
        source=task.pictures.get("image"),
    )
    works = [
        attrs.evolve(first, label=f"{index + 1}/{count}", seed=f"{task.task_id}-{index}") for index in range(count)
    ]
    return [{"index": index, **_renditions(task, work)} for index, work in enumerate(works)]


def _views(task: EmulatedTask) -> list[Entry]:
    def work(index: int, view: int) -> PictureWork:
        return PictureWork(
            title="",
            model="ai-multi-shot",
            label=f"set {index + 1}, view {view}",
            width=1024,
            height=1024,
            seed=f"{task.task_id}-{index}-{view}",
            source=task.pictures.get("element_frontal_image"),
            view=index * VIEWS + view,
        )

    return [
        {"index": index, **{f"url_{view}": work(index, view) for view in range(1, VIEWS + 1)}} for index in range(SETS)
    ]


def _video(task: EmulatedTask) -> list[Entry]:
    body = task.body
    source = task.pictures.get("image") or task.pictures.get("image_tail")
    width, height = _video_size(body, source.width / source.height if source else None)
    fps = FRAME_RATE_4K if body["mode"] == "4k" else FRAME_RATE
    work = VideoWork(
        title=_title(task),
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
    video_id = str(Random(f"video {task.task_id}").randrange(8 * 10**17, 9 * 10**17))
    return [{"id": video_id, **_renditions(task, work), "duration": work.seconds}]


def _renditions(task: EmulatedTask, work: Work) -> Entry:
    """The clean file, and the marked one if it was asked for."""
    asked: Mapping[str, Any] = task.body.get("watermark_info", {})
    return {"url": work, "watermark_url": attrs.evolve(work, marked=True)} if asked.get("enabled") else {"url": work}


def _video_size(body: Mapping[str, Any], ratio: float | None) -> tuple[int, int]:
    """Even sides: the class of the mode on the short side, the ratio of the picture if there is one."""
    asked = body.get("aspect_ratio")  # image2video has no such field, so there it may be anything
    wanted = ratio or (VIDEO_RATIOS.get(asked, 16 / 9) if isinstance(asked, str) else 16 / 9)
    short = SHORT_SIDES[body["mode"]]
    long = round(short * max(wanted, 1 / wanted) / 2) * 2
    return (long, short) if wanted >= 1 else (short, long)


def _title(task: EmulatedTask) -> str:
    return " / ".join(prompts_of(task.body))


MAKERS: Final[Mapping[Kind, Callable[[EmulatedTask], list[Entry]]]] = {
    Kind.IMAGES: _images,
    Kind.VIEWS: _views,
    Kind.VIDEO: _video,
}
