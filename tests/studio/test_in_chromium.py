"""The studio as somebody sees it: from the prompt to the visible picture, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.studio.conftest import Start, Visitor

pytestmark = pytest.mark.chromium

PATIENT = 40_000
WIDTHS = "images => images.map(image => image.complete ? image.naturalWidth : 0)"
PLAYABLE = """videos => Promise.all(videos.map(video => new Promise((good, bad) => {
    video.preload = 'auto';
    video.addEventListener('canplay', () => good([video.videoWidth, video.duration]), {once: true});
    video.addEventListener('error', () => bad(new Error(video.error.message)), {once: true});
    video.load();
})))"""
CONTRASTS = """() => {
    const channel = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
    const numbers = text => text.match(/[\\d.]+/g).map(Number);
    const behind = node => {
        for (let at = node; at; at = at.parentElement) {
            const [r, g, b, alpha] = numbers(getComputedStyle(at).backgroundColor);
            if (alpha === undefined || alpha === 1) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const found = {};
    for (const name of ['h1', '.kinds span', '#options label', '#options select', '#make', '.prompt', '.facts',
                        '.state', '.redo', '#price']) {
        const node = document.querySelector(name);
        const [a, b] = [light(numbers(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
        found[name] = (a + 0.05) / (b + 0.05);
    }
    return found;
}"""


def order(page: Page, prompt: str, kind: str = "Picture", **options: str) -> Locator:
    """Fill in the form as a visitor would; the card of the new task."""
    page.get_by_role("radio", name=kind, exact=True).check(force=True)
    for label, value in options.items():
        page.get_by_role("combobox", name=label.replace("_", " ")).select_option(value)
    page.get_by_role("textbox", name="Prompt").fill(prompt)
    page.get_by_role("button", name="Make").click()
    card = page.get_by_role("article", name=prompt)
    expect(card).to_be_visible()
    return card


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_prompt_becomes_a_visible_picture_and_a_video_that_plays(
    start: Start, visitor: Visitor, workers: str
) -> None:
    """Several at once, of chosen kinds and models, and a reload in between loses none of them."""
    with start("--workers", workers) as studio:
        page = visitor.opens(studio)
        order(page, "A lighthouse in fog", Model="kling-v2-1")
        order(page, "Four kites", How_many="4", Format="1:1")
        order(page, "A paper boat in the rain", kind="Video", Model="kling-v2-6", Seconds="5")
        order(page, "Rain on a tin roof", kind="Sound")
        page.reload()
        expect(page.get_by_role("article")).to_have_count(4)
        expect(page.locator("article[aria-busy=true]")).to_have_count(0, timeout=PATIENT)
        pictures = page.get_by_role("article", name="A lighthouse in fog").locator("img")
        expect(pictures).to_have_count(1)
        widths = page.locator("article img").evaluate_all(WIDTHS)
        videos = page.get_by_role("article", name="A paper boat in the rain").locator("video").evaluate_all(PLAYABLE)
        text = page.get_by_role("article", name="A lighthouse in fog").inner_text()

    assert 5 == len(widths)
    assert all(width > 100 for width in widths)
    assert [5] == [round(seconds) for width, seconds in videos if width > 100]
    assert "kling-v2-1" in text
    assert re.search(r"\d+ units?", text)


def test_every_tab_sees_what_happens_in_any(start: Start, visitor: Visitor) -> None:
    """Without asking, whichever worker serves it, and after the tab that ordered was closed."""
    with start("--workers", "2") as studio:
        tabs = [visitor.opens(studio) for _ in range(3)]
        order(tabs[0], "A red fox")
        tabs[0].close()
        for tab in tabs[1:]:
            card = tab.get_by_role("article", name="A red fox")
            expect(card.locator("img")).to_be_visible(timeout=PATIENT)
            expect(tab.get_by_role("status").filter(has_text="Picture ready: A red fox")).to_have_count(1)


HOSTILE = {
    "markup": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "quotes": "\"'><svg/onload=alert(3)> & &amp; {{7*7}} ${7*7}",
    "invisible": "\u202eesrever \u0000\u0007 one\ntwo\r\nevent: task\ndata: {}",
    "long": "long" * 600,
}


def test_a_hostile_prompt_is_text_and_nothing_else(start: Start, visitor: Visitor) -> None:
    """In its card, in the large view, and in the form again; no dialog, no element of its own, no wider page."""
    seen = list[tuple[str | None, str | None, str]]()
    with start(speed=600) as studio:
        numbers = [studio.order(prompt) for prompt in HOSTILE.values()]
        page = visitor.opens(studio)
        for number in numbers:
            card = page.locator(f"li[data-id='{number}']")
            expect(card.locator("img")).to_be_visible(timeout=PATIENT)
            shown = card.locator(".prompt").text_content()
            card.get_by_role("button").click()
            large = page.locator("#viewer-prompt").text_content()
            page.get_by_role("button", name="Use this prompt").click()
            seen.append((shown, large, page.get_by_role("textbox", name="Prompt").input_value()))
        strangers = page.locator("#gallery :is(script, svg, iframe), dialog :is(script, svg)").count()
        narrow = page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert seen == [(prompt, prompt, prompt.replace("\r\n", "\n")) for prompt in HOSTILE.values()]
    assert 0 == strangers
    assert narrow


def test_everything_can_be_done_by_keyboard(start: Start, visitor: Visitor) -> None:
    """Order, look at several files, and come back to where one was."""
    with start(speed=600) as studio:
        page = visitor.opens(studio)
        expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()
        page.keyboard.type("Two lanterns")
        page.keyboard.press("Tab")
        expect(page.get_by_role("combobox", name="Model")).to_be_focused()
        page.get_by_role("combobox", name="How many").focus()
        page.keyboard.press("2")
        page.get_by_role("textbox", name="Prompt").focus()
        page.keyboard.press("Control+Enter")
        pictures = page.get_by_role("article", name="Two lanterns").get_by_role("button")
        expect(pictures).to_have_count(2, timeout=PATIENT)
        pictures.first.focus()
        page.keyboard.press("Enter")
        viewer = page.get_by_role("dialog", name="Two lanterns")
        expect(viewer).to_be_visible()
        first = viewer.get_by_role("img").get_attribute("src")
        page.keyboard.press("ArrowRight")
        second = viewer.get_by_role("img").get_attribute("src")
        page.keyboard.press("Escape")
        expect(viewer).to_be_hidden()
        expect(pictures.nth(1)).to_be_focused()

    assert first != second


def test_a_screen_reader_is_told_what_things_are_and_what_happens(start: Start, visitor: Visitor) -> None:
    """Names and roles, progress while a task is under way, and a word when it has ended."""
    with start(speed=8) as studio:
        page = visitor.opens(studio)
        card = order(page, "A tin robot")
        waiting = card.get_by_role("progressbar", name=re.compile(r"Waiting|queue|Being made"))
        expect(waiting).to_be_visible()
        nameless = page.locator("button, select, textarea, input, a").evaluate_all(
            "all => all.filter(each => !(each.labels?.length || each.ariaLabel || each.textContent.trim())).length"
        )
        told = page.get_by_role("status").filter(has_text="Picture ready: A tin robot")
        expect(told).to_have_count(1, timeout=PATIENT)
        expect(card.get_by_role("button", name="Open image: A tin robot")).to_be_visible()

    assert 0 == nameless


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(start: Start, visitor: Visitor, scheme: str) -> None:
    """Contrasts of 4.5 and more, and the two differ."""
    with start(speed=600) as studio:
        studio.order("something forbidden")
        studio.order("A kite")
        studio.ended()
        page = visitor.opens(studio)
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        expect(page.locator(".redo")).to_be_visible()
        expect(page.locator("#price")).not_to_be_empty()
        contrasts = page.evaluate(CONTRASTS)
        dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    assert {} == {name: ratio for name, ratio in contrasts.items() if ratio < 4.5}
    assert (scheme == "dark") == (int(re.findall(r"\d+", dark)[0]) < 100)


def test_a_phone_shows_it_all(start: Start, visitor: Visitor) -> None:
    """Nothing is wider than the screen."""
    with start(speed=600) as studio:
        studio.order("A_word_without_any_end_" * 20)
        studio.ended()
        page = visitor.opens(studio)
        page.set_viewport_size({"width": 360, "height": 740})
        expect(page.locator("article img")).to_be_visible()
        narrow = page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert narrow


def test_what_cannot_be_is_said_before_anything_is_sent(start: Start, visitor: Visitor) -> None:
    """In the words of the rules, beside the form; and it goes away when it is put right."""
    with start() as studio:
        page = visitor.opens(studio)
        page.get_by_role("radio", name="Video", exact=True).check(force=True)
        page.get_by_role("combobox", name="Model").select_option("kling-v2-6")
        page.get_by_role("combobox", name="Seconds").select_option("7")
        expect(page.get_by_role("alert")).to_contain_text("duration: must be 5 or 10 seconds for kling-v2-6")
        page.get_by_role("combobox", name="Seconds").select_option("10")
        expect(page.get_by_role("alert")).to_be_empty()
        tasks = studio.ask("/api/tasks")

    assert [] == tasks


def test_what_was_refused_can_be_changed_and_tried_again(start: Start, visitor: Visitor) -> None:
    """The card says why, in words that help; its prompt and options come back into the form."""
    with start(speed=600) as studio:
        page = visitor.opens(studio)
        card = order(page, "something forbidden", Format="1:1")
        expect(card).to_contain_text("Refused by content safety")
        card.get_by_role("button", name="Change and try again").click()
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value("something forbidden")
        expect(page.get_by_role("combobox", name="Format")).to_have_value("1:1")


def test_older_tasks_come_when_they_are_asked_for(start: Start, visitor: Visitor) -> None:
    """A page of them at a time, the newest first, none twice."""
    with start(speed=2000) as studio:
        for number in range(30):
            studio.order(f"forbidden {number}")
        studio.ended()
        page = visitor.opens(studio)
        expect(page.get_by_role("article")).to_have_count(24)
        page.get_by_role("button", name="Show older ones").click()
        expect(page.get_by_role("article")).to_have_count(30)
        expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()
        numbers = page.locator("li[data-id]").evaluate_all("all => all.map(each => Number(each.dataset.id))")

    assert sorted(numbers, reverse=True) == numbers
