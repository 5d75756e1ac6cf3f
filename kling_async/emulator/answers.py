"""
What the emulator answers: envelopes, and a task as the vendor writes it at one moment.

With ``quirks`` every field is drawn from the variations the documents list, so that a client which trusts one of them
is found. Without, they are what live calls showed most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final
from uuid import UUID

from .clock import milliseconds
from .endpoints import Endpoint
from .media import PictureWork, VideoWork, Work
from .prices import as_text
from .refusals import Refusal
from .results import entries, result_list
from .tasks import EmulatedTask

MISSING: Final = object()
LIST: Final = object()
"""Stands for the name of the result list, which differs by endpoint."""

AS_IT_IS: Final = object()

# The first of each is what the emulator says without quirks.
TASK_INFO: Final[tuple[Any, ...]] = (AS_IT_IS, MISSING, {}, {"external_task_id": None})
EMPTY_RESULT: Final[tuple[Any, ...]] = ({}, MISSING, {LIST: []}, {LIST: None})
EMPTY_PAGE: Final[tuple[Any, ...]] = ([], None)
ARRAY_OF_ONE: Final = (False, True)
NO_MESSAGE: Final = ("", MISSING, None)
NO_UNITS: Final = (MISSING, "", "0")
NO_WATERMARK: Final = (MISSING, None, "")


class Answers:
    """Writes answers. Its randomness is its own, so that what is told never changes what happens."""

    def __init__(self, *, random: Random, quirks: bool, link: Callable[[EmulatedTask, Work], str]) -> None:
        self._random = random
        self._quirks = quirks
        self._link = link
        self._finished: dict[str, list[dict[str, Any]]] = {}

    def success(self, data: Any) -> dict[str, Any]:
        """The envelope of a call that went well."""
        return {"code": 0, "message": "SUCCEED", "request_id": self._request_id(), "data": data}

    def failure(self, refusal: Refusal) -> dict[str, Any]:
        """The envelope of a call that was refused; it has no data."""
        return {"code": refusal.code, "message": refusal.message, "request_id": self._request_id()}

    def created(self, task: EmulatedTask) -> dict[str, Any]:
        """What a create call tells about its task."""
        return {
            "task_id": task.task_id,
            "task_status": "submitted",
            **self._task_info(task),
            "created_at": milliseconds(task.course.created),
            "updated_at": milliseconds(task.course.created),
        }

    def one(self, endpoint: Endpoint, task: EmulatedTask, now: float) -> Any:
        """The data of a query."""
        told = self.task(endpoint, task, now)
        return [told] if self._vary(ARRAY_OF_ONE) else told

    def page(self, endpoint: Endpoint, tasks: list[EmulatedTask], now: float) -> Any:
        """The data of a list."""
        told = [self.task(endpoint, task, now) for task in tasks]
        return told or self._vary(EMPTY_PAGE)

    def task(self, endpoint: Endpoint, task: EmulatedTask, now: float) -> dict[str, Any]:
        """One task at a moment, as queries and lists tell it."""
        status = task.course.status(now)
        message = task.course.failure if status == "failed" else self._vary(NO_MESSAGE)
        units = as_text(task.price) if status == "succeed" and task.price is not None else self._vary(NO_UNITS)
        told = {
            "task_id": task.task_id,
            "task_status": status,
            "task_status_msg": message,
            **self._task_info(task),
            "watermark_info": self._watermark(endpoint, task),
            "final_unit_deduction": units,
            "created_at": milliseconds(task.course.created),
            "updated_at": milliseconds(task.course.updated(now)),
            "task_result": self._result(endpoint, task, done=status == "succeed"),
        }
        return _present(told)

    def _task_info(self, task: EmulatedTask) -> dict[str, Any]:
        info = {} if task.external_task_id is None else {"external_task_id": task.external_task_id}
        variation = self._vary(TASK_INFO)
        return _present({"task_info": info if variation is AS_IT_IS else variation})

    def _watermark(self, endpoint: Endpoint, task: EmulatedTask) -> Any:
        if not endpoint.watermark:
            return MISSING
        asked: Mapping[str, Any] = task.body.get("watermark_info", {})
        return {"enabled": asked.get("enabled", False)}

    def _result(self, endpoint: Endpoint, task: EmulatedTask, *, done: bool) -> Any:
        name = result_list(endpoint.kind)
        if not done:
            empty = self._vary(EMPTY_RESULT)
            return {name: empty[LIST]} if empty is not MISSING and LIST in empty else empty
        told = self._linked(endpoint, task)
        if endpoint.watermark:
            told = [_present({"watermark_url": self._vary(NO_WATERMARK), **entry}) for entry in told]
        return {name: told}

    def _linked(self, endpoint: Endpoint, task: EmulatedTask) -> list[dict[str, Any]]:
        """The entries of a finished task with links in them; remembered, because signing is what a long page costs."""
        if task.task_id not in self._finished:
            self._finished[task.task_id] = [
                {
                    key: self._link(task, value) if isinstance(value, PictureWork | VideoWork) else value
                    for key, value in entry.items()
                }
                for entry in entries(endpoint.kind, task)
            ]
        return self._finished[task.task_id]

    def _vary(self, variations: tuple[Any, ...]) -> Any:
        """One of the variations; always the first without quirks."""
        return self._random.choice(variations) if self._quirks else variations[0]

    def _request_id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def _present(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if value is not MISSING}
