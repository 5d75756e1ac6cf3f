"""What outlasts a power cut: a file whose bytes are synced, under a name whose folder is synced. Blocking.

The four points on the way are told by name, so that a test can end the process at each of them.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import attrs

Point: TypeAlias = Callable[[str], None]
"""Called with `download.started`, `download.before_fsync`, `download.before_rename`, `download.after_rename`."""

_CANNOT: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})
"""A folder that may not be read, or whose file system syncs no folders: both say so, and neither can be helped."""


@attrs.frozen(kw_only=True)
class Stored:
    """A file that is on the disk for good."""

    path: Path
    bytes: int
    sha256: str
    """In hex, of what was written."""


def nothing(_: str) -> None:
    """Pass a point."""


def sync(folder: Path) -> None:
    """Make the names in a folder last, as far as its file system can do that. Windows has no call for it."""
    if sys.platform == "win32":
        return
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in _CANNOT:
            return
        raise
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(fd)


def made(folder: Path) -> Path:
    """The folder, made to last with all above it that did not exist."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync(each.parent)
    return folder
