"""Pictures made from pictures: of the same subjects, wider, worn by somebody, seen from elsewhere, or taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from ...media.inputs import MediaInput, PictureLimits
from ...models import ImageResult, MultiShotResult, Recognition
from ...protocol.direct import DirectEndpoint, lifted
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import REFERENCE_IMAGE_MODELS, TRY_ON_MODELS
from ..fields import Checked, Rule, frozen
from ..kinds import choice, integer, nested, number, picture, sequence, text
from ..prices import units
from ..shared import Request, TaskRequest, Watermark, WatermarkInfo
from .generation import ImageRatio

_ANY_RATIO: Final = PictureLimits(min_ratio=0, max_ratio=float("inf"))
_LARGEST: Final = 3.0
_TOLERANCE: Final = 1e-6  # shares are quotients; one that was meant to reach the limit may land a hair beyond it


@frozen
class SubjectImage(Checked):
    """A picture that is already cropped to its subject; the vendor does not crop."""

    subject_image: MediaInput = picture("The picture.")


@frozen
class ReferenceToImage(TaskRequest):
    """
    Pictures that show what up to four pictures show, in a given scene and style.

    Each of the `n` pictures is billed and holds a slot. Documented on the vendor's page Multi-Image to Image.
    """

    subject_image_list: Sequence[SubjectImage | Mapping[str, Any]] = sequence(
        "What to show.", SubjectImage, minimum=1, maximum=4
    )
    prompt: str | None = text("What is to be seen.", max_length=2500, default=None)
    model_name: Literal["kling-v2", "kling-v2-1"] | str | None = choice(
        "The model; name one, the vendor retires defaults.", *REFERENCE_IMAGE_MODELS, open=True, default=None
    )
    scene_image: MediaInput | None = picture("Where it is to be.", default=None)
    style_image: MediaInput | None = picture("What it is to look like.", default=None)
    n: int | None = integer("How many pictures (vendor's default 1).", 1, 9, default=None)
    aspect_ratio: ImageRatio | None = choice(
        "Width to height (vendor's default 16:9).",
        *("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"),
        default=None,
    )
    watermark_info: Watermark | None = nested("Ask for watermarked files too.", WatermarkInfo, default=None)

    def estimate(self) -> Decimal | None:
        """The price of a picture times `n`; None for a model without a known price, and where none is named."""
        return units(f"{self.model_name} multi-image2image", times=self.n or 1)


@frozen
class ExpandImage(TaskRequest):
    """
    A picture with more around it: shares of its height above and below, of its width on the left and right.

    The new picture may have three times the area of the old. From a target size: up + down = height / old height - 1,
    left + right = width / old width - 1. Each of the `n` pictures is billed and holds a slot. Documented on the
    vendor's page Image Expansion.
    """

    image: MediaInput = picture("The picture.")
    up_expansion_ratio: float = number("How much above, as a share of the height.", 0, 2)
    down_expansion_ratio: float = number("How much below, as a share of the height.", 0, 2)
    left_expansion_ratio: float = number("How much on the left, as a share of the width.", 0, 2)
    right_expansion_ratio: float = number("How much on the right, as a share of the width.", 0, 2)
    prompt: str | None = text("What is to be seen there.", max_length=2500, default=None)
    n: int | None = integer("How many pictures (vendor's default 1).", 1, 9, default=None)
    watermark_info: Watermark | None = nested("Ask for watermarked files too.", WatermarkInfo, default=None)

    def rules(self) -> Iterable[Rule]:
        """Rule expand-1 of the documents."""
        height = 1 + self.up_expansion_ratio + self.down_expansion_ratio
        width = 1 + self.left_expansion_ratio + self.right_expansion_ratio
        yield Rule(
            "up_expansion_ratio",
            f"(1 + up + down) x (1 + left + right) must be at most 3, is {height * width:.4g}",
            height * width <= _LARGEST + _TOLERANCE,
        )

    def estimate(self) -> Decimal | None:
        """The price of a picture times `n`."""
        return units("expand", times=self.n or 1)


@frozen
class TryOn(TaskRequest):
    """
    A picture of a person wearing a garment from another picture.

    One garment; with kolors-virtual-try-on-v1-5 also a picture of an upper and a lower one side by side. Billed per
    picture. Documented on the vendor's page Virtual Try-On.
    """

    human_image: MediaInput = picture("The person.", limits=_ANY_RATIO)
    cloth_image: MediaInput = picture("The garment: a product shot, or on white.", limits=_ANY_RATIO)
    model_name: Literal["kolors-virtual-try-on-v1", "kolors-virtual-try-on-v1-5"] | str | None = choice(
        "The model (vendor's default kolors-virtual-try-on-v1).", *TRY_ON_MODELS, open=True, default=None
    )

    def estimate(self) -> Decimal | None:
        """The price of a picture, in units of the try-on packs."""
        return units("kolors-virtual-try-on")


@frozen
class GenerateMultiShot(TaskRequest):
    """
    Further views of a subject from its front, in up to three sets of three; the source of the views of an element.

    Billed per call. Documented on the vendor's page AI Multi-Shot.
    """

    element_frontal_image: MediaInput = picture("The front of the subject.")

    def estimate(self) -> Decimal | None:
        """The price of a call."""
        return units("ai-multi-shot")


@frozen
class RecognizeImage(Request):
    """
    Cut a subject, its head, its face and its clothes out of a picture.

    Meant for cropping what `reference_to_video` and `multi_elements` take. Billed per call, from video packs.
    Documented on the vendor's page Image Recognition.
    """

    image: MediaInput = picture("The picture.")

    def estimate(self) -> Decimal | None:
        """The price of a call, in units of the video packs."""
        return units("image-recognize")


def _n(request: ReferenceToImage | ExpandImage) -> int:
    return request.n or 1


class References(Resource):
    """Pictures made from pictures."""

    name = "images"

    reference_to_image: Final = TaskEndpoint(
        ReferenceToImage, ImageResult, "/v1/images/multi-image2image", pool="image", weight=_n
    )
    """Make pictures that show what up to four pictures show."""

    expand: Final = TaskEndpoint(ExpandImage, ImageResult, "/v1/images/editing/expand", pool="image", weight=_n)
    """Give a picture more around it."""

    try_on: Final = TaskEndpoint(TryOn, ImageResult, "/v1/images/kolors-virtual-try-on", pool="try_on")
    """Show a person wearing a garment."""

    multi_shot: Final = TaskEndpoint(
        GenerateMultiShot, MultiShotResult, "/v1/general/ai-multi-shot", pool="image", query_by_external_id=False
    )
    """Make further views of a subject from its front."""

    recognize: Final = DirectEndpoint(RecognizeImage, lifted(Recognition, "task_result"), "/v1/videos/image-recognize")
    """Cut a subject, its head, its face and its clothes out of a picture."""
