"""A short run of the simulation in benchmarks: the real ceiling and queue against what they promise."""

from __future__ import annotations

import statistics

import pytest

from benchmarks.submit_simulation import BATCHES, SCENES, WIDE, Cost, fixed, ideal, learned, simulate


def both(costs: list[Cost]) -> tuple[float, float]:
    """Mean utilisation, and refusals per task."""
    return statistics.fmean(cost.utilisation for cost in costs), statistics.fmean(cost.refusals for cost in costs)


@pytest.mark.parametrize(
    ("scene", "least", "refusals"),
    [
        ("image C=50", 0.965, 0.12),
        ("video C=5", 0.98, 0.5),
        ("video C=100", 0.98, 0.3),
        ("50-20-80-50", 0.94, 0.15),
        ("foreign load", 0.95, 0.2),
        ("two processes", 0.965, 0.2),
    ],
)
def test_what_the_simulation_promises(scene: str, least: float, refusals: float) -> None:
    """Utilisation and refusals per task with a limit that nobody told."""
    utilisation, refused = both(simulate(SCENES[scene], learned(), seeds=6))

    assert utilisation >= least
    assert refused <= refusals


@pytest.mark.parametrize("scene", ["image C=50", "video C=5", "video C=100"])
def test_knowing_the_limit_would_gain_next_to_nothing(scene: str) -> None:
    """A semaphore of exactly the slots, on the same tasks."""
    ours, _ = both(simulate(SCENES[scene], learned(), seeds=2))
    theirs, _ = both(simulate(SCENES[scene], fixed(1.0), seeds=2))

    assert ours >= 0.995 * theirs


@pytest.mark.parametrize(("scene", "least"), [("C=30", 0.9), ("C=12", 0.88)])
def test_wide_tasks_are_packed(scene: str, least: float) -> None:
    """One to nine slots per task, four may pass one that does not fit."""
    utilisation, _ = both(simulate(WIDE[scene], learned(), seeds=16))

    assert utilisation >= least


@pytest.mark.parametrize("scene", ["image C=50", "video C=5", "video C=100", "C=30", "C=12"])
def test_a_limit_that_is_known_is_never_exceeded(scene: str) -> None:
    """Not one refusal."""
    _, refused = both(simulate({**SCENES, **WIDE}[scene], learned(known=True), seeds=1))

    assert 0 == refused


@pytest.mark.parametrize(("scene", "most"), [("30 tasks, 5 slots", 1.05), ("60 mixed, 9 slots", 1.12)])
def test_a_batch_takes_little_longer_than_it_must(scene: str, most: float) -> None:
    """From nothing known to the end of the last, beside a limit that is known and news that take no time."""
    costs = simulate(BATCHES[scene], learned(), seeds=8)
    parts = [cost.over / ideal(BATCHES[scene], seed) for seed, cost in enumerate(costs, start=1)]

    assert all(cost.ended == BATCHES[scene].batch for cost in costs)
    assert statistics.fmean(parts) <= most
