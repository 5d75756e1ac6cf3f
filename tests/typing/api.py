from typing import assert_type
from kling_async import *
from kling_async.api import *
from kling_async.models import *
async def happy(kling: KlingClient) -> None:
    handle = await kling.videos.text_to_video(prompt="a cat", model_name="kling-v3", duration=5)
    assert_type(handle, TaskHandle[VideoResult])
    task = await handle
    assert_type(task, Task[VideoResult])
    assert_type(task.result.videos[0].url, str)
    async for update in handle.updates():
        assert_type(update, Task[VideoResult | None])
    assert_type(await (await kling.images.generate(prompt="x")), Task[ImageResult])
    assert_type(kling.images.multi_shot.attach("x"), TaskHandle[MultiShotResult])
    await kling.download(task, "out")
    await kling.download([handle, task, task.result.videos[0]], "out")
async def bad(kling: KlingClient) -> None:
    await kling.images.generate()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(promt="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(prompt=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.images.generate("x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate.submit(TextToVideo(prompt="x"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
