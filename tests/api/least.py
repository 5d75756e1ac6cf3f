"""The least that each request class takes, for tests that are about something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kling_async import api

URL: Final = "https://files.example/fox.png"
CLIP: Final = "https://files.example/fox.mp4"
SPEECH: Final = "https://files.example/fox.mp3"
FACE: Final[Mapping[str, Any]] = {
    "face_id": "0",
    "sound_file": SPEECH,
    "sound_start_time": 0,
    "sound_end_time": 4200,
    "sound_insert_time": 500,
}
SAYING: Final[Mapping[str, Any]] = {
    "mode": "text2video",
    "video_url": CLIP,
    "text": "hello",
    "voice_id": "oversea_male1",
}
PICTURES: Final[Mapping[str, Any]] = {"frontal_image": URL, "refer_images": [{"image_url": URL}]}
NAMED: Final[Mapping[str, Any]] = {"element_name": "fox", "element_description": "a red fox"}
SIDES: Final[Mapping[str, Any]] = {f"{side}_expansion_ratio": 0.1 for side in ("up", "down", "left", "right")}

WINDOW: Final[Mapping[str, Any]] = {"start_time": 1767225600000, "end_time": 1774700000000}

LEAST: Final[Mapping[Any, Mapping[str, Any]]] = {
    api.GenerateImage: {"prompt": "a fox"},
    api.OmniImage: {"prompt": "a fox"},
    api.ReferenceToImage: {"subject_image_list": [{"subject_image": URL}]},
    api.ExpandImage: {"image": URL, **SIDES},
    api.TryOn: {"human_image": URL, "cloth_image": URL},
    api.GenerateMultiShot: {"element_frontal_image": URL},
    api.RecognizeImage: {"image": URL},
    api.TextToVideo: {"prompt": "a fox"},
    api.ImageToVideo: {"image": URL},
    api.OmniVideo: {"prompt": "a fox", "aspect_ratio": "1:1"},
    api.ReferenceToVideo: {"image_list": [{"image": URL}], "prompt": "a fox"},
    api.MotionControl: {"image_url": URL, "video_url": CLIP, "character_orientation": "video", "mode": "std"},
    api.MultiElements: {"session_id": "s-1", "edit_mode": "removal", "prompt": "take it away"},
    api.InitSelection: {"video_url": CLIP},
    api.AddPoints: {"session_id": "s-1", "frame_index": 0, "points": [{"x": 0.5, "y": 0.5}]},
    api.DeletePoints: {"session_id": "s-1", "frame_index": 0, "points": [{"x": 0.5, "y": 0.5}]},
    api.ClearSelection: {"session_id": "s-1"},
    api.PreviewSelection: {"session_id": "s-1"},
    api.ExtendVideo: {"video_id": "1"},
    api.IdentifyFace: {"video_url": CLIP},
    api.AdvancedLipSync: {"session_id": "s-1", "face_choose": [FACE]},
    api.LipSync: {"input": SAYING},
    api.Avatar: {"image": URL, "sound_file": SPEECH},
    api.MakeEffect: {"effect_scene": "color_mixing", "input": {"image": URL}},
    api.TextToAudio: {"prompt": "rain", "duration": 5},
    api.VideoToAudio: {"video_url": CLIP},
    api.TextToSpeech: {"text": "hello", "voice_id": "oversea_male1", "voice_language": "en"},
    api.CreateVoice: {"voice_name": "fox", "voice_url": SPEECH},
    api.ListPresetVoices: {},
    api.DeleteVoice: {"voice_id": "1"},
    api.CreateElement: {**NAMED, "reference_type": "image_refer", "element_image_list": PICTURES},
    api.ListFirstElements: {},
    api.ListPresetElements: {},
    api.ListPresetFirstElements: {},
    api.DeleteElement: {"element_id": "1"},
    api.CreateFirstElement: {
        **NAMED,
        "element_frontal_image": URL,
        "element_refer_list": [{"image_url": URL}],
    },
    api.ListCosts: WINDOW,
    api.ListBalance: WINDOW,
    api.ListPackages: WINDOW,
}
"""Arguments of each request class."""

SHOTS: Final = [{"index": 1, "prompt": "a fox", "duration": 5}]
INSTEAD: Final[Mapping[tuple[Any, str], Mapping[str, Any]]] = {
    (api.TextToVideo, "prompt"): {"multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS},
    (api.OmniVideo, "prompt"): {"multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS},
    (api.OmniVideo, "aspect_ratio"): {"image_list": [{"image_url": URL, "type": "first_frame"}]},
    (api.ImageToVideo, "image"): {"image_tail": URL},
    (api.InitSelection, "video_url"): {"video_id": "1"},
    (api.IdentifyFace, "video_url"): {"video_id": "1"},
    (api.VideoToAudio, "video_url"): {"video_id": "1"},
    (api.CreateVoice, "voice_url"): {"video_id": "1"},
    (api.Avatar, "sound_file"): {"audio_id": "1"},
    (api.CreateElement, "element_image_list"): {
        "reference_type": "video_refer",
        "element_video_list": {"refer_videos": [{"video_url": CLIP}]},
    },
    (api.ListBalance, "start_time"): {"cursor": "c"},
    (api.ListBalance, "end_time"): {"cursor": "c"},
    (api.ListPackages, "start_time"): {"cursor": "c"},
    (api.ListPackages, "end_time"): {"cursor": "c"},
}
"""What a request says where it leaves out what it usually needs."""


def least(request_class: Any, without: str = "") -> dict[str, Any]:
    """The least arguments, or the least without one of them."""
    usual = {name: value for name, value in LEAST[request_class].items() if name != without}
    return {**usual, **INSTEAD.get((request_class, without), {})}
