"""What repeats may cost in all, so that a vendor who is down is not asked five times as often."""

from __future__ import annotations

import asyncio
import logging

import pytest

from kling_async import KlingClient, RateLimited, Retry, ServerError
from kling_async.transport.budget import RetryBudget
from tests.support.vendor import API_KEY, Vendor, refused, row, said


def test_a_failure_costs_fourteen_and_a_refusal_five() -> None:
    """Of five hundred."""
    budget = RetryBudget()

    assert budget.pay(ServerError("down", status=500))
    assert 486 == budget.tokens
    assert budget.pay(RateLimited("slow", code=1302, status=429))
    assert 481 == budget.tokens


def test_it_never_goes_below_nothing_nor_above_all() -> None:
    """Thirty-five failures are paid for; a success gives one back."""
    budget = RetryBudget()
    paid = sum(budget.pay(ServerError("down", status=500)) for _ in range(100))
    left = budget.tokens
    for _ in range(1000):
        budget.refill()

    assert (35, 10, 500) == (paid, left, budget.tokens)


def test_an_empty_budget_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A line says why, once until something could be paid again."""
    caplog.set_level(logging.INFO)
    budget = RetryBudget(tokens=13)
    for _ in range(5):
        assert not budget.pay(ServerError("down", status=500))
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]

    assert 1 == len(warnings)
    assert "the retry budget is empty" in warnings[0].message


@pytest.mark.looptime
async def test_with_an_empty_budget_queries_fail_at_once() -> None:
    """A hundred calls to a vendor who is down are asked a hundred times and thirty-five, not five hundred times."""
    async with Vendor(refused(5000, 500)) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, retry=Retry()) as kling:
            asking = (kling.images.generate.get("1") for _ in range(100))
            ended = await asyncio.gather(*asking, return_exceptions=True)

            assert 10 == kling.inside.core.engine.budget.tokens
    assert {ServerError} == {type(each) for each in ended}
    assert 135 == len(vendor.seen)


@pytest.mark.looptime
async def test_success_fills_the_budget_again() -> None:
    """One token for each call, a create too; the last attempt of a query costs nothing, since nothing follows it."""
    async with Vendor(refused(5000, 500), refused(5000, 500), said(row())) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, retry=Retry(attempts=2)) as kling:
            budget = kling.inside.core.engine.budget
            with pytest.raises(ServerError):
                await kling.images.generate.get("1")
            assert 486 == budget.tokens
            await kling.images.generate.get("1")
            await kling.images.generate(prompt="x")

            assert 488 == budget.tokens
