"""What a pending task costs in memory: handles of real creates over a socket, each with its own snapshot.

A server in a second process accepts every create. Measured with tracemalloc over many handles. Target: at most 0.6 KiB
for a handle that nobody waits for, 1.4 KiB for one with a task that awaits it.

    python benchmarks/memory.py [handles]
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tracemalloc

from kling_async import KlingClient, TaskHandle
from kling_async.models import ImageResult

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
IN_FLIGHT = 16

SERVER = """
import asyncio, itertools, re
ids = itertools.count(800000000000000001)
find = re.compile(rb'"external_task_id": ?"([^"]*)"')
row = (b'{"code":0,"message":"SUCCEED","request_id":"0f8c-1","data":{"task_id":"%d","task_status":"submitted",'
       b'"task_info":{"external_task_id":"%b"},"created_at":%d,"updated_at":%d}}')
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.seen = transport, b""
    def data_received(self, data):
        self.seen += data
        if (match := find.search(self.seen)) and self.seen.endswith(b"}"):
            number, self.seen = next(ids), b""
            now = 1774700000000 + number % 10**9
            body = row % (number, match[1], now, now)
            head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
            self.transport.write(head % len(body) + body)
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


async def create(kling: KlingClient, count: int) -> list[TaskHandle[ImageResult]]:
    """Make handles, a few at a time."""
    made = list[TaskHandle[ImageResult]]()

    async def worker() -> None:
        for _ in range(count // IN_FLIGHT):
            made.append(await kling.images.generate(prompt="x"))

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return made


async def measure(url: str) -> None:
    """Print KiB per handle without and with a task that waits for it."""
    async with KlingClient(api_key="benchmark-key-0123456789", base_url=url) as kling:
        await create(kling, 1600)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        handles = await create(kling, COUNT)
        gc.collect()
        alone = (tracemalloc.get_traced_memory()[0] - before) / len(handles) / 1024
        waiting = [asyncio.ensure_future(handle.wait()) for handle in handles]
        await asyncio.sleep(0)
        gc.collect()
        awaited = (tracemalloc.get_traced_memory()[0] - before) / len(handles) / 1024
        tracemalloc.stop()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    print(f"{f'memory per pending handle, {COUNT:,} handles':44} {'KiB':>8}")
    print(f"{'nobody waits':44} {alone:8.2f}   target 0.60")
    print(f"{'a task awaits it':44} {awaited:8.2f}   target 1.40")


def main() -> None:
    """Start the server, measure, stop it."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        asyncio.run(measure(f"http://127.0.0.1:{int(server.stdout.readline())}"))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
