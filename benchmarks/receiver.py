"""What receiving a callback costs: callbacks per second in FastAPI on one core, beside an empty FastAPI route.

uvicorn with one worker runs in a process of its own, without an access log; this one sends ready-made requests over
kept connections, to both routes in turns. A callback carries a token, is parsed, and wakes a hub in the process.
Rates are per second of the server's CPU, which is what a core of its own would do, and by the clock, where others may
have had the cores. Targets: 3,000 callbacks a second, p99 below 20 ms, at most 1.5 times the cost of the empty route.

    python benchmarks/receiver.py [connections]
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from kling_async import Callbacks

KEY: Final = bytes(range(32))
ROUNDS, SECONDS = 7, 2.0
URL: Final = "http://127.0.0.1:1/kling"

SERVER: Final = """
import asyncio, socket, sys, time, uvicorn
from fastapi import FastAPI, Response
from kling_async.fastapi import callback_router
from kling_async import Callbacks

app = FastAPI()
app.include_router(callback_router(Callbacks(url=sys.argv[1], keys=bytes(range(32))), prefix="/kling"))

@app.post("/empty")
async def empty() -> Response:
    return Response()

@app.get("/cpu")
async def cpu() -> float:
    return time.process_time()

listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run([listening])
"""


class Caller(asyncio.Protocol):
    """A connection that sends the same request again as soon as it was answered."""

    def __init__(self, request: bytes, until: float, took: list[float]) -> None:
        self.request, self.until, self.took = request, until, took
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Once more."""
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """An answer, which comes in one piece and has no body."""
        assert data.startswith(b"HTTP/1.1 200 "), data
        assert data.endswith(b"\r\n\r\n"), data
        now = time.perf_counter()
        self.took.append(now - self.sent)
        if now < self.until:
            self.send()
        elif not self.over.done():
            self.over.set_result(None)
            self.transport.close()


async def cpu(port: int) -> float:
    """Seconds of the server's CPU so far."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /cpu HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    told = await reader.read()
    writer.close()
    return float(told.partition(b"\r\n\r\n")[2])


class Round(NamedTuple):
    """What one round of calls came to."""

    per_cpu: float
    per_second: float
    p99: float
    """In ms."""


async def calls(port: int, request: bytes, connections: int, seconds: float = SECONDS) -> Round:
    """Call for some seconds."""
    took = list[float]()
    used = await cpu(port)
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    callers = [
        (await loop.create_connection(lambda: Caller(request, began + seconds, took), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.over for caller in callers))
    passed = time.perf_counter() - began
    used = await cpu(port) - used
    return Round(len(took) / used, len(took) / passed, statistics.quantiles(took, n=100)[98] * 1000)


def post(path: str, body: bytes) -> bytes:
    """A request as the vendor sends it."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; charset=utf-8\r\n"
    return f"{head}User-Agent: Apache-HttpClient/4.5\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def callback() -> bytes:
    """One of a finished picture."""
    told = {
        "task_id": "800000000000000001",
        "task_status": "succeed",
        "task_status_msg": "",
        "task_info": {"external_task_id": "k0123456789abcdef01234567"},
        "created_at": 1774700000000,
        "updated_at": 1774700012000,
        "final_unit_deduction": "8",
        "task_result": {"images": [{"index": 0, "url": "https://cdn.example/kling/0.png?Signature=" + "x" * 160}]},
    }
    address = Callbacks(url=URL, keys=KEY).address("k0123456789abcdef01234567")
    return post(urlsplit(address).path, json.dumps(told).encode())


async def measure(port: int, connections: int) -> None:
    """Both in turns."""
    ours = callback()
    empty = post("/empty", ours.partition(b"\r\n\r\n")[2])
    for request in (ours, empty):
        await calls(port, request, connections, 1.0)
    rounds = [(await calls(port, ours, connections), await calls(port, empty, connections)) for _ in range(ROUNDS)]
    print(f"{'':>24} {'per s of CPU':>13} {'per second':>11} {'p99 ms':>8}")
    for at, name in enumerate(("callback", "empty FastAPI route")):
        median = Round(*(statistics.median(each[at][figure] for each in rounds) for figure in range(3)))
        print(f"{name:>24} {median.per_cpu:>13,.0f} {median.per_second:>11,.0f} {median.p99:>8.1f}")
    ratio = statistics.median(empty.per_cpu / ours.per_cpu for ours, empty in rounds)
    print(f"ratio {ratio:.2f}, {connections} connections")


def main() -> None:
    """Start the server, measure."""
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    with subprocess.Popen([sys.executable, "-c", SERVER, URL], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            asyncio.run(measure(int(server.stdout.readline()), connections))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
