"""What it costs to check a manifest: JSON lines of pictures to make, until they are ready to be planned.

Each size runs in a process of its own, so that its memory is its own: the peak over what it had before. The stall is
how late a task came that wants to run every millisecond; beside it, how late when there was nothing to do. Rows are
read once more, as the journal does. Targets: at most 20 MiB whatever the size, and stalls as of an idle process, plus
10 ms.

    python benchmarks/batch_manifest.py [rows ...]
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from kling_async.batch.inputs import Inputs
from kling_async.batch.manifest import spool

SIZES: Final = (10_000, 100_000, 1_000_000)
_IDLE: Final = 3.0
PROMPT: Final = "A red fox crosses a frozen lake at dawn, its breath hanging in the cold air, low sun behind the reeds"


def peak() -> float:
    """MiB, the most there ever was."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def write(path: Path, rows: int) -> None:
    """Make a manifest."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            body = {"prompt": f"{PROMPT}, take {number}", "model_name": "kling-v3", "aspect_ratio": "16:9", "n": 2}
            line = {"custom_id": f"fox-{number:07}", "url": "/v1/images/generations", "body": body}
            file.write(f"{json.dumps(line)}\n")


async def stalls(worst: list[float]) -> None:
    """Notice how late the loop is, in ms."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        worst[0] = max(worst[0], (time.perf_counter() - began) * 1000 - 1)


async def idle(worst: list[float]) -> None:
    """Do nothing for a while."""
    watch = asyncio.create_task(stalls(worst))
    await asyncio.sleep(_IDLE)
    watch.cancel()


def accept(_row: object, _request: object) -> None:
    """Let every request pass."""


async def check(path: Path, worst: list[float]) -> tuple[int, float, float]:
    """Check a manifest and read it back."""
    watch = asyncio.create_task(stalls(worst))
    began = time.perf_counter()
    async with spool(path, inputs=Inputs.of(path), vet=accept) as rows:
        checked = time.perf_counter() - began
        watch.cancel()
        began = time.perf_counter()
        number = sum(1 for _ in rows.rows())
        return number, checked, time.perf_counter() - began


def measure(path: Path) -> None:
    """Print the figures of this process."""
    asyncio.run(check(path.with_suffix(".one"), [0.0]))  # what is loaded once
    before, worst, none = peak(), [0.0], [0.0]
    asyncio.run(idle(none))
    rows, checked, back = asyncio.run(check(path, worst))
    figures: tuple[Any, ...] = (rows, checked, rows / checked, back, peak() - before, worst[0], none[0])
    print("{:>12,} {:>10.1f} {:>10,.0f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}".format(*figures), flush=True)


def main() -> None:
    """Measure each size."""
    if sys.argv[1:2] == ["--one"]:
        measure(Path(sys.argv[2]))
        return
    names = ("seconds", "rows/s", "read again", "MiB more", "stall ms", "idle ms")
    print(f"{'rows':>12}", *(f"{name:>10}" for name in names))
    for size in map(int, sys.argv[1:] or SIZES):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prompts.jsonl"
            write(path, size)
            write(path.with_suffix(".one"), 1)
            subprocess.run([sys.executable, __file__, "--one", str(path)], check=True)


if __name__ == "__main__":
    main()
