"""What people do about a batch: look at it from elsewhere, decide, have tasks made anew, take them back."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from kling_async import Batch, KlingClient, Limits, Polling, Retry
from kling_async.batch.journal import Reader
from kling_async.cli.failures import Exit
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Hide, Refuse, RepeatedIds
from tests.cli.running import Ran, Run
from tests.support.batches import ended, made, names, pictures


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where a journal may be."""
    return tmp_path / "jobs.db"


@pytest.fixture
async def held(against: Emulator, journal: Path, tmp_path: Path) -> Path:
    """The journal of a batch with three tasks that are held: their answers were lost, and there are no tasks."""
    against.add(Refuse(5000, calls="creates", first=3), RepeatedIds())
    async with (
        against.client(retry=Retry(settle=0.05)) as kling,
        Batch(kling, "jobs", journal=journal, output=tmp_path / "out", on_unknown="hold") as batch,
    ):
        await batch.add(pictures(3))
        assert {"held"} == {item.state for item in (await ended(batch)).values()}
    return journal


@pytest.fixture
async def mixed(against: Emulator, kling: KlingClient, journal: Path, tmp_path: Path) -> Path:
    """The journal of a batch of which one is done, one failed, one refused, and two were not sent."""
    prompts = {"fox": "a fox", "bad": "risky", "no": "forbidden"}
    async with Batch(kling, "jobs", journal=journal, output=tmp_path / "out") as batch:
        await batch.add(
            {"custom_id": name, "endpoint": "images.generate", "body": {"prompt": text}}
            for name, text in prompts.items()
        )
        await ended(batch)
        await batch.add(pictures(2))
    return journal


def states(journal: Path) -> dict[str, str]:
    """How the tasks of the first batch stand."""
    with Reader.open(journal) as reader:
        (row,) = reader.batches()
        return {item.custom_id: str(item.state) for item in reader.items(row)}


def pool(ran: Ran) -> dict[str, Any]:
    """What a status says about pictures."""
    (told,) = ran.objects
    pool: dict[str, Any] = told["pools"]["image"]
    return pool


