"""A disk that forgets what it was not told to keep, and one that is full; for SQLite, through apsw.

The journal's own code and SQL run on it. What differs from the real thing is the build of SQLite, and that the index of
the write-ahead log is in memory, since apsw's files cannot share any; neither changes what is written and synced when.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import attrs

from kling_async.batch.schema import SETTINGS, STEPS, migrate, settle

SECTOR: Final = 512
Write = tuple[int, bytes | None]
"""Where, and what; None for the end of the file."""


@attrs.define(eq=False)
class Stored:
    """A file as the disk has it, and what it was given since and not told to keep."""

    kept: bytes | None = None
    """None while not even its name is kept."""
    loose: list[Write] = attrs.field(factory=list[Write])

    def sync(self) -> None:
        """Keep all."""
        self.kept, self.loose = applied(self.kept, self.loose), []


def applied(content: bytes | None, writes: Sequence[Write]) -> bytes:
    """A file after some writes."""
    whole = bytearray(content or b"")
    for at, data in writes:
        if data is None:
            del whole[at:]
            continue
        whole.extend(bytes(max(0, at - len(whole))))
        whole[at : at + len(data)] = data
    return bytes(whole)


@attrs.frozen(eq=False)
class Cut:
    """The disk at the moment when the power failed."""

    files: Mapping[str, Stored]
    ghosts: Mapping[str, bytes]
    """Files that were deleted, which the disk may not know yet."""
    about: str
    """Of what it was in the middle."""
    note: Any
    """What the test knew then."""

    def images(self, luck: random.Random, count: int) -> Iterator[dict[str, bytes]]:
        """What may be on the disk afterwards: nothing, all, or any part of what it was not told to keep."""
        kept = {name: file.kept for name, file in self.files.items() if file.kept is not None}
        yield kept
        yield {**self.ghosts, **kept}
        yield {name: applied(file.kept, file.loose) for name, file in self.files.items()}
        for _ in range(count):
            yield {name: applied(file.kept, tuple(_part(file.loose, luck))) for name, file in self.files.items()}


def _part(writes: Sequence[Write], luck: random.Random) -> Iterator[Write]:
    """Some sectors of some writes."""
    chance = luck.random()
    sectors = [
        (at + start, None if data is None else data[start : start + SECTOR])
        for at, data in writes
        for start in range(0, len(data or b" "), SECTOR)
    ]
    yield from (each for each in sectors if luck.random() < chance)


class Disk(apsw.VFS):
    """Passes everything on to real files, and keeps account of what would be left without power."""

    def __init__(self, name: str, note: Callable[[], Any] = lambda: None) -> None:
        super().__init__(name, "")
        self.vfs_name: Final = name
        self.cuts: list[Cut] = []
        self.room: int | None = None
        """Writes until the disk is full; None for a big one."""
        self.broken = False
        self._note = note
        self._files: dict[str, Stored] = {}
        self.ghosts: dict[str, bytes] = {}
        """Files that were deleted, which the disk may not know yet."""

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """A file, which did not exist for the disk before."""
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        # A journal makes its file, and sees to its name, before SQLite comes to it.
        made = Stored(b"" if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else None)
        return _File(self, name, flags, self._files.setdefault(Path(text).name, made))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        """Forget a file, at once or some time."""
        super().xDelete(filename, syncdir)
        gone = self._files.pop(Path(filename).name, None)
        if not syncdir and gone is not None and gone.kept is not None:
            self.ghosts[Path(filename).name] = gone.kept

    def cut(self, about: str) -> None:
        """Note how things would be if the power failed now."""
        files = {name: Stored(file.kept, list(file.loose)) for name, file in self._files.items()}
        self.cuts.append(Cut(files, dict(self.ghosts), about, self._note()))

    def write(self) -> None:
        """Have room, or not."""
        if self.broken:
            raise apsw.IOError
        if self.room is None:
            return
        if not self.room:
            raise apsw.FullError
        self.room -= 1


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int], stored: Stored) -> None:
        super().__init__("", name, flags)
        self._disk, self._stored = disk, stored
        self._log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        # SQLite tells nobody of what goes wrong while it takes the log over, and tries again; apsw would.
        if self._log:
            self._disk.write()
        below: Any = super()
        below.xWrite(data, offset)
        self._stored.loose.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._stored.loose.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.cut("before a sync")
        super().xSync(flags)
        if self._stored.kept is None:
            self._disk.ghosts.clear()  # SQLite has synced the directory of a new file
        self._stored.sync()
        self._disk.cut("after a sync")


@attrs.define(eq=False)
class OnDisk:
    """A file of a journal on such a disk, as its writer needs it."""

    path: Path
    disk: Disk
    checkpoint: int = 20
    """Pages after which the log is taken over into the file, so that this happens often."""

    def open(self) -> sqlite3.Connection:
        """As the real one does it, but for locks and refusals."""
        connection: Any = Borrowed(apsw.Connection(str(self.path), vfs=self.disk.vfs_name))
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        for setting in SETTINGS:
            connection.execute(setting)
        connection.execute(f"PRAGMA wal_autocheckpoint = {self.checkpoint}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        migrate(connection, version, STEPS)
        settle(connection, 1)
        taken: sqlite3.Connection = connection
        return taken

    def see(self) -> None:
        """Always there."""

    def close(self, connection: sqlite3.Connection) -> None:
        """Let go of it."""
        connection.close()


class Borrowed:
    """A connection of apsw that speaks like one of sqlite3, as far as journals listen."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        return bool(self._connection.in_transaction)

    def execute(self, sql: str, values: Any = ()) -> Answer:
        """Run a statement to its end."""
        try:
            rows = self._connection.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise _translated(error) from error
        return Answer(rows, self._connection.changes(), self._connection.last_insert_rowid())

    def executemany(self, sql: str, values: Sequence[Any]) -> None:
        """Run a statement for each of many."""
        for each in values:
            self.execute(sql, each)

    def close(self) -> None:
        """Let go."""
        self._connection.close()


class Answer:
    """What a statement gave."""

    def __init__(self, rows: list[Any], rowcount: int, lastrowid: int) -> None:
        self._rows, self.rowcount, self.lastrowid = rows, rowcount, lastrowid

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def fetchone(self) -> Any:
        """The first row."""
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[Any]:
        """All rows."""
        return self._rows


_CODES: Final[Mapping[type[apsw.Error], int]] = {
    apsw.FullError: apsw.SQLITE_FULL,
    apsw.IOError: apsw.SQLITE_IOERR,
    apsw.ConstraintError: apsw.SQLITE_CONSTRAINT,
    apsw.SQLError: apsw.SQLITE_ERROR,
}


def _translated(error: apsw.Error) -> sqlite3.Error:
    kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
    made = kind(str(error))
    made.sqlite_errorcode = _CODES[type(error)]
    return made
