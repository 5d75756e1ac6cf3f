"""Pictures on their way in: every form they may have, and what is refused before it is sent."""

from __future__ import annotations

import base64
import io
import os
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kling_async import InvalidRequest
from kling_async.media.inputs import (
    PictureLimits,
    SoundLimits,
    bare,
    check_picture,
    check_sound,
    check_video,
    sides,
)

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
    return check_picture("image", bare(value), limits)


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
    assert (400, 300) == sides(lambda start, length: content[start : start + length])


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
    [
        *("https://", "http:///fox.png", "https://a b/fox.png", "https://[::1/fox.png", "https://a/\n"),
        *("https://a/\ud83e", "http://:80/", "http://u:pw@/x", "https://a/\0", "https://a/\x7f", "https://[x]/"),
    ],
)
def test_address_must_be_complete(url: str) -> None:
    """An address without a host, or with spaces in it, is refused."""
    assert "must be a complete http(s) URL" == refusal(url).rule


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_port_must_be_one(port: str) -> None:
    """A port that no machine has is told as such."""
    assert "must be an http(s) URL with a port between 1 and 65535" == refusal(f"https://files.example:{port}/").rule


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


def test_other_limits_are_told_as_they_are() -> None:
    """Endpoints have limits of their own, and the error names those."""
    limits = PictureLimits(max_bytes=5000, min_side=100, max_side=640, min_ratio=0.5, max_ratio=2)

    assert passed(a_picture(640, 320), limits)
    assert "at most 5,000 bytes, has 5,001" in str(refusal(PNG + b"\0" * (5001 - len(PNG)), limits))
    assert "at most 640 pixels, has 641x400" in str(refusal(a_picture(641, 400), limits))
    assert "at most 640 pixels, has 400x641" in str(refusal(a_picture(400, 641), limits))
    assert "between 1:2 and 2:1, is 200x401" in str(refusal(a_picture(200, 401), limits))
    assert "between 1:2 and 2:1, is 401x200" in str(refusal(a_picture(401, 200), limits))


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

    assert "must be a file, not" in str(refusal(pipe))


class Changing(type(Path())):  # type: ignore[misc] # the class of this system's paths is known at run time only
    """A path to which something happens right after somebody looked at it."""

    happening: Callable[[Path], object]

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Look, then let it happen."""
        about: os.stat_result = super().stat(follow_symlinks=follow_symlinks)
        self.happening(Path(self))
        return about


def test_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Between the look and the opening a file may become a pipe without a writer; that is told at once."""

    def become_a_pipe(path: Path) -> None:
        path.unlink()
        os.mkfifo(path)

    changing = Changing(tmp_path / "fox.png")
    changing.write_bytes(PNG)
    changing.happening = become_a_pipe

    assert "must be a file, not" in str(refusal(changing))


def test_file_that_vanishes_during_the_check_is_told(tmp_path: Path) -> None:
    """Between the look and the opening a file may go away."""
    changing = Changing(tmp_path / "fox.png")
    changing.write_bytes(PNG)
    changing.happening = Path.unlink

    assert "must be a file that can be read (No such file or directory)" in str(refusal(changing))


def test_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    """A symbolic link is followed; one that leads nowhere or in a circle is told."""
    (tmp_path / "fox.png").write_bytes(PNG)
    link, circle = tmp_path / "link", tmp_path / "circle"
    link.symlink_to("fox.png")
    circle.symlink_to("circle")

    assert link == passed(link)
    assert "must be a file that can be read" in str(refusal(circle))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a file on which reading fails")
def test_file_that_cannot_be_read_is_told() -> None:
    """An error of the disk is a refusal like any other."""
    assert "must be a file that can be read (Input/output error)" in str(refusal(Path("/proc/self/mem")))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_file_of_somebody_else_is_told(tmp_path: Path) -> None:
    """A file without the right to read it is refused with the reason."""
    file = tmp_path / "fox.png"
    file.write_bytes(PNG)
    file.chmod(0)

    assert "must be a file that can be read (Permission denied)" in str(refusal(file))


def test_empty_file_is_called_empty(tmp_path: Path) -> None:
    """Nothing is no picture, and the error says that there was nothing."""
    file = tmp_path / "fox.png"
    file.touch()

    assert "must be a PNG or JPEG, and this is empty" in str(refusal(file))


@pytest.mark.parametrize("name", ["photo", "pictures/fox1", "abcd", "/home/me/pictures/foxes"])
def test_name_of_a_file_that_looks_like_base64_gets_advice(name: str) -> None:
    """Some names are made of Base64's letters only."""
    assert "a local file is passed as pathlib.Path" in str(refusal(name))


@pytest.mark.parametrize(
    "text", ["iVBO=RwK", "iVBORw=K", "iVBORwK===", "iVBORw0K=", "iVBO-_w0", "iVBORw0\u00a0", "iVBOé"]
)
def test_base64_with_odd_letters_is_refused(text: str) -> None:
    """Only the plain alphabet passes, and `=` only where the text ends."""
    assert "Base64" in str(refusal(text))


