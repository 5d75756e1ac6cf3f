"""A vendor that answers exactly what a test tells it to: for what a faithful emulator never does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias

import attrs

API_KEY = "vendor-test-key-0123456789"


@attrs.frozen
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@attrs.frozen
class Reply:
    """What to answer, byte by byte where need be."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    length: int | None = None
    """Declares another length than the body has; the connection is cut after the body."""
    cut: bool = False
    """Closes the connection without a word."""
    silent: bool = False
    """Keeps the connection open without a word."""


Script: TypeAlias = "Reply | Callable[[Seen], Reply]"


def said(data: object, *, code: int = 0, message: str = "SUCCEED", status: int = 200, **more: object) -> Reply:
    """An envelope of the vendor's."""
    envelope = {"code": code, "message": message, "request_id": "req-1", "data": data, **more}
    return Reply(json.dumps(envelope).encode(), status, {"Content-Type": "application/json"})


def refused(code: int, status: int, message: str = "no") -> Reply:
    """A refusal of the vendor's."""
    envelope = {"code": code, "message": message, "request_id": "req-1"}
    return Reply(json.dumps(envelope).encode(), status, {"Content-Type": "application/json"})


def row(task_id: str = "1", status: str = "submitted", **more: object) -> dict[str, object]:
    """A task object of the vendor's."""
    return {"task_id": task_id, "task_status": status, "created_at": 1774700000000, "updated_at": 1774700000000, **more}


class Vendor:
    """Plays its replies in order; the last one is repeated for ever."""

    def __init__(self, *replies: Script) -> None:
        self.replies = list(replies)
        self.seen: list[Seen] = []
        self.url = ""
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._connections):
            writer.close()
        await self._server.wait_closed()

    @property
    def open_connections(self) -> int:
        """How many sockets the client holds."""
        return len(self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (seen := await _read(reader)) is not None:
                self.seen.append(seen)
                script = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                reply = script if isinstance(script, Reply) else script(seen)
                if reply.silent:
                    await reader.read()
                    return
                if reply.cut:
                    return
                head = {
                    "Content-Length": str(len(reply.body) if reply.length is None else reply.length),
                    **reply.headers,
                }
                lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
                writer.write(f"HTTP/1.1 {reply.status} Reason\r\n{lines}\r\n".encode() + reply.body)
                await writer.drain()
                if reply.length is not None:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, which is its right
        finally:
            self._connections.discard(writer)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode().split(" ", 2)
    headers = dict[str, str]()
    while header := (await reader.readline()).decode().strip():
        name, _, value = header.partition(":")
        headers[name.strip().title()] = value.strip()
    body = await reader.readexactly(int(headers.get("Content-Length", "0")))
    return Seen(method, path, headers, body)
