"""A file on its way: `<stem>.part`, and beside it `<stem>.part.json` with what it takes to go on with it later.

Its bytes are hashed while they are written, where that is asked for: those of an earlier run are read once, and no byte
is hashed that is not in the file.

Blocking, for a thread. Refuses links, pipes and whatever else is no plain file of one name, and a file that somebody
else is writing. What is in a `.part` is always the beginning of the one file that its `.json` describes.

Results belong to the user, who may want others to read them: all is made with the rights that the umask leaves. That
goes for the `.json` too, which holds no secret: of the link there is a digest, taken without what it is signed with.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import attrs

from ..errors import DownloadError
from .durable import Point, nothing, sync
from .ranges import Mark

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from _hashlib import HASH  # the type of what hashlib makes, which has no public name on every Python

_TRIES: Final = 8
_READ: Final = 1024 * 1024  # bytes hashed at once of what an earlier run left
_PIECES: Final = 512  # buffers of one system call; POSIX promises 16, every system in use takes 1,024
_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@attrs.define(eq=False)
class Part:
    """The beginning of a file. Not shared between threads at one time."""

    path: Path
    hashing: bool = False
    point: Point = nothing
    size: int = attrs.field(default=0, init=False)
    """Bytes that are in the file."""
    _sha256: HASH = attrs.field(factory=hashlib.sha256, init=False, repr=False)
    _hashed: int = attrs.field(default=0, init=False)
    """Bytes from the first on that the hash knows."""
    _fd: int = attrs.field(default=-1, init=False)

    @property
    def _notes(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def open(self) -> Mark | None:
        """Make the file, or take up the one that is there; return what it is the beginning of, if that is known."""
        for _ in range(_TRIES):
            fd = _opened(self.path)
            if fd < 0:
                continue
            if _locked(fd) and _is_at(fd, self.path):
                self._fd = fd
                break
            os.close(fd)  # whoever had it gave it its final name meanwhile, or has it still
        else:
            raise self._contested()
        self.size = os.fstat(self._fd).st_size
        mark = self._read_notes() if self.size else None
        return mark if mark is not None and (mark.total is None or self.size <= mark.total) else None

    def head(self, length: int) -> bytes:
        """The first bytes."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        return os.read(self._fd, length)

    def restart(self, mark: Mark) -> None:
        """Empty the file: what comes now is the beginning of something else."""
        self._forget()
        os.ftruncate(self._fd, 0)
        self.size = self._hashed = 0
        self._sha256 = hashlib.sha256()
        if mark.tells:
            # After the emptying and before the first byte, so that at no moment it describes other bytes.
            with os.fdopen(os.open(self._notes, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "w") as notes:
                json.dump(attrs.asdict(mark), notes)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append the pieces, all of them."""
        if self.hashing:
            self._catch_up()
        os.lseek(self._fd, self.size, os.SEEK_SET)
        for at in range(0, len(pieces), _PIECES):
            self._write(pieces[at : at + _PIECES])
        if self.hashing:
            for piece in pieces:
                self._sha256.update(piece)
            self._hashed = self.size

    def _write(self, pieces: Sequence[bytes]) -> None:
        wanted = sum(map(len, pieces))
        written = _written(self._fd, pieces)
        self.size += written
        if written < wanted:  # rare: a disk that is filling up
            self._write([b"".join(pieces)[written:]])

    def finish(self, final: Path) -> None:
        """Give the file its name, in one step and for good; a link of that name is replaced, not followed."""
        self.point("download.before_fsync")
        os.fsync(self._fd)
        stored = os.fstat(self._fd).st_size
        if stored != self.size or not _is_at(self._fd, self.path):
            raise self._contested()
        if self.hashing:
            self._catch_up()  # an earlier run may have had all of it
        if sys.platform == "win32":
            self.close()  # an open file cannot be renamed there
        self.point("download.before_rename")
        self.path.replace(final)
        self.point("download.after_rename")
        self._forget()
        self.close()
        sync(final.parent)

    @property
    def sha256(self) -> str:
        """In hex, of a whole file that was hashed."""
        return self._sha256.hexdigest()

    def close(self) -> None:
        """Let go of the file; an empty one is not left behind. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            if not os.fstat(fd).st_size and _is_at(fd, self.path):
                self._forget()
                if sys.platform != "win32":
                    self.path.unlink()
        finally:
            os.close(fd)

    def _catch_up(self) -> None:
        """Hash what is in the file and was not written by us, or not hashed because the disk failed."""
        os.lseek(self._fd, self._hashed, os.SEEK_SET)
        while self._hashed < self.size and (read := os.read(self._fd, min(_READ, self.size - self._hashed))):
            self._sha256.update(read)
            self._hashed += len(read)

    def _forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._notes.unlink()

    def _read_notes(self) -> Mark | None:
        try:
            with os.fdopen(os.open(self._notes, os.O_RDONLY | _SAFE), "rb") as notes:
                told = json.loads(notes.read(4096)) if stat.S_ISREG(os.fstat(notes.fileno()).st_mode) else None
        except (OSError, ValueError, RecursionError):
            return None  # none, or not ours: the file is started over
        return Mark.told(cast("object", told))

    def _contested(self) -> DownloadError:
        return DownloadError(f"{self.path} cannot be written: somebody else writes to it")


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, 0o666)
    except FileExistsError:
        pass
    try:
        fd = os.open(path, os.O_RDWR | _SAFE)
    except FileNotFoundError:
        return -1  # it got its final name between the two calls
    kind = os.fstat(fd)
    if stat.S_ISREG(kind.st_mode) and kind.st_nlink <= 1:
        return fd
    os.close(fd)
    raise DownloadError(f"{path} cannot be written: it is no plain file, or has a second name")


def _locked(fd: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: what is written meanwhile is noticed at the end
    return True


def _is_at(fd: int, path: Path) -> bool:
    """Whether a path leads to this very file, and not by a link."""
    try:
        there, ours = path.lstat(), os.fstat(fd)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


if sys.platform == "win32":

    def _written(fd: int, pieces: Sequence[bytes]) -> int:
        return os.write(fd, b"".join(pieces))
else:
    _written = os.writev
