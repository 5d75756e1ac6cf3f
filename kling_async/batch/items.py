"""What a batch tells: one task and what became of it, how all of them stand, what they would take. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from ..errors import ApiError, KlingError
from ..models import Kind
from ..protocol.endpoint import Pool
from ..wording import link, one_line
from .states import State

ArtifactState: TypeAlias = Literal["waiting", "stored", "expired"]
ENDED: Final = ("done", "failed", "refused", "held", "lost")
"""The states that an item can be yielded in."""


def writable(text: str) -> str:
    """A text as UTF-8 can write it: half a surrogate pair, which JSON may hold, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


@attrs.frozen(kw_only=True)
class ItemError:
    """Why a task was refused, failed, or is held or lost; in the journal, so that it is known after a restart."""

    type: str
    """The class of the error, for instance `"ContentRefused"`."""
    message: str = attrs.field(converter=writable)
    """The vendor's words, where the vendor gave any."""
    code: int | None = None
    """The vendor's service code."""
    request_id: str | None = attrs.field(default=None, converter=attrs.converters.optional(writable))

    def __str__(self) -> str:
        return self.message

    @classmethod
    def of(cls, error: BaseException) -> ItemError:
        """What to keep of an error."""
        kind = type(error).__name__
        if isinstance(error, ApiError):
            return cls(type=kind, message=error.message, code=error.code, request_id=error.request_id)
        return cls(type=kind, message=one_line(str(error)) if isinstance(error, KlingError) else kind)


@attrs.frozen(kw_only=True)
class Artifact:
    """One file of a result."""

    idx: int
    """Its place in the result, from 0."""
    kind: Kind
    url: str = attrs.field(repr=link)
    """As good as a key."""
    state: ArtifactState = "waiting"
    path: Path | None = None
    bytes: int | None = None
    sha256: str | None = None
    """In hex."""
    expires_ms: int | None = None
    """Unix milliseconds on the vendor's clock."""


@attrs.frozen(kw_only=True)
class Item:
    """One line of the manifest, and what became of it."""

    custom_id: str
    endpoint: str
    """The row's name, for instance `"videos.text_to_video"`."""
    state: State
    """What `run` yields is one of done, failed, refused, held, lost."""
    generation: int = 1
    """How often it was asked for: one more after each `retry`."""
    task_id: str | None = None
    external_task_id: str = ""
    units: Decimal | None = None
    """Charged; None where the vendor does not say, or nothing was made."""
    estimate: Decimal | None = None
    """Units expected by the price list."""
    files: tuple[Path, ...] = ()
    """What is on disk, in the order of the result."""
    artifacts: tuple[Artifact, ...] = ()
    error: ItemError | None = None
    """Also of a task that is done, where files of it expired before they could be fetched."""
    body: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False)
    """The request as the journal keeps it: local files by path and hash."""


@attrs.frozen(kw_only=True)
class PoolSummary:
    """How the tasks of one pool stand."""

    planned: int = 0
    queued: int = 0
    """Of the planned ones, those in line for slots."""
    submitting: int = 0
    running: int = 0
    """Made, and not seen to end."""
    unknown: int = 0
    """Those whose answer was lost, until it is known what became of them."""
    storing: int = 0
    """Succeeded, and not all files are on disk."""
    done: int = 0
    failed: int = 0
    refused: int = 0
    held: int = 0
    lost: int = 0
    slots_used: int = 0
    slots: int | None = None
    """As given, else as learned; None while nothing is known."""
    units: Decimal = Decimal(0)
    """Charged so far; of tasks whose price the vendor did not tell, as estimated."""
    expected_units: Decimal | None = Decimal(0)
    """What all that was not refused comes to, by the price list; None where it has no price for some of it."""
    per_minute: float | None = None
    """Tasks that ended, over the last minutes of this run."""
    seconds_left: float | None = None
    """Until the last of them has ended, from durations learned; None where nothing is known."""

    @property
    def ended(self) -> int:
        """Tasks about which nothing is left to do."""
        return self.done + self.failed + self.refused + self.held + self.lost

    @property
    def total(self) -> int:
        """All tasks."""
        return self.planned + self.submitting + self.running + self.unknown + self.storing + self.ended


@attrs.frozen(kw_only=True)
class Summary:
    """How a batch stands."""

    name: str
    pools: Mapping[Pool, PoolSummary]
    """Only those that have tasks."""
    stopped: str | None = None
    """Why no more is submitted: `"asked"`, `"budget"`, or the words of the error that stopped it."""
    seconds: float = 0.0
    """Of the run under way, else of the last one."""

    def __getitem__(self, name: str) -> int:
        """How many tasks of all pools are in a state, or whatever else a pool counts."""
        return sum(int(getattr(pool, name)) for pool in self.pools.values())


@attrs.frozen(kw_only=True)
class PlanLine:
    """Tasks of one kind that are still to be made."""

    endpoint: str
    kind: tuple[str, ...]
    """Model, mode, and length or number, as far as given."""
    pool: Pool
    tasks: int
    slots: int
    """That one of them holds."""
    units: Decimal | None
    """Of all of them; None where the price list has none."""
    seconds: float
    """That one of them takes in half of all cases, as learned, else as such tasks usually take."""
    learned: bool
    """Whether the seconds were learned."""


@attrs.frozen(kw_only=True)
class Plan:
    """What is still to be made, and what that takes."""

    lines: tuple[PlanLine, ...]
    units: Mapping[Pool, Decimal | None]
    """By pool, since the units of two pools are not the same money."""
    limits: Mapping[Pool, int | None]
    """Slots of each pool, as given or learned."""
    seconds: float | None
    """Expected for all of it, pools beside each other; None where slots of a pool are not known."""


@attrs.frozen(kw_only=True)
class Added:
    """What became of the rows of a manifest."""

    new: int
    known: int
    """Those that were in the batch before, unchanged."""
