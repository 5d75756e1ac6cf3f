"""The ledger of one process: gives the time to the pools, and wakes those whose turn it is.

One timer per pool at most, and no task; of whoever waits there is a future and an entry in the queue.
"""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, get_args

import attrs

from ..errors import InvalidRequest, SlotsUnavailable
from ..protocol.endpoint import Pool
from .ceiling import ENDLESS, Ceiling
from .ledger import Priority, Slots
from .pool import Claim, SlotPool, Stand
from .queue import Queue

_MEDIANS: Final[Mapping[Pool, float]] = {"video": 120.0, "image": 20.0, "try_on": 20.0, "other": 30.0}
"""Seconds that a task is believed to take before any was seen to end."""
_FEW: Final = 64
"""Outdated deadlines that are not worth a clean-up."""


@attrs.frozen(eq=False)
class LocalHeld:
    """The slots of any one task of a weight."""

    _counter: _Counter = attrs.field(repr=False)
    weight: int

    def release(self, after: float | None = None) -> None:
        """Tell that the task was seen to end, and after how many seconds, if that is known."""
        self._counter.ended(self.weight, after)


@attrs.define(eq=False)
class LocalHold(Claim):
    """A task's slots in this process's ledger."""

    counter: _Counter = attrs.field(repr=False)
    timeout: float | None = None
    left: float | None = None
    """Seconds of the timeout that it has not waited yet."""
    deadline: float | None = attrs.field(default=None, init=False)
    """When they will be over, on the loop's clock; None while it does not wait."""
    future: asyncio.Future[None] | None = attrs.field(default=None, init=False, repr=False)
    """Of whoever waits."""

    @property
    def held(self) -> LocalHeld:
        """What stands for this once the task was made."""
        return self.counter.held(self.weight)

    @property
    def median(self) -> float:
        """Seconds for which a task of the pool holds its slots, in one half of all cases, as far as is known."""
        return self.counter.median

    def accepted(self) -> None:
        """Tell that the task was made; it goes on to hold its slots."""
        self.counter.accepted(self)

    def doubted(self) -> None:
        """Tell that the task may have been made: its slots count as held, whoever is sent meanwhile."""
        self.counter.doubted(self)

    async def refused(self) -> None:
        """Tell of a 1303, and return when the task may be sent again."""
        await self.counter.refused(self)

    def release(self) -> None:
        """Tell that the task was seen to end, or was certainly not made. May be called again, which changes nothing."""
        self.counter.release(self)


@attrs.frozen(kw_only=True)
class Listeners:
    """Whom to tell. Called between other work, so they must be quick; what they raise goes to whoever caused it."""

    waits: Callable[[Pool, int, int], None] = attrs.field(default=lambda _pool, _weight, _queued: None)
    """A task must wait: its pool, its weight, how many wait now."""
    queue: Callable[[Pool, bool], None] = attrs.field(default=lambda _pool, _exists: None)
    """A queue begins or ends to exist. While it exists tasks that nobody awaits must be looked at, for their slots."""
    learned: Callable[[Pool, int], None] = attrs.field(default=lambda _pool, _limit: None)
    """The limit that was learned has changed."""
    slots: Callable[[Pool, Slots], None] = attrs.field(default=lambda _pool, _now: None)
    """How things stand in a pool has changed."""


