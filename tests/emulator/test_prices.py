"""What tasks cost, by the table in the packaged document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from kling_async.emulator import Emulator
from kling_async.emulator.prices import as_text, price_table

Call = Callable[..., Awaitable[tuple[int, Any]]]

IMAGES = "/v1/images/generations"
SHOTS = "/v1/general/ai-multi-shot"
TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
URL = "https://host.example/a.png"
VOICED = {
    "prompt": "<<<voice_1>>> sings",
    "image": URL,
    "voice_list": [{"voice_id": "1"}],
    "sound": "on",
    "mode": "pro",
}

PRICES: list[tuple[str, dict[str, Any], str]] = [
    (IMAGES, {"model_name": "kling-v3", "n": 3, "resolution": "2k"}, "24"),
    (IMAGES, {"model_name": "kling-v2-1"}, "4"),
    (IMAGES, {"model_name": "kling-v2-1", "image": URL}, "8"),
    (IMAGES, {"n": 9}, "9"),
    (SHOTS, {"element_frontal_image": URL}, "20"),
    (TEXT, {}, "1"),
    (TEXT, {"mode": "pro", "duration": "10"}, "7"),
    (TEXT, {"model_name": "kling-v3", "duration": "3"}, "1.8"),
    (TEXT, {"model_name": "kling-v3", "sound": "on", "mode": "pro"}, "6"),
    (TEXT, {"model_name": "kling-v3", "mode": "4k", "duration": "15"}, "45"),
    (TEXT, {"model_name": "kling-v2-6", "sound": "on", "mode": "pro"}, "5"),
    (TEXT, {"model_name": "kling-v2-5-turbo"}, "1.5"),
    (TEXT, {"model_name": "kling-v2-master"}, "10"),
    (TEXT, {"model_name": "kling-v1-6", "mode": "pro"}, "3.5"),
    (IMAGE, {"model_name": "kling-v2-6", **VOICED}, "6"),
]


@pytest.mark.looptime
@pytest.mark.parametrize(("path", "body", "units"), PRICES)
async def test_units_of_a_task(
    call: Call, kling_emulator: Emulator, path: str, body: dict[str, Any], units: str
) -> None:
    """A finished task tells its units as text without trailing zeros, and they are charged."""
    _, created = await call("POST", path, {"prompt": "a cat", **body})
    await asyncio.sleep(10_000)

    _, answer = await call("GET", f"{path}/{created['data']['task_id']}")

    assert units == answer["data"]["final_unit_deduction"]
    assert Decimal(units) == sum(kling_emulator.spent.values())


@pytest.mark.looptime
async def test_model_without_a_price(call: Call, monkeypatch: pytest.MonkeyPatch, kling_emulator: Emulator) -> None:
    """What the table does not name is not charged, and the field stays away."""
    monkeypatch.delitem(price_table(), "kling-v1 any")
    _, created = await call("POST", IMAGES, {"prompt": "a cat"})
    await asyncio.sleep(10_000)

    _, answer = await call("GET", f"{IMAGES}/{created['data']['task_id']}")

    assert "succeed" == answer["data"]["task_status"]
    assert "final_unit_deduction" not in answer["data"]
    assert 0 == sum(kling_emulator.spent.values())


@pytest.mark.parametrize(("units", "text"), [("2.40", "2.4"), ("100", "100"), ("0.05", "0.05"), ("1E+2", "100")])
def test_units_as_text(units: str, text: str) -> None:
    """Plain decimal text, never an exponent."""
    assert text == as_text(Decimal(units))
