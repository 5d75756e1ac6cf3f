"""
How long a task takes and how it ends. Pure arithmetic on timestamps: no clock, no loop, no timer.

A task's fate is drawn when it is created; its status is what the timestamps say at the moment somebody looks.
"""

from __future__ import annotations

from random import Random
from typing import Final

import attrs

RISK: Final = "Failure to pass the risk control system"
BAD_PIXELS: Final = "Image pixel is invalid"


@attrs.frozen
class Durations:
    """Two lognormals: most tasks, and the share that takes much longer. In seconds."""

    median: float
    sigma: float
    slow_share: float
    slow_median: float
    slow_sigma: float
    least: float
    most: float

    def draw(self, random: Random) -> float:
        """One duration."""
        slow = random.random() < self.slow_share
        median, sigma = (self.slow_median, self.slow_sigma) if slow else (self.median, self.sigma)
        drawn = median * random.lognormvariate(0.0, sigma)
        return min(max(drawn, self.least), self.most)


IMAGE: Final = Durations(19, 0.33, 0.02, 60, 0.8, 4, 900)
VIDEO: Final = Durations(125, 0.40, 0.03, 420, 0.7, 30, 3600)

KEEP_SECONDS: Final = 30 * 24 * 3600
"""How long the files of a task are kept, and the ids in its result are good as inputs."""

# The share of its time that a task stands in the queue before anything is seen to happen.
QUEUE_SHARE: Final = (0.02, 0.10)


@attrs.frozen
class Course:
    """The moments of one task, in seconds since 1970, and the reason if it ends badly."""

    created: float
    started: float
    ended: float
    failure: str | None = None

    def status(self, now: float) -> str:
        """The status at a moment."""
        if now < self.started:
            return "submitted"
        if now < self.ended:
            return "processing"
        return "succeed" if self.failure is None else "failed"

    def updated(self, now: float) -> float:
        """When the status last changed, seen from a moment."""
        return max(moment for moment in (self.created, self.started, self.ended) if moment <= max(now, self.created))


def plan(durations: Durations, random: Random, *, now: float, speed: float, failure: str | None = None) -> Course:
    """The course of a task that begins now."""
    takes = durations.draw(random) / speed
    queued = takes * random.uniform(*QUEUE_SHARE)
    return Course(created=now, started=now + queued, ended=now + takes, failure=failure)
