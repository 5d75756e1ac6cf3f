"""The page of a batch: every task with what it made or why not, whatever its texts and names hold."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async.batch.cards import journaled, stored
from kling_async.batch.gallery import Card, Medium, Totals, Verdict, address, page, write
from kling_async.batch.items import ItemError
from kling_async.batch.journal import Journal, Reader
from kling_async.batch.states import State
from tests.support.specimens import Specimen, journal_of

ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>--></style></title>{{ 7*7 }}{% raw %}&amp;"
REFUSED = ItemError(type="ContentRefused", message="Failure to pass the risk control system", code=1301)


class Page(HTMLParser):
    """The elements of a page, its words, and its script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words, self.script, self._inside = "", "", ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.script += data
        elif self._inside != "style":
            self.words += data

    def all(self, name: str) -> list[str]:
        """What an attribute says, wherever it stands."""
        return [given[name] or "" for _, given in self.elements if name in given]

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        """Elements and the names of their attributes."""
        return [(tag, list(given)) for tag, given in self.elements]


def shown(*cards: Card, name: str = "launch", source: str = "jobs.db") -> Page:
    """A page of cards, read."""
    return Page("".join(page(lambda: cards, name=name, lead="All of it.", source=source)[1]))


async def cards_of(folder: Path, *specimens: Specimen) -> list[Card]:
    """What the journal of some tasks has to show, for a page beside it."""
    await journal_of(folder / "jobs.db", folder / "out", specimens)
    with Reader.open(folder / "jobs.db") as reader:
        return list(journaled(reader, folder))


async def test_a_page_shows_every_task_with_its_files(tmp_path: Path) -> None:
    """In the order of the manifest, with its prompt, its settings and what it cost; the files by relative addresses."""
    body = {"prompt": "A red fox", "model_name": "kling-v3", "aspect_ratio": "1:1"}

    cards = await cards_of(
        tmp_path,
        Specimen(custom_id="fox", body=body, files=2),
        Specimen(custom_id="clip", endpoint="videos.text_to_video", body={"prompt": "A slow river"}),
        Specimen(custom_id="hum", endpoint="audio.text_to_audio", body={"prompt": "Rain"}),
    )
    html = shown(*cards)

    assert ["fox", "clip", "hum"] == [card.custom_id for card in cards]
    sources = [given["src"] for tag, given in html.elements if tag in {"img", "video", "audio"} and "src" in given]
    assert ["out/fox-0.jpg", "out/fox-1.jpg", "out/clip-0.mp4", "out/hum-0.mp3"] == sources
    assert all((tmp_path / str(source)).is_file() for source in sources)
    for words in ("A red fox", "A slow river", "Rain", "kling-v3", "1:1", "2 pictures", "2 units"):
        assert words in html.words
    assert "example.com" not in str(html.elements) + html.words  # the vendor's links are as good as keys


async def test_what_was_not_made_is_shown_with_its_reason(tmp_path: Path) -> None:
    """In the vendor's words, with its code, and with what can be done about it."""
    cards = await cards_of(
        tmp_path,
        Specimen(custom_id="no", body={"prompt": "A forbidden scene"}, state="refused", error=REFUSED),
        Specimen(custom_id="mist", state="held", error=ItemError(type="SubmitUnknown", message="Nobody knows")),
        Specimen(custom_id="gone", state="lost", error=ItemError(type="TaskLost", message="It is not there")),
        Specimen(custom_id="bad", state="failed", error=ItemError(type="TaskFailed", message="It broke")),
    )
    html = shown(*cards)

    assert [True] * 4 == [card.bad for card in cards]
    for words in (
        *("A forbidden scene", "Refused (code 1301)", "Failure to pass the risk control system."),
        *("Change the prompt or the picture", "Nobody knows", "kling batch resolve", "It broke"),
    ):
        assert words in html.words


@pytest.mark.parametrize("state", ["planned", "submitting", "unknown", "submitted", "succeeded"])
async def test_a_task_that_has_not_ended_says_how_far_it_is(tmp_path: Path, state: str) -> None:
    """A page may be made while the batch runs."""
    (card,) = await cards_of(tmp_path, Specimen(custom_id="soon", body={"prompt": "A fox"}, state=state))

    assert card.open
    assert card.verdict is not None
    assert card.verdict.title in shown(card).words


def test_every_state_has_a_name_and_a_place() -> None:
    """What the table of states holds can be shown."""
    cards = [Card(custom_id=state, state=state) for state in State]

    totals = Totals.of(cards)

    assert set(State) == set(totals.states)
    assert 4 == totals.unmade
    assert 5 == totals.open


