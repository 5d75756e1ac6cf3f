"""Starting, stopping, options, and what importing the emulator costs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import aiohttp
import pytest

from kling_async import KlingClient
from kling_async.emulator import API_KEY, Emulator


async def test_port_in_use_is_the_systems_own_error() -> None:
    """A taken port raises OSError from start() and leaves nothing behind; a free one works afterwards."""
    async with Emulator() as first:
        port = int(first.url.rpartition(":")[2])
        second = Emulator(port=port)

        with pytest.raises(OSError, match="in use"):
            await second.start()

    await second.start()
    assert first.url == second.url
    await second.stop()


async def test_stop_may_come_twice_and_before_start() -> None:
    """stop() is always safe; what happened stays readable."""
    emulator = Emulator()
    await emulator.stop()

    async with emulator, aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        await http.post(f"{emulator.url}/v1/videos/text2video", json={"prompt": "a cat"})
    await emulator.stop()

    assert 1 == len(emulator.requests) == len(emulator.tasks)
    assert 0 == emulator.spent["video"]


async def test_started_again_it_has_forgotten() -> None:
    """A second start is a new life on a new port; two starts at once are refused."""
    emulator = Emulator()
    async with emulator, aiohttp.ClientSession() as http:
        await http.get(f"{emulator.url}/v1/nowhere")
        with pytest.raises(RuntimeError, match="running already"):
            await emulator.start()

    async with emulator:
        assert [] == emulator.requests


@pytest.mark.parametrize("name", ["url", "requests", "tasks", "spent"])
def test_before_start_there_is_nothing_to_tell(name: str) -> None:
    """An emulator that was never started says so."""
    emulator = Emulator()

    with pytest.raises(RuntimeError, match="not started"):
        getattr(emulator, name)


@pytest.mark.parametrize(
    "options",
    [{"slots": {"videos": 5}}, {"units": {"audio": 1}}, {"speed": 0}, {"unknown_model": 1202}, {"pictures": "gif"}],
)
def test_wrong_options_are_refused_at_once(options: dict[str, Any]) -> None:
    """An option that could have no effect, or no meaning, is a ValueError at construction."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Emulator(**options)


async def test_client_knows_address_and_keys(kling_emulator: Emulator) -> None:
    """client() is a client of this emulator that may call it; other credentials take the place of its own."""
    async with kling_emulator.client() as kling, kling_emulator.client(api_key=API_KEY) as other:
        pages = [await client.images.generate.list() for client in (kling, other)]

    assert isinstance(kling, KlingClient)
    assert [0, 0] == [len(page) for page in pages]
    assert [200, 200] == [request.status for request in kling_emulator.requests]


async def test_two_emulators_do_not_know_each_other() -> None:
    """Each has its own tasks and its own port."""
    async with Emulator() as one, Emulator() as other, aiohttp.ClientSession() as http:
        await http.post(f"{one.url}/v1/nowhere")

        assert one.url != other.url
        assert (1, 0) == (len(one.requests), len(other.requests))


def test_imaging_is_imported_when_used() -> None:
    """Importing the emulator does not import Pillow or av, nor any part of the client that talks."""
    code = (
        "import sys, kling_async; before = set(sys.modules); import kling_async.emulator;"
        "new = set(sys.modules) - before;"
        "print([name for name in new if name.split('.')[0] in ('PIL', 'av')"
        " or name.startswith(('kling_async.transport', 'kling_async.polling', 'kling_async.submitting'))])"
    )

    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert "[]" == told.strip()


async def test_open_connections_do_not_hold_up_the_stop() -> None:
    """A client that keeps its connection open does not keep the emulator running."""
    async with aiohttp.ClientSession() as http:
        emulator = Emulator()
        await emulator.start()
        await http.get(f"{emulator.url}/v1/nowhere")

        await asyncio.wait_for(emulator.stop(), 2)


@pytest.mark.parametrize(("host", "named"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")])
async def test_an_emulator_on_every_address_names_one_that_a_client_can_call(host: str, named: str) -> None:
    """The address is for calling, and so are the links of files."""
    async with Emulator(host=host) as emulator:
        async with emulator.client() as kling:
            await kling.images.generate(prompt="x")

        assert emulator.url.startswith(f"http://{named}:")


async def test_a_client_of_a_fast_emulator_looks_as_often_as_its_tasks_are_fast() -> None:
    """A task of a twentieth of a second is not looked at after a second."""
    async with Emulator(speed=50) as fast, Emulator() as real:
        pace = fast.client().inside.core.polling.max_lag, real.client().inside.core.polling.max_lag

    assert (0.1, None) == pace


@pytest.mark.parametrize(
    "options",
    [
        {"slots": {"video": -1}},
        {"units": {"image": -5}},
        {"slots": {"video": "x"}},
        {"units": {"image": "NaN"}},
        {"refused_words": "abc"},
        {"risky_words": "abc"},
    ],
)
def test_an_option_that_makes_no_sense_is_said_at_construction(options: dict[str, Any]) -> None:
    """Not at the first call, and not by another behaviour."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Emulator(**options)


async def several_turns() -> None:
    """Let the other side, which is on this loop too, read what has come."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_an_upload_that_is_broken_off_is_nothing_to_talk_about(caplog: pytest.LogCaptureFixture) -> None:
    """A client may go away at any byte: no traceback, no task, and the next one is served."""
    async with Emulator() as emulator, aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        host, port = emulator.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST /v1/images/generations HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {API_KEY}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode()
        )
        await writer.drain()
        await several_turns()
        writer.transport.abort()
        await several_turns()
        async with http.post(f"{emulator.url}/v1/images/generations", json={"prompt": "a cat"}) as answer:
            status = answer.status

        assert (200, 1, 1) == (status, len(emulator.tasks), len(emulator.requests))
    assert [] == [record for record in caplog.records if record.levelname == "ERROR"]
