"""The file of a journal: made, opened by its owner or a reader, and refused where it is not one. Blocking.

Every refusal says what, where, and what to do. Nothing is changed in a file that is refused.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import attrs

from ..errors import JournalError
from ..media.durable import sync
from .owner import MOUNTS, Ownership, check_place, unusable
from .schema import APPLICATION_ID, SETTINGS, STEPS, WAL, Steps, migrate, settle

_CLOSED: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
_EFFECTIVE: Final = os.access in os.supports_effective_ids
_WORDS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full; nothing of this was written. Make room, and run the batch again",
    sqlite3.SQLITE_BUSY: "another program has it locked; end that, and run the batch again",
    sqlite3.SQLITE_READONLY: "it cannot be written; make it and its directory writable, or choose another place",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; its directory must be writable, and room be left for open files",
    sqlite3.SQLITE_PERM: "it cannot be opened; its owner has to let you",
    sqlite3.SQLITE_NOTADB: "it is not a journal of kling_async; name another file",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put back a copy of it. Its tasks are known to the vendor all the same",
    sqlite3.SQLITE_IOERR: "the disk does not do as it is told; look at the system's log, then run the batch again",
    sqlite3.SQLITE_CONSTRAINT: "it does not take that; please report this",
}
_TASK_ID: Final = "UNIQUE constraint failed: task.task_id"
_SAME_TASK: Final = (
    "the vendor gave a task the id of another one in it, as an emulator does that was begun anew; name another file"
)
_TASKLESS: Final = "DELETE FROM batch WHERE NOT EXISTS (SELECT 1 FROM task WHERE batch_id = batch.id)"
"""Batches for which a manifest was refused: they would tie a name to an account, and there is nothing to go on with."""


def primary(error: sqlite3.Error) -> int:
    """The kind of an error; 0 for mistakes in the use of the module, which have none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def told(path: Path, error: sqlite3.Error) -> JournalError:
    """What SQLite says, and what to do about it."""
    words = _SAME_TASK if _TASK_ID in str(error) else _WORDS.get(primary(error), "it cannot be used")
    made = JournalError(f"{path}: {words} ({error})")
    made.__cause__ = error
    return made


@attrs.define(eq=False)
class OwnedFile:
    """A journal, for the one who writes it."""

    path: Path
    steps: Steps = STEPS
    mounts: Path = MOUNTS
    _ownership: Ownership = attrs.field(init=False)
    _identity: tuple[int, int] = attrs.field(default=(0, 0), init=False)
    _fresh: bool = attrs.field(default=False, init=False)
    """Whether it was made here."""

    def __attrs_post_init__(self) -> None:
        self._ownership = Ownership(self.path)

    def open(self) -> sqlite3.Connection:
        """Make it, or take it up as it was left; raises `JournalError`."""
        check_place(self.path, self.mounts)
        if not self._ownership.take():
            raise self._contested()
        connection: sqlite3.Connection | None = None
        try:
            self._fresh = _made(self.path)
            self._identity = _identity(self.path)
            connection = _connected(self.path, "mode=rw")
            version = _version(connection, self.path, self.steps)
            configure(connection, self.path)
            _check(connection, self.path)
            if version < len(self.steps):
                migrate(connection, version, self.steps)
            settle(connection, os.getpid())
            return connection
        except BaseException as error:
            if connection is not None:
                connection.close()
            self._release(bare=True, refused=True)
            if isinstance(error, sqlite3.Error):
                raise told(self.path, error) from error
            raise

    def close(self, connection: sqlite3.Connection) -> None:
        """Let go of it, and of batches without tasks. Of one that was made here and holds no other nothing stays."""
        bare = False
        try:
            with contextlib.suppress(sqlite3.Error):  # a disk that is full or broken keeps what it has
                connection.execute(_TASKLESS)
                bare = connection.execute("SELECT 1 FROM batch").fetchone() is None
            connection.close()
        finally:
            self._release(bare=bare)

    def _release(self, *, bare: bool, refused: bool = False) -> None:
        remove = bare and self._fresh and _identity(self.path) == self._identity
        if remove:
            for ending in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    Path(f"{self.path}{ending}").unlink()
        self._ownership.release(remove=remove or refused)

    def see(self) -> None:
        """Raise `JournalError` if the file is not there any more: what is written to it would be lost with it."""
        if _identity(self.path) != self._identity:
            raise JournalError(
                f"{self.path} was moved or deleted while it was in use, and nothing more is written or sent; "
                f"put it back with its -wal, and run the batch again"
            )

    def _contested(self) -> JournalError:
        pid = None
        with contextlib.suppress(JournalError):
            reader = read_only(self.path, self.steps)
            with contextlib.closing(reader):
                pid = owner_pid(reader)
        by = "another process" if pid is None else f"process {pid}"
        return JournalError(f"{self.path} is in use by {by}; wait for its end, or end it (what it did is kept)")


