"""The news of a task as server-sent events: what they say, their ids, and how one picks up where it broke off.

An event carries the whole state, so that whoever missed some needs only the last. Its id is made of what the vendor
told, and means the same in every process: the next connection may be served by another worker.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs
from sse_starlette import ServerSentEvent

from ..errors import KlingError
from ..handle import TaskHandle
from ..models import Task, TaskStatus
from .problems import problem

Show: TypeAlias = Callable[[Task[Any]], Mapping[str, object]]
"""What is told of a snapshot."""

REST: Final = 30_000
"""Milliseconds after which a browser comes again where the news ended with a problem."""


def snapshot(task: Task[Any]) -> dict[str, object]:
    """
    A task as plain data, in the words of the command line's `--json`.

    Links are in it, which open the files to whoever has them for 30 days; numbers that the vendor writes as text stay
    text.
    """
    return {
        "endpoint": task.endpoint,
        "task_id": task.id,
        "external_task_id": task.external_task_id,
        "status": task.status.value,
        "done": task.status.final,
        "message": task.message,
        "created_at": None if task.created_at is None else task.created_at.isoformat(),
        "updated_at": None if task.updated_at is None else task.updated_at.isoformat(),
        "units": None if task.units is None else str(task.units),
        "result": None if task.result is None else attrs.asdict(task.result),
    }


def is_end(seen: str) -> bool:
    """Whether the last event that a browser saw was the end, after which nothing comes."""
    status, _, _ = seen.partition("-")
    return TaskStatus(status).final


async def events(handle: TaskHandle[Any], seen: str, show: Show) -> AsyncGenerator[ServerSentEvent, None]:
    """
    Yield `task` events, the last of them final, or a `problem` in its place.

    *seen* is the id of the last event that arrived (Last-Event-ID), or empty.
    """
    async with contextlib.aclosing(handle.updates()) as updates:
        try:
            async for task in updates:
                name = _id(task)
                if name != seen:
                    eta = None if task.status.final else handle.eta
                    yield ServerSentEvent(_json({**show(task), "eta": eta}), event="task", id=name)
                seen = ""
        except KlingError as error:
            yield ServerSentEvent(_json(problem(error, safe=True).body), event="problem", retry=REST)


def _id(task: Task[Any]) -> str:
    return f"{task.status.value}-{task.updated_ms or 0}"


def _json(value: Mapping[str, object]) -> str:
    # In ASCII, because the vendor may have cut a text in the middle of a letter, which UTF-8 cannot write.
    return json.dumps(value, separators=(",", ":"), default=str)
