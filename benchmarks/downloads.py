"""What a download costs: CPU of this process per GB to disk, beside httpx and aiohttp, and memory per download.

A server in a second process sends one file of 64 MB again and again (sendfile). All sides run in turns in this process,
four downloads at once; only their ratio means anything. Targets: at least 1.5 times less CPU than httpx's stream, at
most 4 MiB of memory per download. The files are deleted as they come; a memory file system keeps the disk out of it.
Batches also hash, which is shown below.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import aiohttp
import httpx
from yarl import URL

from kling_async import Downloads, KlingClient
from kling_async.media.downloads import Downloader
from kling_async.models import Video

ROUNDS, FILES, AT_ONCE, SIZE = 5, 8, 4, 64_000_000
KEY = "benchmark-key-0123456789"
HEAD = b"\x00\x00\x00\x20ftypisom"
PIECE = 64 * 1024

SERVER = """
import asyncio, os, sys, tempfile
head, size = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
async def main():
    with tempfile.TemporaryFile(dir=sys.argv[3]) as file:
        file.write(head + os.urandom(1024) * ((size - len(head)) // 1024 + 1))
        file.truncate(size)
        async def serve(reader, writer):
            try:
                while await reader.readuntil(b"\\r\\n\\r\\n"):
                    writer.write(b'HTTP/1.1 200 OK\\r\\nContent-Type: video/mp4\\r\\nETag: "1"\\r\\n'
                                 b"Content-Length: %d\\r\\n\\r\\n" % size)
                    await writer.drain()
                    with open(os.dup(file.fileno()), "rb") as own:
                        await asyncio.get_running_loop().sendfile(writer.transport, own, 0, size)
            except (ConnectionError, asyncio.IncompleteReadError):
                writer.close()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()
asyncio.run(main())
"""

Fetch: TypeAlias = Callable[[Path], Awaitable[object]]


async def run(fetch: Fetch, folder: Path) -> float:
    """CPU seconds of this process per GB."""
    places = iter(range(FILES))

    async def worker() -> None:
        for at in places:
            place = folder / str(at)
            place.mkdir()
            await fetch(place)
            (stored,) = place.iterdir()
            assert stored.stat().st_size == SIZE
            stored.unlink()
            place.rmdir()

    start = time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return (time.process_time() - start) / (FILES * SIZE / 1e9)


async def growth(fetch: Fetch, folder: Path) -> float:
    """MiB by which this process grew in the first run of a side, at its largest, per download."""
    high, sampling = _resident(), True
    low = high

    async def sample() -> None:
        nonlocal high
        while sampling:
            high = max(high, _resident())
            await asyncio.sleep(0.002)

    sampler = asyncio.ensure_future(sample())
    await run(fetch, folder)
    sampling = False
    await sampler
    return (high - low) / AT_ONCE / 2**20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


async def measure(url: str, folder: Path) -> None:
    """Run all in turns and print the table."""
    link, downloader = f"{url}/clip", Downloader(Downloads(), URL(url))
    async with (
        aiohttp.ClientSession() as session,
        httpx.AsyncClient() as peer,
        KlingClient(api_key=KEY, base_url=url) as kling,
    ):

        async def by_httpx(place: Path) -> None:
            async with peer.stream("GET", link) as response:
                with (place / "clip").open("wb") as out:
                    async for chunk in response.aiter_bytes():
                        out.write(chunk)

        async def by_aiohttp(place: Path) -> None:
            async with session.get(link) as response:
                with (place / "clip").open("wb") as out:
                    async for chunk in response.content.iter_chunked(PIECE):
                        out.write(chunk)

        async def ours(place: Path) -> None:
            await kling.download(Video(url=link), place)

        async def hashed(place: Path) -> None:
            await downloader.store(Video(url=link), place, "clip")

        sides: dict[str, Fetch] = {
            "httpx, stream and aiter_bytes": by_httpx,
            "aiohttp, iter_chunked(64 KiB)": by_aiohttp,
            "kling_async, kling.download": ours,
            "kling_async, Downloader.store with SHA-256": hashed,
        }
        memory = {name: await growth(fetch, folder) for name, fetch in reversed(sides.items())}
        rounds = [[await run(fetch, folder) for fetch in sides.values()] for _ in range(ROUNDS)]
    await downloader.close()
    title = f"{FILES} files of {SIZE // 1_000_000} MB, {AT_ONCE} at once"
    print(f"{title:44} {'s/GB':>8} {'httpx/it':>9} {'MiB each':>9}")
    for at, name in enumerate(sides):
        seconds = statistics.median(each[at] for each in rounds)
        ratio = statistics.median(each[0] / each[at] for each in rounds)
        targets = "   targets 1.50, 4.0" if name.endswith("download") else ""
        print(f"{name:44} {seconds:8.2f} {ratio:9.2f} {memory[name]:9.1f}{targets}")


def main() -> None:
    """Start the server, measure, stop it."""
    room = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a private directory is made inside
    with tempfile.TemporaryDirectory(dir=room) as folder:
        command = [sys.executable, "-c", SERVER, HEAD.hex(), str(SIZE), folder]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            asyncio.run(measure(f"http://127.0.0.1:{int(server.stdout.readline())}", Path(folder)))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
