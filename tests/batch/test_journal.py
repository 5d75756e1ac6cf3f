"""The journal: what it keeps, what it refuses, and in which order it does things."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncGenerator, Awaitable, Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from kling_async.batch.items import Artifact, ItemError
from kling_async.batch.journal import Journal, Reader
from kling_async.batch.queries import BatchRow, Count, KindCount, Planned, TaskRow
from kling_async.batch.states import FINAL, TRANSITIONS, Cause, IllegalTransition, State
from kling_async.errors import InvalidRequest, JournalError, ManifestError
from tests.batch.paper import NOW, entered, files, led, manifest, many, opened, planned, rows, told

ALL = tuple(State)
GONE = ItemError(type="ExpiredResult", message="the vendor keeps it no longer", code=1203, request_id="r-9")


async def begun(path: Path, count: int = 1, **changed: object) -> tuple[Journal, BatchRow]:
    """A journal with a batch of some planned tasks, numbered from 1."""
    journal = await opened(path)
    batch = await entered(journal)
    await journal.plan(batch, many(count, **changed))
    return journal, batch


async def one(journal: Journal, batch: BatchRow, custom_id: str = "c1") -> TaskRow:
    """A task that is there."""
    row = await journal.newest(batch, custom_id)
    assert row is not None
    return row


async def test_a_row_comes_back_as_it_was_planned(tmp_path: Path) -> None:
    """Nothing of a manifest is lost or changed."""
    row = planned("fox", kind=("kling-v3", "pro", "5"), pool="video", weight=2, priority=7, name="the-fox")
    async with await opened(tmp_path / "jobs.db") as journal:
        batch = await entered(journal)
        await journal.plan(batch, manifest(row))

        (task,) = await journal.next(batch, "video", 10)

    taken = {name: getattr(task, name) for name in attrs.fields_dict(type(row)) if name != "where"}
    assert {name: value for name, value in attrs.asdict(row, recurse=False).items() if name != "where"} == taken
    assert (State.PLANNED, 1, 0, None, (), NOW + 1) == (
        task.state,
        task.generation,
        task.attempts,
        task.task_id,
        task.artifacts,
        task.updated_ms,
    )


async def test_the_same_request_has_the_same_external_id_in_any_journal(tmp_path: Path) -> None:
    """A journal that was lost can be made again without paying twice; another request has another id."""
    ids: list[str] = []
    for name, row in [
        ("one.db", planned("fox")),
        ("two.db", planned("fox")),
        ("three.db", planned("fox", body_sha256="6" * 64)),
        ("four.db", planned("fox", endpoint="images.omni")),
        ("five.db", planned("hare")),
    ]:
        async with await opened(tmp_path / name) as journal:
            batch = await entered(journal)
            await journal.plan(batch, manifest(row))
            ids.append((await one(journal, batch, row.custom_id)).external_id)

    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(len(each) == 34 and each.startswith("k1") and each.isalnum() and each.islower() for each in ids)


async def test_planning_again_is_a_resume(tmp_path: Path) -> None:
    """Rows that are known stay as they are, whatever became of them; new ones are added."""
    journal, batch = await begun(tmp_path / "jobs.db", 3)
    async with journal:
        await led(journal, 2, State.DONE)

        added = await journal.plan(batch, many(5))

        assert (2, 3) == (added.new, added.known)
        assert State.DONE is (await one(journal, batch, "c2")).state


async def test_rows_that_changed_are_all_refused_and_none_is_taken(tmp_path: Path) -> None:
    """One custom_id means one request for ever; the message names each of them, and nothing is half done."""
    journal, batch = await begun(tmp_path / "jobs.db", 3)
    other = [
        planned("c1", body_sha256="6" * 64),
        planned("new"),
        planned("c3", endpoint="images.omni"),
        planned("C2"),
    ]
    async with journal:
        with pytest.raises(ManifestError) as raised:
            await journal.plan(batch, manifest(*other))

        assert [("line c1", "c1", "body"), ("line c3", "c3", "endpoint"), ("line C2", "C2", "custom_id")] == [
            (error.where, error.custom_id, error.field) for error in raised.value.errors
        ]
        assert "give changed tasks a new custom_id" in str(raised.value)
        assert await journal.newest(batch, "new") is None


async def test_of_many_changed_rows_the_first_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    """A list that fits into memory, however long the manifest."""
    journal, batch = await begun(tmp_path / "jobs.db", 10_003)
    async with journal:
        with pytest.raises(ManifestError, match="10,003 rows cannot be sent") as raised:
            await journal.plan(batch, many(10_003, body_sha256="6" * 64))

    assert 10_000 == len(raised.value.errors)


async def test_a_manifest_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """Whatever reading the rows raises is raised, and none of them is there."""
    journal, batch = await begun(tmp_path / "jobs.db", 0)

    def torn() -> Iterator[Planned]:
        yield planned("fox")
        raise OSError("the stick was pulled out")

    async with journal:
        with pytest.raises(OSError, match="pulled out"):
            await journal.plan(batch, torn)

        assert [] == await journal.next(batch, "image", 10)


async def test_two_batches_share_a_file_and_nothing_else(tmp_path: Path) -> None:
    """The same custom_id in another batch is another task."""
    journal, batch = await begun(tmp_path / "jobs.db", 1)
    async with journal:
        other = await entered(journal, "autumn")
        await journal.plan(other, manifest(planned("c1", body_sha256="6" * 64)))

        assert (await one(journal, batch)).external_id != (await one(journal, other)).external_id
        assert 1 == len(await journal.next(other, "image", 10))


async def test_a_batch_belongs_to_the_account_it_was_begun_with(tmp_path: Path) -> None:
    """Tasks of another account cannot be found; the message says how to go on."""
    async with await opened(tmp_path / "jobs.db") as journal:
        await journal.plan(await entered(journal), manifest(planned("a")))
        await journal.step(1, Cause.SLOT_GRANTED)

        with pytest.raises(JournalError) as raised:
            await journal.enter("launch", account="agency", options={"output": "elsewhere"})

        assert "account='studio'" in str(raised.value)
        assert {"output": "out"} == (await entered(journal)).options


async def test_an_account_that_made_nothing_leaves_the_batch_to_another(tmp_path: Path) -> None:
    """Its keys may have been the wrong ones; what was planned stays as it is."""
    async with await opened(tmp_path / "jobs.db") as journal:
        batch = await entered(journal)
        await journal.plan(batch, manifest(planned("a")))
        await journal.step(1, Cause.SLOT_GRANTED)
        await journal.step(1, Cause.GIVEN_BACK)

        taken = await journal.enter("launch", account="agency", options={})

        assert (batch.id, "agency") == (taken.id, taken.account)
        assert ["a"] == [row.custom_id for row in await journal.next(taken, "image", 10)]


@pytest.mark.parametrize(
    ("ended", "state"), [(0, "open"), (1, "open"), (2, "ended"), (None, "empty")], ids=["none", "one", "all", "no task"]
)
async def test_a_batch_is_open_until_all_of_it_has_ended(tmp_path: Path, ended: int | None, state: str) -> None:
    """Its state says whether anything is left to do."""
    journal, _ = await begun(tmp_path / "jobs.db", 0 if ended is None else 2)
    async with journal:
        for seq in range(1, (ended or 0) + 1):
            await led(journal, seq, State.FAILED)

        assert state == (await entered(journal)).state


async def test_tasks_come_by_priority_and_then_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    """Those of one pool, planned ones only, without what was handed out."""
    async with await opened(tmp_path / "jobs.db") as journal:
        batch = await entered(journal)
        await journal.plan(
            batch,
            manifest(
                planned("low", priority=-1),
                planned("a"),
                planned("film", pool="video", priority=9),
                planned("high", priority=5),
                planned("sent", priority=9),
                planned("b"),
            ),
        )
        await led(journal, 5, State.SUBMITTING)

        got = await journal.next(batch, "image", 3, without={2})

    assert ["high", "b", "low"] == [task.custom_id for task in got]


async def test_what_is_unfinished_comes_in_pieces(tmp_path: Path) -> None:
    """By number, each once, with the files of those that have some."""
    journal, batch = await begun(tmp_path / "jobs.db", 7)
    async with journal:
        for seq in (2, 3, 5):
            await led(journal, seq, State.SUBMITTED)
            await journal.step(seq, Cause.SUCCEED, artifacts=files(2))
        await led(journal, 6, State.DONE)
        pieces: list[list[TaskRow]] = []
        after = 0

        while piece := await journal.unfinished(batch, [State.SUCCEEDED, State.PLANNED], after, 2):
            pieces.append(piece)
            after = piece[-1].seq

    assert [[1, 2], [3, 4], [5, 7]] == [[task.seq for task in piece] for piece in pieces]
    assert tuple(files(2)) == pieces[0][1].artifacts


async def test_every_cause_in_every_state_does_what_the_table_says_or_nothing(tmp_path: Path) -> None:
    """The journal's compare-and-set is the table: what is not in it raises and leaves no trace."""
    table = {(each.source, each.cause): each.target for each in TRANSITIONS}
    pairs = list(itertools.product(State, Cause))
    journal, batch = await begun(tmp_path / "jobs.db", len(pairs))
    async with journal:
        for seq, (state, cause) in enumerate(pairs, 1):
            await led(journal, seq, state)
            before = await one(journal, batch, f"c{seq}")
            events = rows(journal.path, "SELECT * FROM event WHERE task_seq = ?", seq)

            if (state, cause) in table:
                assert table[state, cause] is await journal.step(seq, cause, **told(seq, cause))
                assert table[state, cause] is (await one(journal, batch, f"c{seq}")).state
            else:
                with pytest.raises(IllegalTransition):
                    await journal.step(seq, cause, **told(seq, cause))
                assert before == await one(journal, batch, f"c{seq}")
                assert events == rows(journal.path, "SELECT * FROM event WHERE task_seq = ?", seq)


