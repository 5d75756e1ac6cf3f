"""Several tasks beside each other, each handled as soon as it ends; one refused, none lost."""

import asyncio

from kling_async import ContentRefused, KlingClient, TaskFailed, TaskHandle
from kling_async.models import ImageResult

PROMPTS = ("A paper boat in a puddle", "Something forbidden", "A kite over dunes", "Terraced hills after rain")


async def main() -> None:
    async with KlingClient() as kling:
        handles = list[TaskHandle[ImageResult]]()
        for prompt in PROMPTS:
            try:
                handles.append(await kling.images.generate(prompt=prompt, model_name="kling-v3"))
            except ContentRefused as refusal:
                print("refused, nothing was charged:", refusal.message)
        async for handle in kling.as_completed(handles):
            try:
                task = await handle
            except TaskFailed as failure:
                print("failed:", failure.task.message)
            else:
                print(task.id, [image.url.partition("?")[0] for image in task.result.images])


asyncio.run(main())
