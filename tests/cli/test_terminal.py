"""What is seen while a task runs, and when somebody walks away."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kling_async import SubmitUnknown, TaskRef
from kling_async.api import ROWS
from kling_async.cli import serve
from kling_async.cli.commands import command
from kling_async.cli.common import Attempt, Connection
from kling_async.cli.failures import Exit
from kling_async.cli.progress import Bars, progress
from kling_async.cli.shell import Shell
from kling_async.emulator import Emulator
from kling_async.events import DownloadFinished, DownloadProgress, DownloadResumed, DownloadStarted
from tests.cli.running import Run


def shell(*, terminal: bool, json: bool = False) -> tuple[Shell, io.StringIO]:
    """A shell, and what goes to its stderr."""
    err = io.StringIO()
    return Shell(json=json, err=Console(file=err, force_terminal=terminal, width=100)), err


def test_a_terminal_shows_bars_with_state_and_time() -> None:
    """On a terminal every task has a row with its state and the time, and markup in its name is text."""
    there, err = shell(terminal=True)

    with progress(there) as told:
        told.state("[bold]fox", "submitted")
        told.state("[bold]fox", "processing")
        told.state("[bold]fox", "done")

    assert "[bold]fox" in err.getvalue()
    assert "done" in err.getvalue()
    assert " s" in err.getvalue()


def test_a_pipe_gets_a_line_per_change() -> None:
    """Without a terminal a change is a line, and the same state twice is one."""
    there, err = shell(terminal=False)

    with progress(there) as told:
        for state in ("submitted", "submitted", "done"):
            told.state("fox", state)

    assert ["fox: submitted", "fox: done"] == [line.partition(" (")[0] for line in err.getvalue().splitlines()]


def test_what_passes_leaves_nothing_on_a_terminal() -> None:
    """A row about waiting for slots is wiped away, so that the task's own takes its place."""
    there, err = shell(terminal=True)

    with progress(there, passing=True) as told:
        told.state("fox", "waiting")

    assert "waiting" in err.getvalue()
    assert err.getvalue().endswith("\x1b[1A\x1b[2K")


def test_json_shows_no_progress() -> None:
    """With --json nothing is said on the way."""
    there, err = shell(terminal=True, json=True)

    with progress(there) as told:
        told.state("fox", "done")

    assert "" == err.getvalue()


