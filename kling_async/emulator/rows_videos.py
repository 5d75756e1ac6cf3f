"""The task endpoints that make videos."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from .endpoint import Endpoint
from .inputs import PictureField
from .lifecycle import VIDEO
from .prices import units_of, video_tariff
from .results_videos import video
from .rules import Body
from .rules_videos import IMAGE_TO_VIDEO, TEXT_TO_VIDEO
from .world import World


def _video_price(body: Body, _: World) -> Decimal | None:
    return units_of(video_tariff(body), mode=body["mode"], times=int(body["duration"]))


VIDEOS: Final = (
    Endpoint(
        path="/v1/videos/text2video",
        document="video-audio-general",
        schema_name="Text2VideoCreate",
        pool="video",
        durations=VIDEO,
        price=_video_price,
        make=video,
        rules=TEXT_TO_VIDEO,
    ),
    Endpoint(
        path="/v1/videos/image2video",
        document="video-audio-general",
        schema_name="Image2VideoCreate",
        pool="video",
        durations=VIDEO,
        price=_video_price,
        make=video,
        rules=IMAGE_TO_VIDEO,
        pictures=(
            PictureField("image"),
            PictureField("image_tail", any_ratio=True),
            PictureField("static_mask", any_ratio=True),
            PictureField("dynamic_masks[].mask", any_ratio=True),
        ),
    ),
)
