"""What the ceiling lets through: starting, learning from refusals, and finding out when there is more."""

from __future__ import annotations

import itertools
import random

import pytest

from kling_async.submitting.ceiling import ENDLESS, Ceiling


class Account:
    """A ceiling, and a vendor with so many slots who answers at once what was sent together."""

    def __init__(self, slots: int, limit: int | None = None, *, median: float = 20.0) -> None:
        self.slots = slots
        self.ceiling = Ceiling(limit, median=median, chance=random.Random(1))
        self.now = 0.0
        self.held = 0
        """As the vendor counts."""
        self.refused = 0

    def burst(self, most: int = 10_000, weight: int = 1) -> int:
        """Send as many as may go together, and take the answers; returns how many were sent."""
        sent = 0
        while sent < most and self.now >= self.ceiling.rests_until() and self.ceiling.fits(weight):
            self.ceiling.sent(weight, probe=False)
            sent += 1
        for _ in range(sent):
            self.answer(weight)
        return sent

    def probe(self, weight: int = 1) -> int:
        """Wait for the next probe and send as many as may go together; returns how many were."""
        at, sent = self.ceiling.probe_at(weight), 0
        assert at is not None
        self.now = max(self.now, at, self.ceiling.rests_until())
        while (at := self.ceiling.probe_at(weight)) is not None and at <= self.now:
            self.ceiling.sent(weight, probe=True)
            sent += 1
        for _ in range(sent):
            self.answer(weight, probe=True)
        return sent

    def answer(self, weight: int = 1, *, probe: bool = False) -> None:
        """The vendor's."""
        if self.held + weight <= self.slots:
            self.held += weight
            self.ceiling.accepted(weight, self.now, probe=probe)
        else:
            self.refused += 1
            self.ceiling.refused(weight, self.now, probe=probe)

    def end(self, count: int = 1, *, seen: bool = True) -> None:
        """Some tasks end, and perhaps somebody sees it."""
        self.held -= count
        for _ in range(count * seen):
            self.ceiling.freed(1, self.now, 20.0)

    def discover(self) -> Account:
        """Send until the vendor refuses."""
        while not self.refused:
            self.burst()
        return self


def test_a_limit_that_was_given_is_used_at_once() -> None:
    """There is nothing to find out."""
    account = Account(50, limit=50)

    assert 50 == account.burst()
    assert 50 == account.ceiling.held
    assert not account.ceiling.fits(1)


def test_without_a_limit_half_of_what_is_held_may_be_under_way() -> None:
    """So the discovery of a small limit costs few refusals, and that of a large one little time."""
    account = Account(1000)

    assert [2, 2, 2, 3, 4, 6, 8, 8] == [account.burst() for _ in range(8)]


@pytest.mark.parametrize("slots", [1, 2, 5, 9, 30, 100])
def test_the_first_refusals_tell_the_limit(slots: int) -> None:
    """What was accepted until then; with eight refusals at most."""
    account = Account(slots).discover()

    assert slots == account.ceiling.learned
    assert account.refused <= 8


def test_after_a_refusal_there_is_a_pause() -> None:
    """It doubles, up to a quarter of the median."""
    account = Account(0)
    pauses = list[float]()
    for _ in range(5):
        account.burst(most=1)
        pauses.append(account.ceiling.rests_until() - account.now)
        account.now = account.ceiling.rests_until()

    assert [1, 2, 4, 5, 5] == pauses


def test_refusals_of_tasks_that_were_under_way_together_count_once() -> None:
    """The eighth of them is no sign that a longer pause is needed."""
    account = Account(100).discover()

    assert account.refused > 4
    assert 1 == account.ceiling.rests_until() - account.now


def test_the_end_of_a_task_ends_the_pause() -> None:
    """A slot of ours is free."""
    account = Account(5).discover()
    account.end()

    assert account.now >= account.ceiling.rests_until()
    assert 1 == account.burst()


def test_an_accepted_task_ends_the_doubling() -> None:
    """The next refusal is the first again."""
    account = Account(0)
    for _ in range(3):
        account.burst(most=1)
        account.now = account.ceiling.rests_until()
    account.slots = 1
    account.burst(most=1)
    account.probe()

    assert 1 == account.ceiling.rests_until() - account.now


