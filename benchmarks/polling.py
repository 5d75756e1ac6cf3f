"""Following many tasks at once: requests per task, lag and CPU, beside what others do.

The emulator runs in a second process.

Closed loop: as many tasks as said are always in flight, each followed by the side that is measured. Time is compressed
on both sides and all figures are given as of real time. `lag` is from the end of a task to the moment the program hears
of it. Peers poll at their own pace, compressed likewise: runwayml 6 s with jitter, replicate 0.5 s, fal-client 0.1 s
are their defaults; beside them each at 5 s. They ask routes of their own form in the emulator's process.

    python benchmarks/polling.py [image|video] [tasks in flight] [side ...]
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import itertools
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import aiohttp
import attrs

from kling_async import KlingClient, Polling
from kling_async.polling import debt, durations, watcher

SPEEDS: Final = {"image": 8.0, "video": 20.0}
CREATE: Final = {"image": "/v1/images/generations", "video": "/v1/videos/text2video"}
FIXED: Final = 5.0

SERVER = """
import asyncio, json, sys
from aiohttp import web
from kling_async.emulator import Emulator, API_KEY

async def main(speed):
    async with Emulator(speed=speed, seed=1) as emulator:
        asked = [0]
        def of(request):
            asked[0] += 1
            return emulator.tasks[request.match_info["id"]]
        ended = lambda task: task.status in ("succeed", "failed")
        async def runway(request):
            task = of(request)
            status = "SUCCEEDED" if ended(task) else "RUNNING"
            more = {"output": ["https://x/y.png"]} if ended(task) else {"progress": 0.5}
            return web.json_response(
                {"id": task.task_id, "status": status, "createdAt": "2026-01-01T00:00:00Z", **more})
        async def replicate(request):
            task = of(request)
            return web.json_response({"id": task.task_id, "model": "a/b", "version": "c", "status":
                "succeeded" if ended(task) else "processing", "input": {}, "output": None, "logs": "", "error": None,
                "created_at": None, "started_at": None, "completed_at": None, "urls": {}})
        async def fal_status(request):
            task = of(request)
            return web.json_response({"status": "COMPLETED", "logs": None, "metrics": {}} if ended(task) else
                                     {"status": "IN_PROGRESS", "logs": None})
        async def fal(request):
            return web.json_response({})
        async def stats(request):
            queries = sum(seen.method == "GET" for seen in emulator.requests)
            return web.json_response({"requests": queries + asked[0]})
        async def ends(request):
            return web.json_response({name: task.course.ended for name, task in emulator.tasks.items()})
        app = web.Application()
        app.add_routes([web.get("/v1/tasks/{id}", runway), web.get("/v1/predictions/{id}", replicate),
                        web.get("/fal/{id}/status", fal_status), web.get("/fal/{id}", fal),
                        web.get("/stats", stats), web.get("/ends", ends)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(emulator.url, f"http://127.0.0.1:{runner.addresses[0][1]}", API_KEY, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(float(sys.argv[1])))
"""

Wait: TypeAlias = Callable[[Any], Awaitable[None]]
"""Follows one task to its end."""


@attrs.frozen
class Place:
    """Where everything is."""

    kind: str
    speed: float
    url: str
    peers: str
    key: str

    def seconds(self, real: float) -> float:
        """What a time is when compressed."""
        return real / self.speed


Side: TypeAlias = Callable[[Place, KlingClient], Any]


def compress(speed: float) -> None:
    """Compress what the package believes and promises in seconds, as the tasks and the peers' pauses are compressed."""
    durations.__dict__["_MEDIANS"] = {pool: median / speed for pool, median in vars(durations)["_MEDIANS"].items()}
    for module, names in ((debt, ("_LONGEST_GAP", "_FIRST_LOOK", "_YOUNG")), (watcher, ("_MARGIN",))):
        for name in names:
            module.__dict__[name] /= speed


@asynccontextmanager
async def ours(place: Place, kling: KlingClient) -> AsyncGenerator[Wait, None]:
    """kling_async as it is."""
    del place, kling

    async def wait(handle: Any) -> None:
        await handle

    yield wait


@asynccontextmanager
async def by_aiohttp(place: Place, kling: KlingClient) -> AsyncGenerator[Wait, None]:
    """A GET every five seconds and `json()`."""
    del kling
    headers = {"Authorization": f"Bearer {place.key}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def wait(handle: Any) -> None:
            while True:
                await asyncio.sleep(place.seconds(FIXED))
                async with session.get(f"{place.url}{CREATE[place.kind]}/{handle.id}") as response:
                    task = (await response.json())["data"]
                if task["task_status"] in ("succeed", "failed"):
                    return

        yield wait


@asynccontextmanager
async def by_httpx(place: Place, kling: KlingClient) -> AsyncGenerator[Wait, None]:
    """The same with httpx."""
    httpx = importlib.import_module("httpx")
    del kling
    headers = {"Authorization": f"Bearer {place.key}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(headers=headers, timeout=60, limits=httpx.Limits(max_connections=200)) as session:

        async def wait(handle: Any) -> None:
            while True:
                await asyncio.sleep(place.seconds(FIXED))
                response = await session.get(f"{place.url}{CREATE[place.kind]}/{handle.id}")
                if response.json()["data"]["task_status"] in ("succeed", "failed"):
                    return

        yield wait


@asynccontextmanager
async def by_runwayml(place: Place, kling: KlingClient) -> AsyncGenerator[Wait, None]:
    """Its own wait_for_task_output, every 4.5 to 7.5 seconds."""
    pace: Any = importlib.import_module("runwayml.lib.polling")
    del kling
    pace.POLL_TIME, pace.POLL_JITTER = place.seconds(6), place.seconds(3)
    async with importlib.import_module("runwayml").AsyncRunwayML(api_key="x", base_url=place.peers) as client:
        kind = pace.create_async_waitable_resource(pace.AsyncNewTaskCreatedResponse, client)

        async def wait(handle: Any) -> None:
            await kind.model_construct(id=handle.id).wait_for_task_output(timeout=None)

        yield wait


@asynccontextmanager
async def by_replicate(place: Place, kling: KlingClient, every: float = 0.5) -> AsyncGenerator[Wait, None]:
    """Its own async_wait, every half second unless told otherwise."""
    del kling
    client = importlib.import_module("replicate").Client(api_token="x", base_url=place.peers)  # noqa: S106 - nobody's
    client.poll_interval = place.seconds(every)

    async def wait(handle: Any) -> None:
        await (await client.predictions.async_get(handle.id)).async_wait()

    yield wait


@asynccontextmanager
async def by_fal(place: Place, kling: KlingClient, every: float = 0.1) -> AsyncGenerator[Wait, None]:
    """Its own handle.get, every tenth of a second unless told otherwise."""
    del kling
    handles: Any = importlib.import_module("fal_client.client")
    async with importlib.import_module("httpx").AsyncClient(timeout=60) as session:

        async def wait(handle: Any) -> None:
            at = f"{place.peers}/fal/{handle.id}"
            await handles.AsyncRequestHandle(handle.id, at, f"{at}/status", at, session).get(
                interval=place.seconds(every)
            )

        yield wait


def every_five(side: Any) -> Side:
    """A peer that is told to ask as seldom as the others."""
    return lambda place, kling: side(place, kling, every=FIXED)


SIDES: Final[dict[str, tuple[str | None, Side]]] = {
    "kling_async": (None, ours),
    "aiohttp, 5 s": (None, by_aiohttp),
    "httpx, 5 s": ("httpx", by_httpx),
    "runwayml, 6 s": ("runwayml", by_runwayml),
    "replicate, 0.5 s": ("replicate", by_replicate),
    "replicate, 5 s": ("replicate", every_five(by_replicate)),
    "fal-client, 5 s": ("fal_client", every_five(by_fal)),
}


async def measure(place: Place, side: Side, count: int, total: int) -> tuple[float, ...]:
    """Requests per task, mean lag, p99 lag, CPU milliseconds per task."""
    chance = random.Random(1)
    heard = dict[str, float]()
    warm, enough = asyncio.Event(), asyncio.Event()
    async with (
        KlingClient(api_key=place.key, base_url=place.url, polling=Polling()) as kling,
        side(place, kling) as wait,
        aiohttp.ClientSession() as session,
    ):
        create: Any = kling.images.generate if place.kind == "image" else kling.videos.text_to_video
        numbers = itertools.count()

        async def one_place() -> None:
            await asyncio.sleep(chance.random() * place.seconds(20 if place.kind == "image" else 140))
            while not enough.is_set():
                handle = await create(prompt="x", model_name="kling-v3")
                await wait(handle)
                heard[str(handle.id)] = time.time()
                if (number := next(numbers)) >= min(count, total // 4):
                    warm.set()
                if number >= total:
                    enough.set()

        workers = [asyncio.ensure_future(one_place()) for _ in range(count)]
        await warm.wait()  # until the first are through, all are young
        before, first, cpu = await _requests(session, place), len(heard), time.process_time()
        known = set(heard)
        await enough.wait()
        cpu = time.process_time() - cpu
        requests = await _requests(session, place) - before
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        async with session.get(f"{place.peers}/ends") as response:
            ends = await response.json()
    tasks = len(heard) - first
    lags = sorted((at - ends[name]) * place.speed for name, at in heard.items() if name not in known)
    return requests / tasks, statistics.fmean(lags), lags[int(0.99 * len(lags))], cpu / tasks * 1e3


async def _requests(session: aiohttp.ClientSession, place: Place) -> int:
    async with session.get(f"{place.peers}/stats") as response:
        return int((await response.json())["requests"])


def run(kind: str, count: int, name: str, total: int, speed: float) -> tuple[float, ...]:
    """One side against an emulator of its own."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(speed)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert server.stdout is not None
        url, peers, key = server.stdout.readline().split()
        place = Place(kind, speed, url, peers, key)
        compress(speed)
        return asyncio.run(measure(place, SIDES[name][1], count, total))
    finally:
        compress(1 / speed)
        server.kill()
        server.wait()


def main() -> None:
    """Print the tables that were asked for."""
    given = sys.argv[1:]
    kinds = [each for each in given if each in SPEEDS] or ["image", "video"]
    counts = [int(each) for each in given if each.isdigit()] or [100]
    names = [each for each in SIDES if each in given] or [
        name for name, (module, _) in SIDES.items() if module is None or importlib.util.find_spec(module)
    ]
    for kind, count in itertools.product(kinds, counts):
        print(f"{f'{count} {kind} tasks in flight':34} {'requests':>9} {'lag s':>7} {'p99 s':>7} {'CPU ms':>7}")
        speed = SPEEDS[kind] * min(1.0, 200 / count)
        for name in names:
            figures = run(kind, count, name, max(60, min(5 * count, 2500)), speed)
            print("{:34} {:9.2f} {:7.2f} {:7.2f} {:7.2f}".format(name, *figures), flush=True)


if __name__ == "__main__":
    main()
