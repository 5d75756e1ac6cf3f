"""What requests share: the fields of all calls, of all that make a task, of lists; and parts of several themes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from .extra import Extra, kept
from .fields import Checked, frozen
from .kinds import identifier, integer, switch, text, url
from .prices import FREE, units


@frozen
class WatermarkInfo(Checked):
    """Whether to make a watermarked rendition beside the clean one."""

    enabled: bool = switch("True for a second, watermarked file.")


@frozen
class ElementRef(Checked):
    """An element of the account's library, made with `elements.create`."""

    element_id: int = integer("The element's id, not that of the task that made it.", 1, 2**63 - 1)


@frozen
class VoiceRef(Checked):
    """A voice of the account or of the vendor's presets. Voices of text to speech are another catalogue."""

    voice_id: str = identifier("The voice's id.")


@frozen
class Request(Checked):
    """What every call takes."""

    extra: Mapping[str, object] = attrs.field(factory=Extra, converter=kept, hash=False)
    """Merged into the body unchecked, last: for fields the vendor added after us."""


@frozen
class TaskRequest(Request):
    """What every call that makes a task takes."""

    callback_url: str | None = url("Where the vendor posts every change of status.", default=None)
    external_task_id: str | None = text(
        "Your own id, unique within the account; the task can be found by it. One is made if you give none.",
        default=None,
    )


@frozen
class PageRequest(Request):
    """Which page of a list."""

    page: int | None = integer("Which page, from 1 (vendor's default 1).", 1, 1000, sent_as="pageNum", default=None)
    page_size: int | None = integer(
        "Entries on a page (vendor's default 30).", 1, 500, sent_as="pageSize", default=None
    )

    def estimate(self) -> Decimal | None:
        """Queries are free."""
        return units(FREE)


Watermark: TypeAlias = WatermarkInfo | Mapping[str, bool]
ElementRefs: TypeAlias = Sequence[ElementRef | Mapping[str, Any]]
VoiceRefs: TypeAlias = Sequence[VoiceRef | Mapping[str, Any]]