class _Counter:
    """One pool with its timer."""

    def __init__(self, name: Pool, limit: int | None, listeners: Listeners, chance: random.Random) -> None:
        self._name: Pool = name
        self._limit = limit
        self._listeners = listeners
        self._pool: SlotPool[LocalHold] = SlotPool(Ceiling(limit, median=_MEDIANS[name], chance=chance), Queue())
        self._held: dict[int, LocalHeld] = {}
        self._stopped: Exception | None = None
        self._deadlines: list[tuple[float, int, LocalHold]] = []
        """A heap; also holds some who wait no longer."""
        self._order = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._alarm: float | None = None
        """When the timer goes off."""
        self._again: float | None = None
        self._queued = False
        self._learned: int | None = None
        self._stood = Slots(used=0, limit=limit, learned=None, queued=0)
        """How it stood when that was last told."""

    @property
    def slots(self) -> Slots:
        """As it stands now."""
        ceiling = self._pool.ceiling
        learned = None if ceiling.learned == ENDLESS else int(ceiling.learned)
        return Slots(used=ceiling.used, limit=self._limit, learned=learned, queued=len(self._pool.queue))

    def enter(self, weight: int, *, urgent: bool, timeout: float | None) -> LocalHold:
        if self._limit is not None and weight > self._limit:
            raise InvalidRequest("n", f"must be at most {self._limit}, the limit given for {self._name} tasks", weight)
        if self._stopped is not None:
            raise copy.copy(self._stopped)
        self._loop = asyncio.get_running_loop()
        hold = LocalHold(weight, urgent, self, timeout, timeout)
        self._pool.add(hold)
        return hold

    def claim(self, weight: int) -> LocalHold:
        hold = LocalHold(weight, urgent=False, counter=self)
        self._pool.hold(hold)
        self._tell()
        return hold

    @property
    def median(self) -> float:
        return self._pool.ceiling.median

    def accepted(self, hold: LocalHold) -> None:
        if hold.stand is Stand.GONE:  # a wait for slots was given up, and then an earlier attempt had got through
            self._pool.hold(hold)
        self._pool.accepted(hold, self._now())
        self._turn()

    def doubted(self, hold: LocalHold) -> None:
        if hold.stand is Stand.GONE:  # as above, but that is not known yet
            self._pool.hold(hold)
        self._pool.doubted(hold)
        self._turn()

    async def refused(self, hold: LocalHold) -> None:
        if hold.stand not in (Stand.AWAY, Stand.DOUBTED):
            raise RuntimeError(f"a task was refused that is not under way but {hold.stand.name.lower()}")
        self._pool.refused(hold, self._now())
        if self._stopped is not None:
            self.release(hold)
            raise copy.copy(self._stopped)
        await self.wait(hold)

    def release(self, hold: LocalHold) -> None:
        self._pool.release(hold, self._now())
        self._turn()

    def held(self, weight: int) -> LocalHeld:
        return self._held.setdefault(weight, LocalHeld(self, weight))

    def ended(self, weight: int, after: float | None) -> None:
        self._pool.ceiling.freed(weight, self._now(), after)
        self._turn()

    def stop(self, error: Exception) -> None:
        self._stopped = error
        for hold in self._pool.queue.tickets():
            self._dismiss(hold, copy.copy(error))
        self._turn()

    def resume(self) -> None:
        self._stopped = None

    async def wait(self, hold: LocalHold) -> None:
        loop = asyncio.get_running_loop()
        hold.future = future = loop.create_future()
        hold.deadline = None if hold.left is None else loop.time() + hold.left
        try:
            self._turn()
            if not future.done():
                if hold.deadline is not None:
                    heapq.heappush(self._deadlines, (hold.deadline, next(self._order), hold))
                    self._arm()
                self._listeners.waits(self._name, hold.weight, len(self._pool.queue))
            await future
        except BaseException:
            self.release(hold)  # wherever it stands: its turn may have come at the moment of a cancellation
            raise
        finally:
            hold.left = None if hold.deadline is None else hold.deadline - loop.time()
            hold.future = hold.deadline = None

    def _turn(self) -> None:
        """Wake those who may go, and see to it that this is called when the next ones may."""
        now = self._now()
        self._expire(now)
        sent, self._again = self._pool.admit(now)
        for hold in sent:
            if hold.future is not None and not hold.future.done():
                hold.future.set_result(None)
        self._arm()
        self._tell()

    def _expire(self, now: float) -> None:
        while self._deadlines:
            deadline, _, hold = entry = self._deadlines[0]
            if _counts(entry) and deadline > now:
                break
            heapq.heappop(self._deadlines)
            if _counts(entry):
                self._dismiss(hold, _too_late(self._name, hold))
        if len(self._deadlines) > 2 * len(self._pool.queue) + _FEW:
            current = {entry[2]: entry for entry in self._deadlines if _counts(entry)}
            self._deadlines = sorted(current.values())

    def _dismiss(self, hold: LocalHold, error: Exception) -> None:
        self._pool.release(hold, self._now())
        if hold.future is not None and not hold.future.done():
            hold.future.set_exception(error)

    def _arm(self) -> None:
        """Have the timer go off at the next moment that matters."""
        times = [at for at in (self._again, self._deadlines[0][0] if self._deadlines else None) if at is not None]
        alarm = min(times, default=None) if self._pool.queue else None
        if alarm == self._alarm:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._alarm = alarm
        self._timer = None if alarm is None or self._loop is None else self._loop.call_at(alarm, self._ring)

    def _ring(self) -> None:
        self._timer = self._alarm = None
        self._turn()

    def _tell(self) -> None:
        slots = self.slots
        queued, learned = bool(slots.queued), slots.learned
        if slots != self._stood:
            self._stood = slots
            self._listeners.slots(self._name, slots)
        if queued is not self._queued:
            self._queued = queued
            self._listeners.queue(self._name, queued)
        if learned is not None and learned != self._learned:
            self._learned = learned
            self._listeners.learned(self._name, learned)

    def _now(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()  # nobody has waited yet, so that no time matters


def _counts(entry: tuple[float, int, LocalHold]) -> bool:
    """Whether a deadline is that of a wait which is not over."""
    deadline, _, hold = entry
    return hold.stand is Stand.WAITING and hold.deadline == deadline


def _too_late(pool: Pool, hold: LocalHold) -> SlotsUnavailable:
    slots = "slot" if hold.weight == 1 else f"{hold.weight} slots"
    return SlotsUnavailable(f"no {slots} of the pool {pool!r} came free in {hold.timeout:g} s")


class LocalLedger:
    """
    Slots as one process counts them. Belongs to one event loop; a `SlotLedger`.

    *limits* maps pools to their slots; those of other pools are learned from the vendor's refusals.
    """

    def __init__(
        self,
        limits: Mapping[Pool, int] | None = None,
        *,
        listeners: Listeners | None = None,
        chance: random.Random | None = None,
    ) -> None:
        given, told, luck = limits or {}, listeners or Listeners(), chance or random.Random()
        self._counters: Mapping[Pool, _Counter] = {
            pool: _Counter(pool, given.get(pool), told, luck) for pool in get_args(Pool)
        }

    @property
    def slots(self) -> Mapping[Pool, Slots]:
        """How things stand now, of every pool."""
        return MappingProxyType({pool: counter.slots for pool, counter in self._counters.items()})

    async def acquire(
        self, pool: Pool, weight: int, priority: Priority = "interactive", timeout: float | None = None
    ) -> LocalHold:
        """Wait until a task of *weight* slots may be sent; raises as `SlotLedger` says."""
        counter = self._counters[pool]
        hold = counter.enter(weight, urgent=priority == "interactive", timeout=timeout)
        await counter.wait(hold)
        return hold

    def claim(self, pool: Pool, weight: int) -> LocalHold:
        """Count a task that exists already. Never waits, and may exceed the limit."""
        return self._counters[pool].claim(weight)

    def stop(self, pool: Pool | None, error: Exception) -> None:
        """Raise an error to all who wait in a pool (None: in all pools), and to all who come before `resume`."""
        for name, counter in self._counters.items():
            if pool in {None, name}:
                counter.stop(error)

    def resume(self) -> None:
        """Let tasks be sent again, in all pools."""
        for counter in self._counters.values():
            counter.resume()
