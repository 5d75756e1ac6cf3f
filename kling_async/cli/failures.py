"""What an error looks like to somebody at a terminal: a headline, the words, the advice, an exit code. Tables only.

Prints nothing and knows no console. No error holds a credential, and nothing but its public fields is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, cast

import attrs

from ..errors import (
    AccountError,
    ApiError,
    AuthenticationError,
    ConnectionFailed,
    DownloadError,
    DuplicateTask,
    InvalidRequest,
    JournalError,
    KlingError,
    ManifestError,
    MissingCredentials,
    PolicyError,
    RateLimited,
    ResponseError,
    RowError,
    ServerError,
    SlotsUnavailable,
    SubmitUnknown,
    TaskFailed,
    TaskLost,
    TaskNotFound,
    TaskTimeout,
)
from ..handle import TaskRef
from ..wording import one_line, shown


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    ERROR = 1
    """The vendor, the network or the disk failed; or a batch stopped before all of it was sent."""
    USAGE = 2
    """Bad input or usage; nothing was sent."""
    TIMEOUT = 3
    """The time was up; a task that was made goes on."""
    FAILED = 4
    """The task, or one of a batch, failed or was refused."""
    UNKNOWN = 5
    """It, or one of a batch, was sent and may have been carried out and billed; sent again, it may be paid twice."""
    INTERRUPTED = 130


@attrs.frozen(kw_only=True)
class Failure:
    """One error, ready to be shown to people or written as JSON."""

    type: str
    title: str
    message: str
    advice: str = ""
    details: Mapping[str, object] = attrs.field(factory=dict[str, object])
    """What else is known, by name: code, HTTP status, request id; field, rule, value."""
    rows: Sequence[RowError] = ()
    """Every row of a manifest that is at fault."""
    exit: Exit = Exit.ERROR

    def to_json(self, ref: TaskRef | None = None) -> dict[str, object]:
        """The object that `--json` prints."""
        told: dict[str, object] = {"type": self.type, "message": self.message, "advice": self.advice, **self.details}
        if ref is not None:
            told["ref"] = reference(ref)
        if self.rows:
            told["rows"] = [{**row._asdict(), "value": _printable(row.value)} for row in self.rows]
        return {"error": {**told, "exit_code": int(self.exit)}}


_Kinds = tuple[type[KlingError], ...]

# In each table the first row that fits wins, so that special errors stand above general ones.
_EXITS: Final[tuple[tuple[_Kinds, Exit], ...]] = (
    ((TaskTimeout, SlotsUnavailable), Exit.TIMEOUT),
    ((TaskFailed, PolicyError), Exit.FAILED),
    ((SubmitUnknown,), Exit.UNKNOWN),
    ((ApiError,), Exit.ERROR),
    ((InvalidRequest, MissingCredentials), Exit.USAGE),
    ((KlingError,), Exit.ERROR),
)

_TITLES: Final[tuple[tuple[_Kinds, str], ...]] = (
    ((TaskTimeout,), "Still running"),
    ((SlotsUnavailable,), "No free slot"),
    ((TaskFailed,), "The task failed"),
    ((TaskNotFound, TaskLost), "No such task"),
    ((DuplicateTask,), "This id is taken"),
    ((PolicyError,), "Refused by the content policy"),
    ((AuthenticationError,), "The credentials were not accepted"),
    ((AccountError,), "The account cannot pay for this"),
    ((RateLimited,), "Too much at once"),
    ((ServerError,), "The vendor has trouble"),
    ((ApiError,), "The vendor refused"),
    ((InvalidRequest,), "Not sent: bad input"),
    ((JournalError,), "The journal cannot be used"),
    ((MissingCredentials,), "Not sent: no credentials"),
    ((SubmitUnknown,), "Sent, but the outcome is not known"),
    ((DownloadError,), "Not stored"),
    ((ConnectionFailed,), "No connection"),
    ((ResponseError,), "The answer makes no sense"),
    ((KlingError,), "It did not work"),
)

_ADVICE: Final[tuple[tuple[_Kinds, str], ...]] = (
    ((TaskTimeout,), "The task goes on and may be billed"),
    ((SlotsUnavailable,), "Try again when other tasks of the account have ended, or wait longer (--slot-timeout)"),
    ((TaskFailed,), "Failed tasks are not billed; change the prompt or the picture and try again"),
    ((ManifestError,), "Correct these rows and run it again; nothing of the manifest was taken over"),
    ((MissingCredentials,), "To try it without a key, add --emulator"),
    ((SubmitUnknown,), "Look for the task before making it again, so that it is not paid for twice"),
    ((DownloadError,), "The task is done and its files are kept for 30 days; fetching again costs nothing"),
    ((ConnectionFailed,), "Check the network, and the address if one was given (--base-url, KLING_BASE_URL)"),
)

_DETAILS: Final = (("code", "code"), ("http_status", "status"), ("request_id", "request_id"))


def explain(error: KlingError) -> Failure:
    """The failure to show for an error of the package."""
    details: dict[str, object] = {}
    rows: Sequence[RowError] = ()
    message, advice = str(error), _first(_ADVICE, error) or ""
    if isinstance(error, ApiError):
        message, advice = error.message, error.advice or advice
        details |= {name: getattr(error, attribute) for name, attribute in _DETAILS}
    elif isinstance(error, ManifestError):
        message, rows = message.partition("\n")[0], error.errors
    elif isinstance(error, InvalidRequest):
        details |= {"field": error.field, "rule": error.rule, "value": _printable(error.value)}
    elif isinstance(error, SubmitUnknown):
        message = error.message
        details |= {"external_task_id": error.external_task_id}
    elif isinstance(error, TaskFailed):
        message = one_line(cast("Any", error.task).message) or "The vendor gave no reason"
        details |= {"task": cast("Any", error.task).id}
    return Failure(
        type=type(error).__name__,
        title=_first(_TITLES, error) or "",
        message=message,
        advice=advice,
        details={name: value for name, value in details.items() if value is not None},
        rows=rows,
        exit=_first(_EXITS, error) or Exit.ERROR,
    )


def reference(ref: TaskRef) -> dict[str, object]:
    """A `TaskRef` as plain JSON."""
    return dict(ref.as_dict())


def plain(text: str) -> str:
    """Text from outside without control characters, which could move the cursor or recolour the terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def _first(table: tuple[tuple[_Kinds, Any], ...], error: KlingError) -> Any:
    return next((value for kinds, value in table if isinstance(error, kinds)), None)


def _printable(value: object) -> object:
    # Short texts and numbers stay what they are; a megabyte of Base64 is shown by its beginning.
    if value is None or isinstance(value, bool | int | float):
        return value
    return shown(str(value)).strip("'\"")
