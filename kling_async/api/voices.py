"""Voices for videos: made from a recording, kept by the account, cited in prompts. Not those of text to speech."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from ..models import Voice, VoiceResult
from ..protocol.direct import DirectEndpoint, nothing, results
from ..protocol.endpoint import Resource, TaskEndpoint
from .fields import Rule, exactly_one, frozen
from .kinds import identifier, integer, text, video
from .prices import FREE, units
from .shared import PageRequest, Request, TaskRequest

_LARGEST: Final = 1000  # entries on a page; documents of January 2026 say 500


@frozen
class CreateVoice(TaskRequest):
    """
    A voice from a recording. Exactly one of `voice_url` and `video_id`.

    Billed per call. Documented on the vendor's page Custom Voices.
    """

    voice_name: str = text("How to call it.", max_length=20)
    voice_url: str | None = video(
        "Where the recording lies: mp3, wav, mp4 or mov, 5 to 30 s, one voice.", what="recordings", default=None
    )
    video_id: str | None = identifier(
        "A video with speech: of kling-v2-6 with sound, of avatar, or of lip-sync.", default=None
    )

    def rules(self) -> Iterable[Rule]:
        """One recording."""
        yield exactly_one(self, "voice_url", "video_id")

    def estimate(self) -> Decimal | None:
        """The price of a call."""
        return units("custom voice create")


@frozen
class ListPresetVoices(PageRequest):
    """The vendor's own voices, page by page. Free."""

    page_size: int | None = integer(
        "Entries on a page (vendor's default 30).", 1, _LARGEST, sent_as="pageSize", default=None
    )


@frozen
class DeleteVoice(Request):
    """Remove a voice of the account; the vendor's own cannot be removed. Free."""

    voice_id: str = identifier("The voice's id, not that of the task that made it.")

    def estimate(self) -> Decimal | None:
        """Deletions are free."""
        return units(FREE)


class Voices(Resource):
    """Voices for videos."""

    name = "voices"

    create: Final = TaskEndpoint(
        CreateVoice, VoiceResult, "/v1/general/custom-voices", pool="video", largest_page=_LARGEST
    )
    """Make a voice from a recording; its list is that of the account's voices."""

    presets: Final = DirectEndpoint(
        ListPresetVoices, results(Voice, "voices"), "/v1/general/presets-voices", method="GET", repeatable=True
    )
    """The vendor's own voices, page by page."""

    delete: Final = DirectEndpoint(DeleteVoice, nothing, "/v1/general/delete-voices")
    """Remove a voice."""
