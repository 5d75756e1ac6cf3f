"""What is written into a journal of many tasks at once: manifests, new generations, and what happens to all alike."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from ..errors import JournalError, ManifestError, RowError
from .changes import EVENT, SOURCES, Transaction
from .items import Added, ItemError
from .queries import BatchRow, Planned, batches, external_id
from .states import BY_EVENT, Cause, State

_LISTED: Final = 10_000
"""Errors that are kept of a manifest."""


_ADOPT: Final = """
    UPDATE batch SET account = :account WHERE name = :name AND account <> :account AND NOT EXISTS (
        SELECT 1 FROM task WHERE batch_id = batch.id AND (state <> 'planned' OR task_id IS NOT NULL)
    )
"""
"""After wrong keys, with which nothing could be made, the right ones are those of the batch."""


def enter(it: Transaction, name: str, account: str, options: Mapping[str, Any]) -> BatchRow:
    """Make the batch of a name, or take it up; with another account only as long as none has made anything of it."""
    it.connection.execute(_ADOPT, {"account": account, "name": name})
    it.connection.execute(
        """
        INSERT INTO batch (name, account, options_json, created_ms) VALUES (?, ?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET options_json = excluded.options_json
        """,
        (name, account, json.dumps(options, sort_keys=True), it.now_ms),
    )
    (entered,) = (each for each in batches(it.connection) if each.name == name)
    if entered.account != account:
        raise JournalError(
            f"batch {name!r} was begun with account {entered.account!r}, and this is {account!r}: its tasks cannot be "
            f"asked for here. With keys of the same account, say account={entered.account!r} (--account on the command "
            f"line); for another account, choose another name (--name)"
        )
    return entered


_INSERT: Final = """
    INSERT INTO task (batch_id, custom_id, generation, external_id, endpoint, pool, kind_json, body_sha256, weight,
        estimate, priority, name, state, updated_ms)
    VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'planned', ?)
    ON CONFLICT DO NOTHING