async def test_a_step_for_a_task_that_is_not_there_raises(tmp_path: Path) -> None:
    """A number out of the air changes nothing."""
    journal, _ = await begun(tmp_path / "jobs.db")
    async with journal:
        with pytest.raises(IllegalTransition, match="task 99, which is not there"):
            await journal.step(99, Cause.SLOT_GRANTED)


async def test_what_is_told_with_a_step_is_kept(tmp_path: Path) -> None:
    """Ids, money, reasons and files, exactly as told."""
    journal, batch = await begun(tmp_path / "jobs.db")
    why = ItemError(type="SlotsExceeded", message="too many", code=1303, request_id="r-1")
    async with journal:
        await journal.step(1, Cause.SLOT_GRANTED, first_sent_ms=77)
        await journal.step(1, Cause.PASSING, attempts=True, error=why)
        refused = await one(journal, batch)
        await journal.step(1, Cause.ACCEPTED, task_id="t-1", error=None, next_check_ms=99, misses=2)
        await journal.step(1, Cause.SUCCEED, units=Decimal("3.50"), answer='{"a": 1}', artifacts=files(1), misses=0)

        task = await one(journal, batch)

    assert (2, why) == (refused.attempts, refused.error)
    assert (77, "t-1", None, 99, 0) == (
        task.first_sent_ms,
        task.task_id,
        task.error,
        task.next_check_ms,
        task.misses,
    )
    assert ("3.50", '{"a": 1}', tuple(files(1))) == (str(task.units), task.answer_json, task.artifacts)


