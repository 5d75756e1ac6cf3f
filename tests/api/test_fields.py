"""Single fields: types, limits, what counts as not given, and how a mistake is told."""

from __future__ import annotations

import json
import numbers
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_async import InvalidRequest
from kling_async.api import (
    CALLS,
    ROWS,
    AddPoints,
    AdvancedLipSync,
    Avatar,
    CreateElement,
    CreateFirstElement,
    CreateVoice,
    DeleteElement,
    ExpandImage,
    ExtendVideo,
    GenerateImage,
    ImageToVideo,
    LipSync,
    ListBalance,
    ListCosts,
    ListPackages,
    ListPresetElements,
    ListPresetVoices,
    MakeEffect,
    MotionControl,
    MultiElements,
    OmniImage,
    OmniVideo,
    ReferenceToImage,
    ReferenceToVideo,
    TextToAudio,
    TextToSpeech,
    TextToVideo,
    TryOn,
    VideoToAudio,
    info,
)
from kling_async.models.wire import SENT_AS
from kling_async.protocol.codec import dump, dumps
from tests.api.least import CLIP, FACE, SAYING, URL, least

ALL: Any = {**ROWS, **CALLS}
NAN, INF = float("nan"), float("inf")
HALF = "half of a pair: \ud83e"
LONG = "9" * 5000
LONG_NUMBER = 10**400

NO_ADDRESSES = [
    "http://:80/",
    "http://u:pw@/x",
    "https://[::1",
    "https://[::1]x/",
    "https://[fox]/",
    "https://[1:2]/",
    "https://a[b]/",
    "https://fox.example\\@other.example/",
    "https://fox.example:99999/",
    "https://fox.example:0/",
    "https://fox.example:port/",
    "https://fox.example/\0",
    "https://fox.example/\x1b[2J",
    "https://fox.example/\x85",
    "https://fox.example/\x9b2J",
    "https://fox.example/\u2028",
    "https://fox.example/\ud800",
    "https://fox\t.example/",
    " https://fox.example/",
    "https://./",
    "https://#fox.example",
]
HEARD: Any = {"mode": "audio2video", "video_url": CLIP, "audio_type": "url"}


class Lost(tzinfo):
    """A time zone that does not know where it is."""

    def utcoffset(self, _: datetime | None, /) -> None:
        """None, which makes a moment as good as one without a zone."""

    def dst(self, _: datetime | None, /) -> None:
        """None."""

    def tzname(self, _: datetime | None, /) -> None:
        """None."""


class Whole:
    """A whole number of another library's, which is no int."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class Single(Whole):
    """A number of another library's, which is no float."""

    def __index__(self) -> int:
        raise TypeError

    def __float__(self) -> float:
        return self.number / 2


numbers.Real.register(Single)

WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (GenerateImage, {"prompt": None}, "prompt"),
    (GenerateImage, {"prompt": ""}, "prompt"),
    (GenerateImage, {"prompt": 5}, "prompt"),
    (GenerateImage, {"prompt": b"bytes"}, "prompt"),
    (GenerateImage, {"prompt": ["a fox"]}, "prompt"),
    (GenerateImage, {"prompt": HALF}, "prompt"),
    (GenerateImage, {"prompt": "x" * 2501}, "prompt"),
    (GenerateImage, {"negative_prompt": "x" * 2501}, "negative_prompt"),
    (GenerateImage, {"model_name": 3}, "model_name"),
    (GenerateImage, {"model_name": HALF}, "model_name"),
    (GenerateImage, {"n": 0}, "n"),
    (GenerateImage, {"n": 10}, "n"),
    (GenerateImage, {"n": True}, "n"),
    (GenerateImage, {"n": 1.0}, "n"),
    (GenerateImage, {"n": "two"}, "n"),
    (GenerateImage, {"n": LONG}, "n"),
    (GenerateImage, {"image_fidelity": -0.1}, "image_fidelity"),
    (GenerateImage, {"image_fidelity": 1.1}, "image_fidelity"),
    (GenerateImage, {"image_fidelity": NAN}, "image_fidelity"),
    (GenerateImage, {"image_fidelity": INF}, "image_fidelity"),
    (GenerateImage, {"image_fidelity": 10**400}, "image_fidelity"),
    (GenerateImage, {"image_fidelity": "0.5"}, "image_fidelity"),
    (GenerateImage, {"image_fidelity": True}, "image_fidelity"),
    (GenerateImage, {"human_fidelity": 2}, "human_fidelity"),
    (GenerateImage, {"aspect_ratio": "5:4"}, "aspect_ratio"),
    (GenerateImage, {"aspect_ratio": 1.5}, "aspect_ratio"),
    (GenerateImage, {"resolution": "4k"}, "resolution"),
    (GenerateImage, {"image_reference": "style"}, "image_reference"),
    (GenerateImage, {"image": 5}, "image"),
    (GenerateImage, {"image": bytearray(b"x")}, "image"),
    (GenerateImage, {"element_list": "abc"}, "element_list"),
    (GenerateImage, {"element_list": 5}, "element_list"),
    (GenerateImage, {"element_list": {"element_id": 1}}, "element_list"),
    (GenerateImage, {"element_list": [5]}, "element_list[0]"),
    (GenerateImage, {"element_list": [{"element_id": 1}, {"element_id": 0}]}, "element_list[1].element_id"),
    (GenerateImage, {"element_list": [{"element_id": 2**63}]}, "element_list[0].element_id"),
    (GenerateImage, {"element_list": [{"element_id": 1.5}]}, "element_list[0].element_id"),
    (GenerateImage, {"element_list": [{}]}, "element_list[0].element_id"),
    (GenerateImage, {"watermark_info": True}, "watermark_info"),
    (GenerateImage, {"watermark_info": {"enabled": "yes"}}, "watermark_info.enabled"),
    (GenerateImage, {"watermark_info": {"on": True}}, "watermark_info.on"),
    (GenerateImage, {"watermark_info": {"self": True}}, "watermark_info.self"),
    (GenerateImage, {"watermark_info": {1: True}}, "watermark_info"),
    (GenerateImage, {"callback_url": "example.com/hook"}, "callback_url"),
    (GenerateImage, {"callback_url": "ftp://example.com"}, "callback_url"),
    (GenerateImage, {"callback_url": "https://"}, "callback_url"),
    (GenerateImage, {"callback_url": "https://?x"}, "callback_url"),
    (GenerateImage, {"callback_url": "https://a b"}, "callback_url"),
    (GenerateImage, {"callback_url": 5}, "callback_url"),
    *((GenerateImage, {"callback_url": wrong}, "callback_url") for wrong in NO_ADDRESSES),
    *((LipSync, {"input": {**HEARD, "audio_url": wrong}}, "input.audio_url") for wrong in NO_ADDRESSES),
    (GenerateImage, {"external_task_id": 5}, "external_task_id"),
    (GenerateImage, {"extra": "x"}, "extra"),
    (GenerateImage, {"extra": {1: 2}}, "extra"),
    (TextToVideo, {"duration": 2}, "duration"),
    (TextToVideo, {"duration": "16"}, "duration"),
    (TextToVideo, {"duration": 5.0}, "duration"),
    (TextToVideo, {"duration": True}, "duration"),
    (TextToVideo, {"duration": "5s"}, "duration"),
    (TextToVideo, {"duration": "-5"}, "duration"),
    (TextToVideo, {"duration": LONG}, "duration"),
    (TextToVideo, {"mode": "8k"}, "mode"),
    (TextToVideo, {"sound": True}, "sound"),
    (TextToVideo, {"cfg_scale": 1.5}, "cfg_scale"),
    (TextToVideo, {"aspect_ratio": "4:3"}, "aspect_ratio"),
    (TextToVideo, {"multi_shot": "true"}, "multi_shot"),
    (TextToVideo, {"shot_type": "custom"}, "shot_type"),
    (TextToVideo, {"voice_list": [{"voice_id": "a"}] * 3}, "voice_list"),
    (TextToVideo, {"voice_list": [{"voice_id": ""}]}, "voice_list[0].voice_id"),
    (TextToVideo, {"multi_prompt": [{"index": 0, "prompt": "x", "duration": 5}]}, "multi_prompt[0].index"),
    (TextToVideo, {"multi_prompt": [{"index": 1, "prompt": "x" * 513, "duration": 5}]}, "multi_prompt[0].prompt"),
    (TextToVideo, {"multi_prompt": [{"index": 1, "prompt": "x", "duration": 0}]}, "multi_prompt[0].duration"),
    (TextToVideo, {"multi_prompt": [{"index": 1, "prompt": "x", "duration": 1}] * 7}, "multi_prompt"),
    (TextToVideo, {"camera_control": {"type": "spin"}}, "camera_control.type"),
    (TextToVideo, {"camera_control": {"config": {"pan": 1}}}, "camera_control.type"),
    (
        TextToVideo,
        {"camera_control": {"type": "simple", "config": {"pan": 10.5}}},
        "camera_control.config.pan",
    ),
    (ImageToVideo, {"element_list": [{"element_id": 1}] * 4}, "element_list"),
    (ImageToVideo, {"dynamic_masks": [{"mask": URL, "trajectories": []}]}, "dynamic_masks[0].trajectories"),
    (
        ImageToVideo,
        {"dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1, "y": 1}] * 78}]},
        "dynamic_masks[0].trajectories",
    ),
    (
        ImageToVideo,
        {"dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1, "y": 1}, {"x": 0.5, "y": 1}]}]},
        "dynamic_masks[0].trajectories[1].x",
    ),
    (OmniImage, {"series_amount": 1}, "series_amount"),
    (OmniImage, {"series_amount": 10}, "series_amount"),
    (OmniImage, {"series_amount": "automatic"}, "series_amount"),
    (OmniImage, {"image_list": [{"image": URL}] * 11}, "image_list"),
    (OmniImage, {"image_list": [{"image": ""}]}, "image_list[0].image"),
    (OmniImage, {"image_list": [{}]}, "image_list[0].image"),
    (OmniImage, {"aspect_ratio": "5:4"}, "aspect_ratio"),
    (ReferenceToImage, {"subject_image_list": []}, "subject_image_list"),
    (ReferenceToImage, {"subject_image_list": [{"subject_image": URL}] * 5}, "subject_image_list"),
    (ReferenceToImage, {"negative_prompt": "rain"}, "negative_prompt"),
    (ExpandImage, {"up_expansion_ratio": 2.1}, "up_expansion_ratio"),
    (ExpandImage, {"left_expansion_ratio": -0.1}, "left_expansion_ratio"),
    (ExpandImage, {"model_name": "kling-v2"}, "model_name"),
    (TryOn, {"prompt": "a coat"}, "prompt"),
    (OmniVideo, {"image_list": [{"image_url": URL}] * 8}, "image_list"),
    (OmniVideo, {"image_list": [{"image_url": URL, "type": "last_frame"}]}, "image_list[0].type"),
    (OmniVideo, {"image_list": [{"image": URL}]}, "image_list[0].image"),
    (OmniVideo, {"video_list": [{"video_url": CLIP}] * 2}, "video_list"),
    (OmniVideo, {"video_list": [{"video_url": b"moov"}]}, "video_list[0].video_url"),
    (OmniVideo, {"video_list": [{"video_url": CLIP, "refer_type": "style"}]}, "video_list[0].refer_type"),
    (OmniVideo, {"mode": "1080p"}, "mode"),
    (OmniVideo, {"duration": 2}, "duration"),
    (ReferenceToVideo, {"image_list": [{"image": URL}] * 5}, "image_list"),
    (ReferenceToVideo, {"duration": 7}, "duration"),
    (ReferenceToVideo, {"mode": "4k"}, "mode"),
    (MotionControl, {"mode": "4k"}, "mode"),
    (MotionControl, {"video_url": Path("dance.mp4")}, "video_url"),
    (MotionControl, {"video_url": "https://"}, "video_url"),
    (MotionControl, {"element_list": [{"element_id": 1}] * 2}, "element_list"),
    (MotionControl, {"character_orientation": "left"}, "character_orientation"),
    (MotionControl, {"duration": 5}, "duration"),
    (AddPoints, {"points": []}, "points"),
    (AddPoints, {"points": [{"x": 0.5, "y": 0.5}] * 11}, "points"),
    (AddPoints, {"points": [{"x": 0.5, "y": 1.01}]}, "points[0].y"),
    (AddPoints, {"frame_index": -1}, "frame_index"),
    (MultiElements, {"edit_mode": "add"}, "edit_mode"),
    (ExtendVideo, {"video_id": 1.5}, "video_id"),
    (ExtendVideo, {"cfg_scale": 1.1}, "cfg_scale"),
    (AdvancedLipSync, {"face_choose": []}, "face_choose"),
    (AdvancedLipSync, {"face_choose": [FACE, FACE]}, "face_choose"),
    (AdvancedLipSync, {"face_choose": [{**FACE, "sound_volume": 2.1}]}, "face_choose[0].sound_volume"),
    (AdvancedLipSync, {"face_choose": [{**FACE, "sound_start_time": -1}]}, "face_choose[0].sound_start_time"),
    (LipSync, {"input": {**SAYING, "text": "x" * 121}}, "input.text"),
    (LipSync, {"input": {**SAYING, "voice_speed": 0.7}}, "input.voice_speed"),
    (LipSync, {"input": {**SAYING, "voice_language": "de"}}, "input.voice_language"),
    (Avatar, {"duration": 5}, "duration"),
    (Avatar, {"sound_file": 5}, "sound_file"),
    (MakeEffect, {"effect_scene": ""}, "effect_scene"),
    (MakeEffect, {"input": {"images": [URL]}}, "input.images"),
    (MakeEffect, {"input": {"images": [URL] * 3}}, "input.images"),
    (MakeEffect, {"input": {"images": [URL, 5]}}, "input.images[1]"),
    (MakeEffect, {"input": {"image": URL, "duration": 7}}, "input.duration"),
    (TextToAudio, {"duration": 2.9}, "duration"),
    (TextToAudio, {"duration": 10.1}, "duration"),
    (TextToAudio, {"duration": "5"}, "duration"),
    (TextToAudio, {"prompt": "x" * 201}, "prompt"),
    (VideoToAudio, {"bgm_prompt": "x" * 201}, "bgm_prompt"),
    (VideoToAudio, {"asmr_mode": "yes"}, "asmr_mode"),
    (TextToSpeech, {"text": "x" * 1001}, "text"),
    (TextToSpeech, {"callback_url": URL}, "callback_url"),
    (TextToSpeech, {"voice_speed": LONG_NUMBER}, "voice_speed"),
    (CreateVoice, {"voice_name": "x" * 21}, "voice_name"),
    (ListPresetVoices, {"page": 0}, "page"),
    (ListPresetVoices, {"page_size": 1001}, "page_size"),
    (ListPresetElements, {"page_size": 501}, "page_size"),
    (CreateElement, {"element_description": "x" * 101}, "element_description"),
    (
        CreateElement,
        {"element_image_list": {"frontal_image": URL, "refer_images": []}},
        "element_image_list.refer_images",
    ),
    (
        CreateElement,
        {"element_image_list": {"frontal_image": URL, "refer_images": [{"image_url": URL}] * 4}},
        "element_image_list.refer_images",
    ),
    (DeleteElement, {"element_id": True}, "element_id"),
    (DeleteElement, {"element_id": 1.5}, "element_id"),
    (DeleteElement, {"element_id": -1}, "element_id"),
    (DeleteElement, {"element_id": LONG_NUMBER}, "element_id"),
    (DeleteElement, {"element_id": 10**5000}, "element_id"),
    (CreateFirstElement, {"element_refer_list": [{"image_url": URL}] * 4}, "element_refer_list"),
    (CreateFirstElement, {"external_task_id": "mine"}, "external_task_id"),
    (ListCosts, {"start_time": datetime(2026, 1, 1)}, "start_time"),  # noqa: DTZ001 - the mistake in question
    (ListCosts, {"start_time": -1}, "start_time"),
    (ListCosts, {"start_time": 1.5}, "start_time"),
    (ListCosts, {"start_time": True}, "start_time"),
    (ListCosts, {"start_time": 1_774_700_000}, "start_time"),
    (ListCosts, {"start_time": "1774700000"}, "start_time"),
    (ListCosts, {"start_time": datetime(1900, 1, 1, tzinfo=UTC)}, "start_time"),
    (ListCosts, {"start_time": datetime(2026, 1, 1, tzinfo=Lost())}, "start_time"),
    (ListCosts, {"end_time": "yesterday"}, "end_time"),
    (ListBalance, {"limit": 501}, "limit"),
    (ListBalance, {"filters": [{"key": "product_type", "values": ["video"]}]}, "filters[0].key"),
    (ListBalance, {"filters": [{"key": "api_key_name", "values": []}]}, "filters[0].values"),
    (ListPackages, {"filters": [{"key": "product_type", "values": ()}]}, "filters[0].values"),
    (ListPackages, {"filters": [{"key": "product_type", "values": "video"}]}, "filters[0].values"),
    (ListPackages, {"filters": [{"key": "product_type", "values": ["video", ""]}]}, "filters[0].values[1]"),
    (
        ImageToVideo,
        {"dynamic_masks": [{"mask": "mask.png", "trajectories": [{"x": 1, "y": 1}] * 2}]},
        "dynamic_masks[0].mask",
    ),
]


def a_request(kind: Any, given: dict[str, Any]) -> Any:
    """A request that is right but for what is given."""
    return kind(**{**least(kind), **given})


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    WRONG,
    ids=[f"{kind.__name__}-{field}-{at}" for at, (kind, _, field) in enumerate(WRONG)],
)
def test_wrong_value_is_refused_by_name(kind: Any, given: dict[str, Any], field: str) -> None:
    """A value of a wrong type or beyond a limit names its field and its rule, and is told in one short line."""
    with pytest.raises(InvalidRequest) as caught:
        a_request(kind, given)

    assert field == caught.value.field
    assert caught.value.rule
    assert 400 > len(str(caught.value))


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        (GenerateImage, {"n": 9}, {"n": 9}),
        (GenerateImage, {"n": "3"}, {"n": 3}),
        (GenerateImage, {"prompt": "🦊" * 2500}, {"prompt": "🦊" * 2500}),
        (GenerateImage, {"image_fidelity": 0}, {"image_fidelity": 0}),
        (GenerateImage, {"callback_url": "HTTPS://example.com?x=1"}, {"callback_url": "HTTPS://example.com?x=1"}),
        (
            GenerateImage,
            {"element_list": [{"element_id": str(2**63 - 1)}]},
            {"element_list": [{"element_id": 2**63 - 1}]},
        ),
        (OmniImage, {"series_amount": "auto", "result_type": "series"}, {"series_amount": "auto"}),
        (OmniImage, {"series_amount": "9", "result_type": "series"}, {"series_amount": 9}),
        (DeleteElement, {"element_id": 2**53 + 1}, {"element_id": "9007199254740993"}),
        (ExtendVideo, {"video_id": 912345678901234567}, {"video_id": "912345678901234567"}),
        (TextToAudio, {"duration": 6.5}, {"duration": 6.5}),
        (TextToSpeech, {"voice_speed": 2.7}, {"voice_speed": 2.7}),
        (MakeEffect, {"input": {"image": URL, "duration": 5}}, {"input": {"image": URL, "duration": "5"}}),
        (MultiElements, {"duration": 10}, {"duration": "10"}),
        (ListPresetVoices, {"page": 1000, "page_size": 1000}, {"pageNum": 1000, "pageSize": 1000}),
        (
            ListCosts,
            {"start_time": datetime(1970, 1, 1, tzinfo=UTC), "end_time": "100000000000"},
            {"start_time": 0, "end_time": 10**11},
        ),
        (
            ListBalance,
            {"start_time": datetime(2026, 3, 1, 12, 0, 0, 1500, tzinfo=timezone(timedelta(hours=8)))},
            {"start_time": 1772337600002},
        ),
        (GenerateImage, {"n": Whole(3)}, {"n": 3}),
        (GenerateImage, {"image_fidelity": Fraction(1, 2)}, {"image_fidelity": 0.5}),
        (GenerateImage, {"image_fidelity": Single(1)}, {"image_fidelity": 0.5}),
        (GenerateImage, {"element_list": [{"element_id": Whole(7)}]}, {"element_list": [{"element_id": 7}]}),
        (TextToVideo, {"duration": Whole(7)}, {"duration": "7"}),
        (ExtendVideo, {"video_id": Whole(7)}, {"video_id": "7"}),
        (ListCosts, {"end_time": Whole(2**50)}, {"end_time": 2**50}),
        (GenerateImage, {"callback_url": "http://[::1]:8080/a?b#c"}, {"callback_url": "http://[::1]:8080/a?b#c"}),
        (GenerateImage, {"callback_url": "https://u:p%40@füchse.example:1"}, {}),
        (TextToVideo, {"duration": 5}, {"duration": "5"}),
        (TextToVideo, {"duration": "05"}, {"duration": "5"}),
        (TextToVideo, {"multi_shot": False}, {"multi_shot": False}),
        (TextToVideo, {"watermark_info": {"enabled": False}}, {"watermark_info": {"enabled": False}}),
        (
            ImageToVideo,
            {"dynamic_masks": [{"mask": URL, "trajectories": ({"x": -1, "y": 9}, {"x": 2, "y": 3})}]},
            {"dynamic_masks": [{"mask": URL, "trajectories": [{"x": -1, "y": 9}, {"x": 2, "y": 3}]}]},
        ),
    ],
)
def test_right_value_is_sent_as_the_vendor_wants_it(kind: Any, given: dict[str, Any], sent: dict[str, Any]) -> None:
    """Values at the limits pass; seconds are sent as text, whole numbers as numbers, false as false."""
    made = a_request(kind, given if kind is not ListBalance else {**given, "end_time": 2**50})

    body = json.loads(dumps(dump(made)))

    assert sent == {name: body[name] for name in sent}


