"""A batch against the emulator: every row becomes a file or a reason, once, however often it is run."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_async import (
    BalanceError,
    Batch,
    Downloads,
    InvalidRequest,
    JournalError,
    Limits,
    ManifestError,
    Polling,
    Retry,
    Unwritable,
)
from kling_async.batch.items import Item
from kling_async.batch.states import State
from kling_async.emulator import ACCESS_KEY, SECRET_KEY, Emulator
from kling_async.emulator.faults import Down, Hide, Lose, Refuse, RepeatedIds
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


async def test_every_row_becomes_files(journal: Path, out: Path) -> None:
    """Named by the custom_id and the place in the result; nothing else lies in the folder."""
    rows = [*pictures(3), *videos(2), *pictures(1, start=3, n=3)]
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            added = await batch.add(rows)
            items = await ended(batch)
            summary = batch.summary()

    assert (6, 0) == (added.new, added.known)
    assert dict.fromkeys(["p0", "p1", "p2", "p3", "v0", "v1"], "done") == states(items)
    assert ["p0-0.png", "p1-0.png", "p2-0.png", "p3-0.png", "p3-1.png", "p3-2.png", "v0-0.mp4", "v1-0.mp4"] == names(
        out
    )
    assert (out / "p3-0.png", out / "p3-1.png", out / "p3-2.png") == items["p3"].files
    assert 6 == summary["done"] == summary["total"]
    assert [1] * 6 == made(emulator)


async def test_a_batch_that_is_over_sends_nothing_when_it_is_run_again(journal: Path, out: Path) -> None:
    """Its items are told again where that is asked for."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(pictures(3))
            first = await ended(batch)
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            again = await batch.add(pictures(3))
            second = await ended(batch)
            told = await ended(batch, include_ended=True)

        assert (0, 3) == (again.new, again.known)
        assert {} == second
        assert first == told
        assert [1] * 3 == made(emulator)


async def test_what_an_early_end_of_the_loop_left_is_gone_on_with(journal: Path, out: Path) -> None:
    """Nothing is paid twice, nothing is missing."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add([*pictures(8), *videos(3)])
            run = batch.run()
            async for _ in run:
                break
            await run.aclose()
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await ended(batch)
            all_of_it = {item.custom_id: item async for item in batch.items()}

        assert {"done"} == set(states(all_of_it).values())
        assert [1] * 11 == made(emulator)
        assert 11 == len(names(out))


async def test_stop_finishes_what_is_paid_and_sends_nothing_more(journal: Path) -> None:
    """What was not sent stays planned, and is sent by the next run."""
    async with Emulator(speed=SPEED) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(8))
            first = dict[str, Item]()
            async for item in batch.run():
                first[item.custom_id] = item
                batch.stop()
            paid, summary = len(emulator.tasks), batch.summary()
            second = await ended(batch)

        assert "asked" == summary.stopped
        assert paid == len(first) < 8
        assert 8 - paid == summary["planned"]
        assert 8 == len(first | second)
        assert [1] * 8 == made(emulator)


async def test_slots_are_shared_and_never_exceeded(journal: Path) -> None:
    """A batch lets creates that somebody waits for go first, and keeps to a limit that was given."""
    async with Emulator(speed=SPEED, slots={"image": 3}) as emulator, emulator.client(limits=Limits(image=3)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(9, n=2))
            items = await ended(batch)

        assert {"done"} == set(states(items).values())
        assert 0 == sum(request.code == 1303 for request in emulator.requests)
        assert 0 == kling.slots["image"].used


async def test_without_an_output_nothing_is_fetched(journal: Path) -> None:
    """Results are links, as in a task."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "links", journal=journal) as batch:
            await batch.add(pictures(1))
            (item,) = (await ended(batch)).values()

    assert () == item.files
    assert item.artifacts[0].url.startswith("http")
    assert "Expires" not in repr(item)


async def test_what_the_vendor_refuses_or_cannot_make_has_a_reason(journal: Path, out: Path) -> None:
    """One bad prompt stops no other."""
    rows = pictures(4)
    rows[2]["body"]["prompt"] = "a forbidden fox"
    rows[3]["body"]["prompt"] = "a risky fox"
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(rows)
            items = await ended(batch)

    refused, failed = items["p2"].error, items["p3"].error
    assert {"p0": "done", "p1": "done", "p2": "refused", "p3": "failed"} == states(items)
    assert refused is not None
    assert ("ContentRefused", 1301) == (refused.type, refused.code)
    assert refused.request_id
    assert failed is not None
    assert ("TaskFailed", None) == (failed.type, failed.code)


