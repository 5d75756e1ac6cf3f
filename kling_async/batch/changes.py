"""What is written into a journal: SQL as functions of a transaction, for the one thread that writes.

A change compares and sets: it finds a task in the state that the table of transitions demands, or raises and has
changed nothing. Each leaves its line in the audit, but for what changes no state and is found out again anyhow, and for
rows of a manifest, of which the task itself is the trace.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, TypedDict

import attrs

from .items import Artifact, ItemError, writable
from .states import BY_EVENT, TRANSITIONS, Cause, IllegalTransition, State

MARKS: Final[Mapping[Cause, str]] = {
    Cause.MANIFEST_ROW: "plan",
    Cause.SLOT_GRANTED: "intent",
    Cause.ABSENT: "intent",
    Cause.ACCEPTED: "accepted",
    Cause.FOUND: "accepted",
    Cause.SUCCEED: "final",
    Cause.FAIL: "final",
    Cause.STORED: "done",
    Cause.EXPIRED: "done",
}
"""Crash points around the commit of a change."""

SOURCES: Final[Mapping[Cause, tuple[State, ...]]] = {
    cause: tuple(each.source for each in TRANSITIONS if each.cause is cause and each.source is not None)
    for cause in Cause
}
_POSTS: Final = frozenset({Cause.SLOT_GRANTED, Cause.ABSENT})


class Fields(TypedDict, total=False):
    """What can be told together with a step."""

    task_id: str
    attempts: bool
    """Whether it is sent once more; always so with the causes that send."""
    first_sent_ms: int
    """Kept as it is where there is one; the time of the step if it is not given."""
    misses: int
    next_check_ms: int | None
    units: Decimal | None
    error: ItemError | None
    answer: str
    """What the vendor said in the end, as JSON."""
    artifacts: Sequence[Artifact]
    why: str | None
    """For the audit, as `request_id`."""
    request_id: str | None


@attrs.define(eq=False)
class Transaction:
    """What one commit is made of."""

    connection: sqlite3.Connection
    now_ms: int
    marks: set[str] = attrs.field(factory=set[str], init=False)
    writes: int = attrs.field(default=0, init=False)


EVENT: Final = """
    INSERT INTO event (task_seq, at_ms, from_state, cause, to_state, why, request_id) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_COLUMNS: Final[Mapping[str, str]] = {
    "task_id": "task_id = ?",
    "attempts": "attempts = attempts + 1",
    "first_sent_ms": "first_sent_ms = coalesce(first_sent_ms, ?)",
    "misses": "misses = ?",
    "next_check_ms": "next_check_ms = ?",
    "units": "units = ?",
    "error": "error_type = ?, error_message = ?, error_code = ?, error_request_id = ?",
}


_ENCODED: Final[Mapping[str, Callable[[Any], tuple[Any, ...]]]] = {
    **dict.fromkeys(("task_id", "first_sent_ms", "misses", "next_check_ms"), lambda value: (value,)),
    "attempts": lambda _: (),
    "units": lambda units: (None if units is None else str(units),),
    "error": lambda error: (None,) * 4 if error is None else (error.type, error.message, error.code, error.request_id),
}


@cache
def _update(columns: tuple[str, ...]) -> str:
    told = "".join(f", {_COLUMNS[column]}" for column in columns)
    return f"UPDATE task SET state = ?, updated_ms = ?{told} WHERE seq = ? AND state = ?"  # noqa: S608 - our own words