def test_a_large_download_has_a_bar_of_its_own() -> None:
    """On a terminal a large file shows how much of it is there; a small one is not worth a row."""
    there, err = shell(terminal=True)
    shares: list[float] = []

    with progress(there) as told:
        assert isinstance(told, Bars)
        for name, size in (("small-0", 40_000), ("large-0", 40_000_000)):
            about = {"name": name, "host": "a.kling.ai"}
            told.event(DownloadStarted(**about, received=0, expected=size))
            told.event(DownloadProgress(**about, received=size // 2, expected=size))
            told.rich.refresh()
            shares += [each.percentage for each in told.rich.tasks]
            told.event(DownloadFinished(name=name, host="a.kling.ai", received=size, path=Path(name)))

    assert [50] == shares
    assert "20 MB" in err.getvalue()
    assert "large-0" in err.getvalue()
    assert "small-0" not in err.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_download_that_goes_on_is_told(*, terminal: bool) -> None:
    """A download that broke says so, and when it goes on, wherever progress is shown."""
    there, err = shell(terminal=terminal)

    with progress(there) as told:
        about = {"name": "fox-0", "host": "a.kling.ai"}
        told.event(DownloadResumed(**about, received=5_000_000, pause=2.0, reason="cut off"))

    assert "fox-0: broke off after 5.0 MB (cut off), goes on in 2 s" in err.getvalue()


@pytest.mark.kling_emulator(speed=1)
@pytest.mark.parametrize("json", [False, True])
async def test_cancelling_the_wait_names_the_task(
    against: Emulator, capsys: pytest.CaptureFixture[str], *, json: bool
) -> None:
    """Whoever stops waiting is told that the task goes on, and how to find it."""
    running = asyncio.create_task(command(ROWS["images.generate"])(prompt="A fox", connection=Connection(json=json)))
    while not against.tasks:
        await asyncio.sleep(0)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    printed = capsys.readouterr()
    assert "goes on" in printed.out + printed.err
    assert "images.generate" in printed.out + printed.err
    assert json == (printed.err == "")


def test_an_open_create_is_looked_for_by_its_external_id(capsys: pytest.CaptureFixture[str]) -> None:
    """A create whose outcome is not known has an exit code of its own, and says by which id to look for the task."""
    attempt = Attempt(Shell(), Connection(), TaskRef(endpoint="images.generate", external_task_id="kfox"))

    with attempt:
        error = SubmitUnknown("no answer", external_task_id="kfox")
        attempt.unsent(error)
        raise error

    told = capsys.readouterr().err
    assert Exit.UNKNOWN == attempt.exit
    assert "Look for it with:\n  kling task wait images.generate --external-id kfox" in told
    assert "attach(" not in told


async def test_an_emulator_of_its_own_takes_its_tasks_along(run: Run, tmp_path: Path) -> None:
    """After a time-out with --emulator nothing goes on, and no command is offered."""
    ran = await run("video", "text-to-video", "A fox", "--emulator", "--timeout", "0.001", "-o", tmp_path)

    assert Exit.TIMEOUT == ran.code
    assert "the task with it" in ran.words
    assert "kling task wait" not in ran.words


async def test_the_emulator_excludes_an_address(run: Run) -> None:
    """--emulator and --base-url together are a contradiction."""
    ran = await run("task", "list", "images.generate", "--emulator", "--base-url", "http://127.0.0.1:1")

    assert Exit.USAGE == ran.code
    assert "excludes --emulator" in ran.words


@pytest.mark.parametrize("arguments", [["demo"], ["emulator", "--port", "0"], ["image", "generate", "x", "--emulator"]])
async def test_a_missing_emulator_is_one_sentence(
    arguments: list[str], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the emulator's extra the panel says what to install."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "kling_async.emulator", None)
    monkeypatch.delattr("kling_async.emulator")

    ran = await run(*arguments)

    assert Exit.USAGE == ran.code
    assert "Install kling-async[cli,emulator]" in ran.words


async def test_files_that_cannot_be_stored_can_be_fetched_again(run: Run, tmp_path: Path) -> None:
    """Where storing fails the task is not lost: the panel says that fetching again costs nothing."""
    (tmp_path / "fox-0.png" / "in the way").mkdir(parents=True)

    ran = await run("image", "generate", "A fox", "--emulator", "-o", tmp_path, "--name", "fox")

    assert Exit.ERROR == ran.code
    assert "fetching again costs nothing" in ran.words


@pytest.mark.shows_keys("those of the emulator open nothing, and it tells them to whoever starts it")
async def test_the_emulator_says_goodbye(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator prints its address and its keys, and ends when it is told to."""
    stopped = asyncio.Event()
    stopped.set()
    monkeypatch.setattr(serve, "_stop", lambda: stopped)

    ran = await run("emulator", "--port", "0", "--slots", "video=2, image=3", "--speed", "60")

    assert Exit.OK == ran.code
    assert ["export"] * 3 == [line.split()[0] for line in ran.out.splitlines()[1:]]
    assert "tasks made: 0" in ran.err


async def test_a_speed_of_zero_is_refused(run: Run) -> None:
    """What the emulator refuses at construction is one panel."""
    ran = await run("emulator", "--port", "0", "--speed", "0")

    assert Exit.USAGE == ran.code
    assert "╭" in ran.err


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
async def test_completion_knows_commands_and_choices(shell: str, run: Run) -> None:
    """The script for a shell names the commands, options and choices of every row."""
    ran = await run("completion", shell)

    assert Exit.OK == ran.code
    for word in ("text-to-video", "first-generation", "--validate", "intelligence"):
        assert word.lstrip("-") in ran.out


@pytest.mark.parametrize("left", [True, False])
def test_a_create_that_never_left_is_not_said_to_go_on(capsys: pytest.CaptureFixture[str], *, left: bool) -> None:
    """Interrupted before the vendor can have understood it, there is no task, and nothing to look for."""
    attempt = Attempt(Shell(), Connection(), TaskRef(endpoint="images.generate", external_task_id="kfox"))
    error = asyncio.CancelledError()

    attempt.unsent(error, out=left)
    with pytest.raises(asyncio.CancelledError), attempt:
        raise error

    assert left == ("may have been made" in capsys.readouterr().err)
