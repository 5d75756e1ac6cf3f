"""One task as the emulator remembers it, and the shelf of all of them. Who may create one is decided elsewhere."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Any

import attrs

from .inputs import Picture
from .lifecycle import Course


@attrs.frozen(eq=False)
class EmulatedTask:
    """
    A task that was accepted.

    ``body`` is what the create call carried, without empty values, with the defaults that decide something, and with
    ``sha256:...`` in the place of every Base64 picture; ``pictures`` says what those were.
    """

    task_id: str
    external_task_id: str | None
    path: str
    pool: str
    weight: int
    body: Mapping[str, Any] = attrs.field(repr=False)
    pictures: Mapping[str, Picture] = attrs.field(repr=False)
    price: Decimal | None
    course: Course
    _now: Callable[[], float] = attrs.field(repr=False, alias="now")

    @property
    def status(self) -> str:
        """The status at this moment."""
        return self.course.status(self._now())


class TaskShelf:
    """Every task, by id and by endpoint in the order of creation."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._last_id = random.randrange(8 * 10**17, 9 * 10**17)
        self._by_id: dict[str, EmulatedTask] = {}
        self._strangers: dict[str, EmulatedTask] = {}
        self._by_external_id: dict[tuple[str, str], EmulatedTask] = {}
        self._by_path: dict[str, list[EmulatedTask]] = {}

    @property
    def view(self) -> Mapping[str, EmulatedTask]:
        """All tasks by id, read-only."""
        return MappingProxyType(self._by_id)

    def next_id(self) -> str:
        """A new id: 18 digits, growing, with gaps."""
        self._last_id += self._random.randrange(1000, 1_000_000)
        return str(self._last_id)

    def put(self, task: EmulatedTask) -> None:
        """Add a task. Where its external id was used before, the id finds the later one; both stay."""
        self._by_id[task.task_id] = task
        if task.external_task_id is not None:
            self._by_external_id[task.path, task.external_task_id] = task
        self._by_path.setdefault(task.path, []).append(task)

    def put_strangers(self, task: EmulatedTask) -> None:
        """Add a task of somebody else: it can be asked for and is listed, but is none of ours."""
        self._strangers[task.task_id] = task
        tasks = self._by_path.setdefault(task.path, [])
        tasks.insert(bisect_right(tasks, task.course.created, key=_created), task)

    def end_strangers(self, now: float) -> None:
        """Let every task of somebody else that is not over end now."""
        for task in tuple(self._strangers.values()):
            if task.course.ended > now:
                ended = attrs.evolve(task, course=attrs.evolve(task.course, ended=now))
                self._strangers[task.task_id] = ended
                tasks = self._by_path[task.path]
                tasks[tasks.index(task)] = ended

    def find(self, path: str, some_id: str, *, by_external_id: bool) -> EmulatedTask | None:
        """A task of one endpoint by its id, or by its external id where that is allowed."""
        task = self._by_id.get(some_id) or self._strangers.get(some_id)
        if task is None and by_external_id:
            task = self._by_external_id.get((path, some_id))
        return task if task is not None and task.path == path else None

    def page(
        self, path: str, number: int, size: int, *, newest_first: bool, until: float, mix: int = 0
    ) -> list[EmulatedTask]:
        """
        One page of one endpoint's tasks, of those created until a moment.

        With ``mix`` each of them is followed by as many of somebody else, made up after its likeness.
        """
        tasks = self._by_path.get(path, [])
        length = bisect_right(tasks, until, key=_created)
        group = 1 + mix
        first = (number - 1) * size
        page: list[EmulatedTask] = []
        for place in range(first, min(first + size, length * group)):
            ours, other = divmod(place, group)
            task = tasks[length - 1 - ours if newest_first else ours]
            page.append(_likeness(task, other) if other else task)
        return page


def _created(task: EmulatedTask) -> float:
    return task.course.created


def _likeness(task: EmulatedTask, number: int) -> EmulatedTask:
    """Somebody else's task: ids are at least a thousand apart, so that the next ones are free."""
    return attrs.evolve(task, task_id=str(int(task.task_id) + number), external_task_id=None)
