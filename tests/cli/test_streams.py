"""What the command line does when its output cannot be written: the id of a paid task is not lost with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import emulator_process

KLING = [sys.executable, "-c", "import sys; from kling_async.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """An emulator in another process, and the variables that lead to it."""
    with emulator_process() as environment:
        yield environment


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["plain", "json"])
def test_a_full_disk_behind_stdout_leaves_the_id_on_stderr(environment: dict[str, str], form: list[str]) -> None:
    """In words, with the command that takes the task up, and no traceback."""
    command = [*KLING, "image", "generate", "a fox", "--no-wait", *form]

    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert 1 == run.returncode
    assert "Traceback" not in run.stderr
    assert '"task_id":"' in run.stderr
    assert "kling task wait images.generate" in run.stderr


def test_a_reader_that_left_early_is_no_error_worth_a_word(environment: dict[str, str]) -> None:
    """As with `| head -1`."""
    subprocess.run([*KLING, "image", "generate", "x", "--no-wait"], env=environment, capture_output=True, check=True)
    read, write = os.pipe()
    os.close(read)

    run = subprocess.run(
        [*KLING, "task", "list", "images.generate", "--json"],
        env=environment,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)

    assert "" == run.stderr


def test_no_stdout_at_all_is_no_crash(environment: dict[str, str]) -> None:
    """As with `>&-`."""
    code = f"import os, sys; os.close(1); os.execv(sys.executable, {[*KLING, 'task', 'list', 'images.generate']!r})"

    run = subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True, check=False)

    assert "Traceback" not in run.stderr
