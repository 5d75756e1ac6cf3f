"""The gallery, opened by a real browser: with scripts and without, small and very large, attacked and printed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from kling_async.batch.cards import journaled, stored
from kling_async.batch.gallery import Card, page, write
from kling_async.batch.items import ItemError
from kling_async.batch.journal import Reader
from tests.support.chromium import launched
from tests.support.specimens import Specimen, journal_of, paint

pytestmark = pytest.mark.chromium

PICTURES = "[...document.querySelectorAll('.media img')].map(image => image.naturalWidth)"
COME = """async () => {
    await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
    return Promise.all([...document.querySelectorAll('video')].map(video => new Promise(done => {
        video.addEventListener('loadeddata', () => done(video.videoWidth));
        if (video.readyState > 1) done(video.videoWidth);
    })));
}"""
SHOWN = "[...document.querySelectorAll('.card')].filter(card => card.checkVisibility()).map(card => card.ariaLabel)"
ATTACK = (
    "</p><script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'><svg onload='window.pwned = 1'>"
    "\"' onmouseover='window.pwned = 1' <a href='javascript:window.pwned = 1'>"
)
TYPED = """async text => {
    const field = document.querySelector('[type=search]'), began = performance.now();
    field.value = text;
    field.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - began;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests here."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


@attrs.frozen
class Seen:
    """A page, what it complained of, and the pictures it asked for."""

    page: Page
    complaints: list[str]
    asked: list[str]


@contextlib.contextmanager
def opened(browser: Browser, path: Path, fragment: str = "", **options: Any) -> Generator[Seen, None, None]:
    """A page of the disk."""
    arguments: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, **options}
    context = browser.new_context(**arguments)
    try:
        seen = Seen(context.new_page(), [], [])
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("request", lambda asked: seen.asked.append(asked.url) if asked.url.endswith(".jpg") else None)
        seen.page.goto(path.as_uri() + fragment, wait_until="load")
        yield seen
    finally:
        context.close()


def came(seen: Seen, count: int) -> None:
    """Wait until so many pictures were asked for."""
    for _ in range(100):
        if len(set(seen.asked)) >= count:
            return
        seen.page.wait_for_timeout(100)
    pytest.fail(f"only {len(set(seen.asked))} of {count} pictures were asked for")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a batch with something of everything."""
    folder = tmp_path_factory.mktemp("small")
    refused = ItemError(type="ContentRefused", message="Not this one", code=1301)
    fox = {"prompt": "A red fox at dawn", "model_name": "kling-v3", "aspect_ratio": "1:1"}
    specimens = [
        Specimen(custom_id="fox", body=fox, files=4),
        Specimen(custom_id="owl", body={"prompt": "An öwl at night", "model_name": "kling-v2-1"}),
        Specimen(custom_id="river", endpoint="videos.text_to_video", body={"prompt": "A slow river at dawn"}),
        Specimen(custom_id="rain", endpoint="audio.text_to_audio", body={"prompt": "Rain"}),
        Specimen(custom_id="no", body={"prompt": "A forbidden fox"}, state="refused", error=refused),
        Specimen(custom_id="soon", body={"prompt": "Tomorrow"}, state="planned"),
    ]
    return made(folder, "out", specimens)


def made(folder: Path, out: str, specimens: list[Specimen], name: str = "launch") -> Path:
    """The page of a batch. In a thread, since the browser has this one's event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, journal_of(folder / "jobs.db", folder / out, specimens, name)).result()
    with Reader.open(folder / "jobs.db") as reader:
        return written(folder / "page.html", list(journaled(reader, folder)))


