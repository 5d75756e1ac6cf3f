# The hints of av are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Masks: runs and PNG say the same, and grow around the clicks."""

from __future__ import annotations

import io
import json
from typing import Any

import attrs
import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from kling_async.emulator.masks import Mask, compressed, grow, png, things, told
from kling_async.emulator.media import PictureWork, TrackWork, VideoWork, render
from tests.support.documented import painted, unrolled

SHARE = st.floats(0, 1)
COLUMNS = st.lists(
    st.lists(st.booleans(), min_size=7, max_size=7).map(
        lambda cells: tuple((row, row + 1) for row, cell in enumerate(cells) if cell)
    ),
    min_size=1,
    max_size=9,
)


@given(COLUMNS)
def test_any_mask_survives_its_runs(columns: list[tuple[tuple[int, int], ...]]) -> None:
    """Decoded by the words of the documents, the runs are the pixels again, also over the ends of columns."""
    mask = Mask(len(columns), 7, tuple(columns))

    runs = mask.runs()

    decoded = unrolled({"size": [7, len(columns)], "counts": compressed(runs)})
    assert bytes(mask.pixels()) == decoded
    assert all(run > 0 for run in runs[1:-1])


@given(st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=10, unique=True).map(tuple))
def test_runs_and_png_agree(marks: tuple[tuple[float, float], ...]) -> None:
    """Each thing is told twice and looks the same both times, with height before width."""
    listed = told(marks, 160, 90, seed="a")

    assert [unrolled(one["rle_mask"]) for one in listed] == [painted(one["png_mask"]) for one in listed]
    assert {(90, 160)} == {tuple(one[form]["size"]) for one in listed for form in ("rle_mask", "png_mask")}
    assert list(range(len(listed))) == [one["object_id"] for one in listed]


@given(st.tuples(SHARE, SHARE))
def test_a_mask_covers_its_click(mark: tuple[float, float]) -> None:
    """The pixel that was clicked belongs to the thing, also at the very edge."""
    pixels = grow((mark,), 160, 90, seed="a").pixels()

    assert 255 == pixels[round(mark[1] * 89) * 160 + round(mark[0] * 159)]


def test_near_clicks_are_one_thing() -> None:
    """Clicks near each other are on one thing, which then covers more; far ones are on several."""
    near = ((0.5, 0.5), (0.55, 0.5))
    alone = grow(near[:1], 320, 180, seed="a").pixels().count(255)

    together = grow(near, 320, 180, seed="a").pixels().count(255)

    assert [near] == things(near)
    assert [((0.1, 0.1),), ((0.9, 0.9),)] == things(((0.1, 0.1), (0.9, 0.9)))
    assert [((0.45, 0.5), (0.6, 0.5), (0.52, 0.5))] == things(((0.45, 0.5), (0.6, 0.5), (0.52, 0.5)))
    assert together > alone


def test_nothing_is_a_mask_too() -> None:
    """A thing without pixels is one run of background, and a black picture."""
    nothing = Mask(4, 3, ((), (), (), ()))

    assert [12] == nothing.runs()
    assert bytes(12) == nothing.pixels()
    assert png(nothing).startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_mask() -> None:
    """Masks are drawn from the seed."""
    one, same, other = (grow(((0.5, 0.5),), 320, 180, seed=seed) for seed in ("a", "a", "b"))

    assert one == same
    assert one != other


def shown(work: PictureWork | VideoWork) -> Image.Image:
    """A picture, or the first frame of a video."""
    content = io.BytesIO(render(work, None, "png").content)
    if isinstance(work, PictureWork):
        with Image.open(content) as picture:
            return picture.convert("RGB")
    with av.open(content, "r") as container:
        frame: Any = next(container.decode(video=0))
        first: Image.Image = frame.to_image()
        return first


@pytest.mark.parametrize(
    "work",
    [PictureWork("", "", "", 320, 180, "a"), VideoWork("", "", "", 320, 180, "a", frames=2, fps=24)],
    ids=["picture", "video"],
)
def test_marks_can_be_seen(work: PictureWork | VideoWork) -> None:
    """Where something is marked a picture has another colour, and nowhere else."""
    marks = ((0.3, 0.4),)
    stencil = Image.frombytes("L", (320, 180), bytes(grow(marks, 320, 180, seed="a").pixels()))

    plain, marked = shown(work), shown(attrs.evolve(work, marks=marks))

    changed = ImageChops.difference(plain, marked).convert("L")
    inside, outside = (
        ImageStat.Stat(changed, stencil).mean[0],
        ImageStat.Stat(changed, ImageChops.invert(stencil)).mean[0],
    )
    assert inside > 20
    assert outside < 1.5
    assert attrs.evolve(work, marks=marks).key != work.key


def test_tracking_has_every_frame() -> None:
    """The file behind ``tracking_output`` lists the masks of each frame."""
    rendering = render(TrackWork("a", 160, 90, 24, ((0.2, 0.2), (0.8, 0.8))), None, "png")

    track = json.loads(rendering.content)
    assert "application/json" == rendering.content_type
    assert list(range(24)) == [frame["frame_index"] for frame in track["frames"]]
    assert {2} == {len(frame["rle_mask_list"]) for frame in track["frames"]}
    assert 255 in unrolled(track["frames"][23]["rle_mask_list"][0]["rle_mask"])
