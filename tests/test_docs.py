"""Every Python block of README and guide does what it says: programs and tests run as such, the rest with `kling`.

Recipes of observability.md, for packages that this one does not need, run where those are installed; elsewhere it is
seen to that they compile, and that what they take from here is there.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
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


RECIPES: Final = {place: code for place, code in blocks().items() if place.startswith("observability.md:")}
BLOCKS: Final = {place: code for place, code in blocks().items() if place not in RECIPES}
PROGRAMS: Final = {place: code for place, code in BLOCKS.items() if "asyncio.run(" in code}
TESTS: Final = {place: code for place, code in BLOCKS.items() if "def test_" in code}
FRAGMENTS: Final = {place: code for place, code in BLOCKS.items() if place not in {**PROGRAMS, **TESTS}}


def test_there_are_blocks_of_each_kind() -> None:
    """README and two pages show a program, README a test, the page about faults tests, the guide fragments."""
    pages = [{place.split(":")[0] for place in kind} for kind in (PROGRAMS, TESTS, FRAGMENTS)]

    assert [{"README.md", "batches.md", "callbacks.md"}, {"README.md", "faults.md"}, {"guide.md"}] == pages


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


def imported(code: str) -> set[tuple[str, str]]:
    """The modules that a block imports, and what it takes of them."""
    found = set[tuple[str, str]]()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {(each.name, "") for each in node.names}
    return found


@pytest.mark.parametrize("code", RECIPES.values(), ids=RECIPES.keys())
def test_a_recipe_takes_what_is_there(code: str) -> None:
    """It compiles, and whatever it imports from this package has that name."""
    compile(code, "<recipe>", "exec")

    ours = {(module, name) for module, name in imported(code) if module.split(".")[0] == "kling_async"}
    assert ours
    assert [] == [(module, name) for module, name in ours if not hasattr(import_module(module), name)]


@pytest.mark.parametrize("code", RECIPES.values(), ids=RECIPES.keys())
def test_a_recipe_runs(code: str, tmp_path: Path) -> None:
    """As it stands."""
    with emulator_process() as environment:
        run = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert 0 == run.returncode, run.stderr


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
