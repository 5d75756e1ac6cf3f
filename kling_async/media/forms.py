"""The forms in which a file may be given: an address, Base64 text, bytes, or a local file; and a look into each.

Requests are made on the event loop, so that a look costs little: a few bytes are read where they stand, nothing is
decoded whole. A text is never taken for the name of a file; that takes a `Path`. A pipe or a device is never waited on.
"""

from __future__ import annotations

import base64
import os
import re
import string
from collections.abc import Callable, Generator
from contextlib import contextmanager
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from ..errors import InvalidRequest
from .local import Mark, MarkedPath, open_file

MediaInput: TypeAlias = str | bytes | Path
"""An http(s) URL, a `data:` URI or bare Base64; the content; or a local file."""

Peek: TypeAlias = Callable[[int, int], bytes]
"""Some bytes: from which offset, how many. Fewer where the content ends."""

_ALPHABET: Final = (string.ascii_letters + string.digits + "+/").encode()
_STRETCH: Final = 64 * 1024
_DATA_URI: Final = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
_SPACES: Final = " \t\r\n\v\f"
_UNSENDABLE: Final = re.compile(r"[\s\x00-\x20\x7f-\x9f\ud800-\udfff]")
_ADDRESS: Final = re.compile(
    r"""
    https?://
    (?: [^/?\#\\]* @ )?                                          # user and password
    (?: \[ (?P<six>[0-9a-f:.]+) \] | (?P<host>[^/?\#\\@:\[\]]+) )
    (?: : (?P<port>\d{0,5}) )?
    (?: [/?\#] .* )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LONGEST_NAME: Final = 4096  # no name of a file is longer, and hardly any Base64 text of a file is as short
_HINT: Final = "; a local file is passed as pathlib.Path"


class Content(NamedTuple):
    """What is behind one of the forms."""

    size: int
    peek: Peek
    kept: MediaInput
    """The form itself; a path with the mark of the file that was looked at."""


def bare(value: MediaInput) -> MediaInput:
    """Take a `data:` prefix and line breaks off Base64 text, which the vendor takes without either."""
    if not isinstance(value, str) or is_url(value):
        return value
    if prefix := _DATA_URI.match(value):
        value = value[prefix.end() :]
    for space in _SPACES if value.isascii() else "":
        if space in value:  # twenty times faster than a replacement of nothing
            value = value.replace(space, "")
    return value


def is_url(value: str) -> bool:
    """Whether a text is meant as an address."""
    return value[:8].lower().startswith(("http://", "https://"))


def check_url(field: str, value: str) -> None:
    """Raise `InvalidRequest` unless it is an http(s) URL that names a host and can be sent."""
    parts = None if _UNSENDABLE.search(value) else _ADDRESS.fullmatch(value)
    if parts is None or not _is_host(parts["host"], parts["six"]):
        raise InvalidRequest(field, "must be a complete http(s) URL", value)
    if parts["port"] and not 1 <= int(parts["port"]) <= 65535:
        raise InvalidRequest(field, "must be an http(s) URL with a port between 1 and 65535", value)


@contextmanager
def content(field: str, value: MediaInput) -> Generator[Content, None, None]:
    """The content behind Base64 text, bytes or a path, open as long as the block lasts. Raises `InvalidRequest`."""
    if isinstance(value, str):
        yield _decoded(field, value)
    elif isinstance(value, bytes):

        def cut(start: int, length: int) -> bytes:
            return value[start : start + length]

        yield Content(len(value), cut, value)
    else:
        with open_file(field, value) as file:

            def peek(start: int, length: int) -> bytes:
                file.seek(start)
                return file.read(length)

            try:
                mark = Mark.of(os.fstat(file.fileno()))  # before the look, so that a change during it is found too
                yield Content(mark.size, peek, MarkedPath.of(value, mark))
            except OSError as error:
                trouble = error.strerror
            else:
                return
        raise InvalidRequest(field, f"must be a file that can be read ({trouble})", value)


def hint(value: MediaInput) -> str:
    """What to add to a refusal of content, where the text may have been meant as the name of a file."""
    return _HINT if isinstance(value, str) and len(value) < _LONGEST_NAME else ""


def _cannot_tell(_: str, /) -> bool:
    return False


_surely_complete: Callable[[str], bool]
try:  # the extra `speed`: decodes all of it in less time than it takes to look at the letters without
    import pybase64
except ImportError:
    _surely_complete = _cannot_tell
else:

    def _decodes(text: str, /) -> bool:
        try:
            return bool(pybase64.b64decode(text, validate=True))
        except ValueError:  # `_check_letters` says why
            return False

    _surely_complete = _decodes


def _check_letters(field: str, text: str, padding: int) -> None:
    foreign = _foreign(text) if text.isascii() else b"?"
    if not text or foreign.strip(b"="):
        raise InvalidRequest(field, f"must be an http(s) URL or Base64 text{hint(text)}", text)
    if foreign != b"=" * padding or len(text) % 4 or len(text) == padding:
        raise InvalidRequest(field, f"must be complete Base64 text, its length a multiple of four{hint(text)}", text)


def _foreign(text: str) -> bytes:
    """What is in a text besides the alphabet; looked for in stretches, which stay in the processor's cache."""
    stretches = (text[at : at + _STRETCH] for at in range(0, len(text), _STRETCH))
    return b"".join([stretch.encode("ascii").translate(None, _ALPHABET) for stretch in stretches])


def _decoded(field: str, text: str) -> Content:
    padding = 2 if text.endswith("==") else int(text.endswith("="))
    if not _surely_complete(text):
        _check_letters(field, text, padding)

    def peek(start: int, length: int) -> bytes:
        first, last = start // 3, -(-(start + length) // 3)
        return base64.b64decode(text[first * 4 : last * 4])[start - first * 3 :][:length]

    return Content(len(text) // 4 * 3 - padding, peek, text)


def _is_host(name: str | None, six: str | None) -> bool:
    if name is not None:
        return bool(name.strip("."))
    try:
        IPv6Address(six or "")
    except ValueError:
        return False
    return True
