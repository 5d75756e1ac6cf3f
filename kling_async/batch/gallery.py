"""Pages that show what tasks made: cards in, one file of HTML out, beside its files and with nothing from outside.

Prompts, ids, reasons and names of files are hostile text: everything goes through the templates' escaping, and nothing
is taken for safe but the style and the script of the package. The page's own policy lets in that very script, by its
hash, and local files. Without scripts everything is there, and still comes only as it is looked at.

A page is written piece by piece, so that it costs no memory, and gets its name in one step.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import quote

import attrs
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..models import Kind
from .items import ENDED

NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    "image": ("picture", "pictures"),
    "video": ("video", "videos"),
    "audio": ("sound", "sounds"),
}
"""What files of a kind are called: one, and several."""

LABELS: Final[Mapping[str, str]] = {
    "done": "Done",
    "failed": "Failed",
    "refused": "Refused",
    "held": "Held",
    "lost": "Lost",
    "succeeded": "Storing",
    "submitted": "Running",
    "unknown": "Unknown",
    "submitting": "Sending",
    "planned": "Planned",
}
"""What states are called, in the order in which they are listed."""

_FACTS: Final[Mapping[str, str]] = {
    "aspect_ratio": "{}",
    "resolution": "{}",
    "mode": "{}",
    "duration": "{} s",
    "sound": "sound {}",
}
"""Fields worth a word on a card, in the order shown."""

_PACKAGE: Final = "kling_async.batch"
_UNMADE: Final = frozenset({*ENDED} - {"done"})
_SHAPES: Final[Mapping[int, str]] = {1: "one", 2: "two", 4: "two"}
_AT_ONCE: Final = 200  # pieces of a page that are written together


@attrs.frozen
class Medium:
    """A file on the page."""

    src: str
    """Its address, seen from the page."""
    alt: str
    kind: Kind


@attrs.frozen
class Verdict:
    """Why there is nothing to see, or not all of it."""

    title: str
    message: str = ""
    advice: str = ""


@attrs.frozen(kw_only=True)
class Card:
    """One task on the page."""

    custom_id: str
    prompt: str = ""
    endpoint: str = ""
    model: str = ""
    """The endpoint where it takes no model."""
    pool: str = ""
    facts: tuple[str, ...] = ()
    media: tuple[Medium, ...] = ()
    units: Decimal | None = None
    cost: str = ""
    """The units in words, and whatever else it took."""
    state: str = "done"
    verdict: Verdict | None = None

    @property
    def shape(self) -> str:
        """The class that lays several files out."""
        return _SHAPES.get(len(self.media), "many")

    @property
    def bad(self) -> bool:
        """Whether it ended otherwise than wanted."""
        return self.state in _UNMADE

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state not in ENDED

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it shows; where it shows nothing, what it would have made."""
        shown = tuple(dict.fromkeys(file.kind for file in self.media))
        made = self.endpoint.partition(".")[0]
        return shown or tuple(kind for kind in NOUNS if made.startswith(kind))


@attrs.frozen(kw_only=True)
class Totals:
    """What all cards of a page come to."""

    tasks: int
    states: Mapping[str, int]
    kinds: Mapping[str, int]
    """Tasks by what they show."""
    models: Mapping[str, int]
    endpoints: Mapping[str, int]
    files: Mapping[str, int]
    """By kind."""
    units: Mapping[str, Decimal]
    """By pool."""

    @classmethod
    def of(cls, cards: Iterable[Card]) -> Totals:
        """Count."""
        states, kinds, models, endpoints, stored = (Counter[str]() for _ in range(5))
        units: dict[str, Decimal] = {}
        for card in cards:
            states[card.state] += 1
            kinds.update(card.kinds)
            models[card.model] += card.model not in {"", card.endpoint}
            endpoints[card.endpoint] += bool(card.endpoint)
            stored.update(file.kind for file in card.media)
            if card.units is not None:
                units[card.pool] = units.get(card.pool, Decimal(0)) + card.units
        return cls(
            tasks=states.total(),
            states={state: states[state] for state in LABELS if states[state]},
            kinds={kind: kinds[kind] for kind in NOUNS if kinds[kind]},
            models=dict((+models).most_common()),
            endpoints=dict((+endpoints).most_common()),
            files={kind: stored[kind] for kind in NOUNS if stored[kind]},
            units=dict(sorted(units.items())),
        )

    @property
    def unmade(self) -> int:
        """Tasks that ended otherwise than wanted."""
        return sum(number for state, number in self.states.items() if state in _UNMADE)

    @property
    def open(self) -> int:
        """Tasks that have not ended."""
        return sum(number for state, number in self.states.items() if state not in ENDED)

    def __str__(self) -> str:
        made = [counted(number, kind) for kind, number in self.files.items()] or ["no files"]
        odd = [f"{number:,} {word}" for number, word in ((self.unmade, "not made"), (self.open, "not ended")) if number]
        return ", ".join([f"{self.tasks:,} {'task' if self.tasks == 1 else 'tasks'}", *made, *odd])


def counted(number: int, kind: str) -> str:
    """A number of files in words."""
    one, many = NOUNS.get(kind, (f"{kind} file", f"{kind} files"))
    return f"{number:,} {one if number == 1 else many}"


def facts(body: Mapping[str, object]) -> tuple[str, ...]:
    """What a card says of the settings of a request, besides its model."""
    return tuple(form.format(body[name]) for name, form in _FACTS.items() if isinstance(body.get(name), str | int))


def address(file: Path, folder: Path) -> str:
    """Where a file is, seen from a page in a folder; not one character of it means anything in HTML or in CSS."""
    try:
        seen = Path(os.path.relpath(file, folder))
    except ValueError:  # on another drive
        return file.resolve().as_uri()
    return quote(os.fsencode(seen.as_posix()))


@cache
def environment(*packages: str) -> Environment:
    """The templates of this package, after those of others in front of it."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in (*packages, _PACKAGE)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(cards: Callable[[], Iterable[Card]], *, name: str, lead: str, source: str) -> tuple[Totals, Iterator[str]]:
    """
    The pieces of a page of cards with filters and search, and what it comes to.

    *cards* is asked twice, first to count. *name*, *lead* and *source*: what this is called, what to say of it, and
    what it was made from.
    """
    totals = Totals.of(cards())
    templates = environment()
    script = (files(_PACKAGE) / "templates" / "gallery.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    pieces = templates.get_template("gallery.html.jinja").stream(
        totals=totals,
        cards=cards(),
        name=name,
        lead=lead,
        source=source,
        labels=LABELS,
        nouns=NOUNS,
        script=Markup(script),  # noqa: S704 - our own, from the package
        script_hash=f"sha256-{digest}",
    )
    pieces.enable_buffering(_AT_ONCE)
    return totals, pieces


def write(path: Path, pieces: Iterable[str]) -> Path:
    """Store a page in one step, so that a browser never sees half of it. Blocking."""
    part = path.with_name(f"{path.name}.part")
    try:
        # Half a surrogate pair, which JSON may hold and UTF-8 may not, is shown as a question mark.
        with part.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(pieces)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path
