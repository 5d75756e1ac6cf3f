"""Batches in their journal, where nothing is sent: no key is needed, and none is there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

from ..batch.batch import Batch
from ..batch.journal import Journal, Reader
from ..batch.queries import BatchRow
from ..client import KlingClient
from ..errors import InvalidRequest, JournalError
from ..options import Limits, Polling
from .batch_files import Places

_NO_KEY: Final = "no-key-since-nothing-is-sent"


def _now_ms() -> int:
    return int(time.time() * 1000)


def rows(journal: Path) -> list[BatchRow]:
    """The batches of a journal, the oldest first; none where there is no journal. Blocking."""
    if not journal.is_file():
        return []
    with Reader.open(journal) as reader:
        return reader.batches()


async def brought_up(journal: Path) -> list[BatchRow]:
    """The same for whoever is to be the owner, by whom a journal of an older version is made one of this."""
    try:
        return rows(journal)
    except JournalError:  # whatever else it may be is told when it is opened
        async with await Journal.open(journal, now_ms=_now_ms):
            return rows(journal)


def chosen(journal: Path, name: str | None) -> BatchRow:
    """The batch of that name, or the only one. Raises `InvalidRequest` where that is none or several. Blocking."""
    return one(rows(journal), name)


def one(batches: Sequence[BatchRow], name: str | None) -> BatchRow:
    """The batch of that name, or the only one. Raises `InvalidRequest` where that is none or several."""
    named = [row for row in batches if name in {None, row.name}]
    if len(named) == 1:
        return named[0]
    if not batches:
        raise InvalidRequest("journal", "must hold a batch, and holds none yet")
    names = ", ".join(row.name for row in batches)
    raise InvalidRequest("name", f"must be one of the journal's batches: {names}", name)


def places(journal: Path, batches: Sequence[BatchRow], name: str) -> Places:
    """Where things of one of the batches of a journal lie, or of one to be."""
    first = batches[0].name if batches else name
    return Places(journal, "" if name == first else name)


def output(row: BatchRow) -> Path | None:
    """Where the files of a batch went so far."""
    told = row.options.get("output")
    return Path(told) if told else None


@contextlib.asynccontextmanager
async def offline(
    name: str,
    journal: Path,
    row: BatchRow | None,
    *,
    output: Path | None = None,
    limits: Limits | None = None,
    memory: Path | None = None,
) -> AsyncGenerator[Batch, None]:
    """A batch whose account is believed, if there is a *row* of it. *limits* and *memory* tell how long tasks take."""
    async with (
        KlingClient(api_key=_NO_KEY, limits=limits, polling=Polling(memory=memory)) as nobody,
        Batch(nobody, name, journal=journal, output=output, account=row.account if row else None) as batch,
    ):
        yield batch
