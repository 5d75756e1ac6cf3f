"""Where rows come from: files, frames, whatever yields mappings or lines of JSON. Each becomes numbered entries."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import attrs

from ..errors import InvalidRequest
from .lines import Entry, Given, entries, read

Row: TypeAlias = Mapping[str, Any] | str | bytes
"""A mapping, or a line of JSON."""
Source: TypeAlias = str | os.PathLike[str] | Iterable[Row] | AsyncIterable[Row]
"""The path of a manifest, rows, or a data frame."""

Entries: TypeAlias = Generator[Entry, None, None]
Read: TypeAlias = Callable[[BinaryIO], Iterator[Entry]]


@attrs.frozen
class Origin:
    """A source, looked at and not read."""

    name: str
    """As messages have it."""
    unit: Literal["line", "row"]
    entries: Callable[[], Entries]
    home: Path | None = None
    """The folder of a file."""
    arriving: AsyncIterator[Entry] | None = None
    """In place of the others, where they must be awaited."""
    least: int = 0
    """Rows that it must have."""


def origin(source: object) -> Origin:
    """What a source is. Reads nothing of it; raises `InvalidRequest` for what is none."""
    given = source  # which no type checker narrows to something half known
    if isinstance(source, str | os.PathLike):
        return _file(Path(cast("str | os.PathLike[str]", source)))
    if isinstance(source, AsyncIterable):
        arriving = _numbered_async(cast("AsyncIterable[object]", source))
        return Origin("rows", "row", partial(_numbered, ()), arriving=arriving)
    if isinstance(source, Iterable) and not isinstance(source, Mapping | bytes | bytearray):
        return Origin("rows", "row", partial(_numbered, cast("Iterable[object]", source)))
    raise InvalidRequest("manifest", "must be the path of a file, rows, or a data frame", given)


def _given(row: object) -> Given:
    if isinstance(row, Mapping):
        return cast("Mapping[str, object]", row)
    if isinstance(row, str | bytes):
        return read(row)
    return InvalidRequest("row", "must be a mapping, or a line of JSON", row)


def _numbered(rows: Iterable[object]) -> Entries:
    for at, row in enumerate(rows, 1):
        yield Entry(at, _given(row))


async def _numbered_async(rows: AsyncIterable[object]) -> AsyncIterator[Entry]:
    at = 0
    async for row in rows:
        at += 1
        yield Entry(at, _given(row))


def _file(path: Path) -> Origin:
    return Origin(str(path), "line", partial(_opened, path, entries), home=path.absolute().parent, least=1)


def _opened(path: Path, read: Read) -> Entries:
    at = 0
    try:
        with path.open("rb") as file:
            for entry in read(file):
                at = entry.at
                yield entry
            return
    except (OSError, ValueError) as error:
        trouble = getattr(error, "strerror", None) or str(error)
    if not at:
        raise InvalidRequest("manifest", f"must be a file that can be read ({trouble})", str(path))
    yield Entry(at + 1, InvalidRequest("row", f"cannot be read, nor what follows ({trouble})"))
