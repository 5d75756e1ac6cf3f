"""What the command line fills in where nothing was typed, as a table: the one nicety it adds to the vendor's calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_NOW: Final = timedelta()

_AGO: Final[Mapping[str, Mapping[str, timedelta]]] = {
    # The window is that of the purchase of packs, and the documents say to reach at least 400 days back.
    "account.costs": {"start_time": timedelta(days=400), "end_time": _NOW},
}
"""How long ago a moment is, by endpoint and field."""


def told(endpoint: str) -> dict[str, str]:
    """The fields that are filled in, with the words for what."""
    return {name: f"{ago.days} days ago" if ago else "now" for name, ago in _AGO.get(endpoint, {}).items()}


def filled(endpoint: str, given: Mapping[str, object]) -> dict[str, Any]:
    """What is given, and what is filled in."""
    now = datetime.now(UTC)
    return {name: now - ago for name, ago in _AGO.get(endpoint, {}).items()} | dict(given)
