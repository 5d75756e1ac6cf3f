"""Crashes, lost answers, hidden tasks, clocks set anew, in whatever order: each task is paid once, and none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

import attrs
import looptime
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kling_async import Batch, KlingClient, KlingError, Limits, Polling, Retry
from kling_async.batch.journal import Reader
from kling_async.batch.queries import TaskRow
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Down, Fault, Hide, Lose, Refuse, RepeatedIds
from tests.support.leaps import look_before_leaping
from tests.support.studio import quick

T = TypeVar("T")

LAG, SETTLE = 20.0, 30.0
LIMITS = {"image": 4, "video": 1}
WALL = 1_780_000_000.0
LONG = 24 * 3600.0
LOST: list[Any] = ["cut", "reset", "cut_body", "empty", "unreadable", "no_task_id", "html", 500, 504, 5001, 5002]
REFUSED: list[Any] = [1302, 1303, 5000, 5001, 503, "html", "cut"]
MOSTLY = st.sampled_from([True, True, True, False])
POINTS = [f"{change}.{moment}_commit" for change in ("intent", "accepted", "final") for moment in ("before", "after")]
MOMENTS = st.sampled_from([0.0, 0.02, 0.1, 0.3, 1.0, 3.0, 10.0])
"""Seconds for which a run goes on after something happened to it."""
OPEN = {"planned", "submitting", "unknown", "submitted", "succeeded"}
DOUBTFUL = ("planned", "submitting", "unknown")
UNDER_WAY = ("submitting", "unknown", "submitted", "held")
FINAL = {"done", "failed", "refused", "lost"}
VENDORS = ("aiohttp/web", "kling_async/emulator", "asyncio/selector_events")
"""Where the coroutines are written that go on when the client's process is gone."""


@attrs.define(eq=False)
class Process:
    """A client and its batch, until it is closed, or dies."""

    kling: KlingClient
    batch: Batch
    run: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Well."""
        await self.batch.__aexit__(None, None, None)
        await self.kling.close()


class Trap:
    """Keeps what is on disk at the n-th time that a point is reached, and lets nothing more be written."""

    def __init__(self, point: str, hit: int, loop: asyncio.AbstractEventLoop, preserve: Callable[[], None]) -> None:
        self.struck = asyncio.Event()
        self.sprung = False
        self._point = point
        self._left = hit
        self._loop = loop
        self._preserve = preserve
        self._way = threading.Event()

    def at(self, point: str) -> None:
        """Be told of a point, by the thread that writes."""
        if point != self._point or self._way.is_set():
            return
        self._left -= 1
        if not self._left:
            self._preserve()
            self.sprung = True
            self._loop.call_soon_threadsafe(self.struck.set)
            self._way.wait()

    def open(self) -> None:
        """Whatever is written from now on is nobody's."""
        self._way.set()


