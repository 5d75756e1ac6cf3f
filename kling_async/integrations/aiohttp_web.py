"""aiohttp: the receiver of callbacks as a sub-application."""

from __future__ import annotations

from aiohttp import web

from ..webhooks.callbacks import Callbacks
from .receiving import ALLOW, NOT_FOUND, answered

__all__ = ["callback_app"]


def callback_app(callbacks: Callbacks) -> web.Application:
    """
    Receive what comes in at the addresses of *callbacks*: a sub-application for `app.add_subapp("/kling", ...)`.

    It answers with a status and no body: 200, or 404 for whatever is wrong, 405, 408 where the body takes longer than
    five seconds, 413 above 64 KiB. The paths are as good as keys: keep them out of access logs, your proxy's too.
    """

    async def call(request: web.Request) -> web.Response:
        body = request.content.iter_any()
        try:
            status = await answered(callbacks, request.method, request.path, request.headers, body)
        except web.RequestPayloadError as error:  # it is no body in the encoding or the pieces that were announced
            error.with_traceback(None)  # aiohttp logs it later, and our frames know the path
            status = NOT_FOUND
        return web.Response(status=status, headers=ALLOW.get(status))

    app = web.Application()
    app.router.add_route("*", "/{path:(?s:.*)}", call)
    return app
