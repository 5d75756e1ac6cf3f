"""FastAPI: a client that lives as long as the application, our errors as HTTP answers, news as server-sent events.

Only what FastAPI needs to be told; what is told stands in `problems`, `streams` and `receiving`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, Final, TypeAlias, overload

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from sse_starlette import EventSourceResponse
from starlette.requests import ClientDisconnect, HTTPConnection

from ..client import KlingClient
from ..errors import KlingError
from ..handle import TaskHandle
from ..webhooks.callbacks import Callbacks
from ..wording import one_line
from .problems import MEDIA_TYPE, problem
from .receiving import ALLOW, GIVEN_UP, answered
from .streams import Show, events, is_end, snapshot

__all__ = ["Kling", "callback_router", "install_errors", "kling_client", "kling_lifespan", "updates_response"]

log: Final = logging.getLogger("kling_async.fastapi")

Lifespan: TypeAlias = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]

_STATE: Final = "kling"
_SAFE: Final = ("GET", "HEAD")


@overload
def kling_lifespan(make: Callable[[], KlingClient], /) -> Lifespan: ...


@overload
def kling_lifespan(**options: Any) -> Lifespan: ...


def kling_lifespan(make: Callable[[], KlingClient] | None = None, /, **options: Any) -> Lifespan:
    """
    A lifespan that opens one client when the application starts, and closes it when it ends: `FastAPI(lifespan=...)`.

    Takes the options of `KlingClient`, or a function that makes the client. It is made on the loop of the worker, so
    each worker has its own. In a lifespan of your own, enter it and yield what it yields, `{"kling": client}`, with
    your own state.
    """
    created = make or (lambda: KlingClient(**options))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[Mapping[str, Any], None]:
        async with created() as client:
            yield {_STATE: client}

    return lifespan


def kling_client(connection: HTTPConnection) -> KlingClient:
    """
    The application's client; what `Kling` depends on, and `dependency_overrides` replaces.

    Raises `RuntimeError` where the application has no `kling_lifespan`.
    """
    client = getattr(connection.state, _STATE, None)
    if not isinstance(client, KlingClient):
        raise RuntimeError(  # noqa: TRY004 - nobody passed a value of a wrong type
            "the application has no KlingClient: start it with FastAPI(lifespan=kling_lifespan()), "
            "or yield what that yields from your own lifespan"
        )
    return client


Kling: TypeAlias = Annotated[KlingClient, Depends(kling_client)]
"""The type of a parameter that shall be the application's client: `async def create(kling: Kling)`."""


def install_errors(app: FastAPI) -> None:
    """
    Answer every `KlingError` that a handler lets through as `application/problem+json`.

    What its caller can change is said, with `Retry-After` where coming again helps and cannot make a second task; what
    only you can change is logged (`kling_async.fastapi`, WARNING).
    """
    app.add_exception_handler(KlingError, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    if not isinstance(error, KlingError):  # not what it was installed for
        raise error
    told = problem(error, safe=request.method in _SAFE)
    if told.status >= 500:
        log.warning("answered %d: %s: %s", told.status, type(error).__name__, one_line(str(error)))
    # In ASCII: ids are anybody's, and may have half a letter in them, at which JSONResponse would fail.
    return Response(json.dumps(told.body), told.status, dict(told.headers), MEDIA_TYPE)


def callback_router(callbacks: Callbacks, *, prefix: str = "") -> APIRouter:
    """
    Receive what comes in at the addresses of *callbacks*; with a prefix `/kling` for a `url` of `https://<host>/kling`.

    Answers with a status and no body: 200, or 404 for whatever is wrong, 405, 408 where the body takes longer than five
    seconds, 413 above 64 KiB. It is not in the schema. The paths are as good as keys: keep them out of access logs,
    uvicorn's and your proxy's.
    """

    async def call(request: Request) -> Response:
        try:
            status = await answered(callbacks, request.method, request.scope["path"], request.headers, request.stream())
        except ClientDisconnect:
            status = GIVEN_UP
        return Response(status_code=status, headers=ALLOW.get(status))

    router = APIRouter()
    # Starlette's own route, which knows nothing of models; no methods are all of them, which are judged like the rest.
    for slash in ("", "/"):  # which is a wrong path like any other, and not to be redirected to the right one
        router.add_route(f"{prefix}/v1/{{external_id}}/{{token}}{slash}", call, methods=[], include_in_schema=False)
    return router


def updates_response(
    handle: TaskHandle[Any], request: Request, *, show: Show = snapshot, heartbeat: float = 15.0
) -> Response:
    """
    The news of a task as server-sent events, until its end: `task`, or `problem` where nobody can tell.

    Each `task` event is the whole state (`snapshot` and `eta`, or what *show* makes of it). A browser that comes again
    with Last-Event-ID is told only what it has not seen, by whatever worker; after the end with 204, at which it stops.
    A comment is sent every *heartbeat* seconds. A closed tab ends the listening and nothing else. The links in
    *snapshot* open the files to whoever has them.
    """
    seen = request.headers.get("last-event-id", "")
    if is_end(seen):
        return Response(status_code=204)
    return EventSourceResponse(events(handle, seen, show), ping=heartbeat)
