"""The vendor's clock, as far as the tasks tell that it makes."""

from __future__ import annotations

import pytest

from kling_async.submitting.vendor_time import VendorTime


def heard(*answers: tuple[int | None, float]) -> VendorTime:
    """What is known after these creates: when the vendor says that each was made, and when that was heard."""
    time = VendorTime()
    for created_ms, now in answers:
        time.heard(created_ms, now)
    return time


def test_nothing_is_known_before_a_task_was_made_that_tells_its_time() -> None:
    """No clock of ours takes its place."""
    assert heard().before(5.0) is None
    assert heard((None, 5.0)).before(5.0) is None


def test_a_moment_is_put_a_minute_too_early() -> None:
    """Counted from the last task that told."""
    assert 1_000_040_000 == heard((1_000_000_000, 500.0)).before(600.0)
    assert 1_000_050_000 == heard((1_000_000_000, 500.0), (1_000_110_000, 600.0)).before(600.0)
    assert 1_000_040_000 == heard((1_000_000_000, 500.0), (None, 550.0)).before(600.0)


@pytest.mark.parametrize(("later", "known"), [(-60, True), (-61, False), (60, True), (61, False)])
def test_a_clock_that_contradicts_itself_tells_nothing(later: int, known: bool) -> None:  # noqa: FBT001 - by name
    """It was set, or stands still; until two in a row agree again."""
    answers = [(1_000_000_000, 500.0), (1_000_100_000 + 1000 * later, 600.0)]
    again = (1_000_150_000 + 1000 * later, 650.0)

    assert known is (heard(*answers).before(600.0) is not None)
    assert 1_000_090_000 + 1000 * later == heard(*answers, again).before(650.0)
