"""What a planned row costs in memory: the peak of a process that plans many, runs a thousand of them, and stops.

The rows come from a generator; the emulator is in a second process. Target: as much for 100,000 rows as for 10,000.

    python -m benchmarks.batch_memory [rows] ...
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.batch import SLOTS, peak, rows, run
from benchmarks.polling import compress
from kling_async import Batch, KlingClient, Limits

SPEED: Final = 40.0
RUN: Final = 1000


async def measure(count: int, url: str, key: str) -> dict[str, float]:
    """Plan so many, run a thousand."""
    with tempfile.TemporaryDirectory() as home:
        async with (
            KlingClient(api_key=key, base_url=url, limits=Limits(image=SLOTS)) as kling,
            Batch(kling, "benchmark", journal=Path(home, "batch.db"), output=Path(home, "out")) as batch,
        ):
            begun, before = time.perf_counter(), peak()
            await batch.add(rows(count))
            planned, planning = peak(), time.perf_counter() - begun
            ended = 0
            async for _ in batch.run():
                ended += 1
                if ended == RUN:
                    batch.stop()
        return {"before": before, "planned": planned, "planning": planning, "ended": ended, "peak": peak()}


def main(counts: list[int]) -> None:
    """A table, one line for each number of rows."""
    print(f"{'rows planned':>14} {'before MB':>10} {'planned MB':>11} {'peak MB':>9} {'tasks':>7} {'planning s':>11}")
    for count in counts:
        told = run("benchmarks.batch_memory", count, speed=SPEED)
        print(
            f"{count:14,} {told['before']:10.1f} {told['planned']:11.1f} {told['peak']:9.1f} {told['ended']:7,.0f} "
            f"{told['planning']:11.1f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        compress(SPEED)
        print(json.dumps(asyncio.run(measure(int(sys.argv[2]), *sys.argv[3:]))))
    else:
        main([int(each) for each in sys.argv[1:]] or [10_000, 100_000])
