"""A short run of the simulation in benchmarks: the real debts against the plain ways to poll, on the same tasks."""

from __future__ import annotations

import pytest

from benchmarks.polling_simulation import MEANS, by_debts, simulate, sweep


@pytest.mark.parametrize(
    ("kind", "count", "requests", "lag", "p99"),
    [
        ("image", 1, 5.5, 1.45, 8),
        ("image", 100, 0.5, 0.45, 2),
        ("video", 100, 0.6, 2.0, 9),
    ],
)
def test_what_the_simulation_promises(kind: str, count: int, requests: float, lag: float, p99: float) -> None:
    """Requests per task, mean and hundredth worst lag in a closed loop."""
    cost = simulate(kind, count, by_debts(), total=600)

    assert cost.per_task <= requests
    assert cost.lag <= lag
    assert cost.p99 <= p99


@pytest.mark.parametrize(("kind", "requests", "lag"), [("image", 1.0, 0.65), ("video", 1.4, 2.8)])
def test_a_wave_of_tasks_is_followed_from_nothing(kind: str, requests: float, lag: float) -> None:
    """A hundred made at once by a client that has learned nothing yet."""
    costs = [simulate(kind, 100, by_debts(), total=100, seed=seed, wave=True) for seed in range(4)]

    assert sum(cost.per_task for cost in costs) / 4 <= requests
    assert sum(cost.lag for cost in costs) / 4 <= lag


@pytest.mark.parametrize(("count", "share"), [(3, 1.1), (30, 1.1), (300, 0.75)])
def test_no_plain_sweep_is_better(count: int, share: float) -> None:
    """Requests times lag against reading the whole list at the best of several intervals."""
    ours = simulate("image", count, by_debts(), total=600)
    best = min(simulate("image", count, sweep(every), total=600).product for every in (0.5, 1, 2, 5))

    assert ours.product <= share * best


def test_the_simulation_draws_what_it_says() -> None:
    """The mean durations that the bound is made of."""
    costs = {kind: simulate(kind, 1, sweep(mean), total=400) for kind, mean in MEANS.items()}

    assert all(0.5 < cost.per_task < 2.5 for cost in costs.values())
