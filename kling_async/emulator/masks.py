"""
Masks that grow around clicks, in the two forms the vendor sends: runs (COCO's compressed text) and a PNG in Base64.

Both are written from the same spans of columns, so they agree. Pure arithmetic, no imaging library: a mask is made
while its caller waits.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

import attrs

from .media import Marks, TrackWork

# How far a thing reaches around a click, as shares of the height; clicks nearer than that are on the same thing.
ACROSS: Final = 0.11
DOWN: Final = 0.18
BITS: Final = 5
MORE: Final = 0x20
FIRST_CHARACTER: Final = 48
Span = tuple[int, int]


@attrs.frozen
class Mask:
    """One thing on a picture: for every column the rows it covers, from the first to the one after the last."""

    width: int
    height: int
    columns: tuple[tuple[Span, ...], ...]

    def runs(self) -> list[int]:
        """Lengths of background and thing in turn, down the columns, background first."""
        edges = [
            place
            for x, spans in enumerate(self.columns)
            for span in spans
            for place in (x * self.height + y for y in span)
        ]
        runs: list[int] = []
        last = 0
        for place in edges:
            if runs and place == last:  # a span that goes on at the top of the next column
                last -= runs.pop()
                continue
            runs.append(place - last)
            last = place
        return [*runs, self.width * self.height - last]

    def pixels(self) -> bytearray:
        """Rows of bytes, 255 where the thing is."""
        pixels = bytearray(self.width * self.height)
        for x, spans in enumerate(self.columns):
            for top, end in spans:
                pixels[top * self.width + x : end * self.width : self.width] = b"\xff" * (end - top)
        return pixels


def things(marks: Marks) -> list[Marks]:
    """Clicks by the thing they are on, in the order of the first click on each."""
    groups: list[Marks] = []
    for mark in marks:
        near = [group for group in groups if any(math.dist(mark, other) < ACROSS for other in group)]
        joined = tuple(other for group in near for other in group)
        place = groups.index(near[0]) if near else len(groups)
        groups = [group for group in groups if group not in near]
        groups.insert(place, (*joined, mark))
    return groups


def grow(marks: Marks, width: int, height: int, *, seed: str) -> Mask:
    """The mask around the clicks on one thing."""
    blobs = [_Blob(mark, width, height, Random(f"{seed} {mark}")) for mark in marks]
    return Mask(width, height, tuple(_joined([blob.span(x) for blob in blobs]) for x in range(width)))


class _Blob:
    """What one click covers: an ellipse with a wavy outline."""

    def __init__(self, mark: tuple[float, float], width: int, height: int, random: Random) -> None:
        self._height = height
        self._x, self._y = mark[0] * (width - 1), mark[1] * (height - 1)
        self._across, self._down = ACROSS * height, DOWN * height
        self._waves = [(random.uniform(0.02, 0.06), random.randrange(3, 9), random.uniform(0, math.tau)) for _ in "ab"]

    def span(self, x: int) -> Span | None:
        """The rows covered in a column."""
        away = (x - self._x) / self._across
        if abs(away) > 1:
            return None
        wave = 1 + sum(height * math.sin(speed * away + start) for height, speed, start in self._waves)
        half = self._down * math.sqrt(1 - away * away) * wave
        top, end = max(math.ceil(self._y - half), 0), min(math.floor(self._y + half) + 1, self._height)
        return (top, end) if top < end else None


def _joined(spans: Sequence[Span | None]) -> tuple[Span, ...]:
    """Spans of one column without overlaps, from the top."""
    joined: list[Span] = []
    for top, end in sorted(span for span in spans if span):
        if joined and top <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((top, end))
    return tuple(joined)


def compressed(runs: Sequence[int]) -> str:
    """Runs as COCO writes them: from the fourth on the difference to the run two before, five bits a character."""
    return "".join(
        character
        for place, run in enumerate(runs)
        for character in _characters(run - runs[place - 2] if place > 2 else run)
    )


def _characters(value: int) -> Iterator[str]:
    more = True
    while more:
        bits = value & (MORE - 1)
        value >>= BITS
        # The highest of the five bits is the sign; the number is over when the rest is nothing but that.
        more = value != (-1 if bits & (MORE >> 1) else 0)
        yield chr(FIRST_CHARACTER + (bits | MORE if more else bits))


def png(mask: Mask) -> bytes:
    """A grey PNG, white where the thing is."""
    pixels = mask.pixels()
    rows = b"".join(b"\0" + pixels[y * mask.width : (y + 1) * mask.width] for y in range(mask.height))
    header = mask.width.to_bytes(4) + mask.height.to_bytes(4) + bytes((8, 0, 0, 0, 0))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4) for name, body in chunks
    )


def told(marks: Marks, width: int, height: int, *, seed: str) -> list[dict[str, Any]]:
    """The things on a frame as the API tells them: numbered from 0, each as runs and as PNG."""
    size = [height, width]
    masks = [grow(group, width, height, seed=seed) for group in things(marks)]
    return [
        {
            "object_id": number,
            "rle_mask": {"size": size, "counts": compressed(mask.runs())},
            "png_mask": {"size": size, "base64": base64.b64encode(png(mask)).decode()},
        }
        for number, mask in enumerate(masks)
    ]


def track(work: TrackWork) -> bytes:
    """The masks of every frame of a clip; the things stand still, so all frames are alike."""
    masks = [
        {"object_id": number, "rle_mask": {"size": [work.height, work.width], "counts": compressed(mask.runs())}}
        for number, mask in enumerate(
            grow(group, work.width, work.height, seed=work.seed) for group in things(work.marks)
        )
    ]
    frames = [{"frame_index": frame, "rle_mask_list": masks} for frame in range(work.frames)]
    return json.dumps({"total_frame": work.frames, "frames": frames}).encode()
