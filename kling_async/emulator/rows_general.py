"""The task endpoints that make voices, elements and sounds."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from .endpoint import Endpoint
from .inputs import PictureField
from .lifecycle import IMAGE, VIDEO
from .prices import units_of
from .results import MISSING
from .results_general import dubbed, dubbing_of, elements, keep_element, keep_voice, sounds, voices
from .rules import Body
from .rules_general import (
    ELEMENT,
    ONE_VIDEO,
    TEXT_TO_AUDIO,
    VOICE_SOURCE,
    bound_voice,
    dubbed_length,
    video_is_there,
    video_speaks,
)
from .world import World


def _each(tariff: str) -> Callable[[Body, World], Decimal | None]:
    """The price of a call, whatever its body."""
    return lambda _, __: units_of((tariff,), mode="", times=1)


def _nothing(_: Body, __: World) -> Decimal:
    return Decimal(0)


def _ask(status: Callable[[], Any]) -> Any:
    """An element may have been deleted since the last answer."""
    return status()


def _as_it_is(value: Any) -> Any:
    return value


def _or_missing(value: Any) -> Any:
    """Nothing in it may be told by leaving it away."""
    return value or MISSING


def _or_null(value: Any) -> Any:
    """Nothing in it may be told by null."""
    return value or None


GENERAL: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        path="/v1/audio/text-to-audio",
        document="video-audio-general",
        schema_name="TextToAudioCreate",
        pool="video",
        durations=IMAGE,
        price=_each("text-to-audio"),
        make=sounds,
        lists=("audios",),
        rules=TEXT_TO_AUDIO,
        watermark=False,
    ),
    Endpoint(
        path="/v1/audio/video-to-audio",
        document="video-audio-general",
        schema_name="VideoToAudioCreate",
        pool="video",
        durations=VIDEO,
        price=_each("video-to-audio"),
        make=dubbed,
        lists=("videos", "audios"),
        rules=ONE_VIDEO,
        checks=(video_is_there, dubbed_length),
        task_info=dubbing_of,
        watermark=False,
        lists_one_alone=True,
    ),
    Endpoint(
        path="/v1/general/custom-voices",
        document="video-audio-general",
        schema_name="CustomVoiceCreate",
        pool="video",
        durations=IMAGE,
        price=_each("custom voice create"),
        make=voices,
        lists=("voices",),
        rules=VOICE_SOURCE,
        checks=(video_is_there, video_speaks),
        keep=keep_voice,
        watermark=False,
    ),
    Endpoint(
        path="/v1/general/advanced-custom-elements",
        document="video-audio-general",
        schema_name="ElementCreate",
        pool="video",
        durations=IMAGE,
        price=_nothing,
        make=elements,
        lists=("elements",),
        rules=ELEMENT,
        checks=(bound_voice,),
        pictures=(
            PictureField("element_image_list.frontal_image"),
            PictureField("element_image_list.refer_images[].image_url"),
        ),
        keep=keep_element,
        watermark=False,
        variations={
            "status": (_ask,),
            "element_id": (int, str),
            "element_image_list": (_as_it_is, _or_missing),
            "element_video_list": (_as_it_is, _or_missing),
            "element_voice_info": (_as_it_is, _or_missing),
            "tag_list": (_as_it_is, _or_missing, _or_null),
        },
    ),
)
