"""What became of a batch as lines of JSON, in the form of OpenAI's: from the journal alone, so as often as one likes.

Each file is replaced in one step and readable by its owner only, because links to results are as good as keys. Written
in ASCII, so that whoever reads it splits it where we did.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from ..errors import InvalidRequest
from ..media.threads import landed
from .items import ENDED, Artifact
from .journal import Journal, Reader
from .queries import BatchRow, TaskRow
from .states import State

_PAGE: Final = 500
_ENDED: Final = tuple(State(each) for each in ENDED)
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


async def export(journal: Journal, batch: BatchRow, results: Path, errors: Path | None = None) -> int:
    """`write`, from the journal of this process and in a thread."""

    def work() -> int:
        with Reader.open(journal.path) as reader:
            return write(reader, batch, results, errors)

    return await landed(asyncio.ensure_future(asyncio.to_thread(work)))


def write(reader: Reader, batch: BatchRow, results: Path, errors: Path | None = None) -> int:
    """
    Write a line for each task that has ended, and return how many. With *errors* those without a file go there.

    Paths in it begin in the folder of *results*, where they lead into it. Blocking, and of any length in little memory.
    Raises `InvalidRequest` where a file cannot be written; then neither is replaced.
    """
    _apart(reader.path, results, errors)
    number = 0
    with ExitStack() as stack:
        # The last one opened is the first one replaced; a results file without its errors would look like success.
        made = stack.enter_context(_replaced("results", results))
        failed = made if errors is None else stack.enter_context(_replaced("errors", errors))
        home = results.absolute().parent
        for row in _rows(reader, batch):
            (made if _has_result(row) else failed).write(f"{_encode(line(row, home))}\n")
            number += 1
    return number


def line(row: TaskRow, home: Path) -> dict[str, Any]:
    """One task as a line tells it; paths begin in *home* where they lead into it."""
    error = row.error
    return {
        "id": row.external_id,
        "custom_id": row.custom_id,
        "response": None
        if row.answer_json is None
        else {
            "status_code": 200,
            "request_id": None if error is None else error.request_id,
            "body": json.loads(row.answer_json),
        },
        "error": None
        if error is None
        else {
            "code": error.type,
            "message": error.message,
            "service_code": error.code,
            "request_id": error.request_id,
        },
        "kling": {
            "endpoint": row.endpoint,
            "external_task_id": row.external_id,
            "task_id": row.task_id,
            "status": str(row.state),
            "generation": row.generation,
            "units": None if row.units is None else str(row.units),
            "artifacts": [_artifact(each, home) for each in row.artifacts],
        },
    }


def _artifact(artifact: Artifact, home: Path) -> dict[str, Any]:
    ends = artifact.expires_ms
    return {
        "kind": artifact.kind,
        "state": artifact.state,
        "path": None if artifact.path is None else _from(artifact.path, home),
        "sha256": artifact.sha256,
        "bytes": artifact.bytes,
        "url": artifact.url,
        "url_expires_at": None if ends is None else datetime.fromtimestamp(ends / 1000, UTC).isoformat(),
    }


def _from(path: Path, home: Path) -> str:
    whole = path.absolute()
    return whole.relative_to(home).as_posix() if whole.is_relative_to(home) else str(whole)


def _has_result(row: TaskRow) -> bool:
    """Whether it made anything; of a task without files that is all it was to make."""
    stored = any(each.state == "stored" for each in row.artifacts)
    return row.state is State.DONE and (stored or row.error is None)


def _rows(reader: Reader, batch: BatchRow) -> Iterator[TaskRow]:
    after = 0
    while rows := reader.items(batch, after, _PAGE, _ENDED):
        yield from rows
        after = rows[-1].seq


def _apart(journal: Path, results: Path, errors: Path | None) -> None:
    taken = {journal.resolve(): "the journal"}
    for field, path in (("results", results), ("errors", errors)):
        if path is not None and (other := taken.setdefault(path.resolve(), field)) != field:
            raise InvalidRequest(field, f"must be a file of its own, this is {other}", str(path))
        if path is not None and path.is_dir():
            # Found out when it is replaced, it would be too late for the other one.
            raise InvalidRequest(field, "must be a file that can be written (Is a directory)", str(path))


@contextmanager
def _replaced(field: str, path: Path) -> Generator[TextIO, None, None]:
    """A file to write to, which takes the place of another when the block ends well."""
    part: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)  # with mode 0600
        with os.fdopen(number, "w", encoding="ascii") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
        part = None
    except OSError as error:
        trouble = error.strerror
    else:
        return
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                Path(part).unlink()
    raise InvalidRequest(field, f"must be a file that can be written ({trouble})", str(path))
