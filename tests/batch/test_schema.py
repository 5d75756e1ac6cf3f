"""The tables themselves: what SQLite refuses whatever the code does, and how older files become newer ones."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kling_async.batch.journal import Journal, Reader
from kling_async.batch.schema import APPLICATION_ID, STEPS, Steps
from kling_async.batch.states import TRANSITIONS, Cause, State
from kling_async.errors import JournalError
from tests.batch.paper import entered, led, many, opened, rows

SECOND = ("ALTER TABLE batch ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'", "CREATE TABLE extra (one TEXT) STRICT")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A file with two tasks, of which the second is submitted."""
    async with await opened(tmp_path / "jobs.db") as journal:
        await journal.plan(await entered(journal), many(2))
        await led(journal, 2, State.SUBMITTED)
    return tmp_path / "jobs.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, for somebody who does not know the rules."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def test_the_file_says_what_it_is(connection: sqlite3.Connection) -> None:
    """What it is, of which version, and what may happen to tasks."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    moves = connection.execute("SELECT * FROM transition").fetchall()

    assert (APPLICATION_ID, len(STEPS)) == (application, version)
    assert sorted((each.source or "", each.cause, each.target) for each in TRANSITIONS) == sorted(moves)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE task SET state = 'done' WHERE seq = 1", "no such transition"),
        ("UPDATE task SET state = 'planned' WHERE seq = 2", "no such transition"),
        ("UPDATE task SET state = 'finished' WHERE seq = 1", "no such transition"),
        ("UPDATE task SET state = 'submitting' WHERE seq = 1", "CHECK constraint failed: attempts > 0"),
        ("UPDATE task SET task_id = NULL WHERE seq = 2", "CHECK constraint failed: task_id IS NOT NULL"),
        ("UPDATE task SET task_id = 't2' WHERE seq = 1", "UNIQUE constraint failed: task.task_id"),
        ("UPDATE task SET attempts = 'many' WHERE seq = 1", "cannot store TEXT value in INTEGER column"),
        ("UPDATE task SET newest = 2 WHERE seq = 1", "CHECK constraint failed: newest"),
        ("UPDATE task SET custom_id = 'c2' WHERE seq = 1", "UNIQUE constraint failed: task.batch_id, task.custom_id"),
        ("UPDATE task SET name = 'C2' WHERE seq = 1", "UNIQUE constraint failed: task.batch_id, task.name"),
        (
            "UPDATE task SET external_id = (SELECT external_id FROM task WHERE seq = 2) WHERE seq = 1",
            "UNIQUE constraint failed: task.external_id",
        ),
        (
            "INSERT INTO event (task_seq, at_ms, from_state, cause, to_state) VALUES (1, 0, 'held', 'start', 'done')",
            "FOREIGN KEY constraint failed",
        ),
        (
            "INSERT INTO event (task_seq, at_ms, from_state, cause, to_state) VALUES (9, 0, '', 'retried', 'planned')",
            "FOREIGN KEY constraint failed",
        ),
        (
            "INSERT INTO artifact (task_seq, idx, kind, url) VALUES (9, 0, 'image', 'u')",
            "FOREIGN KEY constraint failed",
        ),
        ("INSERT INTO artifact (task_seq, idx, kind, url) VALUES (1, 0, 'book', 'u')", "CHECK constraint failed: kind"),
        (
            "INSERT INTO artifact (task_seq, idx, kind, url, state) VALUES (1, 0, 'image', 'u', 'stored')",
            "CHECK constraint failed: state <> 'stored'",
        ),
        ("INSERT INTO batch (name, account, options_json, created_ms) VALUES ('launch', 'b', '', 0)", "batch.name"),
        ("INSERT INTO owner VALUES (2, 7)", "CHECK constraint failed: one = 1"),
    ],
)
def test_what_must_never_be_is_refused_by_the_file(connection: sqlite3.Connection, sql: str, words: str) -> None:
    """A mistake in the code cannot write it."""
    with pytest.raises(sqlite3.IntegrityError) as raised:
        connection.execute(sql)

    assert words in str(raised.value)


@pytest.mark.parametrize("source", State)
def test_every_move_of_the_table_and_no_other_is_taken(connection: sqlite3.Connection, source: State) -> None:
    """The file knows what leads where as well as the code does."""
    connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM task WHERE seq = 1")
    connection.execute("UPDATE kept SET state = ?, attempts = 1, first_sent_ms = 1, task_id = 't1'", (source,))
    connection.execute("DELETE FROM body WHERE task_seq = 1")
    taken = set[State]()

    for target in State:
        connection.execute("DELETE FROM task WHERE seq = 1")
        connection.execute("INSERT INTO task SELECT * FROM kept")
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute("UPDATE task SET state = ? WHERE seq = 1", (target,))
            taken.add(target)

    assert {each.target for each in TRANSITIONS if each.source is source} | {source} == taken


@pytest.mark.parametrize("steps", [STEPS, (*STEPS, SECOND)], ids=["one step", "two steps"])
async def test_an_empty_file_becomes_a_journal(tmp_path: Path, steps: Steps) -> None:
    """A file that was made and not written before a crash is taken for what it was to be, by all steps at once."""
    path = tmp_path / "jobs.db"
    path.touch(mode=0o600)

    for _ in range(2):
        async with await opened(path, steps=steps) as journal:
            await entered(journal)

    assert [(len(steps),)] == rows(path, "PRAGMA user_version")


async def test_an_older_file_is_brought_up_with_all_that_is_in_it(path: Path) -> None:
    """Opening it to write takes the steps that it lacks, once."""
    async with await opened(path, steps=(*STEPS, SECOND)) as journal:
        batch = await entered(journal)
        submitted = await journal.newest(batch, "c2")
        assert State.SUBMITTING is await journal.step(1, Cause.SLOT_GRANTED)
    async with await opened(path, steps=(*STEPS, SECOND)):
        pass

    assert submitted is not None
    assert State.SUBMITTED is submitted.state
    assert [("red",)] == rows(path, "SELECT colour FROM batch")
    assert [(len(STEPS) + 1,)] == rows(path, "PRAGMA user_version")


async def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """Half a migration is none: the file is still of its version, and can be used by it."""
    before = rows(path, "SELECT name, sql FROM sqlite_schema ORDER BY name")

    with pytest.raises(JournalError, match=r"jobs\.db: .*no such table: nonsense"):
        await opened(path, steps=(*STEPS, (*SECOND, "DELETE FROM nonsense")))

    assert before == rows(path, "SELECT name, sql FROM sqlite_schema ORDER BY name")
    async with await opened(path) as journal:
        assert State.SUBMITTING is await journal.step(1, Cause.SLOT_GRANTED)


async def test_a_newer_file_is_left_alone(path: Path) -> None:
    """Neither the owner nor a reader guesses what it means; the message says what to do."""
    async with await opened(path, steps=(*STEPS, SECOND)):
        pass
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"newer version of kling_async \(journal version 2, here 1\); upgrade"):
        await opened(path)
    with pytest.raises(JournalError, match="newer version of kling_async"):
        Reader.open(path)

    assert before == path.read_bytes()


async def test_a_reader_leaves_an_older_file_to_its_owner(path: Path) -> None:
    """Who only looks changes nothing, and says how to go on."""
    with pytest.raises(JournalError, match=r"older version \(1, now 2\); resume the batch"):
        Reader.open(path, steps=(*STEPS, SECOND))

    assert [(1,)] == rows(path, "PRAGMA user_version")


async def test_a_file_learns_what_may_happen_from_its_owner(path: Path) -> None:
    """A transition that a later release knows needs no new version of the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM transition WHERE cause = 'slot_granted'")

    async with await opened(path) as journal:
        state = await journal.step(1, Cause.SLOT_GRANTED)

    assert State.SUBMITTING is state


def test_steps_are_only_ever_added() -> None:
    """What files in the world are made of does not change under them: a new step comes behind these."""
    digests = [hashlib.sha256("\n".join(step).encode()).hexdigest()[:16] for step in STEPS]

    assert ["cdbac0eef76dde2f"] == digests


async def test_commits_wait_for_the_disk(path: Path) -> None:
    """The settings on which all promises rest are in force on the connection that writes."""

    def settings(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "fullfsync", "checkpoint_fullfsync")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    async with await Journal.open(path, now_ms=lambda: 0) as journal:
        told = await journal.read(settings)

    assert ["wal", 2, 1, 1, 1] == told
