"""Who may open a journal, where one may lie, and who may look into it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from kling_async.batch.journal import Journal, Reader
from kling_async.batch.states import Cause, State
from kling_async.batch.store import configure
from kling_async.errors import JournalError
from tests.batch.paper import entered, led, many, opened

OWNER = """
import asyncio, sys
from kling_async.batch.journal import Journal
from tests.batch.paper import entered, led, many
from kling_async.batch.states import State

async def main():
    journal = await Journal.open(sys.argv[1], now_ms=lambda: 1)
    batch = await entered(journal)
    await journal.plan(batch, many(100))
    for seq in range(1, 41):
        await led(journal, seq, State.SUBMITTED)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def another_owner(path: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process that owns a journal, with forty tasks submitted and nothing checkpointed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, path, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    try:
        assert b"ready\n" == await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    """Sets what new files are not allowed, until the test is over."""
    before = os.umask(0)
    yield lambda mask: (os.umask(mask), None)[1]
    os.umask(before)


@pytest.fixture
def somebody() -> Iterator[Path]:
    """A directory of an ordinary user, whom the tests are run by meanwhile: root may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nobody, root = 65534, os.geteuid() == 0
        if root:
            os.chown(folder, nobody, -1)
            os.seteuid(nobody)
        yield folder
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are a thing of POSIX")
@pytest.mark.parametrize("mask", [0, 0o027, 0o077], ids=oct)
async def test_only_the_owner_may_read_a_journal(tmp_path: Path, umask: Callable[[int], None], mask: int) -> None:
    """Links are as good as keys: the file and all beside it are closed to others, whatever the umask."""
    umask(mask)
    async with await opened(tmp_path / "jobs.db") as journal:
        await entered(journal)

        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}

    assert {"jobs.db": 0o600, "jobs.db-wal": 0o600, "jobs.db-shm": 0o600, "jobs.db.lock": 0o600} == modes


async def test_a_second_owner_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    """At once, with the number of the process to look at."""
    path = tmp_path / "jobs.db"
    async with another_owner(path) as process:
        began = asyncio.get_running_loop().time()

        with pytest.raises(JournalError, match=rf"jobs\.db is in use by process {process.pid}; wait for its end"):
            await opened(path)

        assert asyncio.get_running_loop().time() - began < 2


async def test_an_owner_that_has_not_said_who_it_is_is_an_owner(tmp_path: Path) -> None:
    """Between taking the lock and writing its number there is a moment."""
    lock = FileLock(tmp_path / "jobs.db.lock")

    with lock, pytest.raises(JournalError, match=r"jobs\.db is in use by another process; wait for its end"):
        await opened(tmp_path / "jobs.db")

    assert not (tmp_path / "jobs.db").exists()


async def test_a_second_owner_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    """Two batches of one program cannot write one file."""
    async with await opened(tmp_path / "jobs.db") as journal:
        batch = await entered(journal)
        await journal.plan(batch, many(1))

        with pytest.raises(JournalError, match=f"in use by process {os.getpid()}"):
            await opened(tmp_path / "jobs.db")

        assert State.SUBMITTING is await journal.step(1, Cause.SLOT_GRANTED)


@pytest.mark.skipif(sys.platform == "win32", reason="links are for the privileged there")
async def test_a_second_name_makes_no_second_owner(tmp_path: Path) -> None:
    """A link to a journal is that journal."""
    (tmp_path / "link.db").symlink_to("jobs.db")

    async with await opened(tmp_path / "jobs.db") as journal:
        await entered(journal)
        with pytest.raises(JournalError, match=r"jobs\.db is in use by process"):
            await opened(tmp_path / "link.db")
        with Reader.open(tmp_path / "link.db") as reader:
            owner = reader.owner()

    assert os.getpid() == owner


@pytest.mark.skipif(sys.platform == "win32", reason="a file in use cannot be moved there")
@pytest.mark.parametrize("meanwhile", ["deleted", "moved", "replaced"])
async def test_a_file_that_went_away_is_not_written(tmp_path: Path, meanwhile: str) -> None:
    """What was written would be lost with it, and paid again: it is told, and nothing is sent on its word."""
    path = tmp_path / "jobs.db"
    async with await opened(path) as journal:
        await journal.plan(await entered(journal), many(2))
        if meanwhile == "deleted":
            path.unlink()
        else:
            path.rename(tmp_path / "other.db")
        if meanwhile == "replaced":
            path.touch()

        with pytest.raises(JournalError, match=r"jobs\.db was moved or deleted while it was in use.*; put it back"):
            await journal.step(1, Cause.SLOT_GRANTED)
        with pytest.raises(JournalError, match="was moved or deleted"):
            await journal.step(2, Cause.SLOT_GRANTED)


def test_a_file_system_without_shared_memory_is_refused(tmp_path: Path) -> None:
    """A journal that SQLite quietly keeps in another way would not do what it promises."""
    path = tmp_path / "jobs.db"
    connection = sqlite3.connect(f"file:{path}?vfs=unix-none", uri=True, isolation_level=None)

    with (
        contextlib.closing(connection),
        pytest.raises(JournalError, match="no memory to share; name a file on another"),
    ):
        configure(connection, path)


async def test_a_killed_owner_leaves_the_file_to_the_next(tmp_path: Path) -> None:
    """The kernel gives the lock back, and all that was told is there."""
    path = tmp_path / "jobs.db"
    async with another_owner(path) as process:
        process.send_signal(signal.SIGKILL)
        await process.wait()

        async with await opened(path) as journal:
            submitted = await journal.unfinished(await entered(journal), [State.SUBMITTED])

    assert 40 == len(submitted)


async def test_a_reader_sees_all_that_a_killed_owner_was_told(tmp_path: Path) -> None:
    """What is only in the write-ahead log counts as well, the reader takes nothing of it away, and says who owns it."""
    path = tmp_path / "jobs.db"
    async with another_owner(path) as process:
        with Reader.open(path) as reader:
            owner = reader.owner()
        process.send_signal(signal.SIGKILL)
        await process.wait()
        seen: list[tuple[int, int | None]] = []
        for _ in range(2):
            with Reader.open(path) as reader:
                (batch,) = reader.batches()
                seen.append((len(reader.items(batch, states=[State.SUBMITTED])), reader.owner()))

    assert process.pid == owner
    assert [(40, None), (40, None)] == seen


async def test_looking_for_the_owner_stops_nobody_from_becoming_it(tmp_path: Path) -> None:
    """Whoever looks takes the lock for a moment, which an owner-to-be waits out."""
    looks = FileLock(tmp_path / "jobs.db.lock")
    looks.acquire()

    opening = asyncio.create_task(opened(tmp_path / "jobs.db"))
    await asyncio.sleep(0.05)
    looks.release()

    async with await opening as journal:
        assert 1 == (await entered(journal)).id


async def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    """A text, and the database of another program: both are named and not touched."""
    text, other = tmp_path / "prompts.jsonl", tmp_path / "other.db"
    text.write_text('{"custom_id": "fox"}\n' * 1000)
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (a)")
    before = text.read_bytes(), other.read_bytes()

    for path in (text, other):
        with pytest.raises(JournalError, match=f"{path.name}.* is not a journal of kling_async; name another file"):
            await opened(path)
        with pytest.raises(JournalError, match=f"{path.name}.* is not a journal of kling_async"):
            Reader.open(path)

    assert before == (text.read_bytes(), other.read_bytes())


@pytest.mark.parametrize("harm", ["torn off", "overwritten"])
async def test_a_damaged_file_is_refused(tmp_path: Path, harm: str) -> None:
    """Nothing is sent on the word of a file that is not whole; the message says what is left to do."""
    path = tmp_path / "jobs.db"
    async with await opened(path) as journal:
        await journal.plan(await entered(journal), many(500))
    content = path.read_bytes()
    path.write_bytes(
        content[: len(content) // 2] if harm == "torn off" else content[:8192] + bytes(8192) + content[16384:]
    )

    with pytest.raises(JournalError, match=r"jobs\.db: it is damaged; put back a copy"):
        await opened(path)


async def test_a_journal_needs_a_directory(tmp_path: Path) -> None:
    """None is made on the way, since a path may be mistyped."""
    with pytest.raises(JournalError, match=r"there is no directory .*nowhere; make it first"):
        await opened(tmp_path / "nowhere" / "jobs.db")
    with pytest.raises(JournalError, match="is a directory; name a file"):
        await opened(tmp_path)

    assert [] == list(tmp_path.iterdir())


async def test_a_reader_needs_a_file(tmp_path: Path) -> None:
    """Looking makes no file."""
    with pytest.raises(JournalError, match=r"jobs\.db: there is no such file; name the journal of a batch"):
        Reader.open(tmp_path / "jobs.db")
    with pytest.raises(JournalError, match="is a directory; name a file"):
        Reader.open(tmp_path)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="modes are a thing of POSIX")
async def test_a_read_only_directory_is_refused(somebody: Path) -> None:
    """Before anything is made in it."""
    somebody.chmod(0o500)

    with pytest.raises(JournalError, match=r"jobs\.db cannot be written \(Permission denied\); choose another place"):
        await opened(somebody / "jobs.db")

    assert [] == list(somebody.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="modes are a thing of POSIX")
@pytest.mark.parametrize("closed", ["file", "directory"])
async def test_a_journal_that_cannot_be_written_is_refused_and_can_be_read(somebody: Path, closed: str) -> None:
    """Say of an archive: results can be listed from it, and nothing can be sent."""
    path = somebody / "jobs.db"
    async with await opened(path) as journal:
        await journal.plan(await entered(journal), many(3))
    path.with_name("jobs.db.lock").unlink()
    if closed == "file":
        path.chmod(0o400)
    else:
        somebody.chmod(0o500)

    with pytest.raises(JournalError, match=r"jobs\.db cannot be written.*; (make it writable|choose another place)"):
        await opened(path)
    with Reader.open(path) as reader:
        items = reader.items(reader.batches()[0])

    assert 3 == len(items)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are a thing of POSIX")
async def test_a_journal_in_a_read_only_directory_that_was_not_closed_is_not_half_read(somebody: Path) -> None:
    """What is in its write-ahead log would be missed; better to say so than to show what is not true any more."""
    path = somebody / "jobs.db"
    async with await opened(path) as journal:
        await journal.plan(await entered(journal), many(3))
        log = path.with_name("jobs.db-wal").read_bytes()
    path.with_name("jobs.db-wal").write_bytes(log)
    somebody.chmod(0o500)

    with pytest.raises(JournalError, match=r"jobs\.db: it cannot be opened; its directory must be writable"):
        Reader.open(path)


@pytest.mark.parametrize(
    ("kind", "refused"),
    [("nfs4", True), ("cifs", True), ("9p", True), ("fuse.sshfs", True), ("ext4", False), ("fuse.gocryptfs", False)],
)
async def test_a_network_file_system_is_refused(tmp_path: Path, kind: str, refused: bool) -> None:  # noqa: FBT001
    """Locks and shared memory do not work over a network; the kind is named. Disks of this machine are taken."""
    place = tmp_path / "my share"
    place.mkdir()
    mounts = tmp_path / "mountinfo"
    escaped = str(place).replace(" ", r"\040")
    mounts.write_text(
        f"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        f"31 27 0:40 / {escaped} rw,relatime shared:5 - {kind} server:/home rw\n"
        f"32 27 0:41 / {escaped[:-1]} rw,relatime - nfs server:/other rw\n"
    )

    if not refused:
        async with await opened(place / "jobs.db", mounts=mounts):
            return
    with pytest.raises(JournalError, match=rf"is on a network file system \({kind}\).*name a file on a disk"):
        await opened(place / "jobs.db", mounts=mounts)

    assert [] == list(place.iterdir())


async def test_the_file_system_that_is_seen_counts(tmp_path: Path) -> None:
    """Of two on one place the later one hides the other; one with a name that begins like ours is another place."""
    mounts = tmp_path / "mountinfo"
    lines = [(tmp_path, "nfs"), (tmp_path, "ext4"), (tmp_path / "my", "nfs")]
    mounts.write_text("".join(f"1 0 0:1 / {point} rw - {kind} a:/ rw\n" for point, kind in lines) + "nonsense\n")
    (tmp_path / "mine").mkdir()

    async with await opened(tmp_path / "mine" / "jobs.db", mounts=mounts) as journal:
        assert 1 == (await entered(journal)).id


async def test_where_file_systems_cannot_be_told_none_is_refused(tmp_path: Path) -> None:
    """As on systems without such a list."""
    async with await opened(tmp_path / "jobs.db", mounts=tmp_path / "none") as journal:
        assert 1 == (await entered(journal)).id


async def test_opening_that_is_given_up_leaves_the_file_free(tmp_path: Path) -> None:
    """Cancelled half way, nothing is owned, and no thread stays behind."""
    for _ in range(5):
        opening = asyncio.ensure_future(Journal.open(tmp_path / "jobs.db", now_ms=lambda: 0))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    async with await opened(tmp_path / "jobs.db") as journal:
        await led(journal, 1, State.PLANNED)


async def test_closing_that_is_given_up_goes_on(tmp_path: Path) -> None:
    """What waits is written all the same, and the file is free then."""
    journal = await opened(tmp_path / "jobs.db")
    batch = await entered(journal)
    planning = asyncio.create_task(journal.plan(batch, many(3)))
    await asyncio.sleep(0)

    closing = asyncio.create_task(journal.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    added = await planning
    await journal.close()

    assert 3 == added.new
    async with await opened(tmp_path / "jobs.db") as again:
        assert 3 == len(await again.next(batch, "image", 10))


def test_a_journal_whose_loop_has_ended_lets_go_of_its_file(tmp_path: Path) -> None:
    """Left open by a program that goes on, it is closed as soon as there is nobody to be told."""
    go_on = threading.Event()

    async def main() -> None:
        journal = await opened(tmp_path / "jobs.db")
        asking = asyncio.create_task(journal.read(lambda _: go_on.wait(10)))
        await asyncio.sleep(0)
        asking.cancel()

    asyncio.run(main())
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "kling_async-journal":
            thread.join(10)

    async def again() -> int:
        async with await opened(tmp_path / "jobs.db") as journal:
            return (await entered(journal)).id

    assert 1 == asyncio.run(again())


async def test_readers_and_the_owner_never_wait_for_each_other(tmp_path: Path) -> None:
    """However much is written and read at once, nobody is told that the file is locked, and all is seen in order."""
    async with await opened(tmp_path / "jobs.db") as journal:
        batch = await entered(journal)
        await journal.plan(batch, many(300))
        stop = threading.Event()

        def look() -> list[int]:
            seen: list[int] = []
            while not stop.is_set():
                with Reader.open(tmp_path / "jobs.db") as reader:
                    seen.append(sum(count.tasks for count in reader.counts(batch) if count.state != State.PLANNED))
            return seen

        looking = [asyncio.create_task(asyncio.to_thread(look)) for _ in range(2)]
        for start in range(1, 301, 10):
            await asyncio.gather(*(journal.step(seq, Cause.SLOT_GRANTED) for seq in range(start, start + 10)))
        stop.set()
        both = await asyncio.gather(*looking)

    assert all(seen == sorted(seen) and seen for seen in both)


async def test_of_a_journal_without_tasks_nothing_stays(tmp_path: Path) -> None:
    """Whose manifest was refused leaves no journal, and in one of others no name that is tied to an account."""
    path = tmp_path / "jobs.db"

    async with await opened(path) as journal:
        await entered(journal)
    left = list(tmp_path.iterdir())
    async with await opened(path) as journal:
        await journal.plan(await entered(journal), many(1))
    async with await opened(path) as journal:
        await journal.enter("mistaken", account="another", options={})
    with Reader.open(path) as reader:
        names = [batch.name for batch in reader.batches()]

    assert [] == left
    assert ["launch"] == names


async def test_beside_what_is_no_journal_nothing_stays(tmp_path: Path) -> None:
    """Not even the lock by which it was looked at."""
    path = tmp_path / "notes.txt"
    path.write_text("no journal")

    with pytest.raises(JournalError, match="not a journal"):
        await opened(path)

    assert [path] == list(tmp_path.iterdir())


async def test_a_journal_that_is_put_in_place_of_another_stays(tmp_path: Path) -> None:
    """Only what was made here is taken away when it holds nothing."""
    path = tmp_path / "jobs.db"

    async with await opened(path):
        path.rename(tmp_path / "moved.db")
        path.write_bytes(b"of somebody else")

    assert b"of somebody else" == path.read_bytes()
    assert (tmp_path / "moved.db").exists()


async def test_odd_names_are_names(tmp_path: Path) -> None:
    """What means something in an address means nothing in the name of a file."""
    path = tmp_path / "50% off?mode=memory#1 ü.db"

    async with await opened(path) as journal:
        await journal.plan(await entered(journal), many(1))
    with Reader.open(path) as reader:
        names = [batch.name for batch in reader.batches()]

    assert ["launch"] == names
    assert path.is_file()
