"""Know before what a request will cost, and watch how far its download is."""

import asyncio

from kling_async import KlingClient
from kling_async.api import TextToVideo
from kling_async.events import DownloadFinished, DownloadProgress, Event


def show(event: Event) -> None:
    if isinstance(event, DownloadProgress) and event.expected:
        print(f"{event.name}: {event.received / event.expected:.0%}")
    elif isinstance(event, DownloadFinished):
        print(f"{event.path}: {event.received:,} bytes")


async def main() -> None:
    request = TextToVideo(prompt="A kite climbs over dunes", model_name="kling-v3", duration=5)
    print(f"{request.estimate()} units, expected")
    async with KlingClient(on_event=show) as kling:
        task = await (await kling.videos.text_to_video.submit(request))
        await kling.download(task, "kling-out", name="kite")
        print(f"{task.units} units, charged")


asyncio.run(main())
