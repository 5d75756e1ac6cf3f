# The hints of av name types of libraries that it does not need and that are not there.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""
Videos as files: a camera glides over one wide picture while a light line shows how far the clip is. MP4, H.264, AAC.

Sides, seconds and resolution class are the asked ones. What is made cheaper than a real clip: one still picture that is
moved, the fastest encoder preset, and 12 frames a second at 4k.
"""

from __future__ import annotations

import math
import tempfile
from array import array
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageOps

from .lettering import band, watermark
from .media import VideoWork
from .pictures import marked_overlay, open_picture, paint_marks
from .scenery import landscape

ROOM: Final = 1.25  # how much wider (or taller) the picture is than the frame that travels over it
SAMPLE_RATE: Final = 44_100
CHORDS: Final = ((220.0, 277.18, 329.63), (196.0, 246.94, 293.66), (174.61, 220.0, 261.63))
LOUDNESS: Final = 5000


def shoot(work: VideoWork, source: bytes | None) -> bytes:
    """The file of a video."""
    random = Random(work.seed)
    camera = Camera(work, source, random)
    with tempfile.TemporaryDirectory(prefix="kling-emulator-") as folder:
        file = Path(folder, "video.mp4")
        _film(file, camera, work, random)
        return file.read_bytes()


def _film(file: Path, camera: Camera, work: VideoWork, random: Random) -> None:
    # faststart puts the index in front, so that a browser can play before it has everything. The encoder opens the
    # file a second time for that, which is why it must have a name.
    with av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = _video_stream(container, work)
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if work.sound else None
        for number in range(work.frames):
            picture = camera.frame(number)
            frame: VideoFrame = VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # av forgot to type it
            frame.pts, frame.time_base = number, Fraction(1, work.fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            _play(container, audio, work.frames / work.fps, random)


class Camera:
    """Cuts frame after frame out of one wide picture."""

    def __init__(self, work: VideoWork, source: bytes | None, random: Random) -> None:
        self._work = work
        across = work.width >= work.height
        self._room = (int(work.width * (ROOM - 1)), 0) if across else (0, int(work.height * (ROOM - 1)))
        size = (work.width + self._room[0], work.height + self._room[1])
        given = open_picture(source)
        scene = landscape(*size, random) if given is None else ImageOps.fit(given, size, Image.Resampling.BICUBIC)
        self._scene = scene
        self._backwards = random.random() < 0.5
        self._band, self._place = band((work.width, work.height), work.title, f"{work.model} \u00b7 {work.label}")
        self._mark = watermark((work.width, work.height)) if work.marked else None
        self._marks = marked_overlay((work.width, work.height), work.marks, work.seed) if work.marks else None

    def frame(self, number: int) -> Image.Image:
        """The picture at one moment."""
        work = self._work
        progress = number / max(work.frames - 1, 1)
        glide = (1 - math.cos(math.pi * progress)) / 2
        glide = 1 - glide if self._backwards else glide
        x, y = (round(room * glide) for room in self._room)
        picture = self._scene.crop((x, y, x + work.width, y + work.height))
        if self._marks is not None:
            paint_marks(picture, self._marks)
        picture.paste(self._band, self._place, self._band)
        thick = max(min(picture.size) // 120, 2)
        line = (0, work.height - thick, max(round(work.width * progress), 1), work.height)
        ImageDraw.Draw(picture).rectangle(line, fill=(255, 255, 255))
        if self._mark is not None:
            picture.paste(self._mark, (0, 0), self._mark)
        return picture


def _video_stream(container: OutputContainer, work: VideoWork) -> VideoStream:
    stream = container.add_stream("libx264", rate=work.fps, options={"preset": "ultrafast", "crf": "24"})
    stream.width, stream.height = work.width, work.height
    stream.pix_fmt = "yuv420p"
    stream.codec_context.gop_size = work.fps * 2
    return stream


def _play(container: OutputContainer, stream: AudioStream, seconds: float, random: Random) -> None:
    """A soft chord as long as the video."""
    chord = random.choice(CHORDS)
    # One second that ends where it begins, so that it can be repeated: whole numbers of waves.
    second = array(
        "h",
        (
            int(LOUDNESS * sum(math.sin(math.tau * round(tone) * sample / SAMPLE_RATE) for tone in chord) / len(chord))
            for sample in range(SAMPLE_RATE)
        ),
    )
    left = round(seconds * SAMPLE_RATE)
    position = 0
    while left:
        samples = min(left, SAMPLE_RATE)
        frame = AudioFrame(format="s16", layout="mono", samples=samples)
        frame.planes[0].update(second[:samples].tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, position, Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(frame))
        left, position = left - samples, position + samples
    container.mux(stream.encode(None))
