"""
Where the emulator listens: opened at the start, and shut and opened again on the same port while it plays dead.

While it is shut the port is kept by a socket that is bound and does not listen: callers are refused by the operating
system, as they are by a machine on which nothing runs, and nobody else can take the port meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, Final

from aiohttp import web

from .clock import LoopClock
from .script import Script
from .wire import hang_up

BACKLOG: Final = 128
SOONEST: Final = 0.001
"""Seconds; a turn is never so near that the clock could not move on to it."""


class Doorway:
    """The listening sockets of one run."""

    def __init__(self, server: web.Server, script: Script, clock: LoopClock) -> None:
        self._server = server
        self._script = script
        self._clock = clock
        self._listeners: list[asyncio.Server] = []
        self._addresses: list[tuple[int, Any]] = []
        self._plugs: list[socket.socket] = []
        self._turned = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        clock.when_set_back = self._turned.set

    async def open(self, host: str, port: int) -> int:
        """Listen; gives the port. The ``OSError`` of the operating system where it is taken."""
        listener = await asyncio.get_running_loop().create_server(self._server, host, port, backlog=BACKLOG)
        self._listeners = [listener]
        self._addresses = [(each.family, each.getsockname()) for each in listener.sockets]
        self.look()
        return int(self._addresses[0][1][1])

    async def close(self) -> None:
        """Stop listening for good."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._stop_listening()
        self._pull_plugs()

    def look(self) -> None:
        """Look at the script, which may be another one now; what has to be shut is shut when this returns."""
        if self._script.is_down():
            self._shut()
        if self._keeper is not None:
            self._turned.set()
        elif not self._listeners or self._script.next_turn() is not None:
            self._keeper = asyncio.create_task(self._keep(), name="emulator's doorway")

    async def _keep(self) -> None:
        """Shut and open when it is time."""
        while True:
            self._turned.clear()
            if self._script.is_down():
                self._shut()
            elif not self._listeners:
                await self._open_again()
            turn = self._script.next_turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if turn is None else max(turn - self._clock.now(), SOONEST)):
                    await self._turned.wait()

    def _shut(self) -> None:
        if not self._listeners:
            return
        self._stop_listening()
        for handler in self._server.connections:
            hang_up(handler.transport, reset=True)
        with contextlib.suppress(OSError):  # another kind of loop lets go of a port only later
            self._plugs = [_plug(family, address) for family, address in self._addresses]

    async def _open_again(self) -> None:
        self._pull_plugs()
        loop = asyncio.get_running_loop()
        self._listeners = [
            await loop.create_server(self._server, sock=_plug(family, address), backlog=BACKLOG)
            for family, address in self._addresses
        ]

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners = []

    def _pull_plugs(self) -> None:
        for plug in self._plugs:
            plug.close()
        self._plugs = []


def _plug(family: int, address: Any) -> socket.socket:
    """A socket that has the address, and does not listen."""
    plug = socket.socket(family, socket.SOCK_STREAM)
    try:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        plug.bind(address)
    except OSError:
        plug.close()
        raise
    return plug
