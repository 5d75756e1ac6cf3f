"""The tables of a journal, as SQL, and how a file of an older version becomes one of this. Data and two functions.

What must never be is ruled out here as well as in the code: states and what leads where are constraints.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, TypeAlias

from .states import TRANSITIONS, State

Steps: TypeAlias = Sequence[Sequence[str]]
"""What leads from version n to n + 1, by n. Steps are added at the end and never changed."""

APPLICATION_ID: Final = 0x6B6C6A31  # "klj1"

WAL: Final = "PRAGMA journal_mode = WAL"
SETTINGS: Final = (
    WAL,
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # only macOS knows the difference
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_size_limit = 67108864",  # after the one big commit of a manifest
)


def _words(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_MADE: Final = _words([State.SUBMITTED, State.SUCCEEDED, State.DONE, State.FAILED, State.LOST])
"""States of tasks that the vendor gave an id."""
_SENT: Final = _words([State.SUBMITTING, State.UNKNOWN, State.HELD])

_V1: Final = (
    """
    CREATE TABLE batch (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        options_json TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT
    """,
    f"""
    CREATE TABLE task (
        seq INTEGER PRIMARY KEY,
        batch_id INTEGER NOT NULL REFERENCES batch (id),
        custom_id TEXT NOT NULL,
        generation INTEGER NOT NULL CHECK (generation >= 1),
        newest INTEGER NOT NULL DEFAULT 1 CHECK (newest IN (0, 1)),
        external_id TEXT NOT NULL UNIQUE,
        endpoint TEXT NOT NULL,
        pool TEXT NOT NULL,
        kind_json TEXT NOT NULL,
        body_sha256 TEXT NOT NULL,
        weight INTEGER NOT NULL CHECK (weight >= 0),
        estimate TEXT,
        priority INTEGER NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        state TEXT NOT NULL CHECK (state IN ({_words([*State])})),
        attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
        first_sent_ms INTEGER,
        task_id TEXT UNIQUE,
        misses INTEGER NOT NULL DEFAULT 0,
        next_check_ms INTEGER,
        units TEXT,
        error_type TEXT,
        error_message TEXT,
        error_code INTEGER,
        error_request_id TEXT,
        updated_ms INTEGER NOT NULL,
        UNIQUE (batch_id, custom_id, generation),
        UNIQUE (batch_id, name, generation),
        CHECK (task_id IS NOT NULL OR state NOT IN ({_MADE})),
        CHECK (attempts > 0 AND first_sent_ms IS NOT NULL OR state NOT IN ({_MADE}, {_SENT}))
    ) STRICT
    """,
    # In the order in which they are to be sent; empty when nothing is left to send.
    f"""
    CREATE INDEX task_planned ON task (batch_id, pool, priority DESC, seq) WHERE state = '{State.PLANNED}'
    """,
    # Beside the tasks, whose rows change often and are the smaller for it.
    "CREATE TABLE body (task_seq INTEGER PRIMARY KEY REFERENCES task (seq), json TEXT NOT NULL) STRICT",
    "CREATE TABLE answer (task_seq INTEGER PRIMARY KEY REFERENCES task (seq), json TEXT NOT NULL) STRICT",
    """
    CREATE TABLE artifact (
        task_seq INTEGER NOT NULL REFERENCES task (seq),
        idx INTEGER NOT NULL CHECK (idx >= 0),
        kind TEXT NOT NULL CHECK (kind IN ('image', 'video', 'audio')),
        url TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'stored', 'expired')),
        path TEXT,
        bytes INTEGER,
        sha256 TEXT,
        expires_ms INTEGER,
        PRIMARY KEY (task_seq, idx),
        CHECK (state <> 'stored' OR path IS NOT NULL AND bytes IS NOT NULL AND sha256 IS NOT NULL)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE transition (
        source TEXT NOT NULL,
        cause TEXT NOT NULL,
        target TEXT NOT NULL,
        PRIMARY KEY (source, cause, target)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        task_seq INTEGER NOT NULL REFERENCES task (seq),
        at_ms INTEGER NOT NULL,
        from_state TEXT NOT NULL,
        cause TEXT NOT NULL,
        to_state TEXT NOT NULL,
        why TEXT,
        request_id TEXT,
        FOREIGN KEY (from_state, cause, to_state) REFERENCES transition (source, cause, target)
    ) STRICT
    """,
    """
    CREATE TRIGGER task_moves BEFORE UPDATE OF state ON task
    WHEN NEW.state <> OLD.state
        AND NOT EXISTS (SELECT 1 FROM transition WHERE source = OLD.state AND target = NEW.state)
    BEGIN
        SELECT RAISE(ABORT, 'no such transition');
    END
    """,
    "CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER NOT NULL) STRICT",
)

STEPS: Final[Steps] = (_V1,)

_MOVES: Final = ", ".join(f"('{each.source or ''}', '{each.cause}', '{each.target}')" for each in TRANSITIONS)


def settle(connection: sqlite3.Connection, pid: int) -> None:
    """What an owner begins with: what may happen to a task is the business of this version, not of the file's."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"INSERT OR IGNORE INTO transition VALUES {_MOVES}")  # noqa: S608 - our own words
    connection.execute("INSERT OR REPLACE INTO owner (one, pid) VALUES (1, ?)", (pid,))
    connection.execute("COMMIT")


def migrate(connection: sqlite3.Connection, version: int, steps: Steps = STEPS) -> None:
    """Bring the tables from a version to the newest: all of it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in steps[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