@pytest.mark.parametrize("seconds", [0, 1, 1_774_700_000, "1774700000", 10**11 - 1])
def test_seconds_are_not_taken_for_milliseconds(seconds: Any) -> None:
    """A moment that is a thousand times too early is told as what it is."""
    with pytest.raises(InvalidRequest, match="must be in milliseconds since 1970, this looks like seconds"):
        ListCosts(start_time=seconds, end_time=10**12)


@pytest.mark.parametrize("early", [-1, datetime(1900, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, tzinfo=UTC)])
def test_moments_before_1970_are_refused_alike(early: Any) -> None:
    """However it is written, no moment is sent as a negative number."""
    with pytest.raises(InvalidRequest, match="must not be before 1970"):
        ListCosts(start_time=early, end_time=10**12)


@pytest.mark.parametrize("number", [Fraction(10**400), Single(10**400), 1j, Whole(2)])
def test_number_must_be_real_and_finite(number: Any) -> None:
    """What no float can hold is no number, nor what only stands for an index."""
    with pytest.raises(InvalidRequest, match="image_fidelity: must be a number"):
        GenerateImage(prompt="a fox", image_fidelity=number)


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(row.request, field.name, id=f"{row.name}-{field.name}")
        for row in ALL.values()
        for field in attrs.fields(row.request)
        if field.default is None
    ],
)
def test_none_and_empty_text_mean_not_given(kind: Any, name: str, nothing: object) -> None:
    """Where a field may be left out, None and the empty text leave it out, as in the vendor's own samples."""
    sent_as = attrs.fields_dict(kind)[name].metadata.get(SENT_AS, name)

    body = dump(kind(**{**least(kind, without=name), name: nothing}))

    assert sent_as not in body


