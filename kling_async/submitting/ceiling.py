"""How many slots there are, learned from what the vendor accepts and refuses. Pure: times and events in, decisions out.

Until the first refusal half as much may be under way as is held. What is held then is the ceiling; each slot that
comes free below it is filled. At times one task is sent above it, as a probe; where that is accepted two follow, then
four: so a limit that was raised is found within seconds. Another task that is refused lowers the ceiling to what is
held. Refusals cost requests, so probes are rare: one in a median duration, but while four tasks end at least and
twenty-two at most.

The ceiling counts what was not seen to end, which may be more than the vendor counts. A little more does no harm: it
fills slots that are free there already. Much more, since nobody looked, comes down with a few refusals: never more is
under way at once than eight slots, or half of what is held. A slow drift upwards on top of the probes gains nothing
that benchmarks/submit_simulation.py could show, and is left out.

A limit that the user gave is never exceeded, and used at once; a refusal below it is learned from all the same.
"""

from __future__ import annotations

import math
import random
from typing import Final

ENDLESS: Final = math.inf

_START, _AT_ONCE = 2, 8
"""What may be under way however little is held: slots while nothing is known; tasks then, and slots later."""
_LONGEST_PAUSE: Final = 30.0
_GAP, _GROWTH = 1.5, 3.0
"""Seconds between two probes at first, and how many times as many there are after each refusal."""
_SETTLE: Final = 0.5
"""Seconds from probes that were accepted to the next."""
_LEAST, _MOST = 4, 22
"""Tasks that end between two probes: more where a median is longer, but not more than so many."""
_HANDFUL: Final = 4
"""The part of what is held, one in so many, that is sent as probes at once."""
_STEP: Final = 1.03
"""What one task can move the median by."""


class Ceiling:
    """What is held and under way in one pool, and what may be sent."""

    def __init__(self, limit: int | None, *, median: float, chance: random.Random) -> None:
        self.limit: float = ENDLESS if limit is None else limit
        """Given by the user; never exceeded by what is sent."""
        self.learned: float = ENDLESS
        """Endless until the first refusal."""
        self.held: int = 0
        """Weight that was accepted, or may have been, and not seen to end."""
        self.away: int = 0
        """Weight that was sent and not answered."""
        self._doubted = 0
        """That part of what is held of which nobody knows whether it was accepted."""
        self._flights = 0
        """Tasks that were sent and not answered."""
        self.median: float = median
        """Seconds a task holds its slots for, in one half of all cases."""
        self._chance = chance
        self._rest = -math.inf
        """Nothing is sent before."""
        self._refusals = 0
        """In a row."""
        self._next_probe = -math.inf
        self._gap = _GAP
        self._handful = 1
        """Weight that may be sent as probes at one time."""
        self._probing = 0

    @property
    def used(self) -> int:
        """Weight that may take slots at the vendor's."""
        return self.held + self.away

    def fits(self, weight: int) -> bool:
        """Whether a task of that weight may be sent as far as the slots go."""
        used = self.used
        if used + weight > self.limit:
            return False
        if not used or self.learned == ENDLESS > self.limit:
            return True  # where nothing is used, a ceiling that is too low must not keep a wide task for ever
        if used + weight > self.learned:
            return False
        if not self._flights:
            return True
        if self.learned == ENDLESS:
            known = self.held - self._doubted
            return self._flights < _AT_ONCE and self.away + weight <= max(_START, known / 2)
        return self.away + weight <= max(_AT_ONCE, self.held / 2)

    def rests_until(self) -> float:
        """The time before which nothing is to be sent."""
        return self._rest

    def probe_at(self, weight: int) -> float | None:
        """When a task that does not fit may be sent as a probe; None if not before something happens."""
        used = self.used
        if used + weight <= self.learned or used + weight > self.limit:
            return None
        if self._probing and self._probing + weight > self._handful:
            return None
        return self._next_probe

    def sent(self, weight: int, *, probe: bool) -> None:
        """A task is under way."""
        self._flights += 1
        self.away += weight
        self._probing += weight * probe

    def accepted(self, weight: int, now: float, *, probe: bool) -> None:
        """A task that was under way holds its slots."""
        self.returned(weight, probe=probe)
        self.held += weight
        self._refusals = 0
        if self.learned == ENDLESS:
            return
        self.learned = max(self.learned, self.held - self._doubted)
        if probe and not self._probing and now >= self._next_probe:  # all of the handful
            self._handful = max(1, min(2 * self._handful, self.held // _HANDFUL))
            self._gap = _GAP
            self._next_probe = now + _SETTLE

    def refused(self, weight: int, now: float, *, probe: bool) -> None:
        """A task that was under way was refused for want of slots."""
        self.returned(weight, probe=probe)
        if not probe or self.learned == ENDLESS:
            # Of a wide task it is known that so much did not go; one slot less might have.
            self.learned = max(1, min(self.learned, self.held + weight - 1))
        self._handful = 1
        if now >= self._rest:  # otherwise it was under way together with the last one, and tells nothing new
            self._refusals += 1
            used = max(1, self.held)
            self._gap = min(_GROWTH * self._gap, self.median * min(max(1.0, _LEAST / used), _MOST / used))
        self._rest = now + min(_LONGEST_PAUSE, self.median / 4, 2.0 ** (self._refusals - 1))
        self._next_probe = now + self._gap * self._chance.uniform(0.75, 1.25)
        if not self.used:  # others have the slots, and how many will be ours is open
            self._gap, self._next_probe = _GAP, now

    def returned(self, weight: int, *, probe: bool) -> None:
        """A task that was under way was not made, for a reason that says nothing about slots."""
        self._flights -= 1
        self.away -= weight
        self._probing -= weight * probe

    def doubted(self, weight: int, *, probe: bool) -> None:
        """A task that was under way may hold slots: it is counted as if it did, and teaches nothing."""
        self.returned(weight, probe=probe)
        self.held += weight
        self._doubted += weight

    def settled(self, weight: int) -> None:
        """A task in doubt is one under way again: what becomes of it is told next."""
        self.held -= weight
        self._doubted -= weight
        self.sent(weight, probe=False)

    def freed(self, weight: int, now: float, held_for: float | None) -> None:
        """A task was seen to end, which is a reason to send at once."""
        self.held -= weight
        self._rest = now
        if held_for is not None:
            self.median *= _STEP if held_for > self.median else 1 / _STEP
