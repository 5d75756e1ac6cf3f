"""`kling demo` turns prompts into files and a page, within the slots, whatever the prompts hold."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from kling_async.api import ROWS
from kling_async.cli import demo, manifest
from kling_async.cli.failures import Failure
from kling_async.cli.outcome import Ended
from kling_async.cli.page import gallery, render
from tests.cli.running import Run

HERE = Path(__file__).parents[2]
IMAGE = '{"custom_id": "%s", "endpoint": "images.generate", "body": {"prompt": "%s"}}\n'


class Page(HTMLParser):
    """The elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_packaged_prompts_are_those_of_the_examples() -> None:
    """An installed wheel runs the very prompts that examples/ shows."""
    assert (HERE / "examples" / "prompts.jsonl").read_text(encoding="utf-8") == manifest.packaged()


def accept(_row: object, _request: object) -> None:
    """Let every request pass."""


async def test_the_prompts_show_what_there_is(tmp_path: Path) -> None:
    """At least eight pictures' tasks and four videos', every endpoint, and one refusal, all within the demo's slots."""
    lines = await manifest.read(None, tmp_path, accept)

    by_pool = [line.row.pool for line in lines]
    assert by_pool.count("image") >= 9
    assert by_pool.count("video") >= 4
    assert 1 == sum("forbidden" in str(line.body) for line in lines)
    assert all(line.row.weight(line.request) <= demo.SLOTS[line.row.pool] for line in lines)


async def test_a_run_ends_with_a_page_although_one_is_refused(run: Run, tmp_path: Path) -> None:
    """A refused prompt is shown with its advice, on the page and in the terminal, and the rest is stored."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(IMAGE % ("fox", "A fox") + "\n" + IMAGE % ("no", "forbidden fruit") + IMAGE % ("bad", "risky"))

    ran = await run("demo", "-o", tmp_path / "out", "--prompts", prompts, "--speed", "1000")

    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert (0, f"{tmp_path / 'out' / 'index.html'}\n") == (ran.code, ran.out)
    assert ["fox-0.png"] == [path.name for path in (tmp_path / "out" / "media").iterdir()]
    assert "content safety refused it" in ran.err
    assert "content safety refused it" in html
    assert "Failure to pass the risk control system" in html
    assert "1 picture, 1 image unit, 2 not made" in ran.words


async def test_json_tells_every_line(run: Run, tmp_path: Path) -> None:
    """With --json every line of the manifest is one object, refused ones with their error."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(IMAGE % ("fox", "A fox") + IMAGE % ("no", "forbidden fruit"))

    ran = await run("demo", "-o", tmp_path / "out", "--prompts", prompts, "--speed", "1000", "--json")

    done, refused = ran.objects
    assert (0, "") == (ran.code, ran.err)
    assert [str(tmp_path / "out" / "media" / "fox-0.png")] == done["files"]
    assert ("no", "ContentRefused") == (refused["custom_id"], refused["error"]["type"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "at least one row"),
        (IMAGE % ("a", "x") + "{", "line 2: JSON"),
        (IMAGE % ("a", "x") * 2, "line 2 ('a'): custom_id: must be unique, and is that of line 1"),
        (IMAGE.replace("images.generate", "pictures.make") % ("a", "x"), "line 1 ('a'): endpoint"),
    ],
)
async def test_a_bad_line_is_named(text: str, told: str, run: Run, tmp_path: Path) -> None:
    """Every line is checked before the first task is made, and the one at fault is named."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(text)

    ran = await run("demo", "-o", tmp_path / "out", "--prompts", prompts)

    assert 2 == ran.code
    assert told in ran.words
    assert not (tmp_path / "out").exists()


async def test_a_line_beyond_the_slots_is_refused(run: Run, tmp_path: Path) -> None:
    """A task that needs more slots than the demo has would wait for ever, and is refused instead."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text((IMAGE % ("many", "A fox")).replace('"prompt"', '"n": 4, "prompt"'))

    ran = await run("demo", "-o", tmp_path / "out", "--prompts", prompts)

    assert 2 == ran.code
    assert "needs 4 slots" in ran.err


async def test_an_error_that_is_no_refusal_ends_the_run(run: Run, tmp_path: Path) -> None:
    """Whatever is neither a refusal nor a failed task is told as it is elsewhere, and no page is written."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text((IMAGE % ("fox", "A fox")).replace('"prompt"', '"extra": {"n": 99}, "prompt"'))

    ran = await run("demo", "-o", tmp_path / "out", "--prompts", prompts)

    assert 1 == ran.code
    assert "The vendor refused" in ran.err
    assert not (tmp_path / "out" / "index.html").exists()


async def test_prompts_that_cannot_be_read_are_refused(run: Run, tmp_path: Path) -> None:
    """A file of prompts that is not there is named."""
    ran = await run("demo", "-o", tmp_path / "out", "--prompts", tmp_path / "none.jsonl")

    assert 2 == ran.code
    assert "must be a file that can be read" in ran.words


def test_hostile_prompts_stay_text(tmp_path: Path) -> None:
    """A prompt, a model or a reason with markup in it is shown as text and makes no element and no attribute."""
    attack = "\"'><script>alert(1)</script><img src=x onerror=alert(1)><video/onloadstart=alert(1)>"
    row = ROWS["images.generate"]
    body = {"prompt": attack, "model_name": attack}
    hostile = manifest.Line(custom_id="fox", name="fox", row=row, request=row.request(**body), body=body)
    failure = Failure(type="x", title=attack, message=attack, advice=attack)
    ended = (
        Ended(line=hostile, files=(tmp_path / "media" / "fox-0.png",)),
        Ended(line=hostile, failure=failure),
    )

    page = Page(render(*gallery(ended, tmp_path), seconds=1, speed=60))

    allowed = {"src", "alt", "href", "class", "aria-label"}
    inside = [(tag, given) for tag, given in page.elements if tag in ("img", "a", "video", "script")]
    assert [("a", {"href"}), ("img", {"src", "alt"})] == [(tag, set(given)) for tag, given in inside]
    assert all(set(given) <= allowed for _, given in inside)
    assert attack == inside[1][1]["alt"]
    assert page.words.count(attack) >= 6


def test_the_page_forbids_scripts_and_everything_from_outside() -> None:
    """The page's own policy lets in nothing but its media and its style."""
    page = Page(render(*gallery((), Path()), seconds=1, speed=60))

    metas = {given.get("http-equiv"): given.get("content") for _, given in page.elements}
    assert str(metas["Content-Security-Policy"]).startswith(
        "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"
    )
