"""Requests against waiting: the real debts and durations on a clock of their own, beside other ways to poll.

All strategies see the same draws. Closed loop: so many tasks are always in flight, and the next one is made when the
end of one was noticed; wave: all are made at once. `lag` is from the end of a task to the request that tells of it;
answers take no time. `r x l` is requests x lag. Whoever looks at everything at once every T seconds pays 1/(rate x T)
requests per task and waits T/2: 1/(2 x rate) is what `bound` says, and a strategy that only trades the one for the
other has gained nothing.

    python benchmarks/polling_simulation.py [image|video] [tasks in flight ...]
"""

from __future__ import annotations

import heapq
import itertools
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import attrs

from kling_async.emulator.lifecycle import IMAGE, VIDEO
from kling_async.polling.debt import Debts, Page, Single
from kling_async.polling.durations import Durations

NEVER: Final = float("inf")


KINDS: Final = {"image": IMAGE, "video": VIDEO}
MEANS: Final = {"image": 21.3, "video": 147}
"""Seconds that a task of a kind takes."""
STARTED: Final = 0.05
"""Part of its time after which a task is seen to be processed."""


@attrs.define(eq=False)
class Task:
    """A task of ours."""

    born: float
    takes: float
    place: Any = None

    @property
    def ends(self) -> float:
        """When."""
        return self.born + self.takes

    def changed(self, now: float) -> float:
        """When its row changed last."""
        started = self.born + STARTED * self.takes
        return self.ends if self.ends <= now else started if started <= now else self.born


@attrs.define
class Cost:
    """What a strategy cost."""

    requests: float = 0
    rows: int = 0
    lags: list[float] = attrs.field(factory=list[float])

    @property
    def per_task(self) -> float:
        """Requests per task."""
        return self.requests / len(self.lags)

    @property
    def lag(self) -> float:
        """Seconds, on average."""
        return statistics.fmean(self.lags)

    @property
    def p99(self) -> float:
        """Seconds that one task in a hundred exceeds."""
        return sorted(self.lags)[int(0.99 * len(self.lags))]

    @property
    def product(self) -> float:
        """Requests x lag."""
        return self.per_task * self.lag


class Shop:
    """The vendor with its list, and whoever makes tasks there."""

    def __init__(self, kind: str, count: int, total: int, *, seed: int, wave: bool, others: float) -> None:
        self.chance = random.Random(seed)
        self.kind = KINDS[kind]
        self.others = others
        self.rows: list[Task | None] = []
        """Oldest first; None is somebody else's."""
        self.cost = Cost()
        self.total = count if wave else total
        self.wave = wave
        lasts = [0.0 if wave else self.chance.random() * self.kind.draw(self.chance) for _ in range(count)]
        self.starts = sorted(lasts)

    @property
    def over(self) -> bool:
        """Whether enough ends were noticed."""
        return len(self.cost.lags) >= self.total

    def make(self, now: float) -> Task:
        """A new task of ours."""
        while self.others and self.chance.random() < self.others:
            self.rows.append(None)
        task = Task(now, self.kind.draw(self.chance))
        self.rows.append(task)
        return task

    def noticed(self, task: Task, now: float) -> bool:
        """Tell of an end; whether a new task is to follow."""
        self.cost.lags.append(now - task.ends)
        return not self.wave

    def page(self, number: int, size: int) -> Iterator[tuple[int, Task]]:
        """Our tasks on a page, with their places in the list."""
        self.cost.requests += 1
        top = len(self.rows) - 1
        for index in range((number - 1) * size, min(number * size, len(self.rows))):
            self.cost.rows += 1
            task = self.rows[top - index]
            if task is not None:
                yield index, task


Strategy: TypeAlias = Callable[[Shop], Cost]


def by_debts(*, lists: bool = True, **options: Any) -> Strategy:
    """What the package does."""

    def run(shop: Shop) -> Cost:
        debts: Debts[Task] = Debts(Durations("image" if shop.kind.median < 60 else "video"), **options)
        debts.lists = lists
        again, starts = NEVER, list(shop.starts)
        while not shop.over:
            now = min(again, starts[0] if starts else NEVER)
            fresh = [starts.pop(0)] if starts and starts[0] <= again else []
            if not fresh:
                plan = debts.plan(now, room=sys.maxsize, pages=sys.maxsize)
                asks: list[Page[Task] | Single[Task]] = [*plan.pages, *plan.singles]
                ended = [task for ask in asks for task in _answer(shop, debts, ask, now)]
                fresh = [now for task in ended if shop.noticed(task, now)]
                again = NEVER if plan.again is None else plan.again
                again = now if plan.pages or plan.singles else again
            for at in fresh:
                task = shop.make(at)
                debts.add(task, (), debts.made(at))
                again = min(again, debts.nothing_before(task))
        return shop.cost

    return run


