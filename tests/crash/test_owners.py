"""One process owns a journal; another one is told at once which one that is, and takes over when it is gone."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.crash.lane import KILLED, Lane
from tests.crash.world import rows, world

AT_ONCE = 3.0
"""Seconds, most of them for a machine with much else to do."""


async def test_a_second_owner_is_told_the_pid_of_the_first_and_sends_nothing(tmp_path: Path) -> None:
    """At once, and not after having waited for it."""
    async with world(tmp_path) as it, Lane() as first, Lane() as second:
        it.plan(rows(2))
        await first.start(it.order(steps=(("add",), ("hold",))))
        await _there(tmp_path / "batch.db")

        begun = time.monotonic()
        code = await second.run(it.order())

        assert 1 == code
        assert time.monotonic() - begun < AT_ONCE
        assert f"{first.pid}" in it.order().log.read_text().splitlines()[-1]
        assert [] == it.emulator.requests


async def test_what_a_killed_owner_had_is_free(tmp_path: Path) -> None:
    """The kernel gives the lock back, whatever the owner was about to do."""
    async with world(tmp_path) as it, Lane() as first, Lane() as second:
        it.plan(rows(2))
        await first.start(it.order(steps=(("add",), ("hold",))))
        await _there(tmp_path / "batch.db")
        first.kill()

        killed = await first.ended()
        code = await second.run(it.order())

        assert KILLED == killed
        assert 0 == code, it.order().log.read_text()
        assert [] == it.wrong()


async def _there(journal: Path) -> None:
    while not (journal.exists() and "planned" in _tables(journal)):
        await asyncio.sleep(0.01)


def _tables(journal: Path) -> str:
    log = Path(f"{journal}-wal")
    return log.read_bytes().decode("latin-1") if log.exists() else ""
