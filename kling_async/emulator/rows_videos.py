"""The task endpoints that make videos."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from typing import Final

from .endpoint import Endpoint
from .footage import LINKED_SECONDS, clip_seconds, sound_seconds
from .inputs import PictureField
from .lifecycle import VIDEO
from .prices import omni_video_tariff, units_of, video_tariff
from .results_videos import (
    as_it_is,
    avatar,
    edited,
    effect,
    extended,
    left_out,
    lip_sync,
    motion,
    old_lip_sync,
    omni,
    parent_of_extension,
    parent_of_lip_sync,
    parent_of_old_lip_sync,
    video,
    whole_seconds,
)
from .rules import Body, element_refused
from .rules_clips import (
    ADVANCED_LIP_SYNC,
    AVATAR,
    EFFECTS,
    EXTEND,
    LIP_SYNC,
    MOTION_CONTROL,
    MULTI_ELEMENTS,
    avatar_sound_refused,
    extension_refused,
    face_refused,
    first_of,
    old_lip_sync_refused,
    selection_refused,
)
from .rules_omni import OMNI_VIDEO, characters_refused, edits
from .rules_videos import IMAGE_TO_VIDEO, TEXT_TO_VIDEO, masks_agree
from .world import World

MOST_MOTION_SIDE: Final = 65536
LIP_SYNC_STEP: Final = 5
"""Lip-sync is paid in steps of this many seconds."""

EFFECT_MODEL: Final = "kling-v1-6"
"""Stands in for the model of scenes that do not name one."""

VARIATIONS: Final = {"duration": (as_it_is, whole_seconds)}


def _video_price(body: Body, _: World) -> Decimal | None:
    return units_of(video_tariff(body), mode=body["mode"], times=int(body["duration"]))


def _omni_price(body: Body, _: World) -> Decimal | None:
    seconds = LINKED_SECONDS if edits(body) else int(body["duration"])
    return units_of(omni_video_tariff(body), mode=body["mode"], times=round(seconds))


def _reference_price(body: Body, _: World) -> Decimal | None:
    return units_of((body["model_name"],), mode=body["mode"], times=int(body["duration"]))


def _motion_price(body: Body, _: World) -> Decimal | None:
    return units_of((f"{body['model_name']} motion control",), mode=body["mode"], times=round(LINKED_SECONDS))


def _edit_price(body: Body, _: World) -> Decimal | None:
    return units_of((f"{body['model_name']} multi-elements",), mode=body["mode"], times=int(body["duration"]))


def _extension_price(body: Body, world: World) -> Decimal | None:
    """By the mode of the video at the beginning of the chain."""
    parent = world.video(body["video_id"])
    task = first_of(parent, world).task if parent is not None else None
    return units_of(("video-extend",), mode=task.body["mode"], times=1) if task is not None else None


def _avatar_price(body: Body, world: World) -> Decimal | None:
    return units_of(("avatar",), mode=body["mode"], times=round(sound_seconds(world, body)))


def _lip_sync_price(body: Body, world: World) -> Decimal | None:
    session = world.sessions.find("faces", body["session_id"])
    return _steps(session.milliseconds / 1000 if session is not None else LINKED_SECONDS)


def _old_lip_sync_price(body: Body, world: World) -> Decimal | None:
    return _steps(clip_seconds(world, body["input"]))


def _steps(seconds: float) -> Decimal | None:
    """What a lip-sync costs; the frame that clips are longer than said does not begin a step."""
    return units_of(("lip sync",), mode="", times=ceil(int(seconds) / LIP_SYNC_STEP))


def _effect_price(body: Body, _: World) -> Decimal | None:
    """Effects have a price list of their own, which was not found: here they cost what a video of their model does."""
    told = body["input"]
    model = told.get("model_name", EFFECT_MODEL)
    return units_of((model,), mode=told.get("mode", "std"), times=int(told.get("duration", "5")))


VIDEOS: Final = (
    Endpoint(
        path="/v1/videos/omni-video",
        document="video-audio-general",
        schema_name="OmniVideoCreate",
        pool="video",
        durations=VIDEO,
        price=_omni_price,
        make=omni,
        rules=OMNI_VIDEO,
        checks=(element_refused, characters_refused),
        pictures=(PictureField("image_list[].image_url"),),
        addresses=("video_list[].video_url",),
        variations=VARIATIONS,
    ),
    Endpoint(
        path="/v1/videos/text2video",
        document="video-audio-general",
        schema_name="Text2VideoCreate",
        pool="video",
        durations=VIDEO,
        price=_video_price,
        make=video,
        rules=TEXT_TO_VIDEO,
        variations=VARIATIONS,
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
        checks=(element_refused,),
        pictures=(
            PictureField("image"),
            PictureField("image_tail", any_ratio=True),
            PictureField("static_mask", any_ratio=True),
            PictureField("dynamic_masks[].mask", any_ratio=True),
        ),
        pictures_agree=masks_agree,
        variations=VARIATIONS,
    ),
    Endpoint(
        path="/v1/videos/multi-image2video",
        document="video-audio-general",
        schema_name="MultiImage2VideoCreate",
        pool="video",
        durations=VIDEO,
        price=_reference_price,
        make=video,
        pictures=(PictureField("image_list[].image"),),
        variations=VARIATIONS,
    ),
    Endpoint(
        path="/v1/videos/motion-control",
        document="video-audio-general",
        schema_name="MotionControlCreate",
        pool="video",
        durations=VIDEO,
        price=_motion_price,
        make=motion,
        rules=MOTION_CONTROL,
        checks=(element_refused,),
        pictures=(PictureField("image_url", most_side=MOST_MOTION_SIDE),),
        addresses=("video_url",),
        variations=VARIATIONS,
    ),
    Endpoint(
        path="/v1/videos/multi-elements",
        document="video-audio-general",
        schema_name="MultiElementsCreate",
        pool="video",
        durations=VIDEO,
        price=_edit_price,
        make=edited,
        rules=MULTI_ELEMENTS,
        checks=(selection_refused,),
        pictures=(PictureField("image_list[].image"),),
        created_tells="session_id",
        variations=VARIATIONS,
    ),
    Endpoint(
        path=EXTEND,
        document="video-audio-general",
        schema_name="VideoExtendCreate",
        pool="video",
        durations=VIDEO,
        price=_extension_price,
        make=extended,
        checks=(extension_refused,),
        task_info=parent_of_extension,
        variations={**VARIATIONS, "seed": (left_out, as_it_is)},
    ),
    Endpoint(
        path="/v1/videos/avatar/image2video",
        document="video-audio-general",
        schema_name="AvatarCreate",
        pool="video",
        durations=VIDEO,
        price=_avatar_price,
        make=avatar,
        rules=AVATAR,
        checks=(avatar_sound_refused,),
        pictures=(PictureField("image"),),
        sounds=("sound_file",),
        variations=VARIATIONS,
    ),
    Endpoint(
        path="/v1/videos/advanced-lip-sync",
        document="video-audio-general",
        schema_name="AdvancedLipSyncCreate",
        pool="video",
        durations=VIDEO,
        price=_lip_sync_price,
        make=lip_sync,
        rules=ADVANCED_LIP_SYNC,
        checks=(face_refused,),
        sounds=("face_choose[].sound_file",),
        task_info=parent_of_lip_sync,
        by_external_id=False,
        variations=VARIATIONS,
    ),
    Endpoint(
        path="/v1/videos/lip-sync",
        document="video-audio-general",
        schema_name="OldLipSyncCreate",
        pool="video",
        durations=VIDEO,
        price=_old_lip_sync_price,
        make=old_lip_sync,
        rules=LIP_SYNC,
        checks=(old_lip_sync_refused,),
        sounds=("input.audio_file",),
        addresses=("input.video_url", "input.audio_url"),
        task_info=parent_of_old_lip_sync,
        watermark=False,
        by_external_id=False,
        variations=VARIATIONS,
    ),
    Endpoint(
        path="/v1/videos/effects",
        document="video-audio-general",
        schema_name="EffectsCreate",
        pool="video",
        durations=VIDEO,
        price=_effect_price,
        make=effect,
        rules=EFFECTS,
        pictures=(PictureField("input.image"), PictureField("input.images[]")),
        variations={"duration": (as_it_is, whole_seconds, left_out)},
    ),
)
