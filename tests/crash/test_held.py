"""Told to hold what is unknown, no process ever sends it again, however late the vendor shows what it made."""

from __future__ import annotations

from pathlib import Path

from kling_async.emulator.faults import Hide
from tests.crash.lane import KILLED, Lane
from tests.crash.world import rows, world

HIDDEN, SETTLE = 3600.0, 0.3


async def test_nothing_is_paid_twice_where_the_vendor_hides_tasks_for_longer_than_we_wait(tmp_path: Path) -> None:
    """Killed with creates on their way, they are held; found when they show, and done."""
    async with world(tmp_path, Hide(HIDDEN), settle=SETTLE) as it, Lane() as lane:
        it.plan(rows(2))

        killed = await lane.run(it.order(point="post.sent", hit=2, on_unknown="hold"))
        made = len(it.emulator.tasks)
        again = await lane.run(it.order(on_unknown="hold"))
        held = [custom_id for custom_id, state in it.states().items() if state == "held"]
        it.well()
        looks = tuple(("resolve", custom_id, "look") for custom_id in held)
        last = await lane.run(it.order(on_unknown="hold", steps=(*looks, ("run",)), at_rest=True))

        assert KILLED == killed
        assert 0 == again, it.order().log.read_text()
        assert 2 == len(held)
        assert 1 <= made
        assert 0 == last, it.order().log.read_text()
        assert [] == it.paid_twice()
        assert sorted(["done"] * made + ["held"] * (2 - made)) == sorted(it.states().values())
