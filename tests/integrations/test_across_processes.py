"""A task is started in one process, its callback comes in at another, and a third one waits for its end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import pytest

from kling_async import Callbacks, TaskRef
from kling_async.emulator import Emulator
from kling_async.emulator.faults import LoseCallback
from kling_async.events import Event, Polled
from kling_async.integrations.redis import RedisHub
from tests.integrations.conftest import RedisServer, free_port

pytestmark = pytest.mark.redis

KEY: Final = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

STARTS: Final = """
import asyncio, os
from kling_async import KlingClient
from kling_async.integrations.redis import RedisHub
from kling_async import Callbacks

async def main():
    hub = RedisHub(os.environ["REDIS"])
    callbacks = Callbacks(url=os.environ["RECEIVER"], keys=os.environ["KEY"], hub=hub)
    async with KlingClient(callbacks=callbacks) as kling:
        handle = await kling.images.generate(prompt="a lighthouse", model_name="kling-v3")
        print(handle.ref.to_json())

asyncio.run(main())
"""

RECEIVES: Final = """
import os, uvicorn
from fastapi import FastAPI
from kling_async.fastapi import callback_router
from kling_async.integrations.redis import RedisHub
from kling_async import Callbacks

hub = RedisHub(os.environ["REDIS"])
callbacks = Callbacks(url=os.environ["RECEIVER"], keys=os.environ["KEY"], hub=hub)
app = FastAPI()
app.include_router(callback_router(callbacks, prefix="/kling"))
app.get("/up")(lambda: True)
uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="warning")
"""


@contextmanager
def receiver(environment: dict[str, str]) -> Generator[None, None, None]:
    """The process that the vendor calls, as long as the block lasts."""
    process = subprocess.Popen([sys.executable, "-c", RECEIVES], env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def listening(port: int) -> None:
    """Wait until somebody does."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def started(environment: dict[str, str]) -> TaskRef:
    """A task that another process has made."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTS, env=environment, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert 0 == process.returncode
    return TaskRef.from_json(told)


@pytest.mark.parametrize("lost", [False, True], ids=["called_back", "callbacks_lost"])
async def test_three_processes_share_one_task(redis_server: RedisServer, *, lost: bool) -> None:
    """
    The one that waits learns of the end in a moment and by few questions, though it neither made nor received.

    Where callbacks are lost it learns of it all the same, by asking.
    """
    asked = list[Event]()
    port = free_port()
    async with Emulator(speed=4, faults=[LoseCallback()] if lost else []) as emulator:
        environment = {
            **os.environ,
            "KLING_BASE_URL": emulator.url,
            "KLING_ACCESS_KEY": "emulator-access-key",
            "KLING_SECRET_KEY": "emulator-secret-key-not-a-secret-at-all",
            "REDIS": redis_server.url,
            "RECEIVER": f"http://127.0.0.1:{port}/kling",
            "KEY": KEY,
            "PORT": str(port),
        }
        with receiver(environment):
            await listening(port)
            ref = await started(environment)
            hub = RedisHub(redis_server.url)
            mine = Callbacks(url=environment["RECEIVER"], keys=KEY, hub=hub)
            note = asked.append
            async with emulator.client(callbacks=mine, polling=None, on_event=note) as kling, asyncio.timeout(60):
                task = await kling.attach(ref)
                late = time.time() - (task.updated_ms or 0) / 1000
            told = [(each.task_status, each.status) for each in emulator.callbacks]

    polls = [event for event in asked if isinstance(event, Polled)]
    assert ref.task_id == task.id
    assert task.result.files
    assert [("processing", 0 if lost else 200), ("succeed", 0 if lost else 200)] == told
    assert late < (10 if lost else 1.5)
    assert len(polls) <= (12 if lost else 4)
