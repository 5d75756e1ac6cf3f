"""A vendor whose tasks end when a test says so, with a list that can be made as bad as need be, and a watcher."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs

from kling_async import Polling, Task, TaskHandle, VideoResult
from kling_async.api import Videos
from kling_async.polling.calls import Calls
from kling_async.polling.durations import Durations
from kling_async.polling.watcher import Watcher
from kling_async.protocol.call import Json
from kling_async.protocol.endpoint import Overview, Wanted

START = datetime(2026, 3, 28, tzinfo=UTC)
"""The vendor's time when the loop's is zero."""
ROW = Videos.text_to_video


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def milliseconds(at: float) -> int:
    """A moment of the loop's as the vendor tells it."""
    return int((START.timestamp() + at) * 1000)


def watchers_tasks() -> list[str]:
    """Names of tasks that are not the test's own."""
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@attrs.define
class Made:
    """A task at the vendor's."""

    name: str
    born: float
    ends: float
    word: str = "succeed"
    foreign: bool = False
    external: str | None = None

    def row(self, at: float) -> dict[str, Json]:
        """As the vendor tells it, as of a moment."""
        done = at >= self.ends
        started = min(1.0, (self.ends - self.born) / 2) + self.born
        updated = self.ends if done else started if at >= started else self.born
        return {
            "task_id": self.name,
            "task_status": self.word if done else "processing" if at >= started else "submitted",
            "task_status_msg": "Failure to pass the risk control system" if done and self.word == "failed" else "",
            "task_info": {"external_task_id": self.external},
            "created_at": milliseconds(self.born),
            "updated_at": milliseconds(updated),
            "task_result": {"videos": [{"id": self.name, "url": "https://x.klingai.com/v.mp4", "duration": "5"}]}
            if done and self.word == "succeed"
            else {},
        }


class World:
    """A vendor and a watcher that asks it."""

    def __init__(
        self, polling: Polling | None = None, *, answer_after: float = 0.0, seed: int = 1, callbacks: bool = False
    ) -> None:
        self.asked: list[tuple[float, str]] = []
        """When single queries came, and for which task."""
        self.pages: list[tuple[float, int, int]] = []
        """When pages were asked for, their number and size."""
        self.tasks: dict[str, Made] = {}
        self.troubles: list[BaseException] = []
        """Raised by whatever is asked, one after the other, the last for ever."""
        self.refused: dict[str, BaseException] = {}
        self.page_troubles: list[BaseException] = []
        self.lag = 0.0
        """How old the list is, in seconds."""
        self.arrange: Callable[[list[dict[str, Json]]], list[dict[str, Json]]] = lambda rows: rows
        """What becomes of the list before it is cut into pages."""
        self.read_one: Callable[[dict[str, Json]], dict[str, Json]] = lambda row: row
        """What becomes of the row that a single query is answered with."""
        self.answer_after = self.page_after = answer_after
        self.polling = polling or Polling()
        self.callbacks = callbacks
        """Whether the vendor is to call back about tasks made here."""
        self.durations = Durations("video")
        self.watcher = Watcher(
            ROW.name,
            self,
            durations=self.durations,
            polling=self.polling,
            random=random.Random(seed),
            calls=Calls() if callbacks else None,
        )

    @property
    def requests(self) -> int:
        """How many in all."""
        return len(self.asked) + len(self.pages)

    def make(self, name: str, *, ends: float = 100, word: str = "succeed", foreign: bool = False) -> Made:
        """A task at the vendor's, made now, that ends at a time."""
        made = self.tasks[name] = Made(name, now(), max(ends, now() + 0.1), word, foreign, f"k{name}")
        return made

    def handle(
        self, name: str, *, ends: float = 100, well: bool = True, silent: bool = False
    ) -> TaskHandle[VideoResult]:
        """A handle as a create returns it, of a task that ends at a time."""
        made = self.make(name, ends=ends, word="succeed" if well else "failed")
        task = ROW.read(made.row(now()))
        handle: TaskHandle[VideoResult] = TaskHandle(ROW.name, self, task=task, born=self.watcher.made(task, now()))
        if self.callbacks:
            self.watcher.keep(handle, silent=silent)
        return handle

    def attached(self, name: str) -> TaskHandle[VideoResult]:
        """A handle for a task made elsewhere."""
        return TaskHandle(ROW.name, self, task_id=name)

    async def one(self, handle: TaskHandle[Any], leaving: Callable[[], None] = lambda: None) -> Task[Any]:
        """Answer for one task as the vendor would."""
        name = str(
            handle.id or next(made.name for made in self.tasks.values() if made.external == handle.external_task_id)
        )
        leaving()
        self.asked.append((now(), name))
        if self.answer_after:
            await asyncio.sleep(self.answer_after)
        if name in self.refused:
            raise self.refused[name]
        _raise_next(self.troubles)
        return ROW.read(self.read_one(self.tasks[name].row(now())))

    async def page(self, number: int, size: int, wanted: Wanted, leaving: Callable[[], None]) -> Overview:
        """Answer with a page as the vendor would."""
        leaving()
        self.pages.append((now(), number, size))
        if self.page_after:
            await asyncio.sleep(self.page_after)
        _raise_next(self.troubles)
        _raise_next(self.page_troubles)
        at = now() - self.lag
        known = [made for made in self.tasks.values() if made.born <= at]
        newest = sorted(known, key=lambda made: made.born, reverse=True)
        rows = self.arrange([made.row(at) for made in newest])
        call = ROW.overview(number, size, wanted)
        return call.read(list[Json](rows[(number - 1) * size : number * size]))

    def read(self, data: Json) -> Task[Any]:
        """Make a task of a row."""
        return ROW.read(data)

    def watch(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper of the handles."""
        self.watcher.watch(handle)

    def unwatch(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper of the handles."""
        self.watcher.unwatch(handle)

    def eta(self, handle: TaskHandle[Any]) -> float | None:
        """Be the keeper of the handles."""
        return self.watcher.eta(handle)

    def changed(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper of the handles."""

    def failed(self, handle: TaskHandle[Any], error: Exception) -> None:
        """Be the keeper of the handles."""

    def running(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper of the handles."""

    def ended(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper of the handles."""

    async def refresh(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper of the handles."""
        handle.push(await self.one(handle))


def _raise_next(troubles: list[BaseException]) -> None:
    if troubles:
        raise troubles.pop(0) if len(troubles) > 1 else troubles[0]