def configure(connection: sqlite3.Connection, path: Path) -> None:
    """Put in force what all promises rest on; raises `JournalError` where the file system cannot do it."""
    for setting in SETTINGS:
        answer = connection.execute(setting).fetchone()
        if setting == WAL and answer != ("wal",):
            raise JournalError(f"{path}: its file system has no memory to share; name a file on another disk")


def read_only(path: Path, steps: Steps = STEPS) -> sqlite3.Connection:
    """A connection that changes nothing, also while an owner writes; raises `JournalError`."""
    if not path.exists():
        raise JournalError(f"{path}: there is no such file; name the journal of a batch")
    if path.is_dir():
        raise JournalError(f"{path} is a directory; name a file")
    try:
        return _looked_into(path, "mode=ro", steps)
    except sqlite3.Error as error:
        # Reading takes files beside it, which a directory that cannot be written does not get. Without a log no owner
        # can be at work there, and the file alone is all there is.
        if primary(error) not in _CLOSED or _has_log(path):
            raise told(path, error) from error
    try:
        return _looked_into(path, "mode=ro&immutable=1", steps)
    except sqlite3.Error as error:
        raise told(path, error) from error


def _looked_into(path: Path, mode: str, steps: Steps) -> sqlite3.Connection:
    connection = _connected(path, mode)
    try:
        version = _version(connection, path, steps)
        if version < len(steps):
            raise JournalError(
                f"{path} is of an older version ({version}, now {len(steps)}); resume the batch, which brings it up"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> tuple[int, int]:
    """Which file it is, whatever it is called; none at all if there is none."""
    try:
        there = path.stat()
    except OSError:
        return 0, 0
    return there.st_dev, there.st_ino


def _has_log(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"{path}-wal").stat().st_size > 0
    return False


def owner_pid(connection: sqlite3.Connection) -> int | None:
    """The process that last opened it to write."""
    row = connection.execute("SELECT pid FROM owner").fetchone()
    return None if row is None else int(row[0])


def _made(path: Path) -> bool:
    """See that there is a file, readable by its owner only, and that its name is on disk. Whether there was none."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=_EFFECTIVE):
            raise JournalError(f"{path} cannot be written; make it writable, or choose another place") from None
        return False
    except OSError as error:
        raise unusable(path, error) from error
    sync(path.parent)
    return True


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fspath(path.absolute()))}?{mode}", uri=True, isolation_level=None, cached_statements=256
    )
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def _version(connection: sqlite3.Connection, path: Path, steps: Steps) -> int:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    fresh = not application and not version
    if fresh and not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        return 0
    if application != APPLICATION_ID:
        raise JournalError(f"{path} is not a journal of kling_async; name another file")
    if version > len(steps):
        raise JournalError(
            f"{path} was written by a newer version of kling_async (journal version {version}, here {len(steps)}); "
            f"upgrade this one"
        )
    return version


def _check(connection: sqlite3.Connection, path: Path) -> None:
    for (words,) in connection.execute("PRAGMA quick_check(1)"):
        if words != "ok":
            raise JournalError(f"{path}: {_WORDS[sqlite3.SQLITE_CORRUPT]} ({words})")
