"""
What the emulator answers: envelopes, and a task as the vendor writes it at one moment.

With ``quirks`` every field is drawn from the variations the documents list, so that a client which trusts one of them
is found. Without, they are what live calls showed most.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final
from uuid import UUID

from .documents import is_array, is_object
from .endpoint import Endpoint
from .media import Work
from .prices import as_text
from .refusals import Refusal
from .results import MISSING, Result
from .tasks import EmulatedTask
from .world import World

EVERY_LIST: Final = object()
"""Stands for the names of the result lists, which differ by endpoint."""

AS_IT_IS: Final = object()

# The first of each is what the emulator says without quirks.
TASK_INFO: Final[tuple[Any, ...]] = (AS_IT_IS, MISSING, {}, {"external_task_id": None})
EMPTY_RESULT: Final[tuple[Any, ...]] = ({}, MISSING, {EVERY_LIST: []}, {EVERY_LIST: None})
OTHER_LIST: Final[tuple[Any, ...]] = (MISSING, [], None)
EMPTY_PAGE: Final[tuple[Any, ...]] = ([], None)
NO_MESSAGE: Final = ("", MISSING, None)
NO_UNITS: Final = (MISSING, "", "0")
BALANCE: Final[tuple[Any, ...]] = (MISSING, {"quota": "0.28", "list_price": "0.56"}, None)
NO_WATERMARK: Final = (MISSING, None, "")


class Answers:
    """Writes answers. Its randomness is its own, so that what is told never changes what happens."""

    def __init__(self, *, random: Random, quirks: bool, world: World) -> None:
        self._random = random
        self._quirks = quirks
        self._world = world
        self._finished: dict[str, Result] = {}

    def success(self, data: Any) -> dict[str, Any]:
        """The envelope of a call that went well."""
        return {"code": 0, "message": "SUCCEED", "request_id": self._request_id(), "data": data}

    def failure(self, refusal: Refusal) -> dict[str, Any]:
        """The envelope of a call that was refused; it has no data."""
        return {"code": refusal.code, "message": refusal.message, "request_id": self._request_id()}

    def created(self, endpoint: Endpoint, task: EmulatedTask) -> dict[str, Any]:
        """What a create call tells about its task."""
        return {
            "task_id": task.task_id,
            "task_status": "submitted",
            **self._told_at_once(endpoint, task),
            "created_at": self._world.stamp(task.course.created),
            "updated_at": self._world.stamp(task.course.created),
        }

    def one(self, endpoint: Endpoint, task: EmulatedTask, now: float) -> Any:
        """The data of a query."""
        return self.task(endpoint, task, now)

    def page(self, endpoint: Endpoint, tasks: list[EmulatedTask], now: float) -> Any:
        """The data of a list."""
        told = [self.task(endpoint, task, now) for task in tasks]
        if len(told) == 1 and endpoint.lists_one_alone:
            return self._vary((told, told[0]))
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
            **self._task_info(task, endpoint.task_info(task, self._world)),
            "watermark_info": self._watermark(endpoint, task),
            "final_unit_deduction": units,
            "final_balance_deduction": self._vary(BALANCE) if status == "succeed" else MISSING,
            "created_at": self._world.stamp(task.course.created),
            "updated_at": self._world.stamp(task.course.updated(now)),
            "task_result": self._result(endpoint, task, done=status == "succeed"),
        }
        return _present(told)

    def _told_at_once(self, endpoint: Endpoint, task: EmulatedTask) -> dict[str, Any]:
        if endpoint.created_tells is not None and self._vary((False, True)):
            return {endpoint.created_tells: task.body[endpoint.created_tells]}
        return self._task_info(task, {})

    def _task_info(self, task: EmulatedTask, more: Mapping[str, Any]) -> dict[str, Any]:
        info = {} if task.external_task_id is None else {"external_task_id": task.external_task_id}
        variation = self._vary(TASK_INFO)
        if variation is AS_IT_IS or more:
            return {"task_info": {**info, **more}}
        return _present({"task_info": variation})

    def _watermark(self, endpoint: Endpoint, task: EmulatedTask) -> Any:
        if not endpoint.watermark:
            return MISSING
        asked: Mapping[str, Any] = task.body.get("watermark_info", {})
        return {"enabled": asked.get("enabled", False)}

    def _result(self, endpoint: Endpoint, task: EmulatedTask, *, done: bool) -> Any:
        if not done:
            empty = self._vary(EMPTY_RESULT)
            every = empty is not MISSING and EVERY_LIST in empty
            return dict.fromkeys(endpoint.lists, empty[EVERY_LIST]) if every else empty
        finished = self._linked(endpoint, task)
        told = {
            name: [self._entry(endpoint, entry) for entry in finished.lists[name]]
            if name in finished.lists
            else self._vary(OTHER_LIST)
            for name in endpoint.lists
        }
        return _present({**finished.beside, **told})

    def _entry(self, endpoint: Endpoint, entry: Mapping[str, Any]) -> dict[str, Any]:
        told = {
            field: self._vary(endpoint.variations[field])(value) if field in endpoint.variations else value
            for field, value in entry.items()
        }
        return _present({"watermark_url": self._vary(NO_WATERMARK), **told} if endpoint.watermark else told)

    def _linked(self, endpoint: Endpoint, task: EmulatedTask) -> Result:
        """The result of a finished task with links in it; remembered, because signing is what a long page costs."""
        if task.task_id not in self._finished:
            result = endpoint.make(task, self._world)
            self._finished[task.task_id] = Result(self._with_links(result.lists, task.course.ended), result.beside)
        return self._finished[task.task_id]

    def _with_links(self, value: Any, made: float) -> Any:
        if is_object(value):
            return {key: self._with_links(item, made) for key, item in value.items()}
        if is_array(value):
            return [self._with_links(item, made) for item in value]
        return self._world.link(value, made) if isinstance(value, Work) else value

    def _vary(self, variations: tuple[Any, ...]) -> Any:
        """One of the variations; always the first without quirks."""
        return self._random.choice(variations) if self._quirks else variations[0]

    def _request_id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def _present(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if value is not MISSING}
