"""The emulator calls back as the vendor's page tells it, and goes wrong in the ways that can be asked for."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest
import pytest_asyncio
from aiohttp import web

from kling_async.emulator import Emulator
from kling_async.emulator.faults import (
    DelayCallback,
    Down,
    Lose,
    LoseCallback,
    RepeatCallback,
    ShuffleCallbacks,
)

Call = Callable[..., Awaitable[tuple[int, Any]]]

pytestmark = [pytest.mark.looptime, pytest.mark.kling_emulator(speed=1)]

IMAGES = "/v1/images/generations"
VIDEOS = "/v1/videos/text2video"
FIRST, SECOND = ("whsec_" + base64.b64encode(bytes([letter]) * 32).decode() for letter in b"ab")


@attrs.frozen
class Got:
    """One callback as it arrived."""

    at: float
    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """As JSON."""
        return json.loads(self.raw)


@attrs.define
class Receiver:
    """Takes in everything, and answers as it is told."""

    url: str = ""
    status: int = 200
    got: list[Got] = attrs.field(factory=list[Got])

    async def take(self, request: web.Request) -> web.Response:
        """Answer."""
        at = asyncio.get_running_loop().time()
        self.got.append(Got(at, request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    @property
    def words(self) -> list[str]:
        """The statuses, in the order in which they came."""
        return [each.body["task_status"] for each in self.got]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """On a port of its own."""
    receiver, app = Receiver(), web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=1e6)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/here"
    yield receiver
    await runner.cleanup()


async def over(call: Call, emulator: Emulator, url: str, path: str = IMAGES, **body: Any) -> Any:
    """Make a task, and let it end."""
    _, made = await call("POST", path, {"prompt": "a fox", "callback_url": url, **body})
    task = emulator.tasks[made["data"]["task_id"]]
    await asyncio.sleep(task.course.ended - task.course.created + 5)
    return task


@pytest.mark.parametrize("path", [IMAGES, VIDEOS])
async def test_every_change_of_status_is_told(
    call: Call, kling_emulator: Emulator, receiver: Receiver, path: str
) -> None:
    """When it happens, as the bare task, without an envelope."""
    task = await over(call, kling_emulator, receiver.url, path, external_task_id="mine")

    assert ["processing", "succeed"] == receiver.words
    assert {"/here"} == {each.path for each in receiver.got}
    last = receiver.got[-1].body
    assert (task.task_id, {"external_task_id": "mine"}) == (last["task_id"], last["task_info"])
    assert not {"code", "data", "watermark_info"} & set(last)
    assert last["task_result"][path.split("/")[2]][0]["url"].startswith("http")
    assert last["final_unit_deduction"]
    apart = receiver.got[1].at - receiver.got[0].at
    assert abs(apart - (task.course.ended - task.course.started)) < 0.1
    assert [(task.task_id, "processing", 200), (task.task_id, "succeed", 200)] == [
        attrs.astuple(each) for each in kling_emulator.callbacks
    ]


async def test_a_failure_is_told_with_its_reason(call: Call, kling_emulator: Emulator, receiver: Receiver) -> None:
    """As queries tell it."""
    await over(call, kling_emulator, receiver.url, prompt="risky")

    assert ["processing", "failed"] == receiver.words
    assert "risk control" in receiver.got[-1].body["task_status_msg"]


@pytest.mark.kling_emulator(quirks=True)
async def test_with_quirks_some_are_told_as_the_newer_api_does(
    call: Call, kling_emulator: Emulator, receiver: Receiver
) -> None:
    """Beside all that varies in the older one."""
    for _ in range(12):
        await over(call, kling_emulator, receiver.url)

    newer = [each.body for each in receiver.got if "id" in each.body]
    assert 0 < len(newer) < 24
    assert {"processing", "succeeded"} == {each["status"] for each in newer}


@pytest.mark.parametrize("url", ["http://192.0.2.1/x", "http://example.com/x", "https://127.0.0.1.example.com/"])
async def test_nobody_but_this_machine_is_called(call: Call, kling_emulator: Emulator, url: str) -> None:
    """Whatever stands in a task's body."""
    await over(call, kling_emulator, url)

    assert [] == kling_emulator.callbacks


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_nobody_is_called_twice(call: Call, kling_emulator: Emulator, receiver: Receiver, status: int) -> None:
    """Nor sent on to somebody else."""
    receiver.status = status

    await over(call, kling_emulator, receiver.url)

    assert 2 == len(receiver.got)
    assert [status] * 2 == [each.status for each in kling_emulator.callbacks]


async def test_a_receiver_that_is_not_there_is_no_trouble(call: Call, kling_emulator: Emulator) -> None:
    """Nobody answered."""
    await over(call, kling_emulator, "http://127.0.0.1:9/")

    assert [0, 0] == [each.status for each in kling_emulator.callbacks]


def signatures(secrets: list[str], got: Got) -> str:
    """What the headers must be."""
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.raw
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys)


