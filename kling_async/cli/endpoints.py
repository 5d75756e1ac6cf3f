"""Names of endpoints that make tasks, as people type them: found, listed, or told what was probably meant."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from textwrap import fill
from typing import Final

from ..api import ROWS, TaskRow
from ..api.search import row_named

WIDTH: Final = 78  # fits where a terminal was never made wider


def known(field: str, name: str) -> TaskRow:
    """The row of that name. Raises `InvalidRequest` with the names that are close to it, or where all of them stand."""
    return row_named(field, name, otherwise="; kling task --help lists them")


def listed() -> str:
    """All of them, by group."""
    parted = sorted((name.rpartition(".") for name in ROWS), key=itemgetter(0))
    by_group = groupby(parted, key=itemgetter(0))
    told = [(f"  {group:<10}", ", ".join(name for _, _, name in names)) for group, names in by_group]
    return "\n".join(["Endpoints, each written as group.name:", *(_wrapped(group, names) for group, names in told)])


def _wrapped(group: str, names: str) -> str:
    return fill(names, WIDTH, initial_indent=group, subsequent_indent=" " * len(group))
