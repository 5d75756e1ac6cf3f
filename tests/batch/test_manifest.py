"""A manifest is checked row by row, and taken as a whole or not at all."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kling_async import InvalidRequest, JournalError, ManifestError
from kling_async.batch.lines import LONGEST
from kling_async.batch.manifest import spool
from kling_async.batch.spooled import Spool, stub
from kling_async.protocol.endpoint import TaskSpec
from tests.batch.manifests import accept, inputs, line, picture, refused, rows_of, written


async def test_a_line_of_openai_form_is_a_task(tmp_path: Path) -> None:
    """Custom id, path of the endpoint and body are all that a line needs; what a journal wants to know is told."""
    manifest = written(tmp_path, line("fox", n=2, model_name="kling-v3"))

    (row,) = await rows_of(manifest, tmp_path)

    assert ("fox", "images.generate", "fox", "line 1") == (row.custom_id, row.endpoint, row.name, row.where)
    assert ("image", 2, 0, ("kling-v3", "", "2")) == (row.pool, row.weight, row.priority, row.kind)
    assert 16 == row.estimate
    assert '{"model_name":"kling-v3","n":2,"prompt":"A fox"}' == row.body_json


@pytest.mark.parametrize(
    "row",
    [
        {"custom_id": "a", "url": "/v1/images/generations", "method": "POST", "body": {"prompt": "x"}},
        {"custom_id": "a", "endpoint": "images.generate", "body": {"prompt": "x"}},
        {"custom_id": "a", "endpoint": "/v1/images/generations", "url": "images.generate", "body": {"prompt": "x"}},
        {"custom_id": "a", "endpoint": "images.generate", "prompt": "x"},
        {"custom_id": "a", "body": {"prompt": "x"}},
        {"custom_id": "a", "prompt": "x", "negative_prompt": None, "n": "", "url": None},
        '{"custom_id": "a", "prompt": "x"}',
        b'{"custom_id": "a", "prompt": "x"}\r\n',
    ],
)
@pytest.mark.parametrize("endpoint", ["images.generate", "/v1/images/generations"])
async def test_rows_may_have_several_shapes(row: Any, endpoint: str, tmp_path: Path) -> None:
    """OpenAI's form, a name in place of the path, fields beside the id, an endpoint for all, lines: all one task."""
    (read,) = await rows_of([row], tmp_path, endpoint=endpoint)

    assert ("images.generate", '{"prompt":"x"}') == (read.endpoint, read.body_json)


async def test_a_row_names_another_endpoint_than_all(tmp_path: Path) -> None:
    """What a row says goes before what is said for all."""
    (read,) = await rows_of([json.loads(line("fox"))], tmp_path, endpoint="videos.text_to_video")

    assert "images.generate" == read.endpoint


@pytest.mark.parametrize("custom_id", [7, "7"])
async def test_a_number_as_id_is_its_digits(custom_id: object, tmp_path: Path) -> None:
    """Tables number their rows; the id is text all the same."""
    (row,) = await rows_of([json.loads(line(custom_id))], tmp_path)

    assert "7" == row.custom_id


