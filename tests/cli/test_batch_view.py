"""What is seen of a batch while it runs: a table on a terminal, lines in a log, objects for programs."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from rich.console import Console

from kling_async.batch.items import Item, ItemError, Plan, PlanLine, PoolSummary, Summary
from kling_async.batch.states import State
from kling_async.cli.batch_files import Places
from kling_async.cli.batch_table import Standing
from kling_async.cli.batch_view import EVERY, Commands, Lines, Objects, stopping, view
from kling_async.cli.batch_words import amount, cost, span, standing
from kling_async.cli.shell import Shell

RESUME, STATUS = "kling batch resume jobs.db", "kling batch status jobs.db"
COMMANDS = Commands(resume=RESUME, status=STATUS)
IMAGES = PoolSummary(
    planned=3000,
    running=9,
    done=1190,
    failed=12,
    refused=2,
    slots_used=9,
    slots=9,
    units=Decimal(9520),
    expected_units=Decimal("33704.00"),
    per_minute=12.1,
    seconds_left=7800.0,
)
SUMMARY = Summary(name="prompts", pools={"image": IMAGES}, seconds=751.0)
DONE = Item(custom_id="fox", endpoint="images.generate", state=State.DONE, files=(Path("out/fox-0.png"),))
FAILED = Item(
    custom_id="owl",
    endpoint="images.generate",
    state=State.FAILED,
    error=ItemError(type="TaskFailed", message="Risk \x1b[2J[red]control"),
)


@attrs.define
class Clock:
    """Seconds that pass when told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def shell(*, terminal: bool, as_json: bool = False, width: int = 100) -> tuple[Shell, io.StringIO, io.StringIO]:
    """A shell, what goes to its stdout, and what to its stderr."""
    out, err = io.StringIO(), io.StringIO()
    consoles = (Console(file=out, width=width), Console(file=err, force_terminal=terminal, width=width, height=24))
    return Shell(json=as_json, out=consoles[0], err=consoles[1]), out, err


def drawn(summary: Summary, width: int) -> list[str]:
    """The lines of a standing batch on a terminal of that width."""
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(Standing(summary, seconds=summary.seconds))
    return console.export_text().splitlines()


def told(text: str) -> list[dict[str, Any]]:
    """The objects of a stream."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_table_tells_all_of_a_pool() -> None:
    """Slots used and there, queue, running, done, failed with refused, units with those expected, rate, time left."""
    row = next(line for line in drawn(SUMMARY, 120) if line.startswith("image"))

    assert ["image", "9/9", "3,000", "9", "1,190", "14", "9,520", "of", "33,704", "12.1", "2", "h", "10", "min"] == (
        row.split()
    )


@pytest.mark.parametrize("width", [40, 60, 79, 80, 92, 120, 200])
def test_a_table_fits_its_terminal(width: int) -> None:
    """No line is longer than the terminal, and at 80 columns nothing of a row is cut."""
    video = attrs.evolve(IMAGES, slots=None, expected_units=None, seconds_left=None)
    lines = drawn(
        Summary(name="a-name-as-long-as-names-of-files-get" * 2, pools={"image": IMAGES, "video": video}), width
    )

    assert max(map(len, lines)) <= width
    if width >= 80:
        assert all("…" not in line for line in lines[1:])


def test_few_tasks_on_their_way_are_told_below() -> None:
    """States of passage have no column."""
    passing = attrs.evolve(IMAGES, submitting=3, unknown=1, storing=2)

    lines = drawn(Summary(name="prompts", pools={"image": passing}), 80)

    assert "also 3 being sent, 1 whose answer was lost, 2 being stored" == lines[-1].strip()


def test_a_terminal_shows_the_table_the_last_tasks_and_what_needs_a_person() -> None:
    """Files of what is done, reasons of what is not, which are never obeyed; and the command that tells what to do."""
    there, out, err = shell(terminal=True)

    with view(there, COMMANDS) as shown:
        shown.item(DONE)
        shown.item(FAILED)
        shown.tick(attrs.evolve(SUMMARY, pools={"image": attrs.evolve(IMAGES, held=2)}))

    assert "" == out.getvalue()
    assert "fox-0.png" in err.getvalue()
    assert "[red]control" in err.getvalue()
    assert "\x1b[2J" not in err.getvalue()
    assert f"2 held, which a person decides about: {STATUS}" in err.getvalue()


@pytest.mark.parametrize("height", [8, 14, 24])
def test_a_low_terminal_is_not_flooded(height: int) -> None:
    """However many tasks end, the picture stays as high as the terminal, so that it can be drawn over."""
    err = io.StringIO()
    there = Shell(err=Console(file=err, force_terminal=True, width=80, height=height))

    with view(there, COMMANDS) as shown:
        for number in range(50):
            shown.item(attrs.evolve(DONE, custom_id=f"fox-{number}"))
        shown.tick(SUMMARY)
        picture = err.getvalue()

    assert picture.count("\n") < height
    assert "fox-49" in picture


def test_a_log_gets_a_line_per_task_and_one_about_all_now_and_then() -> None:
    """And none about all that says what the last one said."""
    there, _, err = shell(terminal=False, width=1000)
    clock = Clock()
    lines = Lines(there, COMMANDS, now=clock)

    for _ in range(3):
        lines.tick(SUMMARY)
        clock.now += EVERY
    lines.item(DONE)
    lines.item(FAILED)

    assert [
        (
            "1,204 of 4,213 tasks ended: 1,190 done, 12 failed, 2 refused; 9 running, 3,000 to be sent; "
            "9,520 image units charged; about 2 h 10 min left"
        ),
        "fox: done, out/fox-0.png",
        "owl: failed, Risk [2J[red]control",
    ] == err.getvalue().splitlines()


def test_stopping_is_told_once_with_what_is_waited_for() -> None:
    """What is paid is finished, what a second Ctrl-C does, and the command that goes on."""
    there, _, err = shell(terminal=False, width=1000)
    lines = Lines(there, COMMANDS, now=Clock())
    stopped = attrs.evolve(SUMMARY, stopped="asked")

    for summary in (SUMMARY, stopped, stopped):
        lines.tick(summary)

    assert [
        "Stopping: 9 tasks are under way and may be billed; they are finished first. Ctrl-C again leaves at once",
        f"Go on later with: {RESUME}",
    ] == err.getvalue().splitlines()


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("budget", "The budget is reached and no more is sent: 9 tasks are under way"),
        ("Settle the open balance", "No more is sent (Settle the open balance): 9 tasks are under way"),
    ],
)
def test_what_stops_by_itself_says_why(why: str, words: str) -> None:
    """A budget in its own words, an error in the error's."""
    line = stopping(attrs.evolve(SUMMARY, stopped=why))

    assert line is not None
    assert line.startswith(words)


