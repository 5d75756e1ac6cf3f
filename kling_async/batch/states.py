"""What may become of a task in a batch: states, causes, and the one table of what leads where. Pure data.

The journal's constraints, its compare-and-set and the documentation are made from the table or tested against it. What
is not in it raises, since it would be a mistake of ours and money is at stake.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto
from typing import Final, NamedTuple


class State(StrEnum):
    """How a task stands."""

    PLANNED = auto()
    """Taken over from the manifest; nothing was sent."""
    SUBMITTING = auto()
    """A create may be on its way."""
    UNKNOWN = auto()
    """A create was sent and its answer lost: a task may exist."""
    SUBMITTED = auto()
    """The vendor has the task."""
    SUCCEEDED = auto()
    """The vendor made it; not all files are here."""
    DONE = auto()
    FAILED = auto()
    """The vendor could not make it."""
    REFUSED = auto()
    """It was never made: the vendor would not, or a person."""
    HELD = auto()
    """Nobody knows whether it was made; a person decides."""
    LOST = auto()
    """The vendor knows no longer of it; a person may look for it."""


class Cause(StrEnum):
    """What happens to a task."""

    MANIFEST_ROW = auto()
    SLOT_GRANTED = auto()
    ACCEPTED = auto()
    PASSING = auto()
    REFUSED = auto()
    REFUSED_IN_DOUBT = auto()
    DOUBT = auto()
    START = auto()
    FOUND = auto()
    ABSENT = auto()
    HELD = auto()
    ASKING_FAILED = auto()
    PENDING = auto()
    SUCCEED = auto()
    FAIL = auto()
    MISSED = auto()
    LOST = auto()
    STORED = auto()
    LINK_GONE = auto()
    EXPIRED = auto()
    CANCELLED = auto()
    REFUSED_AFTER_ALL = auto()
    GIVEN_BACK = auto()
    RESOLVED_FOUND = auto()
    RESOLVED_SEND = auto()
    RESOLVED_GIVE_UP = auto()
    RETRIED = auto()
    UNFIT = auto()


class Transition(NamedTuple):
    """One line of the table."""

    number: int
    """Its place in the documentation; a line there that can end in several ways is several here."""
    source: State | None
    """None where a task begins."""
    cause: Cause
    target: State
    durable: bool
    """Whether it must be on disk before anything else is done; what is not is found out again after a crash."""
    rule: str


_P, _T, _U, _S = State.PLANNED, State.SUBMITTING, State.UNKNOWN, State.SUBMITTED
_Y, _H, _L, _R = State.SUCCEEDED, State.HELD, State.LOST, State.REFUSED

TRANSITIONS: Final[tuple[Transition, ...]] = (
    Transition(1, None, Cause.MANIFEST_ROW, _P, True, "all rows of a manifest at once; those that are known stay"),
    Transition(2, _P, Cause.SLOT_GRANTED, _T, True, "on disk before the first byte of the POST"),
    Transition(3, _T, Cause.ACCEPTED, _S, True, "with the task's id"),
    Transition(4, _T, Cause.PASSING, _T, False, "certainly not made, and only for now: the same POST again"),
    Transition(5, _T, Cause.REFUSED, _R, True, "refused for good and never in doubt: nothing was paid"),
    Transition(6, _T, Cause.REFUSED_IN_DOUBT, _U, False, "refused, but a POST before it may have been the reason"),
    Transition(7, _T, Cause.DOUBT, _U, False, "an answer was lost"),
    Transition(8, _T, Cause.START, _U, True, "a process that starts finds nothing but doubt"),
    Transition(9, _U, Cause.FOUND, _S, True, "asked for by its external id, and there it is"),
    Transition(10, _U, Cause.ABSENT, _T, True, "absent through the whole settle window: the same POST again"),
    Transition(10, _U, Cause.HELD, _H, True, "the same, where nothing may be sent twice"),
    Transition(11, _U, Cause.ASKING_FAILED, _U, False, "a question that failed proves nothing: asked again, not sent"),
    Transition(12, _S, Cause.PENDING, _S, False, "not ended yet"),
    Transition(13, _S, Cause.SUCCEED, _Y, True, "with the links, when they expire, and what was charged"),
    Transition(14, _S, Cause.FAIL, State.FAILED, True, "with the vendor's reason"),
    Transition(15, _S, Cause.MISSED, _S, True, "the vendor did not know of it, once"),
    Transition(15, _S, Cause.LOST, _L, True, "the same three times an hour apart: told, never sent again by itself"),
    Transition(16, _Y, Cause.STORED, State.DONE, True, "all files are here: the last file first, then this"),
    Transition(17, _Y, Cause.LINK_GONE, _Y, True, "a link opens nothing any more: fresh ones by a query"),
    Transition(
        17, _Y, Cause.EXPIRED, State.DONE, True, "the vendor keeps files for 30 days: done, without some of them"
    ),
    Transition(18, _P, Cause.CANCELLED, _R, True, "only what was not sent can be cancelled"),
    Transition(19, _U, Cause.REFUSED_AFTER_ALL, _R, True, "refused for good, and absent through the settle window"),
    Transition(20, _T, Cause.GIVEN_BACK, _P, True, "certainly not made, and the run stops"),
    Transition(21, _H, Cause.RESOLVED_FOUND, _S, True, "a person had it looked for, and there it is"),
    Transition(21, _U, Cause.RESOLVED_FOUND, _S, True, "the same, earlier"),
    Transition(22, _H, Cause.RESOLVED_SEND, _P, True, "a person says that it was not made, or may be made again"),
    Transition(22, _U, Cause.RESOLVED_SEND, _P, True, "the same, earlier"),
    Transition(23, _H, Cause.RESOLVED_GIVE_UP, _R, True, "a person does not want it any more"),
    Transition(23, _U, Cause.RESOLVED_GIVE_UP, _R, True, "the same, earlier"),
    Transition(24, _L, Cause.RESOLVED_FOUND, _S, True, "a person had it looked for, and there it is again"),
    Transition(25, None, Cause.RETRIED, _P, True, "a new generation of a task that ended otherwise than wanted"),
    Transition(26, _P, Cause.UNFIT, _R, True, "it cannot be sent as it stands: a file it needs is gone or has changed"),
)

BY_EVENT: Final[Mapping[tuple[State | None, Cause], Transition]] = {
    (each.source, each.cause): each for each in TRANSITIONS
}

FINAL: Final = frozenset({State.DONE, State.FAILED, State.REFUSED, State.LOST})
"""Nothing more happens to these by itself."""


class IllegalTransition(RuntimeError):
    """Something happened to a task that cannot happen in its state: a mistake in this package. Nothing was changed."""


def transition(state: State | None, cause: Cause) -> Transition:
    """The line of the table; raises `IllegalTransition` where there is none."""
    found = BY_EVENT.get((state, cause))
    if found is None:
        raise IllegalTransition(f"{cause} cannot happen to a task that is {state or 'not there'}")
    return found


def step(state: State | None, cause: Cause) -> State:
    """What becomes of a task; raises `IllegalTransition`."""
    return transition(state, cause).target
