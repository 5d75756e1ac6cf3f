"""Results as lines of JSON in the form of OpenAI's batches, from the journal alone, as often as one likes."""

from __future__ import annotations

import json
import os
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_async import InvalidRequest
from kling_async.batch.export import export, write
from kling_async.batch.items import ItemError
from kling_async.batch.journal import Journal, Reader
from kling_async.batch.queries import BatchRow
from kling_async.batch.states import Cause, State
from tests.batch.paper import NOW, entered, files, many, opened

ANSWER = {"task_id": "t1", "task_status": "succeed", "task_info": {"note": "caf\u00e9\u2028"}}


async def ended(journal: Journal, folder: Path) -> BatchRow:
    """A batch with a task for each end: c1 done, c2 failed, c3 refused, c4 planned, c5 held, c6 without its files."""
    batch = await entered(journal)
    await journal.plan(batch, many(6))
    for seq in (1, 2, 6):
        await led_to_the_vendor(journal, seq)
    answer = json.dumps(ANSWER)
    await journal.step(1, Cause.SUCCEED, units=Decimal("0.5"), answer=answer, artifacts=files(1))
    await journal.stored(1, 0, path=folder / "out" / "c1-0.png", bytes=7, sha256="a" * 64)
    failure = ItemError(type="TaskFailed", message="Failure to pass the risk control system")
    await journal.step(2, Cause.FAIL, answer="{}", error=failure)
    refusal = ItemError(type="ContentRefused", message="no", code=1301, request_id="r-1")
    await journal.step(3, Cause.SLOT_GRANTED, attempts=True, first_sent_ms=NOW)
    await journal.step(3, Cause.REFUSED, error=refusal)
    await journal.step(5, Cause.SLOT_GRANTED, attempts=True, first_sent_ms=NOW)
    for cause in (Cause.DOUBT, Cause.HELD):
        await journal.step(5, cause)
    await journal.step(6, Cause.SUCCEED, answer="{}", artifacts=files(1))
    await journal.expired(6, 0, error=ItemError(type="ExpiredResult", message="it is gone"))
    return batch


async def led_to_the_vendor(journal: Journal, seq: int) -> None:
    """A task that was made."""
    await journal.step(seq, Cause.SLOT_GRANTED, attempts=True, first_sent_ms=NOW)
    await journal.step(seq, Cause.ACCEPTED, task_id=f"t{seq}")


def read(path: Path) -> list[Any]:
    """The objects of a file of lines."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


async def test_a_line_is_of_openai_form(tmp_path: Path) -> None:
    """Whoever reads results of OpenAI's batches reads these, and finds what is ours under a key of its own."""
    journal = await opened(tmp_path / "jobs.db")
    batch = await ended(journal, tmp_path)

    number = await export(journal, batch, tmp_path / "results.jsonl")

    lines = read(tmp_path / "results.jsonl")
    external = lines[0]["id"]
    assert 5 == number == len(lines)
    assert {
        "id": external,
        "custom_id": "c1",
        "response": {"status_code": 200, "request_id": None, "body": ANSWER},
        "error": None,
        "kling": {
            "endpoint": "images.generate",
            "external_task_id": external,
            "task_id": "t1",
            "status": "done",
            "generation": 1,
            "units": "0.5",
            "artifacts": [
                {
                    "kind": "image",
                    "state": "stored",
                    "path": "out/c1-0.png",
                    "sha256": "a" * 64,
                    "bytes": 7,
                    "url": "https://files.example/0.png?sign=abc",
                    "url_expires_at": "2027-01-15T08:00:00+00:00",
                }
            ],
        },
    } == lines[0]
    await journal.close()


async def test_what_went_wrong_is_an_error(tmp_path: Path) -> None:
    """A failed task has the vendor's answer and an error; a refused one no answer; a held one waits for somebody."""
    journal = await opened(tmp_path / "jobs.db")
    batch = await ended(journal, tmp_path)

    await export(journal, batch, tmp_path / "results.jsonl")

    _, failed, refused, held, expired = read(tmp_path / "results.jsonl")
    assert ("failed", {}, "TaskFailed") == (
        failed["kling"]["status"],
        failed["response"]["body"],
        failed["error"]["code"],
    )
    assert (
        "refused",
        None,
        {"code": "ContentRefused", "message": "no", "service_code": 1301, "request_id": "r-1"},
    ) == (
        refused["kling"]["status"],
        refused["response"],
        refused["error"],
    )
    assert ("held", None) == (held["kling"]["status"], held["response"])
    assert ("done", "ExpiredResult", "expired") == (
        expired["kling"]["status"],
        expired["error"]["code"],
        expired["kling"]["artifacts"][0]["state"],
    )
    await journal.close()


