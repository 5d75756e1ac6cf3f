"""`kling emulator` listens until it is stopped, and says how to reach it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from kling_async import KlingClient
from tests.cli.running import Run


async def test_it_prints_what_to_export_and_stops_at_ctrl_c(start: Callable[..., subprocess.Popen[str]]) -> None:
    """The exports it prints are enough for a client, and Ctrl-C ends it in peace."""
    process = start(
        "emulator", "--port", "0", "--slots", "image=1", "--secret-key", "made-up-and-long-enough-for-its-purpose"
    )
    assert process.stdout is not None
    lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(4)]
    exported = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines[1:])

    async with KlingClient(
        base_url=exported["KLING_BASE_URL"],
        access_key=exported["KLING_ACCESS_KEY"],
        secret_key=exported["KLING_SECRET_KEY"],
    ) as kling:
        tasks = await kling.images.generate.list()
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.to_thread(process.communicate)

    assert 0 == process.returncode
    assert () == tasks
    assert "made-up-and-long-enough-for-its-purpose" == exported["KLING_SECRET_KEY"]
    assert "calls answered: 1, tasks made: 0" in err


async def test_a_port_in_use_is_one_message(run: Run) -> None:
    """A port that is taken is told in one panel, with exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = await run("emulator", "--port", taken.getsockname()[1])

    assert 1 == ran.code
    assert "cannot listen on 127.0.0.1 port" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("slots", ["video", "video=0", "video=many", "radio=3"])
async def test_bad_slots_are_refused(slots: str, run: Run) -> None:
    """Slots are pools with whole numbers, of pools that exist."""
    ran = await run("emulator", "--slots", slots, "--port", "0")

    assert 2 == ran.code
    assert "╭" in ran.err
