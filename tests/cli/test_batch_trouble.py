"""A batch from the command line when the account, the disk, the output or the terminal fails."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image

from kling_async.cli.failures import Exit
from kling_async.emulator import Emulator
from tests.cli.running import ENTRY, Run, environment
from tests.support.batches import made, names, pictures


def manifest(folder: Path, count: int) -> Path:
    """A file of prompts, each of which costs 8 units."""
    path = folder / "prompts.jsonl"
    rows = pictures(count, model_name="kling-v3")
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.kling_emulator(units={"image": 20})
async def test_an_empty_account_ends_a_run_after_what_is_paid(against: Emulator, run: Run, tmp_path: Path) -> None:
    """With the vendor's words, the results so far, and the command that goes on."""
    shown = await run("batch", "run", manifest(tmp_path, 4), "--slots", "image=1")
    written = await run("batch", "resume", tmp_path / "prompts.journal.db", "--json")

    assert (Exit.ERROR, Exit.ERROR) == (shown.code, written.code)
    assert "The account cannot pay for this" in shown.err
    assert "2 tasks left. Go on with:" in shown.err
    assert f"{tmp_path / 'prompts.results.jsonl'}\n" == shown.out
    assert ["p0-0.png", "p1-0.png"] == names(tmp_path / "prompts-files")
    assert ("BalanceError", "summary") == (written.objects[-2]["error"]["type"], written.objects[-1]["event"])
    assert [1, 1] == made(against)


async def test_a_manifest_that_is_refused_leaves_nothing(against: Emulator, run: Run, tmp_path: Path) -> None:
    """No journal, no folder, no picture that was given in it; and it may be tried again with the keys of another."""
    path = manifest(tmp_path, 2)
    content = io.BytesIO()
    Image.effect_noise((320, 320), 50).save(content, "png")
    picture = base64.b64encode(content.getvalue()).decode()
    bad = {"custom_id": "bad", "endpoint": "images.generate", "body": {"prompt": "fox", "image": picture, "n": 99}}
    good = {"custom_id": "good", "endpoint": "images.generate", "body": {"prompt": "fox", "image": picture}}
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in (good, bad))

    shown = await run("batch", "run", path, "-o", tmp_path / "a" / "b")

    assert Exit.USAGE == shown.code
    assert "line 4 ('bad'): n: must be between 1 and 9; got 99" in shown.err
    assert ["prompts.jsonl"] == names(tmp_path)
    assert [] == made(against)


async def test_after_wrong_keys_the_right_ones_go_on(
    kling_emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A batch is of the account that has made something of it, and wrong keys have not."""
    path = manifest(tmp_path, 3)
    right = environment(kling_emulator)
    for name, value in right.items():
        monkeypatch.setenv(name, value)

    monkeypatch.setenv("KLING_SECRET_KEY", "a-secret-of-somebody-else-in-some-other-place")
    monkeypatch.setenv("KLING_ACCESS_KEY", "somebody-else")
    wrong = await run("batch", "run", path)
    monkeypatch.setenv("KLING_SECRET_KEY", right["KLING_SECRET_KEY"])
    monkeypatch.setenv("KLING_ACCESS_KEY", right["KLING_ACCESS_KEY"])
    shown = await run("batch", "run", path)
    monkeypatch.setenv("KLING_ACCESS_KEY", "somebody-else")
    other = await run("batch", "run", path)

    assert (Exit.ERROR, Exit.OK, Exit.ERROR) == (wrong.code, shown.code, other.code)
    assert "The credentials were not accepted" in wrong.err
    assert "3 to be sent" in wrong.err
    assert "was begun with account" in other.err
    assert [1, 1, 1] == made(kling_emulator)


async def test_a_directory_that_vanishes_loses_nothing(against: Emulator, run: Run, tmp_path: Path) -> None:
    """What cannot be stored is told with the command that fetches it, and fetched by that."""
    path = manifest(tmp_path, 1)
    (tmp_path / "prompts-files" / "p0-0.png").mkdir(parents=True)

    first = await run("batch", "run", path)
    (tmp_path / "prompts-files" / "p0-0.png").rmdir()
    second = await run("batch", "resume", tmp_path / "prompts.journal.db")

    assert (Exit.ERROR, Exit.OK) == (first.code, second.code)
    assert "Not stored" in first.err
    assert "1 task left. Go on with:" in first.err
    assert [1] == made(against)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.kling_emulator(speed=100)
async def test_an_output_that_is_full_is_told(kling_emulator: Emulator, tmp_path: Path) -> None:
    """In words, with the command that goes on, and no traceback."""
    command = [sys.executable, "-c", ENTRY, "batch", "run", str(manifest(tmp_path, 2)), "--json"]

    def work() -> subprocess.CompletedProcess[str]:
        with Path("/dev/full").open("w") as full:
            return subprocess.run(
                command,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment(kling_emulator)},
                check=False,
            )

    ran = await asyncio.to_thread(work)

    assert Exit.ERROR == ran.returncode
    assert "The output cannot be written" in ran.stderr
    assert f"kling batch resume {tmp_path / 'prompts.journal.db'}" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.kling_emulator(speed=20)
async def test_a_terminal_sees_a_table_that_moves(kling_emulator: Emulator, tmp_path: Path) -> None:
    """Drawn over and over in one place, and left as it was last; every line fits."""
    command = ["batch", "run", manifest(tmp_path, 6).name, "--slots", "image=2"]
    variables = {**os.environ, **environment(kling_emulator), "COLUMNS": "80", "LINES": "24", "TERM": "xterm"}

    code, seen = await asyncio.to_thread(_on_a_terminal, command, tmp_path, variables)

    screen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)

    assert 0 == code, seen
    assert seen.count("\x1b[1A") > 20
    assert "2/2" in screen
    assert "p0  p0-0.png" in screen
    assert "6 of 6 tasks ended: 6 done" in screen
    assert max(map(len, screen.replace("\r", "\n").split("\n"))) <= 80


def _on_a_terminal(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of a command whose stderr is a terminal, and what was written to that."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ENTRY, *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs, env=variables
    ) as process:
        os.close(theirs)
        pieces: list[bytes] = []
        with os.fdopen(ours, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # Linux tells the end so
            while piece := terminal.read(65536):
                pieces.append(piece)
    return process.returncode, b"".join(pieces).decode()