@pytest.mark.parametrize("empty", [[], (), ""])
def test_empty_list_means_not_given(empty: object) -> None:
    """A list without items is not sent."""
    wrong: Any = empty

    assert {"prompt": "a fox"} == dump(GenerateImage(prompt="a fox", element_list=wrong))


def test_empty_mapping_means_not_given() -> None:
    """An object without fields is not sent: the documents write absent or empty."""
    made = TextToVideo(prompt="a fox", watermark_info={}, camera_control={"type": "down_back", "config": {}})

    assert {"prompt": "a fox", "camera_control": {"type": "down_back"}} == dump(made)


@pytest.mark.parametrize("row", ALL.values(), ids=ALL.keys())
def test_missing_required_field_is_named(row: Any) -> None:
    """A call without one of its required fields names it; None is as good as missing."""
    for field in attrs.fields(row.request):
        if field.default is attrs.NOTHING:
            given = least(row.request)
            with pytest.raises(InvalidRequest, match="is required") as left_out:
                row.request(**{name: value for name, value in given.items() if name != field.name})
            with pytest.raises(InvalidRequest) as nothing:
                row.request(**{**given, field.name: None})

            assert field.name == left_out.value.field == nothing.value.field


@pytest.mark.parametrize("row", ALL.values(), ids=ALL.keys())
def test_least_is_the_least(row: Any) -> None:
    """What the other tests take for the least a call needs is enough, and none of it can be left out."""
    given = least(row.request)

    row.request(**given)

    for needed in given:
        with pytest.raises(InvalidRequest):
            row.request(**{name: value for name, value in given.items() if name != needed})


