"""`kling batch` from a file of prompts to files, results and an exit code; and everything that can be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kling_async import Batch, KlingClient
from kling_async.batch.journal import Journal
from kling_async.cli.failures import Exit
from kling_async.emulator import Emulator
from tests.cli.running import Run
from tests.support.batches import made, names, pictures, videos


def prompts(folder: Path, rows: Iterable[Mapping[str, Any]], name: str = "prompts.jsonl") -> Path:
    """A manifest of rows."""
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def picture(custom_id: str, prompt: str) -> dict[str, Any]:
    """A row of one picture."""
    return {"custom_id": custom_id, "endpoint": "images.generate", "body": {"prompt": prompt}}


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_prompts_become_files_and_results(against: Emulator, run: Run, tmp_path: Path) -> None:
    """Beside the manifest and named after it; the paths of the results are all that stdout says."""
    manifest = prompts(tmp_path, [*pictures(3), *videos(1)])

    ran = await run("batch", "run", manifest)

    assert (0, f"{tmp_path / 'prompts.results.jsonl'}\n") == (ran.code, ran.out)
    assert ["p0-0.png", "p1-0.png", "p2-0.png", "v0-0.mp4"] == names(tmp_path / "prompts-files")
    assert {"p0", "p1", "p2", "v0"} == {line["custom_id"] for line in lines(tmp_path / "prompts.results.jsonl")}
    assert [] == lines(tmp_path / "prompts.errors.jsonl")
    assert [1] * 4 == made(against)


async def test_the_cost_is_told_first(against: Emulator, run: Run, tmp_path: Path) -> None:
    """Before anything is sent, tasks and units by pool, and where things go."""
    rows = [*pictures(3, model_name="kling-v3"), *videos(1, model_name="kling-v3", mode="pro", duration=5)]

    ran = await run("batch", "run", prompts(tmp_path, rows), "-o", tmp_path / "out")

    told = ran.err.splitlines()
    assert told[0].endswith("prompts.jsonl: 4 new tasks")
    assert told[1].startswith("4 tasks to be made, for about 24 image units and ")
    assert str(tmp_path / "out") in told[2]
    assert 4 == sum(": done, " in line for line in told[3:])


async def test_run_again_it_makes_nothing_twice(against: Emulator, run: Run, tmp_path: Path) -> None:
    """What is done is passed over, what was added to the file is made."""
    await run("batch", "run", prompts(tmp_path, pictures(2)))
    ran = await run("batch", "run", prompts(tmp_path, pictures(3)))

    assert 0 == ran.code
    assert "1 new task; 2 were in the batch before" in ran.err
    assert [1] * 3 == made(against)
    assert 3 == len(lines(tmp_path / "prompts.results.jsonl"))


async def test_some_that_fail_make_another_exit_code(against: Emulator, run: Run, tmp_path: Path) -> None:
    """With the reasons, on stderr and in the file of errors, and the command that makes them anew."""
    manifest = prompts(tmp_path, [picture("fox", "a fox"), picture("no", "forbidden"), picture("bad", "risky")])

    ran = await run("batch", "run", manifest)

    assert Exit.FAILED == ran.code
    assert "no: refused, " in ran.err
    assert "bad: failed, Failure to pass the risk control system" in ran.err
    assert f"kling batch retry {tmp_path / 'prompts.journal.db'} --failed" in ran.err
    assert f"kling batch retry {tmp_path / 'prompts.journal.db'} --refused" in ran.err
    assert {"no", "bad"} == {line["custom_id"] for line in lines(tmp_path / "prompts.errors.jsonl")}
    assert [str(tmp_path / f"prompts.{kind}.jsonl") for kind in ("results", "errors")] == ran.out.splitlines()


async def test_json_is_an_object_per_event(against: Emulator, run: Run, tmp_path: Path) -> None:
    """The plan, each task, and in the end all of it with the exit code; nothing on stderr."""
    manifest = prompts(tmp_path, [picture("fox", "a fox"), picture("no", "forbidden")])

    ran = await run("batch", "run", manifest, "--json")

    plan, *items, summary = ran.objects
    assert (Exit.FAILED, "") == (ran.code, ran.err)
    assert ("plan", 2) == (plan["event"], plan["tasks"])
    assert {("fox", "done"), ("no", "refused")} == {(item["custom_id"], item["state"]) for item in items}
    assert ["item", "item"] == [item["event"] for item in items]
    assert ("summary", 1, 1, 4) == (
        summary["event"],
        summary["pools"]["image"]["done"],
        summary["pools"]["image"]["refused"],
        summary["exit_code"],
    )
    assert str(tmp_path / "prompts.results.jsonl") == summary["results"]


async def test_a_table_needs_to_be_told_what_it_is_for(against: Emulator, run: Run, tmp_path: Path) -> None:
    """The columns of a CSV file are fields of the endpoint that is given."""
    table = tmp_path / "foxes.csv"
    table.write_text("custom_id,prompt,n\nred,A red fox,2\ngrey,A grey fox,\n", encoding="utf-8")

    ran = await run("batch", "run", table, "--endpoint", "images.generate", "-o", tmp_path / "out")

    assert 0 == ran.code
    assert ["grey-0.png", "red-0.png", "red-1.png"] == names(tmp_path / "out")


@pytest.mark.parametrize("form", [[], ["--json"]])
async def test_every_wrong_row_is_told(form: list[str], against: Emulator, run: Run, tmp_path: Path) -> None:
    """By line and field, as lines or as JSON, and nothing is sent."""
    good, other = (json.dumps(row) for row in pictures(2))
    wrong = [good, "{broken", other, good, json.dumps({**pictures(1)[0], "custom_id": "x", "endpoint": "images.make"})]
    manifest = tmp_path / "prompts.jsonl"
    manifest.write_text("\n".join(wrong), encoding="utf-8")

    ran = await run("batch", "run", manifest, *form)

    assert Exit.USAGE == ran.code
    assert [] == against.requests
    if form:
        error = ran.objects[-1]["error"]
        assert ("ManifestError", ["line 2", "line 4", "line 5"]) == (
            error["type"],
            [row["where"] for row in error["rows"]],
        )
    else:
        assert [2, 4, 5] == [number for number in range(9) if f"\nline {number}" in f"\n{ran.err}"]
        assert "3 rows cannot be sent" in ran.words
        assert "Traceback" not in ran.err


async def test_hundreds_of_wrong_rows_are_all_told(run: Run, tmp_path: Path, against: Emulator) -> None:
    """However many there are, each is a line."""
    manifest = prompts(tmp_path, [{"custom_id": f"p{at}", "endpoint": "images.generate"} for at in range(300)])

    ran = await run("batch", "run", manifest)

    assert 300 == sum(line.startswith("line ") for line in ran.err.splitlines())


async def test_batches_of_one_journal_replace_nothing_of_each_other(
    against: Emulator, run: Run, tmp_path: Path
) -> None:
    """The files and results of a second one have names of their own, and so have the commands that are told."""
    journal = tmp_path / "jobs.db"
    one, two = (prompts(tmp_path, [picture("fox", f"fox {name}")], f"{name}.jsonl") for name in ("one", "two"))

    await run("batch", "run", one, "--journal", journal)
    second = await run("batch", "run", two, "--journal", journal)
    exported = await run("batch", "export", journal, "--name", "two")

    files = [tmp_path / "jobs-files" / "fox-0.png", tmp_path / "jobs.two-files" / "fox-0.png"]
    results = [json.loads((tmp_path / f"jobs{each}.results.jsonl").read_text()) for each in ("", ".two")]
    assert 2 == len({path.read_bytes() for path in files})
    assert 2 == len({each["id"] for each in results})
    assert [f"{tmp_path / 'jobs.two.results.jsonl'}"] == second.out.splitlines()
    assert second.out.splitlines() == exported.out.splitlines()[:1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "nowhere.jsonl"], "there is none of this name"),
        (["run", "."], "must be a file, this is a directory"),
        (["run", "/dev/null"], "what comes from a pipe has to be saved first"),
        (["run", "prompts.jsonl", "--slots", "radio=3"], "must be pools"),
        (["run", "prompts.jsonl", "--max-units", "many"], "must be a number of units"),
        (["run", "prompts.jsonl", "--max-units", "radio=3"], "must be by pool"),
        (["run", "prompts.jsonl", "-o", "prompts.jsonl/out"], "must be a directory that can be written"),
        (["run", "prompts.jsonl", "--endpoint", "images.make"], "must be an endpoint"),
        (["run", "prompts.jsonl", "--emulator", "--journal", "other.db"], "must not exist with --emulator"),
        (["run", "prompts.jsonl", "--journal", "nowhere/jobs.db"], "must lie in a directory that exists"),
        (["run", "prompts.jsonl", "--max-units", "5"], "needs a price for every task"),
        (["resume", "nowhere.db"], "must be the journal of a batch"),
        (["resume", "other.db", "--emulator"], "ends with its command"),
        (["status", "nowhere.db"], "must be the journal of a batch"),
        (["resolve", "nowhere.db", "fox", "--look"], "must be the journal of a batch"),
        (["resolve", "other.db", "fox"], "give one of --look, --send and --give-up"),
        (["resolve", "other.db", "fox", "--look", "--send"], "give one of --look, --send and --give-up"),
        (["resolve", "other.db", "owl", "--send"], "must be one of batch"),
        (["retry", "other.db", "--name", "none"], "must be one of the journal's batches: other"),
        (["plan", "nowhere.jsonl"], "must be a file that can be read"),
    ],
)
async def test_bad_usage_is_a_panel(
    arguments: list[str],
    told: str,
    against: Emulator,
    kling: KlingClient,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That names the rule; nothing is sent, and nothing begun."""
    monkeypatch.chdir(tmp_path)
    prompts(tmp_path, [picture("fox", "a fox")])
    async with Batch(kling, "other", journal="other.db") as batch:
        await batch.add([picture("fox", "a fox")])

    ran = await run("batch", *arguments)

    assert Exit.USAGE == ran.code
    assert told in ran.words
    assert "╭" in ran.err
    assert [] == against.requests
    assert [] == list(tmp_path.glob("nowhere*"))


