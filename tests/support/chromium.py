"""Debian's Chromium, for tests that look at pages; without it they are skipped, and fail in CI."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator

import pytest
from playwright.sync_api import Browser, Playwright

_ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@contextlib.contextmanager
def launched(playwright: Playwright) -> Generator[Browser, None, None]:
    """The browser, in a process of its own."""
    path = shutil.which("chromium")
    if path is None:
        reason = "chromium is not installed; Debian has it as the package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
    try:
        yield browser
    finally:
        browser.close()
