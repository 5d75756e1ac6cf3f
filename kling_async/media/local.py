"""Local files on their way in: opened without waiting for anybody, and known again when it is time to send them.

What was looked at is kept as a path with a mark of how the file was then, so that no other file is sent in its place.
"""

from __future__ import annotations

import os
import stat
import sys
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import InvalidRequest

if sys.platform == "win32":
    from pathlib import WindowsPath as _NativePath
else:
    from pathlib import PosixPath as _NativePath

_LONGEST_NAME: Final = 255
"""Of a file, on all systems; hardly any picture's Base64 text is as short."""


class Mark(NamedTuple):
    """By what a file is known again."""

    size: int
    written: int
    place: tuple[int, int] | None
    """Device and inode; None where the mark came from another process, which may number them otherwise."""

    @classmethod
    def of(cls, about: os.stat_result) -> Mark:
        """The mark of a file that was looked at."""
        return cls(about.st_size, about.st_mtime_ns, (about.st_dev, about.st_ino))

    def change(self, now: Mark) -> str | None:
        """What happened to the file since, in words; None if nothing did."""
        if self.size != now.size:
            return f"it had {self.size:,} bytes and has {now.size:,}"
        if self.place not in (None, now.place):
            return "it was replaced"
        return None if self.written == now.written else "it was written to"


class MarkedPath(_NativePath):
    """A path with the mark its file had. Otherwise a `Path` like any other, and equal to it."""

    mark: Mark | None = None
    """None on paths made from this one, which lead to other files."""

    @classmethod
    def of(cls, path: Path, mark: Mark | None) -> MarkedPath:
        """The same path with a mark."""
        marked = cls(path)
        marked.mark = mark
        return marked

    def with_segments(self, *segments: str | os.PathLike[str]) -> Path:
        """A path made from this one; asked for by Python 3.12 and later."""
        return Path(*segments)

    def __repr__(self) -> str:
        return repr(Path(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return MarkedPath.of, (Path(self), self.mark and self.mark._replace(place=None))


def marked(path: Path) -> Path:
    """The path with its mark; as it is if it has one, and if the file cannot be looked at, which sending it tells."""
    if isinstance(path, MarkedPath) and path.mark is not None:
        return path
    try:
        return MarkedPath.of(path, Mark.of(path.stat()))
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return path


def named(text: str, home: Path | None = None) -> str | Path:
    """
    What a person wrote where a picture or a sound may stand: the path of a local file, or else the text as it is.

    A name without a folder of its own is one in *home*, or else in the current directory. Blocking.
    """
    if text[:5].lower() in ("http:", "https", "data:"):
        return text
    try:
        path = Path(text) if home is None else home / text
        exists = path.is_file()
    except (OSError, ValueError):
        return text  # Base64 text is longer than any name of a file
    # Base64 has no dot and is long, so this is the name of a file that is not there, and is to be refused as one.
    return path if exists or "." in text or len(text) <= _LONGEST_NAME else text


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
    except (OSError, ValueError) as error:
        trouble = getattr(error, "strerror", None) or str(error)
    if trouble is None:
        raise InvalidRequest(field, "must be a file, not a directory or a device", path)
    raise InvalidRequest(field, f"must be a file that can be read ({trouble})", path)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # else a pipe is opened when somebody writes to it