@pytest.mark.parametrize(
    ("text", "field", "told"),
    [
        (line(None), "custom_id", "is required"),
        (line(""), "custom_id", "is required"),
        (line("x" * 65), "custom_id", "at most 64 characters, has 65"),
        (line(1.5), "custom_id", "must be a text"),
        (line(True), "custom_id", "must be a text"),
        (line("a\nb"), "custom_id", "visible characters"),
        (line("a\ud800"), "custom_id", "visible characters"),
        (line(" a"), "custom_id", "visible characters"),
        ('{"custom_id": "a", "body": {"prompt": "x"}}', "endpoint", "is required, such as images.generate"),
        ('{"custom_id": "a", "url": "/v1/images/generate", "body": {}}', "url", "did you mean /v1/images/generations?"),
        ('{"custom_id": "a", "url": "/v1/chat", "body": {}}', "url", "such as /v1/images/generations"),
        ('{"custom_id": "a", "url": 5, "body": {}}', "url", "must be a text"),
        ('{"custom_id": "a", "endpoint": "image.generate", "body": {}}', "endpoint", "did you mean images.generate"),
        ('{"custom_id": "a", "endpoint": "cat", "body": {}}', "endpoint", "that makes tasks, such as images.generate"),
        ('{"custom_id": "a", "endpoint": "audio.text_to_speech"}', "endpoint", "this one is answered at once"),
        (line()[:-1] + ', "endpoint": "videos.omni"}', "url", "must be that of the endpoint, /v1/videos/omni-video"),
        (line()[:-1] + ', "method": "GET"}', "method", "must be POST"),
        (line()[:-1] + ', "priority": "high"}', "priority", "must be a whole number between"),
        (line()[:-1] + ', "priority": 1.5}', "priority", "must be a whole number between"),
        (line()[:-1] + ', "bdy": 1}', "bdy", "there are custom_id, url, endpoint, method, priority, body"),
        ('{"custom_id": "a", "endpoint": "images.generate"}', "body", "is required"),
        ('{"custom_id": "a", "endpoint": "images.generate", "body": 3}', "body", "must be an object"),
        ('{"custom_id": "a", "endpoint": "images.generate", "body": "{"}', "body", "must be JSON"),
        (line(prompt=None), "prompt", "is required"),
        (line(prompt=3), "prompt", "must be a text"),
        (line(model="kling-v3"), "model", "is called model_name"),
        (line(promt="x"), "promt", "is not a field; there are"),
        (line(external_task_id="x"), "external_task_id", "the batch makes one"),
        (line(extra={"external_task_id": "x"}), "external_task_id", "the batch makes one"),
        (line(extra={"a": "\ud800"}), "extra.a", "what JSON can write"),
        (line(image="fox.png"), "image", "No such file or directory"),
        (line(extra={"a": json.loads("[" * 100 + "]" * 100)}), "extra.a", "not be nested more than 64 deep"),
        ("[1]", "JSON", "must be one JSON object on each line; this is a list"),
        ("5", "JSON", "this is another value"),
        ("{", "JSON", "this one goes on in the next line"),
        ("[", "JSON", "jq -c"),
        ('{"custom_id": "a" "b": 1}', "JSON", "expecting ',' delimiter at column 19"),
        ('{"a": 1, "a": 2}', "JSON", "'a' is there twice"),
        ('{"custom_id": "a", "body": {"n": 1, "n": 2}}', "JSON", "'n' is there twice"),
        ('{"a": NaN}', "JSON", "NaN is no JSON"),
        ('{"a": -Infinity}', "JSON", "-Infinity is no JSON"),
        (f'{{"a": {"9" * 5000}}}', "JSON", "limit"),
        ('{"a": \0}', "JSON", "there is a NUL character"),
        ('{"a":' * 100_000, "JSON", "nested without end"),
    ],
)
async def test_what_is_wrong_is_told_with_its_field(text: str, field: str, told: str, tmp_path: Path) -> None:
    """A row that cannot be sent is refused with its line, the field and the rule, and nothing is taken."""
    manifest = written(tmp_path, line("good"), text)

    (error,) = await refused(manifest, tmp_path)

    assert ("line 2", field) == (error.where, error.field)
    assert told in error.rule


async def test_broken_json_is_found_again(tmp_path: Path) -> None:
    """The message names the line among thousands, what is wrong, the column, and what stands around it."""
    good = [line(f"fox-{number}") for number in range(1, 5001)]
    good[4710] = good[4710].replace('"body":', '"body"')
    manifest = written(tmp_path, *good)

    with pytest.raises(ManifestError) as caught:
        await rows_of(manifest, tmp_path)

    column = good[4710].index('{"prompt') + 1
    words = str(caught.value).splitlines()
    assert f"{manifest}: 1 row cannot be sent" == words[0]
    assert (
        f"line 4711: JSON: must be one JSON object on each line; expecting ':' delimiter at column {column}; "
        'got \'1/images/generations", "body" {"prompt": "A fox"}}\''
    ) == words[1]


async def test_all_that_is_wrong_with_a_row_is_told_at_once(tmp_path: Path) -> None:
    """One correction is enough, although several keys are wrong."""
    errors = await refused([{"custom_id": " ", "url": "/no", "method": "PUT", "priority": "a"}], tmp_path)

    assert ["custom_id", "url", "priority", "method"] == [error.field for error in errors]


async def test_many_mistakes_are_counted(tmp_path: Path) -> None:
    """The message names twenty of them and how many more there are; the error holds the first ten thousand."""
    rows = ({"custom_id": str(number), "url": "/no"} for number in range(10_050))

    with pytest.raises(ManifestError) as caught:
        await rows_of(rows, tmp_path)

    words = str(caught.value).splitlines()
    assert ("manifest: 10,050 rows cannot be sent", "and 10,030 more") == (words[0], words[-1])
    assert 22 == len(words)
    assert ("row 1", "row 10000") == (caught.value.errors[0].where, caught.value.errors[-1].where)


