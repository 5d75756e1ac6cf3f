"""Watch a video come into being, and give up waiting after a while without losing it."""

import asyncio

from kling_async import KlingClient, TaskTimeout


async def main() -> None:
    async with KlingClient() as kling:
        handle = await kling.videos.text_to_video(
            prompt="A red fox crosses a frozen lake at dawn", model_name="kling-v3", mode="std", duration=5
        )
        try:
            async with asyncio.timeout(600):
                async for snapshot in handle.updates():
                    print(snapshot.status, snapshot.updated_at)
            task = await handle.wait(timeout=1)
        except (TimeoutError, TaskTimeout):
            print("still running; take it up again with", handle.ref.to_json())
        else:
            print(task.result.videos[0].duration, "seconds for", task.units, "units")


asyncio.run(main())