async def test_errors_may_have_a_file_of_their_own(tmp_path: Path) -> None:
    """What made nothing goes there, and nothing is in both; from another process while the journal is in use."""
    journal = await opened(tmp_path / "jobs.db")
    batch = await ended(journal, tmp_path)

    with Reader.open(tmp_path / "jobs.db") as reader:
        number = write(reader, batch, tmp_path / "r" / "results.jsonl", tmp_path / "e" / "errors.jsonl")

    await journal.close()
    assert (5, ["c1"]) == (number, [line["custom_id"] for line in read(tmp_path / "r" / "results.jsonl")])
    assert ["c2", "c3", "c5", "c6"] == [line["custom_id"] for line in read(tmp_path / "e" / "errors.jsonl")]


async def test_results_can_be_written_again(tmp_path: Path) -> None:
    """The same journal gives the same file, which only its owner can read, and leaves nothing beside it."""
    journal = await opened(tmp_path / "jobs.db")
    batch = await ended(journal, tmp_path)
    results = tmp_path / "made" / "results.jsonl"

    await export(journal, batch, results)
    first = results.read_bytes()
    results.write_text("something else")
    await export(journal, batch, results)

    await journal.close()
    assert first == results.read_bytes()
    assert [results] == list(results.parent.iterdir())
    if os.name == "posix":
        assert 0o600 == stat.S_IMODE(results.stat().st_mode)


async def test_many_results_are_written(tmp_path: Path) -> None:
    """More than are read at once, in the order of the manifest."""
    journal = await opened(tmp_path / "jobs.db")
    batch = await entered(journal)
    await journal.plan(batch, many(1203))
    await journal.cancel(batch, error=ItemError(type="Cancelled", message="nobody wants it"))

    await export(journal, batch, tmp_path / "results.jsonl")

    await journal.close()
    assert [f"c{number}" for number in range(1, 1204)] == [
        line["custom_id"] for line in read(tmp_path / "results.jsonl")
    ]


async def test_only_the_newest_generation_counts(tmp_path: Path) -> None:
    """What is made anew has not ended, and its failure is no result any more."""
    journal = await opened(tmp_path / "jobs.db")
    batch = await ended(journal, tmp_path)
    await journal.retry(batch, [State.FAILED])

    await export(journal, batch, tmp_path / "results.jsonl")

    await journal.close()
    assert ["c1", "c3", "c5", "c6"] == [line["custom_id"] for line in read(tmp_path / "results.jsonl")]


@pytest.mark.parametrize(
    ("results", "errors", "told"),
    [
        ("same.jsonl", "same.jsonl", "errors: must be a file of its own, this is results"),
        ("jobs.db", None, "results: must be a file of its own, this is the journal"),
        ("folder", None, "results: must be a file that can be written (Is a directory)"),
        ("good.jsonl", "taken/errors.jsonl", "errors: must be a file that can be written"),
        ("good.jsonl", "folder", "errors: must be a file that can be written (Is a directory)"),
        ("folder", "good.jsonl", "results: must be a file that can be written (Is a directory)"),
    ],
)
async def test_where_nothing_can_be_written_nothing_is(
    results: str, errors: str | None, told: str, tmp_path: Path
) -> None:
    """Neither the journal nor a folder is overwritten, and no file is replaced without the other."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "taken").write_text("")
    (tmp_path / "good.jsonl").write_text("as it was")
    journal = await opened(tmp_path / "jobs.db")
    batch = await ended(journal, tmp_path)
    before = {path.name for path in tmp_path.iterdir()}

    with pytest.raises(InvalidRequest) as caught:
        await export(journal, batch, tmp_path / results, None if errors is None else tmp_path / errors)

    assert told in str(caught.value)
    assert "as it was" == (tmp_path / "good.jsonl").read_text()
    assert before == {path.name for path in tmp_path.iterdir()}
    await journal.close()
