"""Units per task, looked up in the price table of the packaged document. What the table does not name has no price."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import attrs

from .documents import document


@attrs.frozen
class Price:
    """A row of the table: units by mode (one entry under ``""`` where the mode does not matter)."""

    units: Mapping[str, Decimal]

    def of(self, mode: str) -> Decimal | None:
        """Units for a mode; a row with a single value holds for every mode."""
        if len(self.units) == 1:
            return next(iter(self.units.values()))
        return self.units.get(mode)


@cache
def price_table() -> Mapping[str, Price]:
    """The rows by what they are for; a row for two models counts for both."""
    rows: dict[str, Price] = {}
    for row in document("image-account")["x-unit-prices"]["rows"]:
        units = row["units"] if isinstance(row["units"], Mapping) else {"": row["units"]}
        price = Price({mode: Decimal(str(value)) for mode, value in units.items()})
        for what in _names(row["what"]):
            rows[what] = price
    return rows


def units_of(candidates: Iterable[str], *, mode: str, times: int) -> Decimal | None:
    """What a task costs: the first candidate the table names, times images, seconds or calls."""
    for what in candidates:
        price = price_table().get(what)
        units = price.of(mode) if price else None
        if units is not None:
            return units * times
    return None


def as_text(units: Decimal) -> str:
    """Units as the API writes them: decimal text without trailing zeros."""
    return f"{units.normalize():f}"


def image_tariff(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Names under which the table may list an image generation."""
    model = body["model_name"]
    source = "image-to-image" if "image" in body else "text-to-image"
    return f"{model} generations 1k/2k", f"{model} {source}", f"{model} any"


def omni_image_tariff(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Names under which the table may list an omni picture."""
    model = body["model_name"]
    return (f"{model} 4k",) if body["resolution"] == "4k" else (f"{model} 1k/2k", model)


def omni_video_tariff(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Names under which the table may list an omni video."""
    model = body["model_name"]
    if "video_list" in body:
        return (f"{model} with video input",)
    sound = "audio" if body["sound"] == "on" else "silent"
    return f"{model} no video input, {sound}", f"{model} no video input"


def video_tariff(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Names under which the table may list a video made from text or pictures."""
    model = body["model_name"]
    if body["sound"] == "off":
        return f"{model} silent", model
    voiced = "voice_list" in body or "<<<voice_" in body.get("prompt", "")
    with_voice = (f"{model} audio and voice control",) if voiced else ()
    return (*with_voice, f"{model} with audio", f"{model} audio", model)


def _names(what: str) -> list[str]:
    """One row can name several models, and add a remark in brackets."""
    bare = re.sub(r"\s*\(.*\)", "", what)
    parts = bare.split(", ")
    return parts if all(part.startswith("kling-") for part in parts) else [bare]