def test_endless_markers_are_given_up() -> None:
    """Ten million bytes of fill before the sides cost nobody a second."""
    assert "no readable header" in str(refusal(JPEG[:2] + b"\xff" * 9_999_000))


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "a/" * 3000])
def test_impossible_path_is_told(name: str) -> None:
    """A name that no file can have is a mistake in the request like any other."""
    assert "must be a file that can be read" in str(refusal(Path(name)))


SOUNDS = {
    "mp3 with tags": b"ID3\x04\x00\x00\x00\x00\x00\x00",
    "mp3": b"\xff\xfb\x90\x64",
    "mp3 with a checksum": b"\xff\xfa\x90\x64",
    "mp3 of half the rate": b"\xff\xf3\x40\xc0",
    "mp3 of a quarter of the rate": b"\xff\xe3\x40\xc0",
    "wav": b"RIFF\x24\x00\x0a\x0dWAVEfmt ",
    "m4a": b"\0\0\0\x0aftypM4A ",
    "aac": b"\xff\xf1\x50\x80",
    "aac with a checksum": b"\xff\xf8\x50\x80",
}


@pytest.mark.parametrize("start", SOUNDS.values(), ids=SOUNDS.keys())
def test_sound_may_come_in_any_form(start: bytes, tmp_path: Path) -> None:
    """MP3, WAV, M4A and AAC pass as Base64, bytes and file."""
    sound = start + b"\0" * 100
    file = tmp_path / "song"
    file.write_bytes(sound)

    for value in (as_text(sound), f"data:audio/mpeg;base64,{as_text(sound)}", sound, file, "https://files.example/a"):
        assert bare(value) == check_sound("sound_file", bare(value), SoundLimits())


@pytest.mark.parametrize(
    "sound",
    [
        b"",
        b"ID",
        b"RIFF\0\0\0\0AVI LIST",
        b"OggS" + b"\0" * 50,
        b"fLaC" + b"\0" * 50,
        b"\xff\xeb\0\0",  # a version that does not exist
        b"\xff\xe1\0\0",  # a layer that does not exist
        JPEG,
        PNG,
        as_text(b"OggS"),
        "song",
    ],
)
def test_only_four_kinds_of_sound_pass(sound: str | bytes) -> None:
    """What is none of them is refused by its first bytes."""
    with pytest.raises(InvalidRequest, match="sound_file: must be an MP3, WAV, M4A or AAC"):
        check_sound("sound_file", sound, SoundLimits())


def test_limits_of_a_sound_are_those_of_the_file(tmp_path: Path) -> None:
    """Five million bytes pass, one more does not; an address must be complete, and a directory is no sound."""
    full = b"ID3" + b"\0" * 4_999_997

    check_sound("sound_file", full, SoundLimits())
    check_sound("sound_file", as_text(full), SoundLimits())
    for value, words in (
        (full + b"\0", "at most 5,000,000 bytes, has 5,000,001"),
        (as_text(full + b"\0"), "at most 5,000,000 bytes, has 5,000,001"),
        ("https://", "complete http"),
        (tmp_path, "must be a file, not a directory"),
        ("song.mp3", "a local file is passed as pathlib.Path"),
    ):
        with pytest.raises(InvalidRequest, match=words) as caught:
            check_sound("sound_file", value, SoundLimits())
        assert "sound_file" == caught.value.field
        assert 300 > len(str(caught.value))


def test_video_passes_as_an_address_only(tmp_path: Path) -> None:
    """The vendor takes no video files: whatever else comes is refused with advice."""
    check_video("video_url", "https://files.example/fox.mp4")
    for value in (tmp_path / "fox.mp4", b"\0\0\0\x0aftypisom", "fox.mp4", f"data:video/mp4;base64,{as_text(PNG)}"):
        with pytest.raises(InvalidRequest, match=r"video_url: .* host the file and pass its URL") as caught:
            check_video("video_url", value)
        assert value == caught.value.value
    with pytest.raises(InvalidRequest, match="complete http"):
        check_video("video_url", "https://")


@settings(max_examples=500, deadline=None)
@given(text=st.text("AQw/+9=-é \n", max_size=12), long=st.booleans())
def test_any_letters_are_judged_alike(text: str, long: bool) -> None:  # noqa: FBT001 - given by name
    """Complete Base64 of the plain alphabet passes and nothing else, whatever library looks at it."""
    given = bare(text * 500 if long else text)
    right = isinstance(given, str) and re.fullmatch(r"(?=.)([\w+/]{4})*([\w+/]{2}==|[\w+/]{3}=)?", given, re.ASCII)
    odd = not right or "_" in str(given)

    with pytest.raises(InvalidRequest) as caught:
        passed(given)

    assert odd == ("Base64" in (caught.value.rule or ""))


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
