"""From a prompt to a file: the shortest way."""

import asyncio

from kling_async import KlingClient


async def main() -> None:
    async with KlingClient() as kling:  # credentials from the environment
        handle = await kling.images.generate(prompt="A lighthouse in fog, woodcut", model_name="kling-v3")
        for path in await kling.download(handle, "kling-out"):
            print(path)


asyncio.run(main())
