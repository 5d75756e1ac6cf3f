"""Rows that were checked, in a file of their own until the journal takes them, so that a million cost no memory.

Private and gone with its connection. Two rows with one id, or whose files would have one name, are found here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, NamedTuple

import attrs

from ..api import ROWS
from ..errors import JournalError, RowError
from ..wording import shown
from .queries import Planned

_TABLE: Final = """
    CREATE TABLE row (
        seq INTEGER PRIMARY KEY,
        place INTEGER NOT NULL,
        custom_id TEXT NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        endpoint TEXT,
        kind_json TEXT,
        body_json TEXT,
        body_sha256 TEXT,
        weight INTEGER,
        estimate TEXT,
        priority INTEGER
    )
"""
_INSERT: Final = f"INSERT INTO row VALUES (NULL, {', '.join('?' * 10)})"  # noqa: S608 - question marks
_ROWS: Final = """
    SELECT place, custom_id, name, endpoint, kind_json, body_json, body_sha256, weight, estimate, priority
    FROM row ORDER BY seq
"""
# Looked for when all rows are there, by sorting once: a tenth of what an index costs that grows in no order.
_TWICE: Final = """
    WITH twice AS (SELECT {column} AS word, min(seq) AS first FROM row GROUP BY {column} HAVING count(*) > 1)
    SELECT row.seq, row.place, row.custom_id, one.place, one.custom_id
    FROM twice JOIN row ON row.{column} = twice.word JOIN row AS one ON one.seq = twice.first
    WHERE row.seq > one.seq AND (row.custom_id = one.custom_id) = {same}
    ORDER BY row.seq LIMIT ?
"""
_SAME: Final = "must be unique, and is that of {unit} {place}"
_ALIKE: Final = (
    "must differ from {id} of {unit} {place} by more than upper and lower case or the form of its accents, "
    "because files are named by it"
)


class _Twice(NamedTuple):
    column: str
    same: int
    rule: str


_RULES: Final = (_Twice("custom_id", 1, _SAME), _Twice("name", 0, _ALIKE))


@attrs.define(eq=False)
class Spool:
    """The rows of one manifest, all of them good. Blocking; one thread at a time."""

    unit: str
    """What a place is: a line, or a row."""
    count: int = attrs.field(default=0, init=False)
    """Rows."""
    _database: sqlite3.Connection = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # An empty name is a file without one, which SQLite keeps in memory only as long as it is small.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", _TABLE, "BEGIN"):
            self._database.execute(statement)

    def put(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take rows, as made by `columns`. Raises `JournalError` where the disk takes no more."""
        with _unkept():
            self.count += self._database.executemany(_INSERT, rows).rowcount

    def twice(self, most: int) -> list[tuple[int, RowError]]:
        """Rows whose id, or the name of whose files, one before them has; with their places, at most so many."""
        found = list[tuple[int, RowError]]()
        with _unkept():
            for column, same, rule in _RULES:
                self._database.execute(f"CREATE INDEX by_{column} ON row ({column})")
                for _, place, id_, other, others in self._database.execute(
                    _TWICE.format(column=column, same=same), (most,)
                ):
                    said = rule.format(unit=self.unit, place=other, id=shown(others))
                    found.append((place, RowError(f"{self.unit} {place}", id_, "custom_id", said, id_)))
        return found

    def rows(self) -> Iterator[Planned]:
        """All rows, in the order of the manifest; may be asked for again. For the thread that writes the journal."""
        for place, id_, name, endpoint, kind, body, digest, weight, estimate, priority in self._database.execute(_ROWS):
            yield Planned(
                custom_id=id_,
                endpoint=endpoint,
                pool=ROWS[endpoint].pool,
                kind=tuple(json.loads(kind)),
                body_json=body,
                body_sha256=digest,
                weight=weight,
                estimate=None if estimate is None else Decimal(estimate),
                priority=priority,
                name=name,
                where=f"{self.unit} {place}",
            )

    def close(self) -> None:
        """Let go of all of it."""
        self._database.close()


def columns(place: int, row: Planned) -> tuple[Any, ...]:
    """A row as a spool keeps it."""
    estimate = None if row.estimate is None else str(row.estimate)
    kind = json.dumps(row.kind)
    named = (place, row.custom_id, row.name, row.endpoint, kind)
    return (*named, row.body_json, row.body_sha256, row.weight, estimate, row.priority)


def stub(place: int, custom_id: str, name: str) -> tuple[Any, ...]:
    """What is kept of a row that is refused, so that another one with its id is found too."""
    return (place, custom_id, name, *(None,) * 7)


@contextmanager
def _unkept() -> Generator[None, None, None]:
    try:
        yield
    except sqlite3.Error as error:
        trouble = error
    else:
        return
    raise JournalError(
        f"the rows cannot be kept in a temporary file while they are checked ({trouble}); nothing was planned. "
        "Make room, or name another folder for temporary files in SQLITE_TMPDIR"
    )