async def test_the_first_time_it_was_sent_is_never_forgotten(tmp_path: Path) -> None:
    """Sent again, a task counts another attempt and keeps the time from which on it may exist."""
    journal, batch = await begun(tmp_path / "jobs.db")
    async with journal:
        await journal.step(1, Cause.SLOT_GRANTED, first_sent_ms=77)
        await journal.step(1, Cause.GIVEN_BACK)
        await journal.step(1, Cause.SLOT_GRANTED, first_sent_ms=88)
        await journal.step(1, Cause.DOUBT)
        await journal.step(1, Cause.ABSENT, first_sent_ms=99)

        task = await one(journal, batch)

    assert (3, 77) == (task.attempts, task.first_sent_ms)


async def test_the_audit_tells_what_happened_when_and_why(tmp_path: Path) -> None:
    """One line for each change, none for what changes nothing and is found out again."""
    journal, _ = await begun(tmp_path / "jobs.db")
    async with journal:
        await journal.step(1, Cause.SLOT_GRANTED)
        await journal.step(1, Cause.PASSING, attempts=True)
        await journal.step(1, Cause.DOUBT, why="the answer was cut", request_id="r-1")
        await journal.step(1, Cause.FOUND, task_id="t-1")
        await journal.step(1, Cause.PENDING)

    events = rows(tmp_path / "jobs.db", "SELECT task_seq, from_state, cause, to_state, why, request_id FROM event")
    times = rows(tmp_path / "jobs.db", "SELECT at_ms FROM event ORDER BY id")
    assert [
        (1, "planned", "slot_granted", "submitting", None, None),
        (1, "submitting", "doubt", "unknown", "the answer was cut", "r-1"),
        (1, "unknown", "found", "submitted", None, None),
    ] == events
    assert sorted(times) == times


