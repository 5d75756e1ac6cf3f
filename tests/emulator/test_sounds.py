# The hints of av are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Sounds: real files of the asked form and length, with something to hear; and the tasks that make them."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import av
import pytest

from kling_async.emulator import Emulator
from kling_async.emulator.media import SoundForm, SoundWork, render, seconds_as_text
from tests.support.documented import problems

Call = Callable[..., Awaitable[tuple[int, Any]]]
Finished = Callable[..., Awaitable[Any]]

TEXT = "/v1/audio/text-to-audio"
VIDEO = "/v1/audio/video-to-audio"
FILMS = "/v1/videos/text2video"
CLIP = "https://host.example/a.mp4"
LONGER = "/v1/videos/video-extend"

at_once = pytest.mark.kling_emulator(speed=1e9)
"""So fast that every task is over when its create is answered."""


def heard(content: bytes) -> tuple[str, float, int]:
    """The form of a sound, its length in seconds and its loudest sample."""
    with av.open(io.BytesIO(content), "r") as container:
        resampler = av.AudioResampler(format="s16", layout="mono")
        frames = [same for frame in container.decode(audio=0) for same in resampler.resample(frame)]
        rate = container.streams.audio[0].rate
        name = container.format.name
    samples = [memoryview(frame.planes[0]).cast("B")[: frame.samples * 2].cast("h") for frame in frames]
    return name, sum(frame.samples for frame in frames) / rate, max(max(map(abs, each)) for each in samples)


@pytest.mark.parametrize("spoken", [False, True])
@pytest.mark.parametrize(("form", "kind"), [("mp3", "audio/mpeg"), ("wav", "audio/wav")])
@pytest.mark.parametrize("thousandths", [600, 3000, 6543])
def test_sounds_have_the_asked_length(form: SoundForm, kind: str, thousandths: int, *, spoken: bool) -> None:
    """MP3 and WAV that decode to the length asked for, and are not silent."""
    rendering = render(SoundWork("a", thousandths, form, spoken=spoken), None, "png")

    name, seconds, loudest = heard(rendering.content)
    assert (kind, form) == (rendering.content_type, name)
    assert thousandths / 1000 == pytest.approx(seconds, abs=0.001)
    assert loudest > 2000


def test_sounds_are_drawn_from_the_seed() -> None:
    """The same seed gives the same bytes, another seed another sound."""
    one, same, other = (render(SoundWork(seed, 1000), None, "png").content for seed in ("a", "a", "b"))

    assert one == same
    assert one != other


def test_five_minutes_are_cheap() -> None:
    """The longest sounds take the processor a few seconds at the very most, on a slow machine too."""
    begun = time.process_time()

    render(SoundWork("a", 300_000, "mp3", spoken=True), None, "png")

    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.0, "5"), (5.0416, "5.041"), (6.5, "6.5"), (3.1, "3.1"), (9.999, "9.999"), (0.0, "0")]
)
def test_lengths_as_text(seconds: float, text: str) -> None:
    """At most three decimals, none that says nothing, and nothing rounded up."""
    assert text == seconds_as_text(seconds)


@at_once
async def test_text_to_audio(finished: Finished, http: aiohttp.ClientSession) -> None:
    """One sound in two encodings, as long as the number says."""
    answer = await finished(TEXT, {"prompt": "rain on a roof", "duration": 6.5})

    (audio,) = answer["data"]["task_result"]["audios"]
    assert [] == problems(answer, "TextToAudioTaskResponse")
    assert ("6.5", "6.5", "0.25") == (
        audio["duration_mp3"],
        audio["duration_wav"],
        answer["data"]["final_unit_deduction"],
    )
    for key, form, kind in (("url_mp3", "mp3", "audio/mpeg"), ("url_wav", "wav", "audio/wav")):
        async with http.get(audio[key]) as file:
            assert kind == file.content_type
            name, seconds, _ = heard(await file.read())
        assert form == name
        assert 6.5 == pytest.approx(seconds)


