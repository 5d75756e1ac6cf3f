"""The points at which a process is killed: those that the product names, and four that lie on the wire."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from types import SimpleNamespace
from typing import Final

import aiohttp

JOURNAL: Final = tuple(
    f"{change}.{moment}_commit"
    for change in ("plan", "intent", "accepted", "final", "done")
    for moment in ("before", "after")
)
DOWNLOAD: Final = ("download.started", "download.before_fsync", "download.before_rename", "download.after_rename")
WIRE: Final = ("post.sent", "post.answered", "poll.sent", "poll.answered")
"""Sent: all bytes have left and no answer was read. Answered: its head has come, and nobody has looked at it."""
POINTS: Final = (*JOURNAL, *DOWNLOAD, *WIRE)


class Killer:
    """Kills its own process with SIGKILL when a point is reached for the n-th time."""

    def __init__(self, point: str, hit: int) -> None:
        self._point = point
        self._hit = hit
        self._seen = Counter[str]()

    def __call__(self, point: str) -> None:
        """Be told of a point."""
        self._seen[point] += 1
        if point == self._point and self._seen[point] == self._hit:
            os.kill(os.getpid(), signal.SIGKILL)

    def trace(self) -> aiohttp.TraceConfig:
        """Be told of those on the wire, as any user's own session may be."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._started)
        config.on_request_chunk_sent.append(self._body)
        config.on_request_headers_sent.append(self._head)
        config.on_request_end.append(self._ended)
        return config

    async def _started(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestStartParams
    ) -> None:
        context.kind = "post" if params.method == "POST" else "poll"
        context.told = False

    async def _head(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        if context.kind == "poll":
            self._soon("poll.sent")

    async def _body(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        if context.kind == "post" and not context.told:  # aiohttp tells just before it writes
            context.told = True
            self._soon("post.sent")

    async def _ended(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestEndParams
    ) -> None:
        self(f"{context.kind}.answered")

    def _soon(self, point: str) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self, point)