@pytest.mark.parametrize("secret", [FIRST, [FIRST, SECOND]])
async def test_callbacks_are_signed_where_there_is_a_secret(
    receiver: Receiver, secret: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """By all of them while one is being replaced; none of them is shown."""
    caplog.set_level(logging.DEBUG)
    async with Emulator(webhook_secret=secret) as emulator, emulator.client() as kling:
        await (await kling.images.generate(prompt="x", callback_url=receiver.url))
        await asyncio.sleep(1)
        shown = repr(emulator) + caplog.text

    secrets = [secret] if isinstance(secret, str) else secret
    assert [signatures(secrets, got) for got in receiver.got] == [
        got.headers["webhook-signature"] for got in receiver.got
    ]
    assert len(receiver.got) == len({got.headers["webhook-id"] for got in receiver.got})
    assert not any(each in shown for each in secrets)


async def test_without_a_secret_nothing_is_signed(call: Call, kling_emulator: Emulator, receiver: Receiver) -> None:
    """As before August 2026."""
    await over(call, kling_emulator, receiver.url)

    assert not any(name.lower().startswith("webhook-") for got in receiver.got for name in got.headers)


@pytest.mark.parametrize("secret", ["abc", "whsec_", "whsec_!", [FIRST, 7]])
def test_what_is_no_secret_is_refused(secret: Any) -> None:
    """And not shown."""
    with pytest.raises(ValueError, match="webhook_secret must be whsec_"):
        Emulator(webhook_secret=secret)


# What can be made to go wrong.


async def test_callbacks_can_be_lost(call: Call, kling_emulator: Emulator, receiver: Receiver) -> None:
    """Those that came into question are counted as for any fault."""
    kling_emulator.add(LoseCallback(every=2))

    await over(call, kling_emulator, receiver.url)

    assert ["processing"] == receiver.words
    assert [200, 0] == [each.status for each in kling_emulator.callbacks]


async def test_callbacks_can_be_repeated(call: Call, kling_emulator: Emulator, receiver: Receiver) -> None:
    """With a pause, to the byte."""
    kling_emulator.add(RepeatCallback(2, seconds=2, first=1))

    await over(call, kling_emulator, receiver.url)
    first = [each for each in receiver.got if each.body["task_status"] == "processing"]

    assert [0, 2, 4] == [round(each.at - first[0].at) for each in first]
    assert 1 == len({each.raw for each in first})
    assert 4 == len(receiver.got)


async def test_callbacks_can_be_late(call: Call, kling_emulator: Emulator, receiver: Receiver) -> None:
    """They tell how things were."""
    kling_emulator.add(DelayCallback(100, first=1))

    await over(call, kling_emulator, receiver.url)
    await asyncio.sleep(100)

    assert ["succeed", "processing"] == receiver.words


async def test_callbacks_can_come_in_another_order(call: Call, kling_emulator: Emulator, receiver: Receiver) -> None:
    """By chance, the same for the same seed."""
    kling_emulator.add(ShuffleCallbacks(600))

    for _ in range(8):
        await over(call, kling_emulator, receiver.url)
    await asyncio.sleep(600)

    made = [str(each.body["task_id"]) for each in receiver.got]
    assert 16 == len(made)
    assert sorted(made) != made


async def test_faults_of_callbacks_may_be_of_one_endpoint(
    call: Call, kling_emulator: Emulator, receiver: Receiver
) -> None:
    """As for calls."""
    kling_emulator.add(LoseCallback(path=VIDEOS))

    await over(call, kling_emulator, receiver.url)
    await over(call, kling_emulator, receiver.url, VIDEOS)

    assert [200, 200, 0, 0] == [each.status for each in kling_emulator.callbacks]


async def test_who_is_dead_calls_nobody(call: Call, kling_emulator: Emulator, receiver: Receiver) -> None:
    """And forgets it."""
    kling_emulator.add(Down(since=0.5, until=300))

    await over(call, kling_emulator, receiver.url)

    assert "succeed" not in receiver.words


async def test_a_task_whose_create_was_lost_calls_back(kling_emulator: Emulator, receiver: Receiver) -> None:
    """It is there all the same."""
    kling_emulator.add(Lose("cut", first=1))

    async with kling_emulator.client() as kling:
        await (await kling.images.generate(prompt="x", callback_url=receiver.url))
        await asyncio.sleep(1)

    assert "succeed" in receiver.words
    assert 1 == len(kling_emulator.tasks)


async def test_an_emulator_that_stops_calls_nobody_any_more(receiver: Receiver) -> None:
    """Nothing is left of it."""
    async with Emulator() as emulator, emulator.client() as kling:
        await kling.images.generate(prompt="x", callback_url=receiver.url)

    await asyncio.sleep(100)

    assert [] == [task for task in asyncio.all_tasks() if "kling emulator" in task.get_name()]
    assert "succeed" not in receiver.words
