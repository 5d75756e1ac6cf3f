"""`kling task` finds tasks made earlier."""

from __future__ import annotations

from pathlib import Path

import pytest

from kling_async import KlingClient
from kling_async.api import ROWS
from kling_async.emulator import Emulator
from tests.cli.running import Run

pytestmark = pytest.mark.kling_emulator(speed=1_000_000)


async def test_wait_stores_the_files_of_a_task(against: Emulator, run: Run, kling: KlingClient, tmp_path: Path) -> None:
    """`task wait -o` stores the files, found by either id."""
    handle = await kling.images.generate(prompt="A fox", n=2)

    by_id = await run("task", "wait", "images.generate", handle.id, "-o", tmp_path / "a")
    by_external = await run("task", "wait", "images.generate", "--external-id", handle.external_task_id, "-o", tmp_path)

    assert (0, 0) == (by_id.code, by_external.code)
    assert 2 == len(list((tmp_path / "a").iterdir()))
    assert [str(tmp_path / f"{handle.id}-{at}.png") for at in (0, 1)] == by_external.out.splitlines()


async def test_wait_without_a_directory_prints_addresses(against: Emulator, run: Run, kling: KlingClient) -> None:
    """`task wait` alone prints the links, whole."""
    handle = await kling.images.generate(prompt="A fox")

    ran = await run("task", "wait", "images.generate", handle.id)

    task = await handle.refresh()
    assert task.result is not None
    assert [task.result.images[0].url] == ran.out.splitlines()


async def test_get_and_list_show_tasks(against: Emulator, run: Run, kling: KlingClient) -> None:
    """`task get` shows one task in full, `task list` a page of them, one per line."""
    handles = [await kling.images.generate(prompt="A fox") for _ in range(3)]

    one = await run("task", "get", "images.generate", handles[0].id)
    several = await run("task", "list", "images.generate", "--page-size", "2")

    assert "succeed" in one.out
    assert [str(handles[2].id), str(handles[1].id)] == [line.split()[0] for line in several.out.splitlines()[1:]]


async def test_a_failed_task_has_nothing_to_wait_for(against: Emulator, run: Run, kling: KlingClient) -> None:
    """Waiting for a task that failed tells the reason, and offers no command to go on waiting."""
    handle = await kling.images.generate(prompt="A risky fox")

    ran = await run("task", "wait", "images.generate", handle.id)

    assert 4 == ran.code
    assert "risk control" in ran.err
    assert "kling task wait" not in ran.err


async def test_json_lines_are_tasks(against: Emulator, run: Run, kling: KlingClient, tmp_path: Path) -> None:
    """With --json every task is one object, whichever command shows it."""
    handle = await kling.images.generate(prompt="A fox")

    shown = [
        await run("task", "get", "images.generate", handle.id, "--json"),
        await run("task", "list", "images.generate", "--json"),
        await run("task", "wait", "images.generate", handle.id, "--json"),
    ]
    made = await run("image", "generate", "A fox", "--no-wait", "--json")

    assert [handle.id] * 3 == [ran.objects[0]["task_id"] for ran in shown]
    assert ["succeed"] * 3 == [ran.objects[0]["status"] for ran in shown]
    assert [""] * 4 == [ran.err for ran in (*shown, made)]
    assert "submitted" == made.objects[0]["status"]


async def test_an_empty_page_says_so(against: Emulator, run: Run) -> None:
    """A page without tasks leaves stdout empty."""
    ran = await run("task", "list", "videos.text_to_video")

    assert (0, "") == (ran.code, ran.out)
    assert "no tasks" in ran.err


async def test_an_unknown_task_is_told_at_once(against: Emulator, run: Run) -> None:
    """A wrong id is an error at once, not after a minute of patience."""
    ran = await run("task", "wait", "images.generate", "12345")

    assert 1 == ran.code
    assert "No such task" in ran.err
    assert 1 == len(against.requests)


@pytest.mark.parametrize(
    "arguments",
    [
        ["get"],
        ["get", "images.generate"],
        ["get", "images.generate", "1", "--external-id", "2"],
        ["get", "pictures.make", "1"],
        ["get", "--ref", "{}"],
        ["get", "images.generate", "--ref", '{"endpoint": "images.generate", "task_id": "1"}'],
        ["list", "pictures.make"],
        ["list", "images.generate", "--page", "0"],
    ],
)
async def test_bad_usage_is_refused_unsent(arguments: list[str], against: Emulator, run: Run) -> None:
    """Unknown endpoints, no id or two ids are refused before anything is sent."""
    ran = await run("task", *arguments)

    assert 2 == ran.code
    assert "╭" in ran.err
    assert [] == against.requests


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("videos.omnia", "did you mean videos.omni"),
        ("video.text-to-video", "did you mean videos.text_to_video"),
        ("pictures of cats", "kling task --help lists them"),
        ("videos.identify_face", "this one is answered at once"),
    ],
)
async def test_a_mistyped_endpoint_is_told_what_was_meant(typed: str, told: str, run: Run) -> None:
    """A name that is close to an endpoint's gets that as advice; nobody reads a list of all."""
    ran = await run("task", "get", typed, "1")

    assert 2 == ran.code
    assert told in ran.words
    assert "audio.text_to_audio" not in ran.words


async def test_help_lists_the_endpoints(run: Run) -> None:
    """Every endpoint that makes tasks stands in the help, by group."""
    shown = await run("task", "get", "--help")

    words = shown.out.replace(",", " ").split()
    assert {part for name in ROWS for part in name.split(".")} <= set(words)


async def test_what_a_task_made_is_told_by_its_ids(
    against: Emulator, run: Run, kling: KlingClient, tmp_path: Path
) -> None:
    """The id of a video or a voice, which later calls take, is told beside its files."""
    made = await run(
        "voice", "create", "--voice-name", "Ann", "--voice-url", "https://example.com/a.mp3", "-o", tmp_path
    )
    (task,) = against.tasks.values()
    shown = await run("task", "get", "voices.create", task.task_id)

    result = (await kling.voices.create.get(task.task_id)).result
    assert result is not None
    (voice,) = result.voices
    assert (0, 0) == (made.code, shown.code)
    assert f"voices: voice id {voice.voice_id}, voice name Ann" in made.err
    assert voice.voice_id in shown.out
    assert voice.voice_id in (await run("task", "list", "voices.create")).out
