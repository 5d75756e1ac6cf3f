"""Room for a number of tasks at once, first come first served, where a task may take more than one place.

Only for runs that know their slots beforehand and share them with nobody. Nothing is learned, nothing times out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs


@attrs.define
class Gate:
    """Lets holders in while their weights fit into the capacity."""

    capacity: int
    _used: int = attrs.field(default=0, init=False)
    _queue: deque[tuple[int, asyncio.Future[None]]] = attrs.field(
        factory=deque[tuple[int, asyncio.Future[None]]], init=False, repr=False
    )

    @asynccontextmanager
    async def hold(self, weight: int) -> AsyncGenerator[None, None]:
        """Wait for room and keep it inside the block; `ValueError` for a weight that would never fit."""
        if weight > self.capacity:
            raise ValueError(f"{weight} do not fit into {self.capacity}")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (weight, place)
        self._queue.append(entry)
        self._admit()
        try:
            await place
            yield
        finally:
            if entry in self._queue:  # whoever gave up in the queue never had room
                self._queue.remove(entry)
            else:
                self._used -= weight
            self._admit()

    def _admit(self) -> None:
        # Strictly in order: a heavy task at the front is not overtaken for ever by light ones.
        while self._queue and self._used + self._queue[0][0] <= self.capacity:
            weight, place = self._queue.popleft()
            self._used += weight
            if not place.done():
                place.set_result(None)
