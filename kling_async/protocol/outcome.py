"""What became of a request that ended in an error, as data: was a task made, may it be sent again, what to do now.

Three answers to "did it arrive?": accepted, refused (certainly not made), unknown. Whatever is not listed is unknown.
The service code decides, not the HTTP status: 429 covers what passes and what never will. One table for creates and
queries; nothing is sent or repeated here.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import attrs

from ..errors import (
    ApiError,
    ClientClosed,
    ConnectionFailed,
    DuplicateTask,
    InvalidRequest,
    MissingCredentials,
    ResponseError,
    SlotsUnavailable,
    TaskNotFound,
)


class Outcome(StrEnum):
    """What became of a create."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Certainly no task was made."""
    UNKNOWN = "unknown"
    """A task may have been made, and be billed."""


class Repeat(StrEnum):
    """Whether a create may be sent again without anybody being asked."""

    NO = "no"
    ONCE = "once"
    YES = "yes"
    RECONCILED = "after reconcile"
    """Only once it is certain that the first one made nothing."""


class Reaction(StrEnum):
    """What to do now."""

    FAIL = "fail"
    """Raise it; others are not concerned."""
    RENEW = "renew"
    """Once more with a fresh token, made for the vendor's clock; then as `HALT_ACCOUNT`."""
    HALT_ACCOUNT = "halt account"
    """Every other create of the account would meet it too."""
    HALT_POOL = "halt pool"
    """Every other create of this pool would."""
    HALT_ENDPOINT = "halt endpoint"
    """Every other create of this endpoint and model would."""
    PAUSE = "pause"
    """Wait a while, for as long as a Retry-After says where there is one."""
    SLOT = "wait for a slot"
    """Give the slot back and wait for one at the head of the queue; counts as no attempt."""
    RECONCILE = "reconcile"
    """Ask the vendor whether there is a task with this external id."""
    ADOPT = "adopt"
    """The id belongs to a task: the caller's own mistake, or an earlier attempt that got through."""
    RETRY = "retry"
    """Ask again."""
    ABSENT = "absent so far"
    """An answer, not a failure: there is no such task, or it cannot be seen yet."""


@attrs.frozen
class Row:
    """A line of the table."""

    outcome: Outcome
    """Of a create. A refusal for good that follows an unknown outcome is itself unknown, whatever it says."""
    repeat: Repeat
    create: Reaction
    query: Reaction


_NOT, _OPEN = Outcome.REFUSED, Outcome.UNKNOWN
_FAIL, _PAUSE, _RETRY, _HALT = Reaction.FAIL, Reaction.PAUSE, Reaction.RETRY, Reaction.HALT_ACCOUNT

_REFUSED: Final = Row(_NOT, Repeat.NO, _FAIL, _FAIL)
_HALTED: Final = Row(_NOT, Repeat.NO, _HALT, _FAIL)
_RENEWED: Final = Row(_NOT, Repeat.ONCE, Reaction.RENEW, Reaction.RENEW)
_PASSING: Final = Row(_NOT, Repeat.YES, _PAUSE, _RETRY)
_UNSENT: Final = Row(_NOT, Repeat.YES, _FAIL, _FAIL)
_UNKNOWN: Final = Row(_OPEN, Repeat.RECONCILED, Reaction.RECONCILE, _RETRY)
_GONE: Final = Row(_OPEN, Repeat.RECONCILED, _FAIL, _FAIL)

CODES: Final[Mapping[int | None, Row]] = {
    1000: _HALTED,
    1001: _HALTED,
    1002: _RENEWED,
    1003: _RENEWED,
    1004: _RENEWED,
    1100: _HALTED,
    1101: _HALTED,
    1102: Row(_NOT, Repeat.NO, Reaction.HALT_POOL, _FAIL),
    1103: Row(_NOT, Repeat.NO, Reaction.HALT_ENDPOINT, _FAIL),
    1200: _REFUSED,
    1201: _REFUSED,
    1202: _REFUSED,
    1203: Row(_NOT, Repeat.NO, _FAIL, Reaction.ABSENT),
    1300: _REFUSED,
    1301: _REFUSED,
    1302: Row(_NOT, Repeat.YES, _PAUSE, _PAUSE),
    1303: Row(_NOT, Repeat.YES, Reaction.SLOT, _PAUSE),
    1304: _HALTED,
    5000: _UNKNOWN,
    5001: _UNKNOWN,
    5002: _UNKNOWN,
}
"""By the vendor's service code."""

WORDS: Final[Mapping[type[ApiError], Row]] = {
    DuplicateTask: Row(_NOT, Repeat.NO, Reaction.ADOPT, _FAIL),
    TaskNotFound: Row(_NOT, Repeat.NO, _FAIL, Reaction.ABSENT),
}
"""What two texts under 1201 mean."""

STATUSES: Final[Mapping[int | None, Row]] = {408: _UNKNOWN, 429: _PASSING}
"""By HTTP status, where there is no code or one that nobody has seen."""

CLASSES: Final[Mapping[str, Row]] = {"3": _REFUSED, "4": _REFUSED, "5": _UNKNOWN}
"""By the first digit of any other status. Redirects are off, so that one is a mistake in the base URL."""

HERE: Final[Mapping[type[BaseException], tuple[Row, Row]]] = {
    ConnectionFailed: (_PASSING, _UNKNOWN),
    ClientClosed: (_REFUSED, _GONE),
    CancelledError: (_UNSENT, _UNKNOWN),
    SlotsUnavailable: (_UNSENT, _UNSENT),
    InvalidRequest: (_REFUSED, _REFUSED),
    MissingCredentials: (_REFUSED, _REFUSED),
}
"""
What fails on the way: where nothing can have arrived, and where the error says `may_have_been_created`.

Nothing has arrived without a name, an address, a connection within the time, or all of the body.
"""

DISTRUSTED: Final = _HALTED
"""A certificate that was not accepted. Never a reason to do without one."""


def of(error: BaseException) -> Row:
    """The line of an error."""
    if isinstance(error, ConnectionFailed) and not error.retryable:
        return DISTRUSTED
    for special, row in WORDS.items():
        if isinstance(error, special):
            return row
    if isinstance(error, ApiError | ResponseError):
        coded = CODES.get(error.code) if isinstance(error, ApiError) else None
        return coded or STATUSES.get(error.status) or CLASSES.get(str(error.status)[:1], _UNKNOWN)
    for kind, (unsent, sent) in HERE.items():
        if isinstance(error, kind):
            return sent if getattr(error, "may_have_been_created", None) else unsent
    return _UNKNOWN
