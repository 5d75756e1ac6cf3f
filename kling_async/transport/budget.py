"""What repeating may cost a client in all, so that a vendor who is down is not asked five times as often as ever.

As botocore does it: every repeat pays, every success gives a little back. Decides how much is repeated, never what.
"""

from __future__ import annotations

import logging
from typing import Final

import attrs

from ..errors import RateLimited
from ..events.logs import about

log: Final = logging.getLogger("kling_async.transport")

TOKENS: Final = 500
"""All there is, and what a client begins with."""
TRANSIENT, THROTTLED = 14, 5
"""Tokens for a repeat after a failure, and after a refusal because of too many requests."""


def _all(budget: RetryBudget) -> int:
    return budget.most


@attrs.define(eq=False)
class RetryBudget:
    """Tokens that the repeats of one client share."""

    most: int = TOKENS
    """What a client begins with, and never has more of."""
    tokens: int = attrs.field(default=attrs.Factory(_all, takes_self=True))
    """What is left."""
    _told: bool = attrs.field(default=False, init=False)

    def pay(self, error: BaseException) -> bool:
        """Take what a repeat after *error* costs; False, and a line in the log, where it cannot be paid."""
        price = THROTTLED if isinstance(error, RateLimited) else TRANSIENT
        if price <= self.tokens:
            self.tokens -= price
            self._told = False
            return True
        if not self._told:  # once: whoever has no tokens left has many failures
            self._told = True
            log.warning("too much fails: the retry budget is empty, and nothing is repeated until calls succeed again")
        log.info("not repeated, because the retry budget is empty: %s", error, extra=about(error=error))
        return False

    def refill(self) -> None:
        """Give one token back, for a success."""
        if self.tokens < self.most:
            self.tokens += 1
