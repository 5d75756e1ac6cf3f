"""A local picture becomes the first frame of a video; bad input is refused before anything is sent."""

import asyncio
from pathlib import Path

from kling_async import InvalidRequest, KlingClient


async def main() -> None:
    async with KlingClient() as kling:
        picture = await kling.images.generate(prompt="A harbour at night", model_name="kling-v3", aspect_ratio="16:9")
        (path, *_) = await kling.download(picture, "kling-out")
        try:
            await kling.videos.image_to_video(image=Path("no-such.png"), model_name="kling-v3")
        except InvalidRequest as mistake:
            print(f"{mistake.field} {mistake.rule}")
        handle = await kling.videos.image_to_video(
            image=path, prompt="Lights flicker, boats sway", model_name="kling-v3", duration=3
        )
        print(await kling.download(handle, "kling-out"))


asyncio.run(main())
