"""Videos in which somebody speaks: lips moved to a sound, or a portrait brought to life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from ...media.inputs import MediaInput
from ...models import Faces, VideoResult
from ...protocol.direct import DirectEndpoint, value
from ...protocol.endpoint import Resource, TaskEndpoint
from ..fields import Checked, Rule, exactly_one, frozen
from ..kinds import choice, identifier, integer, nested, number, picture, sequence, sound, url, video
from ..kinds import text as words
from ..prices import units
from ..shared import Request, TaskRequest, Watermark, WatermarkInfo

_LEAST: Final = 2000  # milliseconds of sound


@frozen
class IdentifyFace(Request):
    """
    Find the faces in a clip that can be made to speak. Exactly one of `video_id` and `video_url`.

    Billed per call. Documented on the vendor's page Lip-Sync.
    """

    video_id: str | None = identifier("A video of the last 30 days, at most 60 s long.", default=None)
    video_url: str | None = video(
        "A clip: mp4 or mov, 2 to 60 s, 720p or 1080p, 512 to 2160 pixels a side, at most 100 MB.", default=None
    )

    def rules(self) -> Iterable[Rule]:
        """One clip."""
        yield exactly_one(self, "video_url", "video_id")

    def estimate(self) -> Decimal | None:
        """The price of a call."""
        return units("identify-face")


@frozen
class FaceChoice(Checked):
    """Which face speaks, what, and when. Exactly one of `audio_id` and `sound_file`; all times in milliseconds."""

    face_id: str = identifier("The face, from videos.identify_face.")
    audio_id: str | None = identifier("A speech of audio.text_to_speech of the last 30 days, 2 to 60 s.", default=None)
    sound_file: MediaInput | None = sound("A recording: mp3, wav, m4a or aac, 2 to 60 s, at most 5 MB.", default=None)
    sound_start_time: int = integer("Where to start in the sound.", 0)
    sound_end_time: int = integer("Where to end in the sound, at least 2 s later.", 0)
    sound_insert_time: int = integer("Where in the video it begins; must meet the face for at least 2 s.", 0)
    sound_volume: float | None = number("Loudness of the sound (vendor's default 1).", 0, 2, default=None)
    original_audio_volume: float | None = number(
        "Loudness of the video's own sound (vendor's default 1).", 0, 2, default=None
    )

    def rules(self) -> Iterable[Rule]:
        """One sound, long enough."""
        yield exactly_one(self, "sound_file", "audio_id")
        length = self.sound_end_time - self.sound_start_time
        yield Rule(
            "sound_end_time", f"must be at least {_LEAST} ms after sound_start_time, is {length}", length >= _LEAST
        )


@frozen
class AdvancedLipSync(TaskRequest):
    """
    A video in which one face speaks a sound.

    Billed per 5 seconds. Documented on the vendor's page Lip-Sync.
    """

    session_id: str = identifier("The session that videos.identify_face gave; lives 24 hours.")
    face_choose: Sequence[FaceChoice | Mapping[str, Any]] = sequence(
        "Which face speaks what; one so far.", FaceChoice, minimum=1, maximum=1
    )
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)


@frozen
class LipSyncInput(Checked):
    """A clip, and what to say in it: a text (mode text2video) or a sound (mode audio2video)."""

    mode: Literal["text2video", "audio2video"] = choice("What is given.", "text2video", "audio2video")
    video_id: str | None = identifier("A video of the last 30 days, 5 or 10 s long.", default=None)
    video_url: str | None = video("A clip: mp4 or mov, 2 to 10 s (later 60 s), at most 100 MB.", default=None)
    text: str | None = words("What to say.", max_length=120, default=None)
    voice_id: str | None = identifier("Who says it; a voice of text to speech.", default=None)
    voice_language: Literal["zh", "en"] | None = choice(
        "The voice's language; the vendor's default is not documented.", "zh", "en", default=None
    )
    voice_speed: float | None = number("How fast (vendor's default 1).", 0.8, 2, default=None)
    audio_type: Literal["file", "url"] | None = choice("Which of the next two is given.", "file", "url", default=None)
    audio_file: MediaInput | None = sound("A recording: mp3, wav, m4a or aac, at most 5 MB.", default=None)
    audio_url: str | None = url("Where a recording lies.", default=None)

    def rules(self) -> Iterable[Rule]:
        """One clip, and all of what the mode asks for and nothing of the other."""
        speaks = self.mode == "text2video"
        yield exactly_one(self, "video_url", "video_id")
        for name in ("text", "voice_id"):
            yield Rule(name, "is required for mode text2video", not speaks or getattr(self, name) is not None)
        yield Rule("audio_type", "is required for mode audio2video", speaks or self.audio_type is not None)
        for name, kind in (("audio_file", "file"), ("audio_url", "url")):
            given, wanted = getattr(self, name) is not None, self.audio_type == kind
            yield Rule(name, f"goes with audio_type {kind}, and with nothing else", given == wanted)
        for name in ("text", "voice_id", "voice_language", "voice_speed"):
            yield Rule(name, "goes with mode text2video only", speaks or getattr(self, name) is None)
        yield Rule("audio_type", "goes with mode audio2video only", not speaks or self.audio_type is None)
        link = isinstance(self.audio_file, str) and self.audio_file[:4].lower() == "http"
        yield Rule("audio_file", "must not be a URL; pass that as audio_url with audio_type url", not link)


@frozen
class LipSync(TaskRequest):
    """
    A video in which somebody speaks, by the vendor's first, deprecated call; `advanced_lip_sync` replaces it.

    Billed per 5 seconds. Known from third parties, no longer on the vendor's pages.
    """

    input: LipSyncInput | Mapping[str, Any] = nested("The clip and what to say in it.", LipSyncInput)


@frozen
class Avatar(TaskRequest):
    """
    A video in which a portrait speaks a sound, as long as the sound. Exactly one of `audio_id` and `sound_file`.

    Billed per second. With several faces the vendor chooses. Documented on the vendor's page Avatar.
    """

    image: MediaInput = picture("The portrait.")
    audio_id: str | None = identifier("A speech of audio.text_to_speech of the last 30 days, 2 to 300 s.", default=None)
    sound_file: MediaInput | None = sound("A recording: mp3, wav, m4a or aac, 2 to 300 s, at most 5 MB.", default=None)
    prompt: str | None = words("Motion, mood, camera.", max_length=2500, default=None)
    mode: Literal["std", "pro"] | None = choice("The quality (vendor's default std).", "std", "pro", default=None)
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)

    def rules(self) -> Iterable[Rule]:
        """One sound."""
        yield exactly_one(self, "sound_file", "audio_id")


class Speaking(Resource):
    """Videos in which somebody speaks."""

    name = "videos"

    identify_face: Final = DirectEndpoint(IdentifyFace, value(Faces), "/v1/videos/identify-face")
    """Find the faces in a clip, before `advanced_lip_sync`."""

    advanced_lip_sync: Final = TaskEndpoint(
        AdvancedLipSync, VideoResult, "/v1/videos/advanced-lip-sync", pool="video", query_by_external_id=False
    )
    """Make one face in a clip speak a sound."""

    lip_sync: Final = TaskEndpoint(
        LipSync, VideoResult, "/v1/videos/lip-sync", pool="video", query_by_external_id=False
    )
    """The first generation of lip-sync, deprecated."""

    avatar: Final = TaskEndpoint(Avatar, VideoResult, "/v1/videos/avatar/image2video", pool="video")
    """Make a portrait speak a sound."""