async def test_two_runs_of_one_journal_are_refused(against: Emulator, run: Run, tmp_path: Path) -> None:
    """The second is told who has it."""
    manifest = prompts(tmp_path, pictures(1))

    async with await Journal.open(tmp_path / "prompts.journal.db", now_ms=lambda: 0):
        ran = await run("batch", "run", manifest)

    assert Exit.ERROR == ran.code
    assert "is in use by process" in ran.words
    assert [] == against.requests


async def test_a_file_that_is_no_journal_is_refused(against: Emulator, run: Run, tmp_path: Path) -> None:
    """In words, not as a traceback."""
    manifest = prompts(tmp_path, pictures(1))

    ran = await run("batch", "run", manifest, "--journal", manifest)

    assert Exit.ERROR == ran.code
    assert "not a journal of kling_async" in ran.words


async def test_without_a_key_nothing_is_begun(run: Run, tmp_path: Path) -> None:
    """As everywhere."""
    ran = await run("batch", "run", prompts(tmp_path, pictures(1)))

    assert Exit.USAGE == ran.code
    assert "KLING_ACCESS_KEY" in ran.err
    assert not (tmp_path / "prompts.journal.db").exists()


async def test_a_plan_needs_no_key_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    """It tells tasks by kind, units and time; the folder is as it was."""
    manifest = prompts(tmp_path, [*pictures(3, model_name="kling-v3"), *pictures(2, start=3, n=2)])

    shown = await run("batch", "plan", manifest, "--slots", "image=3")
    written = await run("batch", "plan", manifest, "--json")

    (plan,) = written.objects
    assert (0, 0, "") == (shown.code, written.code, written.err)
    assert "5 tasks to be made" in shown.err
    assert "Nothing was sent." in shown.err
    assert "kling-v3" in shown.out
    assert (5, {"image"}, None) == (plan["tasks"], set(plan["units"]), plan["seconds"])
    assert [(1, 3), (2, 2)] == sorted((line["slots"], line["tasks"]) for line in plan["lines"])
    assert ["prompts.jsonl"] == names(tmp_path)


