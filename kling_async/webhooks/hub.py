"""Wakes whoever waits for a task when its callback has come. A wake is a hint: it may be lost, repeated, or untrue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeAlias

from ..models import TaskStatus

Told: TypeAlias = Callable[[str, TaskStatus], None]
"""Takes an external id, and the status that a callback claims; UNKNOWN where that is not known."""


class WakeHub(Protocol):
    """Carries wakes from whoever receives callbacks to whoever waits, in this process or in others."""

    async def wake(self, external_id: str, status: TaskStatus) -> None:
        """Tell all listeners, wherever they are. Returns soon, and raises nothing for listeners that are not there."""
        ...

    def listen(self, told: Told) -> AbstractAsyncContextManager[None]:
        """
        Call *told* on the running loop for every wake, until the context is left.

        It must be quick. Wakes may be lost on the way; they are never trusted, and polling goes on beside them.
        """
        ...


class LocalHub:
    """Wakes within one process, across its threads and loops; what callbacks use that are given no other hub."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._listeners: tuple[tuple[asyncio.AbstractEventLoop, Told], ...] = ()

    async def wake(self, external_id: str, status: TaskStatus = TaskStatus.UNKNOWN) -> None:
        """Tell all listeners: at once those of this loop, soon those of others."""
        here = asyncio.get_running_loop()
        for loop, told in self._listeners:
            if loop is here:
                told(external_id, status)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(told, external_id, status)

    def listen(self, told: Told) -> AbstractAsyncContextManager[None]:
        """Call *told* on the running loop for every wake, until the context is left."""
        return self._listening(told)

    @asynccontextmanager
    async def _listening(self, told: Told) -> AsyncGenerator[None, None]:
        entry = (asyncio.get_running_loop(), told)
        self._listeners = (*self._listeners, entry)
        try:
            yield
        finally:
            self._listeners = tuple(each for each in self._listeners if each is not entry)
