"""The application: a page, its data, the news as server-sent events, and where the vendor calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.middleware.trustedhost import TrustedHostMiddleware

from kling_async import Callbacks, InvalidRequest, Polling
from kling_async.fastapi import callback_router, install_errors, kling_lifespan

from .kinds import kinds, request
from .store import Store, shown
from .work import Work

PAGE: Final = Path(__file__).parent / "page"
DATA: Final = Path(os.environ.get("STUDIO_DATA", "studio-data"))
_POLL: Final = 0.5
"""Seconds between two looks for what other workers have written."""
_MOST: Final = 2**63 - 1
"""What SQLite takes for a number."""
_SAFE: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def callbacks() -> Callbacks | None:
    """Where the vendor calls, if this machine can be reached: STUDIO_URL, STUDIO_KEY and, for workers, STUDIO_REDIS."""
    url, key = os.environ.get("STUDIO_URL"), os.environ.get("STUDIO_KEY")
    if not url or not key:
        return None
    redis = os.environ.get("STUDIO_REDIS")
    hub = None
    if redis:
        from kling_async.integrations.redis import RedisHub  # noqa: PLC0415 - an extra of its own

        hub = RedisHub(redis)
    return Callbacks(url=f"{url}/kling", keys=key, secret=os.environ.get("KLING_WEBHOOK_SECRET"), hub=hub)


CALLBACKS: Final = callbacks()


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[Mapping[str, Any], None]:
    """A client, the store, and the work that goes on behind the requests."""
    files = DATA / "files"
    await asyncio.to_thread(files.mkdir, parents=True, exist_ok=True)
    store = Store(DATA / "studio.db")
    await store.open()
    learned = Polling(memory=DATA / "durations.json")  # how long tasks take, for all workers and the next run
    async with kling_lifespan(callbacks=CALLBACKS, polling=learned)(app) as state:
        work = Work(state["kling"], store, files)
        running = asyncio.create_task(work.run())
        try:
            yield {**state, "store": store, "work": work}
        finally:
            running.cancel()
            await asyncio.wait([running])
            await store.close()


app = FastAPI(title="Studio", lifespan=lifespan)
app.add_middleware(
    TrustedHostMiddleware, allowed_hosts=os.environ.get("STUDIO_HOSTS", "localhost,127.0.0.1").split(",")
)
install_errors(app)
if CALLBACKS is not None:
    app.include_router(callback_router(CALLBACKS, prefix="/kling"))


async def the_store(request: Request) -> Store:
    """The worker's store."""
    store: Store = request.state.store
    return store


async def the_work(request: Request) -> Work:
    """The worker's tasks."""
    work: Work = request.state.work
    return work


class Order(BaseModel):
    """What the form says."""

    kind: str
    prompt: str = Field(max_length=10_000)
    options: dict[str, str | int | float] = {}


@app.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The page."""
    return FileResponse(PAGE / "index.html", headers=_SAFE)


@app.get("/api/kinds")
async def offered() -> list[dict[str, Any]]:
    """What can be made."""
    return kinds()


@app.post("/api/price")
async def price(order: Order) -> dict[str, str | None]:
    """What an order would cost, in units, or why it cannot be."""
    try:
        units = request(order.kind, order.prompt or "?", order.options, "x").estimate()
    except InvalidRequest as error:
        return {"units": None, "trouble": f"{error.field}: {error.rule}"}
    return {"units": None if units is None else f"{units:f}", "trouble": None}


@app.post("/api/tasks", status_code=202)
async def order(order: Order, work: Annotated[Work, Depends(the_work)]) -> dict[str, Any]:
    """Start a task. It is noted before anything is sent, so that neither a reload nor a crash loses it."""
    return shown(await work.order(order.kind, order.prompt, order.options))


@app.get("/api/tasks")
async def tasks(
    store: Annotated[Store, Depends(the_store)],
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    before: Annotated[int | None, Query(ge=0, le=_MOST)] = None,
) -> list[dict[str, Any]]:
    """The newest tasks, or those before one."""
    return [shown(row) for row in await store.newest(limit, before)]


@app.get("/api/news")
async def news(
    request: Request,
    store: Annotated[Store, Depends(the_store)],
    since: Annotated[int, Query(ge=0, le=_MOST)] = 0,
) -> EventSourceResponse:
    """Every change of every task since a version, over one connection: browsers open only six to one host."""
    last = request.headers.get("last-event-id", "")
    seen = re.fullmatch("[0-9]{1,18}", last)
    return EventSourceResponse(changes(store, int(last) if seen else since))


async def changes(store: Store, version: int) -> AsyncGenerator[ServerSentEvent, None]:
    """What is new, as events whose id is the version."""
    while True:
        for row in await store.after(version):
            version = row["version"]
            yield ServerSentEvent(json.dumps(shown(row)), event="task", id=str(version))
        await store.news(_POLL)


app.mount("/page", StaticFiles(directory=PAGE))
app.mount("/files", StaticFiles(directory=DATA / "files", check_dir=False))