def test_each_slot_that_comes_free_is_filled() -> None:
    """And no more than that."""
    account = Account(50).discover()
    account.end(7)

    assert 7 == account.burst()
    assert not account.ceiling.fits(1)


def test_a_lowered_limit_costs_one_refusal_per_slot() -> None:
    """A task refused below the ceiling lowers it to what is held."""
    account = Account(50).discover()
    account.slots, before = 20, account.refused
    for _ in range(35):
        account.end()
        account.burst(most=1)

    assert 20 == account.ceiling.learned == account.held
    assert 30 == account.refused - before


def test_a_raised_limit_is_found_by_probes_that_grow() -> None:
    """One, two, four ... up to a quarter of what is held, half a second apart."""
    account = Account(20).discover()
    account.slots = 60
    account.now = account.ceiling.probe_at(1) or 0.0
    begun = account.now

    assert [1, 2, 4, 6, 8, 10, 9 + 3] == [account.probe() for _ in range(7)]
    assert 60 == account.ceiling.learned
    assert 3 == pytest.approx(account.now - begun)


def test_a_client_that_begins_while_others_have_all_slots_gets_its_own_later() -> None:
    """A refusal while nothing of ours was held says nothing about what will be ours. A restart is such a case."""
    account = Account(0)
    for _ in range(10):
        account.burst(most=1)
        account.now = account.ceiling.rests_until()
    account.slots, begun, before = 20, account.now, account.refused
    account.burst()
    while account.held < 20:
        account.probe()

    assert account.now - begun < 10
    assert account.refused - before <= 4


def test_a_refused_probe_leaves_the_ceiling() -> None:
    """It was sent above it."""
    account = Account(20).discover()

    assert 1 == account.probe()
    assert 20 == account.ceiling.learned


@pytest.mark.parametrize(
    ("slots", "median", "gap"), [(50, 20, 8.8), (5, 120, 120), (10, 20, 20), (1, 20, 80), (60, 120, 44)]
)
def test_probes_become_rare(slots: int, median: float, gap: float) -> None:
    """One in a median, while four tasks end at least and 22 at most; give or take a quarter."""
    account = Account(slots, median=median).discover()
    moments = list[float]()
    for _ in range(60):
        account.probe()
        moments.append(account.now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments[20:])]

    assert gap == pytest.approx(sum(gaps) / len(gaps), rel=0.1)
    assert 0.75 * gap <= min(gaps) < max(gaps) <= 1.25 * gap


def test_the_gaps_between_refused_probes_grow() -> None:
    """From a second and a half on three times, give or take a quarter; an accepted one begins anew."""
    account = Account(20, median=1000.0).discover()
    gaps = list[float]()
    for at in range(9):
        account.slots += at == 4
        begun = account.now
        account.probe()
        gaps.append(account.now - begun)

    for grown, gap in zip([1.5 * 3**at for at in (1, 2, 3, 4)], gaps[:4], strict=True):
        assert 0.75 * grown <= gap <= 1.25 * grown
    assert [0.5] == gaps[5:6]
    assert gaps[6] <= 1.25 * 1.5 * 3 < gaps[3]


def test_a_refused_probe_ends_the_growth_of_handfuls() -> None:
    """The next is one alone."""
    account = Account(20).discover()
    account.slots = 25
    handfuls = [account.probe() for _ in range(4)]

    assert [1, 2, 4, 1] == handfuls


def test_a_pause_is_half_a_minute_at_most() -> None:
    """Of pools whose tasks take long."""
    account = Account(0, median=1000.0)
    for _ in range(8):
        account.now = max(account.now, account.ceiling.rests_until())
        account.burst(most=1)

    assert 30 == account.ceiling.rests_until() - account.now


def test_the_median_is_learned() -> None:
    """From the times between acceptance and end, which probes are paced by."""
    account = Account(1, median=1000.0).discover()
    for _ in range(200):
        account.end()
        account.burst()
    gaps = list[float]()
    for _ in range(20):
        begun = account.now
        account.probe()
        gaps.append(account.now - begun)

    assert 4 * 20 == pytest.approx(gaps[-1], rel=0.3)


def test_no_probe_goes_above_a_limit_that_was_given() -> None:
    """Also where less was learned."""
    account = Account(8, limit=10).discover()

    assert 8 == account.ceiling.learned
    assert account.ceiling.probe_at(2) is not None
    assert account.ceiling.probe_at(3) is None


