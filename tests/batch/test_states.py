"""The table of transitions: what it promises as a whole."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from kling_async.batch.states import FINAL, TRANSITIONS, Cause, IllegalTransition, State, step
from tests.batch.paper import ways


@pytest.mark.parametrize("state", [None, *State])
def test_what_is_not_in_the_table_cannot_happen(state: State | None) -> None:
    """Every cause leads from a state where the table says, or raises."""
    outcomes: dict[Cause, State] = {}

    for cause in Cause:
        with contextlib.suppress(IllegalTransition):
            outcomes[cause] = step(state, cause)

    assert {each.cause: each.target for each in TRANSITIONS if each.source is state} == outcomes


def test_what_cannot_happen_is_named() -> None:
    """The message is enough to find the mistake."""
    with pytest.raises(IllegalTransition) as raised:
        step(State.DONE, Cause.SLOT_GRANTED)

    assert str(raised.value) == "slot_granted cannot happen to a task that is done"


def test_a_state_and_a_cause_have_one_outcome() -> None:
    """No pair stands in the table twice."""
    pairs = [(each.source, each.cause) for each in TRANSITIONS]

    assert len(set(pairs)) == len(pairs)


def test_a_cause_always_leads_to_the_same_state() -> None:
    """Whoever tells of a cause knows the outcome, whichever state it found."""
    outcomes = {
        each.cause: {other.target for other in TRANSITIONS if other.cause is each.cause} for each in TRANSITIONS
    }

    assert dict.fromkeys(Cause, 1) == {cause: len(targets) for cause, targets in outcomes.items()}


def test_numbers_are_those_of_the_documentation_without_a_gap() -> None:
    """A line of the table is found in the documentation by its number."""
    numbers = [each.number for each in TRANSITIONS]

    assert list(range(1, max(numbers) + 1)) == sorted(set(numbers))


def test_every_state_can_be_reached() -> None:
    """No state is there in vain."""
    assert set(State) == set(ways())


def test_every_task_can_come_to_an_end() -> None:
    """From each state there is a way to a final one, and held is never a dead end."""
    reaches = set(FINAL)
    while more := {each.source for each in TRANSITIONS if each.target in reaches and each.source} - reaches:
        reaches |= more

    assert set(State) == reaches


def test_what_has_ended_stays_so_but_for_what_a_person_finds_again() -> None:
    """Only a lost task may come back, when a person looked for it."""
    left = {(each.source, each.cause) for each in TRANSITIONS if each.source in FINAL}

    assert {(State.LOST, Cause.RESOLVED_FOUND)} == left


def test_only_a_durable_intent_leads_to_a_post() -> None:
    """Whatever comes to be submitting is on disk before the POST."""
    intents = [each for each in TRANSITIONS if each.target is State.SUBMITTING and each.source is not each.target]

    assert all(each.durable for each in intents)
    assert {Cause.SLOT_GRANTED, Cause.ABSENT} == {each.cause for each in intents}


def test_what_need_not_be_durable_is_found_out_again_after_a_crash() -> None:
    """Without it a task stands as it did, or as submitting, of which a start makes unknown all the same."""
    lazy = [each for each in TRANSITIONS if not each.durable]

    assert all(
        each.target is each.source or (each.source, each.target) == (State.SUBMITTING, State.UNKNOWN) for each in lazy
    )


def test_the_page_about_the_journal_has_the_table() -> None:
    """Line by line, so that nobody reads of a transition that is not there."""
    page = (Path(__file__).parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if re.match(r"\| \d+ \|", line)]

    expected = list[str]()
    for each in TRANSITIONS:
        durable = "yes" if each.durable else ""
        expected.append(
            f"| {each.number} | {each.source or ''} | {each.cause} | {each.target} | {durable} | {each.rule} |"
        )

    assert expected == lines
