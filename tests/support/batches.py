"""What tests of batches share: rows, and looks at what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kling_async import Batch
from kling_async.batch.items import Item
from kling_async.emulator import Emulator


def pictures(count: int, *, start: int = 0, **body: Any) -> list[dict[str, Any]]:
    """Rows of pictures, `p0` and so on."""
    return [
        {"custom_id": f"p{at}", "endpoint": "images.generate", "body": {"prompt": f"fox number {at}", **body}}
        for at in range(start, start + count)
    ]


def videos(count: int, **body: Any) -> list[dict[str, Any]]:
    """Rows of videos, `v0` and so on."""
    return [
        {"custom_id": f"v{at}", "url": "/v1/videos/text2video", "body": {"prompt": f"owl number {at}", **body}}
        for at in range(count)
    ]


async def ended(batch: Batch, **options: Any) -> dict[str, Item]:
    """Run a batch to its end; its items by custom_id."""
    return {item.custom_id: item async for item in batch.run(**options)}


def states(items: Mapping[str, Item]) -> dict[str, str]:
    """How items ended."""
    return {custom_id: str(item.state) for custom_id, item in items.items()}


def made(emulator: Emulator) -> list[int]:
    """How many tasks were made under each external id."""
    return sorted(len(tasks) for tasks in emulator.tasks_by_external_id.values())


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
