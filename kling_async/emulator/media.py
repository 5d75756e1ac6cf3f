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
from typing import Final, Literal

import attrs

from .inputs import Picture

PictureForm = Literal["png", "jpeg"]
SoundForm = Literal["mp3", "wav"]
Part = Literal["object_seg", "head_seg", "face_seg", "cloth_seg"]
Marks = tuple[tuple[float, float], ...]
"""Clicks on a picture, each x and y from 0 to 1, from the top left."""


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
    marks: Marks = ()

    @property
    def key(self) -> str:
        """What tells this file from others."""
        return _key(self.seed, self.marked, self.marks)

    @property
    def ending(self) -> str:
        """The ending of its name, which promises nothing about the content."""
        return ".png"


@attrs.frozen
class PortraitWork:
    """The thumbnail of a face."""

    seed: str
    side: int = 256

    @property
    def key(self) -> str:
        """What tells this file from others."""
        return f"face {self.seed}"

    @property
    def ending(self) -> str:
        """The ending of its name."""
        return ".png"


@attrs.frozen
class CutoutWork:
    """What is left of a picture when everything but one part of a person is transparent."""

    part: Part
    seed: str
    width: int
    height: int
    source: Picture | None = None

    @property
    def key(self) -> str:
        """What tells this file from others."""
        return f"{self.part} {self.seed}"

    @property
    def ending(self) -> str:
        """The ending of its name."""
        return ".png"


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
    marks: Marks = ()

    @property
    def key(self) -> str:
        """What tells this file from others."""
        return _key(self.seed, self.marked, self.marks)

    @property
    def ending(self) -> str:
        """The ending of its name."""
        return ".mp4"

    @property
    def seconds(self) -> str:
        """The length as the API writes it, for example 5.041."""
        return seconds_as_text(self.frames / self.fps)


@attrs.frozen
class SoundWork:
    """A sound to play: a small melody, or syllables of a voice."""

    seed: str
    thousandths: int
    form: SoundForm = "mp3"
    spoken: bool = False

    @property
    def key(self) -> str:
        """What tells this file from others."""
        return f"{self.form} {self.seed}"

    @property
    def ending(self) -> str:
        """The ending of its name."""
        return f".{self.form}"

    @property
    def seconds(self) -> str:
        """The length as the API writes it."""
        return seconds_as_text(self.thousandths / 1000)


@attrs.frozen
class TrackWork:
    """The masks of every frame of a clip, as JSON."""

    seed: str
    width: int
    height: int
    frames: int
    marks: Marks

    @property
    def key(self) -> str:
        """What tells this file from others."""
        return _key(f"track {self.seed}", marked=False, marks=self.marks)

    @property
    def ending(self) -> str:
        """The ending of its name."""
        return ".json"


Work = PictureWork | PortraitWork | CutoutWork | VideoWork | SoundWork | TrackWork


def seconds_as_text(seconds: float) -> str:
    """A length as the API writes it: at most three decimals, no zeros at the end, nothing rounded up."""
    return f"{int(seconds * 1000 + 1e-6) / 1000:.3f}".rstrip("0").rstrip(".")


def _key(seed: str, marked: bool, marks: Marks) -> str:  # noqa: FBT001 - named at every call but the obvious
    return f"{seed} {marked} {marks}" if marks else f"{seed} {marked}"


@attrs.frozen
class Rendering:
    """A finished file."""

    content: bytes
    content_type: str
    etag: str


CONTENT_TYPES: Final = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}


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
            source = self._source_of(work)
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

    def _source_of(self, work: Work) -> bytes | None:
        if isinstance(work, PictureWork | CutoutWork | VideoWork) and work.source is not None:
            return self._source(work.source)
        return None

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
    """Draw one file, in the calling thread. Pillow and av are imported only when one of them is needed."""
    content, content_type = _made(work, source, form)
    return Rendering(content, content_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _made(work: Work, source: bytes | None, form: PictureForm) -> tuple[bytes, str]:
    match work:
        case PictureWork():
            from .pictures import draw  # noqa: PLC0415

            return draw(work, source, form), CONTENT_TYPES[form]
        case PortraitWork():
            from .portraits import portrait  # noqa: PLC0415

            return portrait(work), CONTENT_TYPES["png"]
        case CutoutWork():
            from .portraits import cut_out  # noqa: PLC0415

            return cut_out(work, source), CONTENT_TYPES["png"]
        case VideoWork():
            from .videos import shoot  # noqa: PLC0415

            return shoot(work, source), "video/mp4"
        case SoundWork():
            from .sounds import play  # noqa: PLC0415

            return play(work), CONTENT_TYPES[work.form]
        case TrackWork():
            from .masks import track  # noqa: PLC0415

            return track(work), "application/json"
