"""A manifest as rows that are ready to be planned: all of them checked, or none taken. The loop goes on meanwhile.

Rows are read in a thread, one after the other, and kept in a file; a million cost no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import attrs

from ..errors import InvalidRequest, ManifestError, RowError
from ..media.threads import landed
from ..wording import is_large
from .inputs import Inputs, Keeping
from .lines import Entry
from .names import custom_id, name_of
from .rows import Reading, Vet, endpoint_of, row_error
from .sources import Origin, Source, origin
from .spooled import Spool, columns, stub

P = ParamSpec("P")
T = TypeVar("T")

_SLICE: Final = 64
"""Rows that are checked before a cancellation is seen, and kept at once."""
_TOLD: Final = 10_000
"""Mistakes that an error holds."""


@asynccontextmanager
async def spool(
    rows: Source, *, inputs: Inputs, vet: Vet, endpoint: str | None = None, home: Path | None = None
) -> AsyncGenerator[Spool, None]:
    """
    Check all rows of a manifest, and keep them as long as the block lasts, in which they can be planned.

    *endpoint*, by name or path, is that of rows that name none. Names of files in rows begin in *home*, else in the
    folder of the manifest, else in the current directory. Rows and files are read in a thread of their own.

    Raises `ManifestError` with all that is wrong, `InvalidRequest` where there is no manifest to read, `JournalError`
    where there is no room, and what an iterable of rows raises. Then nothing stays of it.
    """
    source = origin(rows)
    row = None if endpoint is None else endpoint_of("endpoint", endpoint)
    with ThreadPoolExecutor(1, thread_name_prefix="kling_async-manifest") as thread:

        async def run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
            loop = asyncio.get_running_loop()
            return await landed(loop.run_in_executor(thread, lambda: work(*args, **kwargs)))

        keeping = Keeping(inputs)
        loading = _Loading(source, Reading(endpoint=row, home=home or source.home, keeping=keeping, vet=vet))
        try:
            if source.arriving is None:
                while await run(loading.more):
                    pass
            else:
                async for entries in _slices(source.arriving):
                    await run(loading.take, entries)
            await run(loading.end)
            yield loading.spool
        finally:
            await run(loading.close)


async def _slices(entries: AsyncIterator[Entry]) -> AsyncIterator[list[Entry]]:
    """Some rows at once, and large ones at once alone, so that few of them are in memory."""
    slice_ = list[Entry]()
    async for entry in entries:
        slice_.append(entry)
        if len(slice_) == _SLICE or is_large(entry.given):
            yield slice_
            slice_ = []
    if slice_:
        yield slice_


@attrs.define(eq=False)
class _Loading:
    """Rows on their way into a spool. Blocking; one thread at a time."""

    source: Origin
    reading: Reading
    spool: Spool = attrs.field(init=False)
    _wrong: list[tuple[int, RowError]] = attrs.field(factory=list[tuple[int, RowError]], init=False)
    _rows: int = attrs.field(default=0, init=False)
    """Those that are wrong."""
    _entries: Generator[Entry, None, None] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.spool = Spool(self.source.unit)

    def more(self) -> bool:
        """Take some of the rows that need not be awaited; False when there are no more."""
        if self._entries is None:
            self._entries = self.source.entries()
        return self.take(islice(self._entries, _SLICE)) == _SLICE

    def take(self, entries: Iterable[Entry]) -> int:
        """Check rows and keep them, or what is wrong with them. How many they were."""
        taken = 0
        kept = list[tuple[Any, ...]]()
        for entry in entries:
            taken += 1
            kept += self._checked(entry)
        self.spool.put(kept)
        return taken

    def _checked(self, entry: Entry) -> Iterable[tuple[Any, ...]]:
        at, given = entry
        where = f"{self.source.unit} {at}"
        if isinstance(given, InvalidRequest):
            self._refuse(at, [row_error(where, None, given)])
            return ()
        planned = self.reading.planned(where, given)
        if not isinstance(planned, list):
            return (columns(at, planned),)
        self._refuse(at, planned)
        try:
            id_ = custom_id(given.get("custom_id"))
        except InvalidRequest:  # which was told
            return ()
        return (stub(at, id_, name_of(id_)),)

    def _refuse(self, at: int, errors: list[RowError]) -> None:
        self._rows += 1
        room = _TOLD - len(self._wrong)
        self._wrong += [(at, error) for error in errors[:room]]

    def end(self) -> None:
        """Find what can only be seen with all rows there. Raises `ManifestError` where anything is wrong."""
        twice = self.spool.twice(_TOLD)
        wrong = sorted([*self._wrong, *twice], key=lambda each: each[0])[:_TOLD]
        if wrong:
            count = self._rows + len({at for at, _ in twice} - {at for at, _ in self._wrong})
            raise ManifestError(self.source.name, [error for _, error in wrong], count=count)
        if self.spool.count < self.source.least:
            raise InvalidRequest("manifest", "must hold at least one row", self.source.name)
        self.reading.keeping.settle()

    def close(self) -> None:
        """Let go of everything."""
        self.spool.close()
        if self._entries is not None:
            self._entries.close()
        self.reading.keeping.discard()
