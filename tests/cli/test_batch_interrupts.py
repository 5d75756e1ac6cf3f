"""Ctrl-C in the middle of a batch: once finishes what is paid, twice leaves at once, and both are gone on with."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kling_async.cli.failures import Exit
from kling_async.cli.interrupts import Interrupts
from kling_async.emulator import Emulator
from tests.cli.running import Run, environment
from tests.support.batches import made, names, pictures

Start = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a process")


def manifest(folder: Path, count: int) -> Path:
    """A file of prompts."""
    path = folder / "prompts.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in pictures(count)), encoding="utf-8")
    return path


async def under_way(emulator: Emulator, count: int) -> None:
    """Wait until so many tasks were made."""
    while len(emulator.tasks) < count:
        await asyncio.sleep(0.01)


async def over(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a process said, once it is over."""
    return await asyncio.to_thread(process.communicate, timeout=30)


@pytest.mark.kling_emulator(speed=15)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_one_finishes_what_is_paid(
    number: signal.Signals, kling_emulator: Emulator, start: Start, run: Run, tmp_path: Path
) -> None:
    """Says so, sends nothing more, exits with 130; a resume makes the rest, and nothing twice."""
    arguments = ("batch", "run", manifest(tmp_path, 7), "--slots", "image=3")
    process = start(*arguments, **environment(kling_emulator))
    await under_way(kling_emulator, 3)

    process.send_signal(number)
    out, err = await over(process)
    paid = len(kling_emulator.tasks)
    resumed = start("batch", "resume", tmp_path / "prompts.journal.db", **environment(kling_emulator))
    await over(resumed)

    assert (Exit.INTERRUPTED, Exit.OK) == (process.returncode, resumed.returncode)
    assert "are finished first. Ctrl-C again leaves at once" in err
    assert f"Go on later with: kling batch resume {tmp_path / 'prompts.journal.db'} --slots image=3" in err
    assert f"{7 - paid} tasks left. Go on with:" in err
    assert str(tmp_path / "prompts.results.jsonl") in out
    assert "Traceback" not in err
    assert 3 <= paid <= 6
    assert [1] * 7 == made(kling_emulator)
    assert 7 == len(names(tmp_path / "prompts-files"))


@pytest.mark.kling_emulator(speed=8)
async def test_the_second_one_leaves_at_once(kling_emulator: Emulator, start: Start, tmp_path: Path) -> None:
    """Tells that what was sent goes on, and how to take it up; nothing is made twice."""
    process = start("batch", "run", manifest(tmp_path, 4), "--slots", "image=3", **environment(kling_emulator))
    await under_way(kling_emulator, 3)

    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    said = list[str]()
    while not said or "Ctrl-C again" not in said[-1]:
        said.append(await asyncio.to_thread(process.stderr.readline))
        assert said[-1], said
    process.send_signal(signal.SIGINT)
    left = asyncio.get_running_loop().time()
    _, err = await over(process)
    took = asyncio.get_running_loop().time() - left
    resumed = start("batch", "resume", tmp_path / "prompts.journal.db", **environment(kling_emulator))
    await over(resumed)

    assert (Exit.INTERRUPTED, Exit.OK) == (process.returncode, resumed.returncode)
    assert "What was sent goes on" in " ".join(err.replace("│", " ").split())
    assert f"kling batch resume {tmp_path / 'prompts.journal.db'} --slots image=3" in err
    assert "Traceback" not in err
    assert took < 2
    assert [1] * 4 == made(kling_emulator)


async def test_while_the_manifest_is_read_there_is_nothing_to_go_on_with(
    kling_emulator: Emulator, start: Start, tmp_path: Path
) -> None:
    """The first one leaves at once, and nothing is left behind."""
    path = manifest(tmp_path, 30_000)
    process = start("batch", "run", path, **environment(kling_emulator))
    while not (tmp_path / "prompts.journal.db").exists():
        await asyncio.sleep(0.01)

    process.send_signal(signal.SIGINT)
    out, err = await over(process)

    assert (Exit.INTERRUPTED, "") == (process.returncode, out)
    assert "Nothing was sent, and nothing of the manifest was taken over" in err
    assert "Go on with" not in err
    assert ["prompts.jsonl"] == names(tmp_path)
    assert [] == kling_emulator.requests


@pytest.mark.kling_emulator(speed=15)
async def test_json_tells_the_stop(kling_emulator: Emulator, start: Start, tmp_path: Path) -> None:
    """As an object among the others, and as the exit code of the summary."""
    process = start(
        "batch", "run", manifest(tmp_path, 6), "--slots", "image=2", "--json", **environment(kling_emulator)
    )
    await under_way(kling_emulator, 2)

    process.send_signal(signal.SIGINT)
    out, err = await over(process)

    told: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert "" == err
    assert ["plan", "stopping"] == [each["event"] for each in told if each["event"] != "item"][:2]
    assert ("summary", 130) == (told[-1]["event"], told[-1]["exit_code"])


@pytest.mark.kling_emulator(speed=20)
async def test_it_can_be_watched_from_elsewhere(
    kling_emulator: Emulator, start: Start, run: Run, tmp_path: Path
) -> None:
    """Until all has ended: who runs it, how far it is, and how fast it goes."""
    process = start("batch", "run", manifest(tmp_path, 6), "--slots", "image=2", **environment(kling_emulator))
    await under_way(kling_emulator, 2)

    watched = await run("batch", "status", tmp_path / "prompts.journal.db", "--watch", "--json")
    await over(process)

    looks = watched.objects
    pools = [each["pools"]["image"] for each in looks]
    assert (0, 0) == (watched.code, process.returncode)
    assert process.pid == looks[0]["owner_pid"]
    assert sorted(pool["done"] for pool in pools) == [pool["done"] for pool in pools]
    assert ("ended", 6, 0) == (looks[-1]["state"], pools[-1]["done"], pools[-1]["slots_used"])
    assert any(pool["per_minute"] for pool in pools)
    assert any(pool["seconds_left"] for pool in pools)


async def test_before_anything_was_paid_the_first_one_leaves() -> None:
    """There is nothing to finish."""
    interrupts = Interrupts()

    async def work() -> None:
        with interrupts:
            asyncio.get_running_loop().call_soon(interrupts.interrupt)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())

    assert interrupts.left


async def test_what_is_cancelled_by_others_was_not_left() -> None:
    """So that it is not taken for Ctrl-C."""
    interrupts = Interrupts()

    async def work() -> None:
        with interrupts:
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert not interrupts.left
