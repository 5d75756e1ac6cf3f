"""What can be watched while it happens: frozen events, and the way to whoever listens. Nothing waits for a listener."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from .errors import KlingError

__all__ = [
    "DownloadEvent",
    "DownloadFailed",
    "DownloadFinished",
    "DownloadProgress",
    "DownloadResumed",
    "DownloadStarted",
    "Event",
    "LimitLearned",
    "Listener",
    "SlotAwaited",
    "SubmitEnded",
]

log: Final = logging.getLogger("kling_async.events")


@attrs.frozen(kw_only=True)
class Event:
    """
    Something that happened. `KlingClient(on_event=...)` is told of each, in the order they happen.

    Later versions have more kinds; a listener passes over those it does not know. No event holds a credential or a
    signed link.
    """


@attrs.frozen(kw_only=True)
class DownloadEvent(Event):
    """Something about one file on its way to the disk."""

    name: str
    """The file's name, without the extension, which depends on the content."""
    host: str
    """Where the file comes from."""


@attrs.frozen(kw_only=True)
class DownloadStarted(DownloadEvent):
    """The first bytes of a file are here, and are of the right type."""

    received: int
    """Bytes that an earlier download left behind and that need not come again."""
    expected: int | None
    """Bytes of the whole file, where the host says."""


@attrs.frozen(kw_only=True)
class DownloadProgress(DownloadEvent):
    """About one more MiB is on its way to the disk."""

    received: int
    """Bytes so far; less than before where a file had to be started over."""
    expected: int | None


@attrs.frozen(kw_only=True)
class DownloadResumed(DownloadEvent):
    """A download broke and is taken up again, after a pause."""

    received: int
    """Bytes that need not come again, if the file is still the same."""
    pause: float
    """Seconds."""
    reason: str


@attrs.frozen(kw_only=True)
class DownloadFinished(DownloadEvent):
    """A file is whole and has its name."""

    path: Path
    received: int
    """Bytes of the whole file."""


@attrs.frozen(kw_only=True)
class DownloadFailed(DownloadEvent):
    """A file could not be stored; the error is raised as well. A download that was cancelled has no such event."""

    error: KlingError


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
class LimitLearned(Event):
    """How many slots a pool seems to have has changed: the vendor refused one more, or took it."""

    pool: str
    slots: int


@attrs.frozen(kw_only=True)
class SubmitEnded(Event):
    """What became of a create that was cancelled when its request was on its way already."""

    endpoint: str
    external_task_id: str
    """By which `attach` finds the task, if there is one."""
    outcome: Literal["accepted", "refused", "unknown"]
    task_id: str | None = None
    """The task's own id, if it was accepted; it goes on and is billed."""


Listener: TypeAlias = Callable[[Event], None]
"""Called on the event loop between other work, so it must be quick."""


@attrs.define(eq=False)
class Teller:
    """Tells a listener, if there is one. What the listener raises is logged, once, and breaks nothing."""

    listener: Listener | None = None
    _failed: bool = attrs.field(default=False, init=False)

    def __call__(self, event: Event) -> None:
        """Tell of an event."""
        if self.listener is None:
            return
        try:
            self.listener(event)
        except Exception:
            if not self._failed:
                self._failed = True
                log.exception("on_event raised; this is said once, and later errors of it are passed over")
