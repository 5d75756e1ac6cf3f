"""Rows that make tasks, found by what people write: a name or a path, or told what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from ..errors import InvalidRequest
from . import CALLS, ROWS, TaskRow

_NEARLY: Final = 0.5  # of 1, by difflib's measure: "video.text-to-video" is meant, "cat" means nothing
_ALIKE: Final = 0.8  # of paths, half of which is the same in all
_LONGEST: Final = 100  # characters of a name; the measure takes the square of it
_BY_PATH: Final[Mapping[str, TaskRow]] = {row.path: row for row in ROWS.values()}
_ANSWERED: Final = "must be an endpoint that makes tasks; this one is answered at once"


def row_named(field: str, name: str, *, otherwise: str) -> TaskRow:
    """The row of that name. Raises `InvalidRequest` with the names that are close to it, or *otherwise*."""
    row = ROWS.get(name)
    if row is not None:
        return row
    if name in CALLS:
        raise InvalidRequest(field, _ANSWERED, name)
    raise InvalidRequest(field, f"must be an endpoint{_near(name, ROWS, _NEARLY, otherwise)}", name)


def row_at(field: str, path: str) -> TaskRow:
    """The row of that path, such as `/v1/images/generations`. Raises `InvalidRequest` likewise."""
    row = _BY_PATH.get(path)
    if row is not None:
        return row
    if any(call.path == path for call in CALLS.values()):
        raise InvalidRequest(field, _ANSWERED, path)
    otherwise = ", such as /v1/images/generations"
    raise InvalidRequest(field, f"must be the path of an endpoint{_near(path, _BY_PATH, _ALIKE, otherwise)}", path)


def _near(name: str, names: Mapping[str, TaskRow], cutoff: float, otherwise: str) -> str:
    near = get_close_matches(name, names, n=2, cutoff=cutoff) if len(name) < _LONGEST else []
    return f"; did you mean {' or '.join(near)}?" if near else otherwise
