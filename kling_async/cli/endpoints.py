"""Names of endpoints that make tasks, as people type them: found, listed, or told what was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import groupby
from operator import itemgetter
from textwrap import fill
from typing import Final

from ..api import CALLS, ROWS, TaskRow
from ..errors import InvalidRequest

_NEARLY: Final = 0.5  # of 1, by difflib's measure: "video.text-to-video" is meant, "cat" means nothing
WIDTH: Final = 78  # fits where a terminal was never made wider


def known(field: str, name: str) -> TaskRow:
    """The row of that name. Raises `InvalidRequest` with the names that are close to it, or where all of them stand."""
    row = ROWS.get(name)
    if row is not None:
        return row
    if name in CALLS:
        raise InvalidRequest(field, "must be an endpoint that makes tasks; this one is answered at once", name)
    near = get_close_matches(name, ROWS, n=2, cutoff=_NEARLY)
    if not near:
        raise InvalidRequest(field, "must be an endpoint; kling task --help lists them", name)
    raise InvalidRequest(field, f"must be an endpoint; did you mean {' or '.join(near)}?", name)


def listed() -> str:
    """All of them, by group."""
    parted = sorted((name.rpartition(".") for name in ROWS), key=itemgetter(0))
    by_group = groupby(parted, key=itemgetter(0))
    told = [(f"  {group:<10}", ", ".join(name for _, _, name in names)) for group, names in by_group]
    return "\n".join(["Endpoints, each written as group.name:", *(_wrapped(group, names) for group, names in told)])


def _wrapped(group: str, names: str) -> str:
    return fill(names, WIDTH, initial_indent=group, subsequent_indent=" " * len(group))
