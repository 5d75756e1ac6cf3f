"""Blocking work on files, in threads of its own: the loop goes on, and nobody leaves while a thread is still at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import attrs

P = ParamSpec("P")
T = TypeVar("T")


@attrs.define(eq=False)
class Threads:
    """Two threads, made when they are needed."""

    _pool: ThreadPoolExecutor | None = attrs.field(default=None, init=False, repr=False)

    def begin(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Start some work without waiting for it."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(2, thread_name_prefix="kling_async-files")
        return asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))

    async def done(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do some work and wait for it, also if cancelled meanwhile."""
        return await landed(self.begin(work, *args, **kwargs))

    def close(self) -> None:
        """Let the threads go; there must be nothing left for them to do."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)


async def landed(future: asyncio.Future[T]) -> T:
    """What a thread gave. A cancellation is passed on when the thread is done, because threads cannot be cancelled."""
    late: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            late = error
    if late is not None:
        future.exception()
        raise late
    return future.result()
