"""How long to wait before asking about a task again. Pure arithmetic: no clock, no loop, no network."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final, Protocol

import attrs

from ..options import Polling
from ..protocol.endpoint import Pool


class Schedule(Protocol):
    """Decides the pauses between two looks at one task."""

    def gap(self, pool: Pool, age: float) -> float:
        """Seconds to the next look at a task of this pool that is *age* seconds old."""
        ...


_GAPS: Final[Mapping[Pool, tuple[float, float]]] = {
    "image": (1.0, 5.0),
    "video": (2.5, 10.0),
    "try_on": (1.0, 5.0),
    "other": (1.0, 5.0),
}
"""Seconds of the shortest and the longest pause; an image takes some 20 s, a video some two minutes."""

_SHARE: Final = 0.15
"""Part of a task's age that a pause may take."""
_JITTER: Final = 0.1
"""So that many tasks, and many processes, do not march in step."""


@attrs.frozen
class PlainSchedule:
    """Pauses that grow with the task's age up to a limit, jittered."""

    polling: Polling
    random: random.Random = attrs.field(repr=False)

    def gap(self, pool: Pool, age: float) -> float:
        """A share of the age, within the pool's limits and below `max_lag`."""
        shortest, longest = _GAPS[pool]
        wanted = min(longest, max(shortest, _SHARE * age)) * self.random.uniform(1 - _JITTER, 1 + _JITTER)
        return min(wanted, self.polling.max_lag or wanted)
