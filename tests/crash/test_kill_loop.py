"""Processes killed at any moment, at a vendor on its worst days: nothing is lost, nothing is paid twice."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kling_async.emulator.faults import Bend, Down, Fault, Hide, Lose, Mix, Rate, Refuse, Shuffle, Slow, Stale
from tests.crash.lane import Lane
from tests.crash.world import World, rows, world

SECONDS = float(os.environ.get("KLING_KILL_LOOP_SECONDS", "60"))
TASKS = 40
LANES = 2
KILLS = 20
"""Of the processes of one batch, before it is left alone and another one begins."""
HIDDEN, LATE, SETTLE = 0.2, 0.2, 1.5
"""What is carried out late shows later still, and within the settle window."""
SOON, PATIENT = 0.15, 2.5
"""Seconds that a process has at least, and at most."""
LOST: list[Any] = ["cut", "reset", "cut_body", "empty", "unreadable", "no_task_id", "html", 500, 504, 5001, 5002]
REFUSED: list[Any] = [1302, 1303, 5000, 5001, 503, "html", "cut", "reset"]


def worst_days(chance: random.Random) -> list[Fault]:
    """Everything at once, and never the same."""
    faults: list[Fault] = [
        Hide(HIDDEN),
        Lose(chance.choice(LOST), chance=0.1),
        Lose(chance.choice(LOST), chance=0.1),
        Lose("silence", chance=0.02),
        Refuse(chance.choice(REFUSED), chance=0.05),
        Refuse(chance.choice(REFUSED), chance=0.05, calls="creates"),
        Slow(LATE, late=True, chance=0.05, calls="creates"),
        Slow(0.3, chance=0.02),
        Rate(chance.choice([40, 80, 200]), calls="creates"),
        chance.choice([Shuffle(), Mix(2), Stale(0.5), Bend("array"), Bend("null", chance=0.1)]),
    ]
    downs = [chance.uniform(0.5, 30) for _ in range(6)]
    return faults + [Down(since=at, until=at + chance.uniform(0.05, 0.3)) for at in downs]


async def life(lane: Lane, folder: Path, seed: int, until: float) -> tuple[int, list[str], str]:
    """One batch, from its plan to its end: how often it was killed, and what was wrong with it."""
    chance, killed, odd = random.Random(seed), 0, list[str]()
    folder.mkdir()
    async with world(folder, *worst_days(chance), settle=SETTLE, seed=seed, trouble=0.1) as it:
        it.plan(rows(TASKS, bad=True), chance.choice([1, 4]))
        while time.monotonic() < until and killed < KILLS:
            code = await lane.run(it.order(timeout=1.0), kill_after=chance.uniform(SOON, PATIENT))
            killed += code < 0
            odd += [f"seed {seed}: {each}" for each in it.paid_twice()]
            if code > 1:
                odd.append(f"seed {seed}: a process ended with {code}")
            if not code or odd:
                break
        it.well()
        quiet = await left_alone(it, lane)
        odd += [f"seed {seed}: {each}" for each in (*quiet, *it.wrong())]
        return killed, odd, it.order().log.read_text() if odd else ""


async def left_alone(it: World, lane: Lane) -> list[str]:
    """A process that nobody kills, at a vendor who is well."""
    code = await lane.run(it.order(at_rest=True))
    return [] if not code else [f"the last process ended with {code}"]


@pytest.mark.timeout(SECONDS + 120)
async def test_killed_at_any_moment_on_the_worst_of_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The seeds of batches that went wrong are told; `KLING_KILL_LOOP_SEED` begins with one, ..._SECONDS is longer."""
    first = int(os.environ.get("KLING_KILL_LOOP_SEED") or random.SystemRandom().randrange(10**6))
    until = time.monotonic() + SECONDS
    lives, killed, wrong, log = 0, 0, list[str](), ""

    async def live(number: int) -> None:
        nonlocal lives, killed, wrong, log
        async with Lane() as lane:
            seed = first + number
            while time.monotonic() < until and not wrong:
                times, odd, said = await life(lane, tmp_path / str(seed), seed, until)
                lives, killed, wrong, log = lives + 1, killed + times, [*wrong, *odd], log + said
                seed += LANES

    await asyncio.gather(*(live(number) for number in range(LANES)))
    with capsys.disabled():
        sys.stdout.write(f"seeds from {first} on: {lives} batches of {TASKS} tasks, {killed} processes killed\n")

    assert [] == wrong, log
    assert killed > lives
