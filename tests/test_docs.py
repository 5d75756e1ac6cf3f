"""Every Python block of README and guide does what it says: programs and tests run as such, the rest with `kling`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import pytest

from kling_async import KlingClient
from tests.support.process import emulator_process

ROOT: Final = Path(__file__).parent.parent
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks() -> dict[str, str]:
    """The code by the place where it begins."""
    found: dict[str, str] = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            found[f"{page.name}:{text.count(chr(10), 0, block.start()) + 1}"] = block[1]
    return found


BLOCKS: Final = blocks()
PROGRAMS: Final = {place: code for place, code in BLOCKS.items() if "asyncio.run(" in code}
TESTS: Final = {place: code for place, code in BLOCKS.items() if "def test_" in code}
FRAGMENTS: Final = {place: code for place, code in BLOCKS.items() if place not in {**PROGRAMS, **TESTS}}


def test_there_are_blocks_of_each_kind() -> None:
    """README shows a program and a test, the pages about batches and faults one of them, the guide fragments."""
    pages = [{place.split(":")[0] for place in kind} for kind in (PROGRAMS, TESTS, FRAGMENTS)]

    assert [{"README.md", "batches.md"}, {"README.md", "faults.md"}, {"guide.md"}] == pages


@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_runs(code: str, tmp_path: Path) -> None:
    """As it stands, with its credentials from the environment and warnings as errors."""
    with emulator_process() as environment:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ("", 0) == (run.stderr, run.returncode)
    assert list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("code", TESTS.values(), ids=TESTS.keys())
def test_a_test_passes(code: str, tmp_path: Path) -> None:
    """In a project that has nothing but this test."""
    test = tmp_path / "test_shown.py"
    test.write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--rootdir", str(tmp_path), str(test)]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert "1 passed" in run.stdout, run.stdout


@pytest.mark.parametrize("code", FRAGMENTS.values(), ids=FRAGMENTS.keys())
async def test_a_fragment_runs(code: str, kling: KlingClient) -> None:
    """With an open client called `kling`; what it makes is made to the end."""
    compiled = compile(code, "<block>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {"kling": kling}

    await FunctionType(compiled, names)()

    task = await names["handle"]
    assert task.result.files
