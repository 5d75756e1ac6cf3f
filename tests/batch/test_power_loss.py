"""The power fails at any sync of the disk: what was told before is there afterwards, and what is there makes sense."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from kling_async.batch.journal import Journal
from kling_async.batch.states import Cause, State
from kling_async.batch.writer import Writer
from kling_async.media.durable import nothing
from tests.batch.disk import Cut, Disk, OnDisk
from tests.batch.paper import Clock, entered, files, many, opened

TASKS = 9
STEPS = (Cause.SLOT_GRANTED, Cause.ACCEPTED, Cause.SUCCEED, Cause.STORED)
STATES = (State.PLANNED, State.SUBMITTING, State.SUBMITTED, State.SUCCEEDED, State.DONE)

Told = dict[int, State]
"""How far each task was, as far as anybody was told."""


@pytest.fixture
def told() -> Told:
    """Nothing was told yet."""
    return {}


@pytest.fixture
def disk(told: Told) -> Iterator[Disk]:
    """A disk that notes at each sync what had been told by then."""
    disk = Disk("forgetful", lambda: dict(told))
    yield disk
    disk.unregister()


async def worked(path: Path, disk: Disk, told: Told, *, checkpoint: int = 20) -> None:
    """Plan some tasks and bring all to their end, beside each other."""
    writer = Writer(OnDisk(path, disk, checkpoint), now_ms=Clock(), point=nothing)
    await writer.open()
    async with Journal(path, writer) as journal:
        batch = await entered(journal)
        await journal.plan(batch, many(TASKS))
        told.update(dict.fromkeys(range(1, TASKS + 1), State.PLANNED))

        async def one(seq: int) -> None:
            told[seq] = await journal.step(seq, Cause.SLOT_GRANTED)
            told[seq] = await journal.step(seq, Cause.ACCEPTED, task_id=f"t{seq}")
            told[seq] = await journal.step(seq, Cause.SUCCEED, units=Decimal("0.5"), artifacts=files(1))
            done = await journal.stored(seq, 0, path=Path("a.png"), bytes=1, sha256="a" * 64)
            assert done is not None
            told[seq] = done

        for start in range(1, TASKS + 1, 3):
            await asyncio.gather(*map(one, range(start, start + 3)))


async def found(folder: Path, image: dict[str, bytes]) -> dict[int, State]:
    """What a journal makes of a disk after the power came back; it must be whole, and go on."""
    folder.mkdir()
    for name, content in image.items():
        (folder / name).write_bytes(content)
    async with await opened(folder / "jobs.db") as journal:
        batch = await entered(journal)
        states = {task.seq: task.state for task in await journal.unfinished(batch, State)}
        await journal.plan(batch, many(TASKS))
        planned = await journal.next(batch, "image", 1)
        for task in planned:
            await journal.step(task.seq, Cause.SLOT_GRANTED)
    return states


def forgotten(cut: Cut, states: dict[int, State]) -> dict[int, tuple[State, State | None]]:
    """Tasks that are not as far as had been told."""
    return {
        seq: (state, states.get(seq))
        for seq, state in cut.note.items()
        if seq not in states or STATES.index(states[seq]) < STATES.index(state)
    }


@pytest.mark.parametrize("checkpoint", [5, 1000], ids=["log taken over often", "log taken over at the end"])
async def test_what_was_told_outlasts_the_power(tmp_path: Path, disk: Disk, told: Told, checkpoint: int) -> None:
    """Cut at every sync, and with any part of what was not synced: no step is forgotten that was told."""
    luck = random.Random(6)
    await worked(tmp_path / "jobs.db", disk, told, checkpoint=checkpoint)
    lost: dict[str, object] = {}

    for number, cut in enumerate(disk.cuts):
        for which, image in enumerate(cut.images(luck, 1)):
            states = await found(tmp_path / f"{number}-{which}", image)
            if missing := forgotten(cut, states):
                lost[f"{number}-{which} {cut.about}"] = missing

    assert dict.fromkeys(range(1, TASKS + 1), State.DONE) == told
    assert {} == lost
    assert len(disk.cuts) > 30
