"""Commands and options come from the rows, and what is typed arrives at the vendor's."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
from PIL import Image

from kling_async import KlingClient
from kling_async.api import CALLS, RESOURCES, ROWS, info, rows
from kling_async.api.fields import frozen
from kling_async.api.kinds import text
from kling_async.api.shared import TaskRequest
from kling_async.cli.commands import groups
from kling_async.cli.options import option
from kling_async.emulator import Emulator
from kling_async.models import ImageResult
from kling_async.protocol.endpoint import Resource, TaskEndpoint
from tests.cli.running import Run


def path(name: str) -> list[str]:
    """The words that call the command of a row."""
    first, *rest = name.replace("_", "-").split(".")
    return [first.removesuffix("s"), *rest]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small picture that the vendor would take."""
    path = tmp_path / "cat.png"
    Image.new("RGB", (320, 320), "teal").save(path)
    return path


@pytest.mark.parametrize("name", [*ROWS, *CALLS])
async def test_every_row_is_a_command_with_every_field_as_an_option(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row is a command, whose help tells every field with its words and choices, and which ones are required."""
    monkeypatch.setenv("COLUMNS", "400")
    request = (ROWS.get(name) or CALLS[name]).request
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", request))

    shown = await run(*path(name), "--help")

    assert 0 == shown.code
    lines = [line.strip("│* ") for line in shown.out.splitlines() if line.startswith("│")]
    for field in fields:
        about = info(field)
        (line,) = (line for line in lines if f"{option(field.name)} " in f"{line.partition('  ')[0]} ")
        assert about is None or (about.doc.partition(";")[0] if about.kind == "moment" else about.doc) in line
        assert about is None or set(about.choices) <= set(line.replace(",", " ").replace("]", " ").split())
        assert (field.default is attrs.NOTHING and "default: " not in line) == ("[required]" in line)


async def test_a_call_says_what_it_does(run: Run) -> None:
    """Calls that take the same are told apart by what they do with it."""
    shown = await run("video", "selection", "--help")

    assert "Select what lies at some points" in shown.out
    assert "Take points away from a frame" in shown.out


@pytest.mark.parametrize("name", ["account.costs", "account.packages", "account.balance"])
async def test_moments_are_told_to_those_who_type_them(name: str, run: Run) -> None:
    """What a datetime must be like is for programs; the forms that can be typed are told instead."""
    shown = await run(*path(name), "--help")

    words = " ".join(shown.out.replace("│", " ").split())
    assert "aware" not in words
    assert "2026-03-28T12:00" in words
    assert "or Unix milliseconds]" in words


@pytest.mark.parametrize(("group", "names"), [("voice", "voices.create"), ("image", "NAME")])
async def test_a_group_says_where_its_earlier_tasks_are(group: str, names: str, run: Run) -> None:
    """They are listed by another command, which takes the name of the endpoint."""
    shown = await run(group, "--help")
    command = await run(group, "create" if group == "voice" else "generate", "--help")

    words = " ".join(shown.out.split())
    assert f"kling task list {names} shows tasks made earlier" in words
    assert {row.name for row in ROWS.values() if row.name.startswith(group)} <= set(re.split(r"[\s,.]* |[,.]$", words))
    assert "tasks made earlier" not in command.out
    assert "Exit codes:" in shown.out
    assert "Exit codes:" in command.out


async def test_a_group_without_tasks_does_not_send_anybody_away(run: Run) -> None:
    """The account makes none."""
    shown = await run("account", "--help")

    assert "kling task" not in shown.out
    assert "Exit codes:" in shown.out


async def test_a_new_row_is_a_new_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row added to a resource is a command without a line written for it."""

    @frozen
    class Whistle(TaskRequest):
        """A tune."""

        tune: str = text("What to whistle.")

    class Tunes(Resource):
        """Everything that makes noise."""

        name = "tunes"
        whistle_twice = TaskEndpoint(Whistle, ImageResult, "/v1/sounds/whistle", pool="other")

    monkeypatch.setattr("kling_async.cli.commands.RESOURCES", (*RESOURCES, Tunes))

    names = {app.name[0]: list(app) for app in groups("")}

    assert "whistle-twice" in names["tune"]
    assert {row.name.partition(".")[2].replace("_", "-") for row in rows(RESOURCES[0])} <= set(names["image"])


async def test_options_arrive_in_the_request(against: Emulator, run: Run, tmp_path: Path) -> None:
    """Texts, numbers, switches, seconds, JSON, JSON files and extra fields arrive as the vendor wants them."""
    shots = tmp_path / "shots.json"
    shots.write_text(json.dumps([{"index": at, "prompt": "a shot", "duration": at + 1} for at in (1, 2)]))

    ran = await run(
        *("video", "text-to-video", "A fox", "--model-name", "kling-v3", "--duration", "5", "--multi-shot"),
        *("--shot-type", "customize", "--multi-prompt", f"@{shots}", "--watermark-info", '{"enabled": true}'),
        *("--external-task-id", "mine", "--extra", '{"sound": "on"}', "--no-wait"),
    )

    assert 0 == ran.code, ran.err
    (task,) = against.tasks.values()
    expected: dict[str, Any] = {
        "prompt": "A fox",
        "model_name": "kling-v3",
        "duration": "5",
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": [{"index": at, "prompt": "a shot", "duration": str(at + 1)} for at in (1, 2)],
        "watermark_info": {"enabled": True},
        "external_task_id": "mine",
        "sound": "on",
    }
    assert expected == {name: task.body[name] for name in expected}


async def test_a_picture_is_a_file_or_text(against: Emulator, run: Run, picture: Path) -> None:
    """A path is read as a file, Base64 text and addresses are passed on."""
    encoded = base64.b64encode(picture.read_bytes()).decode()
    given = (str(picture), encoded, f"data:image/png;base64,{encoded}", "https://example.com/cat.png")

    ran = [await run("image", "multi-shot", "--element-frontal-image", each, "--no-wait") for each in given]

    assert [0] * 4 == [each.code for each in ran]
    seen = [task.body["element_frontal_image"] for task in against.tasks.values()]
    assert ["sha256:", "sha256:", "sha256:", "https:/"] == [each[:7] for each in seen]


async def test_a_missing_picture_is_named_as_a_file(against: Emulator, run: Run) -> None:
    """The name of a file that is not there is refused as a file, before anything is sent."""
    ran = await run("image", "multi-shot", "--element-frontal-image", "no-cat.png")

    assert 2 == ran.code
    assert "must be a file that can be read (No such file or directory)" in ran.words
    assert [] == against.requests


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--camera-control", "{bad"], "--camera-control"),
        (["--camera-control", "[]"], "must be a JSON object"),
        (["--extra", "@/no/such.json"], "cannot be read"),
        (["--multi-prompt", '{"a": 1}'], "must be a list of ShotPrompt"),
        (["--cfg-scale", "2"], "must be between 0 and 1"),
        (["--timeout", "0"], "must be a number above zero"),
        (["--name", "../up"], "letters, digits"),
    ],
)
async def test_bad_input_is_refused_unsent(arguments: list[str], told: str, against: Emulator, run: Run) -> None:
    """Input that breaks a rule names the field and the rule, exits with 2, and nothing is sent."""
    ran = await run("video", "text-to-video", "A fox", *arguments)

    assert 2 == ran.code
    assert told in ran.words
    assert "Traceback" not in ran.err
    assert [] == against.requests


async def test_a_picture_comes_from_one_command(run: Run, tmp_path: Path) -> None:
    """One command with --emulator needs no key and leaves the picture in the directory, and its path on stdout."""
    ran = await run("image", "generate", "A fox", "--emulator", "-o", tmp_path / "new" / "out", "--name", "fox")

    assert 0 == ran.code, ran.err
    assert f"{tmp_path / 'new' / 'out' / 'fox-0.png'}\n" == ran.out
    assert Image.open(io.BytesIO((tmp_path / "new" / "out" / "fox-0.png").read_bytes())).size == (1360, 768)
    assert "submitted" in ran.err
    assert "done" in ran.err


async def test_no_wait_prints_what_attaches(against: Emulator, run: Run, kling: KlingClient) -> None:
    """`--no-wait` leaves a reference on stdout that another command takes up."""
    made = await run("image", "generate", "A fox", "--no-wait")

    got = await run("task", "get", "--ref", made.out.strip())

    (task,) = against.tasks.values()
    assert (0, 0) == (made.code, got.code)
    assert task.task_id in got.out
    assert f"kling task wait images.generate {task.task_id}" in made.err
