"""What the command line's tests share: a way to run it against this test's emulator."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from kling_async.cli import main
from kling_async.emulator import Emulator
from tests.cli.running import ENTRY, Ran, Run, environment


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in a thread, because it brings its own event loop."""

    async def run(*arguments: object) -> Ran:
        code = await asyncio.to_thread(main, [str(each) for each in arguments])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def against(kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """This test's emulator, with its address and keys in the environment."""
    for name, value in environment(kling_emulator).items():
        monkeypatch.setenv(name, value)
    return kling_emulator


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command as a process of its own, for signals; what still runs after the test is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", ENTRY, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:  # closes the pipes and reaps
            process.kill()
