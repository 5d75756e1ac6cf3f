"""The page that shows what a run of the demo made: one file of HTML beside its media, without scripts.

Its cards are those of the gallery, escaped as they are there; what they are made from is at hand here, and not in a
journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import attrs

from ..batch.cards import KINDS
from ..batch.gallery import NOUNS, Card, Medium, Verdict, address, counted, environment, facts
from .outcome import Ended, units_by_pool
from .present import took, units


@attrs.frozen(kw_only=True)
class Totals:
    """What a run came to."""

    files: Mapping[str, int]
    """By pool."""
    units: Mapping[str, Decimal]
    refused: int

    def __str__(self) -> str:
        parts = [counted(count, pool) for pool, count in self.files.items()]
        spent = [f"{amount:f} {pool} {'unit' if amount == 1 else 'units'}" for pool, amount in self.units.items()]
        refused = [f"{self.refused} not made"] if self.refused else []
        return ", ".join([*parts, *spent, *refused])


def gallery(ended: Sequence[Ended], directory: Path) -> tuple[Totals, tuple[Card, ...]]:
    """The totals and a card per task, the addresses relative to *directory*."""
    files = Counter[str]()
    for each in ended:
        files[each.line.row.pool] += len(each.files)
    refused = sum(each.failure is not None for each in ended)
    totals = Totals(files=files, units=units_by_pool(ended), refused=refused)
    return totals, tuple(_card(each, directory) for each in ended)


def render(totals: Totals, cards: Sequence[Card], *, seconds: float, speed: float) -> str:
    """The page as HTML."""
    template = environment("kling_async.cli").get_template("index.html.jinja")
    return template.render(totals=totals, cards=cards, nouns=NOUNS, seconds=seconds, speed=speed)


def _card(each: Ended, directory: Path) -> Card:
    body, row, failure = each.line.body, each.line.row, each.failure
    prompt = str(body.get("prompt") or _about(each))
    count = len(each.files)
    return Card(
        custom_id=each.line.custom_id,
        pool=row.pool,
        prompt=prompt,
        endpoint=row.name,
        model=str(body.get("model_name") or row.name),
        facts=facts(body),
        media=tuple(
            Medium(
                src=address(path, directory),
                alt=prompt if count == 1 else f"{prompt} ({at} of {count})",
                kind=KINDS[path.suffix],
            )
            for at, path in enumerate(each.files, 1)
        ),
        cost=_cost(each),
        state="done" if failure is None else "failed",
        verdict=None if failure is None else Verdict(failure.title, failure.message, failure.advice),
    )


def _cost(each: Ended) -> str:
    spent = "nothing charged" if each.task is None or each.task.units is None else units(each.task.units)
    seconds = None if each.task is None else took(each.task)
    return spent if seconds is None else f"{spent} · {seconds:.1f} s"


def _about(each: Ended) -> str:
    """What to say of a task without a prompt: the first sentence on its request."""
    return (type(each.line.request).__doc__ or each.line.row.name).strip().partition("\n")[0]