def test_a_limit_that_was_given_is_reached_again() -> None:
    """Others used the account for a while."""
    account = Account(8, limit=10).discover()
    account.slots = 10
    account.probe()
    account.probe()

    assert 10 == account.held == account.ceiling.learned
    assert account.ceiling.probe_at(1) is None


def test_a_wide_task_that_is_refused_leaves_room_for_narrower_ones() -> None:
    """All that is known is that so much does not go."""
    account = Account(12)
    account.burst(most=1, weight=9)
    account.ceiling.sent(9, probe=False)
    account.answer(9)

    assert 17 == account.ceiling.learned
    assert account.ceiling.fits(8)
    assert not account.ceiling.fits(9)


def test_where_nothing_is_used_any_weight_may_be_tried() -> None:
    """A ceiling that was learned too low keeps no wide task for ever."""
    account = Account(1).discover()
    account.end()

    assert account.ceiling.fits(9)


def test_a_ceiling_that_counted_ended_tasks_comes_down_with_eight_refusals() -> None:
    """Fifty tasks had ended and nobody had looked when the vendor refused; then all were looked at."""
    account = Account(1000)
    while account.ceiling.held < 50:
        account.burst(most=50 - account.ceiling.held)
    account.held, account.slots = 5, 5
    account.burst(most=1)
    for _ in range(45):
        account.ceiling.freed(1, account.now, 20.0)
    account.refused = 0
    account.burst()

    assert 5 == account.ceiling.learned
    assert account.refused <= 8


def test_after_a_lull_no_crowd_is_sent_at_once() -> None:
    """The limit may not be what it was: eight slots first, then half of what is held."""
    account = Account(50).discover()
    account.end(50)

    assert [8, 8, 8, 12, 14] == [account.burst() for _ in range(5)]


def test_a_task_below_the_ceiling_is_no_probe() -> None:
    """It only waits until fewer are under way."""
    account = Account(9).discover()
    account.end(9)
    for _ in range(8):
        account.ceiling.sent(1, probe=False)

    assert not account.ceiling.fits(1)
    assert account.ceiling.probe_at(1) is None


def test_a_task_that_was_not_made_teaches_nothing() -> None:
    """A bad request says nothing about slots."""
    account = Account(5)
    account.ceiling.sent(3, probe=False)
    account.ceiling.returned(3, probe=False)

    assert 0 == account.ceiling.used
    assert ENDLESS == account.ceiling.learned


def test_a_probe_that_was_not_made_leaves_room_for_the_next() -> None:
    """Otherwise a bad request would end all probing."""
    account = Account(5).discover()
    account.ceiling.sent(1, probe=True)
    account.ceiling.returned(1, probe=True)
    account.slots = 6

    assert 1 == account.probe()
    assert 6 == account.ceiling.learned


def test_a_doubt_teaches_nothing_before_it_is_settled() -> None:
    """A probe beside a task that was perhaps not made says nothing about one slot more."""
    ceiling = Ceiling(None, median=20.0, chance=random.Random(1))
    for _ in range(3):
        ceiling.sent(1, probe=False)
    for _ in range(2):
        ceiling.accepted(1, 0.0, probe=False)
    ceiling.refused(1, 0.0, probe=False)
    ceiling.freed(1, 1.0, None)
    ceiling.sent(1, probe=False)
    ceiling.doubted(1, probe=False)
    ceiling.sent(1, probe=True)
    ceiling.accepted(1, 30.0, probe=True)
    before, used = ceiling.learned, ceiling.used
    ceiling.settled(1)
    ceiling.accepted(1, 31.0, probe=False)

    assert (2, 3) == (before, used)
    assert (3, 3, 0) == (ceiling.learned, ceiling.used, ceiling.away)


def test_a_probe_that_is_in_doubt_keeps_no_other_from_being_sent() -> None:
    """It is not under way any more."""
    account = Account(3)
    while not account.refused:
        account.burst()
    at = account.ceiling.probe_at(1)
    account.ceiling.sent(1, probe=True)
    during = account.ceiling.probe_at(1)
    account.ceiling.doubted(1, probe=True)

    assert at is not None
    assert during is None
    assert at == account.ceiling.probe_at(1)
