"""A batch whose process is killed three times at the same point, and then left alone, is done, and paid once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from kling_async.emulator.faults import Hide
from tests.crash.lane import KILLED, Lane
from tests.crash.points import POINTS
from tests.crash.world import rows, world

HITS = (1, 7)
CELLS = list(itertools.product(POINTS, HITS))
CRASHES = 3
TASKS, PIECES = 20, 10
HIDDEN, SETTLE = 0.2, 1.0
AT_ONCE = 8


@attrs.frozen(kw_only=True)
class Report:
    """What became of one batch."""

    crashes: int
    wrong: list[str]
    log: str


async def crashed(lanes: asyncio.Queue[Lane], folder: Path, point: str, hit: int) -> Report:
    """Three processes that die, and one that may not."""
    lane = await lanes.get()
    folder.mkdir()
    try:
        async with world(folder, Hide(HIDDEN), settle=SETTLE) as it:
            it.plan(rows(TASKS), PIECES)
            codes = [await lane.run(it.order(point=point, hit=hit)) for _ in range(CRASHES)]
            last = await lane.run(it.order(at_rest=True))
            odd = [f"a process ended with {code}" for code in (*codes, last) if code not in (0, KILLED)]
            return Report(crashes=codes.count(KILLED), wrong=[*odd, *it.wrong()], log=it.order().log.read_text())
    finally:
        lanes.put_nowait(lane)


async def all_of(cells: list[tuple[str, int]], home: Path) -> Mapping[tuple[str, int], Report]:
    """Every cell of the matrix that is asked for, some of them beside each other."""
    lanes = asyncio.Queue[Lane]()
    async with asyncio.TaskGroup() as group:
        stop = asyncio.Event()

        async def lane() -> None:
            async with Lane() as made:
                lanes.put_nowait(made)
                await stop.wait()

        for _ in range(min(AT_ONCE, len(cells))):
            group.create_task(lane())
        jobs = (crashed(lanes, home / f"{point}-{hit}", point, hit) for point, hit in cells)
        reports = await asyncio.gather(*jobs)
        stop.set()
    return dict(zip(cells, reports, strict=True))


@pytest.fixture(scope="module")
def matrix(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[tuple[str, int], Report]:
    """The reports of all cells whose tests were selected: together, since they spend their time waiting."""
    asked = {item.name.partition("[")[2].rstrip("]") for item in request.session.items}
    cells = [(point, hit) for point, hit in CELLS if f"{point}-{hit}" in asked]
    return asyncio.run(all_of(cells, tmp_path_factory.mktemp("matrix")))


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("point", "hit"), [pytest.param(*cell, id="{}-{}".format(*cell)) for cell in CELLS])
def test_nothing_is_lost_and_nothing_is_paid_twice(
    matrix: Mapping[tuple[str, int], Report], point: str, hit: int
) -> None:
    """Killed wherever it is: every task done, made once, every file the vendor's own, nothing left over."""
    report = matrix[point, hit]

    assert [] == report.wrong, report.log
    assert report.crashes == CRASHES if hit == 1 else report.crashes >= 1, report.log
