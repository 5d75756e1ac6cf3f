"""Power loss, as system calls tell of it: whatever is sent, the disk knew of it before."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.lane import ROOT
from tests.crash.tracing import COMMAND, Disk, Sent, events
from tests.crash.world import rows, world

EXTERNAL = re.compile(rb'"external_task_id": ?"([^"]+)"')


@pytest.fixture
def strace() -> str:
    """The program; the test is skipped where it is missing, except where all is checked."""
    found = shutil.which("strace")
    if found is None:
        reason = "strace is not installed; Debian has it as the package strace"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


def known(disk: Disk, folder: Path, external: str) -> tuple[str, int] | None:
    """State and attempts of a task, had the power failed just now and come back."""
    folder.mkdir()
    disk.after_power_failure(folder)
    with closing(sqlite3.connect(folder / "batch.db")) as journal:
        found: tuple[str, int] | None = journal.execute(
            "SELECT state, attempts FROM task WHERE external_id = ?", (external,)
        ).fetchone()
        return found


@pytest.mark.strace
async def test_no_create_leaves_before_the_disk_knows_of_it(strace: str, tmp_path: Path) -> None:
    """If the power fails while the first byte of a POST leaves, the journal that is left says that it may have."""
    trace = tmp_path / "trace.txt"
    async with world(tmp_path) as it:
        it.plan(rows(2))
        command = [strace, *COMMAND[1:], "-o", str(trace)]
        process = await asyncio.create_subprocess_exec(
            *command, sys.executable, "-m", "tests.crash.zygote", it.order().to_line(), cwd=ROOT
        )
        code = await process.wait()

        assert 0 == code
        assert [] == it.wrong()
        assert {("submitting", 1)} == set(left := _at_each_post(trace, tmp_path))
        assert 2 == len(left)


def _at_each_post(trace: Path, home: Path) -> list[tuple[str, int] | None]:
    disk, left = Disk(), list[tuple[str, int] | None]()
    for event in events(trace.read_text(encoding="utf-8").splitlines()):
        disk.take(event)
        if isinstance(event, Sent) and event.data.startswith(b"POST ") and (found := EXTERNAL.search(event.data)):
            left.append(known(disk, home / f"after-{len(left)}", found[1].decode()))
    return left


PROGRAM = """
import socket, sqlite3, sys
journal = sqlite3.connect(sys.argv[1], isolation_level=None)
journal.execute("PRAGMA journal_mode = WAL")
journal.execute("PRAGMA synchronous = " + sys.argv[2])
journal.execute("CREATE TABLE task (external_id TEXT, state TEXT, attempts INTEGER)")
journal.execute("PRAGMA wal_checkpoint")
journal.execute("INSERT INTO task VALUES ('mine', 'submitting', 1)")
with socket.create_connection(("127.0.0.1", int(sys.argv[3]))) as line:
    line.sendall(b'POST /v1/images/generations HTTP/1.1\\r\\n\\r\\n{"external_task_id": "mine"}')
"""


@pytest.mark.strace
@pytest.mark.parametrize(("synchronous", "left"), [("FULL", ("submitting", 1)), ("NORMAL", None)])
async def test_the_trace_tells_who_syncs_from_who_does_not(
    strace: str, tmp_path: Path, synchronous: str, left: tuple[str, int] | None
) -> None:
    """The proof above is one: a journal that is told to be quicker loses its last entry."""

    async def served(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    trace, journal = tmp_path / "trace.txt", str(tmp_path / "batch.db")
    async with await asyncio.start_server(served, "127.0.0.1", 0) as server:
        port = str(server.sockets[0].getsockname()[1])
        command = [strace, *COMMAND[1:], "-o", str(trace), sys.executable, "-c", PROGRAM]
        process = await asyncio.create_subprocess_exec(*command, journal, synchronous, port)
        await process.wait()

    assert [left] == _at_each_post(trace, tmp_path)
