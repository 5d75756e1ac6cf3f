"""Who goes next: lanes, passing, and coming back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async.submitting.queue import Queue, Ticket


def room(slots: int) -> Callable[[int], bool]:
    """What fits into so many slots."""
    return lambda weight: weight <= slots


def queued(weights: Iterable[int], *, urgent: bool = True) -> tuple[Queue[Ticket], list[Ticket]]:
    """A queue of such tickets."""
    queue, tickets = Queue[Ticket](), [Ticket(weight, urgent) for weight in weights]
    for ticket in tickets:
        queue.add(ticket)
    return queue, tickets


def gone(queue: Queue[Ticket], slots: int, most: int = 1000) -> list[Ticket]:
    """Those who go, one after the other, with so many slots free for each."""
    went = list[Ticket]()
    while len(went) < most and (ticket := queue.choose(room(slots))) is not None:
        queue.take(ticket)
        went.append(ticket)
    return went


def test_first_come_first_served() -> None:
    """Where all fit."""
    queue, tickets = queued([1, 3, 2])

    assert tickets == gone(queue, 3)
    assert queue.head() is None


def test_four_may_pass_a_wide_one_then_all_wait_for_it() -> None:
    """The slots that it cannot use yet are used, and it has its turn."""
    queue, tickets = queued([9, 1, 1, 1, 1, 1, 1])

    assert tickets[1:5] == gone(queue, 2)
    assert tickets[0] is queue.head()
    assert [tickets[0], *tickets[5:]] == gone(queue, 9)


def test_of_those_who_fit_the_widest_passes() -> None:
    """Only four may, so they are to use what is free; of equals the first."""
    queue, (_, one, two, three, also_two) = queued([9, 1, 2, 3, 2])

    assert [two, also_two, one] == gone(queue, 2)
    assert [three] == gone(queue, 3)


def test_those_who_pass_are_not_further_than_sixty_four_behind() -> None:
    """A search through a hundred thousand at each end of a task would be noticed."""
    near, tickets = queued([9] * 64 + [1])
    far, _ = queued([9] * 65 + [1])

    assert tickets[-1:] == gone(near, 1)
    assert [] == gone(far, 1)


def test_interactive_tasks_go_first() -> None:
    """Even before those of a batch that came earlier."""
    queue, batch = queued([1, 1], urgent=False)
    quick = Ticket(1, urgent=True)
    queue.add(quick)

    assert [quick, *batch] == gone(queue, 1)


def test_a_batch_has_its_turn_after_four_interactive_tasks() -> None:
    """However many of those there are."""
    queue, batch = queued([1] * 3, urgent=False)
    for _ in range(20):
        queue.add(Ticket(1, urgent=True))

    assert [4, 9, 14] == [at for at, ticket in enumerate(gone(queue, 1)) if ticket in batch]


@given(st.lists(st.sampled_from([1, 2, 4, 9]), max_size=30), st.lists(st.integers(0, 9), min_size=200, max_size=200))
def test_a_batch_does_not_starve(waiting: list[int], slots: list[int]) -> None:
    """The first of the batch is gone after two dozen others at most, while interactive tasks come without end."""
    queue, (first, *_) = queued([9, *waiting], urgent=False)
    went = list[Ticket]()
    for free in (*slots, *[9] * 30):
        queue.add(Ticket(1 + free % 4, urgent=True))
        went += gone(queue, free, most=1)

    assert went.index(first) <= 24


@given(st.data(), st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_whoever_comes_back_stands_where_it_stood(data: st.DataObject, weights: list[int]) -> None:
    """In whatever order those who were refused come back."""
    queue, tickets = queued(weights)
    went = gone(queue, 9, most=data.draw(st.integers(0, len(weights))))
    for ticket in data.draw(st.permutations(went)):
        queue.restore(ticket)

    assert tickets == queue.tickets()
    assert tickets == gone(queue, 9)


def test_a_refusal_takes_no_turn() -> None:
    """Those who come back stand as they stood in their lane, and the lanes as they stood to each other."""
    queue, (batch, *_) = queued([1], urgent=False)
    quick = [Ticket(1, urgent=True) for _ in range(8)]
    for ticket in quick:
        queue.add(ticket)
    for ticket in reversed(gone(queue, 1, most=5)):
        queue.restore(ticket)

    assert [*quick[:4], batch, *quick[4:]] == gone(queue, 1)


def test_a_batch_that_was_refused_has_its_turn_again() -> None:
    """Before more interactive tasks."""
    queue, (batch,) = queued([1], urgent=False)
    quick = [Ticket(1, urgent=True) for _ in range(8)]
    for ticket in quick:
        queue.add(ticket)
    gone(queue, 1, most=5)
    queue.restore(batch)

    assert [batch, *quick[4:]] == gone(queue, 1)


def test_a_task_does_not_pass_itself() -> None:
    """However often it was let go and came back, four may pass it."""
    queue, (wide, *others) = queued([9, 1, 1, 1, 1, 1])
    for _ in range(10):
        queue.take(wide)
        queue.restore(wide)

    assert others[:4] == gone(queue, 1)


def test_both_lanes_are_one_queue() -> None:
    """Those of both wait, and none is left behind."""
    queue, batch = queued([1, 1, 1], urgent=False)
    quick = Ticket(1, urgent=True)
    queue.add(quick)

    assert 4 == len(queue)
    assert [quick, *batch] == queue.tickets()


def test_turns_are_not_inherited() -> None:
    """A batch that gave up had waited for its turn; the next one waits for its own."""
    queue, (batch,) = queued([1], urgent=False)
    quick = [Ticket(1, urgent=True) for _ in range(8)]
    for ticket in quick:
        queue.add(ticket)
    gone(queue, 1, most=4)
    queue.remove(batch)
    late = Ticket(1, urgent=False)
    queue.add(late)

    assert [*quick[4:], late] == gone(queue, 1)


def test_whoever_gives_up_leaves_no_hole() -> None:
    """Neither at the head nor behind it."""
    queue, tickets = queued([9, 2, 1, 1])
    queue.remove(tickets[0])
    queue.remove(tickets[2])

    assert [tickets[1], tickets[3]] == gone(queue, 9)


def test_a_hopeless_task_lets_others_go_first() -> None:
    """Wider than the limit, which nobody knows: the vendor refuses it although nothing else is there."""
    queue, (wide, *others) = queued([9] + [1] * 20)
    queue.take(wide)
    queue.restore(wide)
    queue.step_back(wide)

    assert [*others[:16], wide, *others[16:]] == gone(queue, 9)


def test_a_hopeless_task_that_is_alone_goes_at_once() -> None:
    """There is nobody to let go first."""
    queue, (wide,) = queued([9])
    queue.step_back(wide)

    assert [wide] == gone(queue, 9)


@pytest.mark.parametrize("urgent", [True, False])
def test_a_hundred_thousand_are_no_burden(urgent: bool) -> None:  # noqa: FBT001 - pytest passes by name
    """Coming, giving up and going cost the same however many wait."""
    begun = time.process_time()
    queue, tickets = queued([1] * 100_000, urgent=urgent)
    for ticket in tickets[::2]:
        queue.remove(ticket)

    assert tickets[1::2] == gone(queue, 1, most=50_000)
    assert time.process_time() - begun < 3
