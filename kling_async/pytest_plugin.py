"""
Fixtures for tests that want a Kling without a key: ``kling_emulator``, and ``kling``, a client of it.

Every pytest run in the environment loads this module, so it imports the emulator only when a test asks for one.
Options come from a marker, ``@pytest.mark.kling_emulator(slots={"video": 2})``, or from overriding the fixture
``kling_emulator_options``; the marker wins.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kling_async import KlingClient
    from kling_async.emulator import Emulator

if TYPE_CHECKING or find_spec("pytest_asyncio") is None:
    from pytest import fixture as async_fixture  # noqa: PT013 - the twin of the import below; anyio's plugin runs such fixtures as they are
else:
    from pytest_asyncio import fixture as async_fixture

SPEED = 1000.0


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "kling_emulator(**options): options of the emulator behind `kling_emulator`")


@pytest.fixture
def kling_emulator_options() -> Mapping[str, Any]:
    """Options for the emulator; override it in a module, a class or a conftest."""
    return {}


@async_fixture
async def kling_emulator(
    request: pytest.FixtureRequest, kling_emulator_options: Mapping[str, Any]
) -> AsyncIterator[Emulator]:
    """A running emulator that belongs to this test, a thousand times as fast as the real thing."""
    from kling_async.emulator import Emulator  # noqa: PLC0415 - see above

    marker: pytest.Mark | None = request.node.get_closest_marker("kling_emulator")
    options: dict[str, Any] = {"speed": SPEED, **kling_emulator_options, **(marker.kwargs if marker else {})}
    async with Emulator(**options) as emulator:
        yield emulator


@async_fixture
async def kling(kling_emulator: Emulator) -> AsyncIterator[KlingClient]:
    """An open client of the emulator, closed after the test."""
    async with kling_emulator.client() as client:
        yield client