@pytest.mark.parametrize("row", ALL.values(), ids=ALL.keys())
def test_unknown_name_is_refused_with_the_names_there_are(row: Any) -> None:
    """A name that is no field is refused, and the error lists those that are, and the way around."""
    with pytest.raises(InvalidRequest) as caught:
        row.request(promt="a fox")

    assert "promt" == caught.value.field
    assert all(field.name in str(caught.value) for field in attrs.fields(row.request))


@pytest.mark.parametrize("kind", [GenerateImage, TextToVideo, ImageToVideo])
def test_model_is_called_model_name(kind: Any) -> None:
    """The old key `model`, which the vendor takes and ignores, is refused with the right name."""
    with pytest.raises(InvalidRequest, match="is called model_name") as caught:
        kind(prompt="a fox", model="kling-v3")

    assert ("model", "kling-v3") == (caught.value.field, caught.value.value)


def test_field_may_be_called_self() -> None:
    """Even a name that Python uses itself is told as an unknown field."""
    wrong: Any = GenerateImage

    with pytest.raises(InvalidRequest) as caught:
        wrong(**{"self": 1})  # noqa: PIE804 - as a keyword it would not pass the type checkers

    assert "self" == caught.value.field


def test_new_model_passes() -> None:
    """A model that came after this package is no mistake."""
    made = GenerateImage(prompt="a fox", model_name="kling-v7")

    assert {"prompt": "a fox", "model_name": "kling-v7"} == dump(made)


