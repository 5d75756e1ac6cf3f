"""Events of creates and of the slots they wait for."""

from __future__ import annotations

from typing import Literal

import attrs

from ..errors import KlingError
from .base import Event


@attrs.frozen(kw_only=True)
class SubmitEvent(Event):
    """Something about one create. Each begins with one `SubmitStarted` and ends with one `SubmitEnded`."""

    endpoint: str
    """The row's name, for instance `"images.generate"`."""
    external_task_id: str
    """By which `attach` finds the task, if there is one."""


@attrs.frozen(kw_only=True)
class SubmitStarted(SubmitEvent):
    """A create was checked, and waits for slots next. Told from within the call that makes it."""

    pool: str
    """`"video"`, `"image"`, `"try_on"` or `"other"`."""
    slots: int
    """How many it takes."""
    model: str | None
    """Where the request names one."""
    url: str
    """Where it will be sent; without credentials and query."""


@attrs.frozen(kw_only=True)
class SlotGranted(SubmitEvent):
    """A create has its slots, and is sent next; more than once where the vendor had none (1303)."""

    pool: str
    """Whose slots."""
    slots: int
    """How many."""
    seconds: float
    """How long it waited for them, this time."""


@attrs.frozen(kw_only=True)
class SubmitSent(SubmitEvent):
    """A create is about to leave: from now on the vendor may make the task."""

    attempt: int
    """Counted from 1."""


@attrs.frozen(kw_only=True)
class SubmitDoubted(SubmitEvent):
    """An answer was lost, so that there may be a task; the vendor is asked for it by its external id."""

    error: KlingError
    """What came in place of the answer."""


@attrs.frozen(kw_only=True)
class SubmitSettled(SubmitEvent):
    """It is known what became of a create whose answer was lost, or the looking for it was given up."""

    found: bool | None
    """Whether there is a task; None where that could not be found out."""
    seconds: float
    """How long it was looked for."""


@attrs.frozen(kw_only=True)
class SubmitEnded(SubmitEvent):
    """
    What became of a create.

    Of one that was cancelled when its request was on its way already this comes up to ten seconds after its caller has
    left, and nothing else tells it.
    """

    outcome: Literal["accepted", "refused", "unknown"]
    """
    `"refused"`: certainly no task was made, be it that the vendor refused, or that nothing was sent. `"unknown"`: there
    may be one.
    """
    task_id: str | None = None
    """The task's own id, if it was accepted; it goes on and is billed."""
    pool: str = attrs.field(default="", eq=False)
    """Whose slots a task of it takes."""
    error: BaseException | None = attrs.field(default=None, eq=False)
    """What it ended in, if it was not accepted."""
    cancelled: bool = attrs.field(default=False, eq=False)
    """Whether its caller has left."""
    seconds: float = attrs.field(default=0.0, eq=False)
    """Since it began, with all waits."""


@attrs.frozen(kw_only=True)
class SlotAwaited(Event):
    """
    A create must wait for others.

    For tasks to end, or, as long as the limit is not known, for the answers to creates before it.
    """

    pool: str
    """`"video"`, `"image"`, `"try_on"` or `"other"`."""
    slots: int
    """How many it takes."""
    queued: int
    """How many creates wait now, this one included."""


@attrs.frozen(kw_only=True)
class SlotsChanged(Event):
    """How things stand in a pool has changed; `KlingClient.slots` tells the same when asked."""

    pool: str
    """`"video"`, `"image"`, `"try_on"` or `"other"`."""
    used: int
    """Slots of tasks that were accepted and not seen to end, and of those being sent."""
    limit: int | None
    """As given by the user; None where it is to be learned."""
    learned: int | None
    """How many the vendor seems to allow, once it has refused one."""
    queued: int
    """Creates that wait for slots."""


@attrs.frozen(kw_only=True)
class LimitLearned(Event):
    """How many slots a pool seems to have has changed: the vendor refused one more, or took it."""

    pool: str
    """`"video"`, `"image"`, `"try_on"` or `"other"`."""
    slots: int
    """How many it seems to have."""
