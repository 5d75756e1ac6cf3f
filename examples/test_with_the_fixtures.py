"""Your own tests, against a Kling that is not there: the fixtures come with the package."""

import pytest

from kling_async import KlingClient, SlotsUnavailable


async def name_of_a_picture(kling: KlingClient, prompt: str) -> str:
    task = await (await kling.images.generate(prompt=prompt, model_name="kling-v3"))
    return f"{task.id}-{task.result.images[0].index}"


@pytest.mark.asyncio
async def test_a_picture_has_a_name(kling: KlingClient) -> None:
    assert (await name_of_a_picture(kling, "a lighthouse")).endswith("-0")


@pytest.mark.asyncio
@pytest.mark.kling_emulator(slots={"image": 1})
async def test_nobody_waits_for_ever(kling: KlingClient) -> None:
    with pytest.raises(SlotsUnavailable):
        await kling.with_options(slot_timeout=0.1).images.generate(prompt="two at once", model_name="kling-v3", n=2)