async def test_what_failed_is_made_anew_when_that_is_asked_for(journal: Path, out: Path) -> None:
    """As another generation, with an external id of its own."""
    rows = pictures(2)
    rows[1]["body"]["prompt"] = "a risky fox"
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(rows)
            first = await ended(batch)
            count = await batch.retry()
            second = await ended(batch)

    assert 1 == count
    assert {"p1": "failed"} == states(second)
    assert (1, 2) == (first["p1"].generation, second["p1"].generation)
    assert first["p1"].external_task_id != second["p1"].external_task_id
    assert [1, 1, 1] == made(emulator)


async def test_a_budget_is_never_passed(journal: Path, out: Path) -> None:
    """What a task is expected to cost is set aside before it is sent; failed ones give it back."""
    rows = pictures(10, model_name="kling-v2-1")
    rows[0]["body"]["prompt"] = "a risky fox"
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out, max_units=14) as batch:
            await batch.add(rows)
            items = await ended(batch)
            summary = batch.summary()
        spent = emulator.spent["image"]

    assert {"p0": "failed", "p1": "done", "p2": "done", "p3": "done"} == states(items)
    assert "budget" == summary.stopped
    assert 6 == summary["planned"]
    assert spent == summary.pools["image"].units == Decimal(12)


async def test_a_budget_counts_what_earlier_runs_spent(journal: Path, out: Path) -> None:
    """It is that of the batch, not of a run."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        for _ in range(3):
            async with Batch(kling, "teasers", journal=journal, output=out, max_units={"image": 9}) as batch:
                await batch.add(pictures(5, model_name="kling-v2-1"))
                await ended(batch)

        assert 2 == len(emulator.tasks)


async def test_a_budget_without_prices_or_pools_is_none(journal: Path) -> None:
    """Said before anything is sent."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, max_units=9) as batch:
            await batch.add(pictures(2))
            with pytest.raises(InvalidRequest, match="needs a price for every task; the list has none for 2 of pool"):
                await ended(batch)
        async with Batch(kling, "others", journal=journal, max_units=9) as batch:
            await batch.add([*pictures(1, model_name="kling-v2-1"), *videos(1, model_name="kling-v3", duration="5")])
            with pytest.raises(InvalidRequest, match=r"must be by pool \(image, video\)"):
                await ended(batch)

        assert not emulator.tasks


