"""
From a task to the files it makes and the lists of its ``task_result``: what the makers of all rows share.

Pure; draws nothing. Where a ``Work`` stands in an entry, at any depth, the answer will carry a link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import attrs

from .media import PictureWork, VideoWork
from .prompts import prompts_of
from .tasks import EmulatedTask
from .world import World

Entry = dict[str, Any]

MISSING: Final = object()
"""Stands where a field stays away."""


@attrs.frozen
class Result:
    """A ``task_result``: its lists of entries, and fields beside them."""

    lists: Mapping[str, list[Entry]]
    beside: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


Maker = Callable[[EmulatedTask, World], Result]


def renditions(task: EmulatedTask, work: PictureWork | VideoWork) -> Entry:
    """The clean file, and the marked one if it was asked for."""
    asked: Mapping[str, Any] = task.body.get("watermark_info", {})
    return {"url": work, "watermark_url": attrs.evolve(work, marked=True)} if asked.get("enabled") else {"url": work}


def new_id(task: EmulatedTask, what: str) -> str:
    """The id of something that a task makes: 18 digits, the same whenever it is asked for."""
    return str(Random(f"{what} {task.task_id}").randrange(8 * 10**17, 9 * 10**17))


def title(task: EmulatedTask) -> str:
    """The words to write on what is made."""
    return " / ".join(prompts_of(task.body))