def written(path: Path, cards: list[Card]) -> Path:
    """A page of cards."""
    return write(path, page(lambda: cards, name="launch", lead="All of it.", source="jobs.db")[1])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 5,000 pictures, which share their bytes on the disk but not their addresses."""
    folder = tmp_path_factory.mktemp("large") / "out"
    folder.mkdir()
    for at in range(5000):
        path = folder / f"shot-{at:04}-0.jpg"
        if at < 24:
            path.write_bytes(paint(at))
        else:
            os.link(folder / f"shot-{at % 24:04}-0.jpg", path)
    return written(folder.parent / "page.html", list(stored(folder, folder.parent)))


@pytest.mark.parametrize("width", [360, 800, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_shows_and_nothing_complains(browser: Browser, small: Path, width: int, scheme: str) -> None:
    """On narrow screens and wide ones, in light and in the dark; every picture, and of a video its first frame."""
    with opened(browser, small, viewport={"width": width, "height": 3000}, color_scheme=scheme) as seen:
        frames: list[int] = seen.page.evaluate(COME)
        fits: bool = seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        background: str = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        pictures: list[int] = seen.page.evaluate(PICTURES)

    assert [] == seen.complaints
    assert 5 == sum(width > 0 for width in pictures)
    assert [320] == frames
    assert fits
    assert {"light": "rgb(244, 243, 239)", "dark": "rgb(14, 17, 20)"}[scheme] == background


@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("", ["fox", "owl", "river", "rain", "no", "soon"]),
        ("#state=refused", ["no"]),
        ("#state=planned", ["soon"]),
        ("#kind=video", ["river"]),
        ("#kind=image&state=done", ["fox", "owl"]),
        ("#by=model:kling-v3", ["fox"]),
        ("#by=endpoint:audio.text_to_audio", ["rain"]),
        ("#q=fox", ["fox", "no"]),
        ("#q=DAWN+red", ["fox"]),
        ("#q=owl", ["owl"]),
        ("#q=%C3%B6wl", ["owl"]),
        ("#q=river&state=done&kind=video", ["river"]),
        ("#state=nonsense&by=nothing&x=y&reset=1", ["fox", "owl", "river", "rain", "no", "soon"]),
        ("#q=zebra", []),
    ],
)
def test_an_address_keeps_what_is_asked_for(browser: Browser, small: Path, fragment: str, shown: list[str]) -> None:
    """Whoever is given it sees the same; what makes no sense in it is passed over."""
    with opened(browser, small, fragment) as seen:
        found: list[str] = seen.page.evaluate(SHOWN)
        count = seen.page.inner_text("#count")
        nothing = seen.page.is_visible("#none")

    assert shown == found
    assert ("6 shown" if len(shown) == 6 else f"{len(shown)} of 6 shown") == count
    assert (not shown) == nothing
    assert [] == seen.complaints


def test_what_is_asked_for_goes_into_the_address(browser: Browser, small: Path) -> None:
    """By keyboard alone: a slash leads to the search, arrows choose a state, a button takes it all back."""
    with opened(browser, small) as seen:
        seen.page.keyboard.press("/")
        seen.page.keyboard.type("fox")
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("ArrowRight")
        seen.page.wait_for_url(re.compile("state=done"))
        address = seen.page.url
        first: list[str] = seen.page.evaluate(SHOWN)
        seen.page.reload()
        second: list[str] = seen.page.evaluate(SHOWN)
        seen.page.click("text=Clear")
        seen.page.wait_for_url(re.compile("html$"))
        cleared: list[str] = seen.page.evaluate(SHOWN)

    assert address.endswith("#q=fox&state=done")
    assert ["fox"] == first == second
    assert 6 == len(cleared)
    assert [] == seen.complaints


def test_pictures_can_be_looked_through_large(browser: Browser, small: Path) -> None:
    """Those that are shown, by arrows and around the end; what was looked at last has the focus afterwards."""
    with opened(browser, small, "#state=done") as seen:
        seen.page.click(".media a")
        told = [seen.page.inner_text("dialog .told")]
        for key in ("ArrowRight", "ArrowLeft", "ArrowLeft"):
            seen.page.keyboard.press(key)
            told.append(seen.page.inner_text("dialog .told"))
        source: str = seen.page.evaluate("document.querySelector('dialog img').src")
        seen.page.keyboard.press("Escape")
        expect(seen.page.locator("dialog")).not_to_be_visible()
        expect(seen.page.locator("[aria-label=owl] .media a")).to_be_focused()

    assert [["A red fox at dawn", f"fox · {at} of 5"] for at in (1, 2, 1)] == [each.split("\n\n") for each in told[:3]]
    assert ["An öwl at night", "owl · 5 of 5"] == told[3].split("\n\n")
    assert source.endswith("/out/owl-0.jpg")


def test_without_scripts_everything_is_there(browser: Browser, small: Path) -> None:
    """Pictures are drawn and lead to their files, videos and sounds can be played; what could do nothing is hidden."""
    with opened(browser, small, java_script_enabled=False, viewport={"width": 1280, "height": 3000}) as seen:
        came(seen, 5)
        cards = seen.page.query_selector_all(".card")
        visible = [card.get_attribute("aria-label") for card in cards if card.is_visible()]
        links = [each.get_attribute("href") for each in seen.page.query_selector_all(".media a")]
        filters = seen.page.is_visible("#filter")

    assert ["fox", "owl", "river", "rain", "no", "soon"] == visible
    assert [*(f"out/fox-{at}.jpg" for at in range(4)), "out/owl-0.jpg"] == links
    assert set(links) == {each.partition("small0/")[2] for each in seen.asked}
    assert not filters
    assert [] == seen.complaints


@pytest.mark.parametrize("scripts", [True, False])
def test_of_5000_pictures_only_those_come_that_are_looked_at(browser: Browser, large: Path, *, scripts: bool) -> None:
    """Few at first; the very last once the end is reached, whether scripts run or not."""
    with opened(browser, large, java_script_enabled=scripts) as seen:
        came(seen, 4)
        seen.page.wait_for_timeout(300)  # for those that should not come
        first = len(set(seen.asked))
        with seen.page.expect_request(lambda request: request.url.endswith("shot-4999-0.jpg")):
            seen.page.keyboard.press("End")
        then = len(set(seen.asked))

    assert first < 100
    assert then < 300
    assert [] == seen.complaints


def test_5000_pictures_can_be_searched_as_one_types(browser: Browser, large: Path) -> None:
    """A keystroke is on the screen in a moment, also on a slow machine."""
    with opened(browser, large) as seen:
        times: list[float] = [seen.page.evaluate(TYPED, text) for text in ("4", "49", "499", "", "shot-0007")]
        found: list[str] = seen.page.evaluate(SHOWN)

    assert ["shot-0007"] == found
    assert sorted(times)[2] < 1000


def test_nothing_in_a_prompt_or_a_name_ever_runs(browser: Browser, tmp_path: Path) -> None:
    """Shown as the text that it is, on the card and in the viewer, and found by the search."""
    specimen = Specimen(custom_id=ATTACK, name="x", body={"prompt": ATTACK, "model_name": ATTACK}, files=2)
    broken = ItemError(type="x", message=ATTACK)
    failed = Specimen(custom_id="b", body={"prompt": ATTACK}, state="failed", error=broken)
    path = made(tmp_path, "<b>'\");out", [specimen, failed], ATTACK)

    with opened(browser, path, f"#q={'%22%3E'}&by={'%27onerror'}") as seen:
        seen.page.click("text=Show everything") if seen.page.is_visible("#none") else None
        for card in seen.page.query_selector_all(".card"):
            card.hover()
        seen.page.click(".media a")
        viewed = seen.page.inner_text("dialog .told p")
        pwned = seen.page.evaluate("window.pwned")
        seen.page.evaluate(COME)
        widths: list[int] = seen.page.evaluate(PICTURES)
        elements: int = seen.page.evaluate("document.querySelectorAll('.card script, svg, [onerror], .words a').length")

    assert pwned is None
    assert 0 == elements
    assert ATTACK == viewed
    assert [True, True] == [width > 0 for width in widths]
    assert [] == seen.complaints


def test_a_script_that_got_in_all_the_same_would_not_run(browser: Browser, small: Path) -> None:
    """The page's policy knows one script, and no attribute."""
    inject = """() => {
        const script = document.createElement('script'), image = new Image();
        script.textContent = 'window.pwned = 1';
        image.setAttribute('onerror', 'window.pwned = 1');
        image.src = 'none.png';
        document.body.append(script, image);
        return new Promise(done => image.addEventListener('error', () => setTimeout(() => done(window.pwned), 50)));
    }"""

    with opened(browser, small) as seen:
        pwned = seen.page.evaluate(inject)

    assert pwned is None
    assert 2 <= sum("Content Security Policy" in each for each in seen.complaints)


def test_on_paper_is_what_is_shown_and_how_much_that_is(browser: Browser, small: Path) -> None:
    """Without the controls, of which paper has no use."""
    with opened(browser, small, "#q=fox") as seen:
        seen.page.emulate_media(media="print")
        count = seen.page.is_visible("#count")
        controls = [seen.page.is_visible(each) for each in ("[type=search]", "fieldset", "select", "[type=reset]")]
        found: list[str] = seen.page.evaluate(SHOWN)

    assert count
    assert [False] * 4 == controls
    assert ["fox", "no"] == found
