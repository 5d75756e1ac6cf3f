"""A batch that is left in the middle and gone on with: every prompt is made once, and every file is there."""

import asyncio
from pathlib import Path

from kling_async import Batch, KlingClient

ROWS = [
    {"custom_id": f"fox-{number}", "endpoint": "images.generate", "body": {"prompt": f"A fox, study {number}"}}
    for number in range(6)
]


async def run(most: int | None = None) -> None:
    async with KlingClient() as kling, Batch(kling, "foxes", journal="foxes.db", output="foxes") as batch:
        added = await batch.add(ROWS)
        print(f"{added.new} new, {added.known} known from before")
        ended = 0
        async for item in batch.run():
            print(item.custom_id, item.state, [path.name for path in item.files])
            ended += 1
            if ended == most:
                break  # as if the process had been killed


asyncio.run(run(most=2))
asyncio.run(run())
print(len(list(Path("foxes").iterdir())), "files")
