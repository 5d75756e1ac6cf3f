"""
The faults in force, and which call each of them strikes. Sends nothing: the server asks, and does what it is told.

A call is judged at two points, before it is carried out (``verdict``) and after it went well (``spoiling``), and a list
at one more (``listing``). Faults are asked in the order in which they were given; one that puts another answer in the
place of the true one keeps the call from those after it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import count
from random import Random
from typing import Final, Literal, TypeAlias, TypeVar

import attrs

from .faults import (
    ANYWHERE,
    Bend,
    Calls,
    Clock,
    DelayCallback,
    Down,
    Expire,
    Fault,
    Hide,
    Limit,
    Lose,
    LoseCallback,
    Mix,
    Neighbour,
    Rate,
    Refuse,
    RepeatCallback,
    RepeatedIds,
    Shuffle,
    ShuffleCallbacks,
    Slow,
    Sometimes,
    Stale,
    Truncate,
)

Kind: TypeAlias = Literal["creates", "queries", "lists", "others"]
F = TypeVar("F", bound=Fault)

SLACK: Final = 1e-3
"""What may be missing of a token: seconds since 1970 are too large for their small parts to be exact."""


@attrs.frozen
class Struck:
    """What a fault looks at in a call."""

    kind: Kind
    path: str
    endpoint: str
    """The path without the id of a query."""

    def is_among(self, calls: Sequence[Calls], path: str) -> bool:
        """Whether it is of a kind, and to a path that may be a pattern."""
        meant = "any" in calls or self.kind in calls
        return meant and (path == ANYWHERE or fnmatchcase(self.endpoint, path) or fnmatchcase(self.path, path))


@attrs.frozen
class Verdict:
    """What happens to a call before it is carried out."""

    late: float = 0.0
    """Seconds before anything is done."""
    pause: float = 0.0
    """Seconds before the answer is told."""
    refusal: Refuse | None = None

    @property
    def disturbs(self) -> bool:
        """Whether anything happens at all."""
        return self != UNDISTURBED


UNDISTURBED: Final = Verdict()


@attrs.frozen
class Listing:
    """How one list page is told."""

    stale: float = 0.0
    mix: int = 0
    most: int | None = None
    shuffle: Random | None = None


@attrs.frozen
class Calling:
    """How somebody is called back."""

    lost: bool = False
    delay: float = 0.0
    again: tuple[float, ...] = ()
    """Pauses before it is said once more."""


@attrs.define(eq=False)
class Running:
    """One fault at work: when, and what it has done so far."""

    fault: Fault
    begins: float
    ends: float
    serial: int
    """Its place among everything that happened at one moment."""
    random: Random
    tokens: float = 0.0
    filled: float | None = None
    """When a rate last counted its tokens."""
    _seen: int = 0
    _struck: int = 0

    def in_force(self, now: float) -> bool:
        """Whether its time has come and is not over."""
        return self.begins <= now < self.ends

    def strikes(self, fault: Sometimes, call: Struck, calls: Sequence[Calls], now: float) -> bool:
        """Whether it strikes this call, which is counted if it came into question."""
        if not self.in_force(now) or not call.is_among(calls, fault.path):
            return False
        self._seen += 1
        struck = (
            (fault.first is None or self._seen <= fault.first)
            and (fault.every is None or self._seen % fault.every == 0)
            and (fault.most is None or self._struck < fault.most)
            and (fault.chance == 1 or self.random.random() < fault.chance)
        )
        self._struck += struck
        return struck

    def passes(self, fault: Rate, call: Struck, now: float) -> bool:
        """Whether a rate lets this call through, which takes one token then."""
        if not self.in_force(now) or not call.is_among(fault.calls, fault.path):
            return True
        burst = fault.burst if fault.burst is not None else max(fault.per_second, 1.0)
        gained = (now - self.filled) * fault.per_second if self.filled is not None else burst
        self.tokens, self.filled = min(self.tokens + gained, burst), now
        if self.tokens < 1 - SLACK:
            return False
        self.tokens -= 1
        return True


class Script:
    """All faults of one run of the emulator."""

    def __init__(self, faults: Iterable[Fault], *, seed: int, now: Callable[[], float]) -> None:
        self._seed = seed
        self._now = now
        self._serials = count()
        self._running: list[Running] = []
        self._tokens: dict[bytes, tuple[float, int]] = {}
        self._came: set[int] = set()
        self.add(faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Those that are in force or still to come."""
        now = self._now()
        return tuple(each.fault for each in self._running if each.ends > now)

    def add(self, faults: Iterable[Fault]) -> None:
        """Begin with more faults; their times count from now."""
        for fault in faults:
            now, serial = self._now(), next(self._serials)
            ends = math.inf if fault.until is None else now + fault.until
            chance = Random(f"fault {self._seed} {serial}")
            self._running.append(Running(fault, now + fault.since, ends, serial, chance))

    def clear(self) -> None:
        """End all faults. A clock that was wrong stays in the memory: what it stamped keeps its stamp."""
        now = self._now()
        self._running = [each for each in self._running if isinstance(each.fault, Clock)]
        for each in self._running:
            each.ends = min(each.ends, now)

    def verdict(self, call: Struck) -> Verdict:
        """What happens to a call before it is carried out."""
        now, late, pause = self._now(), 0.0, 0.0
        for each in self._running:
            match each.fault:
                case Slow() as fault if each.strikes(fault, call, fault.calls, now):
                    late, pause = (late + fault.seconds, pause) if fault.late else (late, pause + fault.seconds)
                case Refuse() as fault if each.strikes(fault, call, fault.calls, now):
                    return Verdict(late, pause, fault)
                case Rate() as fault if not each.passes(fault, call, now):
                    return Verdict(late, pause, Refuse(1302, retry_after=fault.retry_after))
                case _:
                    pass
        return Verdict(late, pause)

    def spoiling(self, call: Struck) -> Lose | Bend | None:
        """The fault that strikes the answer of a call that went well."""
        now = self._now()
        for each in self._running:
            fault = each.fault
            if isinstance(fault, Lose | Bend) and each.strikes(fault, call, fault.calls, now):
                return fault
        return None

    def listing(self, call: Struck) -> Listing:
        """How a list is told."""
        now, listing = self._now(), Listing()
        for each in self._running:
            fault = each.fault
            if not isinstance(fault, Stale | Mix | Truncate | Shuffle) or not each.strikes(
                fault, call, ("lists",), now
            ):
                continue
            match fault:
                case Stale():
                    listing = attrs.evolve(listing, stale=max(listing.stale, fault.seconds))
                case Mix():
                    listing = attrs.evolve(listing, mix=max(listing.mix, fault.rows))
                case Truncate():
                    least = fault.rows if listing.most is None else min(listing.most, fault.rows)
                    listing = attrs.evolve(listing, most=least)
                case Shuffle():
                    listing = attrs.evolve(listing, shuffle=each.random)
        return listing

    def calling(self, endpoint: str) -> Calling:
        """How somebody is called back about a task of an endpoint."""
        now, calling, call = self._now(), Calling(), Struck("others", "", endpoint)
        for each in self._running:
            fault = each.fault
            if not isinstance(
                fault, LoseCallback | RepeatCallback | DelayCallback | ShuffleCallbacks
            ) or not each.strikes(fault, call, ("any",), now):
                continue
            match fault:
                case LoseCallback():
                    calling = attrs.evolve(calling, lost=True)
                case RepeatCallback():
                    calling = attrs.evolve(calling, again=(*calling.again, *(fault.seconds,) * fault.times))
                case DelayCallback():
                    calling = attrs.evolve(calling, delay=calling.delay + fault.seconds)
                case ShuffleCallbacks():
                    delay = each.random.uniform(0, fault.seconds)
                    calling = attrs.evolve(calling, delay=calling.delay + delay)
        return calling

    def hidden(self, endpoint: str) -> float:
        """Seconds for which a new task is unknown."""
        hiding = (
            fault.seconds
            for fault in self._in_force(Hide)
            if Struck("others", "", endpoint).is_among(("any",), fault.path)
        )
        return max(hiding, default=0.0)

    def ids_are_unique(self) -> bool:
        """Whether an external id may be used once only."""
        return not any(self._in_force(RepeatedIds))

    def slots(self, pool: str, given: int | None) -> int | None:
        """The slots that a pool has for us; none is endless. Fewer than none if others took them all and more."""
        limits = [fault.slots for fault in self._in_force(Limit) if fault.pool == pool]
        limit = limits[-1] if limits else given
        if limit is None:
            return None
        return limit - sum(fault.slots for fault in self._in_force(Neighbour) if fault.pool == pool)

    def newcomers(self) -> Iterator[tuple[Neighbour, float, float]]:
        """Neighbours who began since this was last asked, and whose tasks can be seen; with their beginning and end."""
        now = self._now()
        for each in self._running:
            fault = each.fault
            if isinstance(fault, Neighbour) and fault.visible and each.begins <= now and each.serial not in self._came:
                self._came.add(each.serial)
                yield fault, each.begins, each.ends

    def ahead(self, moment: float) -> float:
        """By how much the vendor's clock was fast at a moment; asked twice for each row of a list."""
        if not self._running:
            return 0.0
        clocks = (each.fault.ahead for each in self._running if isinstance(each.fault, Clock) and each.in_force(moment))
        return sum(clocks, 0.0)

    def expired(self, token: str) -> bool:
        """Whether a token is over before its time. Of tokens there are digests here, and nothing else."""
        now = self._now()
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        shown = self._tokens.get(digest)
        if shown is None:
            shown = self._tokens[digest] = (now, next(self._serials))
        return any(
            isinstance(each.fault, Expire)
            and each.in_force(now)
            and (shown < (each.begins, each.serial) if each.fault.after is None else now - shown[0] >= each.fault.after)
            for each in self._running
        )

    def is_down(self) -> bool:
        """Whether the emulator is dead at this moment."""
        return any(self._in_force(Down))

    def next_turn(self) -> float | None:
        """The next moment at which it may die or come back."""
        now = self._now()
        turns = (turn for each in self._running if isinstance(each.fault, Down) for turn in (each.begins, each.ends))
        return min((turn for turn in turns if now < turn < math.inf), default=None)

    def _in_force(self, kind: type[F]) -> Iterator[F]:
        now = self._now()
        return (each.fault for each in self._running if isinstance(each.fault, kind) and each.in_force(now))
