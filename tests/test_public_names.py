"""What can be imported: complete, sorted, documented, and light."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import kling_async

LISTED = [
    "kling_async",
    "kling_async.api",
    "kling_async.errors",
    "kling_async.events",
    "kling_async.handle",
    "kling_async.models",
]
HEAVY = ["PIL", "av", "cyclopts", "jinja2", "jsonschema", "rich", "kling_async.cli", "kling_async.emulator", "pytest"]


@pytest.mark.parametrize("name", LISTED)
def test_a_modules_list_is_sorted_and_every_name_on_it_exists(name: str) -> None:
    """Sorted as ruff sorts: constants, classes, functions."""
    module = importlib.import_module(name)

    names: list[str] = module.__all__
    assert len(set(names)) == len(names)
    assert [] == [each for each in names if not hasattr(module, each)]
    groups = [(0 if each.isupper() else 1 if each[0].isupper() else 2, each) for each in names]
    assert sorted(groups) == groups


@pytest.mark.parametrize("name", [name for name in kling_async.__all__ if name != "__version__"])
def test_every_public_name_says_what_it_is(name: str) -> None:
    """A docstring, whatever it is; aliases of types have theirs in the source."""
    thing = getattr(kling_async, name)

    assert not isinstance(thing, type) or thing.__doc__


def test_importing_the_package_loads_no_extra() -> None:
    """The command line, the emulator and what they need are loaded when they are used."""
    code = f"import sys, kling_async; print([name for name in {HEAVY!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert "[]" == loaded


def test_looking_at_the_package_loads_no_client() -> None:
    """Names are loaded when they are first used; pytest, which loads every plugin, does not pay for an HTTP client."""
    code = "import sys, kling_async.pytest_plugin, kling_async; print('aiohttp' in sys.modules, dir(kling_async)[0])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert "False AccessKey" == loaded


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As for any module."""
    name = "KlingKlient"

    with pytest.raises(AttributeError, match=name):
        getattr(kling_async, name)


def test_the_list_of_the_package_is_what_type_checkers_see() -> None:
    """Every import that only type checkers read is on the list, and nothing else is."""
    tree = ast.parse(Path(kling_async.__file__).read_text())
    seen = [name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level for name in node.names]

    assert {name.asname or name.name for name in seen} == set(kling_async.__all__)