async def test_files_that_are_missing_are_told(tmp_path: Path) -> None:
    """Those that the vendor deleted first, and those that somebody moved; the rest is shown."""
    specimen = Specimen(custom_id="fox", body={"prompt": "A fox"}, files=4, expired=1)
    await journal_of(tmp_path / "jobs.db", tmp_path / "out", [specimen])
    (tmp_path / "out" / "fox-2.jpg").unlink()

    with Reader.open(tmp_path / "jobs.db") as reader:
        (card,) = journaled(reader, tmp_path)

    assert ["out/fox-1.jpg", "out/fox-3.jpg"] == [file.src for file in card.media]
    assert card.verdict is not None
    assert "1 of 4 files: deleted by the vendor" in card.verdict.message
    assert "1 of 4 files: not where they were stored" in card.verdict.message


async def test_only_the_newest_try_is_shown(tmp_path: Path) -> None:
    """What failed and is tried again is no failure."""
    await cards_of(tmp_path, Specimen(custom_id="fox", state="failed", error=ItemError(type="x", message="It broke")))
    journal = await Journal.open(tmp_path / "jobs.db", now_ms=lambda: 1)
    await journal.retry((await journal.enter("launch-teasers", account="test", options={})), [State.FAILED])
    await journal.close()

    with Reader.open(tmp_path / "jobs.db") as reader:
        cards = list(journaled(reader, tmp_path))

    assert [("fox", "planned")] == [(card.custom_id, card.state) for card in cards]


async def test_more_tasks_than_are_read_at_once_are_all_there(tmp_path: Path) -> None:
    """Read in pieces, none twice and none left out."""
    planned = [Specimen(custom_id=f"n{at}", state="planned") for at in range(1203)]

    cards = await cards_of(tmp_path, *planned)

    assert [each.custom_id for each in planned] == [card.custom_id for card in cards]


@pytest.mark.parametrize(
    ("endpoint", "body", "told"),
    [
        ("videos.text_to_video", {"multi_prompt": [{"prompt": "One"}, {"prompt": "Two"}]}, "One\nTwo"),
        ("audio.text_to_audio", {"text": "Good morning"}, "Good morning"),
        ("images.multi_shot", {}, "Further views"),
        ("videos.newer_than_us", {}, "videos.newer_than_us"),
    ],
)
async def test_a_task_without_a_prompt_has_words(
    tmp_path: Path, endpoint: str, body: dict[str, object], told: str
) -> None:
    """Its storyboard, what it says, else what its endpoint does."""
    (card,) = await cards_of(tmp_path, Specimen(custom_id="x", endpoint=endpoint, body=body, state="planned"))

    assert card.prompt.startswith(told)


def test_a_directory_of_files_is_shown_by_name(tmp_path: Path) -> None:
    """Files of one task together, numbers by their value; whatever is no result is left out."""
    for name in ("fox-2-0.png", "fox-10-0.jpg", "fox-10-1.JPG", "owl-0.mp4", "owl-1.mp3", "x-0.png.part", "notes.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder-0.png").mkdir()

    cards = list(stored(tmp_path, tmp_path))

    assert ["fox-2", "fox-10", "owl"] == [card.custom_id for card in cards]
    assert ["fox-10-0.jpg", "fox-10-1.JPG"] == [file.src for file in cards[1].media]
    assert ("video", "audio") == cards[2].kinds


def hostile(text: str) -> Card:
    """A task all of whose texts are one text."""
    return Card(
        custom_id=text,
        prompt=text,
        endpoint=text,
        model=f"model {text}",
        facts=(text,),
        media=(Medium(address(Path("out") / "x.png", Path()), text, "image"), Medium("y.mp4", text, "video")),
        cost=text,
        state="failed",
        verdict=Verdict(text, text, text),
    )


BENIGN = "a plain text"


def test_hostile_texts_stay_texts() -> None:
    """No prompt, id, model, reason, name of a batch or of a journal makes an element or an attribute."""
    plain = shown(hostile(BENIGN), name=BENIGN, source=BENIGN)
    attacked = shown(hostile(ATTACK), name=ATTACK, source=ATTACK)

    assert plain.shape == attacked.shape
    assert plain.script == attacked.script
    assert plain.words.count(BENIGN) == attacked.words.count(ATTACK) >= 10


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1))
def test_any_text_comes_through_as_it_is(text: str) -> None:
    """Whatever characters it is made of."""
    plain, page = shown(hostile(BENIGN)), shown(hostile(text))

    assert plain.shape == page.shape
    assert page.all("data-endpoint") == [text]
    assert page.all("alt")[0] == text
    assert page.words.count(text) >= plain.words.count(BENIGN)


