"""What can be watched while it happens: frozen events, told to `KlingClient(on_event=...)`, and log records.

docs/observability.md lists them all.
"""

from __future__ import annotations

from .base import Event, Listener
from .base import Teller as Teller  # the way to listeners, for the client's own rooms
from .downloads import (
    DownloadEvent,
    DownloadFailed,
    DownloadFinished,
    DownloadProgress,
    DownloadResumed,
    DownloadStarted,
)
from .requests import Polled, Refused, RequestEvent, TokenReplaced, Unanswered
from .submits import (
    LimitLearned,
    SlotAwaited,
    SlotGranted,
    SlotsChanged,
    SubmitDoubted,
    SubmitEnded,
    SubmitEvent,
    SubmitSent,
    SubmitSettled,
    SubmitStarted,
)
from .tasks import TaskChanged, TaskEvent, TaskGone, WaitEnded, WaitFailed, WaitStarted

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
    "Polled",
    "Refused",
    "RequestEvent",
    "SlotAwaited",
    "SlotGranted",
    "SlotsChanged",
    "SubmitDoubted",
    "SubmitEnded",
    "SubmitEvent",
    "SubmitSent",
    "SubmitSettled",
    "SubmitStarted",
    "TaskChanged",
    "TaskEvent",
    "TaskGone",
    "TokenReplaced",
    "Unanswered",
    "WaitEnded",
    "WaitFailed",
    "WaitStarted",
]