def test_a_program_gets_an_object_per_event() -> None:
    """Tasks as they end, how it stands now and then, and at once that it stops; nothing else, and nothing on stderr."""
    there, out, err = shell(terminal=False, as_json=True)
    clock = Clock()
    objects = Objects(there, now=clock)

    objects.tick(SUMMARY)
    objects.item(FAILED)
    clock.now += EVERY
    objects.tick(SUMMARY)
    objects.tick(attrs.evolve(SUMMARY, stopped="asked"))

    item, progress, stops = told(out.getvalue())
    assert "" == err.getvalue()
    assert ("item", "owl", "failed", "TaskFailed") == (
        item["event"],
        item["custom_id"],
        item["state"],
        item["error"]["type"],
    )
    assert ("progress", 1190, "33704.00") == (
        progress["event"],
        progress["pools"]["image"]["done"],
        progress["pools"]["image"]["expected_units"],
    )
    assert ("stopping", "asked") == (stops["event"], stops["reason"])


@pytest.mark.parametrize("lines", [True, False])
def test_lines_can_be_asked_for_on_a_terminal(*, lines: bool) -> None:
    """With --plain nothing is drawn over."""
    there, _, err = shell(terminal=True)

    with view(there, COMMANDS, lines=lines) as shown:
        shown.item(DONE)
        shown.tick(SUMMARY)

    assert lines == ("\x1b[?25l" not in err.getvalue())


def test_a_batch_that_is_through_says_nothing_about_stopping() -> None:
    """Who stops what has ended meanwhile is not told to go on."""
    over = Summary(name="prompts", pools={"image": PoolSummary(done=3)}, stopped="asked")

    assert stopping(over) is None
    assert "3 of 3 tasks ended: 3 done" == standing(over)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (45, "45 s"),
        (61, "1 min 1 s"),
        (500, "8 min"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (100_000, "1 d 3 h"),
    ],
)
def test_spans_are_as_exact_as_one_would_say_them(seconds: float, words: str) -> None:
    """Two units at most."""
    assert words == span(seconds)


def test_units_are_numbers_as_people_write_them() -> None:
    """Without an exponent, with thousands set off."""
    assert ["0", "0.5", "100", "40,000"] == [amount(Decimal(text)) for text in ("0", "0.50", "1E+2", "40000.00")]


@pytest.mark.parametrize(
    ("units", "seconds", "words"),
    [
        ({"image": Decimal(800)}, 500.0, "9 tasks to be made, for about 800 image units, in about 8 min"),
        ({"image": Decimal(800)}, None, "9 tasks to be made, for about 800 image units"),
        (
            {"image": Decimal(8), "video": None},
            None,
            "9 tasks to be made, for about 8 image units, and an amount that the price list does not tell (video)",
        ),
    ],
)
def test_the_cost_is_one_sentence(units: dict[Any, Decimal | None], seconds: float | None, words: str) -> None:
    """Units by pool, what has no price, and the time where it can be told."""
    line = PlanLine(
        endpoint="images.generate", kind=(), pool="image", tasks=9, slots=1, units=None, seconds=20.0, learned=False
    )

    assert words == cost(Plan(lines=(line,), units=units, limits={}, seconds=seconds))


@pytest.mark.parametrize(
    ("manifest", "journal"),
    [
        ("prompts.jsonl", "prompts.journal.db"),
        ("prompts.jsonl.gz", "prompts.journal.db"),
        ("v1.2.csv", "v1.2.journal.db"),
        ("prompts", "prompts.journal.db"),
    ],
)
def test_all_of_a_batch_lies_beside_its_manifest(manifest: str, journal: str) -> None:
    """And is named after it."""
    places = Places.of_manifest(Path("jobs", manifest))

    stem = journal.removesuffix(".journal.db")
    assert Path("jobs", journal) == places.journal
    assert [Path("jobs", f"{stem}{end}") for end in (".results.jsonl", ".errors.jsonl", "-files")] == [
        places.results,
        places.errors,
        places.output,
    ]


def test_a_journal_of_another_name_names_the_rest() -> None:
    """Which lies beside it, and never on it."""
    assert Path("x/jobs.results.jsonl") == Places(Path("x/jobs.db")).results
    assert Path("x/jobs-files") == Places(Path("x/jobs")).output
