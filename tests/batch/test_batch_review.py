"""Batches that are left, closed, run beside themselves, or whose vendor, keys and budget misbehave in odd ways."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_async import (
    AccessKey,
    AccountError,
    BadRequest,
    Batch,
    ClientClosed,
    DownloadError,
    Downloads,
    InvalidRequest,
    JournalError,
    KlingClient,
    Limits,
    MissingCredentials,
    Polling,
    ResponseError,
    Retry,
)
from kling_async.api import ROWS
from kling_async.batch.budget import Budget, limits
from kling_async.batch.items import Item
from kling_async.batch.states import State
from kling_async.emulator import ACCESS_KEY, SECRET_KEY, Emulator
from kling_async.emulator.faults import Bend, Fault, Hide, Lose, Refuse, RepeatedIds, Slow
from kling_async.protocol.endpoint import TaskSpec
from tests.support.batches import ended, made, names, pictures, states, videos

SPEED = 400.0


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where a journal may be."""
    return tmp_path / "jobs.db"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where files may go."""
    return tmp_path / "out"


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to come true."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


# Runs that are left, and taken up by the same process


async def test_a_run_that_was_left_is_gone_on_with_by_the_same_batch(journal: Path) -> None:
    """Creates that were on their way are looked for, and none of them is made twice, whatever the vendor allows."""
    async with Emulator(speed=SPEED) as emulator:
        async with emulator.client(limits=Limits(image=3), retry=Retry(settle=2)) as kling:
            async with Batch(kling, "teasers", journal=journal) as batch:
                await batch.add(pictures(6))
                emulator.add(Slow(0.5, calls="creates"))
                run = asyncio.create_task(ended(batch))
                await until(lambda: batch.summary()["submitting"])
                await asyncio.sleep(0.1)
                run.cancel()
                await asyncio.wait((run,))
                emulator.clear_faults()
                emulator.add(RepeatedIds())
                await ended(batch)
                summary = batch.summary()

        assert 6 == summary["done"] == summary["total"]
        assert [1] * 6 == made(emulator)


async def test_a_task_that_is_taken_up_again_holds_its_slots_once(journal: Path) -> None:
    """However often; else a limit would be used up by runs that were left."""
    async with Emulator(speed=40) as emulator, emulator.client(limits=Limits(image=2)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(8))
            used = list[int]()
            for _ in range(3):
                run = batch.run()
                await anext(run)
                await run.aclose()
                used.append(kling.slots["image"].used)
            async with asyncio.timeout(20):
                await ended(batch)

        assert max(used) <= 2
        assert 0 == kling.slots["image"].used
        assert [1] * 8 == made(emulator)


async def test_what_a_run_that_was_left_had_under_way_is_not_counted_twice(journal: Path) -> None:
    """The time that is left is told from what is under way now."""
    async with Emulator(speed=40) as emulator, emulator.client(limits=Limits(image=2)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(6))
            run = batch.run()
            await anext(run)
            await run.aclose()
            await ended(batch)
            left = batch.summary().pools["image"].seconds_left

    assert left == 0.0


async def test_leaving_the_loop_and_the_block_ends_the_run(journal: Path) -> None:
    """Nobody need close the generator; nothing is sent afterwards, and nothing is complained about."""
    async with Emulator(speed=40) as emulator, emulator.client(limits=Limits(image=1)) as kling:

        async def left() -> None:
            async with Batch(kling, "teasers", journal=journal) as batch:
                await batch.add(pictures(8))
                async for _ in batch.run():
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await left()
        await asyncio.sleep(0.1)
        sent = len(emulator.tasks)
        async with Batch(kling, "teasers", journal=journal) as batch:
            await ended(batch)

        assert sent < 8
        assert [1] * 8 == made(emulator)


async def test_who_takes_items_hears_that_the_batch_was_closed(journal: Path) -> None:
    """By another task, for instance when a service ends."""
    async with Emulator(speed=40) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(20))
            run = asyncio.create_task(ended(batch))
            await until(lambda: batch.summary()["done"])
        done, _ = await asyncio.wait((run,), timeout=10)

        assert {run} == done
        with pytest.raises(JournalError, match="was closed while a run"):
            run.result()


async def test_a_second_run_is_refused_from_the_first_moment_on(journal: Path) -> None:
    """And leaves the first one alone."""
    async with Emulator(speed=SPEED) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(4))
            first, second = await asyncio.gather(ended(batch), ended(batch), return_exceptions=True)

    assert isinstance(second, InvalidRequest)
    assert isinstance(first, dict)
    assert {"done"} == set(states(first).values())


async def test_a_run_waits_for_the_end_of_a_decision(journal: Path) -> None:
    """A person's decision about a task, and what a run does with it, must not cross."""
    faults = [Refuse(5000, calls="creates", first=1), RepeatedIds()]
    async with Emulator(speed=SPEED, faults=faults) as emulator, emulator.client(retry=Retry(settle=0.1)) as kling:
        async with Batch(kling, "teasers", journal=journal, on_unknown="hold") as batch:
            await batch.add(pictures(1))
            await ended(batch)
            emulator.add(Slow(0.3, calls="queries"))
            looking = asyncio.create_task(batch.resolve("p0", "look"))
            await asyncio.sleep(0.05)
            with pytest.raises(InvalidRequest, match="decision"):
                await anext(batch.run())
            looked = await looking
            again = await ended(batch)

    assert State.HELD is looked.state
    assert {} == again