async def test_status_tells_how_it_stands(mixed: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key and without a change; and how to go on."""
    monkeypatch.delenv("KLING_ACCESS_KEY")
    before = mixed.read_bytes()

    shown = await run("batch", "status", mixed)
    written = await run("batch", "status", mixed, "--json")

    told = pool(written)
    assert (0, 0, "") == (shown.code, written.code, written.err)
    assert "3 of 5" in shown.out
    assert f"Nobody runs it. 2 tasks left. Go on with: kling batch resume {mixed}" in " ".join(shown.out.split())
    assert (2, 1, 1, 1) == (told["planned"], told["done"], told["failed"], told["refused"])
    assert before == mixed.read_bytes()


async def test_status_works_beside_a_run(mixed: Path, kling: KlingClient, run: Run) -> None:
    """And names the process."""
    async with Batch(kling, "jobs", journal=mixed):
        shown = await run("batch", "status", mixed)
        written = await run("batch", "status", mixed, "--json")

    assert "runs it" in shown.out
    assert written.objects[0]["owner_pid"] is not None


async def test_status_lists_what_needs_a_person(held: Path, run: Run) -> None:
    """Each task with a command that can be typed as it stands, and what else may be done."""
    shown = await run("batch", "status", held)
    written = await run("batch", "status", held, "--json")

    for name in ("p0", "p1", "p2"):
        assert f"  kling batch resolve {held} {name} --look" in shown.out
    assert "--send makes it anew" in shown.out
    assert [("p0", "held"), ("p1", "held"), ("p2", "held")] == [
        (each["custom_id"], each["state"]) for each in written.objects[0]["needs_a_person"]
    ]


async def test_a_lost_task_is_looked_for(against: Emulator, run: Run, journal: Path, tmp_path: Path) -> None:
    """Status tells how; where it shows up again the next run fetches what it made."""
    async with (
        against.client(polling=Polling(patience=0.1), limits=Limits(image=1)) as kling,
        Batch(kling, "jobs", journal=journal, output=tmp_path / "out", losing=0.05) as batch,
    ):
        await batch.add(pictures(1))
        against.add(Hide(10_000))
        assert ["lost"] == [item.state async for item in batch.run()]
    against.clear_faults()

    status = await run("batch", "status", journal)
    looked = await run("batch", "resolve", journal, "p0", "--look")
    resumed = await run("batch", "resume", journal)

    assert "1 lost: the vendor made it and knows no longer of it" in status.out
    assert f"  kling batch resolve {journal} p0 --look" in status.out
    assert (0, "p0: submitted\n") == (looked.code, looked.out)
    assert 0 == resumed.code
    assert ["p0-0.png"] == names(tmp_path / "out")
    assert [1] == made(against)


async def test_a_run_with_held_tasks_says_so(held: Path, run: Run) -> None:
    """By its exit code, and by the command that shows them."""
    ran = await run("batch", "resume", held)

    assert Exit.UNKNOWN == ran.code
    assert f"kling batch status {held}" in ran.err


async def test_a_person_decides(held: Path, run: Run, against: Emulator) -> None:
    """Looking finds nothing, sending makes it with the next run, giving up ends it."""
    looked = await run("batch", "resolve", held, "p0", "--look", "--json")
    sent = await run("batch", "resolve", held, "p1", "--send")
    given_up = await run("batch", "resolve", held, "p2", "--give-up")
    resumed = await run("batch", "resume", held)

    assert (Exit.UNKNOWN, "held") == (looked.code, looked.objects[0]["state"])
    assert (0, "p1: planned\n") == (sent.code, sent.out)
    assert f"kling batch resume {held}" in sent.err
    assert (0, "p2: refused") == (given_up.code, given_up.out.partition(",")[0])
    assert Exit.UNKNOWN == resumed.code
    assert {"p0": "held", "p1": "done", "p2": "refused"} == states(held)
    assert [1] == made(against)


async def test_retry_makes_anew_what_failed(mixed: Path, run: Run, against: Emulator) -> None:
    """What failed if nothing is said, more if it is; the next run makes it, as a task of its own."""
    ran = await run("batch", "retry", mixed)
    more = await run("batch", "retry", mixed, "no", "--refused", "--json")
    await run("batch", "resume", mixed)

    assert (0, "1 task to be made anew\n") == (ran.code, ran.out)
    assert f"kling batch resume {mixed}" in ran.err
    assert [{"tasks": 1}] == more.objects
    assert {"fox": "done", "bad": "failed", "no": "refused", "p0": "done", "p1": "done"} == states(mixed)
    assert 5 == len(against.tasks)


async def test_retry_without_effect_says_so(mixed: Path, run: Run) -> None:
    """There is nothing to go on with."""
    ran = await run("batch", "retry", mixed, "fox", "--lost")

    assert (0, "", "there is no lost task among fox\n") == (ran.code, ran.out, ran.err)


async def test_cancel_takes_back_what_was_not_sent(mixed: Path, run: Run) -> None:
    """Some of it, or all."""
    some = await run("batch", "cancel", mixed, "p1", "fox")
    rest = await run("batch", "cancel", mixed)

    assert ("1 task cancelled\n", "1 task cancelled\n") == (some.out, rest.out)
    assert {"p0": "refused", "p1": "refused"} == {name: states(mixed)[name] for name in ("p0", "p1")}


async def test_what_needs_no_vendor_needs_no_key(held: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry, cancel, export and two of three decisions."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY"):
        monkeypatch.delenv(name)

    codes = [
        (await run("batch", *arguments)).code
        for arguments in (
            ["resolve", held, "p0", "--give-up"],
            ["resolve", held, "p1", "--send"],
            ["cancel", held],
            ["retry", held, "--refused"],
            ["export", held],
        )
    ]

    assert [0] * 5 == codes


async def test_an_id_that_begins_with_a_hyphen_can_be_typed(against: Emulator, run: Run, tmp_path: Path) -> None:
    """The commands that are told work as they are."""
    journal = tmp_path / "jobs.db"
    against.add(Refuse(5000, calls="creates", first=1), RepeatedIds())
    async with (
        against.client(retry=Retry(settle=0.05)) as kling,
        Batch(kling, "jobs", journal=journal, on_unknown="hold") as batch,
    ):
        await batch.add([{"custom_id": "-odd", "endpoint": "images.generate", "body": {"prompt": "a fox"}}])
        await ended(batch)

    shown = await run("batch", "status", journal)
    line = next(line for line in shown.out.splitlines() if "batch resolve" in line)
    resolved = await run(*shlex.split(line)[1:])
    mistaken = await run("batch", "retry", journal, "-odd")

    assert line.endswith(f"kling batch resolve {journal} --look -- -odd")
    assert Exit.UNKNOWN == resolved.code
    assert "has to stand behind --" in mistaken.words


async def test_where_files_go_survives_a_decision(mixed: Path, run: Run, tmp_path: Path) -> None:
    """What is decided without a client changes nothing about how the batch is run."""
    await run("batch", "retry", mixed)
    await run("batch", "cancel", mixed, "p1")

    await run("batch", "resume", mixed)

    assert ["fox-0.png", "p0-0.png"] == names(tmp_path / "out")


async def test_export_writes_the_results_once_more(mixed: Path, run: Run, tmp_path: Path, kling: KlingClient) -> None:
    """Beside a run too; where it is told, else beside the journal."""
    async with Batch(kling, "jobs", journal=mixed):
        ran = await run("batch", "export", mixed, "--results", tmp_path / "r.jsonl")

    results = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    errors = [json.loads(line) for line in (tmp_path / "jobs.errors.jsonl").read_text().splitlines()]
    assert [str(tmp_path / "r.jsonl"), str(tmp_path / "jobs.errors.jsonl")] == ran.out.splitlines()
    assert (["fox"], ["bad", "no"]) == (
        [line["custom_id"] for line in results],
        sorted(line["custom_id"] for line in errors),
    )


async def test_a_journal_of_several_batches_asks_which(mixed: Path, kling: KlingClient, run: Run) -> None:
    """And status shows all of them."""
    async with Batch(kling, "others", journal=mixed) as batch:
        await batch.add(pictures(1))

    asked = await run("batch", "resume", mixed)
    status = await run("batch", "status", mixed, "--json")
    named = await run("batch", "resume", mixed, "--name", "others")

    assert f"kling batch resume {mixed} --name jobs" in (await run("batch", "status", mixed)).out
    assert Exit.USAGE == asked.code
    assert "must be one of the journal's batches: jobs, others" in asked.words
    assert ["jobs", "others"] == [each["name"] for each in status.objects]
    assert 0 == named.code


async def test_a_batch_without_tasks_is_no_trouble(
    journal: Path, kling: KlingClient, run: Run, against: Emulator
) -> None:
    """It can be looked at as long as somebody has it open, and is forgotten afterwards."""
    async with Batch(kling, "jobs", journal=journal):
        shown = await run("batch", "status", journal)

    ran = await run("batch", "resume", journal)

    assert (Exit.OK, Exit.USAGE) == (shown.code, ran.code)
    assert "0 of 0" in shown.out
    assert "must be the journal of a batch" in ran.words
    assert not journal.exists()
    assert [] == against.requests
