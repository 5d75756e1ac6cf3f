"""A task as the vendor tells it, at one moment. No request is made here and nothing is guessed.

A field the vendor added after us stays readable in `Task.raw`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

import attrs

from ..errors import TaskFailed
from .files import Video, moment

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

KEPT: Final = timedelta(days=30)
"""How long the vendor keeps files."""


class TaskStatus(StrEnum):
    """Where a task stands. A word we do not know reads as `UNKNOWN`, which is not final."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> TaskStatus:
        # The vendor's newer API spells it so, and its documents ask clients to accept both.
        return cls.SUCCEED if value == "succeeded" else cls.UNKNOWN

    @property
    def final(self) -> bool:
        """True for `SUCCEED` and `FAILED`; no other status ends a task."""
        return self in _FINAL


_FINAL = frozenset({TaskStatus.SUCCEED, TaskStatus.FAILED})


@attrs.frozen(kw_only=True)
class BalanceDeduction:
    """The cash side of a charge, where the vendor reports one (since mid-2026)."""

    quota: Decimal | None = None
    """Charged after discount."""
    list_price: Decimal | None = None


Raw: TypeAlias = "Mapping[str, object] | bytes | Callable[[Task[Any]], Mapping[str, object]]"
"""What the vendor sent: as it was decoded, as JSON, or told from the other fields."""


@attrs.frozen(kw_only=True)
class Task(Generic[R_co]):
    """
    What is known about a task at one moment.

    `Task[R | None]` is a snapshot, `Task[R]` a success. Being covariant, the second is also the first.
    """

    id: str
    """Opaque text; never a number, it does not fit into a double."""
    status: TaskStatus
    result: R_co
    endpoint: str = ""
    """The row that made it, for instance `"videos.text_to_video"`; with it the task can be asked for again."""
    external_task_id: str | None = None
    message: str = ""
    """The vendor's reason for a failure (`task_status_msg`)."""
    created_ms: int | None = None
    """Unix milliseconds on the vendor's clock, as sent."""
    updated_ms: int | None = None
    """Unix milliseconds on the vendor's clock; of a finished task, when it ended."""
    units: Decimal | None = None
    """Units charged (`final_unit_deduction`); None until the vendor says."""
    balance: BalanceDeduction | None = None
    # Of a pending task, of which there may be many: JSON, a fifth of a dict's size, or what tells it from the fields.
    _raw: Raw = attrs.field(factory=dict[str, object], repr=False, hash=False, alias="raw")

    @property
    def created_at(self) -> datetime | None:
        """When the task was made; aware, on the vendor's clock."""
        return moment(self.created_ms)

    @property
    def updated_at(self) -> datetime | None:
        """When the task changed last, or ended; aware, on the vendor's clock."""
        return moment(self.updated_ms)

    @property
    def expires_at(self) -> datetime | None:
        """When the vendor deletes the files of an ended task: 30 days after its end; aware, on the vendor's clock."""
        if self.updated_ms is None or not self.status.final:
            return None
        return moment(self.updated_ms + KEPT // timedelta(milliseconds=1))

    @property
    def parent_video(self) -> Video | None:
        """The video that a task started from, where the vendor tells it (extend, lip-sync, video to audio)."""
        info = self.raw.get("task_info")
        parent = cast("dict[str, object]", info).get("parent_video") if isinstance(info, dict) else None
        return _video(cast("dict[str, object]", parent)) if isinstance(parent, dict) else None

    @property
    def raw(self) -> Mapping[str, object]:
        """Every field the vendor sent, known to us or not."""
        if isinstance(self._raw, bytes):
            return cast("dict[str, object]", json.loads(self._raw))
        return self._raw(self) if callable(self._raw) else self._raw


def _video(given: Mapping[str, object]) -> Video | None:
    """A video told beside a result, where it says enough to be one."""
    url, own_id, duration = (given.get(name) for name in ("url", "id", "duration"))
    if not isinstance(url, str) or not url:
        return None
    try:
        seconds = float(str(duration))
    except ValueError:
        seconds = math.nan
    return Video(url=url, id=str(own_id) if own_id else None, duration=seconds if math.isfinite(seconds) else None)


def succeeded(task: Task[T | None]) -> Task[T]:
    """Narrow a final snapshot to a success, or raise `TaskFailed`."""
    if task.result is None:
        raise TaskFailed(task)
    return cast("Task[T]", task)