async def test_a_task_is_done_with_its_last_file(tmp_path: Path) -> None:
    """Files come in any order, each is on disk before the journal says so, and the last one ends the task."""
    journal, batch = await begun(tmp_path / "jobs.db")
    async with journal:
        await led(journal, 1, State.SUBMITTED)
        await journal.step(1, Cause.SUCCEED, artifacts=files(2))

        first = await journal.stored(1, 1, path=Path("out/c1-1.png"), bytes=11, sha256="b" * 64)
        last = await journal.stored(1, 0, path=Path("out/c1-0.png"), bytes=10, sha256="a" * 64)

        task = await one(journal, batch)
    assert (None, State.DONE) == (first, last)
    assert [(0, "stored", Path("out/c1-0.png"), 10, "a" * 64), (1, "stored", Path("out/c1-1.png"), 11, "b" * 64)] == [
        (each.idx, each.state, each.path, each.bytes, each.sha256) for each in task.artifacts
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["expired last", "expired first"])
async def test_a_task_whose_file_expired_is_done_and_says_so(tmp_path: Path, order: tuple[int, int]) -> None:
    """What is missing is told with the task, whichever file came last."""
    journal, batch = await begun(tmp_path / "jobs.db")
    ends = {
        0: lambda: journal.stored(1, 0, path=Path("out/c1-0.png"), bytes=10, sha256="a" * 64),
        1: lambda: journal.expired(1, 1, error=GONE),
    }
    async with journal:
        await led(journal, 1, State.SUBMITTED)
        await journal.step(1, Cause.SUCCEED, artifacts=files(2))

        states = [await ends[idx]() for idx in order]

        task = await one(journal, batch)
    assert [None, State.DONE] == states
    assert (GONE, ["stored", "expired"]) == (task.error, [each.state for each in task.artifacts])
    assert [("expired",)] == rows(tmp_path / "jobs.db", "SELECT cause FROM event WHERE to_state = 'done'")


async def test_a_fresh_link_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """Asked for anew, a file that waits can be had again; what is here stays here."""
    journal, batch = await begun(tmp_path / "jobs.db")
    fresh = [attrs.evolve(each, url=f"{each.url}2", expires_ms=NOW + 5) for each in files(2)]
    async with journal:
        await led(journal, 1, State.SUBMITTED)
        await journal.step(1, Cause.SUCCEED, artifacts=files(2))
        await journal.stored(1, 0, path=Path("out/c1-0.png"), bytes=10, sha256="a" * 64)

        await journal.step(1, Cause.LINK_GONE, artifacts=fresh)
        await journal.artifact(1, 1, url="https://files.example/third", expires_ms=NOW + 9)

        stored, waiting = (await one(journal, batch)).artifacts
    assert ("stored", Path("out/c1-0.png")) == (stored.state, stored.path)
    assert ("waiting", "https://files.example/third", NOW + 9) == (waiting.state, waiting.url, waiting.expires_ms)


async def test_files_are_stored_of_what_succeeded_and_of_nothing_else(tmp_path: Path) -> None:
    """Neither before a task succeeded, nor a file that it has not, nor after it is done."""
    journal, batch = await begun(tmp_path / "jobs.db")
    async with journal:
        await led(journal, 1, State.SUBMITTED)
        with pytest.raises(IllegalTransition, match="task 1 has no file 0"):
            await journal.stored(1, 0, path=Path("x.png"), bytes=1, sha256="a" * 64)
        await journal.step(1, Cause.SUCCEED, artifacts=files(1))
        with pytest.raises(IllegalTransition, match="task 1 has no file 1"):
            await journal.stored(1, 1, path=Path("x.png"), bytes=1, sha256="a" * 64)
        await journal.stored(1, 0, path=Path("x.png"), bytes=1, sha256="a" * 64)
        before = await one(journal, batch)

        with pytest.raises(IllegalTransition, match="task 1 has no file 0"):
            await journal.stored(1, 0, path=Path("y.png"), bytes=2, sha256="b" * 64)

        assert before == await one(journal, batch)


async def test_a_start_finds_nothing_but_doubt(tmp_path: Path) -> None:
    """Whatever was being submitted is unknown after a restart, in all batches, and nothing else changes."""
    journal, _ = await begun(tmp_path / "jobs.db", 4)
    other = await entered(journal, "autumn")
    await journal.plan(other, many(1))
    for seq, state in [(1, State.SUBMITTING), (2, State.SUBMITTED), (3, State.SUBMITTING), (5, State.SUBMITTING)]:
        await led(journal, seq, state)
    await journal.close()

    async with await opened(tmp_path / "jobs.db") as again:
        recovered = await again.recover(), await again.recover()

    states = rows(tmp_path / "jobs.db", "SELECT state FROM task ORDER BY seq")
    assert (3, 0) == recovered
    assert ["unknown", "submitted", "unknown", "planned", "unknown"] == [state for (state,) in states]
    assert [(1,), (3,), (5,)] == rows(tmp_path / "jobs.db", "SELECT task_seq FROM event WHERE cause = 'start'")


