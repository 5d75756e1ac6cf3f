"""What image tasks make: sizes and counts. Pure; draws nothing."""

from __future__ import annotations

from typing import Final

import attrs

from .media import PictureWork
from .results import Result, renditions, title
from .tasks import EmulatedTask
from .world import World

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
SETS, VIEWS = 3, 3


def images(task: EmulatedTask, _: World) -> Result:
    """``n`` pictures in the asked ratio."""
    width, height = PICTURE_SIZES[task.body["aspect_ratio"]]
    factor = 2 if task.body["resolution"] == "2k" else 1
    count = int(task.body["n"])
    first = PictureWork(
        title=title(task),
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
    return Result({"images": [{"index": index, **renditions(task, work)} for index, work in enumerate(works)]})


def views(task: EmulatedTask, _: World) -> Result:
    """Three sets of three views of one thing."""

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

    sets = [
        {"index": index, **{f"url_{view}": work(index, view) for view in range(1, VIEWS + 1)}} for index in range(SETS)
    ]
    return Result({"images": sets})
