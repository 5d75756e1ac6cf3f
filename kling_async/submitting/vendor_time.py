"""What time it is at the vendor's, as the tasks tell that it makes: no clock of ours needs to be right. Pure."""

from __future__ import annotations

from typing import Final

import attrs

_APART: Final = 60.0
"""Seconds by which two answers may contradict each other, and by which a moment is put too early."""


@attrs.define(eq=False)
class VendorTime:
    """Knows nothing before the first task; nor as long as the last two contradict each other."""

    _ahead: float | None = attrs.field(default=None, init=False)
    """Seconds from the loop's clock to the vendor's."""
    _sure: bool = attrs.field(default=True, init=False)

    def heard(self, created_ms: int | None, now: float) -> None:
        """Take in when a task was made whose create was answered just now."""
        if created_ms is None:
            return
        ahead = created_ms / 1000 - now
        self._sure = self._ahead is None or abs(ahead - self._ahead) <= _APART
        self._ahead = ahead

    def before(self, moment: float) -> int | None:
        """
        A time of the vendor's, in Unix milliseconds, that was certainly over at a moment of the loop's clock.

        A minute earlier than that moment, since answers take their time and clocks differ.
        """
        return None if self._ahead is None or not self._sure else int((moment + self._ahead - _APART) * 1000)
