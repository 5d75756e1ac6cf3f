"""The public types, stated. Read by mypy and pyright, run by nobody."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

from kling_async import KlingClient, Task, TaskHandle, TaskRef
from kling_async.api import GenerateImage, Images, TextToVideo, Videos
from kling_async.models import ImageResult, MultiShotResult, VideoResult
from kling_async.protocol.endpoint import TaskEndpoint


async def making_a_task(kling: KlingClient) -> None:
    """A call gives a handle of the row's result; awaiting it needs no cast."""
    handle = await kling.videos.text_to_video(prompt="a cat", model_name="kling-v3", duration=5)
    assert_type(handle, TaskHandle[VideoResult])
    assert_type(handle.latest, Task[VideoResult | None] | None)
    task = await handle
    assert_type(task, Task[VideoResult])
    assert_type(task.result.videos[0].url, str)
    assert_type(task.units, Decimal | None)
    assert_type(await handle.wait(timeout=600), Task[VideoResult])
    assert_type(await (await kling.images.generate(prompt="x", n=2)), Task[ImageResult])
    assert_type(await kling.images.generate.submit(GenerateImage(prompt="x")), TaskHandle[ImageResult])


async def following_a_task(kling: KlingClient, handle: TaskHandle[VideoResult]) -> None:
    """A snapshot may lack its result, a success may not."""
    async for update in handle.updates():
        assert_type(update, Task[VideoResult | None])
        if update.result is not None:
            assert_type(update.result, VideoResult)
    assert_type(await handle.refresh(), Task[VideoResult | None])
    async for ended in kling.as_completed([handle]):
        assert_type(ended, TaskHandle[VideoResult])
    snapshot: Task[VideoResult | None] = await handle  # covariance: a success is a snapshot
    del snapshot


async def finding_a_task(kling: KlingClient) -> None:
    """By id, by external id, by page, by reference."""
    assert_type(kling.images.multi_shot.attach("1"), TaskHandle[MultiShotResult])
    assert_type(await kling.images.generate.get(external_task_id="mine"), Task[ImageResult | None])
    assert_type(await kling.images.generate.list(page=2), tuple[Task[ImageResult | None], ...])
    async for task in kling.videos.image_to_video.iterate():
        assert_type(task, Task[VideoResult | None])
    assert_type(kling.attach(TaskRef(endpoint="videos.text_to_video", task_id="1")), TaskHandle[Any])


async def composing(kling: KlingClient) -> None:
    """Handles go with asyncio's own tools."""
    video = await kling.videos.text_to_video(prompt="x")
    image = await kling.images.generate(prompt="y")
    assert_type(await asyncio.gather(video, image), tuple[Task[VideoResult], Task[ImageResult]])
    assert_type(await asyncio.wait_for(image, 5), Task[ImageResult])
    async with asyncio.TaskGroup() as group:
        assert_type(group.create_task(video.wait()), asyncio.Task[Task[VideoResult]])
    assert_type(await kling.download([video, await image, (await video).result.videos[0]], "out"), list[Path])


def describing() -> None:
    """On the class a row describes, on the instance it acts."""
    assert_type(Videos.text_to_video.read({}), Task[VideoResult | None])
    assert_type(Images.generate.path, str)
    row: TaskEndpoint[..., Any, Any] = Images.generate
    del row


async def mistakes(kling: KlingClient) -> None:
    """What a type checker finds before anything runs."""
    await kling.images.generate()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(promt="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(prompt=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.images.generate("x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(prompt="x", resolution="8k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.images.generate.submit(TextToVideo(prompt="x"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
