"""The forms in which a file may be given: an address, Base64 text, bytes, or a local file; and a look into each.

Requests are made on the event loop, so that a look costs little: a few bytes are read where they stand, nothing is
decoded whole. A text is never taken for the name of a file; that takes a `Path`. A pipe or a device is never waited on.
"""

from __future__ import annotations

import base64
import os
import re
import stat
import string
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ..errors import InvalidRequest

MediaInput: TypeAlias = str | bytes | Path
"""An http(s) URL, a `data:` URI or bare Base64; the content; or a local file."""

Peek: TypeAlias = Callable[[int, int], bytes]
"""Some bytes: from which offset, how many. Fewer where the content ends."""

_ALPHABET: Final = (string.ascii_letters + string.digits + "+/").encode()
_DATA_URI: Final = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
_SPACES: Final = b" \t\r\n\v\f"
_LONGEST_NAME: Final = 4096  # no name of a file is longer, and hardly any Base64 text of a file is as short
_HINT: Final = "; a local file is passed as pathlib.Path"


class Content(NamedTuple):
    """What is behind one of the forms."""

    size: int
    peek: Peek


def bare(value: MediaInput) -> MediaInput:
    """Take a `data:` prefix and line breaks off Base64 text, which the vendor takes without either."""
    if not isinstance(value, str) or is_url(value):
        return value
    if prefix := _DATA_URI.match(value):
        value = value[prefix.end() :]
    if not value.isascii() or not any(chr(space) in value for space in _SPACES):
        return value
    return value.encode("ascii").translate(None, _SPACES).decode("ascii")  # six times faster than split and join


def is_url(value: str) -> bool:
    """Whether a text is meant as an address."""
    return value[:8].lower().startswith(("http://", "https://"))


def check_url(field: str, value: str) -> None:
    """Raise `InvalidRequest` unless it names a host and can be sent."""
    try:
        host = urlsplit(value).hostname
    except ValueError:
        host = None
    if not host or any(character.isspace() or "\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRequest(field, "must be a complete http(s) URL", value)


@contextmanager
def content(field: str, value: MediaInput) -> Generator[Content, None, None]:
    """The content behind Base64 text, bytes or a path, open as long as the block lasts. Raises `InvalidRequest`."""
    if isinstance(value, str):
        yield _decoded(field, value)
    elif isinstance(value, bytes):

        def cut(start: int, length: int) -> bytes:
            return value[start : start + length]

        yield Content(len(value), cut)
    else:
        with open_file(field, value) as file:

            def peek(start: int, length: int) -> bytes:
                file.seek(start)
                return file.read(length)

            try:
                yield Content(os.fstat(file.fileno()).st_size, peek)
            except OSError as error:
                trouble = error.strerror
            else:
                return
        raise InvalidRequest(field, f"must be a file that can be read ({trouble})", value)


def hint(value: MediaInput) -> str:
    """What to add to a refusal of content, where the text may have been meant as the name of a file."""
    return _HINT if isinstance(value, str) and len(value) < _LONGEST_NAME else ""


def open_file(field: str, path: Path) -> FileIO:
    """Open a regular file for reading, unbuffered; whatever else the path leads to is an `InvalidRequest`. Blocking."""
    try:
        # Looked at first, because opening can do something to a device; and again, because it may be another by now.
        regular = stat.S_ISREG(path.stat().st_mode)
        if regular:
            file = open(path, "rb", buffering=0, opener=_without_waiting)  # noqa: SIM115 - Path has no opener
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if regular:
                return file
            file.close()
        trouble = None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        trouble = getattr(error, "strerror", None) or str(error)
    if trouble is None:
        raise InvalidRequest(field, "must be a file, not a directory or a device", path)
    raise InvalidRequest(field, f"must be a file that can be read ({trouble})", path)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # else a pipe is opened when somebody writes to it


def _decoded(field: str, text: str) -> Content:
    padding = 2 if text.endswith("==") else int(text.endswith("="))
    foreign = text.encode("ascii").translate(None, _ALPHABET) if text.isascii() else b"?"
    if not text or foreign.strip(b"="):
        raise InvalidRequest(field, f"must be an http(s) URL or Base64 text{hint(text)}", text)
    if foreign != b"=" * padding or len(text) % 4 or len(text) == padding:
        raise InvalidRequest(field, f"must be complete Base64 text, its length a multiple of four{hint(text)}", text)

    def peek(start: int, length: int) -> bytes:
        first, last = start // 3, -(-(start + length) // 3)
        return base64.b64decode(text[first * 4 : last * 4])[start - first * 3 :][:length]

    return Content(len(text) // 4 * 3 - padding, peek)
