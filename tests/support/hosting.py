"""A file host whose broken answers break only after the client could read what came before; pauses without chance."""

from __future__ import annotations

import asyncio
import random

from .vendor import Reply, Vendor, _read

_TURNS = 50


class FileHost(Vendor):
    """Plays its replies; one that is longer on paper than in fact is cut when all of the fact has arrived."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (seen := await _read(reader)) is not None:
                self.seen.append(seen)
                script = self.replies[0]
                reply = script if isinstance(script, Reply) else script(seen)
                length = len(reply.body) if reply.length is None else reply.length
                head = {"Content-Length": str(length), **reply.headers}
                lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value)
                writer.write(f"HTTP/1.1 {reply.status} Reason\r\n{lines}\r\n".encode() + reply.body)
                await writer.drain()
                if reply.length is not None:
                    await lingered(writer)
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, which is its right
        finally:
            self._connections.discard(writer)
            writer.close()


async def lingered(writer: asyncio.StreamWriter) -> None:
    """Wait until everything has left, and the other side, which is on this loop too, has had many turns to read it."""
    while writer.transport.get_write_buffer_size():
        await asyncio.sleep(0)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Fixed(random.Random):
    """Chooses pauses without chance, and notes how long they could have been."""

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__()
        self.pause = pause
        self.bounds = list[float]()

    def uniform(self, a: float, b: float) -> float:
        """Always the same."""
        self.bounds.append(a + b)
        return self.pause
