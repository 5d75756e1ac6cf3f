"""Many callers at once, in any order: the journal ends where a model of one task after the other ends."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async.batch.journal import Journal
from kling_async.batch.states import BY_EVENT, Cause, IllegalTransition, State, step
from tests.batch.paper import entered, many, opened, rows, told

LAZY = frozenset(cause for cause in Cause if all(not each.durable for each in BY_EVENT.values() if each.cause is cause))


class Doing(NamedTuple):
    """What one caller does."""

    cause: Cause
    leaves: bool
    """Whether it is cancelled while it waits."""
    rests: int
    """Turns of the loop that it lets pass before."""


doings = st.builds(Doing, st.sampled_from(Cause), leaves=st.booleans(), rests=st.integers(0, 3))
histories = st.lists(st.lists(doings, max_size=12), min_size=1, max_size=8)


def model(causes: list[Cause]) -> Iterator[State | None]:
    """What becomes of a planned task, and None for what cannot happen to it."""
    state = State.PLANNED
    for cause in causes:
        try:
            state = step(state, cause)
        except IllegalTransition:
            yield None
        else:
            yield state


async def lived(journal: Journal, seq: int, doings: list[Doing]) -> list[State | None]:
    """Do all that one task meets, in its order; what is told of each, and None for what cannot happen."""
    outcomes: list[State | None] = []
    for doing in doings:
        for _ in range(doing.rests):
            await asyncio.sleep(0)
        caller = asyncio.ensure_future(journal.step(seq, doing.cause, **told(seq, doing.cause)))
        await asyncio.sleep(0)
        if doing.leaves:
            caller.cancel()
        try:
            outcomes.append(await caller)
        except IllegalTransition:
            outcomes.append(None)
        except asyncio.CancelledError:
            outcomes.append(State.HELD)  # whatever it was: nobody was told
    return outcomes


@settings(deadline=None, max_examples=60)
@given(histories)
def test_any_order_of_callers_ends_as_one_after_the_other(histories: list[list[Doing]]) -> None:
    """Tasks beside each other, some of whose callers leave: each is told the truth, and the audit is complete."""

    async def main(path: Path) -> list[list[State | None]]:
        async with await opened(path) as journal:
            await journal.plan(await entered(journal), many(len(histories)))
            return await asyncio.gather(*(lived(journal, seq, each) for seq, each in enumerate(histories, 1)))

    with tempfile.TemporaryDirectory() as folder:
        outcomes = asyncio.run(main(Path(folder) / "jobs.db"))
        states = rows(Path(folder) / "jobs.db", "SELECT state FROM task ORDER BY seq")
        events = rows(Path(folder) / "jobs.db", "SELECT task_seq, to_state FROM event ORDER BY id")

    for seq, (doings, heard, (state,)) in enumerate(zip(histories, outcomes, states, strict=True), 1):
        wanted = list(model([doing.cause for doing in doings]))
        reached = [each for each in wanted if each is not None]
        assert (reached or [State.PLANNED])[-1] == state
        assert all(got is want for got, want, doing in zip(heard, wanted, doings, strict=True) if not doing.leaves)
        trail = [State(to) for task, to in events if task == seq]
        source, wanted_trail = State.PLANNED, list[State]()
        for doing, target in zip(doings, wanted, strict=True):
            if target is None:
                continue
            if target is not source or BY_EVENT[source, doing.cause].durable:
                wanted_trail.append(target)
            source = target
        assert wanted_trail == trail


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1 << 30), tasks=st.integers(1, 30))
def test_whatever_is_told_by_the_way_keeps_its_place(seed: int, tasks: int) -> None:
    """Steps that nobody waits for come between those that somebody waits for, in the order in which they were told."""
    luck = random.Random(seed)

    async def one(journal: Journal, seq: int) -> State:
        state = await journal.step(seq, Cause.SLOT_GRANTED)
        for _ in range(luck.randrange(8)):
            cause = luck.choice([cause for source, cause in BY_EVENT if source is state])
            state = step(state, cause)
            if cause in LAZY and luck.random() < 0.8:
                journal.later(seq, cause)
            else:
                assert state is await journal.step(seq, cause, **told(seq, cause))
            if not any(source is state for source, _ in BY_EVENT):
                break
        return state

    async def main(path: Path) -> list[State]:
        async with await opened(path) as journal:
            await journal.plan(await entered(journal), many(tasks))
            return await asyncio.gather(*(one(journal, seq) for seq in range(1, tasks + 1)))

    with tempfile.TemporaryDirectory() as folder:
        wanted = asyncio.run(main(Path(folder) / "jobs.db"))
        states = rows(Path(folder) / "jobs.db", "SELECT state FROM task ORDER BY seq")

    assert wanted == [State(state) for (state,) in states]
