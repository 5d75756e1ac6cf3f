"""Where rows come from: files, frames, whatever yields mappings or lines of JSON. Each becomes numbered entries."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias, cast

import attrs

from ..errors import InvalidRequest
from .lines import Entry, of_json, read
from .tables import is_frame, of_csv, of_frame, of_parquet

Row: TypeAlias = Mapping[str, Any] | str | bytes
"""A mapping, or a line of JSON."""
Source: TypeAlias = str | os.PathLike[str] | Iterable[Row] | AsyncIterable[Row]
"""The path of a manifest, rows, or a data frame."""

Entries: TypeAlias = Generator[Entry, None, None]
Read: TypeAlias = Callable[[BinaryIO], Iterator[Entry]]

_PACKED: Final = ".gz"
_READ: Final[Mapping[str, Read]] = {".csv": of_csv, ".tsv": of_csv, ".parquet": of_parquet, ".pq": of_parquet}
"""By the end of the name; all others are JSON lines."""
_NUMBERED: Final = frozenset({".parquet", ".pq"})
_REFUSED: Final = frozenset({".xlsx", ".xls", ".ods"})


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
    if is_frame(source):
        return Origin("manifest", "row", partial(of_frame, source))
    if isinstance(source, AsyncIterable):
        arriving = _numbered_async(cast("AsyncIterable[object]", source))
        return Origin("manifest", "row", partial(_numbered, ()), arriving=arriving)
    if isinstance(source, Iterable) and not isinstance(source, Mapping | bytes | bytearray):
        return Origin("manifest", "row", partial(_numbered, cast("Iterable[object]", source)))
    raise InvalidRequest("manifest", "must be the path of a file, rows, or a data frame", given)


def _entry(at: int, row: object) -> tuple[Entry, ...]:
    """A row, or none where it is an empty line."""
    if isinstance(row, str | bytes):
        return (Entry(at, read(row)),) if row.strip() else ()
    if isinstance(row, Mapping):
        return (Entry(at, cast("Mapping[Any, object]", row)),)
    return (Entry(at, InvalidRequest("row", "must be a mapping, or a line of JSON", row)),)


def _numbered(rows: Iterable[object]) -> Entries:
    for at, row in enumerate(rows, 1):
        yield from _entry(at, row)


async def _numbered_async(rows: AsyncIterable[object]) -> AsyncIterator[Entry]:
    at = 0
    async for row in rows:
        at += 1
        for entry in _entry(at, row):
            yield entry


def _file(path: Path) -> Origin:
    name = path.name.lower()
    packed = name.endswith(_PACKED)
    kind = Path(name.removesuffix(_PACKED)).suffix
    if kind in _REFUSED:
        raise InvalidRequest(
            "manifest", "must be JSON lines, CSV or Parquet; a workbook can be saved as CSV", str(path)
        )
    opener = gzip.open if packed else open
    entries = partial(_opened, path, opener, _READ.get(kind, of_json))
    return Origin(str(path), "row" if kind in _NUMBERED else "line", entries, home=path.absolute().parent, least=1)


def _opened(path: Path, opener: Callable[[Path, str], Any], read: Read) -> Entries:
    at = 0
    try:
        with opener(path, "rb") as file:
            for entry in read(file):
                at = entry.at
                yield entry
            return
    except InvalidRequest:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        trouble = getattr(error, "strerror", None) or str(error)
    if not at:
        raise InvalidRequest("manifest", f"must be a file that can be read ({trouble})", str(path))
    yield Entry(at + 1, InvalidRequest("row", f"cannot be read, nor what follows ({trouble})"))
