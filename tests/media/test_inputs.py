"""Pictures on their way in: every form they may have, and what is refused before it is sent."""

from __future__ import annotations

import base64
import io
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kling_async import InvalidRequest
from kling_async.media.inputs import Embedded, PictureLimits, bare, check_picture, embeds, filled, sides

LIMITS = PictureLimits()
ANY_RATIO = PictureLimits(min_ratio=0, max_ratio=float("inf"))


def a_picture(width: int = 400, height: int = 300, form: str = "PNG", **options: Any) -> bytes:
    """A real picture."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, form, **options)
    return file.getvalue()


def an_exif() -> bytes:
    """What a camera writes, a thumbnail-sized maker note included."""
    exif = Image.Exif()
    exif[0x010E] = "a fox" * 5000
    exif[0x0112] = 6
    return exif.tobytes()


PNG, JPEG = a_picture(), a_picture(form="JPEG")
PICTURES = {
    "png": PNG,
    "jpeg": JPEG,
    "progressive jpeg": a_picture(form="JPEG", progressive=True),
    "jpeg with exif": a_picture(form="JPEG", exif=an_exif()),
    "jpeg with a profile": a_picture(form="JPEG", icc_profile=b"p" * 200_000),
    "jpeg with a comment": a_picture(form="JPEG", comment=b"c" * 60_000),
    "jpeg with a frame inside a segment": JPEG[:2] + b"\xff\xe1\x00\x0b\xff\xc0\x00\x0b\x08\x00\x01\x00\x01" + JPEG[2:],
    "jpeg with fill bytes": JPEG[:2] + b"\xff\xff\xff" + JPEG[2:],
    "jpeg with restart markers": JPEG[:2] + b"\xff\xd0\xff\x01" + JPEG[2:],
    "optimised png": a_picture(optimize=True),
}


def as_text(content: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(content).decode()


def passed(value: str | bytes | Path, limits: PictureLimits = LIMITS) -> str | bytes | Path:
    """The value as it is sent, once it was looked at."""
    told = bare(value)
    check_picture("image", told, limits)
    return told


def refusal(value: Any, limits: PictureLimits = LIMITS) -> InvalidRequest:
    """The error a value is refused with."""
    with pytest.raises(InvalidRequest) as caught:
        passed(value, limits)
    assert "image" == caught.value.field
    assert 300 > len(str(caught.value))
    return caught.value


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES.keys())
def test_sides_stand_in_the_header(content: bytes) -> None:
    """Width and height are read from PNG and JPEG, whatever stands before them."""
    assert (400, 300) == sides(io.BytesIO(content))


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES.keys())
def test_picture_may_come_in_any_form(content: bytes, tmp_path: Path) -> None:
    """Base64, with or without prefix and line breaks, bytes and a file are the same picture."""
    file = tmp_path / "fox"
    file.write_bytes(content)
    text = as_text(content)
    broken = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))

    assert text == passed(text) == passed(f"data:image/png;base64,{text}") == passed(f"{broken}\n")
    assert text == passed(f"DATA:image/jpeg;charset=utf-8;base64,\n{broken}")
    assert content == passed(content)
    assert file == passed(file)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/fox.png",
        "http://files.example",
        "HTTPS://files.example/fox.png?Signature=a%20b&x=1#y",
        "https://user@files.example:8443/füchse/🦊.png",
    ],
)
def test_address_passes_as_it_is(url: str) -> None:
    """An http(s) URL is neither opened nor changed."""
    assert url == passed(url)


@pytest.mark.parametrize(
    "url",
    ["https://", "http:///fox.png", "https://a b/fox.png", "https://[::1/fox.png", "https://a/\n", "https://a/\ud83e"],
)
def test_address_must_be_complete(url: str) -> None:
    """An address without a host, or with spaces in it, is refused."""
    assert "must be a complete http(s) URL" == refusal(url).rule


@pytest.mark.parametrize(
    "name", ["fox.png", "./fox.jpeg", "C:\\fox.png", "ftp://a/fox.png", "/home/me/a fox.png", "data:image/png,x"]
)
def test_name_of_a_file_gets_advice(name: str) -> None:
    """A text is never opened as a file; the error says how a file is passed."""
    error = refusal(name)

    assert "a local file is passed as pathlib.Path" in str(error)


@pytest.mark.parametrize("text", ["QUJ", "QUJDR", "=", "data:image/png;base64,", " ", ""])
def test_base64_must_be_complete(text: str) -> None:
    """Text that was cut off, or is empty, is refused."""
    assert "Base64" in str(refusal(text))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"GIF89a" + b"\0" * 50,
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"<svg/>",
        PNG[1:],
        b"\x89PNG",
        b"\xff\xd8",
        a_picture(form="BMP"),
    ],
)
def test_only_png_and_jpeg_pass(content: bytes) -> None:
    """The first bytes decide, not a name and not a prefix."""
    assert "must be a PNG or JPEG" in str(refusal(content))


@pytest.mark.parametrize(
    "content",
    [
        PNG[:8],
        PNG[:20],
        PNG[:23],
        JPEG[:3],
        JPEG[:4],
        JPEG[:12],
        JPEG[:2] + b"\xff\xd9",
        JPEG[:2] + b"\xff\xe0\x00\x01",
        JPEG[:2] + b"\xff\xe0\xff\xff" + b"\0" * 100,
        JPEG[:2] + b"\xff\xda\x00\x02" + JPEG[2:],
        PNG[:12] + b"CgBI" + PNG[16:],
        PNG[:16] + struct.pack(">II", 0, 300) + PNG[24:],
    ],
)
def test_header_must_be_whole(content: bytes) -> None:
    """A header that ends before the sides, or has none, is no picture."""
    assert "no readable header" in str(refusal(content))


def test_limit_of_bytes_is_that_of_the_file() -> None:
    """Ten million bytes pass, one more does not; the length of the Base64 text does not matter."""
    full = PNG + b"\0" * (10_000_000 - len(PNG))

    assert full == passed(full)
    assert as_text(full) == passed(as_text(full))
    assert "at most 10,000,000 bytes, has 10,000,001" in str(refusal(full + b"\0"))
    assert "at most 10,000,000 bytes" in str(refusal(as_text(full + b"\0")))


def test_limit_of_bytes_is_seen_without_reading(tmp_path: Path) -> None:
    """A file of gigabytes is refused by its size alone."""
    file = tmp_path / "huge.png"
    with file.open("wb") as out:
        out.write(PNG)
        out.truncate(2**33)

    assert "has 8,589,934,592" in str(refusal(file))


@pytest.mark.parametrize(("width", "height"), [(300, 300), (750, 300), (300, 750), (4000, 1600)])
def test_sides_and_ratio_at_the_limit_pass(width: int, height: int) -> None:
    """300 pixels and 1:2.5 to 2.5:1 are allowed."""
    assert passed(a_picture(width, height))


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [
        (299, 300, "at least 300 pixels, has 299x300"),
        (300, 299, "at least 300 pixels, has 300x299"),
        (751, 300, "between 1:2.5 and 2.5:1, is 751x300"),
        (300, 751, "between 1:2.5 and 2.5:1, is 300x751"),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_sides_and_ratio_beyond_the_limit(width: int, height: int, words: str, form: str) -> None:
    """What is too small, too long or too tall is told with its sides."""
    assert words in str(refusal(a_picture(width, height, form)))


def test_ratio_may_be_free() -> None:
    """Last frames and masks have no limit on the ratio, but keep the others."""
    assert passed(a_picture(1200, 300), ANY_RATIO)
    assert "at least 300 pixels" in str(refusal(a_picture(1200, 299), ANY_RATIO))


def test_missing_file_is_told(tmp_path: Path) -> None:
    """A path to nothing names the path and the reason."""
    error = refusal(tmp_path / "gone.png")

    assert "No such file or directory" in str(error)
    assert tmp_path / "gone.png" == error.value


def test_directory_is_no_file(tmp_path: Path) -> None:
    """A directory is refused."""
    assert "must be a file, not a directory" in str(refusal(tmp_path))


def test_pipe_is_no_file(tmp_path: Path) -> None:
    """A pipe, on which reading would wait for ever, is refused."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert "must be a file" in str(refusal(pipe))


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "a/" * 3000])
def test_impossible_path_is_told(name: str) -> None:
    """A name that no file can have is a mistake in the request like any other."""
    assert "must be a file that can be read" in str(refusal(Path(name)))


