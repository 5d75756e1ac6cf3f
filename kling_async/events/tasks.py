"""Events of tasks at the vendor's, and of those who wait for them."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .base import Event


@attrs.frozen(kw_only=True)
class TaskEvent(Event):
    """Something about one task."""

    endpoint: str
    """The row's name, for instance `"images.generate"`."""
    pool: str
    """`"video"`, `"image"`, `"try_on"` or `"other"`."""
    model: str | None
    """Where it is known; it is not of tasks that were attached."""
    task_id: str | None
    """The vendor's; None before the first look at a task that was attached by its external id."""
    external_task_id: str | None
    """The caller's own, where it is known."""


@attrs.frozen(kw_only=True)
class TaskChanged(TaskEvent):
    """
    A task was seen in another state. Told once, however many handles it has here and whoever looked.

    That it was submitted is told by `SubmitEnded`; of a task that was attached the first look is a change.
    """

    before: str
    """The status last seen here, a word of `TaskStatus`; `"unknown"` before the first look."""
    status: str
    """The status now. `"succeed"` and `"failed"` are final."""
    age: float | None
    """Seconds since the task was made until this was seen, as far as is known."""
    took: float | None
    """Of one that has ended, the seconds from its making to its end by the vendor's clock, where he tells both."""
    units: Decimal | None
    """Charged, as far as the vendor says."""


@attrs.frozen(kw_only=True)
class TaskGone(TaskEvent):
    """
    A task is not expected to be seen again.

    The vendor denied it for too long (`TaskLost`), or nobody asked for it for six hours. Should it be seen all the
    same, `TaskChanged` tells of that as of a first look.
    """

    before: str
    """The status last seen here."""


@attrs.frozen(kw_only=True)
class WaitStarted(TaskEvent):
    """Somebody waits for a task for which nobody did. Told from within the call that waits."""


@attrs.frozen(kw_only=True)
class WaitFailed(TaskEvent):
    """The waiting for a task ended in an error, for all who waited; it may be awaited again. `WaitEnded` follows."""

    error: Exception
    """What is raised to them."""


@attrs.frozen(kw_only=True)
class WaitEnded(TaskEvent):
    """Nobody waits for a task any more: it has ended, the waiting failed, or all who waited have left."""

    status: str
    """The status last seen here; where it is not final, the task goes on."""