@pytest.mark.parametrize("units", [-1, "many", True, float("nan"), {"pictures": 3}, [3]])
async def test_a_budget_is_a_number(journal: Path, units: Any) -> None:
    """Or several, by pool."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        with pytest.raises(InvalidRequest, match="max_units"):
            async with Batch(kling, "teasers", journal=journal, max_units=units) as batch:
                await ended(batch)


async def test_an_empty_account_stops_the_sending_and_nothing_else(journal: Path, out: Path) -> None:
    """What was paid is finished; the rest is sent when there is money again."""
    rows = pictures(6, model_name="kling-v2-1")
    poor = Emulator(speed=SPEED, units={"image": 10})
    async with poor as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(rows)
            items = list[str]()

            async def run() -> None:
                async for item in batch.run():
                    items.append(item.custom_id)

            with pytest.raises(BalanceError):
                await run()
            summary = batch.summary()

    assert ["p0", "p1"] == sorted(items)
    assert 4 == summary["planned"]
    assert "1102" in str(summary.stopped) or summary.stopped is None
    assert ["p0-0.png", "p1-0.png"] == names(out)


@pytest.mark.parametrize("way", ["cut", "html", "no_task_id", 5000])
async def test_a_lost_answer_is_looked_for_and_paid_once(journal: Path, out: Path, way: Any) -> None:
    """Even where the vendor would make a second task, and hides the first for a while."""
    faults = [Lose(way, every=2), RepeatedIds(), Hide(0.2)]
    emulating = Emulator(speed=SPEED, faults=faults)
    async with emulating as emulator, emulator.client(retry=Retry(settle=0.5)) as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(pictures(6))
            items = await ended(batch)

        assert {"done"} == set(states(items).values())
        assert [1] * 6 == made(emulator)


async def test_what_stays_unknown_is_held_for_a_person(journal: Path, out: Path) -> None:
    """Nothing is sent twice with on_unknown="hold"; the person looks, sends, or gives up."""
    faults = [Refuse(5000, calls="creates", first=3), RepeatedIds()]
    emulating = Emulator(speed=SPEED, faults=faults)
    async with emulating as emulator, emulator.client(retry=Retry(settle=0.1)) as kling:
        async with Batch(kling, "teasers", journal=journal, output=out, on_unknown="hold") as batch:
            await batch.add(pictures(3))
            first = await ended(batch)
            looked = await batch.resolve("p0", "look")
            sent = await batch.resolve("p1", "send")
            given_up = await batch.resolve("p2", "give_up")
            second = await ended(batch)

    assert {"held"} == set(states(first).values())
    assert (State.HELD, State.PLANNED, State.REFUSED) == (looked.state, sent.state, given_up.state)
    assert {"p1": "done"} == states(second)
    assert [1] == made(emulator)


async def test_a_held_task_that_shows_up_is_followed(journal: Path, out: Path) -> None:
    """Once a person has looked."""
    faults = [Lose("cut", first=1), Hide(60.0, until=1.5)]
    emulating = Emulator(speed=SPEED, faults=faults)
    async with emulating as emulator, emulator.client(retry=Retry(settle=0.1)) as kling:
        async with Batch(kling, "teasers", journal=journal, output=out, on_unknown="hold") as batch:
            await batch.add(pictures(1))
            held = await ended(batch)
            emulator.clear_faults()
            found = await batch.resolve("p0", "look")
            done = await ended(batch)

    assert {"p0": "held"} == states(held)
    assert State.SUBMITTED is found.state
    assert {"p0": "done"} == states(done)
    assert [1] == made(emulator)


async def test_a_journal_that_is_gone_is_made_again_from_the_vendor(tmp_path: Path, out: Path) -> None:
    """The same rows have the same external ids, so that nothing is paid for a second time."""
    runs = list[dict[str, Item]]()
    async with Emulator(speed=SPEED) as emulator, emulator.client(retry=Retry(settle=0.1)) as kling:
        for name in ("a.db", "b.db"):
            async with Batch(kling, "teasers", journal=tmp_path / name, output=out) as batch:
                await batch.add(pictures(3))
                runs.append(await ended(batch))

        assert [{"done"}] * 2 == [set(states(items).values()) for items in runs]
        assert [1] * 3 == made(emulator)


async def test_another_body_under_a_known_id_is_refused(journal: Path) -> None:
    """All of them are named, and nothing of the manifest is taken."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(2))
            changed = pictures(4)
            changed[1]["body"]["prompt"] = "an owl"
            with pytest.raises(ManifestError, match="p1") as caught:
                await batch.add(changed)
            summary = batch.summary()

    assert 1 == len(caught.value.errors)
    assert 2 == summary["total"]


async def test_rows_may_come_while_it_runs(journal: Path, out: Path) -> None:
    """They are taken up by the run under way."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(pictures(2))
            items, more = dict[str, str](), True
            async for item in batch.run():
                items[item.custom_id] = str(item.state)
                if more:
                    more = False
                    await batch.add([*pictures(2, start=2), *videos(1)])
            summary = batch.summary()

    assert {"p0", "p1", "p2", "p3", "v0"} == set(items)
    assert 5 == summary["done"] == summary["total"]


async def test_a_picture_that_changed_is_not_sent(journal: Path, tmp_path: Path) -> None:
    """What was planned is sent, or nothing."""
    picture = tmp_path / "a.png"
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        (file,) = await kling.download(await kling.images.generate(prompt="x"), tmp_path, name="made")
        picture.write_bytes(file.read_bytes())
        rows = [{"custom_id": "v", "endpoint": "videos.image_to_video", "body": {"image": picture}}]
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(rows)
            picture.write_bytes(file.read_bytes() + b"x")
            items = await ended(batch)

    assert {"v": "refused"} == states(items)
    assert "a.png" in str(items["v"].error)
    assert [1] == made(emulator)


async def test_an_item_with_a_local_picture_is_made(journal: Path, tmp_path: Path) -> None:
    """The file is read again when it is sent; the journal holds its name and hash."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        (file,) = await kling.download(await kling.images.generate(prompt="x"), tmp_path, name="made")
        rows = [{"custom_id": "v", "endpoint": "videos.image_to_video", "body": {"image": file}}]
        async with Batch(kling, "teasers", journal=journal, output=tmp_path / "out") as batch:
            await batch.add(rows)
            items = await ended(batch)

    assert {"v": "done"} == states(items)
    assert journal.stat().st_size < 200_000


async def test_priorities_come_first(journal: Path) -> None:
    """The higher, the earlier; equal ones as in the manifest."""
    rows = [{**row, "priority": at % 3} for at, row in enumerate(pictures(9))]
    async with Emulator(speed=SPEED) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(rows)
            order = [item.custom_id async for item in batch.run()]

    assert ["p2", "p5", "p8", "p1", "p4", "p7", "p0", "p3", "p6"] == order


