"""The task endpoints that make pictures."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from .endpoint import Endpoint
from .inputs import PictureField
from .lifecycle import IMAGE
from .prices import image_tariff, omni_image_tariff, units_of
from .results_images import expanded, fitting, image_count, images, omni_images, views
from .rules import Body, element_refused
from .rules_images import EXPAND, IMAGE_GENERATION, OMNI_IMAGE
from .world import World

Price = Callable[[Body, World], Decimal | None]


def _image_price(body: Body, _: World) -> Decimal | None:
    return units_of(image_tariff(body), mode="", times=image_count(body))


def _omni_price(body: Body, _: World) -> Decimal | None:
    return units_of(omni_image_tariff(body), mode="", times=image_count(body))


def _reference_price(body: Body, _: World) -> Decimal | None:
    return units_of((f"{body['model_name']} multi-image2image",), mode="", times=image_count(body))


def _expand_price(body: Body, _: World) -> Decimal | None:
    return units_of(("expand",), mode="", times=image_count(body))


def _per_call(what: str) -> Price:
    return lambda _, __: units_of((what,), mode="", times=1)


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
        checks=(element_refused,),
        weight=image_count,
        pictures=(PictureField("image"),),
    ),
    Endpoint(
        path="/v1/images/omni-image",
        document="image-account",
        schema_name="OmniImageCreate",
        pool="image",
        durations=IMAGE,
        price=_omni_price,
        make=omni_images,
        lists=("images", "series_images"),
        rules=OMNI_IMAGE,
        checks=(element_refused,),
        weight=image_count,
        pictures=(PictureField("image_list[].image"),),
    ),
    Endpoint(
        path="/v1/images/multi-image2image",
        document="image-account",
        schema_name="MultiImageToImageCreate",
        pool="image",
        durations=IMAGE,
        price=_reference_price,
        make=images,
        lists=("images",),
        weight=image_count,
        pictures=(
            PictureField("subject_image_list[].subject_image"),
            PictureField("scene_image"),
            PictureField("style_image"),
        ),
    ),
    Endpoint(
        path="/v1/images/editing/expand",
        document="image-account",
        schema_name="ExpandImageCreate",
        pool="image",
        durations=IMAGE,
        price=_expand_price,
        make=expanded,
        lists=("images",),
        rules=EXPAND,
        weight=image_count,
        pictures=(PictureField("image"),),
    ),
    Endpoint(
        path="/v1/images/kolors-virtual-try-on",
        document="image-account",
        schema_name="VirtualTryOnCreate",
        pool="try_on",
        durations=IMAGE,
        price=_per_call("kolors-virtual-try-on"),
        make=fitting,
        lists=("images",),
        pictures=(PictureField("human_image", any_ratio=True), PictureField("cloth_image", any_ratio=True)),
        watermark=False,
    ),
    Endpoint(
        path="/v1/general/ai-multi-shot",
        document="image-account",
        schema_name="AiMultiShotCreate",
        pool="image",
        durations=IMAGE,
        price=_per_call("ai-multi-shot"),
        make=views,
        lists=("images",),
        pictures=(PictureField("element_frontal_image"),),
        watermark=False,
        by_external_id=False,
    ),
)