@pytest.mark.parametrize(
    "name",
    ["a b", "50%", "#1", "what?", 'say "x"', "it's", "a(b)", "é", "x;y", "a:b", "<b>", "a\\b", "a&b=c", "\udcff"],
)
def test_any_name_of_a_file_leads_to_the_file(tmp_path: Path, name: str) -> None:
    """Nothing in an address means anything to HTML, to CSS, or to whoever takes addresses apart."""
    file = tmp_path / "out" / f"{name}-0.png"

    found = address(file, tmp_path / "pages")

    assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", found)
    assert "" == urlsplit(found).scheme
    assert f"../out/{name}-0.png" == unquote(found, errors="surrogateescape")


def test_the_policy_lets_in_the_pages_own_script_and_local_files_only() -> None:
    """By the hash of the very script; nothing on the page is asked for from elsewhere."""
    html = shown(hostile(ATTACK))

    (policy,) = [given["content"] for _, given in html.elements if given.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in str(policy).split("; "))
    digest = base64.b64encode(hashlib.sha256(html.script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" == rules["script-src"]
    assert "'none'" == rules["default-src"] == rules["base-uri"] == rules["form-action"]
    assert "'self' data: file:" == rules["img-src"]
    assert "'self' file:" == rules["media-src"]
    assert not [
        link for name in ("src", "href", "srcset") for link in html.all(name) if re.match(r"(?i)https?:|//", link)
    ]
    assert not [name for _, given in html.elements for name in given if name.startswith("on")]


def test_pictures_wait_until_they_are_looked_at_with_scripts_and_without() -> None:
    """`loading=lazy` where scripts run; where they do not, and it is ignored, a background that is drawn when due."""
    html = shown(Card(custom_id="fox", media=(Medium("out/fox-0.png", "A fox", "image"),)))

    (picture,) = [given for tag, given in html.elements if tag == "img" and "src" in given]
    (otherwise,) = [given for tag, given in html.elements if tag == "source"]
    assert ("lazy", "A fox", "out/fox-0.png") == (picture["loading"], picture["alt"], picture["src"])
    assert "(scripting: none)" == otherwise["media"]
    assert str(otherwise["srcset"]).startswith("data:")
    assert ["--file:url(out/fox-0.png)"] == html.all("style")


def test_a_page_costs_no_memory_for_its_cards(tmp_path: Path) -> None:
    """They are asked for as the page is written: with its first piece, few of them were."""
    asked = 0

    def cards() -> Iterator[Card]:
        nonlocal asked
        for at in range(10_000):
            asked += 1
            yield Card(custom_id=f"n{at}")

    totals, pieces = page(cards, name="x", lead="x", source="x")
    counted, asked = asked, 0
    next(iter(pieces))

    assert 10_000 == totals.tasks == counted
    assert asked < 1000


def test_a_page_is_written_in_one_step(tmp_path: Path) -> None:
    """One that cannot be finished leaves the one before it as it was, and nothing else."""
    place = write(tmp_path / "page.html", ["<p>one"])

    def broken() -> Iterable[str]:
        yield "<p>two"
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        write(place, broken())

    assert "<p>one" == place.read_text(encoding="utf-8")
    assert [place] == list(tmp_path.iterdir())


def test_half_a_character_does_not_stop_a_page(tmp_path: Path) -> None:
    """JSON may hold what UTF-8 may not."""
    cards = [Card(custom_id="x", prompt="a \ud83d b")]

    place = write(tmp_path / "page.html", page(lambda: cards, name="x", lead="x", source="x")[1])

    assert "a ? b" in place.read_text(encoding="utf-8")


def test_texts_can_be_read_in_light_and_in_the_dark() -> None:
    """Contrasts of at least 4.5, as WCAG asks for, between all colours of texts and what they stand on."""
    style = (files("kling_async.batch") / "templates" / "page.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", part)) for part in style.split("@media", 2)[:2])
    grounds = {
        "ink": ("page", "card", "chip", "pick", "stage"),
        "soft": ("page", "card", "chip", "bad-page"),
        "bad": ("bad-page",),
    }

    low = [
        (text, ground, ratio)
        for colours in (light, dark)
        for text, under in {**grounds, "accent": ("page", "card")}.items()
        for ground in under
        if (ratio := _contrast(colours[text], colours[ground])) < 4.5
    ]

    assert [] == low


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
