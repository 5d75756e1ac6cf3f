"""How long to wait before asking about a task again. Pure arithmetic: no clock, no loop, no network."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Final, Protocol

import attrs

from ..errors import InvalidRequest
from ..protocol.endpoint import Pool


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None and field.default is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InvalidRequest(f"Polling.{field.name}", "must be a number of seconds above zero", value)


@attrs.frozen(kw_only=True)
class Polling:
    """How tasks that somebody waits for are followed. Queries are free."""

    max_lag: float | None = attrs.field(default=None, validator=_seconds)
    """Seconds between two looks at a task at most: the longest its end goes unnoticed while the vendor answers."""
    patience: float = attrs.field(default=60.0, validator=_seconds)
    """Seconds for which the vendor may deny a task before it counts as lost."""


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
