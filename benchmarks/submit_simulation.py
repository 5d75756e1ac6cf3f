"""Slots put to use, requests refused: the real queue and ceiling on a clock of their own, beside other ways to submit.

All strategies see the same draws. There is always a backlog. A POST takes `RTT` seconds; the end of a task is noticed
some time after it, on average by the lag of its kind. Utilisation is the part of the slots that were ours to use which
tasks of ours did use, as the vendor sees it, from the first second on; refusals are those per task that was made.

    python -m benchmarks.submit_simulation [seeds]
"""

from __future__ import annotations

import heapq
import itertools
import random
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import attrs

from benchmarks.polling_simulation import KINDS, MEANS
from kling_async.submitting.ceiling import ENDLESS, Ceiling
from kling_async.submitting.pool import Claim, SlotPool
from kling_async.submitting.queue import BYPASS, Queue

RTT: Final = 0.3
LAG: Final = {"image": 0.5, "video": 2.5}
MEDIANS: Final = {"image": 20.0, "video": 120.0}
"""What the ceiling believes before it has seen any task end."""
MIXED: Final = (1, 1, 1, 2, 4, 9)
MOST_WAIT: Final = 60.0


@attrs.define(eq=False)
class Task(Claim):
    """A task of ours."""

    takes: float = 0.0
    tries: int = attrs.field(default=0, init=False)
    sent: float = attrs.field(default=0.0, init=False)


class Submitter(Protocol):
    """One process that has tasks to make."""

    def add(self, task: Task, /) -> None:
        """Have one more to make."""

    def admit(self, now: float, /) -> tuple[Iterable[Task], float | None]:
        """Which to send now, and when to ask again."""
        ...

    def accepted(self, task: Task, now: float, /) -> None:
        """It was made."""

    def refused(self, task: Task, now: float, /) -> None:
        """There was no slot."""

    def release(self, task: Task, now: float, /) -> None:
        """Its end was noticed."""


Strategy: TypeAlias = Callable[["Scene", random.Random], Submitter]


class Fixed:
    """A semaphore around the create and the wait; inside of it refusals are repeated after 1, 2, 4 ... 60 s."""

    def __init__(self, slots: float, chance: random.Random) -> None:
        self._free = slots
        self._chance = chance
        self._waiting: list[Task] = []
        self._refused: list[tuple[float, int, Task]] = []
        self._order = itertools.count()

    def add(self, task: Task) -> None:
        """Wait for the semaphore."""
        self._waiting.append(task)

    def admit(self, now: float) -> tuple[Iterable[Task], float | None]:
        """Whoever gets through the semaphore, and those whose pause is over."""
        sent = list[Task]()
        while self._refused and self._refused[0][0] <= now:
            sent.append(heapq.heappop(self._refused)[2])
        while self._waiting and self._waiting[-1].weight <= self._free:
            sent.append(self._waiting.pop())
            self._free -= sent[-1].weight
        return sent, self._refused[0][0] if self._refused else None

    def accepted(self, task: Task, now: float) -> None:
        """Nothing to do."""

    def refused(self, task: Task, now: float) -> None:
        """Pause, and hold the semaphore."""
        pause = min(MOST_WAIT, 2.0**task.tries) * self._chance.uniform(0.5, 1)
        task.tries += 1
        heapq.heappush(self._refused, (now + pause, next(self._order), task))

    def release(self, task: Task, now: float) -> None:  # noqa: ARG002 - as all have it
        """Leave the semaphore."""
        self._free += task.weight


class Aimd:
    """Additive increase, multiplicative decrease: one slot more per window, a fifth less after a refusal."""

    def __init__(self) -> None:
        self._window = 4.0
        self._used = 0
        self._waiting: list[Task] = []
        self._cut = 0.0

    def add(self, task: Task) -> None:
        """Wait."""
        self._waiting.append(task)

    def admit(self, now: float) -> tuple[Iterable[Task], float | None]:
        """As many as the window holds."""
        sent = list[Task]()
        while self._waiting and self._used + 1 <= self._window:
            sent.append(self._waiting.pop())
            sent[-1].sent = now
            self._used += 1
        return sent, None

    def accepted(self, task: Task, now: float) -> None:
        """Nothing to do."""

    def refused(self, task: Task, now: float) -> None:
        """One cut for all that were sent before it."""
        self._used -= 1
        self._waiting.append(task)
        if task.sent >= self._cut:
            self._window, self._cut = max(1.0, 0.8 * self._window), now

    def release(self, task: Task, now: float) -> None:  # noqa: ARG002 - as all have it
        """A little more room."""
        self._used -= 1
        self._window += 1 / self._window