@at_once
async def test_video_to_audio_of_an_own_video(finished: Finished, http: aiohttp.ClientSession) -> None:
    """The video comes back with a sound track, the sound alone beside it, both as long as the video."""
    filmed = await finished(FILMS, {"prompt": "a cat", "aspect_ratio": "1:1"})
    parent = filmed["data"]["task_result"]["videos"][0]

    answer = await finished(VIDEO, {"video_id": parent["id"], "bgm_prompt": "slow piano", "asmr_mode": True})

    data = answer["data"]
    (video,), (audio,) = data["task_result"]["videos"], data["task_result"]["audios"]
    assert [] == problems(answer, "VideoToAudioTaskResponse")
    assert parent == data["task_info"]["parent_video"]
    assert ("5.041", "5.041") == (video["duration"], audio["duration_mp3"])
    assert parent["id"] != video["id"]
    async with http.get(video["url"]) as file:
        with av.open(io.BytesIO(await file.read()), "r") as container:
            assert 1 == len(container.streams.audio)


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1)
async def test_video_to_audio_of_a_link(call: Call) -> None:
    """A link is told back as the parent, with an id of its own."""
    _, created = await call("POST", VIDEO, {"video_url": CLIP, "video_id": ""})
    await asyncio.sleep(10_000)

    _, answer = await call("GET", f"{VIDEO}/{created['data']['task_id']}")

    parent = answer["data"]["task_info"]["parent_video"]
    assert (CLIP, "5") == (parent["url"], parent["duration"])
    assert parent["id"].isdigit()


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1)
async def test_dubbed_video_is_a_video(call: Call) -> None:
    """Its id is good for later calls."""
    _, created = await call("POST", VIDEO, {"video_url": CLIP})
    await asyncio.sleep(10_000)
    _, answer = await call("GET", f"{VIDEO}/{created['data']['task_id']}")
    video_id = answer["data"]["task_result"]["videos"][0]["id"]

    status, _ = await call("POST", "/v1/videos/identify-face", {"video_id": video_id})

    assert 200 == status


@pytest.mark.parametrize(("extensions", "status"), [(1, 200), (2, 200), (3, 400)])
@at_once
async def test_own_video_has_a_length(call: Call, finished: Finished, extensions: int, status: int) -> None:
    """A video of 15 or 20 seconds gets its sound, one of 25 does not."""
    film = await finished(FILMS, {"prompt": "a cat", "model_name": "kling-v1-6", "duration": "10"})
    for _ in range(extensions):
        film = await finished(LONGER, {"video_id": film["data"]["task_result"]["videos"][0]["id"]})

    told, answer = await call("POST", VIDEO, {"video_id": film["data"]["task_result"]["videos"][0]["id"]})

    assert status == told
    assert (status == 200) or (1201, "video duration must be between 3 and 20 seconds") == (
        answer["code"],
        answer["message"],
    )


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (TEXT, {"prompt": "rain"}, "duration can not be null"),
        (TEXT, {"prompt": "", "duration": 5}, "prompt can not be null"),
        (TEXT, {"prompt": "rain", "duration": "5"}, "duration value '5' is invalid, it must be of type number"),
        (TEXT, {"prompt": "rain", "duration": 2.9}, "duration value '2.9' is invalid"),
        (TEXT, {"prompt": "rain", "duration": 10.1}, "duration value '10.1' is invalid"),
        (TEXT, {"prompt": "rain", "duration": 5.25}, "duration value '5.25' is invalid, at most one decimal"),
        (TEXT, {"prompt": "r" * 201, "duration": 5}, "prompt can not be longer than 200 characters"),
        (VIDEO, {"bgm_prompt": "piano"}, "video_id or video_url can not be null"),
        (VIDEO, {"video_id": "1", "video_url": CLIP}, "video_id and video_url can not be used together"),
        (VIDEO, {"video_url": "AAAA"}, "video_url must be a link, videos are not taken as base64"),
        (VIDEO, {"video_id": "1"}, "Video id not found: 1"),
        (VIDEO, {"video_url": CLIP, "bgm_prompt": "r" * 201}, "bgm_prompt can not be longer than 200 characters"),
    ],
)
async def test_refused(call: Call, path: str, body: dict[str, Any], message: str, kling_emulator: Emulator) -> None:
    """What the documents forbid is 400/1201 and named, and leaves no task."""
    status, answer = await call("POST", path, body)

    assert (400, 1201, message) == (status, answer["code"], answer["message"])
    assert {} == kling_emulator.tasks


async def test_bad_words_in_sound_prompts(call: Call) -> None:
    """Every prompt is read, not only the one called prompt."""
    status, answer = await call("POST", VIDEO, {"video_url": CLIP, "sound_effect_prompt": "a forbidden noise"})

    assert (400, 1301) == (status, answer["code"])


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1)
async def test_own_video_grows_too_old(call: Call) -> None:
    """Ids of videos are good as inputs for 30 days."""
    long = {"prompt": "a cat", "model_name": "kling-v3", "duration": "15"}
    _, created = await call("POST", FILMS, long)
    await asyncio.sleep(10_000)
    _, answer = await call("GET", f"{FILMS}/{created['data']['task_id']}")
    video_id = answer["data"]["task_result"]["videos"][0]["id"]
    await asyncio.sleep(29 * 24 * 3600)

    in_time, _ = await call("POST", VIDEO, {"video_id": video_id})
    await asyncio.sleep(2 * 24 * 3600)
    too_late, refused = await call("POST", VIDEO, {"video_id": video_id})

    assert (200, 400, f"Video id expired: {video_id}") == (in_time, too_late, refused["message"])