async def test_stop_counts_from_the_first_moment_of_a_run_on(journal: Path) -> None:
    """Also while the items are told that had ended before."""
    async with Emulator(speed=SPEED) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(3))
            await ended(batch)
            await batch.add(pictures(6))
            run = batch.run(include_ended=True)
            await anext(run)
            batch.stop()
            rest = [item async for item in run]
            summary = batch.summary()

        assert 2 == len(rest)
        assert ("asked", 3) == (summary.stopped, summary["planned"])
        assert 3 == len(emulator.tasks)


async def test_rows_may_come_because_of_the_last_item(journal: Path) -> None:
    """What one result calls for is made by the same run."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            seen = list[str]()
            async for item in batch.run():
                seen.append(item.custom_id)
                if len(seen) < 4:
                    await batch.add(pictures(1, start=len(seen)))

    assert ["p0", "p1", "p2", "p3"] == seen


async def test_more_rows_than_stand_in_line_are_all_made(journal: Path) -> None:
    """As some go, others come."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(60))
            items = await ended(batch)

    assert 60 == len(items)
    assert [1] * 60 == made(emulator)


async def test_stop_calls_back_who_stands_in_line(journal: Path) -> None:
    """For slots that somebody else's tasks have, for as long as those take."""
    async with Emulator(speed=0.01) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        await kling.images.generate.submit(ROWS["images.generate"].request(prompt="slow"))
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(3))
            run = asyncio.create_task(ended(batch))
            await until(lambda: kling.slots["image"].queued == 3)
            batch.stop()
            async with asyncio.timeout(10):
                items = await run
            summary = batch.summary()

        assert {} == items
        assert ("asked", 3) == (summary.stopped, summary["planned"])
        assert 1 == len(emulator.tasks)


async def test_stop_does_not_wait_for_slots(journal: Path) -> None:
    """A create that comes back for want of a slot after the stop is planned again."""
    async with Emulator(speed=0.01, slots={"image": 1}) as emulator, emulator.client() as kling:
        await kling.images.generate.submit(ROWS["images.generate"].request(prompt="slow"))
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            emulator.add(Slow(0.3, calls="creates"))
            run = asyncio.create_task(ended(batch))
            await until(lambda: batch.summary()["submitting"])
            await asyncio.sleep(0.05)
            batch.stop()
            async with asyncio.timeout(3):  # soon, a slot may be tried for again
                items = await run
            summary = batch.summary()

    assert {} == items
    assert ("asked", 1) == (summary.stopped, summary["planned"])