async def test_a_retry_is_a_new_task_with_a_new_id(tmp_path: Path) -> None:
    """The old generation stays in the journal; the new one begins from nothing."""
    journal, batch = await begun(tmp_path / "jobs.db", 3)
    async with journal:
        await led(journal, 1, State.FAILED)
        await led(journal, 2, State.REFUSED)
        before = await one(journal, batch, "c1")

        counted = await journal.retry(batch, [State.FAILED])

        after = await one(journal, batch, "c1")
    assert 1 == counted
    assert (2, State.PLANNED, 0, None) == (after.generation, after.state, after.attempts, after.task_id)
    assert (before.body_json, before.name, before.weight) == (after.body_json, after.name, after.weight)
    assert before.external_id != after.external_id
    assert [("failed",)] == rows(tmp_path / "jobs.db", "SELECT state FROM task WHERE seq = 1")


async def test_only_the_newest_generation_is_retried_and_only_what_was_named(tmp_path: Path) -> None:
    """A retry of retries has the third generation, not a second one again."""
    journal, batch = await begun(tmp_path / "jobs.db", 3)
    async with journal:
        for seq in (1, 2, 3):
            await led(journal, seq, State.FAILED)
        await journal.retry(batch, [State.FAILED], ["c1", "c2"])
        await led(journal, 4, State.FAILED)

        counted = await journal.retry(batch, [State.FAILED], ["c1"])

        generations = [(await one(journal, batch, f"c{number}")).generation for number in (1, 2, 3)]
    assert 1 == counted
    assert [3, 2, 1] == generations


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
async def test_what_has_not_ended_cannot_be_retried(tmp_path: Path, state: State) -> None:
    """It would be paid twice."""
    journal, batch = await begun(tmp_path / "jobs.db")
    async with journal:
        with pytest.raises(InvalidRequest, match=r"states: .*done, failed, lost, refused"):
            await journal.retry(batch, [state])


async def test_only_what_was_not_sent_is_cancelled(tmp_path: Path) -> None:
    """With the reason given, and only what was named."""
    journal, batch = await begun(tmp_path / "jobs.db", 4)
    why = ItemError(type="Cancelled", message="cancelled before it was sent")
    async with journal:
        await led(journal, 1, State.SUBMITTED)

        named = await journal.cancel(batch, ["c1", "c2"], error=why)
        rest = await journal.cancel(batch, error=why)

        tasks = await journal.unfinished(batch, ALL)
    assert (1, 2) == (named, rest)
    assert [(State.SUBMITTED, None), *[(State.REFUSED, why)] * 3] == [(task.state, task.error) for task in tasks]
    assert 3 == len(rows(tmp_path / "jobs.db", "SELECT 1 FROM event WHERE cause = 'cancelled'"))


async def test_counts_are_exact_and_know_what_was_paid_before(tmp_path: Path) -> None:
    """Tasks count once, in their newest generation; money counts in all of them, told or else estimated."""
    journal, batch = await begun(tmp_path / "jobs.db", 3, estimate=Decimal("0.1"), weight=2)
    async with journal:
        await journal.plan(batch, manifest(planned("odd", estimate=None, weight=3)))
        for seq, units in [(1, Decimal("0.2")), (2, None)]:
            await led(journal, seq, State.SUBMITTED)
            await journal.step(seq, Cause.SUCCEED, units=units)
            await journal.step(seq, Cause.STORED)
        await journal.retry(batch, [State.DONE], ["c1"])

        counts = await journal.counts(batch)

    planned_ones = Count(
        pool="image",
        state=State.PLANNED,
        tasks=3,
        weight=7,
        units=Decimal("0.2"),
        estimate=Decimal("0.2"),
        priceless=1,
    )
    done = Count(
        pool="image", state=State.DONE, tasks=1, weight=2, units=Decimal("0.3"), estimate=Decimal("0.1"), priceless=0
    )
    assert [done, planned_ones] == sorted(counts, key=lambda count: count.state)


