"""Faults as they are written: in Python, where mistakes are said at once, and in files, where all are said together."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async.emulator import FaultFileError, faults, parse_faults, read_faults
from kling_async.emulator.faults import (
    KINDS,
    Answered,
    Bend,
    Clock,
    DelayCallback,
    Down,
    Expire,
    Fault,
    Hide,
    Limit,
    Lose,
    LoseCallback,
    Mix,
    Neighbour,
    Rate,
    Refuse,
    RepeatCallback,
    RepeatedIds,
    Shuffle,
    ShuffleCallbacks,
    Slow,
    Sometimes,
    Stale,
    Truncate,
)

ENTRY = "import sys; from kling_async.cli import main; sys.exit(main())"

LINES = """
# what goes wrong
{"fault": "lose", "answer": "cut", "first": 1}

{"fault": "refuse", "answer": 1302, "retry_after": 2, "calls": ["queries", "lists"], "every": 10}
   {"fault": "hide", "seconds": 5, "path": "/v1/videos/*"}
{"fault": "limit", "pool": "video", "slots": null, "since": 60, "until": 120.5}
{"fault": "repeated_ids"}
"""
MEANT = (
    Lose("cut", first=1),
    Refuse(1302, retry_after=2, calls=["queries", "lists"], every=10),
    Hide(5, path="/v1/videos/*"),
    Limit("video", None, since=60, until=120.5),
    RepeatedIds(),
)

ONE_OF_EACH: tuple[Fault, ...] = (
    Refuse("html"),
    Lose(504),
    Bend("array"),
    Slow(3),
    Rate(10),
    Shuffle(),
    Stale(3),
    Mix(2),
    Truncate(3),
    LoseCallback(every=2),
    RepeatCallback(2, seconds=1),
    DelayCallback(3),
    ShuffleCallbacks(3),
    Hide(1),
    RepeatedIds(),
    Clock(-30),
    Expire(60),
    Limit("image", 3),
    Neighbour("image", 3),
    Down(),
)


def test_lines_are_read() -> None:
    """One object a line; empty lines and those that begin with # are for the reader."""
    assert parse_faults(LINES) == MEANT


def test_an_array_is_read() -> None:
    """The same in one array, over as many lines as one likes."""
    entries = [json.loads(line) for line in LINES.splitlines() if line.strip().startswith("{")]

    assert parse_faults(json.dumps(entries, indent=2)) == MEANT


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "[]"])
def test_nothing_goes_wrong_where_nothing_is_written(text: str) -> None:
    """An empty file is a file of no faults."""
    assert () == parse_faults(text)


def test_every_kind_can_be_written() -> None:
    """By its name and its fields, as they are in Python."""
    names = {kind: name for name, kind in KINDS.items()}

    lines = [json.dumps({"fault": names[type(each)], **attrs.asdict(each)}) for each in ONE_OF_EACH]

    assert set(KINDS) == {names[type(each)] for each in ONE_OF_EACH}
    assert parse_faults("\n".join(lines)) == ONE_OF_EACH


def test_every_class_is_a_kind() -> None:
    """None was forgotten in the table."""
    kinds = {value for value in vars(faults).values() if isinstance(value, type) and issubclass(value, Fault)} - {
        Fault,
        Sometimes,
        Answered,
    }

    assert kinds == set(KINDS.values())