"""


def plan(it: Transaction, into: BatchRow, rows: Callable[[], Iterator[Planned]]) -> Added:
    """All rows of a manifest, or none: those that are known stay as they are, unless they have changed."""
    execute = it.connection.execute
    new = known = wrong = 0
    errors: list[RowError] = []
    for row in rows():
        made = execute(_INSERT, _values(into, row, it.now_ms))
        if made.rowcount == 1:
            execute("INSERT INTO body VALUES (?, ?)", (made.lastrowid, row.body_json))
            new += 1
            continue
        error = _difference(it.connection, into, row)
        if error is None:
            known += 1
            continue
        wrong += 1
        if wrong <= _LISTED:
            errors.append(error)
    if errors:
        raise ManifestError(f"batch {into.name!r}", errors, count=wrong)
    it.marks.add("plan")
    it.writes += new
    return Added(new=new, known=known)


def _values(into: BatchRow, row: Planned, now_ms: int) -> tuple[Any, ...]:
    made = external_id(
        account=into.account,
        batch=into.name,
        custom_id=row.custom_id,
        generation=1,
        endpoint=row.endpoint,
        body_sha256=row.body_sha256,
    )
    return (
        into.id,
        row.custom_id,
        made,
        row.endpoint,
        row.pool,
        json.dumps(row.kind),
        row.body_sha256,
        row.weight,
        None if row.estimate is None else str(row.estimate),
        row.priority,
        row.name,
        now_ms,
    )


def _difference(connection: sqlite3.Connection, into: BatchRow, row: Planned) -> RowError | None:
    """What keeps a row from being the one that is there; None if it is that."""
    same = connection.execute(
        "SELECT endpoint, body_sha256 FROM task WHERE batch_id = ? AND custom_id = ? AND newest",
        (into.id, row.custom_id),
    ).fetchone()
    if same == (row.endpoint, row.body_sha256):
        return None
    if same is not None:
        rule = "must be as it was when it was planned; give changed tasks a new custom_id, or a batch of their own"
        field, value = ("body", None) if same[0] == row.endpoint else ("endpoint", row.endpoint)
        return RowError(row.where, row.custom_id, field, rule, value)
    (other,) = connection.execute(
        "SELECT custom_id FROM task WHERE batch_id = ? AND name = ?", (into.id, row.name)
    ).fetchone()
    rule = f"must not have the same files as {other!r} where upper and lower case are one"
    return RowError(row.where, row.custom_id, "custom_id", rule, row.custom_id)


def retry(it: Transaction, into: BatchRow, states: Collection[State], custom_ids: Collection[str] | None) -> int:
    """A new generation of tasks that ended, planned; what was made before stays as it is."""
    execute = it.connection.execute
    found = execute(
        """
        SELECT seq, custom_id, generation, endpoint, body_sha256, state FROM task
        WHERE batch_id = ? AND newest AND state IN (SELECT value FROM json_each(?))
            AND (? IS NULL OR custom_id IN (SELECT value FROM json_each(?))) ORDER BY seq
        """,
        (into.id, json.dumps([*states]), *(None if custom_ids is None else json.dumps([*custom_ids]),) * 2),
    ).fetchall()
    for seq, custom_id, generation, endpoint, body_sha256, state in found:
        made = external_id(
            account=into.account,
            batch=into.name,
            custom_id=custom_id,
            generation=generation + 1,
            endpoint=endpoint,
            body_sha256=body_sha256,
        )
        execute("UPDATE task SET newest = 0 WHERE seq = ?", (seq,))
        again = execute(
            """
            INSERT INTO task (batch_id, custom_id, generation, external_id, endpoint, pool, kind_json, body_sha256,
                weight, estimate, priority, name, state, updated_ms)
            SELECT batch_id, custom_id, generation + 1, ?, endpoint, pool, kind_json, body_sha256, weight, estimate,
                priority, name, 'planned', ? FROM task WHERE seq = ?
            """,
            (made, it.now_ms, seq),
        ).lastrowid
        execute("INSERT INTO body SELECT ?, json FROM body WHERE task_seq = ?", (again, seq))
        why = f"generation {generation} ended as {state}"
        execute(EVENT, (again, it.now_ms, "", Cause.RETRIED, State.PLANNED, why, None))
    it.writes += len(found)
    return len(found)


def recover(it: Transaction) -> int:
    """A process starts and finds nothing but doubt."""
    return _all(it, Cause.START, "batch_id = batch_id", (), None)


def cancel(it: Transaction, batch_id: int, custom_ids: Collection[str] | None, error: ItemError) -> int:
    """Nothing is sent of what was not sent yet."""
    if custom_ids is None:
        return _all(it, Cause.CANCELLED, "batch_id = ?", (batch_id,), error)
    named = "batch_id = ? AND custom_id IN (SELECT value FROM json_each(?))"
    return _all(it, Cause.CANCELLED, named, (batch_id, json.dumps([*custom_ids])), error)


def _all(it: Transaction, cause: Cause, where: str, values: tuple[Any, ...], error: ItemError | None) -> int:
    """One cause for all tasks that it can happen to."""
    (source,) = SOURCES[cause]
    target = BY_EVENT[source, cause].target
    it.connection.execute(
        f"""
        INSERT INTO event (task_seq, at_ms, from_state, cause, to_state, why)
        SELECT seq, ?, state, ?, ?, ? FROM task WHERE state = ? AND {where}
        """,  # noqa: S608 - our own words
        (it.now_ms, cause, target, None if error is None else error.message, source, *values),
    )
    told: tuple[Any, ...] = () if error is None else (error.type, error.message)
    columns = "" if error is None else ", error_type = ?, error_message = ?"
    changed = it.connection.execute(
        f"UPDATE task SET state = ?, updated_ms = ?{columns} WHERE state = ? AND {where}",  # noqa: S608
        (target, it.now_ms, *told, source, *values),
    ).rowcount
    it.writes += changed
    return changed
