"""The example application in processes of its own, and a browser that looks at it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.request import Request, urlopen

import attrs
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.chromium import launched

ROOT = Path(__file__).parent.parent.parent


@attrs.frozen
class Studio:
    """One that runs."""

    url: str
    process: subprocess.Popen[bytes]
    tabs: list[Page] = attrs.field(factory=list[Page])
    """Those that show it; closed before it stops, or they would complain."""

    def ask(self, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        """What the studio answers to a GET, or to a POST of a body."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"Content-Type": "application/json", **(headers or {})})  # noqa: S310 - http, here
        with urlopen(request, timeout=20) as answer:  # noqa: S310 - likewise
            return json.load(answer)

    def order(self, prompt: str, kind: str = "images.generate", **options: object) -> int:
        """The id of a task that was ordered."""
        made = self.ask("/api/tasks", {"kind": kind, "prompt": prompt, "options": options})
        number: int = made["id"]
        return number

    def ended(self, seconds: float = 60) -> dict[int, dict[str, Any]]:
        """The tasks once all of them have ended."""
        until = time.monotonic() + seconds
        while True:
            tasks = {task["id"]: task for task in self.ask("/api/tasks?limit=100")}
            if all(task["state"] in {"done", "failed"} for task in tasks.values()):
                return tasks
            assert time.monotonic() < until, tasks
            time.sleep(0.1)


Start: TypeAlias = Callable[..., AbstractContextManager[Studio]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a studio with options and variables of the environment, as often as need be, on the same data."""

    @contextmanager
    def started(*options: str, speed: float = 60, **environment: str) -> Generator[Studio, None, None]:
        port = free_port()
        words = ["--port", str(port), "--data", str(tmp_path / "data"), "--speed", str(speed), *options]
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.studio", *words],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 60
            while not listens(port):
                assert process.poll() is None, "the studio did not start"
                assert time.monotonic() < until, "the studio does not listen"
                time.sleep(0.05)
            studio = Studio(f"http://127.0.0.1:{port}", process)
            yield studio
            for tab in studio.tabs:
                tab.close()
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    return started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a module and no longer: as long as it is there, no other loop can run in this thread."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


@attrs.frozen
class Visitor:
    """Somebody with a browser, and what it complained about."""

    context: BrowserContext
    complaints: list[str]

    def opens(self, studio: Studio) -> Page:
        """A tab that shows the studio."""
        page = self.context.new_page()
        studio.tabs.append(page)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.goto(studio.url, wait_until="load")
        page.get_by_role("radio", name="Picture", exact=True).wait_for()
        return page


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A fresh one, whose browser must not complain about anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(30_000)
    visitor = Visitor(context, [])
    yield visitor
    context.close()
    assert [] == visitor.complaints


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether anybody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
