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
    except TypeError:
        known = None
    if known is None:
        raise InvalidRequest("manifest", "must be a data frame, or an iterable of rows", type(frame).__name__)
    table = known.collect() if isinstance(known, nw.LazyFrame) else known
    _check(table.columns)
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


def of_csv(file: BinaryIO) -> Generator[Entry, None, None]:
    """The rows of a CSV file, numbered by the lines they begin on. What cannot be split ends it."""
    texts = _texts(file)
    before = 0
    rows: Any = None
    try:
        first = next(texts, "").removeprefix(MARK)
        rows = csv.reader(chain([first], texts), delimiter=max(_SEPARATORS, key=first.count), strict=True)
        names: list[str] = [name.strip() for name in next(rows)]
        _check(names)
        before = rows.line_num
        for cells in rows:
            if cells:
                yield Entry(before + 1, _row(names, cells))
            before = rows.line_num
        return
    except InvalidRequest as error:
        wrong, before = error, 0 if rows is None else rows.line_num
    except csv.Error as error:
        wrong = InvalidRequest("CSV", f"must be rows of cells ({error}); this and what follows was not read")
    yield Entry(before + 1, wrong)


def _row(names: Sequence[str], cells: Sequence[str]) -> dict[str, object] | InvalidRequest:
    if len(cells) > len(names):
        rule = f"must have as many cells as there are columns, {len(names)}; it has {len(cells)}"
        return InvalidRequest("CSV", f"{rule}, is a separator in a text without quotation marks?", cells[len(names) :])
    return {name: cell for name, cell in zip(names, cells, strict=False) if cell}


def _texts(file: BinaryIO) -> Iterator[str]:
    for line in lines(file):
        if isinstance(line, InvalidRequest):
            raise line
        yield decoded(line)


def _check(names: Sequence[str]) -> None:
    """Raise `InvalidRequest` where columns cannot be those of a manifest, which else each row would be told."""
    if "custom_id" not in names:
        raise InvalidRequest("custom_id", "must be a column, which tells the rows apart", list(names))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InvalidRequest(twice[0] or "columns", f"must be one column, there are several named {shown(twice[0])}")
