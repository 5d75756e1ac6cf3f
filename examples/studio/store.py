"""Every task the studio ever started, in SQLite: what the page shows, whichever worker serves it.

Each change gives a task the next version, so that whoever knows all up to some version asks for what came after. A task
under way is leased to the worker that follows it; another takes it over when the lease has run out.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")

LEASE: Final = 6.0
"""Seconds."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    external_task_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL,
    options TEXT NOT NULL,
    created REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    ref TEXT,
    message TEXT NOT NULL DEFAULT '',
    units TEXT,
    expected REAL,
    ended REAL,
    files TEXT NOT NULL DEFAULT '[]',
    leased REAL NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS tasks_by_version ON tasks (version);
CREATE INDEX IF NOT EXISTS tasks_under_way ON tasks (leased) WHERE state NOT IN ('done', 'failed');
"""
_ADD: Final = """
INSERT INTO tasks (external_task_id, kind, prompt, options, created, leased, version)
VALUES (
    :external_task_id, :kind, :prompt, :options, :created, :leased,
    (SELECT coalesce(max(version), 0) + 1 FROM tasks)
)
RETURNING *
"""
_CHANGE: Final = "UPDATE tasks SET {}, version = (SELECT max(version) + 1 FROM tasks) WHERE id = :id"
_ADOPT: Final = """
UPDATE tasks SET leased = ? WHERE state NOT IN ('done', 'failed') AND leased < ? RETURNING *
"""

Row: TypeAlias = dict[str, Any]
Values: TypeAlias = tuple[object, ...] | Mapping[str, object]


class Store:
    """One connection, in a thread of its own. Any number of processes may have one to the same file."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, "studio-store")
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Open the file, and make it if need be."""
        await self._run(self._open)

    async def close(self) -> None:
        """Close the file."""
        await self._run(lambda connection: connection.close())
        self._thread.shutdown()

    async def add(self, row: Mapping[str, object]) -> Row:
        """A new task, leased to this worker."""
        return (await self._written(_ADD, row))[0]

    async def change(self, task: int, **fields: object) -> None:
        """Something new about a task."""
        names = ", ".join(f"{name} = :{name}" for name in fields)
        await self._written(_CHANGE.format(names), {**fields, "id": task})

    async def newest(self, limit: int, before: int | None) -> list[Row]:
        """The newest tasks, or those that are older than one."""
        return await self._read("SELECT * FROM tasks WHERE id < ? ORDER BY id DESC LIMIT ?", (before or 2**62, limit))

    async def after(self, version: int) -> list[Row]:
        """What has changed since a version."""
        return await self._read("SELECT * FROM tasks WHERE version > ? ORDER BY version LIMIT 200", (version,))

    async def news(self, seconds: float) -> None:
        """Wait until this worker has written something, and so long at most: others write, too."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass  # the usual case

    async def renew(self, tasks: Collection[int], until: float) -> None:
        """Keep tasks for longer, or give them back: nobody sees that as a change."""
        sql = "UPDATE tasks SET leased = ? WHERE id IN (SELECT value FROM json_each(?))"
        await self._written(sql, (until, json.dumps(list(tasks))), told=False)

    async def adopt(self, now: float, until: float) -> list[Row]:
        """Lease those under way that nobody follows any more."""
        return await self._written(_ADOPT, (until, now), told=False)

    async def _written(self, sql: str, values: Values, *, told: bool = True) -> list[Row]:
        rows = await self._read(sql, values)
        if told:
            self._changed.set()
            self._changed = asyncio.Event()
        return rows

    async def _read(self, sql: str, values: Values) -> list[Row]:
        return await self._run(lambda connection: [dict(row) for row in connection.execute(sql, values)])

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._connected()))

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            # Each statement is a transaction of its own.
            self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
            self._connection.row_factory = sqlite3.Row
        return self._connection

    def _open(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)


def shown(row: Row) -> Row:
    """A task as the page gets it."""
    shown = {name: value for name, value in row.items() if name not in {"leased", "ref", "external_task_id"}}
    return {**shown, "options": json.loads(row["options"]), "files": json.loads(row["files"])}