async def test_two_journals_with_the_same_rows_make_each_task_once(tmp_path: Path) -> None:
    """One client runs both at once; ids are made of the rows, and slots are counted once."""
    async with Emulator(speed=SPEED) as emulator:
        async with emulator.client(retry=Retry(settle=0.5), limits=Limits(image=3)) as kling:

            async def run(name: str) -> dict[str, Item]:
                async with Batch(kling, "teasers", journal=tmp_path / name, output=tmp_path / f"out-{name}") as batch:
                    await batch.add(pictures(8))
                    return await ended(batch)

            first, second = await asyncio.gather(run("a.db"), run("b.db"))

            assert {"done"} == set(states(first).values()) | set(states(second).values())
            assert 8 == len(names(tmp_path / "out-a.db")) == len(names(tmp_path / "out-b.db"))
            assert 0 == kling.slots["image"].used
            assert [1] * 8 == made(emulator)


# A client that is closed, keys that are gone, an account that is empty


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        pytest.param([Lose("cut", first=1), Hide(1000)], "unknown", id="looked for"),
        pytest.param([Slow(5, calls="creates")], "submitting", id="being made"),
        pytest.param([], "running", id="made"),
    ],
)
async def test_a_client_that_is_closed_ends_the_run(journal: Path, fault: list[Fault], state: str) -> None:
    """With the error that says so, whatever was going on."""
    async with Emulator(speed=1, faults=fault) as emulator, emulator.client(retry=Retry(settle=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            run = asyncio.create_task(ended(batch))
            await until(lambda: batch.summary()[state])
            await asyncio.sleep(0.1)
            await kling.close()
            done, _ = await asyncio.wait((run,), timeout=10)

            assert {run} == done
            with pytest.raises(ClientClosed):
                run.result()


def credentials(given: list[BaseException]) -> Callable[[], Awaitable[AccessKey]]:
    """A vault, which may be told to fail."""

    async def provide() -> AccessKey:
        if given:
            raise given[0]
        return AccessKey(ACCESS_KEY, SECRET_KEY)

    return provide


@pytest.mark.parametrize("error", [MissingCredentials("the vault is empty"), InvalidRequest("credentials", "must be")])
async def test_keys_that_are_gone_refuse_no_task(journal: Path, error: Exception) -> None:
    """They stop the sending; with keys again, everything is made."""
    trouble = list[BaseException]()
    async with Emulator(speed=SPEED, faults=[Refuse(1004, calls="creates", first=3)]) as emulator:
        async with KlingClient(credentials=credentials(trouble), base_url=emulator.url) as kling:
            async with Batch(kling, "teasers", journal=journal) as batch:
                await batch.add(pictures(3))
                trouble.append(error)
                kling.inside.core.engine.authorizer.clock = lambda: 4e9  # the token has ended
                with pytest.raises(type(error)):
                    await ended(batch)
                summary = batch.summary()
                trouble.clear()
            emulator.clear_faults()
        async with emulator.client() as kling, Batch(kling, "teasers", journal=journal) as batch:
            items = await ended(batch)

    assert 3 == summary["planned"]
    assert {"done"} == set(states(items).values())


async def test_a_vault_that_breaks_leaves_no_doubt(journal: Path) -> None:
    """What was not sent for want of keys is planned still, and nobody need decide about it."""
    trouble = list[BaseException]()
    async with Emulator(speed=SPEED) as emulator:
        async with KlingClient(credentials=credentials(trouble), base_url=emulator.url) as kling:
            async with Batch(kling, "teasers", journal=journal, on_unknown="hold") as batch:
                await batch.add(pictures(3))
                trouble.append(OSError("the vault is away"))
                kling.inside.core.engine.authorizer.clock = lambda: 4e9  # the token has ended
                with pytest.raises(OSError, match="vault"):
                    await ended(batch)
        async with emulator.client() as kling, Batch(kling, "teasers", journal=journal) as batch:
            summary = batch.summary()
            items = await ended(batch)

    assert 3 == summary["planned"]
    assert {"done"} == set(states(items).values())


@pytest.mark.looptime
async def test_an_account_that_may_ask_for_nothing_ends_the_run(journal: Path) -> None:
    """Also where all that is left to do is to look for creates."""
    async with Emulator(faults=[Lose("cut", first=1), Hide(10_000)]) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            run = asyncio.create_task(ended(batch))
            while not batch.summary()["unknown"]:
                await asyncio.sleep(0.1)
            run.cancel()
            await asyncio.wait((run,))
            emulator.clear_faults()
            emulator.add(Refuse(1101))
            with pytest.raises(AccountError, match="1101"):
                await ended(batch)
            emulator.clear_faults()
            items = await ended(batch)

    assert {"p0": "done"} == states(items)
    assert [1] == made(emulator)


async def test_an_empty_pack_is_not_run_into_again_and_again(journal: Path) -> None:
    """Of its pool nothing more is sent but what was about to be."""
    poor = Emulator(speed=SPEED, units={"image": 6})
    async with poor as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(40, model_name="kling-v2-1"))
            with pytest.raises(AccountError, match="1102"):
                await ended(batch)
            summary = batch.summary()
        refusals = sum(request.code == 1102 for request in emulator.requests)

    assert 1 <= refusals <= 4
    assert (1, 39) == (summary["done"], summary["planned"])


# A vendor who is ill in one place


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Bend("no_data", path="/v1/videos/text2video"), ResponseError),
        (Refuse(1200, calls="queries", path="/v1/videos/text2video"), BadRequest),
    ],
)
async def test_a_task_that_cannot_be_followed_stops_no_other(
    journal: Path, fault: Fault, error: type[Exception]
) -> None:
    """It is left to the next run, and the reason is raised once all others have ended."""
    async with Emulator(faults=[fault, Refuse(1200, calls="lists")]) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add([*videos(1), *pictures(3)])
            seen = list[str]()

            async def run() -> None:
                async for item in batch.run():
                    seen.append(item.custom_id)

            with pytest.raises(error) as caught:
                await run()
            emulator.clear_faults()
            items = await ended(batch)

    assert ["p0", "p1", "p2"] == sorted(seen)
    assert ["1 task of the batch could not be followed to the end; another run goes on"] == caught.value.__notes__
    assert {"v0": "done"} == states(items)
    assert [1] * 4 == made(emulator)


