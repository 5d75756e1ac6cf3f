"""Who may write a journal, and where one may lie: one process at a time, on a disk of this machine. Blocking.

The lock is the kernel's, so that it is gone with its owner however that ends. Its file stays.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from ..errors import JournalError

MOUNTS: Final = Path("/proc/self/mountinfo")
_PEEK: Final = 0.2
"""Seconds for which an owner-to-be is patient: somebody may only be looking whether there is one."""
_NETWORK: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
    }
)
_NETWORK_FUSE: Final = re.compile(r"fuse\.(sshfs|glusterfs|ceph|rclone|s3fs|gcsfuse|davfs2?|nfs|smb|juicefs|mergerfs)")


def network_type(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of the network file system that a path is on; None if it is on none, or that cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best, kind = "", None
    for line in lines:
        place, _, about = line.partition(" - ")
        fields, words = place.split(" "), about.split(" ")
        if len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # of two on one place the later one is seen
            best, kind = point, words[0]
    return kind if kind is not None and (kind in _NETWORK or _NETWORK_FUSE.fullmatch(kind)) else None


def check_place(path: Path, mounts: Path = MOUNTS) -> None:
    """Raise `JournalError` where a journal cannot be kept."""
    folder = path.parent
    if not folder.is_dir():
        raise JournalError(f"{path}: there is no directory {folder}; make it first")
    if path.is_dir():
        raise JournalError(f"{path} is a directory; name a file")
    kind = network_type(folder, mounts)
    if kind is not None:
        raise JournalError(
            f"{path} is on a network file system ({kind}), where its promises cannot be kept; "
            f"name a file on a disk of this machine"
        )


class Ownership:
    """The lock of one journal, beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(f"{path}.lock", timeout=_PEEK, mode=0o600, thread_local=False)

    def take(self) -> bool:
        """Become the owner; False if there is another one."""
        try:
            self._lock.acquire(poll_interval=0.02)
        except Timeout:
            return False
        except OSError as error:
            raise unusable(self._path, error) from error
        return True

    def release(self, *, remove: bool = False) -> None:
        """Be the owner no more; *remove*: of something that is gone, so that nothing is left of it."""
        if remove:  # as long as it is held; who waits for it sees that it has gone, and makes another
            with contextlib.suppress(OSError):  # Windows lets nobody
                Path(self._lock.lock_file).unlink()
        self._lock.release()


def is_owned(path: Path) -> bool:
    """Whether a process writes the journal just now."""
    lock = Path(f"{path}.lock")
    if not lock.exists():
        return False
    ours = FileLock(lock, blocking=False, thread_local=False)
    try:
        with ours:
            return False
    except Timeout:
        return True
    except OSError:
        return False


def unusable(path: Path, error: OSError) -> JournalError:
    """What the system said, and what to do about it."""
    advice = "choose another place, or make it writable"
    if error.errno == errno.ENOSPC:
        advice = "make room"
    return JournalError(f"{path} cannot be written ({error.strerror}); {advice}")
