"""Every kind of field can be typed: what would be sent is what a program would have passed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image

from kling_async.api import RESOURCES, Request
from kling_async.api.fields import Checked, frozen
from kling_async.api.kinds import (
    integer,
    moment,
    nested,
    picture,
    pictures,
    seconds,
    sequence,
    sound,
    switch,
    texts,
    video,
)
from kling_async.media.inputs import MediaInput
from kling_async.protocol.direct import DirectEndpoint, nothing
from kling_async.protocol.endpoint import Resource
from tests.cli.running import Run

NOW_IN_MS = 1774700000000


@frozen
class Part(Checked):
    """An object inside of a request."""

    face: MediaInput | None = picture("A face.", default=None)
    faces: Sequence[MediaInput] | None = pictures("Faces.", minimum=1, maximum=3, default=None)
    since: datetime | int | None = moment("When.", default=None)


@frozen
class Everything(Request):
    """A field of every kind."""

    tags: Sequence[str] | None = texts("Tags.", default=None)
    views: Sequence[MediaInput] | None = pictures("Views.", minimum=1, maximum=2, default=None)
    tune: MediaInput | None = sound("A tune.", default=None)
    clip: str | None = video("A clip.", default=None)
    since: datetime | int | None = moment("When.", default=None)
    amount: int | Literal["auto"] | None = integer("How many.", 2, 9, words=("auto",), default=None)
    duration: int | str | None = seconds("How long.", only=(5, 10), default=None)
    loud: bool | None = switch("How loud.", default=None)
    part: Part | Mapping[str, Any] | None = nested("A part.", Part, default=None)
    parts: Sequence[Part | Mapping[str, Any]] | None = sequence("Parts.", Part, maximum=2, default=None)


class Things(Resource):
    """A resource that no client has."""

    name = "things"

    make = DirectEndpoint(Everything, nothing, "/v1/things")


@pytest.fixture(autouse=True)
def everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command with a field of every kind, and files to give it."""
    monkeypatch.setattr("kling_async.cli.commands.RESOURCES", (*RESOURCES, Things))
    monkeypatch.chdir(tmp_path)
    for name in ("cat.png", "dog.png"):
        Image.new("RGB", (320, 320), "teal").save(name)
    Path("tune.wav").write_bytes(b"RIFF0000WAVE")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (["--tags", "a", "--tags", "b, c"], {"tags": ["a", "b, c"]}),
        (["--views", "cat.png"], {"views": ["<Base64 of cat.png>"]}),
        (
            ["--views", "cat.png", "--views", "https://e.com/x.png"],
            {"views": ["<Base64 of cat.png>", "https://e.com/x.png"]},
        ),
        (["--tune", "tune.wav"], {"tune": "<Base64 of tune.wav>"}),
        (["--clip", "https://e.com/a.mp4"], {"clip": "https://e.com/a.mp4"}),
        (["--since", str(NOW_IN_MS)], {"since": NOW_IN_MS}),
        (["--since", "2026-03-28T12:13:20Z"], {"since": NOW_IN_MS}),
        (["--since", "2026-03-28T20:13:20+08:00"], {"since": NOW_IN_MS}),
        (["--amount", "3"], {"amount": 3}),
        (["--amount", "auto"], {"amount": "auto"}),
        (["--duration", "10"], {"duration": "10"}),
        (["--no-loud"], {"loud": False}),
        (["--part", '{"face": "cat.png"}'], {"part": {"face": "<Base64 of cat.png>"}}),
        (
            ["--part", '{"faces": ["cat.png", "dog.png"], "since": "2026-03-28T12:13:20Z"}'],
            {"part": {"faces": ["<Base64 of cat.png>", "<Base64 of dog.png>"], "since": NOW_IN_MS}},
        ),
        (
            ["--parts", '[{"face": "cat.png"}, {"face": "https://e.com/x.png"}]'],
            {"parts": [{"face": "<Base64 of cat.png>"}, {"face": "https://e.com/x.png"}]},
        ),
        (["--extra", '{"seed": 9007199254740993}'], {"seed": 9007199254740993}),
    ],
)
async def test_what_is_typed_arrives(typed: list[str], sent: dict[str, object], run: Run) -> None:
    """Files, lists, moments, words and objects become what the request takes."""
    ran = await run("thing", "make", *typed, "--dry-run", "--json")

    assert 0 == ran.code, ran.out
    assert sent == ran.objects[0]["body"]


@pytest.fixture
def eight_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in China."""
    monkeypatch.setenv("TZ", "CST-8")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of this system cannot be changed for a test")
@pytest.mark.usefixtures("eight_hours_east")
@pytest.mark.parametrize(
    ("typed", "hour"),
    [("2026-03-28", 0), ("2026-03-28T12:00", 12), ("2026-03-28 12:00:00", 12), ("2026-03-28T04:00Z", 12)],
)
async def test_a_moment_without_a_zone_is_local(typed: str, hour: int, run: Run) -> None:
    """A time is one of this machine's clock, a date its first moment, unless a zone is named; the help says which."""
    ran = await run("thing", "make", "--since", typed, "--dry-run", "--json")
    shown = await run("thing", "make", "--help")

    there = datetime(2026, 3, 28, hour, tzinfo=timezone(timedelta(hours=8)))
    assert there.timestamp() * 1000 == ran.objects[0]["body"]["since"]
    assert "CST as here unless it names a zone" in " ".join(shown.out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--since", "yesterday"], "must be a date or time such as 2026-03-28"),
        (["--since", "1774700000"], "Unix milliseconds (13 digits)"),
        (["--since", "9" * 5000], "Unix milliseconds (13 digits)"),
        (["--part", '{"since": "soon"}'], "--part.since"),
        (["--clip", "cat.mp4"], "host the file and pass its URL"),
        (["--views", "no-cat"], "No such file or directory"),
        (["--tune", "cat.png"], "must be an MP3, WAV, M4A or AAC"),
        (["--duration", "7"], "Choose from"),
        (["--amount", "many"], "--amount"),
        (["--amount", "12"], "must be between 2 and 9 or auto"),
        (["--parts", "[1]"], "must be a Part or a mapping"),
        (["--parts", "1"], "must be a list of Part"),
        (["--part", '{"nose": 1}'], "is not a field; there are face, faces, since"),
        (["--views", "cat.png"] * 3, "must have 1 to 2 items, has 3"),
    ],
)
async def test_what_cannot_be_meant_is_refused(typed: list[str], told: str, run: Run) -> None:
    """A value of the wrong kind is refused in words, unsent."""
    ran = await run("thing", "make", *typed)

    assert 2 == ran.code
    assert told in ran.words
    assert "Traceback" not in ran.err


async def test_help_says_what_to_type(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms, limits and the keys of objects are told."""
    monkeypatch.setenv("COLUMNS", "400")

    shown = await run("thing", "make", "--help")

    for words in (
        "[once for each]",
        "[a file, a URL, or Base64 text; once for each]",
        "[2 to 9]",
        "[choices: 5, 10]",
        "[{face?, faces?, since?}, or @FILE]",
        "[list of at most 2 {face?, faces?, since?}, or @FILE]",
    ):
        assert words in shown.out
    assert "--empty" not in shown.out


async def test_json_may_come_from_a_file(run: Run, tmp_path: Path) -> None:
    """@FILE is read, and local files in it are found as well."""
    (tmp_path / "part.json").write_text(json.dumps({"face": "cat.png"}))

    ran = await run("thing", "make", "--part", "@part.json", "--dry-run", "--json")

    assert {"part": {"face": "<Base64 of cat.png>"}} == ran.objects[0]["body"]