@pytest.mark.looptime
async def test_a_create_in_doubt_of_which_nothing_is_told_keeps_no_other_waiting(journal: Path) -> None:
    """It is looked for once before anything else is sent, and then beside all others."""
    async with Emulator(faults=[Lose("cut", first=1), Hide(10_000)]) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            run = asyncio.create_task(ended(batch))
            while not batch.summary()["unknown"]:
                await asyncio.sleep(0.1)
            run.cancel()
            await asyncio.wait((run,))
            emulator.clear_faults()
            emulator.add(Refuse(5000, calls="queries", path="/v1/images/generations"))
            await batch.add(videos(1))
            before, told = len(emulator.requests), list[str]()
            async for item in batch.run():
                told.append(item.custom_id)
                batch.stop()
            summary = batch.summary()
        calls = [request.method for request in emulator.requests[before:]]

    assert calls.index("POST") > 5
    assert ["v0"] == told
    assert (1, "asked") == (summary["unknown"], summary.stopped)
    assert [1, 1] == made(emulator)


@pytest.mark.looptime
async def test_a_vendor_who_makes_nothing_for_an_hour_is_waited_for(journal: Path) -> None:
    """While answering all questions: nobody has to decide about every task of the batch."""
    faults = [Refuse(5000, calls="creates", until=3600.0)]
    async with Emulator(faults=faults) as emulator, emulator.client(retry=Retry(attempts=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(2))
            items = await ended(batch)

    assert {"done"} == set(states(items).values())
    assert [1, 1] == made(emulator)


@pytest.mark.looptime
async def test_a_task_that_never_can_be_made_is_held_in_the_end(journal: Path) -> None:
    """Or the run would have none."""
    emulating, once = Emulator(faults=[Refuse(5000, calls="creates")]), Retry(attempts=1)
    async with emulating as emulator, emulator.client(retry=once) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            items = await ended(batch)
            seconds = asyncio.get_running_loop().time()

    assert {"p0": "held"} == states(items)
    assert 3600 < seconds < 6 * 3600


@pytest.mark.looptime
async def test_a_link_that_ended_is_no_lost_file_as_long_as_nobody_could_be_asked(journal: Path, out: Path) -> None:
    """The next run asks again; a file is given up only when the vendor has been asked and its 30 days are over."""
    async with Emulator() as emulator:
        async with emulator.client(downloads=Downloads(max_bytes={"image": 10}, resumes=0)) as kling:
            async with Batch(kling, "teasers", journal=journal, output=out) as batch:
                await batch.add(pictures(2))
                with pytest.raises(DownloadError):
                    await ended(batch)
        emulator.add(Refuse(5000, calls="queries"))
        async with emulator.client(retry=Retry(attempts=1)) as kling:
            kling.inside.core.downloader.now = lambda: datetime.now(UTC) + timedelta(days=40)
            async with Batch(kling, "teasers", journal=journal, output=out) as batch:
                with pytest.raises(DownloadError, match="2 files of results could not be stored"):
                    await ended(batch)
                waiting = batch.summary()["storing"]
        emulator.clear_faults()
        async with emulator.client() as kling, Batch(kling, "teasers", journal=journal, output=out) as batch:
            items = await ended(batch)

    assert 2 == waiting
    assert {"done"} == set(states(items).values())
    assert ["p0-0.png", "p1-0.png"] == names(out)


@pytest.mark.looptime
async def test_a_file_that_the_vendor_keeps_no_longer_is_told_and_the_task_is_done(journal: Path, out: Path) -> None:
    """Nobody is asked for it again; whatever else there is of the result is stored."""
    async with Emulator() as emulator:
        async with emulator.client(downloads=Downloads(max_bytes={"image": 10}, resumes=0)) as kling:
            async with Batch(kling, "teasers", journal=journal, output=out) as batch:
                await batch.add(pictures(1, n=2))
                with pytest.raises(DownloadError):
                    await ended(batch)
        await asyncio.sleep(31 * 24 * 3600)
        async with emulator.client() as kling:
            kling.inside.core.downloader.now = lambda: datetime.now(UTC) + timedelta(days=31)
            async with Batch(kling, "teasers", journal=journal, output=out) as batch:
                items = await ended(batch)
                again = await ended(batch)

    error = items["p0"].error
    assert {"p0": "done"} == states(items)
    assert error is not None
    assert "ExpiredResult" == error.type
    assert ["expired", "expired"] == [each.state for each in items["p0"].artifacts]
    assert {} == again


@pytest.mark.parametrize("output", ["out", None])
async def test_a_success_of_which_nothing_can_be_read_says_so(
    tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch, output: str | None
) -> None:
    """It is paid and over, so that it is done; nobody is to take it for a result, nor to wait for its files."""

    def nothing(row: TaskSpec[..., Any, Any], *_: object) -> Any:
        return row.result()

    monkeypatch.setattr(TaskSpec, "_result", nothing)
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=output and tmp_path / output) as batch:
            await batch.add(pictures(1))
            items = await ended(batch)

    error = items["p0"].error
    assert {"p0": "done"} == states(items)
    assert error is not None
    assert "ResponseError" == error.type


