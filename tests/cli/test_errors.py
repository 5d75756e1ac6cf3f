"""Whatever goes wrong is one panel with advice and an exit code, or one object with --json; no traceback, no secret."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kling_async import errors
from kling_async.cli import main
from kling_async.cli.failures import Exit, explain
from kling_async.emulator import Emulator
from tests.cli.running import ENTRY, Run, environment

SECRET = "sk-do-not-show-me"  # nothing but bait


async def test_missing_credentials_say_what_to_do(run: Run) -> None:
    """Without keys the three variables and --emulator are named."""
    ran = await run("image", "generate", "A fox")

    assert 2 == ran.code
    assert "" == ran.out
    for word in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "--emulator"):
        assert word in ran.err


@pytest.mark.parametrize(("prompt", "kind"), [("forbidden", "ContentRefused"), ("risky", "TaskFailed")])
async def test_refused_content_and_failed_tasks_exit_with_4(prompt: str, kind: str, run: Run, tmp_path: Path) -> None:
    """A refusal and a failed task are told in the vendor's words with advice."""
    shown = await run("image", "generate", prompt, "--emulator", "-o", tmp_path)
    written = await run("image", "generate", prompt, "--emulator", "--json", "-o", tmp_path)

    assert (Exit.FAILED, Exit.FAILED) == (shown.code, written.code)
    assert "╭" in shown.err
    assert "Traceback" not in shown.err
    assert "" == written.err
    (told,) = written.objects
    assert kind == told["error"]["type"]
    assert Exit.FAILED == told["error"]["exit_code"]
    assert told["error"]["advice"]


async def test_json_is_one_object_per_task_and_nothing_else(run: Run, tmp_path: Path) -> None:
    """`--json` prints one object with ids, units, files and the reference, and is silent on stderr."""
    ran = await run("image", "generate", "A fox", "-n", "2", "--emulator", "--json", "-o", tmp_path)

    (task,) = ran.objects
    assert (0, "") == (ran.code, ran.err)
    assert ("images.generate", "succeed", "2") == (task["endpoint"], task["status"], task["units"])
    assert [str(path) for path in sorted(tmp_path.iterdir())] == task["files"]
    assert task["task_id"] == task["ref"]["task_id"]


async def test_usage_errors_are_json_too(run: Run) -> None:
    """With --json a missing argument is an error object as well."""
    ran = await run("image", "generate", "--json")

    assert (2, "") == (ran.code, ran.err)
    assert 2 == ran.objects[0]["error"]["exit_code"]


@pytest.mark.kling_emulator(speed=1)
async def test_a_time_out_tells_how_to_go_on(against: Emulator, run: Run, tmp_path: Path) -> None:
    """When the time is up the task goes on, and the command that takes it up again is printed."""
    ran = await run("image", "generate", "A fox", "--timeout", "0.01", "-o", tmp_path)

    (task,) = against.tasks.values()
    assert Exit.TIMEOUT == ran.code
    assert f"kling task wait images.generate {task.task_id} -o {tmp_path}" in ran.err


@pytest.mark.kling_emulator(speed=1)
async def test_an_interruption_tells_how_to_go_on(
    kling_emulator: Emulator, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Ctrl-C while waiting exits with 130 and prints the command that waits on."""
    process = start("image", "generate", "A fox", "-o", tmp_path, **environment(kling_emulator))
    assert process.stderr is not None
    first = await asyncio.to_thread(process.stderr.readline)

    process.send_signal(signal.SIGINT)
    _, err = await asyncio.to_thread(process.communicate)

    (task,) = kling_emulator.tasks.values()
    assert "submitted" in first
    assert Exit.INTERRUPTED == process.returncode
    assert f"kling task wait images.generate {task.task_id}" in err
    assert "Traceback" not in err


async def test_an_unwritable_directory_costs_nothing(against: Emulator, run: Run, tmp_path: Path) -> None:
    """A directory that cannot be written is found out before the create is sent."""
    (tmp_path / "file").write_text("in the way")

    ran = await run("image", "generate", "A fox", "-o", tmp_path / "file" / "out")

    assert 2 == ran.code
    assert "must be a directory that can be written" in ran.words
    assert [] == against.requests


async def test_no_connection_is_an_error_of_the_network(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the address: exit code 1, and the advice names the address."""
    monkeypatch.setenv("KLING_API_KEY", SECRET)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    ran = await run("image", "generate", "A fox", "--base-url", f"http://127.0.0.1:{port}")

    assert 1 == ran.code
    assert "--base-url" in ran.err


@pytest.mark.parametrize("json", [[], ["--json"]])
async def test_secrets_are_never_printed(
    json: list[str], against: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that the vendor refuses do not show in what is printed."""
    monkeypatch.setenv("KLING_ACCESS_KEY", SECRET)
    monkeypatch.setenv("KLING_SECRET_KEY", SECRET * 2)

    ran = await run("image", "generate", "A fox", *json)

    assert 1 == ran.code
    assert "AuthenticationError" in ran.out or "credentials were not accepted" in ran.err
    assert SECRET not in ran.out + ran.err


async def test_text_from_outside_cannot_touch_the_terminal() -> None:
    """Control characters and markup in the vendor's words are shown, not obeyed."""
    from rich.console import Console

    from kling_async.cli.shell import panel

    error = errors.ApiError("[red]\x1b[2Jgone[/red]", code=9999, status=400)
    console = Console(width=80, force_terminal=True)

    with console.capture() as shown:
        console.print(panel(explain(error)))

    assert "[red]" in shown.get()
    assert "\x1b[2J" not in shown.get()


@pytest.mark.parametrize("kind", [errors.KlingError, errors.ClientClosed, errors.WebhookError, errors.DownloadError])
def test_every_error_has_a_title_and_an_exit_code(kind: type[errors.KlingError]) -> None:
    """Errors without a row of their own fall back to that of their family."""
    failure = explain(kind("some words"))

    assert (Exit.ERROR, "some words") == (failure.exit, failure.message)
    assert failure.title


def test_interrupting_before_anything_runs_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption without a task has nothing to tell but its exit code."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kling_async.cli.app.application", interrupted)

    assert Exit.INTERRUPTED == main(["demo"])


def test_importing_the_entry_point_imports_no_parser() -> None:
    """Importing the entry point brings in neither parser, nor terminal, nor templates."""
    code = "import sys, kling_async.cli; print(sorted({'cyclopts', 'rich', 'jinja2', 'PIL', 'av'} & set(sys.modules)))"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]\n" == ran.stdout


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_a_missing_extra_is_one_sentence(missing: str) -> None:
    """Without the extra the command says what to install."""
    code = f"import sys; sys.modules[{missing!r}] = None\n{ENTRY}"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ})

    assert (2, "") == (ran.returncode, ran.stdout)
    assert f"the kling command needs {missing}: install kling-async[cli]\n" == ran.stderr
