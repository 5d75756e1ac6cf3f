"""What a batch costs on top of the client: CPU of tasks with a journal, beside the same tasks without one.

One-image tasks on 200 slots against an emulator in a second process, whose time is compressed. Each side runs in a
process of its own and makes, follows and stores the same tasks. Without a journal: as many coroutines as a batch works
on at once take rows, and each submits (as a batch does, behind others), awaits and downloads. CPU is that of all
threads, from the first row to the last file; memory is the most that the process ever had. Targets: 1.5 times the CPU,
150 MB, four commits per task.

    python -m benchmarks.batch [tasks] [rounds]
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.polling import compress
from kling_async import Batch, KlingClient, Limits

SLOTS: Final = 200
SPEED: Final = 10.0
AHEAD: Final = 32
"""Tasks in line beside those under way, without a journal."""
SIDES: Final = {"plain": "without a journal", "batch": "with a journal"}
MOST_RATIO, MOST_MB, MOST_COMMITS = 1.5, 150, 4

SERVER = """
import asyncio, random, sys
from kling_async.emulator import Emulator, API_KEY
from kling_async.emulator.media import Rendering, Studio

class Noise(Studio):
    file = Rendering(b"\\x89PNG\\r\\n\\x1a\\n" + random.Random(1).randbytes(20_000), "image/png", '"1"')
    async def rendering(self, name, work):
        return self.file

async def main(speed, slots):
    async with Emulator(speed=speed, slots={"image": slots}, seed=1) as emulator:
        emulator._running().studio = Noise(form="png", source=lambda _: None)
        print(emulator.url, API_KEY, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(len(emulator.tasks), len(emulator.requests), flush=True)

asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
"""


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Lines of a manifest."""
    for at in range(count):
        yield {"custom_id": f"row-{at}", "endpoint": "images.generate", "body": {"prompt": f"lighthouse {at}", "n": 1}}


async def plain(kling: KlingClient, count: int, home: Path) -> dict[str, float]:
    """What one writes by hand."""
    view = kling.with_options(priority="batch")
    left = rows(count)

    async def worker() -> None:
        for row in left:
            task = await (await view.images.generate(**row["body"]))
            await view.download(task, home / "out", name=row["custom_id"])

    await asyncio.gather(*(worker() for _ in range(SLOTS + AHEAD)))
    return {}


async def batch(kling: KlingClient, count: int, home: Path) -> dict[str, float]:
    """The same, and it survives."""
    async with Batch(kling, "benchmark", journal=home / "batch.db", output=home / "out") as it:
        await it.add(rows(count))
        planned = time.process_time()
        done = 0
        async for item in it.run():
            done += item.state == "done"
        assert done == count, f"{done} of {count} are done"
        journal = vars(it)["_journal"]
        return {"planned": planned, "commits": journal.commits, "steps": journal.writes}


async def measure(side: str, count: int, url: str, key: str) -> dict[str, float]:
    """One side, in this process."""
    with tempfile.TemporaryDirectory() as home:
        async with KlingClient(api_key=key, base_url=url, limits=Limits(image=SLOTS)) as kling:
            begun, cpu = time.perf_counter(), time.process_time()
            figures = await {"plain": plain, "batch": batch}[side](kling, count, Path(home))
            figures |= {"cpu": time.process_time() - cpu, "seconds": time.perf_counter() - begun}
            if "planned" in figures:
                figures["planned"] -= cpu
        assert stored(Path(home, "out")) == count
        return {**figures, "peak": peak()}


def stored(folder: Path) -> int:
    """How many files there are."""
    return len(list(folder.iterdir()))


def peak() -> float:
    """The most memory that this process ever had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e6


def run(module: str, *arguments: object, speed: float = SPEED) -> dict[str, float]:
    """One side in a process of its own, against an emulator of its own."""
    command = [sys.executable, "-c", SERVER, str(speed), str(SLOTS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdin is not None
            where = server.stdout.readline().split()
            side = [sys.executable, "-m", module, "--side", *map(str, arguments), *where]
            figures: dict[str, float] = json.loads(subprocess.run(side, stdout=subprocess.PIPE, check=True).stdout)
            print(file=server.stdin, flush=True)
            figures["tasks"], figures["requests"] = map(int, server.stdout.readline().split())
            return figures
        finally:
            server.kill()


def line(name: str, figures: dict[str, float], count: int, ratio: float) -> str:
    each = 1e3 / count
    told = figures["cpu"] * each, ratio, figures["peak"], figures["requests"] / count, figures["seconds"]
    return "{:20} {:8.2f} {:7.2f} {:9.0f} {:9.2f} {:8.0f}".format(name, *told)


def main(count: int, rounds: int) -> None:
    """Both sides in turns."""
    both = [{side: run("benchmarks.batch", side, count) for side in SIDES} for _ in range(rounds)]
    ratio = statistics.median(each["batch"]["cpu"] / each["plain"]["cpu"] for each in both)
    last = both[-1]
    assert all(each[side]["tasks"] == count for each in both for side in SIDES), "tasks were paid twice"
    print(f"{f'{count:,} tasks':20} {'CPU ms':>8} {'ratio':>7} {'peak MB':>9} {'requests':>9} {'wall s':>8}")
    print(line(SIDES["plain"], last["plain"], count, 1.0))
    print(line(SIDES["batch"], last["batch"], count, ratio), f"  targets {MOST_RATIO} and {MOST_MB} MB")
    told = last["batch"]
    print(f"planning, of that {told['planned'] * 1e3 / count:11.2f}")
    print(f"commits per task {told['commits'] / count:12.2f}   target {MOST_COMMITS}")
    print(f"changes per commit {told['steps'] / told['commits']:10.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        compress(SPEED)
        print(json.dumps(asyncio.run(measure(sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))))
    else:
        numbers = [int(each) for each in sys.argv[1:]]
        main(*(numbers + [10_000, 1][len(numbers) :]))
