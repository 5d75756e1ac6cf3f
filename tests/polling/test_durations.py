"""What is learned about durations, and what becomes of it on disk."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import InvalidRequest, Polling
from kling_async.emulator import Emulator
from kling_async.polling import memory
from kling_async.polling.durations import Durations, Table

FINE = ("kling-v3", "pro", "5")


def learned(seconds: float, count: int = 50, kind: tuple[str, ...] = FINE) -> Durations:
    """Tables that saw tasks of about so many seconds."""
    durations, chance = Durations("video"), random.Random(1)
    for _ in range(count):
        durations.ended(kind, 0.0, seconds * chance.uniform(0.9, 1.1))
    durations.refresh()
    return durations


@pytest.mark.parametrize(("pool", "median"), [("image", 20), ("video", 120), ("try_on", 20), ("other", 30)])
def test_every_pool_begins_with_a_belief(pool: str, median: float) -> None:
    """Before anything was seen."""
    assert median == pytest.approx(Durations(pool).table(()).median, rel=0.02)


def test_a_few_ends_move_the_belief() -> None:
    """Twenty are more than enough."""
    assert 30 == pytest.approx(learned(30, count=20).table(FINE).median, rel=0.25)


def test_a_thin_kind_leans_on_the_coarser_one() -> None:
    """Another duration of the same model is a better guess than nothing."""
    durations = learned(30)

    assert 30 == pytest.approx(durations.table(("kling-v3", "pro", "10")).median, rel=0.25)


def test_kinds_are_told_apart_once_they_are_known() -> None:
    """Each has its own table."""
    durations = learned(30)
    for _ in range(50):
        durations.ended(("kling-v3", "std", "5"), 0.0, 200)
    durations.refresh()

    assert 30 == pytest.approx(durations.table(FINE).median, rel=0.25)
    assert 200 == pytest.approx(durations.table(("kling-v3", "std", "5")).median, rel=0.25)


def test_tasks_that_are_still_pending_count() -> None:
    """Among many made at once the first to end do not make all look short."""
    blind, watching = Durations("video"), Durations("video")
    for durations in (blind, watching):
        for _ in range(5):
            durations.ended((), 0.0, 40)
    watching.watched((), 0.0, 60, 95)
    blind.refresh()
    watching.refresh()

    assert watching.table(()).chance(60) < 0.1 < blind.table(()).chance(60)


def test_a_service_that_becomes_slower_is_followed() -> None:
    """Old ends count less and less."""
    durations = learned(30, count=400)
    for _ in range(300):
        durations.ended(FINE, 0.0, 90)
    durations.refresh()

    assert durations.table(FINE).median > 70


@given(
    ends=st.lists(st.floats(0.001, 100_000), max_size=60),
    pending=st.lists(st.floats(0, 100_000), max_size=20),
    ages=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
)
def test_chances_are_chances_whatever_was_seen(
    ends: list[float], pending: list[float], ages: tuple[float, float]
) -> None:
    """They grow with age, debts too, and nothing is ever certain."""
    durations = Durations("image")
    for each in ends:
        durations.ended((), 0.0, each)
    for each in pending:
        durations.watched((), 0.0, each)
    durations.refresh()
    table = durations.table(())
    young, old = sorted(ages)
    debt, growth, rise = table.debt(young, old)

    assert 0 <= table.chance(young) <= table.chance(old) < 1
    assert -1e-4 <= debt <= (old - young) * (1 + 1e-9) + 1e-4  # differences of sums of up to a million
    assert 0 <= growth <= 1
    assert rise >= 0
    assert table.left(young) >= 0
    assert table.chance(table.quantile(0.5)) == pytest.approx(0.5, abs=1e-6) or table.median > 10_000


def test_what_was_learned_survives_json() -> None:
    """Every table, to the last digit."""
    durations = learned(30)
    again = Durations("video")

    again.load(json.loads(json.dumps(durations.dump())))

    assert durations.table(FINE).median == again.table(FINE).median
    assert durations.table(()).debt(10, 40) == again.table(()).debt(10, 40)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 2, "endpoints": {}}', b'{"format": 1, "endpoints": 5}'),
        b'{"format": 1, "endpoints": {"videos.text_to_video": 5}}',
        b'{"format": 1, "endpoints": {"videos.text_to_video": [{"kind": [], "seen": 1, "bins": {"999": [1, 1, 1]}}]}}',
        b'{"format": 1, "endpoints": {"videos.text_to_video": [{"kind": [], "seen": "x", "bins": {}}]}}',
        b'{"format": 1, "endpoints": {"videos.text_to_video": [{"kind": 7, "seen": 1, "bins": {}}]}}',
        b'{"format": 1, "endpoints": {"x": [{"kind": [], "seen": 1, "bins": {"1": [1e999, 1, 1]}}]}}',
        b'{"format": 1, "endpoints": {"x": [{"kind": [], "seen": 1, "bins": {"1": [-1e9, 1, 1]}}]}}',
        b'{"format": 1, "endpoints": {"x": [{"kind": [], "seen": -1, "bins": {}}]}}',
        b'{"format": 1, "endpoints": {"x": [{"kind": [%s], "seen": 1, "bins": {}}]}}' % b",".join([b'"a"'] * 5000),
        b'{"format": 1, "endpoints": {"x": [{"kind": [], "seen": 9, "bins": {"9": [9, 1, 1]}}, 5]}}',
    ],
    ids=range(16),
)
def test_a_memory_that_makes_no_sense_is_no_memory(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning, and the belief one begins with."""
    path = tmp_path / "durations.json"
    path.write_bytes(content)
    durations = Durations("video")

    endpoints = memory.read(path)
    for name, rows in endpoints.items():
        durations = memory.recall("video", rows, name)

    assert "learned anew" in caplog.text
    assert 120 == pytest.approx(durations.table(()).median, rel=0.02)


async def test_a_second_run_begins_with_what_the_first_one_learned(tmp_path: Path) -> None:
    """Through the client, in a file that is its owner's alone."""
    path = tmp_path / "state" / "durations.json"
    polling = Polling(memory=path, max_lag=0.02)
    async with Emulator(speed=1000) as emulator:
        async with emulator.client(polling=polling) as kling:
            for _ in range(5):
                await (await kling.images.generate(prompt="x", model_name="kling-v3"))
        async with emulator.client(polling=polling) as kling:
            handle = await kling.images.generate(prompt="x", model_name="kling-v3")
            eta = handle.eta

    assert eta is not None
    assert eta < 10
    assert 0o600 == path.stat().st_mode & 0o777
    assert ["durations.json"] == [each.name for each in path.parent.iterdir()]


async def test_a_memory_on_a_disk_that_refuses_it_is_only_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing the client does not fail."""
    path = tmp_path / "file" / "durations.json"
    path.parent.write_text("not a directory")
    async with Emulator(speed=1000) as emulator, emulator.client(polling=Polling(memory=path)) as kling:
        await kling.images.generate(prompt="x")

    assert "could not be kept" in caplog.text


@pytest.mark.parametrize(
    "options", [{"requests_per_task": 0}, {"requests_per_task": "3"}, {"list_pages": 1}, {"memory": 5}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(InvalidRequest, match=f"Polling.{next(iter(options))}"):
        Polling(**options)


def test_a_table_can_stand_alone() -> None:
    """On any list of chances."""
    table = Table([min(1.0, at / 129) * 0.999 for at in range(130)])

    assert 0 < table.early < table.median < table.late