MISTAKES: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({}, ("fault must be given", "got nothing")),
    ({"fault": "explode"}, ("fault must be one of refuse, lose", "got 'explode'")),
    ({"fault": 3}, ("fault must be one of", "got 3")),
    ({"fault": "lose"}, ("answer must be given for lose", "got nothing")),
    ({"fault": "lose", "answer": "cutt"}, ("answer must be one of cut, reset", "got 'cutt'")),
    ({"fault": "lose", "answer": 42}, ("answer must be one of", "got 42")),
    ({"fault": "lose", "answer": True}, ("answer must be one of", "got True")),
    ({"fault": "lose", "answer": None}, ("answer must be one of", "got None")),
    ({"fault": "lose", "answer": 1999}, ("answer must be a documented code where no status is given", "got 1999")),
    ({"fault": "lose", "answer": "cut", "status": 500}, ("status must be left out", "got 500")),
    ({"fault": "lose", "answer": 500, "message": "x"}, ("message must be left out", "got 'x'")),
    ({"fault": "lose", "answer": 5000, "message": 3}, ("message must be a text", "got 3")),
    ({"fault": "lose", "answer": 5000, "status": 99}, ("status must be a whole number from 200 to 599", "got 99")),
    ({"fault": "lose", "answer": "cut", "first": 0}, ("first must be a whole number of at least 1", "got 0")),
    ({"fault": "lose", "answer": "cut", "every": 1.5}, ("every must be a whole number of at least 1", "got 1.5")),
    ({"fault": "lose", "answer": "cut", "most": True}, ("most must be a whole number", "got True")),
    ({"fault": "lose", "answer": "cut", "chance": 0}, ("chance must be above 0 and at most 1", "got 0")),
    ({"fault": "lose", "answer": "cut", "calls": "posts"}, ("calls must be one or several of creates", "got 'posts'")),
    ({"fault": "lose", "answer": "cut", "calls": []}, ("calls must be one or several of", "got nothing")),
    ({"fault": "lose", "answer": "cut", "calls": 3}, ("calls must be one or several of", "got 3")),
    ({"fault": "lose", "answer": "cut", "calls": [["any"]]}, ("calls must be one or several of", "got ['any']")),
    ({"fault": "lose", "answer": "cut", "path": "/v1/radio"}, ("path must be a path of the API", "got '/v1/radio'")),
    ({"fault": "lose", "answer": "cut", "path": 3}, ("path must be a path of the API", "got 3")),
    ({"fault": "lose", "answer": "cut", "since": -1}, ("since must be a number of at least 0", "got -1")),
    ({"fault": "hide", "seconds": 5, "since": 3, "until": 3}, ("until must be later than since, which is 3", "got 3")),
    ({"fault": "hide", "seconds": 5, "until": "3"}, ("until must be a number of at least 0", "got '3'")),
    ({"fault": "hide", "seconds": 0}, ("seconds must be a number above 0", "got 0")),
    ({"fault": "hide", "seconds": 5, "every": 3}, ("every must be one of the fields of hide", "got 3")),
    ({"fault": "limit", "pool": "radio", "slots": 1}, ("pool must be one of image, try_on, video", "got 'radio'")),
    ({"fault": "limit", "pool": "video"}, ("slots must be given for limit", "got nothing")),
    ({"fault": "neighbour", "pool": "video", "slots": 1, "visible": 1}, ("visible must be true or false", "got 1")),
    ({"fault": "rate", "per_second": 0}, ("per_second must be a number above 0", "got 0")),
    ({"fault": "bend", "shape": "round"}, ("shape must be one of array, null", "got 'round'")),
]


@pytest.mark.parametrize(("entry", "told"), MISTAKES, ids=[told[0] + str(at) for at, (_, told) in enumerate(MISTAKES)])
def test_a_mistake_names_line_field_rule_and_value(entry: dict[str, Any], told: tuple[str, str]) -> None:
    """So that it can be corrected without reading code."""
    good = json.dumps({"fault": "down"})

    with pytest.raises(FaultFileError) as lines:
        parse_faults(f"{good}\n\n{json.dumps(entry)}\n", name="script.jsonl")
    with pytest.raises(FaultFileError) as array:
        parse_faults(json.dumps([json.loads(good), entry]), name="script.json")

    rule, value = told
    assert str(lines.value).startswith("script.jsonl, line 3: ")
    assert str(array.value).startswith("script.json, entry 2: ")
    assert all(rule in str(each.value) and str(each.value).endswith(value) for each in (lines, array))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"fault": }', "f, line 1: no JSON: Expecting value at column 11"),
        ("lose cut", "f, line 1: no JSON: Expecting value at column 1"),
        ("[1,\n 2", "f: no JSON: Expecting ',' delimiter at line 2 column 3"),
        ("3", "f, line 1: an entry must be an object; got 3"),
        ("[[]]", "f, entry 1: an entry must be an object; got an array"),
        ('{"fault": "hide", "seconds": 1, "seconds": 2}', "f, line 1: seconds must be given once; got 2 as well"),
        ('{"fault": "hide", "seconds": Infinity}', "f, line 1: a number must be finite; got Infinity"),
        ('{"fault": "hide", "seconds": 1e999}', "f, line 1: seconds must be a number above 0; got inf"),
        ("[" * 100_000, "f: "),
    ],
)
def test_what_is_no_json_is_said_with_its_place(text: str, told: str) -> None:
    """Python's own extensions of JSON are none either."""
    with pytest.raises(FaultFileError) as caught:
        parse_faults(text, name="f")

    assert str(caught.value).startswith(told)


