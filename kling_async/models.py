"""What the vendor tells us, as plain frozen values. No request is made here and nothing is guessed.

A field the vendor added after us stays readable in `Task.raw`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Final, Generic, Literal, Protocol, TypeAlias, TypeVar, cast

import attrs

from .errors import TaskFailed

__all__ = [
    "BalanceDeduction",
    "File",
    "Image",
    "ImageResult",
    "Kind",
    "MultiShotImage",
    "MultiShotResult",
    "Result",
    "Task",
    "TaskStatus",
    "Video",
    "VideoResult",
]

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

Kind: TypeAlias = Literal["image", "video", "audio"]
KINDS: Final[frozenset[str]] = frozenset({"image", "video", "audio"})


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


class File(Protocol):
    """A file on the vendor's hosts, kept there for 30 days after the task."""

    kind: ClassVar[Kind]
    """What the file must turn out to be."""

    @property
    def url(self) -> str:
        """Signed; fetch it with the query untouched and without credentials."""
        ...


class Result(Protocol):
    """What a finished task made."""

    @property
    def files(self) -> tuple[File, ...]:
        """Everything there is to download, in the vendor's order."""
        ...


def _plain(url: str | None) -> str:
    # A signed link is as good as a key for 30 days; what is printed and logged shows where it leads, not what opens it.
    if url is None:
        return "None"
    address, query, _ = url.partition("?")
    return repr(f"{address}?***" if query else url)


@attrs.frozen(kw_only=True)
class Image:
    """One picture."""

    kind: ClassVar[Kind] = "image"

    url: str = attrs.field(repr=_plain)
    index: int = 0
    """Counts from 0."""
    watermark_url: str | None = attrs.field(default=None, repr=_plain)
    """The watermarked rendition, where `watermark_info` asked for one."""


@attrs.frozen(kw_only=True)
class ImageResult:
    """The pictures of a finished image task."""

    images: tuple[Image, ...] = ()

    @property
    def files(self) -> tuple[Image, ...]:
        """The pictures."""
        return self.images


@attrs.frozen(kw_only=True)
class MultiShotImage:
    """One set of up to three views of the same subject."""

    index: int = 0
    url_1: str | None = attrs.field(default=None, repr=_plain)
    url_2: str | None = attrs.field(default=None, repr=_plain)
    url_3: str | None = attrs.field(default=None, repr=_plain)
    url: str | None = attrs.field(default=None, repr=_plain)
    """Only one copy of the documents shows this in place of the three; accepted all the same."""

    @property
    def views(self) -> tuple[Image, ...]:
        """The views that are there, as pictures."""
        urls = (self.url_1, self.url_2, self.url_3, self.url)
        return tuple(Image(url=url, index=self.index) for url in urls if url)


@attrs.frozen(kw_only=True)
class MultiShotResult:
    """The sets of views of a finished multi-shot task, at most three."""

    images: tuple[MultiShotImage, ...] = ()

    @property
    def files(self) -> tuple[Image, ...]:
        """All views of all sets."""
        return tuple(view for each in self.images for view in each.views)


@attrs.frozen(kw_only=True)
class Video:
    """One video."""

    kind: ClassVar[Kind] = "video"

    url: str = attrs.field(repr=_plain)
    id: str | None = None
    """Globally unique; later calls take it as `video_id` for 30 days."""
    duration: float | None = None
    """Seconds, possibly fractional."""
    watermark_url: str | None = attrs.field(default=None, repr=_plain)
    """The watermarked rendition, where `watermark_info` asked for one."""


@attrs.frozen(kw_only=True)
class VideoResult:
    """The video of a finished video task; the vendor sends a list, so far always of one."""

    videos: tuple[Video, ...] = ()

    @property
    def files(self) -> tuple[Video, ...]:
        """The videos."""
        return self.videos


@attrs.frozen(kw_only=True)
class BalanceDeduction:
    """The cash side of a charge, where the vendor reports one (since mid-2026)."""

    quota: Decimal | None = None
    """Charged after discount."""
    list_price: Decimal | None = None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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
        return _moment(self.created_ms)

    @property
    def updated_at(self) -> datetime | None:
        """When the task changed last, or ended; aware, on the vendor's clock."""
        return _moment(self.updated_ms)

    @property
    def raw(self) -> Mapping[str, object]:
        """Every field the vendor sent, known to us or not."""
        if isinstance(self._raw, bytes):
            return cast("dict[str, object]", json.loads(self._raw))
        return self._raw(self) if callable(self._raw) else self._raw


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)


def succeeded(task: Task[T | None]) -> Task[T]:
    """Narrow a final snapshot to a success, or raise `TaskFailed`."""
    if task.result is None:
        raise TaskFailed(task)
    return cast("Task[T]", task)
