"""What files are called. The server chooses nothing, and no name leads out of the directory or to a device."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import InvalidRequest
from .durable import made

if TYPE_CHECKING:
    from ..models import File

_DEVICES: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")


def stem(name: object) -> str:
    """A name of the user's, refused with `InvalidRequest` where it is no plain name of a file on every system."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        rule = "must be 1 to 80 letters, digits, dots, hyphens or underscores, not start with a dot, and be no device"
        raise InvalidRequest("name", rule, name)
    return name


def slug(text: str) -> str:
    """A name made of text from outside, whatever it holds; other texts give other names."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:64]
    if plain and plain == text and not _DEVICES.fullmatch(plain):
        return plain
    return f"{plain or 'file'}-{hashlib.blake2s(text.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


def own_name(file: File) -> str:
    """A name for a file that comes without a task: the same for the same file, whatever its link is signed with."""
    known = getattr(file, "id", None)
    if isinstance(known, str) and known:
        return slug(known)
    return f"{file.kind}-{digest(file.url, 6)}"


def digest(url: str, size: int = 16) -> str:
    """What stands for a link, whatever it is signed with."""
    address = url.partition("?")[0].encode("utf-8", "surrogatepass")
    return hashlib.blake2s(address, digest_size=size).hexdigest()


def within(directory: Path, name: str) -> Path:
    """A file directly in a directory that holds no links; raises ValueError for a name that leads anywhere else."""
    path = directory / name
    if path.parent != directory or not path.is_relative_to(directory) or path.name != name or "\0" in name:
        raise ValueError(f"{name!r} is no name of a file")
    return path


def writable(directory: str | os.PathLike[str]) -> Path:
    """The directory, made if need be. Raises `InvalidRequest` where it cannot be made or written. Blocking."""
    path = Path(directory)
    try:
        made(path)
    except OSError as error:
        trouble = error.strerror
    else:
        if os.access(path, os.W_OK | os.X_OK):
            return path
        trouble = "permission denied"
    raise InvalidRequest("directory", f"must be a directory that can be written ({trouble})", str(path))
