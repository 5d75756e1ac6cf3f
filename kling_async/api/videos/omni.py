"""Omni videos: words, pictures, elements and a clip in one request, told apart by what the prompt cites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from ...media.inputs import MediaInput
from ...models import VideoResult
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import OMNI_VIDEO_MODELS
from ..fields import Checked, Rule, frozen
from ..kinds import choice, nested, picture, seconds, sequence, switch, text, video
from ..prices import units
from ..shared import ElementRef, ElementRefs, TaskRequest, Watermark, WatermarkInfo
from ..storyboard import ShotPrompt, Shots, references, storyboard, words

OmniVideoModelName: TypeAlias = Literal["kling-video-o1", "kling-v3-omni"] | str


@frozen
class OmniVideoImage(Checked):
    """A picture to refer to, or a frame to start or end with."""

    image_url: MediaInput = picture("The picture; despite its name the field takes files too.")
    type: Literal["first_frame", "end_frame"] | None = choice(
        "Leave it out for a picture that is only referred to.", "first_frame", "end_frame", default=None
    )


@frozen
class OmniVideoClip(Checked):
    """A clip to take something from, or to edit."""

    video_url: str = video("The clip: mp4 or mov, 3 to 10 s (kling-v3-omni to 15 s), at most 200 MB.")
    refer_type: Literal["feature", "base"] | None = choice(
        "feature takes style, motion or the next shot from it; base edits it (vendor's default).",
        *("feature", "base"),
        default=None,
    )
    keep_original_sound: Literal["yes", "no"] | None = choice(
        "Whether the result keeps its sound; the vendor's default is not documented.", "yes", "no", default=None
    )


@frozen
class OmniVideo(TaskRequest):
    """
    A video from words, pictures, elements and a clip, which the prompt cites as `<<<image_1>>>` and so on.

    Billed per second, also of an edited clip. Documented on the vendor's page Omni-Video.
    """

    prompt: str | None = text(
        "What to show; cites inputs as <<<image_1>>>, <<<element_1>>>, <<<video_1>>>, counting from 1.",
        max_length=2500,
        default=None,
    )
    model_name: OmniVideoModelName | None = choice(
        "The model; name one, the vendor retires defaults.", *OMNI_VIDEO_MODELS, open=True, default=None
    )
    multi_shot: bool | None = switch("True for a storyboard of several shots (kling-v3-omni).", default=None)
    shot_type: Literal["customize", "intelligence"] | None = choice(
        "Who writes the storyboard: multi_prompt (customize) or the model.", "customize", "intelligence", default=None
    )
    multi_prompt: Shots | None = sequence(
        "The shots, whose durations add up to duration.", ShotPrompt, minimum=1, maximum=6, default=None
    )
    image_list: Sequence[OmniVideoImage | Mapping[str, Any]] | None = sequence(
        "Pictures, at most 7 together with elements, 4 beside a clip.", OmniVideoImage, maximum=7, default=None
    )
    element_list: ElementRefs | None = sequence("Elements to show.", ElementRef, maximum=7, default=None)
    video_list: Sequence[OmniVideoClip | Mapping[str, Any]] | None = sequence(
        "A clip.", OmniVideoClip, maximum=1, default=None
    )
    sound: Literal["on", "off"] | None = choice(
        "Whether to make sound (vendor's default off).", "on", "off", default=None
    )
    mode: Literal["std", "pro", "4k"] | None = choice(
        "std is 720p, pro 1080p, 4k native 4K (vendor's default pro).", "std", "pro", "4k", default=None
    )
    aspect_ratio: Literal["16:9", "9:16", "1:1"] | None = choice(
        "Width to height; required unless a first frame or an edited clip decides it.",
        *("16:9", "9:16", "1:1"),
        default=None,
    )
    duration: int | str | None = seconds(
        "Seconds (vendor's default 5); an edited clip keeps its own length.", 3, 15, default=None
    )
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)

    @property
    def length(self) -> int:
        """Seconds the video will have, unless it edits a clip."""
        return int(self.duration or 5)

    @property
    def _frames(self) -> list[str]:
        images = (each for each in self.image_list or () if isinstance(each, OmniVideoImage))
        return [each.type for each in images if each.type]

    @property
    def _edits(self) -> bool:
        clips = [each for each in self.video_list or () if isinstance(each, OmniVideoClip)]
        return any(each.refer_type in (None, "base") for each in clips)

    def rules(self) -> Iterable[Rule]:
        """The conditions of the page that hold for every model."""
        images, elements, clips = (len(each or ()) for each in (self.image_list, self.element_list, self.video_list))
        frames, edits = self._frames, self._edits
        most, beside = (4, " beside a clip") if clips else (7, "")
        yield Rule("prompt", "is required unless multi_prompt says what to show", bool(self.prompt or self.multi_shot))
        yield from storyboard(self)
        yield Rule("image_list", "may hold one first_frame and one end_frame", len(set(frames)) == len(frames))
        yield Rule("image_list", "end_frame needs a first_frame", "end_frame" not in frames or "first_frame" in frames)
        yield Rule("image_list", "end_frame needs at most 2 images", "end_frame" not in frames or images <= 2)
        yield Rule("image_list", "end_frame is not supported with video_list", "end_frame" not in frames or not clips)
        yield Rule(
            "image_list", "frames are not taken with a clip that is edited (refer_type base)", not (frames and edits)
        )
        yield Rule(
            "element_list", f"images and elements may be at most {most} together{beside}", images + elements <= most
        )
        yield Rule("sound", "must be off with video_list", not (clips and self.sound == "on"))
        yield Rule(
            "multi_shot", "is not taken with a clip that is edited (refer_type base)", not (self.multi_shot and edits)
        )
        yield Rule(
            "shot_type",
            "must be intelligence with a clip that is referred to",
            not (self.multi_shot and clips) or self.shot_type == "intelligence",
        )
        yield Rule(
            "aspect_ratio",
            "is required unless a first frame or an edited clip decides it",
            bool(self.aspect_ratio or edits or "first_frame" in frames),
        )
        yield from references("prompt", words(self), image=images, element=elements, video=clips)

    def abilities(self) -> Iterable[Rule]:
        """What the page says of each model."""
        model = OMNI_VIDEO_MODELS.get(self.model_name or "")
        if model is None:
            return
        name, frames, elements = self.model_name, self._frames, len(self.element_list or ())
        referred = len(self.image_list or ()) > len(frames) or bool(self.element_list or self.video_list)
        lengths = f"must be {model.seconds[0]} to {model.seconds[-1]} seconds for {name}"
        yield Rule("duration", lengths, self._edits or self.length in model.seconds)
        yield Rule(
            "duration",
            f"must be 5 or 10 seconds for {name} without a picture, element or clip that is referred to",
            not model.long_or_short or referred or "end_frame" in frames or self.length in (5, 10),
        )
        yield Rule("mode", f"{self.mode} is not offered by {name}", self.mode is None or self.mode in model.modes)
        yield Rule("sound", f"is not made by {name}", model.sound or self.sound != "on")
        yield Rule("multi_shot", f"is not supported by {name}", model.multi_shot or not self.multi_shot)
        both = "end_frame" in frames
        most = model.elements_with_both_frames if both else model.elements_with_frames
        beside = "both frames" if both else "a first frame"
        yield Rule(
            "element_list", f"may hold at most {most} beside {beside} for {name}", not frames or elements <= most
        )

    def estimate(self) -> Decimal | None:
        """Seconds times the price of the model; None without a model, and for an edited clip, whose length decides."""
        if self._edits:
            return None
        if self.video_list:
            tariff = f"{self.model_name} with video input"
        elif self.model_name == "kling-video-o1":
            tariff = "kling-video-o1 no video input"
        else:
            tariff = f"{self.model_name} no video input, {'audio' if self.sound == 'on' else 'silent'}"
        return units(tariff, mode=self.mode or "pro", times=self.length)


class Omni(Resource):
    """Videos from everything at once."""

    name = "videos"

    omni: Final = TaskEndpoint(OmniVideo, VideoResult, "/v1/videos/omni-video", pool="video")
    """Make a video from words, pictures, elements and a clip."""
