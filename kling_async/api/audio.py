"""Sounds: from words, for a video, and speech."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

from ..models import AudioResult, DubbingResult, SpeechResult
from ..protocol.direct import DirectEndpoint, task_of
from ..protocol.endpoint import Resource, TaskEndpoint
from .fields import Rule, exactly_one, frozen
from .kinds import choice, identifier, number, switch, video
from .kinds import text as words
from .prices import units
from .shared import Request, TaskRequest


@frozen
class TextToAudio(TaskRequest):
    """
    A sound from words, as MP3 and WAV.

    Billed per call. Documented on the vendor's page Text to Audio.
    """

    prompt: str = words("What is to be heard.", max_length=200)
    duration: float = number("Seconds, with at most one decimal.", 3, 10)

    def rules(self) -> Iterable[Rule]:
        """Tenths of a second are as fine as it gets."""
        yield Rule("duration", "must have at most one decimal", round(self.duration, 1) == self.duration)

    def estimate(self) -> Decimal | None:
        """The price of a call."""
        return units("text-to-audio")


@frozen
class VideoToAudio(TaskRequest):
    """
    Sound and music that fit a video, alone and mixed into it. Exactly one of `video_id` and `video_url`.

    Billed per call. Documented on the vendor's page Video to Audio.
    """

    video_id: str | None = identifier("A video of the last 30 days, 3 to 20 s long.", default=None)
    video_url: str | None = video("A clip: mp4 or mov, 3 to 20 s, at most 100 MB.", default=None)
    sound_effect_prompt: str | None = words("What is to be heard.", max_length=200, default=None)
    bgm_prompt: str | None = words("What music is to be heard.", max_length=200, default=None)
    asmr_mode: bool | None = switch("True for sound rich in detail (vendor's default false).", default=None)

    def rules(self) -> Iterable[Rule]:
        """One clip."""
        yield exactly_one(self, "video_url", "video_id")

    def estimate(self) -> Decimal | None:
        """The price of a call."""
        return units("video-to-audio")


@frozen
class TextToSpeech(Request):
    """
    A text spoken by a voice of the vendor's speech catalogue; the sound's id goes into avatar and lip-sync.

    Voices of `voices` are another catalogue and are refused. Billed per call. Documented on the vendor's page TTS.
    """

    text: str = words("What to say.", max_length=1000)
    voice_id: str = identifier("Who says it; see the vendor's voice guide.")
    voice_language: Literal["zh", "en"] = choice("The voice's language.", "zh", "en")
    voice_speed: float | None = number(
        "How fast, 0.8 to 2 (vendor's default 1); the vendor rounds what lies outside.", default=None
    )

    def estimate(self) -> Decimal | None:
        """The price of a call."""
        return units("tts")


class Sounds(Resource):
    """Everything that makes sounds."""

    name = "audio"

    text_to_audio: Final = TaskEndpoint(TextToAudio, AudioResult, "/v1/audio/text-to-audio", pool="video")
    """Make a sound from words."""

    video_to_audio: Final = TaskEndpoint(VideoToAudio, DubbingResult, "/v1/audio/video-to-audio", pool="video")
    """Make sound and music that fit a video."""

    text_to_speech: Final = DirectEndpoint(TextToSpeech, task_of(SpeechResult), "/v1/audio/tts")
    """Say a text; answers with the finished task, which can be downloaded."""
