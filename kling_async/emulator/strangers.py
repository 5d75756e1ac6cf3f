"""
Tasks of somebody else on the same account: real enough to be listed and asked for, and nobody's here.

They are not among the emulator's tasks, hold no slots of their own (the fault that brought them does) and cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .faults import Neighbour, Pool
from .lifecycle import Course
from .tasks import EmulatedTask
from .world import World

PICTURE: Final = "https://somebody-else.example/picture.png"
USUAL: Final[Mapping[Pool, tuple[str, Mapping[str, Any]]]] = {
    "video": (
        "/v1/videos/text2video",
        {"prompt": "a lighthouse", "model_name": "kling-v1", "mode": "std", "duration": "5", "aspect_ratio": "16:9"},
    ),
    "image": (
        "/v1/images/generations",
        {"prompt": "a lighthouse", "model_name": "kling-v1", "n": 1, "aspect_ratio": "1:1", "resolution": "1k"},
    ),
    "try_on": (
        "/v1/images/kolors-virtual-try-on",
        {"human_image": PICTURE, "cloth_image": PICTURE, "model_name": "kolors-virtual-try-on-v1"},
    ),
}
"""What a neighbour makes, and of what."""


class Strangers:
    """Puts the tasks of neighbours on the shelf."""

    def __init__(self, world: World, *, now: Callable[[], float]) -> None:
        self._world = world
        self._now = now

    def move_in(self, neighbour: Neighbour, begins: float, ends: float) -> None:
        """One task for each slot, which takes as long as the neighbour stays."""
        path, body = USUAL[neighbour.pool]
        for _ in range(neighbour.slots):
            self._world.tasks.put_strangers(
                EmulatedTask(
                    task_id=self._world.tasks.next_id(),
                    external_task_id=None,
                    path=path,
                    pool=neighbour.pool,
                    weight=1,
                    body=body,
                    pictures={},
                    price=None,
                    course=Course(created=begins, started=begins, ended=ends),
                    now=self._now,
                )
            )
