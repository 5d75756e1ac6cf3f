"""Do callbacks come? Pure: what callbacks claim and what queries show goes in, whether to rely on them comes out.

A change of status that was seen by asking, and of which no callback has told within a few seconds, was lost. Where that
happens to more than one in twenty, and once more where enough are known, polling goes on as if there were no callbacks.
Nothing else that one says is believed: who forges or repeats one changes this opinion at most, only by a task whose
address he has.
"""

from __future__ import annotations

from collections import deque
from typing import Final

GRACE: Final = 5.0
"""Seconds after a change was seen in which its callback may still come."""
_LOOKED_AT: Final = 40
"""Changes of which the latest are remembered."""
_TOLERATED: Final = 0.05
"""Part of them whose callbacks may be lost."""
_ENOUGH: Final = 20
"""Changes that must be known before the loss of a single one is put up with."""
_MOST: Final = 10_000
"""Changes that are waited for at most."""
_INSTANT: Final = 1e-3
"""Seconds by which a timer may be early."""


class Calls:
    """What is known about the callbacks of one endpoint. A change is an end, or the beginning of the work."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, bool], None] = {}
        self._missing: dict[tuple[str, bool], float] = {}
        """Changes that were seen and not heard of, and until when they may be; the oldest first."""
        self._came: deque[bool] = deque(maxlen=_LOOKED_AT)
        """Whether the callbacks of the latest changes came."""
        self._begun = False
        """Whether callbacks tell of more than ends."""

    def heard(self, external_id: str, *, end: bool) -> None:
        """A callback claims a change that was not seen yet."""
        if len(self._heard) < _MOST:
            self._heard[external_id, end] = None

    def repeated(self, external_id: str, *, end: bool) -> None:
        """A callback claims what was seen already, or what is about no task that is known."""
        if (external_id, end) in self._missing:
            del self._missing[external_id, end]
            self._count(came=True, end=end)

    def seen(self, external_id: str, now: float, *, end: bool) -> None:
        """A query has shown a change."""
        change = (external_id, end)
        if change in self._heard:
            del self._heard[change]
            self._count(came=True, end=end)
        elif len(self._missing) < _MOST:
            self._missing[change] = now + GRACE
        if end:
            self.forget(external_id)

    def forget(self, external_id: str) -> None:
        """No change of a task is looked for any more."""
        for end in (False, True):
            self._heard.pop((external_id, end), None)

    def judge(self, now: float) -> bool:
        """Whether callbacks may be relied on."""
        while self._missing and (oldest := next(iter(self._missing.items())))[1] <= now + _INSTANT:
            del self._missing[oldest[0]]
            self._count(came=False, end=oldest[0][1])
        known, lost = len(self._came), self._came.count(False)
        return lost < known and lost <= _TOLERATED * known + (known >= _ENOUGH)

    @property
    def again(self) -> float | None:
        """When the opinion may change by nothing having come; None: not by that."""
        return next(iter(self._missing.values()), None)

    def _count(self, *, came: bool, end: bool) -> None:
        if came and not end:
            self._begun = True
        if end or self._begun:  # no document says for certain that anything but ends is told
            self._came.append(came)
