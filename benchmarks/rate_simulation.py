"""A vendor who lets so many requests a second pass: our rate, which does not know how many, beside plain backoff.

The real `Rate` on a clock of its own. So many callers always want the next request at once; an answer takes 0.24 to
0.45 s. `part` is of what the vendor lets pass at most, from the first second on; `refused` is per request. The vendor's
bucket holds a second's worth, or two; a vendor who counts anew with each full second gives nothing back for a pause,
which is why that second is lost there. Backoff: each caller for himself, up to a minute, with full jitter, as clients
do it who know nothing of each other; it uses what there is by asking all the time.

    python benchmarks/rate_simulation.py
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import attrs

from kling_async.transport.rate import Rate

LATE: Final = 0.002
"""Seconds by which a timer is late at most."""


class Vendor(Protocol):
    """Lets requests pass, or not."""

    def ask(self, now: float) -> bool:
        """Whether this one passes."""
        ...


@attrs.define
class Bucket:
    """A token bucket."""

    limit: float
    seconds: float = 1.0
    """How much it holds, in seconds of the limit."""
    _left: float = attrs.field(init=False, default=attrs.Factory(lambda self: self.limit * self.seconds, True))
    _at: float = attrs.field(init=False, default=0.0)

    def ask(self, now: float) -> bool:
        """Whether there is a token."""
        self._left = min(self.limit * self.seconds, self._left + (now - self._at) * self.limit)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@attrs.define
class Seconds:
    """So many in every full second."""

    limit: float
    _second: int = attrs.field(init=False, default=-1)
    _passed: int = attrs.field(init=False, default=0)

    def ask(self, now: float) -> bool:
        """Whether there is room in this second."""
        if int(now) != self._second:
            self._second, self._passed = int(now), 0
        self._passed += 1
        return self._passed <= self.limit


@attrs.define
class Cost:
    """What came of it."""

    passed: int = 0
    refused: int = 0

    @property
    def per_request(self) -> float:
        """Refusals per request."""
        return self.refused / (self.refused + self.passed)


@attrs.define
class World:
    """Events in their order."""

    chance: random.Random
    now: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = attrs.field(
        init=False, factory=list[tuple[float, int, Callable[[], None]]]
    )
    _count: itertools.count[int] = attrs.field(init=False, factory=itertools.count)

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Have something happen."""
        heapq.heappush(self._events, (when, next(self._count), what))

    def begin(self, what: Callable[[], None], callers: int) -> None:
        """Have every caller begin."""
        for _ in range(callers):
            self.at(0.0, what)

    def exchange(self, vendor: Vendor, then: Callable[[bool], None]) -> None:
        """Send a request."""

        def arrive() -> None:
            passes = vendor.ask(self.now)
            self.at(self.now + self._way(), lambda: then(passes))

        self.at(self.now + self._way(), arrive)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= seconds:
            self.now, _, what = heapq.heappop(self._events)
            what()

    def _way(self) -> float:
        return self.chance.uniform(0.12, 0.225)


def ours(vendor: Vendor, *, callers: int, seconds: float, seed: int) -> Cost:
    """All callers wait in one line, as `RateGate` has them do it."""
    world, rate, cost = World(random.Random(seed)), Rate(), Cost()
    line = deque[None]()
    timer = False

    def want() -> None:
        if not line and rate.take(world.now, waited=False):
            go()
        else:
            line.append(None)
            serve()

    def serve() -> None:
        nonlocal timer
        while line and rate.take(world.now, waited=True):
            line.popleft()
            go()
        if line and not timer:
            timer = True
            world.at(rate.ready(world.now) + world.chance.uniform(1e-6, LATE), fire)

    def fire() -> None:
        nonlocal timer
        timer = False
        serve()

    def go() -> None:
        sent = rate.cuts

        def answered(passes: bool) -> None:  # noqa: FBT001 - what the world calls back with
            if passes:
                cost.passed += 1
                rate.accepted(world.now)
            else:
                cost.refused += 1
                rate.refused(world.now, sent)
            want()

        world.exchange(vendor, answered)

    world.begin(want, callers)
    world.run(seconds)
    return cost


def backoff(vendor: Vendor, *, callers: int, seconds: float, seed: int) -> Cost:
    """Every caller for himself."""
    world, cost = World(random.Random(seed)), Cost()

    def ask(tries: int) -> None:
        def answered(passes: bool) -> None:  # noqa: FBT001 - what the world calls back with
            if passes:
                cost.passed += 1
                ask(0)
            else:
                cost.refused += 1
                pause = world.chance.uniform(0, min(60.0, 2.0**tries))
                world.at(world.now + pause, lambda: ask(tries + 1))

        world.exchange(vendor, answered)

    world.begin(lambda: ask(0), callers)
    world.run(seconds)
    return cost


VENDORS: Final[dict[str, Callable[[float], Vendor]]] = {
    "bucket of 1 s": Bucket,
    "bucket of 2 s": lambda limit: Bucket(limit, 2.0),
    "full seconds": Seconds,
}


def main() -> None:
    """Print the table."""
    callers, seconds, seeds = 16, 1000.0, range(3)
    print(f"{callers} callers, {seconds:.0f} s; target for buckets of a second: part 98.0 %, refused 0.030\n")
    print(f"{'vendor':16}{'limit':>6}   {'ours':>8}{'refused':>9}   {'backoff':>8}{'refused':>9}")
    for name, vendor in VENDORS.items():
        for limit in (2.0, 10.0, 30.0):
            row = f"{name:16}{limit:6.0f}"
            for strategy in (ours, backoff):
                costs = [strategy(vendor(limit), callers=callers, seconds=seconds, seed=seed) for seed in seeds]
                part = sum(cost.passed for cost in costs) / (limit * seconds * len(costs))
                row += f"   {part:8.1%}{sum(cost.per_request for cost in costs) / len(costs):9.3f}"
            print(row)


if __name__ == "__main__":
    main()