@pytest.mark.looptime
async def test_nothing_more_is_sent_while_items_are_not_taken(journal: Path) -> None:
    """A slow reader slows the batch down, instead of filling its memory."""
    async with Emulator(slots={"image": 20}) as emulator, emulator.client(limits=Limits(image=20)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(400))
            run = batch.run()
            await anext(run)
            await asyncio.sleep(3600)
            sent = len(emulator.tasks)
            await run.aclose()

    assert 100 < sent < 150


@pytest.mark.looptime
async def test_files_that_cannot_be_stored_are_fetched_by_the_next_run(journal: Path, out: Path) -> None:
    """The run ends with the reason; the tasks are paid and wait as succeeded."""
    async with Emulator() as emulator:
        async with emulator.client(downloads=Downloads(max_bytes={"image": 10}, resumes=0)) as kling:
            async with Batch(kling, "teasers", journal=journal, output=out) as batch:
                await batch.add(pictures(2))
                with pytest.raises(Exception, match="2 files of results could not be stored"):
                    await ended(batch)
                waiting = batch.summary()["storing"]
        async with emulator.client() as kling:
            async with Batch(kling, "teasers", journal=journal, output=out) as batch:
                items = await ended(batch)

        assert 2 == waiting
        assert {"p0": "done", "p1": "done"} == states(items)
        assert [1, 1] == made(emulator)


async def test_a_task_that_the_vendor_denies_is_lost_after_three_looks(journal: Path, out: Path) -> None:
    """It is never made anew by itself; a person can have it looked for."""
    emulating, patient = Emulator(speed=SPEED), Polling(patience=0.2)
    async with emulating as emulator, emulator.client(polling=patient, limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal, output=out, losing=0.1) as batch:
            await batch.add(pictures(1))
            emulator.add(Hide(10_000))
            lost = await ended(batch)
            free = kling.slots["image"].used
            emulator.clear_faults()
            found = await batch.resolve("p0", "look")
            done = await ended(batch)

    assert {"p0": "lost"} == states(lost)
    assert 0 == free
    assert State.SUBMITTED is found.state
    assert {"p0": "done"} == states(done)
    assert [1] == made(emulator)


async def test_what_is_refused_after_a_lost_answer_is_refused_after_all(journal: Path) -> None:
    """Once it is certain that there is no task."""
    faults = [Refuse(5000, calls="creates", first=1), Refuse(1201, calls="creates", first=1), RepeatedIds()]
    emulating = Emulator(speed=SPEED, faults=faults)
    async with emulating as emulator, emulator.client(retry=Retry(settle=0.1)) as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            items = await ended(batch)
    with closing(sqlite3.connect(journal)) as connection:
        causes = [cause for (cause,) in connection.execute("SELECT cause FROM event ORDER BY id")]

    assert {"p0": "refused"} == states(items)
    assert ["slot_granted", "doubt", "absent", "doubt", "refused_after_all"] == causes
    assert [] == made(emulator)


async def test_an_answer_that_passes_changes_nothing(journal: Path) -> None:
    """A full pool, requests too fast: the same create goes out again."""
    faults = [Refuse(1303, calls="creates", first=2), Refuse(1302, calls="creates", first=1)]
    async with Emulator(speed=SPEED, faults=faults) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(2))
            items = await ended(batch)

    assert {"p0": "done", "p1": "done"} == states(items)
    assert [1, 1] == made(emulator)


async def test_a_vendor_who_is_away_is_waited_for(journal: Path, out: Path) -> None:
    """Nothing is given up, and nothing is paid twice."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(pictures(6))
            emulator.add(Down(since=0.1, until=3.0))
            items = await ended(batch)

    assert {"done"} == set(states(items).values())
    assert [1] * 6 == made(emulator)


async def test_a_disk_that_takes_no_files_stops_the_sending(journal: Path, out: Path) -> None:
    """What was made waits for the next run; no more is paid for what could not be stored."""
    async with Emulator(speed=SPEED) as emulator, emulator.client(limits=Limits(image=1)) as kling:
        async with Batch(kling, "teasers", journal=journal, output=out) as batch:
            await batch.add(pictures(40))
            for at in range(40):
                (out / f"p{at}-0.png").mkdir()
            with pytest.raises(Unwritable):
                await ended(batch)
            paid = len(emulator.tasks)
            for at in range(40):
                (out / f"p{at}-0.png").rmdir()
            items = await ended(batch)

    assert paid < 40
    assert 40 == len(items)
    assert [1] * 40 == made(emulator)


async def test_planned_items_can_be_cancelled(journal: Path) -> None:
    """What was sent goes on; what was not is refused, and can be asked for anew."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(4))
            cancelled = await batch.cancel(custom_ids=["p0", "p3"])
            items = await ended(batch, include_ended=True)
            again = await batch.retry(["refused"])

    assert (2, 2) == (cancelled, again)
    assert {"p0": "refused", "p1": "done", "p2": "done", "p3": "refused"} == states(items)


