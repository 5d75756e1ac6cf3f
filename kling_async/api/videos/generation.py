"""Videos from words or from a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from ...media.inputs import MediaInput, PictureLimits
from ...models import VideoResult
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import VIDEO_MODELS, VideoModel
from ..fields import Checked, Rule, frozen
from ..kinds import choice, integer, nested, number, picture, seconds, sequence, switch, text
from ..prices import units, video_tariff
from ..shared import ElementRef, ElementRefs, TaskRequest, VoiceRef, VoiceRefs, Watermark, WatermarkInfo
from ..storyboard import ShotPrompt, Shots, cited, references, storyboard, words

VideoModelName: TypeAlias = (
    Literal[
        "kling-v1",
        "kling-v1-5",
        "kling-v1-6",
        "kling-v2-master",
        "kling-v2-1",
        "kling-v2-1-master",
        "kling-v2-5-turbo",
        "kling-v2-6",
        "kling-v3",
    ]
    | str
)
VideoMode: TypeAlias = Literal["std", "pro", "4k"]
VideoRatio: TypeAlias = Literal["16:9", "9:16", "1:1"]
Movement: TypeAlias = Literal["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"]

_ANY_RATIO = PictureLimits(min_ratio=0, max_ratio=float("inf"))


@frozen
class CameraConfig(Checked):
    """How far the camera moves or turns, for `CameraControl` of type `simple`; exactly one value is not zero."""

    horizontal: float | None = number("Left (negative) or right.", -10, 10, default=None)
    vertical: float | None = number("Down (negative) or up.", -10, 10, default=None)
    pan: float | None = number(
        "Turn left (negative) or right; documents of 2025 say down or up.", -10, 10, default=None
    )
    tilt: float | None = number(
        "Turn down (negative) or up; documents of 2025 say left or right.", -10, 10, default=None
    )
    roll: float | None = number("Roll counter-clockwise (negative) or clockwise.", -10, 10, default=None)
    zoom: float | None = number("Narrow the view (negative) or widen it.", -10, 10, default=None)

    def rules(self) -> Iterable[Rule]:
        """Exactly one movement."""
        names = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
        moved = [name for name in names if getattr(self, name)]
        at_fault = moved[-1] if moved else names[0]
        yield Rule(at_fault, "of the six values exactly one must be other than zero", len(moved) == 1)


@frozen
class CameraControl(Checked):
    """A camera movement; without one the model decides."""

    type: Movement = choice(
        "The movement; simple takes config, the others are complete.",
        *("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"),
    )
    config: CameraConfig | Mapping[str, float] | None = nested("For simple only.", CameraConfig, default=None)

    def rules(self) -> Iterable[Rule]:
        """`config` goes with `simple`, and with nothing else."""
        simple = self.type == "simple"
        yield Rule(
            "config", "is required for type simple and must be left out for the others", simple == bool(self.config)
        )


@frozen
class Point(Checked):
    """A pixel of the picture, counted from its bottom left corner."""

    x: int = integer("From the left.")
    y: int = integer("From the bottom.")


@frozen
class DynamicMask(Checked):
    """A part of the picture and the path it takes."""

    mask: MediaInput = picture("The part, as a mask of the picture's ratio.", limits=_ANY_RATIO)
    trajectories: Sequence[Point | Mapping[str, int]] = sequence("The path, in order.", Point, minimum=2, maximum=77)


@frozen
class _VideoRequest(TaskRequest):
    """Fields that text to video and image to video share."""

    prompt: str | None = text("What is to happen.", max_length=2500, default=None)
    model_name: VideoModelName | None = choice(
        "The model; name one, the vendor retires defaults.", *VIDEO_MODELS, open=True, default=None
    )
    multi_shot: bool | None = switch("True for a storyboard of several shots (kling-v3).", default=None)
    shot_type: Literal["customize", "intelligence"] | None = choice(
        "Who writes the storyboard: multi_prompt (customize) or the model.", "customize", "intelligence", default=None
    )
    multi_prompt: Shots | None = sequence(
        "The shots, whose durations add up to duration.", ShotPrompt, minimum=1, maximum=6, default=None
    )
    negative_prompt: str | None = text("What to avoid.", max_length=2500, default=None)
    voice_list: VoiceRefs | None = sequence("Voices that the prompt cites.", VoiceRef, maximum=2, default=None)
    sound: Literal["on", "off"] | None = choice(
        "Whether to make sound (vendor's default off).", "on", "off", default=None
    )
    cfg_scale: float | None = number("How closely to follow the prompt (vendor's default 0.5).", 0, 1, default=None)
    mode: VideoMode | None = choice(
        "std is 720p, pro 1080p, 4k native 4K (vendor's default std).", "std", "pro", "4k", default=None
    )
    camera_control: CameraControl | Mapping[str, Any] | None = nested("A camera movement.", CameraControl, default=None)
    duration: int | str | None = seconds("Seconds (vendor's default 5).", 3, 15, default=None)
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)

    @property
    def length(self) -> int:
        """Seconds the video will have."""
        return int(self.duration or 5)

    def rules(self) -> Iterable[Rule]:
        """The storyboard's rules, and that voices need sound."""
        yield from storyboard(self)
        voiced = bool(cited(words(self), "voice"))
        yield Rule("sound", "must be on when the prompt cites a voice", not voiced or self.sound == "on")

    def abilities(self) -> Iterable[Rule]:
        """What the model can do in either endpoint."""
        model = VIDEO_MODELS.get(self.model_name or "")
        if model is None:
            return
        yield from self.of_model(model, self.mode or "std")
        name = self.model_name
        lengths = f"{model.seconds[0]} to {model.seconds[-1]}" if len(model.seconds) > 2 else "5 or 10"
        yield Rule("duration", f"must be {lengths} seconds for {name}", self.length in model.seconds)
        yield Rule("multi_shot", f"is not supported by {name}", model.multi_shot or not self.multi_shot)
        yield Rule("cfg_scale", f"is not supported by {name}", model.cfg_scale or self.cfg_scale is None)
        yield Rule(
            "sound",
            f"on needs mode {' or '.join(sorted(model.sound))} with {name}"
            if model.sound
            else f"is not made by {name}",
            self.sound != "on" or (self.mode or "std") in model.sound,
        )

    def of_model(self, model: VideoModel, mode: str) -> Iterable[Rule]:
        """What the model can do in this endpoint."""
        raise NotImplementedError

    def estimate(self) -> Decimal | None:
        """Seconds times the price of the model; None for a model without a known price, and where none is named."""
        voiced = bool(self.voice_list or cited(words(self), "voice"))
        tariff = video_tariff(self.model_name, sound=self.sound == "on", voices=voiced)
        model = VIDEO_MODELS.get(self.model_name or "")
        only = "std" if model is None or model.mode_field else "pro"  # the masters have one quality, listed as pro
        return units(tariff, mode=self.mode or only, times=self.length)


