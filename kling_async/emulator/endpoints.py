"""
What the emulator serves: one row per task endpoint. Adding an endpoint means adding a row.

A row says where the endpoint lies, which schema and rules its bodies obey, what it costs in slots and units,
how long it takes, and what kind of files come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from .documents import BodySchema, Name, body_schema
from .lifecycle import IMAGE, VIDEO, Durations
from .media import Kind
from .prices import image_tariff, units_of, video_tariff
from .rules import IMAGE_GENERATION, IMAGE_TO_VIDEO, TEXT_TO_VIDEO, Rule

Body = Mapping[str, Any]


@attrs.frozen
class Endpoint:
    """One task endpoint of the vendor, as data."""

    path: str
    document: Name
    schema_name: str
    pool: str
    kind: Kind
    durations: Durations
    price: Callable[[Body], Decimal | None]
    rules: tuple[Rule, ...] = ()
    weight: Callable[[Body], int] = lambda _: 1
    pictures: tuple[str, ...] = ()
    """Fields that take a picture; ``a[].b`` is the field ``b`` of every entry of ``a``."""
    any_ratio: frozenset[str] = frozenset()
    """Those of them without a limit on the ratio."""
    watermark: bool = True
    by_external_id: bool = True

    @property
    def schema(self) -> BodySchema:
        """The compiled schema of the create body."""
        return body_schema(self.document, self.schema_name)


def _count(body: Body) -> int:
    return int(body["n"])


def _image_price(body: Body) -> Decimal | None:
    return units_of(image_tariff(body), mode="", times=_count(body))


def _video_price(body: Body) -> Decimal | None:
    return units_of(video_tariff(body), mode=body["mode"], times=int(body["duration"]))


def _multi_shot_price(_: Body) -> Decimal | None:
    return units_of(("ai-multi-shot",), mode="", times=1)


ENDPOINTS: Final = (
    Endpoint(
        path="/v1/images/generations",
        document="image-account",
        schema_name="ImageGenerationCreate",
        pool="image",
        kind=Kind.IMAGES,
        durations=IMAGE,
        price=_image_price,
        rules=IMAGE_GENERATION,
        weight=_count,
        pictures=("image",),
    ),
    Endpoint(
        path="/v1/general/ai-multi-shot",
        document="image-account",
        schema_name="AiMultiShotCreate",
        pool="image",
        kind=Kind.VIEWS,
        durations=IMAGE,
        price=_multi_shot_price,
        pictures=("element_frontal_image",),
        watermark=False,
    ),
    Endpoint(
        path="/v1/videos/text2video",
        document="video-audio-general",
        schema_name="Text2VideoCreate",
        pool="video",
        kind=Kind.VIDEO,
        durations=VIDEO,
        price=_video_price,
        rules=TEXT_TO_VIDEO,
    ),
    Endpoint(
        path="/v1/videos/image2video",
        document="video-audio-general",
        schema_name="Image2VideoCreate",
        pool="video",
        kind=Kind.VIDEO,
        durations=VIDEO,
        price=_video_price,
        rules=IMAGE_TO_VIDEO,
        pictures=("image", "image_tail", "static_mask", "dynamic_masks[].mask"),
        any_ratio=frozenset({"image_tail", "static_mask", "dynamic_masks[].mask"}),
    ),
)
