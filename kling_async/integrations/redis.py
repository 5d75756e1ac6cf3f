"""Wakes between processes, through one channel of Redis: `RedisHub`.

Lossy, and meant to be: what is not heard is found out by polling. So nothing here makes a callback or a client wait for
a Redis that is not there, and no outage raises; it is logged, once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

from ..models import TaskStatus
from ..webhooks.hub import Told

__all__ = ["RedisHub"]

log: Final = logging.getLogger("kling_async.redis")

_PATIENCE: Final = 1.0
"""Seconds for which a wake, and the start of the listening, wait for Redis; and for which it is left alone then."""
_QUIET: Final = 15.0
"""Seconds without a word after which Redis is asked whether it is there; after as many again it is not."""
_PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to listen again."""
_MOST: Final = 1000
"""Wakes in one message."""
_TROUBLE: Final = (RedisError, OSError)  # the second has time-outs in it


class RedisHub:
    """
    A `WakeHub` over Redis pub/sub, for workers that do not receive the callbacks of their own tasks.

    Takes an address (`redis://`, `rediss://`, `unix://`), or a client of yours, which is never closed. One hub serves
    one event loop. The connections of an address are closed when the last listener leaves; where nobody listens, use
    `async with`, or call `close`. Wakes are lost while Redis is away, and polling finds out what they would have told.
    """

    def __init__(self, redis: str | Redis, *, channel: str = "kling_async") -> None:
        """Send nothing and open nothing yet. Accounts that share a Redis take a *channel* each."""
        self._own = isinstance(redis, str)
        self._redis: Any = _connected(redis) if isinstance(redis, str) else redis  # whose parameters have no types
        self._channel = channel
        self._listeners = 0
        self._waiting = dict[str, TaskStatus]()
        self._turn = asyncio.Lock()
        self._idle_until = 0.0
        self._away = False

    def __repr__(self) -> str:
        return f"<RedisHub {self._channel}>"  # an address may have a password in it

    async def __aenter__(self) -> Self:
        """The hub itself; connections are opened when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close the connections of an address. May be called twice; what comes after opens them again."""
        if self._own:
            await self._redis.aclose()

    async def wake(self, external_id: str, status: TaskStatus = TaskStatus.UNKNOWN) -> None:
        """
        Tell all listeners that there is news of a task, within a second or not at all.

        Wakes that come while one is being told go together, and of those of one task that of its end, or the last.
        """
        if asyncio.get_running_loop().time() < self._idle_until:
            return
        if not self._waiting.get(external_id, TaskStatus.UNKNOWN).final:  # what comes later may be older, or forged
            self._waiting[external_id] = status
        async with self._turn:
            if external_id in self._waiting:  # else it went along with somebody else's
                await self._publish()

    def listen(self, told: Told) -> AbstractAsyncContextManager[None]:
        """Call *told* for every wake, of any process, until the block is left."""
        return self._listening(told)

    async def _publish(self) -> None:
        going = {each: self._waiting.pop(each) for each in list(islice(self._waiting, _MOST))}
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._redis.publish(self._channel, json.dumps(going))
        except _TROUBLE as error:
            self._waiting.clear()
            self._idle_until = asyncio.get_running_loop().time() + _PATIENCE
            self._lost(error)

    @asynccontextmanager
    async def _listening(self, told: Told) -> AsyncGenerator[None, None]:
        tried = asyncio.Event()
        self._listeners += 1
        following = asyncio.create_task(self._follow(told, tried), name="kling_async RedisHub")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await tried.wait()
            yield
        finally:
            while not following.done():
                following.cancel()  # again and again: asyncio.wait_for below Python 3.12, with which redis-py sends,
                await asyncio.wait([following], timeout=0.1)  # swallows one that comes as it ends
            self._listeners -= 1
            if not self._listeners:
                await self.close()

    async def _follow(self, told: Told, tried: asyncio.Event) -> None:
        """Listen, and listen again, until cancelled."""
        attempts = 0
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(self._channel)
                    async for kind, data in _heard(channel):
                        if kind == "subscribe":
                            attempts = 0
                            self._back()
                            tried.set()
                        for external_id, status in _wakes(data) if kind == "message" else ():
                            told(external_id, status)
            except Exception as error:  # noqa: BLE001 - whatever a lent client makes of strangers' bytes, go on listening
                self._lost(error)
            tried.set()
            await asyncio.sleep(_PAUSES[min(attempts, len(_PAUSES) - 1)])
            attempts += 1

    def _lost(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            # The type alone: messages name hosts and users.
            log.warning("Redis is away (%s); tasks are polled for until it is back", type(error).__name__)

    def _back(self) -> None:
        self._idle_until = 0.0
        if self._away:
            self._away = False
            log.info("Redis is back")


def _connected(url: str) -> Any:
    # One attempt each: a wake is rather dropped than late, and the listening goes on by itself.
    return cast("Any", Redis).from_url(
        url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE
    )


async def _heard(channel: Any) -> AsyncGenerator[tuple[str, Any], None]:
    """What comes, with its kind. Raises where Redis says nothing even when it is asked."""
    asked = False
    while True:
        message = await channel.get_message(timeout=_QUIET)
        if message is not None:
            asked = False
            yield message["type"], message["data"]
        elif asked:
            raise Disconnected("Redis is silent")
        else:
            asked = True
            await channel.ping()


def _wakes(data: str | bytes) -> list[tuple[str, TaskStatus]]:
    """External ids and claimed statuses; none where a message is not one of ours."""
    try:
        wakes: object = json.loads(data)
    except (ValueError, RecursionError):
        return []
    told = cast("dict[str, object]", wakes) if isinstance(wakes, dict) else {}
    return [(external_id, TaskStatus(str(status))) for external_id, status in told.items()]
