"""What is told of a create that must wait, or that somebody walks away from."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable

import pytest

from kling_async import KlingClient, TaskRef
from kling_async.api import ROWS
from kling_async.cli.commands import command
from kling_async.cli.common import Attempt, Connection
from kling_async.cli.failures import Exit
from kling_async.cli.shell import Shell
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Hide, Lose, Slow
from kling_async.events import SubmitEnded
from tests.cli.running import Run, environment

ONE_SLOT = pytest.mark.kling_emulator(slots={"image": 1}, speed=1)


def create(*, json: bool = False) -> asyncio.Task[int]:
    """A create on its way, of somebody who means to store a picture."""
    return asyncio.create_task(
        command(ROWS["images.generate"])(prompt="A fox", connection=Connection(json=json), external_task_id="kfox")
    )


async def cancelled(running: asyncio.Task[int]) -> None:
    """Walk away."""
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@ONE_SLOT
async def test_waiting_for_a_slot_is_told_and_bounded(against: Emulator, run: Run, kling: KlingClient) -> None:
    """While others have the slots a line says so, and after --slot-timeout nothing was made."""
    await kling.images.generate(prompt="Somebody else's")

    ran = await run("image", "generate", "A fox", "--slot-timeout", "0.3", "--no-wait")

    assert Exit.TIMEOUT == ran.code
    assert ran.err.startswith("images.generate: waiting for a free slot (")
    assert "--slot-timeout" in ran.words
    assert "kling task wait" not in ran.err
    assert 1 == len(against.tasks)


@pytest.mark.kling_emulator(slots={"image": 2}, speed=60)
async def test_a_slot_that_comes_free_is_taken(against: Emulator, run: Run, kling: KlingClient) -> None:
    """The create goes on by itself, and says how many slots it waited for."""
    await kling.images.generate(prompt="Somebody else's")

    ran = await run("image", "generate", "A fox", "-n", "2", "--no-wait")

    assert Exit.OK == ran.code
    assert "waiting for 2 free slots" in ran.err
    assert 2 == len(against.tasks)


async def test_a_slot_timeout_of_nothing_is_refused(against: Emulator, run: Run) -> None:
    """Before anything is sent."""
    ran = await run("image", "generate", "A fox", "--slot-timeout", "0")

    assert Exit.USAGE == ran.code
    assert "slot_timeout" in ran.err
    assert "Limits" not in ran.err
    assert [] == against.requests


@ONE_SLOT
async def test_leaving_the_queue_makes_no_task(
    against: Emulator, kling: KlingClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is interrupted while waiting for a slot is told that there is no task."""
    await kling.images.generate(prompt="Somebody else's")
    running = create()
    while "waiting" not in capsys.readouterr().err:
        await asyncio.sleep(0.01)

    await cancelled(running)

    told = capsys.readouterr().err
    assert "Interrupted; no task was made\n" == told
    assert 1 == len(against.tasks)


@pytest.mark.kling_emulator(speed=1, faults=[Slow(0.2, calls="creates")])
async def test_a_create_that_is_out_is_followed_to_its_task(
    against: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is interrupted before the answer came is told the id at once, and the task when it is known."""
    running = create()
    while not against.tasks:
        await asyncio.sleep(0)

    await cancelled(running)

    told = capsys.readouterr().err
    assert told.startswith("Interrupted while it was being sent as kfox; waiting for 10 s at most")
    assert "The task goes on at the vendor's and is billed" in told
    assert f"kling task wait images.generate {next(iter(against.tasks))}" in told


@pytest.mark.kling_emulator(speed=1, faults=[Slow(5, calls="creates")])
async def test_a_second_interruption_does_not_wait_for_the_answer(
    kling_emulator: Emulator, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """Whoever presses Ctrl-C twice leaves at once, with the id by which to look, and no traceback."""
    process = start("image", "generate", "A fox", "--external-task-id", "kfox", **environment(kling_emulator))
    assert process.stderr is not None
    while not kling_emulator.tasks:
        await asyncio.sleep(0.01)

    process.send_signal(signal.SIGINT)
    first = await asyncio.to_thread(process.stderr.readline)
    process.send_signal(signal.SIGINT)
    _, rest = await asyncio.to_thread(process.communicate)

    assert first.startswith("Interrupted while it was being sent as kfox")
    assert Exit.INTERRUPTED == process.returncode
    assert "may have been made" in rest
    assert "kling task wait images.generate --external-id kfox" in rest
    assert "Traceback" not in rest


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1, faults=[Lose("cut"), Hide(1000)])
@pytest.mark.parametrize("json", [False, True])
async def test_a_create_that_stays_open_is_named(
    against: Emulator, capsys: pytest.CaptureFixture[str], *, json: bool
) -> None:
    """What could not be found out is said to be possible, with the command that looks for it; as JSON too."""
    running = create(json=json)
    while not against.tasks:
        await asyncio.sleep(0)

    await cancelled(running)

    told = capsys.readouterr()
    assert json == (told.err == "")
    if json:
        assert '"external_task_id": "kfox"' in told.out
    else:
        assert "may have been made" in told.err
        assert "kling task wait images.generate --external-id kfox" in told.err


def test_a_refusal_that_came_late_is_forgotten() -> None:
    """What the client tells of an abandoned create decides whether there is a task to name."""
    attempt = Attempt(Shell(), Connection(), TaskRef(endpoint="images.generate", external_task_id="kfox"))

    attempt.ended(SubmitEnded(endpoint="images.generate", external_task_id="kfox", outcome="refused"))

    assert attempt.ref is None
