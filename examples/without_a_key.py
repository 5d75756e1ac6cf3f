"""The emulator in your own process: everything works, nothing costs."""

import asyncio

from kling_async.emulator import Emulator


async def main() -> None:
    async with Emulator(speed=100, slots={"image": 4}) as emulator, emulator.client() as kling:
        task = await (await kling.images.generate(prompt="A moth on a lampshade", model_name="kling-v3", n=3))
        print(len(task.result.images), "pictures for", task.units, "pretended units at", emulator.url)


asyncio.run(main())
