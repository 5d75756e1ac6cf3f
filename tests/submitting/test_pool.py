"""Whatever happens in whatever order: no slot is counted twice or lost, and nobody waits who could go."""

from __future__ import annotations

import random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kling_async.submitting.ceiling import Ceiling
from kling_async.submitting.pool import Claim, SlotPool, Stand
from kling_async.submitting.queue import Queue


class Pooled(RuleBasedStateMachine):
    """A pool, and a vendor who counts."""

    @initialize(limit=st.none() | st.integers(1, 20), slots=st.integers(1, 20))
    def begin(self, limit: int | None, slots: int) -> None:
        """Any limit, whatever the vendor's is."""
        self.limit, self.slots = limit, slots
        self.now = 0.0
        self.claims: list[Claim] = []
        self.attached = 0
        self.again: float | None = None
        self.pool: SlotPool[Claim] = SlotPool(Ceiling(limit, median=20.0, chance=random.Random(1)), Queue())

    def turn(self) -> list[Claim]:
        """Let go whoever may."""
        sent, self.again = self.pool.admit(self.now)
        return sent

    def those(self, *stands: Stand) -> list[Claim]:
        """How many are so far."""
        return [claim for claim in self.claims if claim.stand in stands]

    def real(self) -> int:
        """Slots in use."""
        return sum(claim.weight for claim in self.those(Stand.HELD))

    def told(self, claim: Claim) -> None:
        """An answer of the vendor's."""
        if self.real() + claim.weight <= self.slots:
            self.pool.accepted(claim, self.now)
        else:
            self.pool.refused(claim, self.now)

    @rule(weight=st.integers(1, 9), urgent=st.booleans())
    def arrive(self, weight: int, urgent: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        """One more task."""
        self.claims.append(Claim(min(weight, self.limit or weight), urgent))
        self.pool.add(self.claims[-1])
        self.turn()

    @rule(weight=st.integers(1, 9))
    def attach(self, weight: int) -> None:
        """A task of another day."""
        self.claims.append(Claim(weight, urgent=False))
        self.pool.hold(self.claims[-1])
        self.attached += weight
        self.turn()

    @precondition(lambda self: self.those(Stand.AWAY, Stand.DOUBTED))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """The vendor's, in whatever order."""
        claim = data.draw(st.sampled_from(self.those(Stand.AWAY, Stand.DOUBTED)))
        self.told(claim)
        self.turn()

    @precondition(lambda self: self.those(Stand.AWAY, Stand.DOUBTED))
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """An answer does not come, perhaps not for the first time."""
        self.pool.doubted(data.draw(st.sampled_from(self.those(Stand.AWAY, Stand.DOUBTED))))
        self.turn()

    @rule(data=st.data(), twice=st.booleans())
    def release(self, data: st.DataObject, twice: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        """A task ends, is given up, or was a bad request; perhaps that is told twice."""
        if self.claims:
            claim = data.draw(st.sampled_from(self.claims))
            for _ in range(1 + twice):
                self.pool.release(claim, self.now)
            self.turn()

    @rule(seconds=st.floats(0.1, 100))
    def wait(self, seconds: float) -> None:
        """Time goes by; whoever drives the pool asks again when it said so."""
        until = self.now + seconds
        for _ in range(1000):
            if self.again is None or self.again > until:
                break
            self.now = max(self.now, self.again)
            self.turn()
        else:
            raise AssertionError("asked to be asked again and again")
        self.now = until

    @invariant()
    def everything_is_counted_once(self) -> None:
        """What the pool counts is what there is."""
        held, away = self.those(Stand.HELD, Stand.DOUBTED), self.those(Stand.AWAY)

        assert sum(claim.weight for claim in held) == self.pool.ceiling.held
        assert sum(claim.weight for claim in away) == self.pool.ceiling.away
        assert set(self.those(Stand.WAITING)) == set(self.pool.queue.tickets())

    @invariant()
    def a_limit_that_was_given_is_never_exceeded(self) -> None:
        """Except by tasks that existed already."""
        assert self.limit is None or self.attached or self.pool.ceiling.used <= self.limit

    @invariant()
    def nobody_waits_without_a_reason(self) -> None:
        """Somebody will call: the clock, an answer, or the end of a task."""
        waiting = self.those(Stand.WAITING)

        assert not waiting or self.again is not None or self.pool.ceiling.used
        assert self.again is None or self.again > self.now
        assert not self.pool.admit(self.now)[0]

    def teardown(self) -> None:
        """All tasks that fit at all are sent in the end, and then nothing is in use."""
        if not hasattr(self, "pool"):
            return
        self.slots = max(self.slots, 9)
        for _ in range(2000):
            for claim in self.those(Stand.AWAY, Stand.DOUBTED):
                self.told(claim)
            for claim in self.those(Stand.HELD)[:1]:
                self.pool.release(claim, self.now)
            self.now += 30.0
            self.turn()
        for claim in self.those(Stand.HELD):
            self.pool.release(claim, self.now)

        assert [] == self.those(Stand.WAITING) == self.those(Stand.AWAY)
        assert 0 == self.pool.ceiling.used


TestPooled = Pooled.TestCase


def test_after_a_probe_in_doubt_probes_go_one_by_one_as_before() -> None:
    """It is counted as a probe once, and no more."""
    pool: SlotPool[Claim] = SlotPool(Ceiling(None, median=20.0, chance=random.Random(1)), Queue())
    claims = [Claim(1, urgent=True) for _ in range(9)]
    for claim in claims:
        pool.add(claim)
    first, second = pool.admit(0.0)[0]
    pool.accepted(first, 0.0)
    pool.refused(second, 0.0)
    (probe,) = pool.admit(10.0)[0]
    pool.doubted(probe)
    pool.refused(probe, 10.0)

    assert 1 == len(pool.admit(50.0)[0])