class Drifting(Ceiling):
    """Ours, and with each task accepted at the ceiling it also rises by a little, ever faster."""

    _rate = 0.05
    _streak = 0

    def accepted(self, weight: int, now: float, *, probe: bool) -> None:
        """Drift."""
        full = self.learned < ENDLESS and self.used > self.learned - 1
        super().accepted(weight, now, probe=probe)
        if full:
            self._streak += 1
            step = self._rate / (1 - self._rate) * weight * 2 ** min(6, int(self._streak * self._rate))
            self.learned += min(step, 0.25 * self.held)

    def refused(self, weight: int, now: float, *, probe: bool) -> None:
        """Begin anew."""
        super().refused(weight, now, probe=probe)
        self._streak = 0


class Slow(Ceiling):
    """Ours, with single probes only."""

    def accepted(self, weight: int, now: float, *, probe: bool) -> None:
        """No handful."""
        super().accepted(weight, now, probe=probe)
        self._handful = 1


def learned(kind: type[Ceiling] = Ceiling, *, known: bool = False, bypass: int = BYPASS) -> Strategy:
    """What the package does."""

    def made(scene: Scene, chance: random.Random) -> Submitter:
        ceiling = kind(scene.slots[0][1] if known else None, median=MEDIANS[scene.kind], chance=chance)
        return SlotPool[Task](ceiling, Queue(bypass=bypass))

    return made


def fixed(share: float) -> Strategy:
    """A semaphore of so many times the slots there are."""
    return lambda scene, chance: Fixed(share * (scene.nominal or scene.slots[0][1]), chance)


STRATEGIES: Final[Mapping[str, Strategy]] = {
    "semaphore of half the slots": fixed(0.5),
    "semaphore of exactly the slots": fixed(1.0),
    "semaphore of twice the slots": fixed(2.0),
    "no limit, backoff 1 to 60 s": fixed(ENDLESS),
    "AIMD": lambda _scene, _chance: Aimd(),
    "ceiling, single probes": learned(Slow),
    "ceiling with drift": learned(Drifting),
    "ceiling": learned(),
}
"""By name; the last is ours."""


@attrs.frozen
class Scene:
    """What the vendor is like."""

    kind: str
    slots: Sequence[tuple[float, int]]
    """How many there are, each from a part of the time on."""
    weights: Sequence[int] = (1,)
    nominal: int | None = None
    """What somebody who must name a number takes for their number; by default the first."""
    foreign: bool = False
    """Whether others take up to 0.7 of the slots, by turns more and less."""
    processes: int = 1
    rounds: int = 60
    """Mean durations that it goes on for."""
    batch: int | None = None
    """Tasks, where there is no endless backlog; it goes on until all have ended then."""


SCENES: Final = {
    "image C=50": Scene("image", [(0, 50)]),
    "video C=5": Scene("video", [(0, 5)]),
    "video C=100": Scene("video", [(0, 100)]),
    "50-20-80-50": Scene("image", [(0, 50), (0.25, 20), (0.5, 80), (0.75, 50)]),
    "foreign load": Scene("image", [(0, 50)], nominal=32, foreign=True),
    "two processes": Scene("image", [(0, 50)], processes=2),
}
WIDE: Final = {f"C={slots}": Scene("image", [(0, slots)], MIXED) for slots in (30, 12)}
BATCHES: Final = {
    "30 tasks, 5 slots": Scene("video", [(0, 5)], batch=30),
    "60 mixed, 9 slots": Scene("image", [(0, 9)], MIXED, batch=60),
}


@attrs.define
class Cost:
    """What a strategy made of it."""

    used: float = 0.0
    """Slot seconds."""
    free: float = 0.0
    """Slot seconds that were there for us."""
    made: int = 0
    refused: int = 0
    ended: int = 0
    over: float = 0.0
    """When the last task ended."""

    @property
    def utilisation(self) -> float:
        """Between 0 and 1."""
        return self.used / self.free

    @property
    def refusals(self) -> float:
        """Per task that was made."""
        return self.refused / max(1, self.made)


