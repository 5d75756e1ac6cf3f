"""A bad line between a client and a server on this machine: a TCP proxy that cuts or stalls at the byte it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

from .hosting import lingered


class BadLine:
    """
    Forwards everything to `upstream` until its plan says otherwise.

    The plan gives, for each connection, after how many bytes from the server it is cut; None for a connection that
    holds. When the plan is used up, all hold. With `stall`, the line falls silent in place of being cut.
    """

    def __init__(self, upstream: str, plan: Iterator[int | None], *, stall: bool = False) -> None:
        self.url = ""
        self.cuts = 0
        self._upstream = urlsplit(upstream)
        self._plan = plan
        self._stall = stall
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()

    def release(self) -> None:
        """End the silence: the lines that stalled are cut."""
        self._released.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.ensure_future(self._forward(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        asking = asyncio.ensure_future(_copied(reader, outer))
        try:
            with contextlib.suppress(ConnectionError):
                await self._answer(inner, writer, next(self._plan, None))
        finally:
            asking.cancel()
            for each in (writer, outer):
                each.transport.abort()  # without a goodbye, as a broken line is

    async def _answer(self, inner: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
        while data := await inner.read(65536):
            writer.write(data if left is None else data[:left])
            await writer.drain()
            if left is not None:
                left -= len(data)
                if left <= 0:
                    await self._broken(writer)
                    return

    async def _broken(self, writer: asyncio.StreamWriter) -> None:
        await lingered(writer)
        self.cuts += 1
        if self._stall:
            await self._released.wait()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