async def test_alike_tasks_are_planned_together(tmp_path: Path) -> None:
    """What a plan is made of: how many there are of each kind, and what one takes."""
    journal, batch = await begun(tmp_path / "jobs.db", 3)
    async with journal:
        await journal.plan(batch, manifest(planned("film", pool="video", kind=("kling-v3", "5"), weight=4)))
        await led(journal, 2, State.SUBMITTING)

        kinds = await journal.kinds(batch)

    assert {
        KindCount(
            endpoint="images.generate",
            kind=("kling-v2-1",),
            pool="image",
            weight=1,
            estimate=Decimal("0.5"),
            tasks=2,
        ),
        KindCount(
            endpoint="images.generate",
            kind=("kling-v3", "5"),
            pool="video",
            weight=4,
            estimate=Decimal("0.5"),
            tasks=1,
        ),
    } == set(kinds)


@contextlib.asynccontextmanager
async def held_up(journal: Journal) -> AsyncGenerator[None]:
    """The thread that writes is kept busy, so that all that is asked for meanwhile comes to it at once."""
    go_on = threading.Event()
    busy = asyncio.create_task(journal.read(lambda _: go_on.wait(10)))
    await asyncio.sleep(0)
    try:
        yield
    finally:
        asyncio.get_running_loop().call_soon(go_on.set)
    await busy


async def together(journal: Journal, *steps: Awaitable[object]) -> list[object]:
    """What becomes of steps that are all written at one time."""
    async with held_up(journal):
        callers = [asyncio.ensure_future(each) for each in steps]
        await asyncio.sleep(0)
    return list(await asyncio.gather(*callers, return_exceptions=True))


async def test_steps_of_many_share_a_commit(tmp_path: Path) -> None:
    """What waits is written together, and told together."""
    journal, _ = await begun(tmp_path / "jobs.db", 200)
    async with journal:
        before = journal.commits, journal.writes

        await together(journal, *(journal.step(seq, Cause.SLOT_GRANTED) for seq in range(1, 201)))

        assert (before[0] + 1, before[1] + 200) == (journal.commits, journal.writes)


@pytest.mark.parametrize("fault", ["cannot happen", "taken", "half written"])
async def test_a_step_that_cannot_be_fails_alone(tmp_path: Path, fault: str) -> None:
    """Nothing of it is written; those that were to be written with it are, and are told so."""
    journal, batch = await begun(tmp_path / "jobs.db", 3)
    odd = [attrs.evolve(files(1)[0], idx=-1)]
    faults = {
        "cannot happen": lambda: journal.step(2, Cause.STORED),
        "taken": lambda: journal.step(2, Cause.ACCEPTED, task_id="t1"),
        "half written": lambda: journal.step(2, Cause.SUCCEED, artifacts=odd),
    }
    async with journal:
        for seq in (1, 2, 3):
            await led(journal, seq, State.SUBMITTED if fault == "half written" else State.SUBMITTING)
        before = await one(journal, batch, "c2"), journal.commits, journal.writes
        cause = Cause.SUCCEED if fault == "half written" else Cause.ACCEPTED

        first, failed, last = await together(
            journal,
            journal.step(1, cause, task_id="t1"),
            faults[fault](),
            journal.step(3, cause, task_id="t3"),
        )

        assert (before[1] + 1, before[2] + 2) == (journal.commits, journal.writes)
        assert before[0] == await one(journal, batch, "c2")
    target = State.SUCCEEDED if fault == "half written" else State.SUBMITTED
    assert (target, target) == (first, last)
    assert isinstance(failed, IllegalTransition if fault == "cannot happen" else JournalError)
    assert [] == rows(tmp_path / "jobs.db", "SELECT 1 FROM artifact")


async def test_a_manifest_is_read_once_whatever_is_written_with_it(tmp_path: Path) -> None:
    """It has a commit of its own: it may be long, and refused, and neither is the trouble of others."""
    journal, batch = await begun(tmp_path / "jobs.db", 2)
    readings: list[int] = []

    def changed() -> Iterator[Planned]:
        readings.append(1)
        yield planned("c1", body_sha256="6" * 64)

    async with journal:
        first, refused, last = await together(
            journal,
            journal.step(1, Cause.SLOT_GRANTED),
            journal.plan(batch, changed),
            journal.step(2, Cause.SLOT_GRANTED),
        )

    assert (State.SUBMITTING, State.SUBMITTING) == (first, last)
    assert isinstance(refused, ManifestError)
    assert [1] == readings


