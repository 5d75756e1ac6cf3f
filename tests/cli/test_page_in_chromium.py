"""The page of the demo, opened by a real browser."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.cli.running import ENTRY
from tests.support.chromium import launched

PLAYABLE = """async () => {
    const videos = [...document.querySelectorAll('video')];
    await Promise.all(videos.map(video => new Promise((good, bad) => {
        video.preload = 'auto';
        video.addEventListener('canplay', good, {once: true});
        video.addEventListener('error', () => bad(new Error(video.src + ': ' + video.error.message)), {once: true});
        video.load();
    })));
    return videos.map(video => [video.readyState, video.videoWidth, video.duration]);
}"""


@pytest.mark.chromium
def test_a_browser_shows_every_picture_and_plays_every_video(tmp_path: Path) -> None:
    """`kling demo` makes a page on which every picture shows, every video plays, and nothing complains."""
    command = [sys.executable, "-c", ENTRY, "demo", "-o", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stderr
    complaints = list[str]()

    with sync_playwright() as playwright, launched(playwright) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((tmp_path / "index.html").as_uri(), wait_until="load")
        widths: list[int] = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        stated = len(page.query_selector_all("video"))
        videos: list[list[float]] = page.evaluate(PLAYABLE)
        narrow_enough: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert len(widths) >= 8
    assert all(width > 0 for width in widths)
    assert stated == len(videos) >= 4
    assert all(state >= 2 and width > 0 and seconds > 2 for state, width, seconds in videos)
    assert [] == complaints
    assert narrow_enough
