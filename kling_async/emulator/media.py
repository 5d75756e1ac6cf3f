"""
What files a task makes, and the studio that makes them: on first demand, in threads, one rendering per file at a time.

Describing is cheap and happens with every answer; Pillow and av are imported when the first file is drawn. The studio
holds a bounded number of bytes and draws again what it dropped: the same file, byte for byte.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Final, Literal

import attrs

from .inputs import Picture

PictureForm = Literal["png", "jpeg"]


class Kind(Enum):
    """What an endpoint makes."""

    IMAGES = "n pictures"
    VIEWS = "three sets of three views"
    VIDEO = "one video"


@attrs.frozen
class PictureWork:
    """A picture to draw."""

    title: str
    model: str
    label: str
    width: int
    height: int
    seed: str
    marked: bool = False
    source: Picture | None = None
    view: int = 0


@attrs.frozen
class VideoWork:
    """A video to shoot."""

    title: str
    model: str
    label: str
    width: int
    height: int
    seed: str
    frames: int
    fps: int
    sound: bool = False
    marked: bool = False
    source: Picture | None = None

    @property
    def seconds(self) -> str:
        """The length as the API writes it, for example 5.041."""
        thousandths = self.frames * 1000 // self.fps
        return f"{thousandths / 1000:.3f}".rstrip("0").rstrip(".")


Work = PictureWork | VideoWork


@attrs.frozen
class Rendering:
    """A finished file."""

    content: bytes
    content_type: str
    etag: str


CONTENT_TYPES: Final = {"png": "image/png", "jpeg": "image/jpeg"}


class Studio:
    """Draws files in its own threads and remembers the recent ones."""

    def __init__(
        self, *, form: PictureForm, source: Callable[[Picture], bytes | None], capacity: int = 256 * 1024 * 1024
    ) -> None:
        self._form: PictureForm = form
        self._source = source
        self._capacity = capacity
        self._held = 0
        self._finished: OrderedDict[str, Rendering] = OrderedDict()
        self._underway: dict[str, asyncio.Future[Rendering]] = {}
        self._threads: ThreadPoolExecutor | None = None

    async def rendering(self, name: str, work: Work) -> Rendering:
        """The file, drawn now if need be. Whoever stops waiting does not stop the drawing: the next one may want it."""
        if name in self._finished:
            self._finished.move_to_end(name)
            return self._finished[name]
        if name not in self._underway:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(2, thread_name_prefix="kling-studio")
            source = self._source(work.source) if work.source else None
            loop = asyncio.get_running_loop()
            drawing = loop.run_in_executor(self._threads, render, work, source, self._form)
            self._underway[name] = drawing
            drawing.add_done_callback(lambda done: self._keep(name, done))
        return await asyncio.shield(self._underway[name])

    async def close(self) -> None:
        """Wait for what is being drawn, forget what is queued."""
        threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)
        if self._underway:
            await asyncio.wait(self._underway.values())

    def _keep(self, name: str, done: asyncio.Future[Rendering]) -> None:
        del self._underway[name]
        if done.cancelled() or done.exception() is not None:
            return
        self._finished[name] = done.result()
        self._held += len(done.result().content)
        while self._held > self._capacity and len(self._finished) > 1:
            _, dropped = self._finished.popitem(last=False)
            self._held -= len(dropped.content)


def render(work: Work, source: bytes | None, form: PictureForm) -> Rendering:
    """Draw one file, in the calling thread."""
    if isinstance(work, PictureWork):
        from .pictures import draw  # noqa: PLC0415 - Pillow only when something is drawn

        content, content_type = draw(work, source, form), CONTENT_TYPES[form]
    else:
        from .videos import shoot  # noqa: PLC0415 - av only when something is filmed

        content, content_type = shoot(work, source), "video/mp4"
    return Rendering(content, content_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
