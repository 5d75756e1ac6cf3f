"""What image tasks make: sizes and counts. Pure; draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .inputs import Picture
from .media import PictureWork
from .results import Entry, Result, renditions, title
from .tasks import EmulatedTask
from .world import World

# About a million pixels each, sides divisible by 16; 2k doubles the sides, 4k doubles them again.
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
FACTORS: Final = {"1k": 1, "2k": 2, "4k": 4}
SETS, VIEWS = 3, 3
AUTO_AMOUNT: Final = 4
"""How many pictures a series has when the vendor decides."""
PORTRAIT: Final = (768, 1024)
LONGEST_SIDE: Final = 4096


def image_count(body: Mapping[str, Any]) -> int:
    """How many pictures a task makes, which is also how many slots it holds."""
    if body.get("result_type") != "series":
        return int(body["n"])
    amount = body["series_amount"]
    return AUTO_AMOUNT if amount == "auto" else int(amount)


def images(task: EmulatedTask, _: World) -> Result:
    """``n`` pictures in the asked ratio."""
    size = _size(task.body, _first(task))
    return Result({"images": _pictures(task, task.body["model_name"], size, _first(task))})


def omni_images(task: EmulatedTask, _: World) -> Result:
    """``n`` single pictures, or a series."""
    kind = task.body["result_type"]
    made = _pictures(task, task.body["model_name"], _size(task.body, _first(task)), _first(task))
    return Result({"series_images" if kind == "series" else "images": made}, {"result_type": kind})


def expanded(task: EmulatedTask, _: World) -> Result:
    """The picture with its new margins; what is behind a link counts as a square."""
    body, given = task.body, _first(task)
    width, height = (given.width, given.height) if given else PICTURE_SIZES["1:1"]
    width = round(width * (1 + body["left_expansion_ratio"] + body["right_expansion_ratio"]))
    height = round(height * (1 + body["up_expansion_ratio"] + body["down_expansion_ratio"]))
    return Result({"images": _pictures(task, "expand", _bounded(width, height), given)})


def fitting(task: EmulatedTask, _: World) -> Result:
    """The person of the picture, dressed anew."""
    given = task.pictures.get("human_image")
    size = _bounded(given.width, given.height) if given else PORTRAIT
    return Result({"images": _pictures(task, task.body["model_name"], size, given)})


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


def _pictures(task: EmulatedTask, model: str, size: tuple[int, int], source: Picture | None) -> list[Entry]:
    count = image_count(task.body) if "n" in task.body else 1
    width, height = size
    first = PictureWork(title=title(task), model=model, label="", width=width, height=height, seed="", source=source)
    works = [
        attrs.evolve(first, label=f"{index + 1}/{count}", seed=f"{task.task_id}-{index}") for index in range(count)
    ]
    return [{"index": index, **renditions(task, work)} for index, work in enumerate(works)]


def _first(task: EmulatedTask) -> Picture | None:
    return next(iter(task.pictures.values()), None)


def _size(body: Mapping[str, Any], given: Picture | None) -> tuple[int, int]:
    """The size for the asked ratio; ``auto`` follows the first reference as nearly as the ratios allow."""
    ratio = body["aspect_ratio"]
    if ratio == "auto":
        wanted = given.width / given.height if given else 1.0
        ratio = min(PICTURE_SIZES, key=lambda name: abs(PICTURE_SIZES[name][0] / PICTURE_SIZES[name][1] - wanted))
    width, height = PICTURE_SIZES[ratio]
    factor = FACTORS[body.get("resolution", "1k")]
    return width * factor, height * factor


def _bounded(width: int, height: int) -> tuple[int, int]:
    """The size, reduced if need be: an upload may have any number of pixels, and a test shall stay bearable."""
    shrink = min(1.0, LONGEST_SIDE / max(width, height))
    return max(round(width * shrink), 1), max(round(height * shrink), 1)