def test_embedded_file_is_read_when_it_is_sent(tmp_path: Path) -> None:
    """The text of a file is made late, and its repr shows no content."""
    file = tmp_path / "fox.png"
    waiting = Embedded(file)

    file.write_bytes(PNG)

    assert as_text(PNG) == waiting.text()
    assert f"Embedded(source={file})" == repr(waiting)
    assert "Embedded(source=3 bytes)" == repr(Embedded(b"abc"))


def test_file_that_went_away_is_a_mistake_in_the_request(tmp_path: Path) -> None:
    """A file that was there when the request was made, and is not when it is sent, is told by name."""
    file = tmp_path / "fox.png"
    waiting = Embedded(file)

    with pytest.raises(InvalidRequest, match="No such file or directory") as caught:
        waiting.text()

    assert file == caught.value.value


def test_bodies_are_filled_at_any_depth() -> None:
    """Every file in a body becomes its text, and the body itself stays as it was."""
    body = {"image": Embedded(b"a"), "masks": [{"mask": Embedded(b"b"), "x": 1}], "n": 2}

    text = filled(body)

    assert {"image": "YQ==", "masks": [{"mask": "Yg==", "x": 1}], "n": 2} == text
    assert (True, False) == (embeds(body), embeds(text))


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\4ab"]
    ),
    tail=st.binary(max_size=60),
)
def test_any_bytes_pass_or_are_refused(head: bytes, tail: bytes) -> None:
    """Whatever the bytes, and as whatever they come, nothing but InvalidRequest is raised."""
    for value in (head + tail, as_text(head + tail)):
        try:
            check_picture("image", value, LIMITS)
        except InvalidRequest as error:
            assert error.rule  # noqa: PT017 - either outcome is right


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=())),
    start=st.sampled_from(["", "https://", "data:;base64,", "iVBORw0KGgo"]),
)
def test_any_text_passes_or_is_refused(text: str, start: str) -> None:
    """Whatever the text, nothing but InvalidRequest is raised."""
    try:
        passed(start + text)
    except InvalidRequest as error:
        assert error.rule  # noqa: PT017 - either outcome is right
