"""What a batch may spend, pool by pool: what a task is expected to cost is set aside before it is sent. Pure.

Units of two pools are not the same money, so that one number stands for one pool only. A task for which the price list
has nothing is refused where its pool has a budget: a limit that might be passed would be none.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias, cast, get_args

import attrs

from ..errors import InvalidRequest
from ..protocol.endpoint import Pool

MaxUnits: TypeAlias = "int | float | str | Decimal | Mapping[Pool, int | float | str | Decimal]"

_POOLS: Final[tuple[str, ...]] = get_args(Pool)


def limits(given: object, pools: frozenset[Pool]) -> Mapping[Pool, Decimal]:
    """
    The budget of each pool that has one.

    Raises `InvalidRequest` for what is no number, and for one number where tasks of several pools are to be made.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        each = cast("Mapping[object, object]", given)
        for pool in each:
            if pool not in _POOLS:
                raise InvalidRequest("max_units", f"must be by pool: {', '.join(_POOLS)}", pool)
        return {cast("Pool", pool): _amount(f"max_units[{pool!r}]", value) for pool, value in each.items()}
    amount = _amount("max_units", given)
    if len(pools) > 1:
        names = ", ".join(sorted(pools))
        raise InvalidRequest("max_units", f"must be by pool ({names}), since their units are not the same money", given)
    return dict.fromkeys(pools, amount)


def _amount(name: str, given: object) -> Decimal:
    rule = "must be a number of units, 0 or more"
    try:
        amount = Decimal(str(given)) if isinstance(given, int | float | str | Decimal) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(given, bool) or not amount.is_finite() or amount < 0:
        raise InvalidRequest(name, rule, given)
    return amount


@attrs.define(eq=False)
class Budget:
    """What is left of the limits."""

    limits: Mapping[Pool, Decimal] = attrs.field(factory=dict[Pool, Decimal])
    closed: bool = False
    """Whether pools without a limit get nothing: one number was given, which is that of another pool."""
    taken: dict[Pool, Decimal] = attrs.field(factory=dict[Pool, Decimal])
    """Charged, or set aside for tasks that are under way or may be."""

    def admit(self, pool: Pool, estimate: Decimal | None) -> bool:
        """Set aside what a task is expected to cost; False where that is more than is left."""
        limit = self.limits.get(pool)
        if limit is None:
            return not self.closed
        after = self.taken.get(pool, Decimal(0)) + (estimate or 0)
        if estimate is None or after > limit:
            return False
        self.taken[pool] = after
        return True

    def settle(self, pool: Pool, estimate: Decimal | None, charged: Decimal | None) -> None:
        """Take in what a task cost in the end: 0 where it was not made, None where the vendor does not say."""
        if pool in self.limits and charged is not None:
            self.taken[pool] = self.taken.get(pool, Decimal(0)) + charged - (estimate or 0)
