"""The task endpoints that make pictures."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from .endpoint import Endpoint
from .inputs import PictureField
from .lifecycle import IMAGE
from .prices import image_tariff, units_of
from .results_images import images, views
from .rules import Body
from .rules_images import IMAGE_GENERATION
from .world import World


def _count(body: Body) -> int:
    return int(body["n"])


def _image_price(body: Body, _: World) -> Decimal | None:
    return units_of(image_tariff(body), mode="", times=_count(body))


def _multi_shot_price(_: Body, __: World) -> Decimal | None:
    return units_of(("ai-multi-shot",), mode="", times=1)


IMAGES: Final = (
    Endpoint(
        path="/v1/images/generations",
        document="image-account",
        schema_name="ImageGenerationCreate",
        pool="image",
        durations=IMAGE,
        price=_image_price,
        make=images,
        lists=("images",),
        rules=IMAGE_GENERATION,
        weight=_count,
        pictures=(PictureField("image"),),
    ),
    Endpoint(
        path="/v1/general/ai-multi-shot",
        document="image-account",
        schema_name="AiMultiShotCreate",
        pool="image",
        durations=IMAGE,
        price=_multi_shot_price,
        make=views,
        lists=("images",),
        pictures=(PictureField("element_frontal_image"),),
        watermark=False,
    ),
)