class World:
    """The vendor, those who submit, and the clock."""

    def __init__(
        self, scene: Scene, strategy: Strategy, seed: int, *, rtt: float = RTT, lag: float | None = None
    ) -> None:
        self.scene = scene
        self.cost = Cost()
        self._chance = random.Random(seed)
        self._shape, self._mean = KINDS[scene.kind], MEANS[scene.kind]
        self._rtt = rtt
        self._lag = LAG[scene.kind] if lag is None else lag
        self._slots = scene.slots[0][1]
        self._ours = self._foreign = self._wanted = 0
        self._now = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._timers = dict[Submitter, float | None]()
        self._horizon = scene.rounds * self._mean
        for part, slots in scene.slots[1:]:
            self._at(part * self._horizon, self._change, slots)
        if scene.foreign:
            self._at(0.0, self._want)
        most = max(slots for _, slots in scene.slots)
        count = scene.batch or int(1.3 * scene.rounds * most / statistics.fmean(scene.weights)) + 50
        self._total = count * scene.processes
        for index in range(scene.processes):
            submitter = strategy(scene, random.Random(77 * seed + index))
            for _ in range(count):
                submitter.add(Task(self._chance.choice(scene.weights), False, self._shape.draw(self._chance)))
            self._timers[submitter] = None
            self._at(0.0, self._ask, submitter)

    def run(self) -> Cost:
        """Until the time is over, or the batch."""
        while self._events and (self.scene.batch is None or self.cost.ended < self._total):
            then, _, what, about = heapq.heappop(self._events)
            if self.scene.batch is None and then > self._horizon:
                break
            self.cost.used += self._ours * (then - self._now)
            self.cost.free += max(self._slots - self._foreign, self._ours) * (then - self._now)
            self._now = then
            what(*about)
        return self.cost

    def _at(self, time: float, what: Callable[..., None], *about: Any) -> None:
        heapq.heappush(self._events, (time, next(self._order), what, about))

    def _after(self, pause: float, what: Callable[..., None], *about: Any) -> None:
        self._at(self._now + pause, what, *about)

    # Those who submit.

    def _ask(self, submitter: Submitter) -> None:
        tasks, again = submitter.admit(self._now)
        for task in tasks:
            self._after(self._rtt / 2, self._arrive, submitter, task)
        if again is not None and again != self._timers[submitter]:
            self._timers[submitter] = again
            self._at(again, self._ring, submitter, again)

    def _ring(self, submitter: Submitter, at: float) -> None:
        if at == self._timers[submitter]:
            self._timers[submitter] = None
            self._ask(submitter)

    def _tell(self, submitter: Submitter, how: Callable[[Task, float], None], task: Task) -> None:
        how(task, self._now)
        self._ask(submitter)

    # The vendor.

    def _arrive(self, submitter: Submitter, task: Task) -> None:
        made = self._ours + self._foreign + task.weight <= self._slots
        self._after(self._rtt / 2, self._tell, submitter, submitter.accepted if made else submitter.refused, task)
        if made:
            self.cost.made += 1
            self._ours += task.weight
            self._after(task.takes, self._end, submitter, task)
        else:
            self.cost.refused += 1

    def _end(self, submitter: Submitter, task: Task) -> None:
        self._ours -= task.weight
        self.cost.ended += 1
        self.cost.over = self._now
        noticed = max(self._rtt, self._chance.uniform(0, 2 * self._lag))
        self._after(noticed, self._tell, submitter, submitter.release, task)

    def _change(self, slots: int) -> None:
        self._slots = slots

    # Others on the same account.

    def _want(self) -> None:
        self._wanted = int(self._chance.uniform(0, 0.7) * self._slots)
        self._after(self._chance.uniform(2, 6) * self._mean, self._want)
        self._take()

    def _take(self) -> None:
        while self._foreign < self._wanted and self._ours + self._foreign < self._slots:
            self._foreign += 1
            self._after(self._shape.draw(self._chance), self._leave)
        if self._foreign < self._wanted:
            self._after(self._chance.uniform(0.5, 5), self._take)

    def _leave(self) -> None:
        self._foreign -= 1
        self._after(self._chance.uniform(0.2, 1), self._take)


def simulate(scene: Scene, strategy: Strategy, *, seeds: int = 3, **how: float) -> list[Cost]:
    """As many runs as there are seeds."""
    return [World(scene, strategy, seed, **how).run() for seed in range(1, seeds + 1)]


def ideal(scene: Scene, seed: int) -> float:
    """When a batch is over if the limit is known and nothing takes time but the tasks."""
    return World(scene, learned(known=True), seed, rtt=0.0, lag=0.0).run().over


def main() -> None:
    """Print the tables."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    _table("one slot per task, limit unknown", SCENES, STRATEGIES, seeds)
    wide = {
        "limit known, first come first served": learned(known=True, bypass=0),
        "limit known, four may pass": learned(known=True),
        "no limit, backoff 1 to 60 s": fixed(ENDLESS),
        "ceiling, sixteen may pass": learned(bypass=16),
        "ceiling, four may pass": learned(),
    }
    _table("one to nine slots per task", WIDE, wide, seeds)
    print(f"\n{'a batch, limit unknown':38} {'time / ideal':>15} {'worst':>7} {'refused':>8}")
    for name, scene in BATCHES.items():
        costs = simulate(scene, learned(), seeds=3 * seeds)
        parts = [cost.over / ideal(scene, seed) for seed, cost in enumerate(costs, start=1)]
        refused = statistics.fmean(cost.refused for cost in costs)
        print(f"{name:38} {statistics.fmean(parts):15.3f} {max(parts):7.3f} {refused:8.1f}")


def _table(title: str, scenes: Mapping[str, Scene], strategies: Mapping[str, Strategy], seeds: int) -> None:
    print(f"\n{title:38} " + " ".join(f"{name:>15}" for name in scenes))
    for name, strategy in strategies.items():
        print(f"{name:38}", end="", flush=True)
        for scene in scenes.values():
            costs = simulate(scene, strategy, seeds=seeds)
            used = 100 * statistics.fmean(cost.utilisation for cost in costs)
            print(f" {used:7.1f} {statistics.fmean(cost.refusals for cost in costs):7.2f}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