def test_all_mistakes_are_said_together() -> None:
    """One line each."""
    text = '{"fault": "x"}\n{"fault": "down"}\nnothing\n{"fault": "slow", "seconds": -1}'

    with pytest.raises(FaultFileError) as caught:
        parse_faults(text, name="f")

    assert ["f, line 1", "f, line 3", "f, line 4"] == [line.split(":")[0] for line in str(caught.value).splitlines()]


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists).flatmap(st.just))
def test_whatever_stands_in_a_field_it_is_read_or_refused(value: Any) -> None:
    """With the one error there is for it."""
    for name, kind in KINDS.items():
        for field in attrs.fields(kind):
            try:
                parse_faults(json.dumps({"fault": name, field.name: value}))
            except FaultFileError:
                continue


def test_a_long_value_is_told_in_short() -> None:
    """A message is for reading."""
    with pytest.raises(FaultFileError) as caught:
        parse_faults(json.dumps({"fault": "hide", "seconds": "x" * 1000}))

    assert len(str(caught.value)) < 200


def test_a_file_is_read(tmp_path: Path) -> None:
    """As UTF-8, with or without a mark at its beginning."""
    path = tmp_path / "script.jsonl"
    path.write_text(LINES, encoding="utf-8-sig")

    assert read_faults(path) == MEANT


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing one, a directory, one that is no text, and one that never ends."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with (tmp_path / "endless").open("wb") as file:
        file.truncate(10_000_001)

    for name in ("missing", ".", "bytes", "endless"):
        with pytest.raises(FaultFileError, match="cannot be read") as caught:
            read_faults(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


@pytest.fixture
def command(tmp_path: Path) -> Callable[[str], list[str]]:
    """The command line of an emulator with a script."""

    def command(text: str) -> list[str]:
        path = tmp_path / "script.jsonl"
        path.write_text(text)
        return [sys.executable, "-c", ENTRY, "emulator", "--port", "0", "--faults", str(path)]

    return command


def test_the_command_refuses_a_bad_file_before_it_listens(command: Callable[[str], list[str]]) -> None:
    """With the line, the field, the rule and the value, and the exit code of bad usage."""
    ran = subprocess.run(
        command('{"fault": "slow", "seconds": -1}'), capture_output=True, text=True, timeout=60, check=False
    )

    err = " ".join(ran.stderr.replace("│", " ").split())
    assert (2, "") == (ran.returncode, ran.stdout)
    assert "line 1: seconds must be a number above 0; got -1" in err


@pytest.fixture
def refusing(command: Callable[[str], list[str]]) -> Iterator[str]:
    """The address of an emulator whose file lets it refuse everything."""
    script = '{"fault": "refuse", "answer": 503}'
    with subprocess.Popen(command(script), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.stdout.readline().strip().partition("=")[2]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.mark.shows_keys("those of the emulator open nothing, and it tells them to whoever starts it")
async def test_the_command_plays_the_file(refusing: str) -> None:
    """What the file says goes wrong goes wrong."""
    async with aiohttp.ClientSession() as http, http.get(f"{refusing}/v1") as answer:
        status = answer.status

    assert 503 == status


def test_the_script_in_the_documentation_is_one() -> None:
    """Every block of JSON in it can be played."""
    page = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")

    played = [parse_faults(block) for block in re.findall(r"^```json\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)]

    assert [6] == [len(each) for each in played]


def test_the_documentation_names_everything() -> None:
    """Every fault, way, shape and field has its place there."""
    page = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    names = {f"`{kind.__name__}(" for kind in KINDS.values()}
    fields = {field.name for kind in KINDS.values() for field in attrs.fields(kind)}
    words = {f'"{way}"' for way in faults.WAYS} | set(faults.SHAPES) | set(faults.CALLS) | fields

    assert set() == {each for each in names | words if each not in page}
