"""Calls that are answered at once: sent as typed, shown for people and programs, their files stored."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image
from rich.console import Console

from kling_async.api import CALLS
from kling_async.cli.answers import show_answer
from kling_async.cli.commands import command
from kling_async.cli.common import Connection
from kling_async.cli.failures import Exit
from kling_async.cli.shell import Shell
from kling_async.emulator import Emulator
from kling_async.models import ResourcePack
from tests.cli.running import Run
from tests.support.vendor import API_KEY, Reply, Vendor, said

CLIP = "https://example.com/a.mp4"
MARCH = 1774700000000
ELEMENT = 2**53 + 1
"""An id that no double holds."""


@pytest.fixture
async def vendor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vendor]:
    """A vendor that answers as a test tells it to, with its address and key in the environment."""
    async with Vendor(Reply()) as vendor:
        monkeypatch.setenv("KLING_BASE_URL", vendor.url)
        monkeypatch.setenv("KLING_API_KEY", API_KEY)
        yield vendor


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small picture that the vendor would take."""
    path = tmp_path / "cat.png"
    Image.new("RGB", (320, 320), "teal").save(path)
    return path


async def answered(run: Run, *arguments: object) -> Any:
    """The answer of a command, as a program reads it."""
    ran = await run(*arguments, "--json")
    assert 0 == ran.code, ran.out
    return ran.objects[0]["answer"]


async def test_an_answer_is_a_table_for_people(against: Emulator, run: Run) -> None:
    """Ids and numbers stand in a table; the links of the files follow, whole, each in a line of its own."""
    ran = await run("video", "identify-face", "--video-url", CLIP)

    told = await answered(run, "video", "identify-face", "--video-url", CLIP)
    lines = ran.out.splitlines()
    assert (0, 2) == (ran.code, len(told["face_data"]))
    assert "session id" in lines[0]
    assert ["face", "id", "start", "time", "end", "time"] in [line.split() for line in lines]
    assert 2 == len([line for line in lines if line.startswith(against.url) and "Signature=" in line])


async def test_an_answer_is_one_object_for_programs(vendor: Vendor, run: Run) -> None:
    """With --json an answer is one object: links whole, amounts as text, large ids exact; and silence on stderr."""
    preset = {"element_id": ELEMENT, "element_frontal_image": "https://a.kling.ai/x.png?sig=1"}
    vendor.replies[:] = [said([{**preset, "final_unit_deduction": "0.5"}])]

    ran = await run("element", "first-generation", "presets", "--json")

    (told,) = ran.objects
    (element,) = told["answer"]
    assert (0, "") == (ran.code, ran.err)
    assert "elements.first_generation.presets" == told["endpoint"]
    assert (ELEMENT, "0.5") == (element["element_id"], element["units"])
    assert preset["element_frontal_image"] == element["element_frontal_image"]


async def test_files_of_an_answer_are_named_by_what_they_show(against: Emulator, run: Run, picture: Path) -> None:
    """`-o` stores cut-outs by their picture and kind, thumbnails by their session, and prints the paths."""
    out = picture.parent / "out"

    cut = await run("image", "recognize", "--image", picture, "-o", out)
    faces = await run("video", "identify-face", "--video-url", CLIP, "-o", out, "--json")

    (told,) = faces.objects
    assert (0, 0) == (cut.code, faces.code)
    assert str(out / "cat-face_seg-0.png") in cut.out.splitlines()
    assert [str(out / f"{told['answer']['session_id']}-{at}.png") for at in (0, 1)] == told["files"]
    assert all(Path(each).is_file() for each in told["files"])


async def test_a_name_names_the_files(against: Emulator, run: Run, tmp_path: Path) -> None:
    """`--name` names the files of an answer, and of several things in it, one after the other."""
    ran = await run("voice", "presets", "--page-size", "2", "-o", tmp_path, "--name", "my.voice")

    assert 0 == ran.code
    assert ["my.voice-0.mp3", "my.voice-1.mp3"] == sorted(path.name for path in tmp_path.iterdir())


async def test_a_speech_is_shown_and_stored_like_a_task(against: Emulator, run: Run, tmp_path: Path) -> None:
    """Text to speech answers with a finished task: its sound is stored under its id, and nothing offers to attach."""
    arguments = ("audio", "text-to-speech", "--text", "Hello", "--voice-id", "oversea_male1", "--voice-language", "en")

    shown = await run(*arguments, "-o", tmp_path)
    told = await run(*arguments, "--json")

    (task,) = told.objects
    assert (0, 0) == (shown.code, told.code)
    assert "audios" in shown.out
    assert [str(path) for path in tmp_path.iterdir()] == shown.out.splitlines()[-1:]
    assert ("audio.text_to_speech", "succeed") == (task["endpoint"], task["status"])
    assert "ref" not in task


async def test_a_call_without_an_answer_says_done(against: Emulator, run: Run) -> None:
    """Where there is nothing to tell, people read that it is done and programs null."""
    session = (await answered(run, "video", "selection", "init", "--video-url", CLIP))["session_id"]

    shown = await run("video", "selection", "clear", "--session-id", session)
    told = await run("video", "selection", "clear", "--session-id", session, "--json")

    assert (0, "", "done") == (shown.code, shown.out, shown.words)
    assert [{"endpoint": "videos.selection.clear", "answer": None, "files": []}] == told.objects