async def test_mistakes_cost_no_memory(tmp_path: Path) -> None:
    """Of a large value that is refused, an error keeps the few words that its message shows."""
    (error,) = await refused([{"custom_id": "a", "endpoint": "images.generate", "prompt": "x" * 5000}], tmp_path)

    assert "2500 characters" in error.rule
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "value",
    [10**5000, float("nan"), float("inf"), object(), {1: 2}, {"a": {None: 1}}],
    ids=["long", "nan", "inf", "object", "key", "none"],
)
async def test_values_that_nothing_can_write_are_refused(value: object, tmp_path: Path) -> None:
    """What a program puts into a row is refused where no JSON can hold it, before anything is taken."""
    row = {**json.loads(line(7)), "body": {"prompt": "x", "extra": {"a": value}}}

    (error,) = await refused([row], tmp_path)

    assert ("row 1", "7", "must be made of what JSON can write") == (*error[:2], error.rule[:35])
    assert error.field in ("extra", "extra.a")


async def test_a_row_without_end_is_refused(tmp_path: Path) -> None:
    """What contains itself cannot be written."""
    endless: dict[str, Any] = {"prompt": "x"}
    endless["extra"] = endless
    rows = [{"custom_id": "a", "endpoint": "images.generate", **shape} for shape in ({"body": endless}, endless)]

    errors = await refused([{**rows[0], "custom_id": "b"}, rows[1]], tmp_path)

    assert ["row 1", "row 2"] == [error.where for error in errors]
    assert all("nested so deeply" in error.rule for error in errors)


async def test_an_id_is_there_once(tmp_path: Path) -> None:
    """Both lines are named, also where one of them is refused for something else."""
    manifest = written(tmp_path, line("a"), line("b"), line("a"), line("b", n=99), line("a"))

    with pytest.raises(ManifestError, match="3 rows cannot be sent") as caught:
        await rows_of(manifest, tmp_path)

    assert [
        ("line 3", "a", "custom_id", "must be unique, and is that of line 1"),
        ("line 4", "b", "n", "must be between 1 and 9"),
        ("line 4", "b", "custom_id", "must be unique, and is that of line 2"),
        ("line 5", "a", "custom_id", "must be unique, and is that of line 1"),
    ] == [error[:4] for error in caught.value.errors]


@pytest.mark.parametrize(("one", "other"), [("Fox", "fox"), ("caf\u00e9", "cafe\u0301")])
async def test_two_ids_never_share_a_file(one: str, other: str, tmp_path: Path) -> None:
    """Ids that some file system takes for one are refused together, with both lines named."""
    (error,) = await refused(written(tmp_path, line(one), line(other)), tmp_path)

    assert f"must differ from {one!r} of line 1 by more than upper and lower case" in error.rule
    assert ("line 2", other) == (error.where, error.custom_id)


async def test_lines_may_end_and_begin_as_people_have_them(tmp_path: Path) -> None:
    """A byte order mark, Windows' ends of lines, empty lines, an odd separator in a text, and no end at the last."""
    manifest = tmp_path / "prompts.jsonl"
    odd = line("b", prompt="one|two").replace("|", "\u2028")
    manifest.write_bytes(f"\ufeff{line('a')}\r\n\r\n   \n{odd}\n{line('c')}".encode())

    rows = await rows_of(manifest, tmp_path)

    assert [("a", "line 1"), ("b", "line 4"), ("c", "line 5")] == [(row.custom_id, row.where) for row in rows]
    assert '{"prompt":"one\u2028two"}' == rows[1].body_json


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (line("a").encode("utf-16"), "text: must be UTF-8; this is UTF-16"),
        (gzip.compress(line("a").encode()), "text: must be UTF-8; this is gzip"),
        (b"PK\x03\x04", "text: must be UTF-8; this is a ZIP or Excel file"),
        (
            line("caf").encode() + b"\n" + b'{"custom_id": "caf\xe9"}',
            "line 2: text: must be UTF-8, and byte 19 of the line",
        ),
        (
            b"x" * (LONGEST + 100) + b"\n" + line("a").encode(),
            "line 1: text: must have at most 67,108,864 bytes on a line",
        ),
    ],
    ids=["utf-16", "gzip", "zip", "latin", "long"],
)
async def test_other_files_are_told_apart(content: bytes, told: str, tmp_path: Path) -> None:
    """A file in another encoding, a packed one, a workbook, and one without lines are called what they are."""
    manifest = tmp_path / "prompts.jsonl"
    manifest.write_bytes(content)

    with pytest.raises(ManifestError) as caught:
        await rows_of(manifest, tmp_path)

    assert 1 == len(caught.value.errors)
    assert told in str(caught.value)