async def test_one_id_is_not_taken_for_the_ids_of_its_letters(journal: Path) -> None:
    """Which a text is, to Python; nothing is cancelled or made anew by such a mistake."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add([{**pictures(1)[0], "custom_id": "p"}])

            with pytest.raises(InvalidRequest, match="custom_ids: must be several ids"):
                await batch.cancel(custom_ids="p")
            with pytest.raises(InvalidRequest, match="custom_ids: must be several ids"):
                await batch.retry(custom_ids="p")

            assert 1 == batch.summary()["planned"]


async def test_an_output_that_is_no_directory_is_told_by_its_name(journal: Path) -> None:
    """As it is called here, before there is a journal."""
    journal.parent.joinpath("file").touch()
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        batch = Batch(kling, "teasers", journal=journal, output=journal.parent / "file")

        with pytest.raises(InvalidRequest, match="output: must be a directory that can be written"):
            await batch.__aenter__()

    assert not journal.exists()


async def test_another_account_is_not_taken_for_the_same(journal: Path) -> None:
    """The message says how to go on where it is one."""
    async with Emulator(speed=SPEED) as first, first.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            await ended(batch)
    async with Emulator(speed=SPEED, seed=1, access_key="another-key") as second, second.client() as kling:
        with pytest.raises(JournalError, match="account='key-") as caught:
            async with Batch(kling, "teasers", journal=journal) as batch:
                pass
        label = str(caught.value).partition("account='")[2].partition("'")[0]
        async with Batch(kling, "teasers", journal=journal, account=label) as batch:
            await batch.add(pictures(2))
            items = await ended(batch)

    assert {"p1": "done"} == states(items)


async def test_an_emulator_that_was_begun_anew_is_told(journal: Path) -> None:
    """It gives the same ids once more, and a journal keeps apart what the vendor does."""
    async with Emulator(speed=SPEED) as first, first.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            await ended(batch)

    async with Emulator(speed=SPEED) as second, second.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(2))
            with pytest.raises(JournalError, match="as an emulator does that was begun anew; name another file"):
                await ended(batch)


async def test_the_journal_is_readable_by_its_owner_only_and_holds_no_key(journal: Path) -> None:
    """Its links are as good as keys, and keys are not in it."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(1))
            await ended(batch)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in journal.parent.iterdir()}
    keys = [ACCESS_KEY, SECRET_KEY]
    content = b"".join(path.read_bytes() for path in journal.parent.iterdir() if path.is_file())

    assert {0o600} == set(modes.values())
    assert not [key for key in keys if key.encode() in content]


async def test_one_run_at_a_time(journal: Path) -> None:
    """And nothing is retried, cancelled or resolved under its feet."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        async with Batch(kling, "teasers", journal=journal) as batch:
            await batch.add(pictures(3))
            run = batch.run()
            await anext(run)
            for call in (batch.retry(), batch.cancel(), batch.resolve("p0", "look"), anext(batch.run())):
                with pytest.raises(InvalidRequest, match="run"):
                    await call
            await run.aclose()


async def test_a_batch_that_is_not_open_says_so(journal: Path) -> None:
    """Before, and after."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        batch = Batch(kling, "teasers", journal=journal)
        with pytest.raises(JournalError, match="async with Batch"):
            await batch.add(pictures(1))
        async with batch:
            pass
        with pytest.raises(JournalError, match="async with Batch"):
            await batch.add(pictures(1))


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("name", "a\nb"), ("name", 3), ("account", " ")])
async def test_names_are_texts_that_can_be_printed(journal: Path, field: str, value: Any) -> None:
    """Said before anything is opened."""
    async with Emulator(speed=SPEED) as emulator, emulator.client() as kling:
        given: dict[str, Any] = {"name": "teasers", "journal": journal, field: value}
        with pytest.raises(InvalidRequest, match=field):
            Batch(kling, **given)

        assert not journal.exists()
