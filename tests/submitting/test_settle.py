"""Looking for a task whose create had no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import ClientClosed
from kling_async.submitting.settle import PATIENCE, after, settle
from tests.submitting.creating import Script, Step, Wait, a_task, down, now, too_fast


async def asked(*steps: Step, window: float = 30.0, taken: bool = False) -> tuple[list[float], object, bool, object]:
    """When was asked, and what came of it."""
    script, start = Script(list(steps)), now()
    settled = await settle(script.find, since=start, window=window, taken=taken)
    return [at - start for at in script.at], settled.found, settled.absent, settled.trouble


@pytest.mark.looptime
async def test_a_task_is_absent_when_it_was_still_not_seen_at_the_end_of_the_window() -> None:
    """Asked at once, ever more seldom, and once more at the end."""
    assert ([0, 1, 2, 4, 8, 15, 30], None, True, None) == await asked(None)


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("window", "moments"),
    [
        (0.5, [0, 0.5]),
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (5, [0, 1, 2, 4, 5]),
        (40, [0, 1, 2, 4, 8, 15, 30, 40]),
        (60, [0, 1, 2, 4, 8, 15, 30, 45, 60]),
    ],
)
async def test_the_end_of_any_window_is_asked_at(window: float, moments: list[float]) -> None:
    """Neither earlier nor later."""
    assert (moments, None, True, None) == await asked(None, window=window)


@pytest.mark.looptime
async def test_a_task_that_shows_late_is_found() -> None:
    """As soon as it is seen."""
    task = a_task()

    assert ([0, 1, 2, 4], task, False, None) == await asked(None, None, None, task)


@pytest.mark.looptime
async def test_a_question_that_fails_is_no_answer() -> None:
    """At the end of the window as before: there has to be one good answer after it."""
    trouble: list[Step] = [None] * 6

    assert ([0, 1, 2, 4, 8, 15, 30, 45, 60], None, True, None) == await asked(*trouble, down(), down(), None)


@pytest.mark.looptime
async def test_a_failure_does_not_put_the_next_question_off() -> None:
    """Nobody asked for that."""
    assert ([0, 0.5], None, True, None) == await asked(down(), None, window=0.5)


@pytest.mark.looptime
async def test_two_minutes_of_failing_questions_after_the_window_are_enough() -> None:
    """Then the last failure is told."""
    error = down()
    moments, found, absent, trouble = await asked(error)

    assert [0, 1, 2, 4, 8, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150] == moments
    assert (None, False, error) == (found, absent, trouble)
    assert 120 == PATIENCE


@pytest.mark.looptime
async def test_what_no_question_can_tell_is_left_at_that() -> None:
    """Somebody else's exception is no answer either."""
    error = ValueError("a hook")

    assert (None, False, error) == (await asked(error))[1:]


@pytest.mark.looptime
async def test_an_id_that_is_taken_belongs_to_a_task_that_only_does_not_show() -> None:
    """So it is never absent."""
    moments, found, absent, trouble = await asked(None, taken=True)

    assert 150 == moments[-1]
    assert (None, False, None) == (found, absent, trouble)


@pytest.mark.looptime
async def test_an_answer_after_a_failure_leaves_no_trouble() -> None:
    """What is told is the last failure, if the last question was one."""
    steps: list[Step] = [down(), None]

    assert (None, False, None) == (await asked(*steps, taken=True))[1:]


@pytest.mark.looptime
async def test_a_closed_client_asks_no_more() -> None:
    """At once."""
    error = ClientClosed("closed")

    assert ([0], None, False, error) == await asked(error)


@pytest.mark.looptime
async def test_retry_after_decides_when_to_ask_again() -> None:
    """Where it is later than we would."""
    moments, *_ = await asked(too_fast(6), too_fast(0.5), None)

    assert [0, 6, 8, 15, 30] == moments


@pytest.mark.looptime
async def test_an_answer_counts_from_when_it_was_asked_for() -> None:
    """One that was asked for within the window and came after it says how things stood within."""
    moments, _, absent, _ = await asked(None, Wait(40, None), None)

    assert [0, 1, 45] == moments
    assert absent


@pytest.mark.looptime
async def test_a_window_that_is_over_needs_one_answer() -> None:
    """No second window is waited for."""
    script, start = Script([None]), now()
    settled = await settle(script.find, since=start - 30, window=30)

    assert settled.absent
    assert [start] == script.at


@given(elapsed=st.floats(0, 1000), window=st.floats(0.1, 1000))
def test_the_next_moment_is_always_ahead_and_never_jumps_over_the_end(elapsed: float, window: float) -> None:
    """Nor is it more than a quarter of a minute away."""
    moment = after(elapsed, window)

    assert elapsed < moment <= elapsed + 15
    assert not elapsed < window < moment


@pytest.mark.parametrize(
    ("elapsed", "moment"), [(0.9999995, 2.0), (14.9999999, 30.0), (29.9999999, 45.0), (44.9, 45.0)]
)
def test_a_timer_that_is_a_little_early_asks_once(elapsed: float, moment: float) -> None:
    """The moment has come; or the vendor would be asked again and again until it is past."""
    assert moment == after(elapsed, 30.0)