async def test_packed_files_are_read(tmp_path: Path) -> None:
    """What ends in .gz is unpacked on the way."""
    manifest = tmp_path / "prompts.JSONL.gz"
    manifest.write_bytes(gzip.compress(f"{line('a')}\n{line('b')}".encode()))

    rows = await rows_of(manifest, tmp_path)

    assert ["a", "b"] == [row.custom_id for row in rows]


@pytest.mark.parametrize("damage", [b"", bytes(2000)], ids=["cut", "overwritten"])
async def test_a_file_that_is_damaged_is_refused(damage: bytes, tmp_path: Path) -> None:
    """What was read of it is not taken; the place is named."""
    manifest = tmp_path / "prompts.jsonl.gz"
    lines = [line(os.urandom(20).hex()) for _ in range(1000)]
    manifest.write_bytes(gzip.compress("\n".join(lines).encode())[:-2000] + damage)

    *_, error = await refused(manifest, tmp_path)

    assert "cannot be read, nor what follows" in error.rule
    assert int(error.where.removeprefix("line ")) > 10


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.jsonl", "must be a file that can be read (No such file or directory)"),
        (".", "must be a file that can be read (Is a directory)"),
        ("no\0name", "must be a file that can be read"),
        ("book.xlsx", "a workbook can be saved as CSV"),
        ("odd.jsonl.gz", "must be a file that can be read (Error -3 while decompressing"),
        ("empty.jsonl", "must hold at least one row"),
        ("blank.csv", "must hold at least one row"),
    ],
)
async def test_what_is_no_manifest_is_refused(name: str, told: str, tmp_path: Path) -> None:
    """A path that leads to no rows is named, with what is wrong about it."""
    for there, content in (("empty.jsonl", "\n\n"), ("blank.csv", "custom_id,prompt\n"), ("book.xlsx", "")):
        (tmp_path / there).write_text(content)
    (tmp_path / "odd.jsonl.gz").write_bytes(gzip.compress(b"")[:10] + b"\xff" * 50)

    with pytest.raises(InvalidRequest) as caught:
        await rows_of(tmp_path / name, tmp_path)

    assert ("manifest", True) == (caught.value.field, told in str(caught.value))


@pytest.mark.parametrize("source", [None, 5, {"custom_id": "a"}, b"{}"])
async def test_what_is_no_source_is_refused(source: object, tmp_path: Path) -> None:
    """One row alone is no manifest, and neither is a number."""
    with pytest.raises(InvalidRequest, match="must be the path of a file, rows, or a data frame"):
        await rows_of(source, tmp_path)


async def test_an_endpoint_for_all_is_checked_first(tmp_path: Path) -> None:
    """A name that is none is told once, and not for every row."""
    with pytest.raises(InvalidRequest, match="did you mean images") as caught:
        await rows_of([{"custom_id": "a", "prompt": "x"}], tmp_path, endpoint="image.generate")

    assert not isinstance(caught.value, ManifestError)


