"""What one create costs when its answer is lost: tasks paid, and whether the caller gets the one that was made.

The emulator runs in a second process and loses the first answer of every create, in each way that it knows, after it
has made and billed the task. Every side sends the same prompt with its own defaults, except that all give up an answer
after a second. runwayml, openai and azure-core post to the emulator itself, replicate and fal-client to routes of their
own form that pass on whatever becomes of the request. The loops are what one writes by hand: three tries by tenacity,
without an external id, and with the same one each time.

`paid` is tasks billed per create, `got` the share of creates whose caller was given a task that exists, `lost` the
share of those whose caller has a bill, and neither the task nor an id by which to find it, `s` the seconds that the
creates of one way, all at once, took. In the column `well` nothing is lost; it counts for none of these.

    python benchmarks/lost_answers.py [creates per way] [side ...]
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import aiohttp
import attrs
import tenacity

from kling_async import KlingClient, Limits, Retry, SubmitUnknown

WAYS: Final = (
    "well",
    "cut",
    "reset",
    "cut_body",
    "silence",
    "empty",
    "unreadable",
    "no_task_id",
    "html",
    500,
    5001,
    5002,
)
HEADS: Final = tuple(f"{way!s:>4}" for way in WAYS)
PATH: Final = "/v1/images/generations"
PATIENCE: Final = 1.0
"""Seconds after which every side gives up an answer."""
SETTLE: Final = 2.0
SLOTS: Final = 1_000_000
"""Of the emulator, which has no limit: all creates go at once, as those of the other sides do."""

SERVER = """
import asyncio, sys
import aiohttp
from aiohttp import web
from kling_async.emulator import Emulator, API_KEY
from kling_async.emulator.faults import Hide, Lose, RepeatedIds

