"""Durations in a file, so that the next run begins with what this one learned. An unreadable file is no file."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from ..events.logs import about
from .durations import Durations

log: Final = logging.getLogger("kling_async.polling")

_FORMAT: Final = 1


def read(path: Path) -> dict[str, Any]:
    """What was learned, by endpoint; nothing, with a warning, where the file makes no sense."""
    try:
        given: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("the durations in %s cannot be read (%s); they are learned anew", path, error)
        return {}
    known = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    endpoints = known.get("endpoints")
    if known.get("format") == _FORMAT and isinstance(endpoints, dict):
        return cast("dict[str, Any]", endpoints)
    log.warning("%s holds no durations that this version knows; they are learned anew", path)
    return {}


def recall(pool: str, learned: object, name: str) -> Durations:
    """The tables that were read of one endpoint; new ones, with a warning, where they make no sense."""
    durations = Durations(pool)
    try:
        durations.load(learned)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        log.warning(
            "the durations of %s make no sense (%s %s); they are learned anew",
            name,
            type(error).__name__,
            error,
            extra=about(endpoint=name),
        )
        return Durations(pool)
    return durations


def write(path: Path, learned: Mapping[str, Any]) -> None:
    """Replace the file in one step, readable by its owner only. A disk that will not take it is told in the log."""
    text = json.dumps({"format": _FORMAT, "endpoints": learned}, separators=(",", ":"))
    part: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(part).replace(path)
    except OSError as error:
        log.warning("the durations could not be kept in %s: %s", path, error)
        if part is not None:
            with contextlib.suppress(OSError):
                Path(part).unlink()
