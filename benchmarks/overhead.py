"""What the client costs on top of aiohttp: CPU of one query with a typed task, beside a bare GET with `json()`.

A server in a second process answers a finished task of two pictures. Both sides run in turns in this process, with the
same number of requests in flight; only their ratio means anything. Target: at most 1.25.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp

from kling_async import KlingClient

ROUNDS, REQUESTS, IN_FLIGHT = 15, 1500, 16
KEY = "benchmark-key-0123456789"
PATH = "/v1/images/generations/800000000000000001"
LINK = "https://cdn.example/kling/{}.png?Expires=1777292012&Signature=" + "x" * 120 + "&Key-Pair-Id=K"
TASK = {
    "task_id": "800000000000000001",
    "task_status": "succeed",
    "task_status_msg": "",
    "final_unit_deduction": "16",
    "watermark_info": {"enabled": False},
    "task_info": {"external_task_id": "k0123456789abcdef01234567"},
    "created_at": 1774700000000,
    "updated_at": 1774700012000,
    "task_result": {"images": [{"index": at, "url": LINK.format(at), "watermark_url": ""} for at in range(2)]},
}
BODY = json.dumps({"code": 0, "message": "SUCCEED", "request_id": "0f8c-1", "data": TASK}).encode()

SERVER = """
import asyncio, sys
body = sys.stdin.buffer.read()
answer = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(answer * data.count(b"\\r\\n\\r\\n"))
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


async def cpu(ask: Callable[[], Awaitable[object]]) -> float:
    """CPU microseconds of this process per request."""

    async def worker() -> None:
        for _ in range(REQUESTS // IN_FLIGHT):
            await ask()

    start = time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return (time.process_time() - start) / (REQUESTS // IN_FLIGHT * IN_FLIGHT) * 1e6


async def measure(url: str) -> None:
    """Run both in turns and print the table."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session, KlingClient(api_key=KEY, base_url=url) as kling:

        async def bare() -> object:
            async with session.get(url + PATH, headers=headers) as response:
                return await response.json()

        async def ours() -> object:
            return await kling.images.generate.get("800000000000000001")

        for ask in (bare, ours):
            await cpu(ask)
        rounds = [(await cpu(bare), await cpu(ours)) for _ in range(ROUNDS)]
    plain = statistics.median(each for each, _ in rounds)
    typed = statistics.median(each for _, each in rounds)
    ratio = statistics.median(b / a for a, b in rounds)
    print(f"{'CPU of one query, ' + str(IN_FLIGHT) + ' in flight':44} {'us':>8} {'ratio':>7}")
    print(f"{'aiohttp, GET and json()':44} {plain:8.1f} {1:7.2f}")
    print(f"{'kling_async, GET and typed task':44} {typed:8.1f} {ratio:7.2f}   target 1.25")


def main() -> None:
    """Start the server, measure, stop it."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(BODY)
        server.stdin.close()
        asyncio.run(measure(f"http://127.0.0.1:{int(server.stdout.readline())}"))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
