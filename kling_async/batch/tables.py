"""Rows of tables: CSV, Parquet, and data frames of any library that narwhals knows. Empty cells are not given.

Names of columns are fields of the request, or keys of the row. What cells of text mean is said in `cells`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from importlib import import_module
from itertools import chain
from typing import Any, BinaryIO, Final

from ..errors import InvalidRequest
from ..wording import shown
from .cells import plain
from .lines import MARK, Entry, decoded, lines

_FRAMES: Final = frozenset(
    {"cudf", "dask", "duckdb", "ibis", "modin", "narwhals", "pandas", "polars", "pyarrow", "pyspark"}
)
"""Packages whose tables are no plain iterables of rows."""
_SEPARATORS: Final = ",;\t"
_BATCH: Final = 512


def is_frame(source: object) -> bool:
    """Whether something is a table of a known library; imports none."""
    return any(kind.__module__.partition(".")[0] in _FRAMES for kind in type(source).__mro__)


def of_frame(frame: object) -> Generator[Entry, None, None]:
    """The rows of a data frame, numbered. Raises `InvalidRequest` for what is none, or where narwhals is missing."""
    nw = _module("narwhals", "a data frame", "'kling-async[frames]'")
    try:
        known = nw.from_native(frame)
        table = known.collect() if isinstance(known, nw.LazyFrame) else known
        _check(table.columns)
    except TypeError:
        raise InvalidRequest("manifest", "must be a data frame, or an iterable of rows", type(frame).__name__) from None
    except nw.exceptions.DuplicateError:
        raise InvalidRequest("manifest", "must have columns of different names", type(frame).__name__) from None
    for at, row in enumerate(table.iter_rows(named=True, buffer_size=_BATCH), 1):
        yield Entry(at, plain(row))


def of_parquet(file: BinaryIO) -> Generator[Entry, None, None]:
    """The rows of a Parquet file, numbered, some at a time. Raises `InvalidRequest` where pyarrow is missing."""
    pyarrow, parquet = (_module(name, "a Parquet file", "pyarrow") for name in ("pyarrow", "pyarrow.parquet"))
    try:
        table = parquet.ParquetFile(file)
        _check(table.schema_arrow.names)
        rows = (row for batch in table.iter_batches(batch_size=_BATCH) for row in batch.to_pylist())
        for at, row in enumerate(rows, 1):
            yield Entry(at, plain(row))
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from None


def _module(name: str, what: str, package: str) -> Any:
    """A package that only some manifests need."""
    try:
        return import_module(name)
    except ImportError:
        pass
    raise InvalidRequest("manifest", f"cannot be {what} without another package: pip install {package}", what)


class _BrokenError(Exception):
    """From here on a file cannot be read."""

    def __init__(self, at: int, wrong: InvalidRequest) -> None:
        self.at, self.wrong = at, wrong


def of_csv(file: BinaryIO) -> Generator[Entry, None, None]:
    """The rows of a CSV file, numbered by the lines they begin on. What cannot be split ends it."""
    try:
        rows = _split(file)
        names = [name.strip() for name in next(rows, (1, ()))[1]]
        _check(names)
        for at, cells in rows:
            yield Entry(at, _row(names, cells))
        return
    except _BrokenError as error:
        at, wrong = error.at, error.wrong
    except InvalidRequest as error:
        at, wrong = 1, error
    yield Entry(at, wrong)


def _split(file: BinaryIO) -> Iterator[tuple[int, Sequence[str]]]:
    """The cells of each row, with the line it begins on; empty lines are none."""
    texts = _texts(file)
    first = next(texts, "").removeprefix(MARK)
    rows = csv.reader(chain([first], texts), delimiter=max(_SEPARATORS, key=first.count), strict=True)
    before = 0
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            wrong = InvalidRequest("CSV", f"must be rows of cells ({error}); this and what follows was not read")
            raise _BrokenError(before + 1, wrong) from None
        if cells is None:
            return
        if cells:
            yield before + 1, cells
        before = rows.line_num


def _row(names: Sequence[str], cells: Sequence[str]) -> dict[str, object] | InvalidRequest:
    if len(cells) > len(names):
        rule = f"must have as many cells as there are columns, {len(names)}; it has {len(cells)}"
        return InvalidRequest("CSV", f"{rule}, is a separator in a text without quotation marks?", cells[len(names) :])
    return {name: cell for name, cell in zip(names, cells, strict=False) if cell}


def _texts(file: BinaryIO) -> Iterator[str]:
    for at, line in enumerate(lines(file), 1):
        try:
            if isinstance(line, InvalidRequest):
                raise line
            yield decoded(line)
        except InvalidRequest as error:
            raise _BrokenError(at, error) from None


def _check(names: Sequence[str]) -> None:
    """Raise `InvalidRequest` where columns cannot be those of a manifest, which else each row would be told."""
    if "custom_id" not in names:
        raise InvalidRequest("custom_id", "must be a column, which tells the rows apart", list(names))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InvalidRequest(twice[0] or "columns", f"must be one column, there are several named {shown(twice[0])}")
