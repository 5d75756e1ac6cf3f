"""A wake reaches all who listen in this process, and nobody who has left."""

from __future__ import annotations

import asyncio
import threading

from kling_async import TaskStatus
from kling_async.webhooks.hub import LocalHub


async def test_all_who_listen_are_told() -> None:
    """As long as they do."""
    hub, first, second = LocalHub(), list[str](), list[str]()

    async with hub.listen(lambda name, _: first.append(name)):
        async with hub.listen(lambda name, _: second.append(name)):
            await hub.wake("a", TaskStatus.SUCCEED)
        await hub.wake("b", TaskStatus.SUCCEED)
    await hub.wake("c", TaskStatus.SUCCEED)

    assert (["a", "b"], ["a"]) == (first, second)


async def test_another_loop_is_told_in_its_own_thread() -> None:
    """A receiver may run in one, and those who wait in another."""
    hub, told, threads = LocalHub(), asyncio.Event(), list[int]()

    def listen(_: str, status: TaskStatus) -> None:
        threads.append(threading.get_ident())
        if status is TaskStatus.FAILED:
            told.set()

    async with hub.listen(listen):
        await asyncio.to_thread(asyncio.run, hub.wake("a", TaskStatus.FAILED))
        await told.wait()

    assert [threading.get_ident()] == threads
