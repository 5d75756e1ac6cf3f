"""Start tasks in one run, collect them in another: a reference is plain data."""

import asyncio
import tempfile
from pathlib import Path

from kling_async import KlingClient, TaskRef


async def start(notes: Path) -> None:
    async with KlingClient() as kling:
        handle = await kling.images.generate(prompt="A tin robot waters a fern", model_name="kling-v3")
        notes.write_text(handle.ref.to_json())


async def collect(notes: Path) -> None:
    async with KlingClient() as kling:
        task = await kling.attach(TaskRef.from_json(notes.read_text()))
        print(task.id, task.units)


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(start(Path(folder, "task.json")))
    asyncio.run(collect(Path(folder, "task.json")))
