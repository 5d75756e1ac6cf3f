"""A storm of forged and replayed callbacks beside 100 real tasks: what it does to them, to the vendor and to memory.

Three processes: an emulator in real time; a service (FastAPI under uvicorn and a client, on one loop) that waits for
100 pictures; and a sender who posts 1,000 callbacks a second for ten seconds, half of them with tokens that are made
up, half to the true addresses of the tasks, which claim now this, now that. Once without the storm, once with it.
Targets: lag as without the storm, at most one query per task in two seconds, memory flat.

    python benchmarks/callback_storm.py [tasks]
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import uvicorn
from fastapi import FastAPI

from kling_async import Callbacks, KlingClient
from kling_async.emulator import ACCESS_KEY, SECRET_KEY, Emulator
from kling_async.fastapi import callback_router

RATE, SECONDS, CONNECTIONS = 1000, 10.0, 8
TICK: Final = 0.02


async def emulate() -> None:
    """A Kling until killed."""
    async with Emulator() as emulator:
        print(emulator.url, flush=True)
        await asyncio.Event().wait()


def post(path: str, external_id: str, status: str) -> bytes:
    """A callback as the vendor sends it."""
    told = {"task_id": "1", "task_status": status, "task_info": {"external_task_id": external_id}, "task_result": {}}
    body = json.dumps(told).encode()
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def storm(addresses: list[str]) -> list[bytes]:
    """What is sent, over and over."""
    chance = random.Random(1)
    calls = list[bytes]()
    for _ in range(2000):
        path = urlsplit(chance.choice(addresses)).path
        external_id = path.split("/")[-2]
        if chance.random() < 0.5:
            path = path.rpartition(".")[0] + "." + secrets.token_urlsafe(32)
        calls.append(post(path, external_id, chance.choice(("processing", "succeed", "failed"))))
    return calls


async def send(addresses: list[str]) -> None:
    """Send them and print how they were answered."""
    port = urlsplit(addresses[0]).port
    calls, answers = storm(addresses), Counter[str]()

    async def read(reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b"HTTP/1.1"):
                answers[line.split()[1].decode()] += 1

    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    readers = [asyncio.create_task(read(reader)) for reader, _ in lines]
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < SECONDS:
        while sent < passed * RATE:
            lines[sent % CONNECTIONS][1].write(calls[sent % len(calls)])
            sent += 1
        await asyncio.sleep(TICK)
    took = time.monotonic() - began
    await asyncio.sleep(0.5)  # for the last answers
    for reader in readers:
        reader.cancel()
    print(json.dumps({"sent": sent, "seconds": took, "answers": dict(answers)}))


def resident() -> float:
    """MiB of this process, now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def serve(url: str, tasks: int, *, stormy: bool) -> None:
    """Be the service, and print what became of its tasks."""
    listening = socket.create_server(("127.0.0.1", 0))
    callbacks = Callbacks(url=f"http://127.0.0.1:{listening.getsockname()[1]}/kling", keys=secrets.token_bytes(32))
    app = FastAPI()
    app.include_router(callback_router(callbacks, prefix="/kling"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    serving = asyncio.create_task(server.serve([listening]))
    asked = defaultdict[str, list[float]](list)
    trace = aiohttp.TraceConfig()

    async def note(_: object, __: object, request: aiohttp.TraceRequestStartParams) -> None:
        if request.method == "GET":
            asked[request.url.path].append(time.monotonic())

    trace.on_request_start.append(note)
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        KlingClient(
            session=session, callbacks=callbacks, base_url=url, access_key=ACCESS_KEY, secret_key=SECRET_KEY
        ) as kling,
    ):
        handles = await asyncio.gather(
            *(kling.images.generate(prompt=f"a paper boat, take {at}", model_name="kling-v3") for at in range(tasks))
        )

        async def lag(at: int) -> float:
            task = await handles[at]
            return time.time() - (task.updated_ms or 0) / 1000

        waiting = [asyncio.create_task(lag(at)) for at in range(tasks)]
        await asyncio.sleep(1)
        before, told = resident(), b"{}"
        if stormy:
            sender = await asyncio.create_subprocess_exec(
                sys.executable, __file__, "--send", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            addresses = [callbacks.address(handle.external_task_id or "") for handle in handles]
            told, _ = await sender.communicate(json.dumps(addresses).encode())
        else:
            await asyncio.sleep(SECONDS)
        grown = resident() - before
        lags = await asyncio.gather(*waiting)
    server.should_exit = True
    await serving
    single = {path: times for path, times in asked.items() if not path.endswith("/generations")}
    gaps = [later - earlier for times in single.values() for earlier, later in pairwise(times)]
    print(
        json.dumps(
            {
                "mean": statistics.fmean(lags),
                "p99": statistics.quantiles(lags, n=100)[98],
                "singles": sum(map(len, single.values())) / tasks,
                "pages": sum(map(len, asked.values())) - sum(map(len, single.values())),
                "shortest": min(gaps, default=None),
                "grown": grown,
                "storm": json.loads(told),
            }
        )
    )


def run(*words: str, text: str | None = None) -> dict[str, Any]:
    """What another process of this program prints."""
    ran = subprocess.run([sys.executable, __file__, *words], input=text, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def measure(tasks: int) -> None:
    """Once without, once with the storm."""
    print(f"{'':>14} {'mean lag':>9} {'p99':>6} {'single/task':>12} {'pages':>6} {'closest two':>12} {'MiB more':>9}")
    for name in ("quiet", "storm"):
        with subprocess.Popen([sys.executable, __file__, "--emulate"], stdout=subprocess.PIPE, text=True) as emulator:
            try:
                assert emulator.stdout is not None
                told = run("--serve", emulator.stdout.readline().strip(), str(tasks), name)
            finally:
                emulator.kill()
        closest = "-" if told["shortest"] is None else f"{told['shortest']:.2f} s"
        print(
            f"{name:>14} {told['mean']:>7.2f} s {told['p99']:>5.1f}s {told['singles']:>12.2f} {told['pages']:>6}"
            f" {closest:>12} {told['grown']:>9.1f}"
        )
        if told["storm"]:
            answers = ", ".join(f"{count:,} x {status}" for status, count in sorted(told["storm"]["answers"].items()))
            print(f"{told['storm']['sent']:,} callbacks in {told['storm']['seconds']:.1f} s: {answers}")


def main() -> None:
    """Be whichever process this is."""
    match sys.argv[1:]:
        case ["--emulate"]:
            asyncio.run(emulate())
        case ["--send"]:
            asyncio.run(send(json.load(sys.stdin)))
        case ["--serve", url, tasks, name]:
            asyncio.run(serve(url, int(tasks), stormy=name == "storm"))
        case rest:
            measure(int(rest[0]) if rest else 100)


if __name__ == "__main__":
    main()