async def test_words_with_broken_letters_are_told_all_the_same(journal: Path) -> None:
    """JSON may hold half of a surrogate pair, which no file and no terminal takes."""
    async with Emulator(speed=SPEED, faults=[Refuse(1301, calls="creates", message="half \ud83d")]) as emulator:
        async with emulator.client() as kling, Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            items = await ended(batch)

    assert {"p0": "refused"} == states(items)
    assert "half ?" == str(items["p0"].error)


async def test_rows_that_were_taken_are_made_although_whoever_added_them_has_left(journal: Path) -> None:
    """A time limit on `add` may strike when the journal has the rows."""
    async with Emulator(speed=SPEED) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(2))
            seen = list[str]()
            async for item in batch.run():
                seen.append(item.custom_id)
                if len(seen) == 1:
                    adding = asyncio.create_task(batch.add(pictures(3, start=2)))
                    while batch.summary()["total"] < 5 and not adding.done():
                        await asyncio.sleep(0)
                    adding.cancel()
                    await asyncio.wait((adding,))
            summary = batch.summary()

    assert 5 == len(seen) == summary["total"]


async def test_what_came_to_nothing_before_is_no_error_of_what_was_made_in_the_end(journal: Path) -> None:
    """An item that was held, and then was made, is done without a reason to the contrary."""
    faults = [Refuse(5000, calls="creates", first=1), RepeatedIds()]
    async with Emulator(speed=SPEED, faults=faults) as emulator, emulator.client(retry=Retry(settle=0.1)) as kling:
        async with Batch(kling, "teasers", journal=journal, on_unknown="hold") as batch:
            await batch.add(pictures(1))
            held = await ended(batch)
            sent = await batch.resolve("p0", "send")
            done = await ended(batch)

    assert held["p0"].error is not None
    assert sent.error is None
    assert done["p0"].error is None


