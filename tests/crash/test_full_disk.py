"""A journal that cannot be written lets no create leave."""

from __future__ import annotations

from pathlib import Path

from tests.crash.lane import Lane
from tests.crash.world import rows, world

ROOM = 100_000
"""Bytes, in which some commits have room."""


async def test_a_full_disk_lets_no_create_leave(tmp_path: Path) -> None:
    """The intent cannot be made durable: an error that says so, and not one task; with room again, all of them."""
    async with world(tmp_path) as it, Lane() as lane:
        it.plan(rows(6))

        full = await lane.run(it.order(room=0))
        said = it.order().log.read_text()
        posts = [request for request in it.emulator.requests if request.method == "POST"]
        planned = set(it.states().values())
        roomy = await lane.run(it.order())

        assert 1 == full, said
        assert "JournalError" in said
        assert [] == posts
        assert {"planned"} == planned
        assert 0 == roomy, it.order().log.read_text()
        assert [] == it.wrong()


async def test_a_disk_that_is_full_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """Whatever was sent before is known, and paid once; what was not stored is fetched when there is room."""
    async with world(tmp_path) as it, Lane() as lane:
        it.plan(rows(20))

        full = await lane.run(it.order(room=ROOM))
        said = it.order().log.read_text()
        made = len(it.emulator.tasks)
        roomy = await lane.run(it.order())

        assert 1 == full, said
        assert 0 < made < 20
        assert 0 == roomy, it.order().log.read_text()
        assert [] == it.wrong()