def _answer(shop: Shop, debts: Debts[Task], ask: Page[Task] | Single[Task], now: float) -> list[Task]:
    """Let the shop answer; returns what has ended."""
    if isinstance(ask, Single):
        shop.cost.requests += 1
        shop.cost.rows += 1
        if ask.item.place is None or ask.item.ends > now:
            debts.looked(ask.item, now)
            return []
        debts.ended(ask.item, ask.item.takes)
        return [ask.item]
    found, ended, known = dict[Task, int](), list[Task](), 0.0
    for index, task in shop.page(ask.number, ask.size):
        known = max(known, task.changed(now))
        if task.place is not None and task.ends > now:
            found[task] = index
        elif task.place is not None:
            debts.ended(task, task.takes)
            ended.append(task)
    debts.read(ask, found, now, known)
    return ended


def sweep(every: float) -> Strategy:
    """All pages that hold a pending task, again and again."""

    def run(shop: Shop) -> Cost:
        pending, starts, now = dict[Task, None](), list(shop.starts), 0.0
        while not shop.over:
            now += every
            while starts and starts[0] <= now:
                pending[shop.make(starts.pop(0))] = None
            left, number = len(pending), 0
            ended = list[Task]()
            while left:
                number += 1
                for _, task in shop.page(number, 500):
                    if task in pending:
                        left -= 1
                        if task.ends <= now:
                            ended.append(task)
            for task in ended:
                del pending[task]
                if shop.noticed(task, now):
                    pending[shop.make(now)] = None
        return shop.cost

    return run


def alone(gap: Callable[[float], float]) -> Strategy:
    """One query after the other for each task, at pauses that its age decides."""

    def run(shop: Shop) -> Cost:
        order = itertools.count()
        due = [(at + gap(0.0), next(order), shop.make(at)) for at in shop.starts]
        heapq.heapify(due)
        while not shop.over:
            now, _, task = heapq.heappop(due)
            shop.cost.requests += 1
            shop.cost.rows += 1
            if task.ends > now:
                heapq.heappush(due, (now + gap(now - task.born), next(order), task))
            elif shop.noticed(task, now):
                heapq.heappush(due, (now + gap(0.0), next(order), shop.make(now)))
        return shop.cost

    return run


def strategies() -> dict[str, Strategy]:
    """By name; the last is ours."""
    return {
        "fixed 1 s": alone(lambda _: 1.0),
        "fixed 5 s": alone(lambda _: 5.0),
        "exponential, 1 to 10 s": alone(lambda age: min(10.0, max(1.0, age))),
        "sweep 1 s": sweep(1.0),
        "sweep 2 s": sweep(2.0),
        "sweep 5 s": sweep(5.0),
        "debts, without lists": by_debts(lists=False),
        "debts": by_debts(),
    }


def simulate(
    kind: str, count: int, strategy: Strategy, *, total: int, seed: int = 1, wave: bool = False, others: float = 0.0
) -> Cost:
    """One run."""
    return strategy(Shop(kind, count, total, seed=seed, wave=wave, others=others))


def main() -> None:
    """Print the tables that were asked for."""
    kinds = [each for each in sys.argv[1:] if each in KINDS] or list(KINDS)
    counts = [int(each) for each in sys.argv[1:] if each.isdigit()] or [1, 3, 10, 30, 100, 300, 1000]
    head = f"{'requests':>9} {'lag s':>7} {'p99 s':>7} {'rows':>6} {'r x l':>8} {'/bound':>7}"
    for kind, count in itertools.product(kinds, counts):
        bound = MEANS[kind] / count / 2
        total = max(400, min(6 * count, 4000))
        print(f"\n{f'{count} {kind} tasks in flight, bound {bound:.3f}':42} {head}")
        for name, strategy in strategies().items():
            _show(name, simulate(kind, count, strategy, total=total), bound)
        _show("debts, half of the list foreign", simulate(kind, count, by_debts(), total=total, others=0.5), bound)
        if count > 1:
            waves = [simulate(kind, count, by_debts(), total=count, seed=seed, wave=True) for seed in range(10)]
            cost = Cost(
                sum(each.requests for each in waves),
                sum(each.rows for each in waves),
                [lag for each in waves for lag in each.lags],
            )
            _show("debts, made in one wave, nothing learned", cost, bound)


def _show(name: str, cost: Cost, bound: float) -> None:
    rows = cost.rows / len(cost.lags)
    print(
        f"{name:42} {cost.per_task:9.2f} {cost.lag:7.2f} {cost.p99:7.2f} {rows:6.0f}"
        f" {cost.product:8.3f} {cost.product / bound:7.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