@pytest.mark.parametrize("rows", [[], ()])
async def test_no_rows_are_no_mistake_of_a_program(rows: Any, tmp_path: Path) -> None:
    """A program may have nothing to add; an empty file is refused."""
    assert [] == await rows_of(rows, tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
async def test_a_pipe_is_read(tmp_path: Path) -> None:
    """What another program writes is a manifest too, as in `kling batch run <(make-prompts)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(line("a"),))
    writer.start()

    (row,) = await rows_of(pipe, tmp_path)

    writer.join()
    assert "a" == row.custom_id


@pytest.mark.parametrize("mode", ["r", "rb"])
async def test_an_open_file_is_lines(mode: str, tmp_path: Path) -> None:
    """What yields lines of JSON is read like a file of them, as standard input is."""
    manifest = written(tmp_path, "\ufeff" + line("a"), "", line("b"))

    with manifest.open(mode, encoding=None if "b" in mode else "utf-8") as file:
        rows = await rows_of(file, tmp_path)

    assert [("a", "row 1"), ("b", "row 3")] == [(row.custom_id, row.where) for row in rows]


async def test_odd_rows_are_told(tmp_path: Path) -> None:
    """What is neither a mapping nor a line is refused with its number."""
    errors = await refused([json.loads(line("a")), 5, {1: 2}, b"\xff"], tmp_path)

    assert [
        ("row 2", "row", "must be a mapping, or a line of JSON"),
        ("row 3", "row", "must have texts as keys"),
    ] == [(error.where, error.field, error.rule) for error in errors if error.field == "row"]
    assert ("row 4", "text") == (errors[-1].where, errors[-1].field)


async def test_what_the_client_would_not_send_is_told_with_its_line(tmp_path: Path) -> None:
    """What a model is not known to do is found before anything is sent, like any other mistake."""

    def vet(row: TaskSpec[..., Any, Any], request: Any) -> None:
        if request.n == 3:
            raise InvalidRequest("n", f"{row.name} makes no three", request.n)

    (error,) = await refused(written(tmp_path, line("a"), line("b", n=3)), tmp_path, vet=vet)

    assert ("line 2", "b", "n", "images.generate makes no three", 3) == error


async def test_what_an_iterable_raises_is_passed_on(tmp_path: Path) -> None:
    """An error of the caller's own is no mistake in a row, and nothing is taken of what came before."""

    def rows() -> Iterator[dict[str, Any]]:
        yield json.loads(line("a"))
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        await rows_of(rows(), tmp_path)


async def test_rows_are_read_by_one_thread_that_is_not_the_loops(tmp_path: Path) -> None:
    """An iterable that is slow, or that belongs to the thread it was begun in, keeps no loop waiting."""
    threads = set[int]()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(200):
            threads.add(threading.get_ident())
            yield json.loads(line(number))

    await rows_of(rows(), tmp_path)

    assert 1 == len(threads - {threading.get_ident()}) == len(threads)


async def test_rows_may_arrive_slowly(tmp_path: Path) -> None:
    """While a row is awaited the loop goes on, and another manifest can be read into the same journal."""
    come = asyncio.Event()

    async def slow() -> AsyncIterator[dict[str, Any]]:
        yield json.loads(line("a"))
        await come.wait()
        for number in range(100):
            yield json.loads(line(number))

    reading = asyncio.create_task(rows_of(slow(), tmp_path))
    others = await rows_of([json.loads(line("b"))], tmp_path)
    came_before = not reading.done()
    come.set()
    rows = await reading

    assert (["b"], True, 101) == ([row.custom_id for row in others], came_before, len(rows))


async def test_rows_that_arrive_are_checked_alike(tmp_path: Path) -> None:
    """An asynchronous iterable may yield lines and mappings; mistakes are told with their numbers."""

    async def rows() -> AsyncIterator[Any]:
        for each in (line("a"), "", json.loads(line("a")), 5):
            yield each

    errors = await refused(rows(), tmp_path)

    assert [("row 3", "custom_id"), ("row 4", "row")] == [(error.where, error.field) for error in errors]


async def test_large_rows_that_arrive_are_not_collected(tmp_path: Path) -> None:
    """A row with a picture in it is dealt with before the next is asked for, so that few are in memory."""
    kept = list[int]()

    async def rows() -> AsyncIterator[dict[str, Any]]:
        for number in range(3):
            row = json.loads(line(number))
            yield {**row, "body": {**row["body"], "image": picture(number, size=20_000)}}
            kept.append(sum(path.is_file() for path in tmp_path.rglob("*")))

    await rows_of(rows(), tmp_path)

    assert [1, 2, 3] == kept


async def test_a_reader_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """No more than a few rows are read on, and what was kept of those so far is gone."""
    begun, go_on, read = threading.Event(), threading.Event(), list[int]()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(100_000):
            begun.set()
            go_on.wait()
            read.append(number)
            yield {**json.loads(line(number)), "body": {"prompt": "A fox", "image": picture(number, size=5000)}}

    reading = asyncio.create_task(rows_of(rows(), tmp_path))
    await asyncio.to_thread(begun.wait)
    reading.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert len(read) < 100
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_rows_can_be_read_twice(tmp_path: Path) -> None:
    """A journal that had to begin again gets the same rows, in the order of the manifest."""
    manifest = written(tmp_path, *(line(number) for number in range(150)))

    async with spool(manifest, inputs=inputs(tmp_path), vet=accept) as spooled:
        first, second = list(spooled.rows()), list(spooled.rows())

    assert first == second
    assert [str(number) for number in range(150)] == [row.custom_id for row in first]


def test_a_full_disk_is_told() -> None:
    """Rows that cannot be kept while they are checked end it with words on what to do."""
    with closing(Spool("line")) as spooled:
        spooled._database.execute("PRAGMA max_page_count = 2")

        with pytest.raises(JournalError, match="full") as caught:
            spooled.put([stub(at, f"fox-{at}", f"fox-{at}") for at in range(10_000)])

    assert "nothing was planned. Make room, or name another folder for temporary files" in str(caught.value)
