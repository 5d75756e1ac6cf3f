"""Videos that follow pictures of what they show, or the motion of another video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from ...media.inputs import MediaInput, PictureLimits
from ...models import VideoResult
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import MOTION_MODELS, REFERENCE_VIDEO_MODELS
from ..fields import Checked, Rule, frozen
from ..kinds import choice, nested, picture, seconds, sequence, text, video
from ..prices import units
from ..shared import ElementRef, ElementRefs, TaskRequest, Watermark, WatermarkInfo

_LONG_SIDE: Final = PictureLimits(max_side=65536)


@frozen
class ReferenceImage(Checked):
    """A picture that is already cropped to its subject; the vendor does not crop."""

    image: MediaInput = picture("The picture.")


ReferenceImages: TypeAlias = Sequence[ReferenceImage | Mapping[str, Any]]


@frozen
class ReferenceToVideo(TaskRequest):
    """
    A video that shows what up to four pictures show.

    Billed per second. Documented on the vendor's page Multi-Image to Video.
    """

    image_list: ReferenceImages = sequence("What to show.", ReferenceImage, minimum=1, maximum=4)
    prompt: str = text("What is to happen.", max_length=2500)
    model_name: Literal["kling-v1-6"] | str | None = choice(
        "The model; so far there is one.", *REFERENCE_VIDEO_MODELS, open=True, default=None
    )
    negative_prompt: str | None = text("What to avoid.", max_length=2500, default=None)
    mode: Literal["std", "pro"] | None = choice("The quality (vendor's default std).", "std", "pro", default=None)
    duration: int | str | None = seconds("Seconds (vendor's default 5).", only=(5, 10), default=None)
    aspect_ratio: Literal["16:9", "9:16", "1:1"] | None = choice(
        "Width to height (vendor's default 16:9).", "16:9", "9:16", "1:1", default=None
    )
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)

    def estimate(self) -> Decimal | None:
        """Seconds times the price of the one model; None if another is named."""
        if self.model_name not in (None, *REFERENCE_VIDEO_MODELS):
            return None
        tariff = "kling-v1-6 (also multi-image2video)"
        return units(tariff, mode=self.mode or "std", times=int(self.duration or 5))


@frozen
class MotionControl(TaskRequest):
    """
    A person from a picture, moving as somebody in a clip does. As long as the clip's usable motion.

    Billed per second of the result, rounded. Documented on the vendor's page Motion Control.
    """

    image_url: MediaInput = picture("Who is to move, upper or full body; the field takes files too.", limits=_LONG_SIDE)
    video_url: str = video("The motion: mp4 or mov, one person, one shot, at least 3 s, at most 100 MB.")
    character_orientation: Literal["image", "video"] = choice(
        "Which way to face: as in the picture (clip at most 10 s) or as in the clip (at most 30 s).", "image", "video"
    )
    mode: Literal["std", "pro"] = choice("The quality; has no default here.", "std", "pro")
    model_name: Literal["kling-v2-6", "kling-v3"] | str | None = choice(
        "The model; name one, the vendor retires defaults.", *MOTION_MODELS, open=True, default=None
    )
    prompt: str | None = text("Scene or camera.", max_length=2500, default=None)
    element_list: ElementRefs | None = sequence("An element to show (kling-v3).", ElementRef, maximum=1, default=None)
    keep_original_sound: Literal["yes", "no"] | None = choice(
        "Whether to keep the clip's sound (vendor's default yes).", "yes", "no", default=None
    )
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)

    def rules(self) -> Iterable[Rule]:
        """An element faces as the clip does."""
        yield Rule(
            "character_orientation",
            "must be video with element_list",
            not self.element_list or self.character_orientation == "video",
        )

    def abilities(self) -> Iterable[Rule]:
        """Which model takes elements."""
        takes = MOTION_MODELS.get(self.model_name or "", True)
        yield Rule("element_list", f"is not supported by {self.model_name}", takes or not self.element_list)


class References(Resource):
    """Videos that follow pictures or motion."""

    name = "videos"

    reference_to_video: Final = TaskEndpoint(
        ReferenceToVideo, VideoResult, "/v1/videos/multi-image2video", pool="video"
    )
    """Make a video that shows what up to four pictures show."""

    motion_control: Final = TaskEndpoint(MotionControl, VideoResult, "/v1/videos/motion-control", pool="video")
    """Make a person from a picture move as somebody in a clip does."""