async def test_a_caller_who_leaves_takes_nothing_back(tmp_path: Path) -> None:
    """What was asked for is written, whoever still wants to know."""
    journal, batch = await begun(tmp_path / "jobs.db", 50)
    async with journal:
        callers = [asyncio.ensure_future(journal.step(seq, Cause.SLOT_GRANTED)) for seq in range(1, 51)]
        await asyncio.sleep(0)
        for caller in callers[::2]:
            caller.cancel()

        outcomes = await asyncio.gather(*callers, return_exceptions=True)

        tasks = await journal.unfinished(batch, [State.SUBMITTING])
    assert [asyncio.CancelledError, State] * 25 == [type(each) for each in outcomes]
    assert 50 == len(tasks)


async def test_what_nobody_waits_for_comes_with_the_next_commit(tmp_path: Path) -> None:
    """In the order in which it was told, and without a commit of its own."""
    journal, batch = await begun(tmp_path / "jobs.db", 2)
    async with journal:
        await led(journal, 1, State.SUBMITTING)
        before = journal.commits
        journal.later(1, Cause.DOUBT, why="cut")

        await journal.step(1, Cause.FOUND, task_id="t1")

        assert before + 1 == journal.commits
        assert State.SUBMITTED is (await one(journal, batch)).state


@pytest.mark.looptime
async def test_what_nobody_waits_for_is_on_disk_within_a_second(tmp_path: Path) -> None:
    """Whoever watches from outside sees it, even if nothing else happens."""
    journal, _ = await begun(tmp_path / "jobs.db")
    async with journal:
        await led(journal, 1, State.SUBMITTING)
        before = journal.commits

        journal.later(1, Cause.DOUBT)
        await asyncio.sleep(1.1)
        while before == journal.commits:
            await asyncio.sleep(0)

        assert [("unknown",)] == rows(journal.path, "SELECT state FROM task")


async def test_closing_writes_what_nobody_waited_for(tmp_path: Path) -> None:
    """Nothing that was told is lost by an orderly end."""
    journal, _ = await begun(tmp_path / "jobs.db")
    await led(journal, 1, State.SUBMITTING)

    journal.later(1, Cause.DOUBT)
    await journal.close()

    assert [("unknown",)] == rows(tmp_path / "jobs.db", "SELECT state FROM task")


async def test_a_failure_that_nobody_waited_for_is_raised_by_the_next_step(tmp_path: Path) -> None:
    """No mistake passes in silence; the step that raises it has done nothing, and may be taken again."""
    journal, _ = await begun(tmp_path / "jobs.db")
    async with journal:
        journal.later(1, Cause.DOUBT)
        await journal.read(lambda _: None)

        with pytest.raises(IllegalTransition, match="doubt cannot happen to task 1, which is planned"):
            await journal.step(1, Cause.SLOT_GRANTED)
        again = await journal.step(1, Cause.SLOT_GRANTED)

    assert State.SUBMITTING is again


