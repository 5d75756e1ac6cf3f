"""Refused tokens: what the vendor's clock says, and what to tell about it. Sends nothing and signs nothing.

A token is made by a clock, and a wrong clock is the commonest reason for a good key to be refused. The refusal carries
the vendor's own time, which is believed only where nobody on the way can have written it.
"""

from __future__ import annotations

from typing import Final

from ..errors import AuthenticationError
from ..protocol.envelope import moment

AGAIN: Final = frozenset({1002, 1003, 1004})
"""Codes after which another token may be let in. Others are about the keys, or a missing header."""
BY_CLOCK: Final = frozenset({1003, 1004})
"""Codes that a wrong clock can be the reason of: not valid yet, and expired."""
_EARLIEST, _LATEST = 1_735_689_600.0, 4_102_444_800.0
"""2025 and 2100: a clock that says anything else was never set."""
_MOST_WAY: Final = 10.0
"""Seconds that an answer may have been on its way; a body that took minutes was on its way before it was answered."""
_ROUNDING: Final = 0.5
"""Seconds cut off a `Date`, on average."""
_ALIKE: Final = 5.0
"""Seconds by which two clocks may differ and count as alike: tokens begin half a minute back."""


def ahead(date: str | None, now: float, took: float) -> float | None:
    """
    How far the vendor's clock is ahead of ours by a `Date` header; None where it says nothing that can be true.

    *now* is our clock when the answer came, *took* the seconds since the request was begun, of which the answer's way
    is taken to be half.
    """
    told = moment(date or "")
    if told is None or not _EARLIEST <= told < _LATEST:
        return None
    found = told + _ROUNDING + min(took / 2, _MOST_WAY) - now
    return found if abs(found) > _ALIKE else 0.0


def clock_is(seconds: float) -> str:
    """Words for how the local clock is wrong."""
    return f"the local clock is {abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} the vendor's"


def second(refusal: AuthenticationError, seconds: float) -> AuthenticationError:
    """The refusal of another token, which says what was tried."""
    tried = (
        f"One made by the vendor's clock was refused as well: {clock_is(seconds)}"
        if seconds
        else "Another token was refused as well"
    )
    return type(refusal)(
        refusal.message,
        code=refusal.code,
        status=refusal.status,
        request_id=refusal.request_id,
        advice=f"{refusal.advice}. {tried}" if refusal.advice else tried,
        retry_after=refusal.retry_after,
    )