# Budgets


def test_a_budget_takes_in_what_was_charged_in_the_end() -> None:
    """Less than expected leaves room for more, more leaves less; what the vendor does not tell counts as expected."""
    budget = Budget({"image": Decimal(10)})
    admitted = [budget.admit("image", Decimal(6)), budget.admit("image", Decimal(6))]

    budget.settle("image", Decimal(6), Decimal(4))
    admitted.append(budget.admit("image", Decimal(6)))
    budget.settle("image", Decimal(6), None)
    admitted.append(budget.admit("image", Decimal("0.1")))
    budget.settle("image", Decimal(6), Decimal(0))
    admitted.append(budget.admit("image", Decimal(7)))
    admitted.append(budget.admit("image", None))
    admitted.append(budget.admit("video", None))

    assert [True, False, True, False, False, False, True] == admitted
    assert {"image": Decimal(4)} == budget.taken


def test_nothing_may_be_the_budget() -> None:
    """Then nothing that costs anything is sent."""
    budget = Budget(limits(0, frozenset({"image"})), closed=True)

    assert (True, False) == (budget.admit("image", Decimal(0)), budget.admit("image", Decimal("0.01")))
    assert not budget.admit("video", Decimal(0))


async def test_what_a_task_cost_less_than_expected_is_there_for_others(journal: Path) -> None:
    """In the same run."""
    async with Emulator(speed=SPEED) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(3, model_name="kling-v2-1"))
        with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
            connection.execute("UPDATE task SET estimate = '5'")  # and four are charged
        async with Batch(kling, "teasers", journal=journal, max_units=9) as batch:
            items = await ended(batch)
            summary = batch.summary()

    assert {"p0": "done", "p1": "done"} == states(items)
    assert ("budget", Decimal(8)) == (summary.stopped, summary.pools["image"].units)


async def test_one_number_is_the_budget_of_one_pool_also_when_rows_come_later(journal: Path) -> None:
    """They are planned and not sent, and whoever adds them is told."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, max_units=5) as batch:
            await batch.add(pictures(1, model_name="kling-v2-1"))
            run = batch.run()
            await anext(run)
            with pytest.raises(InvalidRequest, match=r"must be by pool \(image, video\)"):
                await batch.add(videos(2, model_name="kling-v3", duration="5"))
            rest = [item async for item in run]
            summary = batch.summary()

        assert [] == rest
        assert ("budget", 2) == (summary.stopped, summary["planned"])
        assert Decimal(0) == emulator.spent["video"]


async def test_a_lost_task_that_is_made_anew_counts_twice_in_the_budget(journal: Path) -> None:
    """It may have been paid, so that another one may be more than there is."""
    emulating, patient = Emulator(speed=SPEED), Polling(patience=0.2)
    async with emulating as emulator, emulator.client(polling=patient, limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal, losing=0.1, max_units=6) as batch:
            await batch.add(pictures(1, model_name="kling-v2-1"))
            emulator.add(Hide(10_000))
            lost = await ended(batch)
            emulator.clear_faults()
            await batch.retry(["lost"])
            again = await ended(batch)
            summary = batch.summary()

        assert {"p0": "lost"} == states(lost)
        assert {} == again
        assert ("budget", 1) == (summary.stopped, summary["planned"])
        assert Decimal(4) == emulator.spent["image"]
