"""No room on the disk: what cannot be written has not happened, and goes on when there is room again."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from kling_async.batch.journal import Journal
from kling_async.batch.queries import BatchRow
from kling_async.batch.states import Cause, State
from kling_async.batch.writer import Writer
from kling_async.errors import JournalError
from kling_async.media.durable import nothing
from tests.batch.disk import Disk, OnDisk
from tests.batch.paper import Clock, entered, led, many, opened, planned, rows

TASKS = 60
FULL = r"jobs\.db: the disk is full; nothing of this was written\. Make room, and run the batch again"


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that can be filled."""
    disk = Disk("small")
    yield disk
    disk.unregister()


async def on(disk: Disk, path: Path) -> Journal:
    """A journal on it, which takes its log over into the file at every chance."""
    writer = Writer(OnDisk(path, disk, checkpoint=1), now_ms=Clock(), point=nothing)
    await writer.open()
    return Journal(path, writer)


async def states(journal: Journal, batch: BatchRow) -> list[State]:
    """How all tasks stand."""
    return [task.state for task in await journal.unfinished(batch, State)]


@contextlib.contextmanager
def small(place: Path) -> Generator[None]:
    """A file system of half a megabyte."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or sys.platform != "linux":
        pytest.skip("file systems are mounted by Linux's mount")
    command = [mount, "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"only root may mount a small file system: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([umount, str(place)], check=True)


def filled(path: Path) -> None:
    """Take all the room there is."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(512)):
            pass


async def back_and_forth(journal: Journal) -> None:
    """Write until nothing more can be written."""
    for _ in range(100):
        await journal.step(1, Cause.SLOT_GRANTED)
        await journal.step(1, Cause.GIVEN_BACK)


async def test_an_intent_that_finds_no_room_has_not_happened(tmp_path: Path, disk: Disk) -> None:
    """Whichever of its writes is the one too many: all who waited are told, and nothing is half done."""
    failures = 0
    async with await on(disk, tmp_path / "jobs.db") as journal:
        batch = await entered(journal)
        await journal.plan(batch, many(TASKS))
        left = list(range(1, TASKS + 1))
        for room in range(TASKS // 4):
            before = await states(journal, batch)
            disk.room = room

            outcomes = await asyncio.gather(
                *(journal.step(seq, Cause.SLOT_GRANTED) for seq in left[:3]), return_exceptions=True
            )

            disk.room = None
            after = await states(journal, batch)
            if all(outcome is State.SUBMITTING for outcome in outcomes):
                del left[:3]
                continue
            failures += 1
            done = [outcome for outcome in outcomes if outcome is State.SUBMITTING]
            assert {JournalError, *map(type, done)} == set(map(type, outcomes))
            assert before.count(State.PLANNED) - len(done) == after.count(State.PLANNED)
            del left[: len(done)]

        again = await journal.step(left[0], Cause.SLOT_GRANTED)

    assert State.SUBMITTING is again
    assert failures > 3
    assert [("ok",)] == rows(tmp_path / "jobs.db", "PRAGMA integrity_check")


async def test_a_manifest_that_finds_no_room_is_not_taken(tmp_path: Path) -> None:
    """None of its rows is there; the same manifest is taken when there is room."""
    async with await opened(tmp_path / "jobs.db") as journal:
        batch = await entered(journal)
        (pages,) = await journal.read(lambda connection: connection.execute("PRAGMA page_count").fetchone())
        await journal.read(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 10}").fetchone())

        with pytest.raises(JournalError, match=FULL):
            await journal.plan(batch, many(2000))
        planned_before = await journal.next(batch, "image", 1)
        await journal.read(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
        added = await journal.plan(batch, many(2000))

    assert [] == planned_before
    assert 2000 == added.new


async def test_a_full_disk_of_the_system_is_told_as_such(tmp_path: Path) -> None:
    """A file system without room, and not a pretended one: the intent fails, and holds when there is room again."""
    place = tmp_path / "small"
    place.mkdir()
    with small(place):
        async with await opened(place / "jobs.db") as journal:
            batch = await entered(journal)
            await journal.plan(batch, lambda: iter([planned("c1"), planned("c2")]))
            await led(journal, 2, State.SUBMITTING)
            filled(place / "filler")

            with pytest.raises(JournalError, match=FULL):
                await back_and_forth(journal)
            full = await states(journal, batch)
            (place / "filler").unlink()
            again = await states(journal, batch)
            accepted = await journal.step(2, Cause.ACCEPTED, task_id="t2")

    assert full == again
    assert State.SUBMITTING is full[1]
    assert State.SUBMITTED is accepted


async def test_after_a_disk_that_fails_nothing_more_is_written(tmp_path: Path, disk: Disk) -> None:
    """Nobody knows what such a disk holds: every later step says so, and reading still works."""
    journal = await on(disk, tmp_path / "jobs.db")
    batch = await entered(journal)
    await journal.plan(batch, many(2))
    disk.broken = True

    with pytest.raises(JournalError, match=r"jobs\.db: the disk does not do as it is told; look at the system's log"):
        await journal.step(1, Cause.SLOT_GRANTED)
    disk.broken = False
    with pytest.raises(JournalError, match="the disk does not do as it is told"):
        await journal.step(2, Cause.SLOT_GRANTED)

    assert [State.PLANNED] * 2 == await states(journal, batch)
    await journal.close()