@frozen
class TextToVideo(_VideoRequest):
    """
    A video from words.

    Billed per second. Documented on the vendor's page Text to Video.
    """

    prompt: str | None = text(
        "What to show; may be left out only when multi_prompt says it.", max_length=2500, default=None
    )
    model_name: VideoModelName | None = choice(
        "The model; name one, the vendor retires defaults.",
        *(name for name, model in VIDEO_MODELS.items() if model.text),
        open=True,
        default=None,
    )
    aspect_ratio: VideoRatio | None = choice(
        "Width to height (vendor's default 16:9).", "16:9", "9:16", "1:1", default=None
    )

    def rules(self) -> Iterable[Rule]:
        """Words there must be, in one place or the other."""
        yield Rule("prompt", "is required unless multi_prompt says what to show", bool(self.prompt or self.multi_shot))
        yield from super().rules()
        if self.voice_list:  # the documents dispute whether this endpoint takes any, so that nothing asks for them
            yield from references("prompt", words(self), voice=len(self.voice_list))

    def of_model(self, model: VideoModel, mode: str) -> Iterable[Rule]:
        """The map's columns for text to video."""
        name = self.model_name
        yield Rule("model_name", "has no text to video", bool(model.text))
        yield Rule("mode", f"is not taken by {name} in text to video", model.mode_field or self.mode is None)
        yield Rule(
            "camera_control",
            "is only supported in std mode with 5 s duration and kling-v1",
            self.camera_control is None or (mode in model.camera_text and self.length == 5),
        )
        yield Rule("mode", f"{mode} is not offered by {name} in text to video", mode in model.text)