async def test_a_plan_knows_what_was_made(against: Emulator, run: Run, tmp_path: Path) -> None:
    """And how long it took; it changes nothing, and may be asked for while the journal is in use."""
    await run("batch", "run", prompts(tmp_path, pictures(2)))
    before = names(tmp_path)

    async with await Journal.open(tmp_path / "prompts.journal.db", now_ms=lambda: 0):
        ran = await run("batch", "plan", prompts(tmp_path, pictures(5)), "--json", "--slots", "image=1")

    (plan,) = ran.objects
    assert (3, [True]) == (plan["tasks"], [line["learned"] for line in plan["lines"]])
    assert set(names(tmp_path)) <= {*before, "prompts.journal.db-shm", "prompts.journal.db-wal"}
    assert [1] * 2 == made(against)


async def test_a_changed_prompt_is_refused(against: Emulator, run: Run, tmp_path: Path) -> None:
    """Since the first may be paid for; by a plan too."""
    await run("batch", "run", prompts(tmp_path, [picture("fox", "a fox")]))
    changed = prompts(tmp_path, [picture("fox", "an owl")])

    codes = [(await run("batch", verb, changed)).code for verb in ("plan", "run")]

    assert [Exit.USAGE, Exit.USAGE] == codes
    assert [1] == made(against)


