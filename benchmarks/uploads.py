"""Pictures on their way in: 200 creates with a picture of 10 MB, 8 at once, beside aiohttp `json=` with Base64 text.

A server in a second process throws the bodies away and answers with a task. Each side runs in a process of its own, so
that its memory is its own: the peak over what it had before the first picture. The stall is how late a task came that
wants to run every millisecond; what the machine does to it without any upload is in the first line. Only ratios and the
limits mean anything. Targets: at most 15 MiB, at most 10 ms, at least 2.5 times less CPU.

`--quick` sends a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from kling_async import KlingClient

IMAGES, AT_ONCE, SIZE = 200, 8, 10_000_000
KEY: Final = "benchmark-key-0123456789"
PNG: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (1000).to_bytes(4) * 2
TASK: Final = {"task_id": "800000000000000001", "task_status": "submitted", "created_at": 1774700000000}
ANSWER: Final = json.dumps({"code": 0, "message": "SUCCEED", "request_id": "0f8c-1", "data": TASK}).encode()

SERVER = """
import asyncio, re, sys
body = sys.stdin.buffer.read()
answer = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body
length = re.compile(rb"(?i)content-length: *([0-9]+)")
class Server(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.transport, self.room, self.head, self.left = transport, bytearray(1 << 20), b"", 0
    def get_buffer(self, hint): return self.room
    def buffer_updated(self, count):
        if not self.left:
            self.head += self.room[:count]
            head, end, rest = self.head.partition(b"\\r\\n\\r\\n")
            if not end: return
            self.left, self.head, count = int(length.search(head)[1]), b"", len(rest)
        self.left -= count
        if not self.left: self.transport.write(answer)
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

Send = Callable[[Path], Awaitable[object]]


class Figures(NamedTuple):
    """What one side took."""

    memory: float
    """MiB over the beginning."""
    stall: float
    """ms."""
    busy: float
    """ms of CPU that the loop's own thread used between two turns of the ticking task."""
    cpu: float
    """ms of one picture."""
    rate: float
    """Pictures of one second."""


def memory(*, most: bool = False) -> float:
    """MiB of this process now, or the most since the last time it was asked for those of now."""
    try:
        known = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        if not most:
            Path("/proc/self/clear_refs").write_text("5")
        return int(known["VmHWM" if most else "VmRSS"].split()[0]) / 2**10
    except OSError:  # elsewhere than on Linux the most there ever was has to do, which is not less
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


async def worst_stall(done: asyncio.Event) -> tuple[float, float]:
    """By how many ms a task that wants to run every millisecond came too late, and for how many the loop worked."""
    late = busy = 0.0
    while not done.is_set():
        start, worked = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.001)
        late, busy = max(late, time.perf_counter() - start - 0.001), max(busy, time.thread_time() - worked)
    return late * 1000, busy * 1000


async def run(send: Send, files: list[Path], images: int) -> Figures:
    """Send them all and look at this process."""
    left = itertools.islice(itertools.cycle(files), images)

    async def worker() -> None:
        for file in left:
            await send(file)

    done = asyncio.Event()
    watching = asyncio.create_task(worst_stall(done))
    before, cpu, start = memory(), time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    done.set()
    return Figures(memory(most=True) - before, *await watching, cpu / images * 1000, images / seconds)


async def idle(_: str, files: list[Path], images: int) -> Figures:
    """Nothing at all, for as long as half of it takes."""

    async def send(_: Path) -> None:
        await asyncio.sleep(0.1)

    return await run(send, files, images)


async def text(url: str, files: list[Path], images: int) -> Figures:
    """What one writes without a client."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:

        async def send(file: Path) -> None:
            content = base64.b64encode(file.read_bytes()).decode()  # noqa: ASYNC240 - as one does
            async with session.post(f"{url}/v1/images/generations", json={"prompt": "x", "image": content}) as response:
                await response.json()

        async with session.post(url, json={"prompt": "x"}):
            pass
        return await run(send, files, images)


async def paths(url: str, files: list[Path], images: int) -> Figures:
    """Local files."""
    async with KlingClient(api_key=KEY, base_url=url) as kling:

        async def send(file: Path) -> None:
            await kling.images.generate(prompt="x", model_name="kling-v1", image=file)

        await kling.images.generate(prompt="x")
        return await run(send, files, images)


async def contents(url: str, files: list[Path], images: int) -> Figures:
    """Pictures in memory, which are there before."""
    known = {file: file.read_bytes() for file in files}
    async with KlingClient(api_key=KEY, base_url=url) as kling:

        async def send(file: Path) -> None:
            await kling.images.generate(prompt="x", model_name="kling-v1", image=known[file])

        await kling.images.generate(prompt="x")
        return await run(send, files, images)


SIDES = {
    "idle": (idle, "no upload at all"),
    "text": (text, "aiohttp, json= with Base64 text"),
    "paths": (paths, "kling_async, local files"),
    "contents": (contents, "kling_async, bytes"),
}


def main() -> None:
    """Start the server, let each side run in a process of its own, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the pictures")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    images = IMAGES // 10 if given.quick else IMAGES
    if given.side:
        name, url, directory = given.side
        print(json.dumps(asyncio.run(SIDES[name][0](url, sorted(Path(directory).iterdir()), images))))
        return
    with contextlib.ExitStack() as after:
        directory = after.enter_context(tempfile.TemporaryDirectory())
        for at in range(AT_ONCE):
            Path(directory, f"{at}.png").write_bytes(PNG + os.urandom(SIZE - len(PNG)))
        server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        after.callback(server.wait)
        after.callback(server.kill)
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(ANSWER)
        server.stdin.close()
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        quick = ["--quick"] if given.quick else []
        title = f"{images} pictures of 10 MB, {AT_ONCE} at once"
        print(f"{title:34} {'MiB':>7} {'stall ms':>9} {'busy ms':>8} {'CPU ms':>7} {'/s':>5}")
        cpu = dict[str, float]()
        for side, (_, words) in SIDES.items():
            command = [sys.executable, __file__, *quick, "--side", side, url, directory]
            figures = Figures(*json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
            cpu[side] = figures.cpu
            memory, stall, busy, each, rate = figures
            print(f"{words:34} {memory:7.1f} {stall:9.1f} {busy:8.1f} {each:7.1f} {rate:5.0f}")
        ratios = " and ".join(f"{cpu['text'] / cpu[side]:.2f}" for side in ("paths", "contents"))
        print(f"CPU of json= over ours: {ratios}   targets 15 MiB, 10 ms, 2.5")


if __name__ == "__main__":
    main()