async def test_an_empty_list_is_no_error(vendor: Vendor, run: Run) -> None:
    """A list with nothing in it is said in words."""
    vendor.replies[:] = [said(None)]

    ran = await run("element", "first-generation", "list")

    assert (0, "") == (ran.code, ran.out)
    assert "there are none" in ran.err


@pytest.mark.parametrize(("width", "first"), [(200, ["name", "id", "purchase"]), (60, ["name", "Trial"])])
def test_wide_lists_stand_below_each_other(width: int, first: list[str]) -> None:
    """Entries stand in a line each where they fit, else one below the other; no id is cut either way."""
    out = io.StringIO()
    shell = Shell(out=Console(file=out, width=width))
    packs = tuple(ResourcePack(name="Trial", id=f"{at:050}", purchase_time=MARCH) for at in (1, 2))

    show_answer(shell, "account.costs", packs, ())

    assert first == out.getvalue().split()[: len(first)]
    assert f"{2:050}" in "".join(out.getvalue().split())
    assert "2026-03-28 12:13:20 UTC" in out.getvalue()


async def test_costs_reach_back_400_days_by_themselves(vendor: Vendor, run: Run) -> None:
    """Packs are asked for over the last 400 days where no window is given, and over the window where one is."""
    vendor.replies[:] = [said({"code": 0, "resource_pack_subscribe_infos": []})]

    first = await run("account", "costs")
    second = await run("account", "costs", "--start-time", "2026-01-01T00:00Z", "--end-time", "1774700000000")

    windows = [dict(parse_qsl(urlsplit(seen.path).query)) for seen in vendor.seen]
    start, end = (datetime.fromtimestamp(int(windows[0][name]) / 1000, UTC) for name in ("start_time", "end_time"))
    assert (0, 0) == (first.code, second.code)
    assert timedelta(days=400) == end - start
    assert datetime.now(UTC) - end < timedelta(minutes=1)
    assert {"start_time": "1767225600000", "end_time": "1774700000000"} == windows[1]


async def test_an_open_outcome_is_told(vendor: Vendor, run: Run) -> None:
    """Where a billed call broke off, the advice is to look before sending it again."""
    vendor.replies[:] = [Reply(cut=True)]

    ran = await run("video", "identify-face", "--video-url", CLIP)

    assert Exit.UNKNOWN == ran.code
    assert "may have been carried out all the same" in ran.words
    assert 1 == len(vendor.seen)


async def test_an_interrupted_call_may_have_been_carried_out(
    vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever walks away from a billed call is told that it may be billed."""
    vendor.replies[:] = [Reply(silent=True)]
    running = asyncio.create_task(command(CALLS["videos.identify_face"])(video_url=CLIP, connection=Connection()))
    while not vendor.seen:
        await asyncio.sleep(0)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert "may have been carried out" in " ".join(capsys.readouterr().err.replace("│", " ").split())


async def test_the_answer_of_a_billed_call_is_not_lost_with_its_files(
    against: Emulator, run: Run, tmp_path: Path
) -> None:
    """Where storing fails, the answer is printed all the same, before the error."""
    (tmp_path / "fox-0.png" / "in the way").mkdir(parents=True)

    ran = await run("video", "identify-face", "--video-url", CLIP, "-o", tmp_path, "--name", "fox", "--json")

    answer, failure = ran.objects
    assert Exit.ERROR == ran.code
    assert answer["answer"]["session_id"]
    assert failure["error"]["exit_code"] == Exit.ERROR


async def test_a_refusal_inside_of_an_answer_is_an_error(vendor: Vendor, run: Run) -> None:
    """A second envelope that refuses is the vendor's refusal, in its words."""
    vendor.replies[:] = [said({"code": 1201, "msg": "no such pack", "resource_pack_subscribe_infos": []})]

    ran = await run("account", "costs")

    assert Exit.ERROR == ran.code
    assert "no such pack" in ran.words


async def test_hostile_words_do_not_reach_the_terminal(vendor: Vendor, run: Run) -> None:
    """What somebody called a voice is text: no markup, no control characters."""
    voices = [{"voice_id": "1", "voice_name": "[red]\x1b[2Jnice[/red]"}]
    vendor.replies[:] = [said([{"task_result": {"voices": voices}}])]

    ran = await run("voice", "presets")

    assert 0 == ran.code
    assert "[red]\N{REPLACEMENT CHARACTER}[2Jnice[/red]" in ran.out
    assert "\x1b" not in ran.out


async def test_every_call_runs_against_an_emulator_of_its_own(run: Run) -> None:
    """--emulator works on every command: no key, no network."""
    ran = await run("voice", "presets", "--emulator", "--json")

    assert 0 == ran.code, ran.out
    assert json.loads(ran.out)["answer"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("video", "identify-face", "--video-url", CLIP),
        ("image", "generate", "A fox", "--no-download"),
        ("audio", "text-to-speech", "--text", "Hi", "--voice-id", "oversea_male1", "--voice-language", "en"),
    ],
)
async def test_links_that_end_with_the_command_are_told_as_such(
    against: Emulator, run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """They lead to an emulator of the command's own; with a directory, or with an emulator that stays, all is well."""
    told = "these links with it; -o DIRECTORY stores the files"
    own = await run(*arguments, "--emulator")
    stored = await run(*(each for each in arguments if each != "--no-download"), "--emulator", "-o", tmp_path)
    stays = await run(*arguments)

    assert (0, 0, 0) == (own.code, stored.code, stays.code)
    assert 1 == own.words.count(told)
    assert told not in stored.words + stays.words
