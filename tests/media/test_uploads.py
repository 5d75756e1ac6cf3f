"""Files that wait in a body: read late, in pieces, as they were when the request was made or not at all."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kling_async import InvalidRequest
from kling_async.media.embedded import BLOCK, PIECE, Embedded, encoded

BORDERS = [1, 2, 3, 4, PIECE - 1, PIECE, PIECE + 1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 2, 2 * BLOCK + PIECE + 1]


def text_of(embedded: Embedded) -> bytes:
    """The Base64 text as it is sent."""
    return b"".join(
        encoded(block[at : at + PIECE]) for block in embedded.blocks("image") for at in range(0, len(block), PIECE)
    )


def refusal(embedded: Embedded) -> InvalidRequest:
    """The error with which the reading ends."""
    with pytest.raises(InvalidRequest) as caught:
        text_of(embedded)
    assert "image" == caught.value.field
    assert embedded.source == caught.value.value
    return caught.value


@pytest.mark.parametrize("size", BORDERS)
def test_text_is_that_of_the_whole(size: int, tmp_path: Path) -> None:
    """However a file is cut into pieces, its text and the length said beforehand are those of the whole; twice."""
    content = os.urandom(size)
    file = tmp_path / "fox.png"
    file.write_bytes(content)

    for embedded in (Embedded(file), Embedded(content)):
        for _ in range(2):
            assert base64.b64encode(content) == text_of(embedded)
        assert len(base64.b64encode(content)) == embedded.length("image")


def test_block_stays_while_the_next_is_read(tmp_path: Path) -> None:
    """One block can be encoded while another thread reads the next."""
    content = os.urandom(4 * BLOCK)
    file = tmp_path / "fox.png"
    file.write_bytes(content)
    blocks = Embedded(file).blocks("image")

    before = next(blocks)
    for at in range(3):
        after = next(blocks)
        assert content[at * BLOCK : (at + 1) * BLOCK] == before
        before = after
    assert content[3 * BLOCK :] == before

    assert not list(blocks)


def test_content_is_not_shown(tmp_path: Path) -> None:
    """A repr names the file, or how many bytes there are; two of one source are equal."""
    file = tmp_path / "fox.png"

    assert f"Embedded(source={file})" == repr(Embedded(file))
    assert "Embedded(source=3 bytes)" == repr(Embedded(b"abc"))
    assert Embedded(file) == Embedded(file)


def grow(file: Path) -> None:
    """One byte more at the end."""
    with file.open("ab") as out:
        out.write(b"x")


def shrink(file: Path) -> None:
    """One byte less."""
    os.truncate(file, file.stat().st_size - 1)


def touch(file: Path) -> None:
    """The same bytes, written a second later."""
    about = file.stat()
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns + 1_000_000_000))


def replace(file: Path) -> None:
    """Another file of the same size and time under the same name."""
    about = file.stat()
    other = file.with_suffix(".new")
    other.write_bytes(b"y" * about.st_size)
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (grow, "it had 1,000,000 bytes and has 1,000,001"),
        (shrink, "it had 1,000,000 bytes and has 999,999"),
        (touch, "it was written to"),
        (replace, "it was replaced"),
        (Path.unlink, "No such file or directory"),
    ],
)
def test_file_that_changed_since_is_not_sent(change: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    """What was checked is what is sent; nothing of another file leaves."""
    file = tmp_path / "fox.png"
    file.write_bytes(b"x" * 1_000_000)
    embedded = Embedded(file)

    change(file)

    assert words in str(refusal(embedded))
    assert 1_333_336 == embedded.length("image")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (grow, "it had 1,000,000 bytes and has 1,000,001"),
        (shrink, "it ended 1 bytes early"),
        (touch, "it was written to"),
    ],
)
def test_file_that_changes_meanwhile_is_never_whole(change: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    """A change during the reading is found before the last block is given away."""
    file = tmp_path / "fox.png"
    file.write_bytes(b"x" * 1_000_000)
    blocks = Embedded(file).blocks("image")
    given = len(next(blocks))

    change(file)

    with pytest.raises(InvalidRequest) as caught:
        given += sum(map(len, blocks))
    assert words in str(caught.value)
    assert 1_000_000 > given


def test_file_that_was_never_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """Without a file there is no length, and one that comes later is not the one that was meant."""
    file = tmp_path / "fox.png"
    embedded = Embedded(file)

    with pytest.raises(InvalidRequest, match="No such file or directory"):
        embedded.length("image")
    file.write_bytes(b"x")
    with pytest.raises(InvalidRequest, match="must be there when the request is made"):
        embedded.length("image")
    assert "there was none" in str(refusal(embedded))
