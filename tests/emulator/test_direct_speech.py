"""Text read out: a finished task in the answer, in the voices of the separate guide."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import av
import pytest

from kling_async.emulator import Emulator
from tests.support.documented import problems

Call = Callable[..., Awaitable[tuple[int, Any]]]

SPEECH = "/v1/audio/tts"
HELLO: dict[str, Any] = {"text": "Hello there. " * 10, "voice_id": "oversea_male1", "voice_language": "en"}


async def seconds(call: Call, **body: Any) -> float:
    """How long something takes to say."""
    _, answer = await call("POST", SPEECH, HELLO | body)
    (audio,) = answer["data"]["task_result"]["audios"]
    return float(audio["duration"])


async def test_speech_is_there_at_once(call: Call, http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """The answer is a task that has succeeded, with an MP3 of the told length; it is charged and cannot be queried."""
    _, answer = await call("POST", SPEECH, HELLO)

    data = answer["data"]
    (audio,) = data["task_result"]["audios"]
    async with http.get(audio["url"]) as file:
        kind = file.content_type
        with av.open(io.BytesIO(await file.read()), "r") as container:
            length = (container.duration or 0) / av.time_base
    status, refused = await call("GET", f"{SPEECH}/{data['task_id']}")
    assert [] == problems(answer, "TtsResponse")
    assert ("succeed", "0.05", "audio/mpeg") == (data["task_status"], data["final_unit_deduction"], kind)
    assert float(audio["duration"]) == pytest.approx(length, abs=0.001)
    assert Decimal("0.05") == kling_emulator.spent["video"]
    assert (404, 1203, {}) == (status, refused["code"], dict(kling_emulator.tasks))


async def test_length_follows_text_and_speed(call: Call) -> None:
    """Twice the text takes twice the time, twice the speed half of it."""
    once, twice, fast = (
        await seconds(call),
        await seconds(call, text="Hello there. " * 20),
        await seconds(call, voice_speed=2),
    )

    assert 2 * once == pytest.approx(twice, abs=0.01)
    assert once / 2 == pytest.approx(fast, abs=0.01)


@pytest.mark.parametrize(("asked", "rounded"), [(0.1, 0.8), (9, 2.0), (1.26, 1.3), (0.8, 0.8)])
async def test_speeds_are_rounded(call: Call, asked: float, rounded: float) -> None:
    """A speed out of range counts as the nearest one, a fine one is rounded to tenths; none is refused."""
    assert await seconds(call, voice_speed=rounded) == await seconds(call, voice_speed=asked)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"text": ""}, "text can not be null"),
        ({"text": "x" * 1001}, "text can not be longer than 1000 characters"),
        ({"voice_id": ""}, "voice_id can not be null"),
        ({"voice_language": ""}, "voice_language can not be null"),
        ({"voice_language": "de"}, "voice_language value 'de' is invalid"),
        ({"voice_speed": "fast"}, "voice_speed value 'fast' is invalid, it must be of type number"),
        ({"voice_id": "nobody"}, "Voice id not found"),
        ({"voice_language": "zh"}, "Voice id not found"),
        ({"voice_id": "tianmeixuemei-v1"}, "Voice id not found"),
    ],
)
async def test_refused(call: Call, body: dict[str, Any], message: str) -> None:
    """What the documents forbid is 400/1201, also a voice that does not speak the language."""
    status, answer = await call("POST", SPEECH, HELLO | body)

    assert (400, 1201, message) == (status, answer["code"], answer["message"])


async def test_library_voices_do_not_read(call: Call) -> None:
    """Preset voices and those for reading are two unrelated lists."""
    _, presets = await call("GET", "/v1/general/presets-voices")
    preset = presets["data"][0]["task_result"]["voices"][0]["voice_id"]

    status, answer = await call("POST", SPEECH, HELLO | {"voice_id": preset})

    assert (400, 1201, "Voice id not found") == (status, answer["code"], answer["message"])


async def test_bad_words_are_not_read(call: Call) -> None:
    """Text to be spoken is checked like a prompt."""
    status, answer = await call("POST", SPEECH, HELLO | {"text": "a forbidden word"})

    assert (400, 1301) == (status, answer["code"])


@pytest.mark.looptime
async def test_speech_moves_lips(call: Call) -> None:
    """The id of a sound is good for an avatar, for 30 days."""
    _, answer = await call("POST", SPEECH, HELLO)
    body = {"image": "https://host.example/a.png", "audio_id": answer["data"]["task_result"]["audios"][0]["id"]}

    in_time, _ = await call("POST", "/v1/videos/avatar/image2video", body)
    await asyncio.sleep(31 * 24 * 3600)
    too_late, _ = await call("POST", "/v1/videos/avatar/image2video", body)

    assert (200, 400) == (in_time, too_late)
