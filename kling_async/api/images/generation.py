"""Pictures from words, or from a picture and words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from ...media.inputs import MediaInput
from ...models import ImageResult
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import IMAGE_MODELS
from ..fields import Rule, frozen
from ..kinds import choice, integer, nested, number, picture, sequence, text
from ..prices import image_tariff, units
from ..shared import ElementRef, ElementRefs, TaskRequest, Watermark, WatermarkInfo

ImageModelName: TypeAlias = (
    Literal["kling-v1", "kling-v1-5", "kling-v2", "kling-v2-new", "kling-v2-1", "kling-v3"] | str
)
ImageRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]


@frozen
class GenerateImage(TaskRequest):
    """
    Pictures from words, or from a picture and words.

    Each of the `n` pictures is billed and holds a slot. Documented on the vendor's page Image Generation.
    """

    prompt: str = text("What to show.", max_length=2500)
    model_name: ImageModelName | None = choice(
        "The model; name one, the vendor retires defaults.", *IMAGE_MODELS, open=True, default=None
    )
    negative_prompt: str | None = text("What to avoid; not together with image.", max_length=2500, default=None)
    image: MediaInput | None = picture("A picture to start from.", default=None)
    image_reference: Literal["subject", "face"] | None = choice(
        "What to take from image; face wants exactly one face in it.", "subject", "face", default=None
    )
    image_fidelity: float | None = number("How closely to follow image (vendor's default 0.5).", 0, 1, default=None)
    human_fidelity: float | None = number("How closely to follow the face (vendor's default 0.45).", 0, 1, default=None)
    element_list: ElementRefs | None = sequence(
        "Elements to show, with image at most 10.", ElementRef, maximum=10, default=None
    )
    resolution: Literal["1k", "2k"] | None = choice("Size class (vendor's default 1k).", "1k", "2k", default=None)
    n: int | None = integer("How many pictures (vendor's default 1).", 1, 9, default=None)
    aspect_ratio: ImageRatio | None = choice(
        "Width to height (vendor's default 16:9).",
        *("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"),
        default=None,
    )
    watermark_info: Watermark | None = nested("Ask for watermarked files too.", WatermarkInfo, default=None)

    def rules(self) -> Iterable[Rule]:
        """Rules gen-1 and gen-7 of the documents."""
        given, elements = self.image is not None, len(self.element_list or ())
        yield Rule("image", "is required when image_reference is given", given or not self.image_reference)
        yield Rule("element_list", "elements and image may be at most 10 together", elements + given <= 10)

    def abilities(self) -> Iterable[Rule]:
        """Rules gen-2 to gen-6 and gen-8 to gen-10; the model's only where its abilities are known."""
        given, elements = self.image is not None, len(self.element_list or ())
        model = IMAGE_MODELS.get(self.model_name or "")
        yield Rule("negative_prompt", "is not supported together with image", not (given and self.negative_prompt))
        yield Rule(
            "human_fidelity",
            "is only available with image_reference subject",
            self.human_fidelity is None or self.image_reference == "subject",
        )
        if model is None:
            return
        name = self.model_name
        yield Rule("image", f"is required: {name} has no text to image", model.text or given)
        yield Rule(
            "image_reference",
            f"is required when {name} is given an image",
            not (model.needs_reference and given) or bool(self.image_reference),
        )
        yield Rule("human_fidelity", f"is not supported by {name}", model.human_fidelity or self.human_fidelity is None)
        yield Rule("image_reference", f"is not supported by {name}", model.image_reference or not self.image_reference)
        yield Rule("image_fidelity", f"is not supported by {name}", model.image_fidelity or self.image_fidelity is None)
        yield Rule("element_list", f"is not supported by {name}", model.elements or not elements)
        yield Rule(
            "aspect_ratio",
            f"21:9 is not supported by {name} without image",
            model.wide_from_text or given or self.aspect_ratio != "21:9",
        )
        sizes = " or ".join(model.resolutions)
        yield Rule("resolution", f"must be {sizes} for {name}", self.resolution in (None, *model.resolutions))
        yield Rule(
            "resolution",
            f"must be left out for {name} with image, whose size it follows",
            not given or self.resolution in (None, *model.resolutions_with_image),
        )

    def estimate(self) -> Decimal | None:
        """The price of a picture times `n`; None for a model without a known price, and where none is named."""
        return units(image_tariff(self.model_name, given=self.image is not None), times=self.n or 1)


def _n(request: GenerateImage) -> int:
    return request.n or 1


class Generation(Resource):
    """Pictures from words, or from a picture and words."""

    name = "images"

    generate: Final = TaskEndpoint(GenerateImage, ImageResult, "/v1/images/generations", pool="image", weight=_n)
    """Make pictures from words, or from a picture and words."""
