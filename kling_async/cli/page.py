"""The page that shows what a run made: one file of HTML beside its media, without scripts.

Prompts and reasons are hostile text: everything goes through the template's escaping, nothing is marked as safe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import quote

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined

from .failures import Failure
from .outcome import Ended, units_by_pool
from .present import took

_FACTS: Final[Mapping[str, str]] = {
    "aspect_ratio": "{}",
    "resolution": "{}",
    "mode": "{}",
    "duration": "{} s",
    "sound": "sound {}",
}
"""Fields worth a word on a card, in the order shown."""

_VIDEO: Final = frozenset({".mp4", ".mov", ".webm"})
_NOUNS: Final = {"image": ("picture", "pictures"), "video": ("video", "videos")}


@attrs.frozen
class Medium:
    """A file on the page."""

    src: str
    alt: str
    video: bool


@attrs.frozen(kw_only=True)
class Card:
    """One task on the page."""

    custom_id: str
    pool: str
    prompt: str
    model: str
    """The endpoint where it takes no model."""
    facts: tuple[str, ...]
    media: tuple[Medium, ...]
    units: str | None
    seconds: float | None
    failure: Failure | None = None

    @property
    def shape(self) -> str:
        """The class that lays several files out."""
        return {1: "one", 2: "two", 4: "two"}.get(len(self.media), "many")


@attrs.frozen(kw_only=True)
class Totals:
    """What a run came to."""

    files: Mapping[str, int]
    """By pool."""
    units: Mapping[str, Decimal]
    refused: int

    def __str__(self) -> str:
        parts = [_counted(count, pool) for pool, count in self.files.items()]
        units = [f"{amount:f} {pool} {'unit' if amount == 1 else 'units'}" for pool, amount in self.units.items()]
        refused = [f"{self.refused} not made"] if self.refused else []
        return ", ".join([*parts, *units, *refused])


def gallery(ended: Sequence[Ended], directory: Path) -> tuple[Totals, tuple[Card, ...]]:
    """The totals and a card per task, the addresses relative to *directory*."""
    cards = tuple(_card(each, directory) for each in ended)
    files = Counter[str]()
    for card in cards:
        files[card.pool] += len(card.media)
    refused = sum(card.failure is not None for card in cards)
    return Totals(files=files, units=units_by_pool(ended), refused=refused), cards


def render(totals: Totals, cards: Sequence[Card], *, seconds: float, speed: float) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=PackageLoader("kling_async.cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("index.html.jinja").render(
        totals=totals,
        cards=cards,
        nouns=_NOUNS,
        seconds=seconds,
        speed=speed,
    )


def write(path: Path, page: str) -> Path:
    """Store the page in one step, so that a browser never sees half of it. Blocking."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    return path


def _card(each: Ended, directory: Path) -> Card:
    body = each.line.body
    prompt = str(body.get("prompt") or _about(each))
    count = len(each.files)
    return Card(
        custom_id=each.line.custom_id,
        pool=each.line.row.pool,
        prompt=prompt,
        model=str(body.get("model_name") or each.line.row.name),
        facts=tuple(form.format(body[name]) for name, form in _FACTS.items() if body.get(name)),
        media=tuple(
            Medium(
                src=quote(path.relative_to(directory).as_posix()),
                alt=prompt if count == 1 else f"{prompt} ({at} of {count})",
                video=path.suffix in _VIDEO,
            )
            for at, path in enumerate(each.files, 1)
        ),
        units=None if each.task is None or each.task.units is None else f"{each.task.units:f}",
        seconds=None if each.task is None else took(each.task),
        failure=each.failure,
    )


def _about(each: Ended) -> str:
    """What to say of a task without a prompt: the first sentence on its request."""
    return (type(each.line.request).__doc__ or each.line.row.name).strip().partition("\n")[0]


def _counted(count: int, pool: str) -> str:
    one, many = _NOUNS.get(pool, (f"{pool} file", f"{pool} files"))
    return f"{count} {one if count == 1 else many}"
