"""Whatever happens in whatever order: each handle ends once, with the vendor's own end, and soon; nothing is wasted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import looptime
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kling_async import ConnectionFailed, NotFound, Polling, ServerError, TaskHandle, TaskNotFound, TaskStatus
from kling_async.polling import debt
from kling_async.polling.debt import Page, Plan, Single
from kling_async.protocol.call import Json
from tests.polling.world import World

T = TypeVar("T")

MOST_LATE = 120.0 + 5.0
"""Seconds: an old copy of a list is not believed for longer than the median of videos, and a pause may follow."""
STRETCHED = 300.0 + 30.0 + 5.0
"""The same where tasks are to report their ends, which nobody did here."""
FAULTS = [ServerError("down", code=5000, status=503), ConnectionFailed("cut")]


def _mixed(rows: list[dict[str, Json]]) -> list[dict[str, Json]]:
    return [each for row in rows for each in (row, {**row, "task_id": f"x{row['task_id']}", "task_info": None})]


ARRANGEMENTS: dict[str, Callable[[list[dict[str, Json]]], list[dict[str, Json]]]] = {
    "as it is": lambda rows: rows,
    "shifted": lambda rows: rows[3:],
    "shuffled": lambda rows: random.Random(len(rows)).sample(rows, len(rows)),
    "mixed with those of others": _mixed,
    "cut short": lambda rows: rows[:2],
    "empty": lambda _: [],
}


class Polled(RuleBasedStateMachine):
    """A watcher, a vendor with bad days, and a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = looptime.new_event_loop()
        self.handles: list[TaskHandle[Any]] = []
        self.waiting: dict[TaskHandle[Any], asyncio.Task[Any]] = {}
        self.ended = Counter[TaskHandle[Any]]()
        self.late: dict[TaskHandle[Any], float] = {}
        self.well_since = 0.0
        self.most_late = MOST_LATE
        self.spoilt: TaskHandle[Any] | None = None
        self.unpaid: list[str] = []

    @initialize(
        lists=st.booleans(),
        max_lag=st.none() | st.sampled_from([3.0, 20.0]),
        answer_after=st.sampled_from([0.0, 0.3, 3.0]),
        callbacks=st.booleans(),
    )
    def begin(
        self,
        lists: bool,  # noqa: FBT001 - by name
        max_lag: float | None,
        answer_after: float,
        callbacks: bool,  # noqa: FBT001 - by name
    ) -> None:
        """Any options."""
        polling = Polling(list_pages=lists, max_lag=max_lag, patience=600)
        self.world = World(polling, answer_after=answer_after, callbacks=callbacks)
        self.most_late = STRETCHED if callbacks and max_lag is None else MOST_LATE
        plan = self.world.watcher.debts.plan

        def checked(now: float, *, room: int, pages: int) -> Plan[Any]:
            made = plan(now, room=room, pages=pages)
            asks: list[Page[Any] | Single[Any]] = [*made.pages, *made.singles]
            for ask in asks:
                blocks = ask.blocks if isinstance(ask, Page) else (ask.item.place,)
                shares = [self.share(block, now) for block in blocks for _ in block.items]
                if sum(min(1.0, share) for share in shares) < 1.0 - 1e-6:
                    self.unpaid.append(f"{shares} for {ask} at {now}")
            return made

        self.world.watcher.debts.plan = checked  # type: ignore[method-assign] # looks over its shoulder

    def share(self, block: Any, now: float) -> float:
        """The part of a request that a task owes; 1 where the gap rule forces one."""
        table, debts = block.table, self.world.watcher.debts
        if block.seen is None or block.due or block.told:
            return 1.0
        gap = min(debts._max_lag or 60.0, 60.0)
        gap = min(gap, 0.2 * max(block.seen, table.early)) if block.seen > 0 else gap
        if now >= block.born + min(block.seen + gap, block.sure + debts._proof(table)) - 1e-3:
            return 1.0
        owed = table.debt(block.seen, max(now - block.born, block.seen))[0]
        return float(owed / max(debt._CHEAPEST, debt._PRICE * table.median))

    def run(self, what: Awaitable[T]) -> T:
        """On the machine's own loop."""

        async def go() -> T:
            return await what

        return self.loop.run_until_complete(go())

    @rule(count=st.integers(1, 12), lasts=st.floats(0.5, 400), spread=st.floats(0, 30))
    def submit(self, count: int, lasts: float, spread: float) -> None:
        """Some tasks, awaited."""

        async def go() -> None:
            for n in range(count):
                ends = self.loop.time() + lasts + spread * n
                handle = self.world.handle(f"t{len(self.handles)}", ends=ends, well=n % 5 != 0)
                self.handles.append(handle)
                self.wait_for(handle)

        self.run(go())

    def wait_for(self, handle: TaskHandle[Any]) -> None:
        """One waiter, which notes how late it hears of the end."""

        async def wait() -> None:
            await asyncio.gather(handle.wait(), return_exceptions=True)
            if handle.done:
                self.ended[handle] += 1
                ends = self.world.tasks[str(handle.id)].ends
                if handle is not self.spoilt:
                    self.late[handle] = self.loop.time() - max(ends, self.well_since, began)

        began = self.loop.time()
        self.waiting[handle] = self.loop.create_task(wait())

    @rule(count=st.integers(1, 30))
    def others(self, count: int) -> None:
        """Somebody else makes tasks too."""

        async def go() -> None:
            for _ in range(count):
                self.world.make(f"f{len(self.world.tasks)}", ends=self.loop.time() + 50, foreign=True)

        self.run(go())

    @rule(seconds=st.floats(0.1, 200))
    def pass_time(self, seconds: float) -> None:
        """The clock goes on, or jumps."""
        self.run(asyncio.sleep(seconds))

    def pass_until(self, over: Callable[[], bool]) -> None:
        """Half an hour at most."""
        for _ in range(60):
            if over():
                break
            self.run(asyncio.sleep(30))

    @rule(how=st.sampled_from(sorted(ARRANGEMENTS)))
    def arrange(self, how: str) -> None:
        """The list becomes another."""
        self.world.arrange = ARRANGEMENTS[how]

    @rule(lag=st.sampled_from([0.0, 2.0, 30.0, 300.0]))
    def lag(self, lag: float) -> None:
        """The list is a copy from a while ago."""
        self.world.lag = lag

    @rule(refused=st.booleans())
    def refuse(self, refused: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        """Lists are not to be had."""
        self.world.page_troubles = [NotFound("no lists", code=1202, status=404)] if refused else []

    @rule(fault=st.sampled_from(FAULTS), seconds=st.floats(0.5, 100))
    def trouble(self, fault: Exception, seconds: float) -> None:
        """Nothing gets an answer for a while; a pause of thirty seconds may follow."""
        self.world.troubles = [fault]
        self.run(asyncio.sleep(seconds))
        self.world.troubles = []
        self.well_since = self.loop.time() + 30

    @precondition(lambda self: self.handles and self.spoilt is None)
    @rule(data=st.data(), fault=st.sampled_from(FAULTS))
    def spoil(self, data: st.DataObject, fault: Exception) -> None:
        """One task cannot be asked for any more until all is over; no other is to suffer."""
        self.spoilt = data.draw(st.sampled_from(self.handles))
        self.world.refused[str(self.spoilt.id)] = fault

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave_and_come_back(self, data: st.DataObject) -> None:
        """A waiter is cancelled, and another one comes."""
        handle = data.draw(st.sampled_from(sorted(self.waiting, key=lambda handle: str(handle.id))))
        if self.waiting[handle].done():
            return
        self.waiting[handle].cancel()
        self.run(asyncio.sleep(data.draw(st.floats(0, 50))))
        if not self.ended[handle]:  # the end may have come in the moment in which the waiter left
            self.wait_for(handle)

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), status=st.sampled_from(TaskStatus), times=st.integers(1, 3))
    def call_back(self, data: st.DataObject, status: TaskStatus, times: int) -> None:
        """Somebody was called back, rightly or not."""
        handle = data.draw(st.sampled_from(self.handles))

        async def call() -> None:
            for _ in range(times):
                self.world.watcher.called(f"k{handle.id}", status)
                await asyncio.sleep(0.1)

        self.run(call())

    @rule()
    def deny(self) -> None:
        """For a moment the vendor knows of no task at all."""
        self.world.troubles = [TaskNotFound("Task not found by id/external id", code=1201, status=400)]
        self.run(asyncio.sleep(5))
        self.world.troubles = []
        self.well_since = self.loop.time() + 10

    @invariant()
    def nothing_was_asked_for_that_nobody_paid(self) -> None:
        """Debts or the gap rule."""
        assert [] == self.unpaid

    @invariant()
    def nobody_hears_late(self) -> None:
        """While the vendor answers."""
        assert all(late <= self.most_late for late in self.late.values())

    def teardown(self) -> None:
        """All ends well."""
        if not hasattr(self, "world"):
            self.loop.close()
            return
        self.pass_until(lambda: all(handle.done for handle in self.handles if handle is not self.spoilt))
        self.world.refused.clear()
        self.pass_until(lambda: all(handle.done for handle in self.handles))
        self.run(asyncio.sleep(1))
        for handle in self.handles:
            made = self.world.tasks[str(handle.id)]
            assert handle.latest is not None
            assert made.row(made.ends) == handle.latest.raw
            assert self.ended[handle] == 1
        assert max(self.late.values(), default=0) <= self.most_late
        assert not self.world.watcher.debts
        assert [] == [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        self.loop.close()


TestPolled = Polled.TestCase
TestPolled.settings = settings(
    max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