def step(it: Transaction, seq: int, cause: Cause, fields: Fields) -> State:
    """One line of the table of transitions happens to a task."""
    sources = SOURCES[cause]
    source = sources[0] if len(sources) == 1 else _state(it.connection, seq)
    known = BY_EVENT.get((source, cause))
    if known is None:
        raise _illegal(it.connection, seq, cause)
    columns, values = _told(it, cause, fields)
    execute = it.connection.execute
    if execute(_update(columns), (known.target, it.now_ms, *values, seq, source)).rowcount != 1:
        raise _illegal(it.connection, seq, cause)
    if known.durable or known.target is not source:
        told = (None if text is None else writable(text) for text in (fields.get("why"), fields.get("request_id")))
        execute(EVENT, (seq, it.now_ms, source, cause, known.target, *told))
    if "answer" in fields:
        execute("INSERT OR REPLACE INTO answer VALUES (?, ?)", (seq, fields["answer"]))
    if "artifacts" in fields:
        put(it, seq, fields["artifacts"])
    mark = MARKS.get(cause)
    if mark is not None:
        it.marks.add(mark)
    it.writes += 1
    return known.target


def _told(it: Transaction, cause: Cause, fields: Fields) -> tuple[tuple[str, ...], list[Any]]:
    """Columns that change with a step, and their values."""
    columns: tuple[str, ...] = ()
    values: list[Any] = []
    if cause in _POSTS:
        columns = ("attempts", "first_sent_ms")
        values.append(fields.get("first_sent_ms", it.now_ms))
    for name, value in fields.items():
        encode = _ENCODED.get(name)
        if encode is None or name in columns or (name == "attempts" and not value):
            continue
        columns += (name,)
        values += encode(value)
    return columns, values


_WAITING_OR_HERE: Final = """
    UPDATE artifact SET {}
    WHERE task_seq = ? AND idx = ? AND (SELECT state FROM task WHERE seq = task_seq) = 'succeeded'
"""


def put(it: Transaction, seq: int, artifacts: Iterable[Artifact]) -> None:
    """The files of a result; of those that were known before, only where they can be had now."""
    it.connection.executemany(
        """
        INSERT INTO artifact (task_seq, idx, kind, url, state, expires_ms) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (task_seq, idx) DO UPDATE SET url = excluded.url, expires_ms = excluded.expires_ms
        """,
        [(seq, each.idx, each.kind, each.url, each.state, each.expires_ms) for each in artifacts],
    )


def stored(it: Transaction, seq: int, idx: int, *, path: Path, size: int, sha256: str) -> State | None:
    """A file is on disk; the task is done if it was the last."""
    _artifact(it, seq, idx, "state = 'stored', path = ?, bytes = ?, sha256 = ?", (str(path), size, sha256))
    return _last(it, seq, {})


def expired(it: Transaction, seq: int, idx: int, error: ItemError) -> State | None:
    """A file cannot be had any more; the task is done if it was the last, and says in any case what is missing."""
    _artifact(it, seq, idx, "state = 'expired'", ())
    it.connection.execute(
        "UPDATE task SET error_type = ?, error_message = ?, error_code = ?, error_request_id = ? WHERE seq = ?",
        (error.type, error.message, error.code, error.request_id, seq),
    )
    return _last(it, seq, {"why": error.message})


def relinked(it: Transaction, seq: int, idx: int, url: str, expires_ms: int | None) -> None:
    """A file can be had by another link."""
    _artifact(it, seq, idx, "url = ?, expires_ms = ?", (url, expires_ms))


def _artifact(it: Transaction, seq: int, idx: int, columns: str, values: tuple[Any, ...]) -> None:
    if it.connection.execute(_WAITING_OR_HERE.format(columns), (*values, seq, idx)).rowcount != 1:
        raise IllegalTransition(f"task {seq} has no file {idx} to be stored")
    it.writes += 1


def _last(it: Transaction, seq: int, fields: Fields) -> State | None:
    states = [state for (state,) in it.connection.execute("SELECT state FROM artifact WHERE task_seq = ?", (seq,))]
    if "waiting" in states:
        return None
    return step(it, seq, Cause.EXPIRED if "expired" in states else Cause.STORED, fields)


def _state(connection: sqlite3.Connection, seq: int) -> State | None:
    row = connection.execute("SELECT state FROM task WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else State(row[0])


def _illegal(connection: sqlite3.Connection, seq: int, cause: Cause) -> IllegalTransition:
    return IllegalTransition(f"{cause} cannot happen to task {seq}, which is {_state(connection, seq) or 'not there'}")
