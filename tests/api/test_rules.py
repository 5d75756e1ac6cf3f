"""The conditional rules of the documents: what breaks one is refused in its name, what keeps it passes."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

import pytest

from kling_async import InvalidRequest
from kling_async.api import (
    AdvancedLipSync,
    Avatar,
    CameraConfig,
    CameraControl,
    CreateElement,
    CreateVoice,
    ExpandImage,
    GenerateImage,
    IdentifyFace,
    ImageToVideo,
    InitSelection,
    LipSync,
    ListBalance,
    ListCosts,
    ListPackages,
    MakeEffect,
    MotionControl,
    MultiElements,
    OmniImage,
    OmniVideo,
    TextToAudio,
    TextToVideo,
    VideoToAudio,
)
from tests.api.least import CLIP, FACE, PICTURES, SAYING, SPEECH, URL, least
from tests.api.operations import DOCUMENTS

Case: TypeAlias = tuple[Any, dict[str, Any], str, str]
"""A request class, its arguments, the field at fault, words of the rule."""

ELEMENT = {"element_id": 123456789012345678}
VOICE = {"voice_id": "v-1"}
PATH = [{"x": 1, "y": 2}, {"x": 30, "y": 40}]
MASK = {"mask": URL, "trajectories": PATH}
EARLY, LATE = 1767225600000, 1774700000000
SPEAKS = "<<<voice_1>>> says hello"
VOICED: dict[str, Any] = {"sound": "on", "voice_list": [VOICE]}
TURN = {"type": "simple", "config": {"pan": 5}}


def shots(*lengths: object) -> list[dict[str, object]]:
    """A storyboard numbered from 1."""
    return [{"index": at, "prompt": "a shot", "duration": length} for at, length in enumerate(lengths, start=1)]


def image(field: str, words: str, **given: object) -> Case:
    """An image from words."""
    return GenerateImage, {"prompt": "a fox", **given}, field, words


def text(field: str, words: str, **given: object) -> Case:
    """A video from words."""
    return TextToVideo, {"prompt": "a fox", **given}, field, words


def start(field: str, words: str, **given: object) -> Case:
    """A video from a first frame."""
    return ImageToVideo, {"image": URL, **given}, field, words


V3, O1 = "kling-v3-omni", "kling-video-o1"
STILL = {"image_url": URL}
FIRST, END = {**STILL, "type": "first_frame"}, {**STILL, "type": "end_frame"}
EDITED = {"video_url": CLIP}
EDITED_BY_NAME = {**EDITED, "refer_type": "base"}
FOLLOWED = {**EDITED, "refer_type": "feature"}
HEARD = {**{name: value for name, value in SAYING.items() if name in ("mode", "video_url")}, "mode": "audio2video"}
WINDOW = {"start_time": EARLY, "end_time": LATE}


def omni(field: str, words: str, **given: object) -> Case:
    """A video from everything at once."""
    return OmniVideo, {"prompt": "a fox", "aspect_ratio": "1:1", **given}, field, words


def picture(field: str, words: str, **given: object) -> Case:
    """A picture from everything at once."""
    return OmniImage, {"prompt": "a fox", **given}, field, words


def edit(field: str, words: str, **given: object) -> Case:
    """An edit of a clip."""
    return MultiElements, {"session_id": "s", "prompt": "a fox", **given}, field, words


def speaking(field: str, words: str, **given: object) -> Case:
    """A face that speaks."""
    return AdvancedLipSync, {"session_id": "s", "face_choose": [{**FACE, **given}]}, field, words


def saying(field: str, words: str, **given: object) -> Case:
    """The first generation of lip-sync."""
    return LipSync, {"input": given}, field, words


def effect(field: str, words: str, scene: str, **given: object) -> Case:
    """A ready-made scene."""
    return MakeEffect, {"effect_scene": scene, "input": given}, field, words


def one_of(request_class: Any, first: str, second: str, **given: object) -> dict[str, Case]:
    """Of two fields exactly one."""
    name, words = request_class.__name__, f"exactly one of {first} and {second}"
    both = {first: given[first], second: given[second]}
    rest = {each: value for each, value in given.items() if each not in both}
    return {
        f"{name}: {first} or {second}": (request_class, rest, first, words),
        f"{name}: {first} or {second}, and not both": (request_class, {**rest, **both}, second, words),
        f"{name}: an empty text is not one": (request_class, {**rest, first: "", second: ""}, first, words),
    }


BROKEN: dict[str, Case] = {
    "gen-1 reference needs image": image("image", "is required", image_reference="subject"),
    "gen-2 v1-5 with image needs reference": image("image_reference", "required", model_name="kling-v1-5", image=URL),
    "gen-3 no negative prompt beside image": image("negative_prompt", "with image", image=URL, negative_prompt="rain"),
    "gen-4 image fidelity by model": image("image_fidelity", "kling-v3", model_name="kling-v3", image_fidelity=0.5),
    "gen-4 image fidelity not of v2": image("image_fidelity", "kling-v2", model_name="kling-v2", image_fidelity=0.5),
    "gen-5 human fidelity needs subject": image(
        "human_fidelity", "subject", image=URL, image_reference="face", human_fidelity=0.5
    ),
    "gen-5 human fidelity by model": image(
        "human_fidelity", "kling-v1", model_name="kling-v1", image=URL, image_reference="subject", human_fidelity=0.5
    ),
    "gen-6 reference by model": image(
        "image_reference", "kling-v3", model_name="kling-v3", image=URL, image_reference="face"
    ),
    "gen-7 elements and image": image("element_list", "at most 10", image=URL, element_list=[ELEMENT] * 10),
    "gen-7 elements alone": image("element_list", "10", element_list=[ELEMENT] * 11),
    "gen-8 elements by model": image("element_list", "kling-v2-1", model_name="kling-v2-1", element_list=[ELEMENT]),
    "gen-9 size by model": image("resolution", "must be 1k", model_name="kling-v1-5", resolution="2k"),
    "gen-9 size follows the image": image("resolution", "kling-v2", model_name="kling-v2", image=URL, resolution="2k"),
    "gen-10 restyling needs image": image("image", "no text to image", model_name="kling-v2-new"),
    "map: 21:9 not of v1 from text": image("aspect_ratio", "21:9", model_name="kling-v1", aspect_ratio="21:9"),
    "t2v prompt": (TextToVideo, {"model_name": "kling-v3"}, "prompt", "is required"),
    "t2v prompt of an intelligent storyboard": (
        TextToVideo,
        {"multi_shot": True, "shot_type": "intelligence"},
        "prompt",
        "intelligence",
    ),
    "storyboard needs its kind": text("shot_type", "is required", multi_shot=True),
    "storyboard needs shots": text("multi_prompt", "is required", multi_shot=True, shot_type="customize"),
    "shots are numbered from 1": text(
        "multi_prompt", "numbered", multi_shot=True, shot_type="customize", multi_prompt=shots(2, 3)[::-1]
    ),
    "shots add up": text("multi_prompt", "5 s", multi_shot=True, shot_type="customize", multi_prompt=shots(2, 2)),
    "shots add up to the duration": text(
        "multi_prompt", "8 s", multi_shot=True, shot_type="customize", duration=8, multi_prompt=shots("2", "3")
    ),
    "a voice cited in a shot needs sound": (
        TextToVideo,
        {
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [{"index": 1, "prompt": SPEAKS, "duration": 5}],
        },
        "sound",
        "must be on",
    ),
    "a cited voice needs sound": (TextToVideo, {"prompt": SPEAKS}, "sound", "must be on"),
    "map: storyboard by model": text(
        "multi_shot", "kling-v2-6", model_name="kling-v2-6", multi_shot=True, shot_type="intelligence"
    ),
    "map: sound by model": text("sound", "kling-v1-6", model_name="kling-v1-6", sound="on"),
    "map: sound of v2-6 in pro": text("sound", "pro", model_name="kling-v2-6", sound="on"),
    "map: cfg_scale by model": text("cfg_scale", "kling-v2-5-turbo", model_name="kling-v2-5-turbo", cfg_scale=0.5),
    "map: 4k by model": text("mode", "4k", model_name="kling-v2-6", mode="4k"),
    "map: lengths by model": text("duration", "5 or 10", model_name="kling-v2-6", duration=7),
    "map: no mode of a master": text("mode", "kling-v2-master", model_name="kling-v2-master", mode="std"),
    "map: v1-5 makes no video from text": text("model_name", "text to video", model_name="kling-v1-5"),
    "map: v2-1 makes no video from text": text("model_name", "text to video", model_name="kling-v2-1"),
    "t2v camera by model": text("camera_control", "kling-v1", model_name="kling-v1-6", camera_control=TURN),
    "t2v camera in std": text("camera_control", "std", model_name="kling-v1", mode="pro", camera_control=TURN),
    "t2v camera with 5 s": text("camera_control", "5 s", model_name="kling-v1", duration=10, camera_control=TURN),
    "camera simple needs config": text("camera_control.config", "required", camera_control={"type": "simple"}),
    "camera config goes with simple only": text(
        "camera_control.config", "left out", camera_control={"type": "down_back", "config": {"pan": 5}}
    ),
    "camera moves one way": text(
        "camera_control.config.zoom", "exactly one", camera_control={"type": "simple", "config": {"pan": 5, "zoom": 1}}
    ),
    "camera moves at all": text(
        "camera_control.config.horizontal", "exactly one", camera_control={"type": "simple", "config": {"pan": 0}}
    ),
    "i2v a frame": (ImageToVideo, {"prompt": "a fox"}, "image", "is required"),
    "i2v tail or brush": start("image_tail", "exclude", image_tail=URL, static_mask=URL),
    "i2v tail or moving brush": start("image_tail", "exclude", image_tail=URL, dynamic_masks=[MASK]),
    "i2v tail or camera": start("image_tail", "exclude", image_tail=URL, camera_control=TURN),
    "i2v brush or camera": start("camera_control", "exclude", static_mask=URL, camera_control=TURN),
    "i2v elements or voices": start(
        "voice_list", "element_list", prompt=SPEAKS, sound="on", voice_list=[VOICE], element_list=[ELEMENT]
    ),
    "i2v voices need sound": start("sound", "voice_list", prompt=SPEAKS, voice_list=[VOICE]),
    "i2v voices are cited": start("prompt", "<<<voice_1>>>", prompt="a fox", sound="on", voice_list=[VOICE]),
    "i2v voices are counted": start("prompt", "voice_list has 1", prompt=f"{SPEAKS}, <<<voice_2>>> nods", **VOICED),
    "i2v voices are given": start("prompt", "no voice is given", prompt=SPEAKS, sound="on"),
    "i2v voices in shots": start(
        "prompt",
        "<<<voice_3>>>",
        multi_shot=True,
        shot_type="customize",
        multi_prompt=[{"index": 1, "prompt": f"{SPEAKS}, <<<voice_3>>> nods", "duration": 5}],
        **VOICED,
    ),
    "t2v voices are counted": text("prompt", "voice_list has 1", prompt="<<<voice_2>>> sings", **VOICED),
    "i2v intelligent storyboard needs prompt": start(
        "prompt", "intelligence", multi_shot=True, shot_type="intelligence"
    ),
    "map: both frames by model": start("image_tail", "kling-v2-master", model_name="kling-v2-master", image_tail=URL),
    "map: both frames by mode": start("image_tail", "std", model_name="kling-v2-1", image_tail=URL),
    "map: both frames of v1 in 5 s": start("duration", "5", model_name="kling-v1", duration=10, image_tail=URL),
    "map: both frames of v2-6 are silent": start(
        "sound", "off", model_name="kling-v2-6", mode="pro", image_tail=URL, sound="on"
    ),
    "map: last frame alone by model": (
        ImageToVideo,
        {"model_name": "kling-v3", "image_tail": URL},
        "image_tail",
        "without image",
    ),
    "map: last frame alone by mode": (
        ImageToVideo,
        {"model_name": "kling-v1-6", "mode": "std", "image_tail": URL},
        "image_tail",
        "without image",
    ),
    "i2v camera by model": start("camera_control", "v1-5", model_name="kling-v1", camera_control=TURN),
    "i2v camera in pro": start("camera_control", "pro", model_name="kling-v1-5", camera_control=TURN),
    "i2v camera is simple": start(
        "camera_control", "simple", model_name="kling-v1-5", mode="pro", camera_control={"type": "down_back"}
    ),
    "i2v camera with 5 s": start(
        "camera_control", "5 s", model_name="kling-v1-5", mode="pro", duration=10, camera_control=TURN
    ),
    "map: brush by model": start("static_mask", "kling-v3", model_name="kling-v3", static_mask=URL),
    "map: moving brush by model": start("dynamic_masks", "kling-v3", model_name="kling-v3", dynamic_masks=[MASK]),
    "map: brush by mode": start("static_mask", "std", model_name="kling-v1-5", static_mask=URL),
    "map: brush by length": start("static_mask", "10 s", model_name="kling-v1", duration=10, static_mask=URL),
    "map: elements by model": start("element_list", "kling-v2-6", model_name="kling-v2-6", element_list=[ELEMENT]),
    "map: voices by mode": start(
        "voice_list", "in std", model_name="kling-v2-6", prompt=SPEAKS, sound="on", voice_list=[VOICE]
    ),
    "map: voices by model": start(
        "voice_list", "kling-v2-1", model_name="kling-v2-1", prompt=SPEAKS, sound="on", voice_list=[VOICE]
    ),
    "map: 4k from image by model": start("mode", "4k", model_name="kling-v2-6", mode="4k"),
    # Omni video
    "omni prompt": (OmniVideo, {"aspect_ratio": "1:1"}, "prompt", "is required"),
    "omni prompt of an intelligent storyboard": (
        OmniVideo,
        {"aspect_ratio": "1:1", "multi_shot": True, "shot_type": "intelligence"},
        "prompt",
        "intelligence",
    ),
    "omni storyboard needs its kind": omni("shot_type", "is required", multi_shot=True),
    "omni storyboard needs shots": omni("multi_prompt", "is required", multi_shot=True, shot_type="customize"),
    "omni shots add up": omni(
        "multi_prompt", "7 s", multi_shot=True, shot_type="customize", duration=7, multi_prompt=shots(3, 3)
    ),
    "omni shots are numbered": omni(
        "multi_prompt", "numbered", multi_shot=True, shot_type="customize", multi_prompt=shots(2, 3)[::-1]
    ),
    "omni one first frame": omni("image_list", "one first_frame", image_list=[FIRST, FIRST]),
    "omni end frame needs first frame": omni("image_list", "needs a first_frame", image_list=[END]),
    "omni end frame beside more images": omni("image_list", "at most 2", image_list=[FIRST, END, STILL]),
    "omni end frame beside a clip": omni(
        "image_list", "not supported with video_list", image_list=[FIRST, END], video_list=[FOLLOWED]
    ),
    "omni first frame of an edited clip": omni("image_list", "edited", image_list=[FIRST], video_list=[EDITED_BY_NAME]),
    "omni a clip is edited unless said": omni("image_list", "edited", image_list=[FIRST], video_list=[EDITED]),
    "omni seven in all": omni("element_list", "at most 7", image_list=[STILL] * 4, element_list=[ELEMENT] * 4),
    "omni four beside a clip": omni(
        "element_list",
        "at most 4 together beside a clip",
        image_list=[STILL] * 3,
        element_list=[ELEMENT] * 2,
        video_list=[FOLLOWED],
    ),
    "omni five images beside a clip": omni("element_list", "at most 4", image_list=[STILL] * 5, video_list=[FOLLOWED]),
    "omni sound beside a clip": omni("sound", "must be off", sound="on", video_list=[FOLLOWED]),
    "omni sound of an edited clip": omni("sound", "must be off", sound="on", video_list=[EDITED]),
    "omni storyboard of an edited clip": omni(
        "multi_shot", "edited", multi_shot=True, shot_type="intelligence", video_list=[EDITED]
    ),
    "omni written storyboard beside a clip": omni(
        "shot_type",
        "must be intelligence",
        multi_shot=True,
        shot_type="customize",
        multi_prompt=shots(5),
        video_list=[FOLLOWED],
    ),
    "omni ratio": (OmniVideo, {"prompt": "a fox"}, "aspect_ratio", "is required"),
    "omni ratio beside a picture": (
        OmniVideo,
        {"prompt": "a fox", "image_list": [STILL]},
        "aspect_ratio",
        "is required",
    ),
    "omni ratio beside a clip that is followed": (
        OmniVideo,
        {"prompt": "a fox", "video_list": [FOLLOWED]},
        "aspect_ratio",
        "is required",
    ),
    "omni cites an image that is not there": omni("prompt", "no image is given", prompt="<<<image_1>>> runs"),
    "omni cites an image too many": omni(
        "prompt", "image_list has 2", prompt="<<<image_1>>> meets <<<image_3>>>", image_list=[STILL] * 2
    ),
    "omni counts from 1": omni("prompt", "<<<image_0>>>", prompt="<<<image_0>>>", image_list=[STILL]),
    "omni cites an element that is not there": omni("prompt", "no element is given", prompt="<<<element_1>>> runs"),
    "omni cites a clip that is not there": omni("prompt", "no video is given", prompt="as in <<<video_1>>>"),
    "omni cites a second clip": omni("prompt", "video_list has 1", prompt="as in <<<video_2>>>", video_list=[FOLLOWED]),
    "omni cites in a shot": omni(
        "prompt",
        "<<<element_1>>>",
        multi_shot=True,
        shot_type="customize",
        multi_prompt=[{"index": 1, "prompt": "<<<element_1>>> runs", "duration": 5}],
    ),
    "map: omni seconds of o1": omni("duration", "3 to 10", model_name=O1, duration=11, image_list=[STILL]),
    "map: omni text alone of o1": omni("duration", "5 or 10", model_name=O1, duration=7),
    "map: omni first frame alone of o1": omni("duration", "5 or 10", model_name=O1, duration=7, image_list=[FIRST]),
    "map: omni 4k of o1": omni("mode", "4k", model_name=O1, mode="4k"),
    "map: omni sound of o1": omni("sound", O1, model_name=O1, sound="on"),
    "map: omni storyboard of o1": omni("multi_shot", O1, model_name=O1, multi_shot=True, shot_type="intelligence"),
    "map: omni elements of o1 beside two frames": omni(
        "element_list", "at most 0", model_name=O1, image_list=[FIRST, END], element_list=[ELEMENT]
    ),
    "map: omni elements beside a first frame": omni(
        "element_list", "at most 3", model_name=V3, image_list=[FIRST], element_list=[ELEMENT] * 4
    ),
    "map: omni elements beside two frames": omni(
        "element_list", "at most 3", model_name=V3, image_list=[FIRST, END], element_list=[ELEMENT] * 4
    ),
    # Motion control
    "motion: an element faces as the clip": (
        MotionControl,
        {**least(MotionControl), "character_orientation": "image", "element_list": [ELEMENT]},
        "character_orientation",
        "must be video",
    ),
    "map: motion elements by model": (
        MotionControl,
        {**least(MotionControl), "model_name": "kling-v2-6", "element_list": [ELEMENT]},
        "element_list",
        "kling-v2-6",
    ),
    # Multi-elements
    "edit: nothing to add": edit("image_list", "1 to 2 images for addition", edit_mode="addition"),
    "edit: nothing to swap in": edit("image_list", "1 image for swap", edit_mode="swap"),
    "edit: two to swap in": edit("image_list", "1 image for swap", edit_mode="swap", image_list=[{"image": URL}] * 2),
    "edit: one to remove": edit("image_list", "no image", edit_mode="removal", image_list=[{"image": URL}]),
    **one_of(InitSelection, "video_url", "video_id", video_url=CLIP, video_id="1"),
    # Speaking
    **one_of(IdentifyFace, "video_url", "video_id", video_url=CLIP, video_id="1"),
    "lips: a sound": speaking("face_choose[0].sound_file", "exactly one", sound_file=None),
    "lips: one sound": speaking("face_choose[0].audio_id", "exactly one", audio_id="1"),
    "lips: 2 s of sound": speaking("face_choose[0].sound_end_time", "2000 ms", sound_start_time=0, sound_end_time=1999),
    "lips: not backwards": speaking("face_choose[0].sound_end_time", "-4200", sound_start_time=4200, sound_end_time=0),
    "old lips: a clip": saying("input.video_url", "exactly one", **{**SAYING, "video_url": None}),
    "old lips: one clip": saying("input.video_id", "exactly one", **{**SAYING, "video_id": "1"}),
    "old lips: what to say": saying("input.text", "text2video", **{**SAYING, "text": ""}),
    "old lips: who says it": saying("input.voice_id", "text2video", **{**SAYING, "voice_id": ""}),
    "old lips: a text is no sound": saying(
        "input.audio_type", "audio2video", **SAYING, audio_type="url", audio_url=URL
    ),
    "old lips: a sound beside a text": saying("input.audio_url", "audio_type url", **SAYING, audio_url=SPEECH),
    "old lips: which sound": saying("input.audio_type", "is required", **HEARD),
    "old lips: a sound at an address": saying("input.audio_url", "audio_type url", **HEARD, audio_type="url"),
    "old lips: a sound in a file": saying("input.audio_file", "audio_type file", **HEARD, audio_type="file"),
    "old lips: a file at an address": saying(
        "input.audio_file", "audio_url", **HEARD, audio_type="file", audio_file=SPEECH
    ),
    "old lips: a sound is no text": saying(
        "input.text", "text2video only", **HEARD, audio_type="url", audio_url=SPEECH, text="hello"
    ),
    "old lips: a sound has no voice": saying(
        "input.voice_speed", "text2video only", **HEARD, audio_type="url", audio_url=SPEECH, voice_speed=1
    ),
    **one_of(Avatar, "sound_file", "audio_id", image=URL, sound_file=SPEECH, audio_id="1"),
    # Effects
    "effect: a picture": effect("input.image", "exactly one", "color_mixing"),
    "effect: for one or for two": effect("input.images", "exactly one", "color_mixing", image=URL, images=[URL] * 2),
    "effect: a scene for two": effect("input.images", "hug", "hug", image=URL),
    "effect: model of new scenes": effect(
        "input.model_name", "only for", "color_mixing", image=URL, model_name="kling-v1"
    ),
    "effect: mode of new scenes": effect("input.mode", "only for", "hug_pro", images=[URL] * 2, mode="pro"),
    "effect: model of fight": effect(
        "input.model_name", "kling-v1-6", "fight", images=[URL] * 2, model_name="kling-v1"
    ),
    # Sounds
    "audio: tenths of a second": (TextToAudio, {"prompt": "rain", "duration": 5.25}, "duration", "one decimal"),
    **one_of(VideoToAudio, "video_url", "video_id", video_url=CLIP, video_id="1"),
    # The library
    **one_of(CreateVoice, "voice_url", "video_id", voice_name="fox", voice_url=SPEECH, video_id="1"),
    "element: its pictures": (
        CreateElement,
        {**least(CreateElement), "element_image_list": None},
        "element_image_list",
        "image_refer",
    ),
    "element: its clip": (
        CreateElement,
        {**least(CreateElement), "reference_type": "video_refer"},
        "element_video_list",
        "video_refer",
    ),
    "element: a clip that is ignored": (
        CreateElement,
        {**least(CreateElement), "element_video_list": {"refer_videos": [{"video_url": CLIP}]}},
        "element_video_list",
        "ignored",
    ),
    # Omni image
    "omni-2 ten in all": picture(
        "element_list", "at most 10", image_list=[{"image": URL}] * 5, element_list=[ELEMENT] * 6
    ),
    "omni-3 4k by model": picture("resolution", "1k or 2k", model_name="kling-image-o1", resolution="4k"),
    "omni-4 series by model": picture("result_type", "series", model_name="kling-image-o1", result_type="series"),
    "omni-5 n of a series": picture("n", "no effect", result_type="series", n=2),
    "omni-5 amount of single pictures": picture("series_amount", "no effect", series_amount=4),
    "omni-6 image beyond the list": picture(
        "prompt", "image_list has 1", prompt="<<<image_2>>>", image_list=[{"image": URL}]
    ),
    "omni-6 element without a list": picture("prompt", "no element is given", prompt="<<<element_1>>>"),
    "omni-7 auto from words": picture("aspect_ratio", "auto", aspect_ratio="auto"),
    # Expand
    "expand-1 thrice the area": (
        ExpandImage,
        {**least(ExpandImage), "up_expansion_ratio": 0.5, "left_expansion_ratio": 1.0},
        "up_expansion_ratio",
        "at most 3, is 3.36",
    ),
    # The account
    "led-1 a start": (ListBalance, {"end_time": LATE}, "start_time", "unless cursor"),
    "led-1 an end": (ListPackages, {"start_time": EARLY}, "end_time", "unless cursor"),
    "led-3 one name of a pack": (
        ListPackages,
        {
            **WINDOW,
            "filters": [{"key": "package_name", "values": ["a"]}, {"key": "package_id", "values": ["1"]}],
        },
        "filters",
        "exclude each other",
    ),
    "costs: not backwards": (ListCosts, {"start_time": LATE, "end_time": EARLY}, "end_time", "before start_time"),
    "ledger: not backwards": (ListBalance, {"start_time": LATE, "end_time": EARLY}, "end_time", "before start_time"),
}

KEPT: dict[str, tuple[Any, dict[str, Any]]] = {
    "gen-1 reference with image": (GenerateImage, {"image": URL, "image_reference": "subject"}),
    "gen-2 v1-5 from text": (GenerateImage, {"model_name": "kling-v1-5"}),
    "gen-3 an empty negative prompt": (GenerateImage, {"image": URL, "negative_prompt": ""}),
    "gen-4 image fidelity of v1": (GenerateImage, {"model_name": "kling-v1", "image": URL, "image_fidelity": 1}),
    "gen-4 image fidelity of v2-1, as of September": (
        GenerateImage,
        {"model_name": "kling-v2-1", "image": URL, "image_fidelity": 0},
    ),
    "gen-5 human fidelity with subject": (
        GenerateImage,
        {"model_name": "kling-v1-5", "image": URL, "image_reference": "subject", "human_fidelity": 0.45},
    ),
    "gen-6 face of v2-1, as of September": (
        GenerateImage,
        {"model_name": "kling-v2-1", "image": URL, "image_reference": "face"},
    ),
    "gen-7 ten in all": (GenerateImage, {"model_name": "kling-v3", "image": URL, "element_list": [ELEMENT] * 9}),
    "gen-9 2k of v2 from text": (GenerateImage, {"model_name": "kling-v2", "resolution": "2k"}),
    "gen-9 the default size beside an image": (
        GenerateImage,
        {"model_name": "kling-v2", "image": URL, "resolution": "1k"},
    ),
    "gen-10 restyling an image": (GenerateImage, {"model_name": "kling-v2-new", "image": URL}),
    "map: 21:9 of v1 from image is disputed": (
        GenerateImage,
        {"model_name": "kling-v1", "image": URL, "aspect_ratio": "21:9"},
    ),
    "storyboard without prompt": (
        TextToVideo,
        {"prompt": None, "multi_shot": True, "shot_type": "customize", "multi_prompt": shots(2, "3")},
    ),
    "storyboard of six shots in 15 s": (
        TextToVideo,
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "duration": "15",
            "multi_prompt": shots(10, 1, 1, 1, 1, 1),
        },
    ),
    "storyboard fields count only with multi_shot": (
        TextToVideo,
        {"shot_type": "customize", "multi_prompt": shots(1, 1)},
    ),
    "a cited voice with sound": (TextToVideo, {"prompt": SPEAKS, "sound": "on", "voice_list": [VOICE]}),
    "sound of v3 in std": (TextToVideo, {"model_name": "kling-v3", "mode": "std", "sound": "on"}),
    "cfg_scale of v1-6": (TextToVideo, {"model_name": "kling-v1-6", "cfg_scale": 1}),
    "a master without mode": (TextToVideo, {"model_name": "kling-v2-1-master", "duration": "10"}),
    "4k of v3 for 3 s": (TextToVideo, {"model_name": "kling-v3", "mode": "4k", "duration": 3}),
    "t2v voices without a list": (TextToVideo, {"prompt": SPEAKS, "sound": "on"}),
    "t2v voices that are there": (TextToVideo, {"prompt": SPEAKS, **VOICED}),
    "i2v voices that are there": (
        ImageToVideo,
        {"image": URL, "prompt": f"{SPEAKS}, <<<voice_2>>> nods", "sound": "on", "voice_list": [VOICE] * 2},
    ),
    "i2v voices of elements": (
        ImageToVideo,
        {"image": URL, "prompt": SPEAKS, "sound": "on", "element_list": [ELEMENT]},
    ),
    "t2v camera of v1": (TextToVideo, {"model_name": "kling-v1", "camera_control": TURN}),
    "t2v camera preset": (TextToVideo, {"camera_control": {"type": "forward_up", "config": {}}}),
    "i2v last frame alone": (ImageToVideo, {"model_name": "kling-v1-5", "mode": "pro", "image_tail": URL}),
    "i2v both frames of v3 with sound": (
        ImageToVideo,
        {"model_name": "kling-v3", "image": URL, "image_tail": URL, "sound": "on"},
    ),
    "i2v both frames of v2-6, silent": (
        ImageToVideo,
        {"model_name": "kling-v2-6", "mode": "pro", "image": URL, "image_tail": URL, "sound": "off"},
    ),
    "i2v key frames in a storyboard, since May": (
        ImageToVideo,
        {
            "model_name": "kling-v3",
            "image": URL,
            "image_tail": URL,
            "prompt": "a fox",
            "multi_shot": True,
            "shot_type": "intelligence",
        },
    ),
    "i2v brush of v1 in pro": (
        ImageToVideo,
        {"model_name": "kling-v1", "mode": "pro", "image": URL, "static_mask": URL, "dynamic_masks": [MASK] * 6},
    ),
    "i2v camera of v1-5": (
        ImageToVideo,
        {"model_name": "kling-v1-5", "mode": "pro", "image": URL, "camera_control": TURN},
    ),
    "i2v voices of v2-6": (
        ImageToVideo,
        {
            "model_name": "kling-v2-6",
            "mode": "pro",
            "image": URL,
            "prompt": SPEAKS,
            "sound": "on",
            "voice_list": [VOICE, VOICE],
        },
    ),
    "i2v voices of v3 are disputed": (
        ImageToVideo,
        {"model_name": "kling-v3", "image": URL, "prompt": SPEAKS, "sound": "on", "voice_list": [VOICE]},
    ),
    "i2v elements of v3": (ImageToVideo, {"model_name": "kling-v3", "image": URL, "element_list": [ELEMENT] * 3}),
    "i2v without prompt": (ImageToVideo, {"model_name": "kling-v2-1", "image": URL}),
    "i2v mode of a master is not ruled out": (
        ImageToVideo,
        {"model_name": "kling-v2-master", "image": URL, "mode": "pro"},
    ),
    "omni cites in texts that are ignored": (
        OmniVideo,
        {
            "prompt": "<<<image_9>>>",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [{"index": 1, "prompt": "a fox", "duration": 5}],
        },
    ),
    "omni cites in shots of no storyboard": (
        OmniVideo,
        {"multi_prompt": [{"index": 1, "prompt": "<<<image_9>>>", "duration": 5}]},
    ),
    "a voice in shots of no storyboard": (
        TextToVideo,
        {"multi_prompt": [{"index": 1, "prompt": SPEAKS, "duration": 5}]},
    ),
    "omni from words": (OmniVideo, {"model_name": V3, "duration": 15, "sound": "on", "mode": "4k"}),
    "omni first frame decides the ratio": (OmniVideo, {"aspect_ratio": None, "image_list": [FIRST]}),
    "omni edited clip decides ratio and length": (
        OmniVideo,
        {"model_name": O1, "aspect_ratio": None, "duration": 15, "video_list": [EDITED]},
    ),
    "omni edited clip, said so": (OmniVideo, {"aspect_ratio": None, "video_list": [EDITED_BY_NAME]}),
    "omni clip that is followed": (OmniVideo, {"model_name": V3, "duration": 15, "video_list": [FOLLOWED]}),
    "omni first frame and a clip that is followed": (OmniVideo, {"image_list": [FIRST], "video_list": [FOLLOWED]}),
    "omni both frames and three elements": (
        OmniVideo,
        {"model_name": V3, "image_list": [FIRST, END], "element_list": [ELEMENT] * 3},
    ),
    "omni both frames of o1": (OmniVideo, {"model_name": O1, "duration": 7, "image_list": [FIRST, END]}),
    "omni references of o1 in any length": (OmniVideo, {"model_name": O1, "duration": 3, "image_list": [STILL]}),
    "omni elements of o1 in any length": (OmniVideo, {"model_name": O1, "duration": 9, "element_list": [ELEMENT]}),
    "omni seven in all": (
        OmniVideo,
        {"model_name": V3, "image_list": [STILL] * 3, "element_list": [ELEMENT] * 4},
    ),
    "omni four beside a clip": (
        OmniVideo,
        {"image_list": [STILL] * 2, "element_list": [ELEMENT] * 2, "video_list": [FOLLOWED]},
    ),
    "omni cites what is there": (
        OmniVideo,
        {
            "prompt": "<<<image_1>>> and <<<image_2>>> meet <<<element_1>>> as in <<<video_1>>>, says <<<voice_7>>>",
            "image_list": [STILL] * 2,
            "element_list": [ELEMENT],
            "video_list": [FOLLOWED],
        },
    ),
    "omni key frames in a storyboard, since May": (
        OmniVideo,
        {"model_name": V3, "image_list": [FIRST, END], "multi_shot": True, "shot_type": "intelligence"},
    ),
    "omni intelligent storyboard beside a clip, since June": (
        OmniVideo,
        {"model_name": V3, "video_list": [FOLLOWED], "multi_shot": True, "shot_type": "intelligence"},
    ),
    "omni storyboard without prompt": (
        OmniVideo,
        {
            "prompt": "",
            "model_name": V3,
            "multi_shot": True,
            "shot_type": "customize",
            "duration": 7,
            "multi_prompt": shots(3, 4),
        },
    ),
    "omni 4k beside a clip, since June": (OmniVideo, {"model_name": V3, "mode": "4k", "video_list": [FOLLOWED]}),
    "omni unknown models may do anything": (
        OmniVideo,
        {"model_name": "kling-v9-omni", "mode": "4k", "sound": "on", "duration": 3, "element_list": [ELEMENT] * 7},
    ),
    "motion element of v3": (MotionControl, {"model_name": "kling-v3", "element_list": [ELEMENT]}),
    "motion element without a model": (MotionControl, {"element_list": [ELEMENT]}),
    "motion facing as the picture": (MotionControl, {"character_orientation": "image"}),
    "edit: one to add": (MultiElements, {"edit_mode": "addition", "image_list": [{"image": URL}]}),
    "edit: two to add": (MultiElements, {"edit_mode": "addition", "image_list": [{"image": URL}] * 2}),
    "edit: one to swap in": (MultiElements, {"edit_mode": "swap", "image_list": [{"image": URL}]}),
    "edit: an empty list is none": (MultiElements, {"edit_mode": "removal", "image_list": []}),
    "selection of a clip of the vendor's": (InitSelection, {"video_id": "1", "video_url": ""}),
    "faces of a clip of the vendor's": (IdentifyFace, {"video_id": "1", "video_url": None}),
    "lips: just 2 s": (
        AdvancedLipSync,
        {"face_choose": [{**FACE, "sound_file": "", "audio_id": "1", "sound_start_time": 1, "sound_end_time": 2001}]},
    ),
    "old lips: a sound at an address": (
        LipSync,
        {"input": {**HEARD, "audio_type": "url", "audio_url": SPEECH, "text": "", "voice_id": ""}},
    ),
    "old lips: a sound in a file": (
        LipSync,
        {"input": {**HEARD, "audio_type": "file", "audio_file": b"ID3" + bytes(99)}},
    ),
    "old lips: a clip of the vendor's": (LipSync, {"input": {**SAYING, "video_url": "", "video_id": "1"}}),
    "avatar of a speech": (Avatar, {"audio_id": "1", "sound_file": ""}),
    "effect for two": (MakeEffect, {"effect_scene": "hug_pro", "input": {"images": [URL] * 2, "duration": 10}}),
    "effect that is old": (
        MakeEffect,
        {"effect_scene": "hug", "input": {"images": [URL] * 2, "model_name": "kling-v1-5", "mode": "pro"}},
    ),
    "effect nobody knows yet": (MakeEffect, {"effect_scene": "dance_of_2027"}),
    "audio: a tenth of a second": (TextToAudio, {"duration": 3.1}),
    "audio for a clip of the vendor's": (VideoToAudio, {"video_id": "1", "video_url": ""}),
    "voice from a video": (CreateVoice, {"voice_url": "", "video_id": "1"}),
    "element from a clip": (
        CreateElement,
        {
            "reference_type": "video_refer",
            "element_image_list": {},
            "element_video_list": {"refer_videos": [{"video_url": CLIP}]},
            "element_voice_id": "7",
        },
    ),
    "element with both, made from the clip": (
        CreateElement,
        {
            "reference_type": "video_refer",
            "element_image_list": PICTURES,
            "element_video_list": {"refer_videos": [{"video_url": CLIP}]},
        },
    ),
    "element with a tag of tomorrow": (CreateElement, {"tag_list": [{"tag_id": "o_109"}]}),
    "omni-2 ten in all": (OmniImage, {"image_list": [{"image": URL}] * 4, "element_list": [ELEMENT] * 6}),
    "omni-3 4k of v3": (OmniImage, {"model_name": V3, "resolution": "4k"}),
    "omni-4 series of v3": (OmniImage, {"model_name": V3, "result_type": "series", "series_amount": 9}),
    "omni-6 what is there, and words of old samples": (
        OmniImage,
        {
            "prompt": "<<<image_1>>> <<<element_1>>> <<<object_3>>> <<element_2>>",
            "image_list": [{"image": URL}],
            "element_list": [ELEMENT],
        },
    ),
    "omni-7 auto from an element": (OmniImage, {"aspect_ratio": "auto", "element_list": [ELEMENT]}),
    "expand-1 just thrice the area": (
        ExpandImage,
        {"up_expansion_ratio": 1, "down_expansion_ratio": 0, "left_expansion_ratio": 0.5, "right_expansion_ratio": 0},
    ),
    "expand-1 a hair beyond": (
        ExpandImage,
        {
            "up_expansion_ratio": 0.1,
            "down_expansion_ratio": 0.1,
            "left_expansion_ratio": 0.75,
            "right_expansion_ratio": 0.7500000001,
        },
    ),
    "expand-3 nothing at all": (
        ExpandImage,
        {f"{side}_expansion_ratio": 0 for side in ("up", "down", "left", "right")},
    ),
    "led-1 a cursor alone": (ListBalance, {"start_time": None, "end_time": None, "cursor": "c"}),
    "led-3 one name of a pack, and another key": (
        ListPackages,
        {"filters": [{"key": "package_id", "values": ["1", "2"]}, {"key": "product_type", "values": ["video"]}]},
    ),
    "unknown models may do anything": (
        ImageToVideo,
        {
            "model_name": "kling-v9",
            "mode": "4k",
            "image": URL,
            "image_tail": URL,
            "duration": 12,
            "cfg_scale": 0.1,
            "sound": "on",
            "multi_shot": True,
            "shot_type": "intelligence",
            "prompt": "a fox",
            "element_list": [ELEMENT],
        },
    ),
    "without a model nothing is known": (
        GenerateImage,
        {"image": URL, "image_reference": "subject", "human_fidelity": 0.1, "image_fidelity": 0.1, "resolution": "2k"},
    ),
}


def sent(request_class: Any, given: dict[str, Any]) -> Any:
    """A request that a client would send; what the capability map rules out is raised as a client raises it."""
    made = request_class(**given)
    for error in made.unsupported():
        raise error
    return made


@pytest.mark.parametrize(("request_class", "given", "field", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_rule_is_refused_in_its_name(request_class: Any, given: dict[str, Any], field: str, words: str) -> None:
    """A combination the documents rule out names the field at fault, the rule and what was given."""
    with pytest.raises(InvalidRequest) as caught:
        sent(request_class, given)

    assert field == caught.value.field
    assert words in (caught.value.rule or "")
    assert str(caught.value).startswith(f"{field}: {caught.value.rule}; got ")


@pytest.mark.parametrize(("request_class", "given"), KEPT.values(), ids=KEPT.keys())
def test_kept_rule_passes(request_class: Any, given: dict[str, Any]) -> None:
    """A combination the documents allow, or dispute, passes."""
    usual = {} if request_class is ImageToVideo else least(request_class)

    made = sent(request_class, {**usual, **given})

    assert given.get("model_name") == getattr(made, "model_name", None)


def test_error_carries_the_value_at_fault() -> None:
    """The error shows the value of the very field it names, also deep inside."""
    with pytest.raises(InvalidRequest) as caught:
        TextToVideo(prompt="a fox", camera_control=CameraControl(type="simple", config=CameraConfig(pan=1, zoom=-2)))

    assert -2 == caught.value.value


RULES: dict[str, int] = {
    "ImageGenerationCreate": 10,
    "OmniImageCreate": 7,
    "MultiImageToImageCreate": 3,
    "ExpandImageCreate": 3,
    "VirtualTryOnCreate": 3,
    "PackageLedgerRequest": 4,
    "BalanceLedgerRequest": 2,
    "AdvancedLipSyncCreate": 3,
    "AvatarCreate": 2,
    "CameraControl": 4,
    "CustomVoiceCreate": 1,
    "EffectsCreate": 2,
    "ElementCreate": 3,
    "IdentifyFaceRequest": 1,
    "Image2VideoCreate": 9,
    "InitSelectionRequest": 1,
    "MotionControlCreate": 2,
    "MultiElementsCreate": 3,
    "OmniVideoCreate": 18,
    "Text2VideoCreate": 5,
    "VideoExtendCreate": 3,
    "VideoToAudioCreate": 1,
}
"""How many rules each schema of the documents states; all have been looked at for the cases above."""


def test_no_rule_of_the_documents_is_new() -> None:
    """A rule that is added to a schema wants its cases above, then its number here."""
    stated = Counter[str]()
    for whole in DOCUMENTS.values():
        stated += Counter({name: len(part.get("x-rules", ())) for name, part in whole["components"]["schemas"].items()})

    assert RULES == stated
