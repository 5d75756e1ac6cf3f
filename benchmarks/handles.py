"""A hundred thousand tasks followed at once, each looked at every five seconds: CPU, and how long the loop stalls.

No network: answers are at hand, and cost every side the same nothing. Beside our watcher, which reads pages of the
list: a task with a sleep for each handle, and one with tenacity's AsyncRetrying. `stall` is how much later than asked
a sleep of ten milliseconds ends. Target: at least 20 and 100 times less CPU, and stalls of at most 10 ms in 99 of 100
cases.

    python benchmarks/handles.py [handles] [seconds]
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tenacity import AsyncRetrying, retry_if_result, wait_fixed

from kling_async import Polling, Task, TaskHandle
from kling_async.api import Videos
from kling_async.polling.durations import Durations
from kling_async.polling.watcher import Watcher
from kling_async.protocol.call import Json
from kling_async.protocol.endpoint import Glimpse, Overview, Wanted

CYCLE: Final = 5.0
ROW: Final = Videos.text_to_video


class Vendor:
    """A list of pending tasks, at hand, and a keeper of handles."""

    def __init__(self, count: int) -> None:
        self.began = int(time.time() * 1000)
        self.tasks = [self.told(at) for at in range(count)]
        self.looks = 0
        self.pages: dict[tuple[int, int], tuple[Glimpse, ...]] = {}
        self.watcher = Watcher(
            ROW.name, self, durations=Durations("video"), polling=Polling(max_lag=CYCLE), random=random.Random(1)
        )

    def told(self, at: int) -> Task[Any]:
        """A task as its create told it."""
        row: Json = {
            "task_id": f"{at:018}",
            "task_status": "submitted",
            "created_at": self.began,
            "updated_at": self.began,
        }
        return ROW.read(row)

    async def one(self, handle: TaskHandle[Any], leaving: Callable[[], None] = lambda: None) -> Task[Any]:
        """Answer for one."""
        leaving()
        self.looks += 1
        return self.tasks[int(handle.id or 0)]

    async def page(self, number: int, size: int, wanted: Wanted, leaving: Callable[[], None]) -> Overview:
        """Answer with a page, the newest first."""
        del wanted
        leaving()
        if (number, size) not in self.pages:
            top = len(self.tasks) - (number - 1) * size
            shown = self.tasks[max(0, top - size) : top][::-1]
            self.pages[number, size] = tuple(
                Glimpse(at, task.id, None, task.status, task.updated_ms, None) for at, task in enumerate(shown)
            )
        rows = self.pages[number, size]
        self.looks += len(rows)
        await asyncio.sleep(0.01)
        return Overview(len(rows), rows, ordered=True, ended=(), latest_ms=int(time.time() * 1000))

    def read(self, data: Json) -> Task[Any]:
        """Never asked for: nothing changes."""
        return ROW.read(data)

    def watch(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper."""
        self.watcher.watch(handle)

    def unwatch(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper."""
        self.watcher.unwatch(handle)

    def eta(self, handle: TaskHandle[Any]) -> float | None:
        """Be the keeper."""
        return self.watcher.eta(handle)

    def running(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper; slots are not what is measured."""

    def ended(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper; slots are not what is measured."""

    def changed(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper; events are not what is measured."""

    def failed(self, handle: TaskHandle[Any], error: Exception) -> None:
        """Be the keeper; events are not what is measured."""

    async def refresh(self, handle: TaskHandle[Any]) -> None:
        """Be the keeper."""
        handle.push(await self.one(handle))


Follow = Callable[[Vendor, TaskHandle[Any]], Awaitable[object]]


async def ours(_: Vendor, handle: TaskHandle[Any]) -> object:
    """A waiter of the package's."""
    return await handle.wait()


async def sleeping(vendor: Vendor, handle: TaskHandle[Any]) -> object:
    """A loop of its own."""
    await asyncio.sleep(random.random() * CYCLE)
    while not (await vendor.one(handle)).status.final:  # noqa: ASYNC110 - what is measured
        await asyncio.sleep(CYCLE)
    return None


async def retrying(vendor: Vendor, handle: TaskHandle[Any]) -> object:
    """As one would write it with tenacity."""
    await asyncio.sleep(random.random() * CYCLE)

    def pending(task: Task[Any]) -> bool:
        return not task.status.final

    again = AsyncRetrying(retry=retry_if_result(pending), wait=wait_fixed(CYCLE))
    return await again(vendor.one, handle)


async def measure(follow: Follow, count: int, seconds: float) -> tuple[float, float, float]:
    """CPU microseconds per look, looks per handle and cycle, and the hundredth worst stall in milliseconds."""
    vendor = Vendor(count)
    handles = list[TaskHandle[Any]]()
    for task in vendor.tasks:
        born = asyncio.get_running_loop().time()
        vendor.watcher.made(task, born)
        handles.append(TaskHandle(ROW.name, vendor, task=task, born=born))
    waiting = [asyncio.ensure_future(follow(vendor, handle)) for handle in handles]
    gc.collect()
    await asyncio.sleep(CYCLE * 1.5)
    looks, cpu, began = vendor.looks, time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    cpu, looks, lasted = time.process_time() - cpu, vendor.looks - looks, time.monotonic() - began
    stalls, until = list[float](), time.monotonic() + seconds
    while len(stalls) < 2 or time.monotonic() < until:  # apart, because a hundred probes a second cost CPU too
        asked = time.monotonic()
        await asyncio.sleep(0.01)
        stalls.append((time.monotonic() - asked - 0.01) * 1e3)
    for waiter in waiting:
        waiter.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return cpu / looks * 1e6, looks / count / lasted * CYCLE, statistics.quantiles(stalls, n=100)[98]


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 2 * CYCLE
    sides: tuple[tuple[str, Follow], ...] = (
        ("kling_async, a task awaits each handle", ours),
        ("a task and a sleep for each", sleeping),
        ("tenacity for each", retrying),
    )
    print(f"{f'{count:,} tasks, a look at each in {CYCLE:.0f} s':44} {'CPU us':>7} {'looks':>6} {'stall ms':>9}")
    for name, follow in sides:
        figures = asyncio.run(measure(follow, count, seconds))
        print("{:44} {:7.2f} {:6.2f} {:9.1f}".format(name, *figures), flush=True)


if __name__ == "__main__":
    main()