async def main():
    limit = aiohttp.ClientTimeout(total=3)
    async with Emulator(seed=1) as emulator, aiohttp.ClientSession(timeout=limit) as session:
        async def arm(request):
            emulator.clear_faults()
            if "lax" in request.query:
                emulator.add(RepeatedIds(), Hide(1))
            way = request.query["way"]
            if way != "well":
                emulator.add(Lose(int(way) if way.isdecimal() else way, first=int(request.query["creates"])))
            return web.json_response(len(emulator.tasks))
        async def tasks(request):
            return web.json_response(list(emulator.tasks))
        def passed_on(form):
            async def handle(request):
                headers = {"Authorization": f"Bearer {API_KEY}"}
                try:
                    async with session.post(emulator.url + "/v1/images/generations", headers=headers,
                                            json={"prompt": "x", "model_name": "kling-v3"}) as response:
                        body = await response.read()
                        try:
                            task = (await response.json(content_type=None))["data"]["task_id"]
                        except (ValueError, KeyError, TypeError):
                            return web.Response(status=response.status, body=body)
                        return web.json_response(form(task), status=201)
                except (aiohttp.ClientError, TimeoutError):
                    request.transport.abort()
                    return web.Response()
            return handle
        def replicate(task):
            return {"id": task, "model": "a/b", "version": "c", "status": "starting", "input": {}, "output": None,
                    "logs": "", "error": None, "created_at": None, "started_at": None, "completed_at": None, "urls": {}}
        def fal(task):
            return {"request_id": task, "response_url": "", "status_url": "", "cancel_url": ""}
        app = web.Application()
        app.add_routes([web.get("/arm", arm), web.get("/tasks", tasks),
                        web.post("/v1/predictions", passed_on(replicate)), web.post("/fal/{path:.*}", passed_on(fal))])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(emulator.url, f"http://127.0.0.1:{runner.addresses[0][1]}", API_KEY, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@attrs.frozen
class Place:
    """Where everything is."""

    url: str
    peers: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """What the emulator wants to see."""
        return {"Authorization": f"Bearer {self.key}"}


@attrs.frozen
class End:
    """What a caller has in the end: a task, or an id by which it can be found, or neither."""

    task_id: str | None = None
    named: bool = False


Make: TypeAlias = Callable[[], Awaitable[str]]
"""Makes one task and returns its id."""
Side: TypeAlias = Callable[[Place], Any]


def body(**more: str) -> dict[str, str]:
    return {"prompt": "x", "model_name": "kling-v3", **more}


@asynccontextmanager
async def ours(place: Place) -> AsyncGenerator[Make, None]:
    """kling_async, told that the vendor shows a task within two seconds, and has slots for all."""
    async with KlingClient(
        api_key=place.key,
        base_url=place.url,
        limits=Limits(image=SLOTS),
        retry=Retry(settle=SETTLE),
        timeout=PATIENCE,
    ) as kling:

        async def make() -> str:
            return str((await kling.images.generate(prompt="x", model_name="kling-v3")).id)

        yield make


def loop_of_tenacity(*, with_id: bool) -> Side:
    """Make it with httpx and tenacity: three tries whenever anything goes wrong."""

    @asynccontextmanager
    async def side(place: Place) -> AsyncGenerator[Make, None]:
        httpx = importlib.import_module("httpx")
        async with httpx.AsyncClient(headers=place.headers, timeout=PATIENCE) as session:

            async def make() -> str:
                sent = body(external_task_id=f"k{secrets.token_hex(12)}") if with_id else body()

                @tenacity.retry(
                    stop=tenacity.stop_after_attempt(3),
                    wait=tenacity.wait_random_exponential(multiplier=0.5),
                    retry=tenacity.retry_if_exception(lambda error: not isinstance(error, PermissionError)),
                    reraise=True,
                )
                async def post() -> str:
                    response = await session.post(f"{place.url}{PATH}", json=sent)
                    if 400 <= response.status_code < 500:
                        raise PermissionError(response.text)  # stands for a refusal, which is not tried again
                    response.raise_for_status()
                    return str(response.json()["data"]["task_id"])

                return await post()

            yield make

    return side


def sdk_of(module: str, client: str, **options: Any) -> Side:
    """An SDK of the family that has `client.post`, with its own retries."""

    @asynccontextmanager
    async def side(place: Place) -> AsyncGenerator[Make, None]:
        kind = getattr(importlib.import_module(module), client)
        async with kind(api_key=place.key, base_url=place.url, timeout=PATIENCE, **options) as sdk:

            async def make() -> str:
                answer = await sdk.post(PATH, body=body(), cast_to=object)
                return str(answer["data"]["task_id"])

            yield make

    return side


@asynccontextmanager
async def by_azure(place: Place) -> AsyncGenerator[Make, None]:
    """azure-core's pipeline with its retry policy."""
    core: Any = importlib.import_module("azure.core")
    rest: Any = importlib.import_module("azure.core.rest")
    policies: Any = importlib.import_module("azure.core.pipeline.policies")
    async with core.AsyncPipelineClient(place.url, policies=[policies.AsyncRetryPolicy()]) as client:

        async def make() -> str:
            request = rest.HttpRequest("POST", f"{place.url}{PATH}", json=body(), headers=place.headers)
            response = await client.send_request(request, read_timeout=PATIENCE)
            response.raise_for_status()
            return str(response.json()["data"]["task_id"])

        yield make


@asynccontextmanager
async def by_replicate(place: Place) -> AsyncGenerator[Make, None]:
    """Its own predictions.async_create."""
    kind = importlib.import_module("replicate").Client
    client = kind(api_token="x", base_url=place.peers, timeout=PATIENCE)  # noqa: S106 - nobody's

    async def make() -> str:
        return str((await client.predictions.async_create(version="c" * 64, input={"prompt": "x"})).id)

    yield make


@asynccontextmanager
async def by_fal(place: Place) -> AsyncGenerator[Make, None]:
    """Its own submit."""
    fal: Any = importlib.import_module("fal_client.client")
    fal.QUEUE_URL_FORMAT = f"{place.peers}/fal/"
    client = fal.AsyncClient(key="x", default_timeout=PATIENCE)

    async def make() -> str:
        return str((await client.submit("a/b", {"prompt": "x"})).request_id)

    yield make


SIDES: Final[dict[str, tuple[str | None, Side]]] = {
    "kling_async": (None, ours),
    "httpx + tenacity": ("httpx", loop_of_tenacity(with_id=False)),
    "httpx + tenacity, same id": ("httpx", loop_of_tenacity(with_id=True)),
    "openai": ("openai", sdk_of("openai", "AsyncOpenAI")),
    "azure-core": ("azure", by_azure),
    "runwayml": ("runwayml", sdk_of("runwayml", "AsyncRunwayML")),
    "replicate": ("replicate", by_replicate),
    "fal-client": ("fal_client", by_fal),
}


async def ended(make: Make) -> End:
    """What becomes of one create."""
    try:
        return End(await make())
    except SubmitUnknown:
        return End(named=True)
    except Exception:  # noqa: BLE001 - whatever a peer raises, its caller has no task
        return End()


async def measure(place: Place, make: Make, way: str | int, creates: int, *, lax: bool) -> tuple[float, float, float]:
    """Tasks paid per create, the share of callers who got theirs, and of those who are left with a bill."""
    async with aiohttp.ClientSession() as session:
        query = {"way": str(way), "creates": str(creates), **({"lax": "1"} if lax else {})}
        async with session.get(f"{place.peers}/arm", params=query) as response:
            before = int(await response.json())
        ends = await asyncio.gather(*(ended(make) for _ in range(creates)))
        async with session.get(f"{place.peers}/tasks") as response:
            tasks: list[str] = await response.json()
    known = set(tasks)
    got = sum(end.task_id in known for end in ends)
    left = sum(not end.named and end.task_id not in known for end in ends)
    return (len(tasks) - before) / creates, got / creates, left / creates


async def all_ways(place: Place, side: Side, creates: int, *, lax: bool) -> list[tuple[float, float, float]]:
    async with side(place) as make:
        return [await measure(place, make, way, creates, lax=lax) for way in WAYS]


def run(name: str, creates: int, *, lax: bool) -> None:
    """One side against an emulator of its own."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert server.stdout is not None
        place = Place(*server.stdout.readline().split())
        start = time.perf_counter()
        rows = asyncio.run(all_ways(place, SIDES[name][1], creates, lax=lax))
        seconds = (time.perf_counter() - start) / len(WAYS)
    finally:
        server.kill()
        server.wait()
    paid, got, left = (statistics.fmean(column) for column in zip(*rows[1:], strict=True))
    ways = " ".join(f"{each[0]:>{len(way)}.2f}" for way, each in zip(HEADS, rows, strict=True))
    print(f"{name:26} {ways} {paid:6.2f} {got:6.0%} {left:6.0%} {seconds:6.1f}", flush=True)


def main() -> None:
    """Print both tables."""
    given = sys.argv[1:]
    creates = next((int(each) for each in given if each.isdigit()), 20)
    names = [each for each in SIDES if each in given] or [
        name for name, (module, _) in SIDES.items() if module is None or importlib.util.find_spec(module)
    ]
    for lax, title in (
        (False, "ids unique"),
        (True, "ids not unique, hidden 1 s"),
    ):
        print(f"{title:26.26} {' '.join(HEADS)}   paid    got   lost    s")
        for name in names:
            run(name, creates, lax=lax)


if __name__ == "__main__":
    main()
