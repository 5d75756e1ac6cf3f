"""Omni pictures: words, pictures and elements in one request, told apart by what the prompt cites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from ...media.inputs import MediaInput
from ...models import OmniImageResult
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import OMNI_IMAGE_MODELS
from ..fields import Checked, Rule, frozen
from ..kinds import choice, integer, nested, picture, sequence, text
from ..prices import units
from ..shared import ElementRef, ElementRefs, TaskRequest, Watermark, WatermarkInfo
from ..storyboard import references

OmniImageModelName: TypeAlias = Literal["kling-image-o1", "kling-v3-omni"] | str
OmniImageRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "auto"]

_SERIES, _MOST = 4, 9  # pictures of a series where no number is given, and at most


@frozen
class OmniImageReference(Checked):
    """A picture to refer to."""

    image: MediaInput = picture("The picture.")


@frozen
class OmniImage(TaskRequest):
    """
    Pictures from words, pictures and elements, which the prompt cites as `<<<image_1>>>` and so on.

    Each picture is billed and holds a slot. Documented on the vendor's page Omni-Image.
    """

    prompt: str = text(
        "What to show; cites inputs as <<<image_1>>>, <<<element_1>>>, counting from 1.", max_length=2500
    )
    model_name: OmniImageModelName | None = choice(
        "The model; name one, the vendor retires defaults.", *OMNI_IMAGE_MODELS, open=True, default=None
    )
    image_list: Sequence[OmniImageReference | Mapping[str, Any]] | None = sequence(
        "Pictures to refer to, at most 10 together with elements.", OmniImageReference, maximum=10, default=None
    )
    element_list: ElementRefs | None = sequence("Elements to show.", ElementRef, maximum=10, default=None)
    resolution: Literal["1k", "2k", "4k"] | None = choice(
        "Size class (vendor's default 1k); 4k with kling-v3-omni.", "1k", "2k", "4k", default=None
    )
    result_type: Literal["single", "series"] | None = choice(
        "Single pictures (vendor's default), or a connected series (kling-v3-omni).", "single", "series", default=None
    )
    n: int | None = integer("How many single pictures (vendor's default 1).", 1, 9, default=None)
    series_amount: int | Literal["auto"] | None = integer(
        "How many pictures a series has (vendor's default 4), or auto.", 2, _MOST, words=("auto",), default=None
    )
    aspect_ratio: OmniImageRatio | None = choice(
        "Width to height (vendor's default auto, which is meant for calls with a picture).",
        *("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "auto"),
        default=None,
    )
    watermark_info: Watermark | None = nested("Ask for watermarked files too.", WatermarkInfo, default=None)

    @property
    def amount(self) -> int | None:
        """How many pictures will be made; None where the vendor is to decide."""
        if self.result_type != "series":
            return self.n or 1
        return None if self.series_amount == "auto" else self.series_amount or _SERIES

    def rules(self) -> Iterable[Rule]:
        """Rules omni-1, omni-2 and omni-6 of the documents."""
        images, elements = len(self.image_list or ()), len(self.element_list or ())
        yield Rule("element_list", "images and elements may be at most 10 together", images + elements <= 10)
        yield from references("prompt", (self.prompt,), image=images, element=elements, video=0)

    def abilities(self) -> Iterable[Rule]:
        """Rules omni-3 to omni-5 and omni-7; the model's only where its abilities are known."""
        series = self.result_type == "series"
        yield Rule("n", "has no effect with result_type series; give series_amount", not series or self.n is None)
        yield Rule("series_amount", "has no effect without result_type series", series or self.series_amount is None)
        referred = bool(self.image_list or self.element_list)
        yield Rule("aspect_ratio", "auto needs a picture or element", referred or self.aspect_ratio != "auto")
        for name, value in (("resolution", "4k"), ("result_type", "series")):
            named = self.model_name is not None or getattr(self, name) != value
            yield Rule(name, f"{value} needs a model_name that has it; the vendor's default has not", named)
        model = OMNI_IMAGE_MODELS.get(self.model_name or "")
        if model is None:
            return
        sizes = " or ".join(model.resolutions)
        yield Rule(
            "resolution", f"must be {sizes} for {self.model_name}", self.resolution in (None, *model.resolutions)
        )
        yield Rule("result_type", f"series is not supported by {self.model_name}", model.series or not series)

    def estimate(self) -> Decimal | None:
        """The price of a picture times their number; None without a model, and where the vendor decides the number."""
        if self.amount is None:
            return None
        size = f" {'4k' if self.resolution == '4k' else '1k/2k'}" if self.model_name == "kling-v3-omni" else ""
        return units(f"{self.model_name}{size}", times=self.amount)


def _slots(request: OmniImage) -> int:
    return request.amount or _MOST


class Omni(Resource):
    """Pictures from everything at once."""

    name = "images"

    omni: Final = TaskEndpoint(OmniImage, OmniImageResult, "/v1/images/omni-image", pool="image", weight=_slots)
    """Make pictures from words, pictures and elements."""