class Surviving(RuleBasedStateMachine):
    """
    A vendor that makes the same thing as often as it is asked to, and processes that come and go.

    How far a process gets depends on threads and sockets too, so no rule has a precondition: what can be done is done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = looptime.new_event_loop()
        look_before_leaping(self.loop)
        self.home = Path(tempfile.mkdtemp(prefix="machine-"))
        self.life = 0
        self.skew = 0.0
        self.rows = 0
        self.process: Process | None = None
        self.final: dict[tuple[str, int], str] = {}
        self.told = Counter[tuple[str, int, str]]()
        self.wrong: list[str] = []
        self.emulator: Emulator | None = None
        self.trap: Trap | None = None

    # The world

    @initialize(hold=MOSTLY.map(lambda mostly: not mostly), hidden=MOSTLY, seed=st.integers(0, 1000))
    def begin(self, hold: bool, hidden: bool, seed: int) -> None:  # noqa: FBT001 - by name
        """Nothing is planned yet; tasks may show late for as long as all goes on."""
        self.usual: list[Fault] = [RepeatedIds(), *([Hide(LAG)] if hidden else [])]
        self.retry_rule = Retry(settle=SETTLE, on_unknown="hold" if hold else "resend")
        self.vendor = Emulator(seed=seed, slots=LIMITS, speed=5, faults=self.usual)
        self.do(self.vendor.start())
        self.emulator = self.vendor
        quick(self.vendor)

    @property
    def journal(self) -> Path:
        """Of this life."""
        return self.home / str(self.life) / "batch.db"

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """On the machine's own loop."""
        return self.loop.run_until_complete(what)

    def alive(self) -> Process:
        """The process; a new one if there is none."""
        if self.process is None:
            self.journal.parent.mkdir(exist_ok=True)
            self.process = self.do(self.born())
        return self.process

    async def born(self) -> Process:
        """Open all there is to open."""
        kling = self.vendor.client(limits=Limits(**LIMITS), retry=self.retry_rule, polling=Polling(), timeout=10)
        batch = Batch(
            kling,
            "machine",
            journal=self.journal,
            output=self.home / "out",
            point=self.at,
            now=lambda: WALL + self.loop.time() + self.skew,
        )
        return Process(kling, await batch.__aenter__())

    def at(self, point: str) -> None:
        """Be told of a point, by the thread that writes."""
        if self.trap is not None:
            self.trap.at(point)

    async def consume(self, batch: Batch) -> None:
        """Take items; errors that stop a run are news for the user, and no more."""
        try:
            async for item in batch.run():
                self.told[item.custom_id, item.generation, str(item.state)] += 1
        except KlingError:
            pass

    def tasks(self) -> list[TaskRow]:
        """The newest generation of each."""
        if not self.journal.exists():
            return []
        with Reader.open(self.journal) as reader:
            return [task for batch in reader.batches() for task in reader.items(batch)]

    def some(self, *states: str) -> list[TaskRow]:
        """Those in some states."""
        return [task for task in self.tasks() if task.state in states]

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.process is not None and self.process.run is not None and not self.process.run.done()

    def made(self, task: TaskRow) -> int:
        """How many tasks of an external id the vendor has."""
        return len(self.vendor.tasks_by_external_id.get(task.external_id, ()))

    # What happens

    @rule(
        count=st.integers(1, 5),
        word=st.sampled_from(["", "", "", "risky ", "forbidden "]),
        video=st.booleans(),
        then=MOMENTS,
    )
    def plan_rows(self, count: int, word: str, video: bool, then: float) -> None:  # noqa: FBT001 - by name
        """Rows of a manifest."""
        self.add(count, word, then, video=video)

    def add(self, count: int, word: str, then: float, *, video: bool) -> None:
        """Plan some tasks, and let them run."""
        batch = self.alive().batch
        endpoint = "videos.text_to_video" if video else "images.generate"
        lines = [
            {"custom_id": f"r{self.rows + at}", "endpoint": endpoint, "body": {"prompt": f"{word}{self.rows + at}"}}
            for at in range(count)
        ]
        self.rows += count
        self.do(batch.add(lines))
        self.run_for(then)

    @rule(seconds=MOMENTS | st.just(200.0))
    def run_for(self, seconds: float) -> None:
        """A run goes on, or begins."""
        it = self.alive()
        if it.run is None or it.run.done():
            it.run = self.loop.create_task(self.consume(it.batch))
        run = it.run
        self.do(self.wait(run, seconds))
        if run.done():
            run.result()

    async def wait(self, run: asyncio.Task[None], seconds: float) -> None:
        """For the run, and no longer than so many seconds."""
        await asyncio.wait((run,), timeout=seconds)

    def to_the_end(self) -> None:
        """Wait for the run, a day at most; in pieces, since the clock may leap over one while a thread writes."""
        for _ in range(288):
            if self.process is None or self.process.run is None or self.process.run.done():
                return
            self.do(self.wait(self.process.run, LONG / 288))

    @rule(count=st.integers(0, 4), after=MOMENTS)
    def crash(self, count: int, after: float) -> None:
        """The process is gone, at work if possible; what the disk has is what the next one finds."""
        self.add(count, "", after, video=False)
        self.preserve()
        self.die()

    @rule(
        count=st.integers(1, 4),
        point=st.sampled_from(POINTS),
        hit=st.integers(1, 3),
        linger=st.sampled_from([0.0, 2.0, 30.0]),
    )
    def strike(self, count: int, point: str, hit: int, linger: float) -> None:
        """The same at a certain point; what was on its way then goes on for a while, and is never written down."""
        self.add(count, "", 0.0, video=False)
        self.trap = trap = Trap(point, hit, self.loop, self.preserve)
        self.do(self.caught(trap, linger))
        if not trap.sprung:
            trap.open()
            self.preserve()
        self.die()

    async def caught(self, trap: Trap, linger: float) -> None:
        """Until the process is at its point, or has no more to do."""
        assert self.process is not None
        assert self.process.run is not None
        struck = self.loop.create_task(trap.struck.wait())
        for _ in range(20):
            if not (await asyncio.wait((self.process.run, struck), timeout=10, return_when="FIRST_COMPLETED"))[0]:
                continue
            await asyncio.sleep(linger if trap.sprung else 0)
            break
        struck.cancel()

    def preserve(self) -> None:
        """Keep what the disk has now for the life that follows this one."""
        after = self.home / str(self.life + 1)
        shutil.rmtree(after, ignore_errors=True)
        after.mkdir()
        for ending in ("", "-wal"):
            if (file := self.journal.with_name(f"batch.db{ending}")).exists():
                shutil.copyfile(file, after / file.name)

    def die(self) -> None:
        """All that the process is ends where it is."""
        assert self.process is not None
        dead, self.process = self.process, None
        self.life += 1
        for task in asyncio.all_tasks(self.loop):
            where: Any = task.get_coro()
            if not any(place in where.cr_code.co_filename for place in VENDORS):
                task.cancel()
        told, self.told = self.told, Counter[tuple[str, int, str]]()
        trap, self.trap = self.trap, None
        if trap is not None:
            trap.open()
        self.do(self.bury(dead))
        self.told = told

    async def bury(self, dead: Process) -> None:
        """What is left of it in this process of ours goes, and sends nothing more."""
        if dead.run is not None:
            await asyncio.gather(dead.run, return_exceptions=True)
        await asyncio.gather(dead.close(), return_exceptions=True)

    @rule()
    def leave(self) -> None:
        """The process ends, in good order."""
        if self.process is not None and not self.running:
            self.do(self.process.close())
            self.process = None

    @rule(after=MOMENTS)
    def stop(self, after: float) -> None:
        """Nothing more is sent; all that was is followed to its end."""
        self.run_for(after)
        if self.process is None or (run := self.process.run) is None or run.done():
            return
        self.process.batch.stop()
        self.to_the_end()
        if not run.done():
            self.wrong.append("a run that was told to stop went on")

    @rule(way=st.sampled_from(LOST), first=st.integers(1, 3), then=MOMENTS)
    def lose(self, way: Any, first: int, then: float) -> None:
        """The next creates are made, and nobody hears of it."""
        self.spoil(Lose(way, first=first))
        self.run_for(then)

    @rule(
        answer=st.sampled_from(REFUSED),
        first=st.integers(1, 3),
        calls=st.sampled_from(["creates", "queries", "any"]),
        then=MOMENTS,
    )
    def refuse(self, answer: Any, first: int, calls: Literal["creates", "queries", "any"], then: float) -> None:
        """The next calls fail."""
        self.spoil(Refuse(answer, first=first, calls=(calls,)))
        self.run_for(then)

    @rule(then=MOMENTS)
    def hide(self, then: float) -> None:
        """Tasks show late, for a while."""
        self.spoil(Hide(LAG, until=120))
        self.run_for(then)

    @rule(seconds=st.sampled_from([1.0, 20.0]), then=MOMENTS)
    def down(self, seconds: float, then: float) -> None:
        """The vendor is away."""
        self.spoil(Down(until=seconds))
        self.run_for(then)

    @rule(skew=st.sampled_from([-LONG, -3600.0, 0.0, 3600.0, 40 * LONG]))
    def set_clock(self, skew: float) -> None:
        """Somebody sets the wall's clock."""
        self.skew = skew

    @rule(which=st.integers(0, 9), how=st.sampled_from(["look", "give_up", "send"]))
    def resolve(self, which: int, how: Literal["look", "give_up", "send"]) -> None:
        """A person decides; to send it again only if there is none."""
        tasks = self.some("held", "lost", "unknown")
        if self.running or not tasks:
            return
        task = tasks[which % len(tasks)]
        if (how == "send" and self.made(task)) or (how != "look" and task.state == "lost"):
            how = "look"
        with contextlib.suppress(KlingError):  # nobody knows more than before
            self.do(self.alive().batch.resolve(task.custom_id, how))
        now = next(each for each in self.tasks() if each.seq == task.seq)
        if task.state == "lost" and now.state == "submitted":
            del self.final[task.custom_id, task.generation]

    @rule()
    def retry(self) -> None:
        """A new generation of what failed."""
        if not self.running:
            self.do(self.alive().batch.retry(("failed", "refused")))

    @rule(hours=st.sampled_from([1.5, 5.0]))
    def deny(self, hours: float) -> None:
        """The vendor forgets its tasks for some hours; not where any is in doubt."""
        if self.running and not self.some(*DOUBTFUL):
            self.spoil(Hide(1e9))
            self.run_for(hours * 3600)
            self.well()

    def well(self) -> None:
        """The vendor is as usual."""

        async def healed() -> None:
            self.vendor.clear_faults()
            self.vendor.add(*self.usual)

        self.do(healed())

    def spoil(self, fault: Fault) -> None:
        """From now on."""

        async def spoilt() -> None:
            self.vendor.add(fault)

        self.do(spoilt())

    # What must be true

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        """One task for each external id."""
        if self.emulator is not None:
            ids = self.emulator.tasks_by_external_id
            assert {} == {external: len(tasks) for external, tasks in ids.items() if len(tasks) > 1}

    @invariant()
    def no_final_state_is_left(self) -> None:
        """What has ended has ended, whatever the journal is asked for later."""
        for task in self.tasks():
            key = task.custom_id, task.generation
            assert self.final.get(key, task.state) == task.state
            if task.state in FINAL:
                self.final[key] = str(task.state)

    @invariant()
    def nothing_is_told_twice(self) -> None:
        """An item that ended is yielded once."""
        assert [] == [key for key, times in self.told.items() if times > 1]

    @invariant()
    def nothing_else_went_wrong(self) -> None:
        """What rules have found."""
        assert [] == self.wrong

    @invariant()
    def no_slots_are_taken_at_rest(self) -> None:
        """Those of tasks that are under way are; a create of which nobody knows may be under way."""
        if self.process is not None and not self.running and not self.some(*UNDER_WAY):
            assert {} == {pool: slots.used for pool, slots in self.process.kling.slots.items() if slots.used}

    def teardown(self) -> None:
        """All ends well, if it is let."""
        try:
            if self.emulator is not None:
                self.end()
        finally:
            if self.process is not None:
                self.do(self.process.close())
            if self.emulator is not None:
                self.do(self.emulator.stop())
            self.loop.close()
            shutil.rmtree(self.home)

    def end(self) -> None:
        """No more faults, and a person who looks after what is held."""
        self.well()
        self.skew = 0.0
        for _ in range(3):
            self.run_for(0.0)
            self.to_the_end()
            if not self.running and not self.some(*OPEN, "held"):
                break
            for task in self.some("held") if not self.running else ():
                self.do(self.alive().batch.resolve(task.custom_id, "look" if self.made(task) else "send"))
        ends = {task.custom_id: str(task.state) for task in self.tasks()}
        assert {} == {custom_id: state for custom_id, state in ends.items() if state not in FINAL}
        assert self.rows == len(ends)
        known = {task.task_id for task in self.tasks()}
        paid = [task for task in self.tasks() if task.state in ("done", "failed", "lost")]
        assert all(self.made(task) == 1 for task in paid)
        assert known - {None} <= self.vendor.tasks.keys()
        self.nothing_is_paid_twice()
        self.no_slots_are_taken_at_rest()


TestSurviving = Surviving.TestCase
TestSurviving.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    phases=[Phase.generate],  # how far a process gets depends on threads, so that nothing can be played again
    suppress_health_check=[HealthCheck.too_slow],
)
