"""Every example is a program that runs, at a pace that takes no time, against an emulator in another process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.process import emulator_process

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted(set(EXAMPLES.glob("*.py")) - set(EXAMPLES.glob("test_*.py")))


@pytest.fixture(scope="module")
def environment() -> Iterator[Mapping[str, str]]:
    """An emulator in another process, and the variables that lead to it."""
    with emulator_process() as environment:
        yield environment


@pytest.mark.parametrize("example", PROGRAMS, ids=lambda path: path.stem)
def test_an_example_runs(example: Path, environment: Mapping[str, str], tmp_path: Path) -> None:
    """To its end, saying something, with warnings as errors."""
    command = [sys.executable, "-W", "error", str(example)]

    run = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert "" == run.stderr
    assert 0 == run.returncode
    assert run.stdout.strip()


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    """In a project of its own, with pytest-asyncio in its strict mode."""
    test = tmp_path / "test_mine.py"
    test.write_text((EXAMPLES / "test_with_the_fixtures.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--rootdir", str(tmp_path), str(test)]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert "2 passed" in run.stdout, run.stdout


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_one_idea(example: Path) -> None:
    """Under 40 lines, opening with what it shows."""
    lines = example.read_text().splitlines()

    assert len(lines) < 40
    assert lines[0].startswith('"""')
