"""Local files in requests: what was checked is what is sent, or nothing is."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_async import InvalidRequest, KlingClient, Retry
from kling_async.api import (
    ROWS,
    AdvancedLipSync,
    Avatar,
    CreateElement,
    ExpandImage,
    GenerateImage,
    ImageToVideo,
    MakeEffect,
    OmniVideo,
)
from kling_async.media.inputs import Embedded
from kling_async.protocol.codec import dump
from tests.api.least import FACE, NAMED, SIDES, URL, least
from tests.support.vendor import API_KEY, Vendor, row, said

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0\0\0\x02\0" + b"\0" * 1000
MP3 = b"ID3" + b"\0" * 1000

Given = Callable[[Path], dict[str, Any]]
PLACES: Mapping[str, tuple[Any, str, Given]] = {
    "image": (ExpandImage, "images.expand", lambda path: {"image": path, **SIDES}),
    "image_list[1].image_url": (
        OmniVideo,
        "videos.omni",
        lambda path: {"image_list": [{"image_url": URL}, {"image_url": path}]},
    ),
    "dynamic_masks[0].mask": (
        ImageToVideo,
        "videos.image_to_video",
        lambda path: {"dynamic_masks": [{"mask": path, "trajectories": [{"x": 1, "y": 1}] * 2}]},
    ),
    "element_image_list.refer_images[0].image_url": (
        CreateElement,
        "elements.create",
        lambda path: {
            **NAMED,
            "reference_type": "image_refer",
            "element_image_list": {"frontal_image": URL, "refer_images": [{"image_url": path}]},
        },
    ),
    "input.images[1]": (MakeEffect, "videos.effects", lambda path: {"input": {"images": [URL, path]}}),
    "sound_file": (Avatar, "videos.avatar", lambda path: {"sound_file": path}),
    "face_choose[0].sound_file": (
        AdvancedLipSync,
        "videos.advanced_lip_sync",
        lambda path: {"face_choose": [{**FACE, "sound_file": path}]},
    ),
    "style.image": (GenerateImage, "images.generate", lambda path: {"extra": {"style": {"image": path}}}),
}
"""A request with a file in it, by the place of the file."""


@pytest.fixture(name="file")
def a_file(tmp_path: Path) -> Path:
    """A picture on disk."""
    path = tmp_path / "fox.png"
    path.write_bytes(PNG)
    return path


def rewritten(path: Path) -> None:
    """As many bytes of something else."""
    path.write_bytes(b"my diary".ljust(path.stat().st_size))


def replaced(path: Path) -> None:
    """Another picture under the same name."""
    other = path.with_name("other.png")
    other.write_bytes(PNG + b"another")
    other.replace(path)


def through_pickle(made: object) -> Any:
    """What arrives in another process."""
    return pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes


@pytest.mark.parametrize("change", [rewritten, replaced, Path.unlink])
@pytest.mark.parametrize("place", PLACES)
async def test_file_that_changed_since_the_check_is_not_sent(
    place: str, change: Callable[[Path], None], file: Path
) -> None:
    """Between making a request and sending it a file may become another; then nothing is made and nothing billed."""
    kind, endpoint, given = PLACES[place]
    file.write_bytes(MP3 if "sound" in place else PNG)
    request = kind(**{**least(kind), **given(file)})
    change(file)

    async with Vendor(said(row())) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, retry=Retry(attempts=1)) as kling:
            method: Any = ROWS[endpoint].__get__(kling.images, type(kling.images))
            with pytest.raises(InvalidRequest) as caught:
                await method.submit(request)

        assert place == caught.value.field
        assert file == caught.value.value
        assert [] == vendor.seen


async def test_file_that_stayed_is_sent(file: Path) -> None:
    """The request is sent as often as it is submitted, as long as its file is the same."""
    request = ExpandImage(image=file, **SIDES)

    async with Vendor(said(row())) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
            await kling.images.expand.submit(request)
            await kling.images.expand.submit(through_pickle(request))

    assert 2 == len(vendor.seen)


def test_field_is_a_path(file: Path) -> None:
    """What a request keeps is the path that was given: to use, to compare, to look at; no more of it is a mark."""
    image: Any = ExpandImage(image=file, **SIDES).image

    assert isinstance(image, Path)
    assert (file, file.name, PNG) == (image, image.name, image.read_bytes())
    assert {file} == {image}
    assert (repr(file), str(file)) == (repr(image), str(image))
    assert (repr(file.parent), file.with_suffix(".mp4")) == (repr(image.parent), image.with_suffix(".mp4"))


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, through_pickle])
def test_copy_remembers_the_file(twin: Any, file: Path) -> None:
    """A copy, from this process or another, is equal, and is not sent with another file either."""
    made = ExpandImage(image=file, **SIDES)

    copied = twin(made)
    assert made == copied
    rewritten(file)

    sent: Any = dump(copied)["image"]
    with pytest.raises(InvalidRequest, match="must be left as it is"):
        list(sent.blocks("image"))


def test_changed_copy_looks_again(file: Path) -> None:
    """A copy with another value is checked like a new request, and its file is what is there then."""
    made: Any = ExpandImage(image=file, **SIDES)
    replaced(file)

    other = attrs.evolve(made, n=2)

    sent: Any = dump(other)["image"]
    assert PNG + b"another" == b"".join(map(bytes, sent.blocks("image")))


def test_file_of_another_name_has_no_mark(file: Path) -> None:
    """A path that was made from one that was looked at is looked at by itself."""
    image: Any = ExpandImage(image=file, **SIDES).image
    other = image.with_name("other.png")
    other.write_bytes(b"other")

    assert b"other" == b"".join(map(bytes, Embedded(other).blocks("image")))
