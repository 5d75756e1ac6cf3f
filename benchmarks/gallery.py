"""What a gallery of thousands costs: to write, to open, to filter, to scroll; and what it fetches without scripts.

Makes a journal with small real pictures, clips and sounds, the page by `kling gallery`, and opens it in Debian's
Chromium, without a graphics card, from the disk. A keystroke is measured from the event to the next frame but one.

    python benchmarks/gallery.py [tasks]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.chromium import launched
from tests.support.specimens import journal_of, many

TASKS = 5_000

COMMAND = """
import re, sys, time
from kling_async.cli import main
code = main(sys.argv[1:])
print(time.process_time(), re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(code)
"""
PAINTED = """() => performance.getEntriesByName('first-contentful-paint')[0].startTime"""
LOADED = """() => {
    const [it] = performance.getEntriesByType('navigation');
    return [it.domContentLoadedEventEnd, it.loadEventEnd, document.getElementsByTagName('*').length];
}"""
TYPED = """async text => {
    const field = document.querySelector('[type=search]'), times = [];
    for (const value of text) {
        await new Promise(done => setTimeout(done, 50));
        const began = performance.now();
        field.value = value;
        field.dispatchEvent(new Event('input', {bubbles: true}));
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        times.push(performance.now() - began);
    }
    return times;
}"""
SCROLLED = """async steps => {
    const times = [];
    let last = await new Promise(requestAnimationFrame);
    for (let step = 0; step < steps; step++) {
        scrollBy(0, 240);
        const now = await new Promise(requestAnimationFrame);
        times.push(now - last);
        last = now;
    }
    return times;
}"""
WORDS = ["f", "fo", "fox", "fox a", "fox at d", "fox at dawn", "fox", "f", "", "zzzz", "", "heron", "her", ""]


def told(what: str, value: str, target: str = "") -> None:
    print(f"{what:58} {value:>14}   {target}")


@contextlib.contextmanager
def opened(browser: Browser, *, scripts: bool = True) -> Generator[tuple[Page, list[str]], None, None]:
    """A page, and the pictures that it asks for."""
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": 1400, "height": 1000})
    page, asked = context.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith(".jpg") else None)
    try:
        yield page, asked
    finally:
        context.close()


def looked_at(browser: Browser, address: str) -> None:
    with opened(browser) as (page, asked):
        page.goto(address, wait_until="load")
        page.wait_for_timeout(500)
        ready, loaded, elements = page.evaluate(LOADED)
        told("first contentful paint", f"{page.evaluate(PAINTED):.0f} ms", "under 1,000")
        told("document ready, scripts run", f"{ready:.0f} ms", "under 2,000")
        told("loaded", f"{loaded:.0f} ms")
        told("elements", f"{elements:,}")
        told("pictures fetched before anybody scrolls", f"{len(set(asked)):,}")
        times: list[float] = page.evaluate(TYPED, WORDS)
        told("keystroke in the search, the first", f"{times[0]:.0f} ms")
        told("keystroke, median", f"{statistics.median(times):.0f} ms", "under 100")
        told("keystroke, worst", f"{max(times):.0f} ms", "under 300")
        frames: list[float] = page.evaluate(SCROLLED, 300)
        told("frame while scrolling 72,000 pixels, median", f"{statistics.median(frames):.0f} ms", "under 100")
        told("frame, 95 of 100", f"{statistics.quantiles(frames, n=20)[-1]:.0f} ms")
        told("frame, worst", f"{max(frames):.0f} ms")
        told("pictures fetched afterwards", f"{len(set(asked)):,}")


def without_scripts(browser: Browser, address: str) -> None:
    with opened(browser, scripts=False) as (page, asked):
        began = time.perf_counter()
        page.goto(address, wait_until="load")
        told("without scripts: loaded", f"{(time.perf_counter() - began) * 1000:.0f} ms")
        page.wait_for_timeout(500)
        told("without scripts: pictures fetched", f"{len(set(asked)):,}")
        for _ in range(30):
            page.mouse.wheel(0, 1000)
            page.wait_for_timeout(30)
        page.wait_for_timeout(500)
        told("without scripts: after scrolling 30,000 pixels", f"{len(set(asked)):,}")


def made(tasks: int, folder: Path) -> Path:
    """A journal with its files, and the page, by the command in a process of its own."""
    journal, page = folder / "jobs.db", folder / "page.html"
    asyncio.run(journal_of(journal, folder / "out", list(many(tasks))))
    command = [sys.executable, "-c", COMMAND, "gallery", str(journal), "-o", str(page)]
    seconds, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-2:]
    told(f"kling gallery of {tasks:,} tasks, CPU", f"{float(seconds):.2f} s")
    told("its memory at its peak", f"{int(peak) / 1024:.0f} MiB")
    told("size of the page", f"{page.stat().st_size / 2**20:.1f} MiB")
    return page


def main() -> None:
    """Make it, open it, print the table."""
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    room = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a private directory is made inside
    with tempfile.TemporaryDirectory(dir=room) as folder:
        page = made(tasks, Path(folder))
        with sync_playwright() as playwright, launched(playwright) as browser:
            looked_at(browser, page.as_uri())
            without_scripts(browser, page.as_uri())


if __name__ == "__main__":
    main()