@frozen
class ImageToVideo(_VideoRequest):
    """
    A video that starts from a picture, ends with one, or both. The picture decides the ratio.

    Billed per second. Documented on the vendor's page Image to Video.
    """

    image: MediaInput | None = picture("The first frame.", default=None)
    image_tail: MediaInput | None = picture("The last frame.", limits=_ANY_RATIO, default=None)
    element_list: ElementRefs | None = sequence("Elements to show (kling-v3).", ElementRef, maximum=3, default=None)
    static_mask: MediaInput | None = picture("What is to stand still, as a mask.", limits=_ANY_RATIO, default=None)
    dynamic_masks: Sequence[DynamicMask | Mapping[str, Any]] | None = sequence(
        "What is to move, and where.", DynamicMask, maximum=6, default=None
    )

    @property
    def _brush(self) -> str | None:
        return "dynamic_masks" if self.dynamic_masks else "static_mask" if self.static_mask is not None else None

    def rules(self) -> Iterable[Rule]:
        """What excludes each other, and what voices need."""
        tail, camera = self.image_tail is not None, self.camera_control is not None
        one_of = "image_tail, the brush (static_mask, dynamic_masks) and camera_control exclude each other"
        yield Rule("image", "image or image_tail is required", self.image is not None or tail)
        yield Rule("image_tail", one_of, not (tail and (self._brush or camera)))
        yield Rule("camera_control", one_of, not (self._brush and camera))
        yield Rule("voice_list", "excludes element_list", not (self.voice_list and self.element_list))
        yield Rule("sound", "must be on for voice_list", not self.voice_list or self.sound == "on")
        voiced = bool(cited(words(self), "voice"))
        yield Rule("prompt", "must cite the voices of voice_list, as in <<<voice_1>>>", not self.voice_list or voiced)
        yield from super().rules()
        if not self.element_list:  # elements have voices of their own
            yield from references("prompt", words(self), voice=len(self.voice_list or ()))

    def of_model(self, model: VideoModel, mode: str) -> Iterable[Rule]:
        """The map's columns for image to video."""
        name, both = self.model_name, self.image is not None and self.image_tail is not None
        last, brush = self.image is None, self._brush
        simple = isinstance(self.camera_control, CameraControl) and self.camera_control.type == "simple"
        moves = mode in model.camera_image and simple and self.length == 5
        right_length = model.frames_seconds is None or self.length in model.frames_seconds
        yield Rule("voice_list", f"is not supported by {name} in {mode}", not self.voice_list or mode in model.voices)
        yield Rule("mode", f"{mode} is not offered by {name} in image to video", mode in model.image)
        yield Rule(
            "image_tail", f"with image is not supported by {name} in {mode}", not both or mode in model.both_frames
        )
        yield Rule(
            "image_tail", f"without image is not supported by {name} in {mode}", not last or mode in model.last_frame
        )
        yield Rule("duration", f"must be 5 seconds for {name} with two frames", not both or right_length)
        yield Rule(
            "sound",
            f"must be off for {name} with two frames",
            not (both and model.frames_silent and self.sound == "on"),
        )
        yield Rule(
            "camera_control",
            "is only supported in pro mode with 5 s duration, type simple and kling-v1-5",
            self.camera_control is None or moves,
        )
        yield Rule(
            brush or "static_mask",
            f"is not supported by {name} in {mode} with {self.length} s",
            not brush or (mode in model.brush and self.length == 5),
        )
        yield Rule("element_list", f"is not supported by {name}", model.elements or not self.element_list)


class Generation(Resource):
    """Videos from words or from a picture."""

    name = "videos"

    text_to_video: Final = TaskEndpoint(TextToVideo, VideoResult, "/v1/videos/text2video", pool="video")
    """Make a video from words."""

    image_to_video: Final = TaskEndpoint(ImageToVideo, VideoResult, "/v1/videos/image2video", pool="video")
    """Make a video that starts from a picture, ends with one, or both."""