async def test_a_failure_that_nobody_waited_for_is_logged_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If no step comes any more to raise it."""
    journal, _ = await begun(tmp_path / "jobs.db")

    journal.later(1, Cause.DOUBT)
    await journal.close()

    (message,) = caplog.messages
    assert message.endswith("by the way: doubt cannot happen to task 1, which is planned")


@pytest.mark.parametrize("cause", sorted({each.cause for each in TRANSITIONS if each.durable}))
async def test_what_must_be_on_disk_is_waited_for(tmp_path: Path, cause: Cause) -> None:
    """An intent or an id cannot be told by the way."""
    journal, _ = await begun(tmp_path / "jobs.db")
    async with journal:
        with pytest.raises(ValueError, match="must be on disk"):
            journal.later(1, cause)


async def test_points_are_passed_around_the_commit_that_they_are_about(tmp_path: Path) -> None:
    """Before it others do not see the change yet; after it they do."""
    path = tmp_path / "jobs.db"
    seen: list[tuple[str, list[tuple[str]]]] = []

    def point(name: str) -> None:
        seen.append((name, rows(path, "SELECT state FROM task")))

    async with await opened(path, point=point) as journal:
        batch = await entered(journal)
        await journal.plan(batch, many(1))
        await journal.step(1, Cause.SLOT_GRANTED)
        await journal.step(1, Cause.ACCEPTED, task_id="t1")
        await journal.step(1, Cause.SUCCEED, artifacts=files(1))
        await journal.stored(1, 0, path=Path("a.png"), bytes=1, sha256="a" * 64)

    states = ["planned", "submitting", "submitted", "succeeded", "done"]
    names = ["plan", "intent", "accepted", "final", "done"]
    wanted: list[tuple[str, list[tuple[str]]]] = []
    for before, name, after in zip([None, *states], names, states, strict=False):
        wanted += [
            (f"{name}.before_commit", [] if before is None else [(before,)]),
            (f"{name}.after_commit", [(after,)]),
        ]
    assert wanted == seen


async def test_a_point_that_raises_before_a_commit_undoes_it(tmp_path: Path) -> None:
    """Whoever waited is told, nothing was written, and the journal goes on."""
    trouble = iter([RuntimeError("cut")])

    def point(name: str) -> None:
        if name == "intent.before_commit":
            for error in trouble:
                raise error

    async with await opened(tmp_path / "jobs.db", point=point) as journal:
        batch = await entered(journal)
        await journal.plan(batch, many(1))

        with pytest.raises(RuntimeError, match="cut"):
            await journal.step(1, Cause.SLOT_GRANTED)

        assert State.PLANNED is (await one(journal, batch)).state
        assert State.SUBMITTING is await journal.step(1, Cause.SLOT_GRANTED)


async def test_a_clock_that_fails_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Whatever goes wrong in the thread that writes is told, and it goes on."""
    times = iter([1, 2])
    async with await opened(tmp_path / "jobs.db", now_ms=lambda: next(times, None) or 1 // 0) as journal:
        batch = await entered(journal)
        await journal.plan(batch, many(1))

        with pytest.raises(ZeroDivisionError):
            await journal.step(1, Cause.SLOT_GRANTED)

        assert State.PLANNED is (await one(journal, batch)).state


async def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    """It may be closed twice, and used no more."""
    journal, batch = await begun(tmp_path / "jobs.db")
    await journal.close()
    await journal.close()

    with pytest.raises(JournalError, match=r"jobs\.db: the journal is closed"):
        await journal.counts(batch)


async def test_a_question_that_fails_is_the_askers_trouble(tmp_path: Path) -> None:
    """What it raises is raised to whoever asked; SQLite's own errors say which file they are about."""
    journal, _ = await begun(tmp_path / "jobs.db")
    async with journal:
        with pytest.raises(ZeroDivisionError):
            await journal.read(lambda _: 1 // 0)
        with pytest.raises(JournalError, match=r"jobs\.db: .*no such table: nonsense"):
            await journal.read(lambda connection: connection.execute("SELECT * FROM nonsense"))

        assert State.SUBMITTING is await journal.step(1, Cause.SLOT_GRANTED)


async def test_no_link_shows_in_a_row(tmp_path: Path) -> None:
    """Links are as good as keys, so that what opens them is in no log."""
    journal, batch = await begun(tmp_path / "jobs.db")
    async with journal:
        await led(journal, 1, State.SUBMITTED)
        link = Artifact(idx=0, kind="image", url="https://files.example/a.png?sign=hush")
        await journal.step(1, Cause.SUCCEED, artifacts=[link], answer='{"url": "https://files.example/?sign=hush"}')

        row = await one(journal, batch)

    assert "hush" not in repr(row)


async def test_a_reader_sees_what_was_told_while_the_owner_goes_on(tmp_path: Path) -> None:
    """Another connection sees every step as soon as it was told, and stops nobody."""
    journal, batch = await begun(tmp_path / "jobs.db", 3)
    async with journal:
        with Reader.open(journal.path) as reader:
            await journal.step(1, Cause.SLOT_GRANTED)
            first = [task.state for task in reader.items(batch)]
            await journal.step(1, Cause.ACCEPTED, task_id="t1")
            second = [task.state for task in reader.items(batch)]
            told_both = await journal.counts(batch), reader.counts(batch)
            batches = reader.batches()

    assert [State.SUBMITTING, State.PLANNED, State.PLANNED] == first
    assert [State.SUBMITTED, State.PLANNED, State.PLANNED] == second
    assert told_both[0] == told_both[1]
    assert [batch.name] == [each.name for each in batches]


async def test_a_reader_picks_and_pages(tmp_path: Path) -> None:
    """Items of some states, in pieces, newest generations only."""
    journal, batch = await begun(tmp_path / "jobs.db", 5)
    async with journal:
        for seq in (2, 3, 4):
            await led(journal, seq, State.FAILED)
        await journal.retry(batch, [State.FAILED], ["c3"])

    with Reader.open(tmp_path / "jobs.db") as reader:
        failed = reader.items(batch, states=[State.FAILED])
        second = reader.items(batch, after=2, limit=2)
        newest = reader.newest(batch, "c3")
        kinds = reader.kinds(batch)

    assert [2, 4] == [task.seq for task in failed]
    assert [4, 5] == [task.seq for task in second]
    assert newest is not None
    assert (2, 6) == (newest.generation, newest.seq)
    assert [3] == [kind.tasks for kind in kinds]