async def test_a_budget_ends_a_run_before_it_is_passed(against: Emulator, run: Run, tmp_path: Path) -> None:
    """With an exit code of its own kind, and a larger one goes on."""
    manifest = prompts(tmp_path, pictures(5, model_name="kling-v3"))  # 8 units each

    first = await run("batch", "run", manifest, "--max-units", "image=30")
    second = await run("batch", "resume", tmp_path / "prompts.journal.db", "--max-units", "40")

    assert (Exit.ERROR, Exit.OK) == (first.code, second.code)
    assert "The budget is reached and 2 tasks left. Go on with a larger one, N:" in first.err
    assert f"  kling batch resume {tmp_path / 'prompts.journal.db'} --max-units N\n" in first.err
    assert [1] * 5 == made(against)


async def test_an_emulator_of_its_own_begins_anew(run: Run, tmp_path: Path) -> None:
    """Nothing of it is taken for the real thing, and what the last one made is no part of the next."""
    manifest = prompts(tmp_path, pictures(2))

    first, second = [await run("batch", "run", manifest, "--emulator") for _ in range(2)]

    assert (0, 0) == (first.code, second.code)
    assert "prompts.jsonl: 2 new tasks\n" in second.err
    assert 2 == len(lines(tmp_path / "prompts.emulator.results.jsonl"))
    assert all("prompts" == name.partition(".")[0] for name in names(tmp_path))
    assert not (tmp_path / "prompts.journal.db").exists()


async def test_a_journal_that_was_hardly_begun_is_taken_up(against: Emulator, run: Run, tmp_path: Path) -> None:
    """As a process leaves it that is killed at once, or an older version did: it is brought up."""
    manifest = prompts(tmp_path, pictures(1))
    (tmp_path / "prompts.journal.db").touch()

    ran = await run("batch", "run", manifest)

    assert 0 == ran.code
    assert [1] == made(against)


async def test_files_go_where_they_went(against: Emulator, run: Run, tmp_path: Path) -> None:
    """A run that goes on needs not be told again."""
    await run("batch", "run", prompts(tmp_path, pictures(1)), "-o", tmp_path / "out")

    await run("batch", "run", prompts(tmp_path, pictures(2)))

    assert ["p0-0.png", "p1-0.png"] == names(tmp_path / "out")


async def test_help_is_in_the_order_of_use(run: Run) -> None:
    """Run first; every command stands in it, with the exit codes."""
    ran = await run("batch", "--help")

    verbs = ("run", "resume", "plan", "status", "resolve", "retry", "cancel", "export")
    places = [ran.out.index(f"│ {verb} ") for verb in verbs]
    assert sorted(places) == places
    assert "Exit codes:" in ran.out