def test_list_may_be_any_iterable() -> None:
    """Items may come from a generator, which is read once."""
    items: Any = ({"element_id": at} for at in (1, 2))

    made = GenerateImage(prompt="a fox", element_list=items)

    assert 2 == len(made.element_list or ())


def test_file_that_is_missing_is_named() -> None:
    """A path that cannot be read is refused when the request is made, not when it is sent."""
    with pytest.raises(InvalidRequest, match=r"No such file.*gone\.png"):
        ImageToVideo(image=Path("gone.png"))


def test_decimal_is_not_taken_for_a_number() -> None:
    """A number is an int or a float; a Decimal would lose its digits on the way."""
    wrong: Any = Decimal("0.5")

    with pytest.raises(InvalidRequest, match="must be a number"):
        GenerateImage(prompt="a fox", image_fidelity=wrong)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(row.request, field.name, id=f"{row.name}-{field.name}")
        for row in ALL.values()
        for field in attrs.fields(row.request)
    ],
)
def test_every_field_is_described(kind: Any, name: str) -> None:
    """Every field has a sentence for help and command line; only `extra` has nothing to check."""
    about = info(attrs.fields_dict(kind)[name])

    assert name == "extra" if about is None else about.doc.endswith((".", ")", "?")) and len(about.doc) < 120
