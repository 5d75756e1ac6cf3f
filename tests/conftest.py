"""What every test lives under: no address outside loopback, and no secret from the environment."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import looptime
import pytest
from pytest_socket import socket_allow_hosts

from tests.support.canary import CanaryPlugin
from tests.support.leaps import look_before_leaping

LOOPBACK = ["127.0.0.1", "::1"]


def pytest_configure(config: pytest.Config) -> None:
    """Look over the shoulder of every test, for secrets; see tests/test_canary.py."""
    config.addinivalue_line("markers", "last: asked after all other tests")
    config.pluginmanager.register(CanaryPlugin(), "canary")


def pytest_sessionstart() -> None:
    """No test inherits an event loop, and none is made on the side: looptime would make one for a sync test."""
    asyncio.set_event_loop(None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """The loop of every test looks before it leaps; looptime, whose wrapper is an inner one, has patched it by then."""
    made = yield
    if isinstance(made, asyncio.Runner) and isinstance(loop := made.get_loop(), looptime.LoopTimeEventLoop):
        look_before_leaping(loop)
    return made


@pytest.fixture(autouse=True)
def only_loopback() -> None:
    """A test that reaches for the vendor, or anybody else, fails."""
    socket_allow_hosts(LOOPBACK)


@pytest.fixture(autouse=True)
def no_credentials_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own keys never take part in a test."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
