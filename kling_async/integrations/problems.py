"""What a web service answers when a call to Kling went wrong: RFC 9457's problem, out of a table. Pure.

Whoever asks the service is told what they can change, and when to come again. They are not told about the account, the
machine or the vendor's answer, which belong in the log. To a create that may have made a task nobody is asked to come
again, because that would be paid twice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import attrs

from .. import errors as e
from ..wording import one_line

TYPE: Final = "urn:problem-type:kling-async:"
MEDIA_TYPE: Final = "application/problem+json"

_LONGEST: Final = 3600.0
"""Seconds that anybody is asked to wait."""
_ROWS: Final = 20
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

Members: TypeAlias = Mapping[str, object]


@attrs.frozen
class Row:
    """How errors of one class are told."""

    status: HTTPStatus
    title: str
    detail: str | Callable[[Any], str]
    wait: float | None = None
    """Seconds after which the same call may succeed; None where that is not a matter of time."""
    members: Callable[[Any], Members] | None = None
    """What a program may want to read besides."""


@attrs.frozen
class Problem:
    """An answer, ready to be sent as JSON of the type `application/problem+json`."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object]


def problem(error: e.KlingError, *, safe: bool) -> Problem:
    """
    Tell of an error.

    *safe*: the request changed nothing (GET, HEAD), so that it may be repeated whatever became of it.
    """
    row = _row(error)
    twice = not safe and _may_have_made_a_task(error)
    wait = None if twice else _wait(error, row, safe=safe)
    named = next(kind for kind in type(error).__mro__ if kind in TABLE)
    detail = row.detail if isinstance(row.detail, str) else row.detail(error)
    body: dict[str, object] = {
        "type": TYPE + _HUMP.sub("-", named.__name__).lower(),
        "title": row.title,
        "status": row.status.value,
        "detail": _OPEN if twice and not isinstance(error, _TOLD) else detail,
        **({} if row.members is None else row.members(error)),
    }
    if twice:
        body["may_have_been_created"] = True
    return Problem(row.status, {} if wait is None else {"Retry-After": str(wait)}, body)


def _row(error: e.KlingError) -> Row:
    row = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    if isinstance(error, e.ApiError) and error.code is None and row.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return TABLE[e.ApiError]  # said by a gateway, of the service's own call: not the fault of whoever asked us
    return row


def _may_have_made_a_task(error: e.KlingError) -> bool:
    return isinstance(error, _TOLD) or bool(getattr(error, "may_have_been_created", False))


def _wait(error: e.KlingError, row: Row, *, safe: bool) -> int | None:
    wait = row.wait
    if isinstance(error, e.ApiError) and wait is not None and error.retry_after is not None:
        wait = error.retry_after
    elif isinstance(error, e.ConnectionFailed) and not error.retryable:
        wait = None
    elif isinstance(error, e.TaskTimeout) and safe and error.handle is not None:
        wait = error.handle.eta or wait
    return None if wait is None else math.ceil(min(max(wait, 1.0), _LONGEST))


def _said(error: e.ApiError) -> str:
    """The vendor's words, which name the parameter; as a line that opens no link."""
    return one_line(error.message)


def _refused(error: e.InvalidRequest) -> str:
    return one_line(f"{error.field}: {error.rule}")


def _field(error: e.InvalidRequest) -> Members:
    return {"field": error.field, "rule": error.rule}


def _rows(error: e.ManifestError) -> Members:
    fields = ("where", "custom_id", "field", "rule")
    return {"errors": [{name: getattr(row, name) for name in fields} for row in error.errors[:_ROWS]]}


def _failed(error: e.TaskFailed) -> str:
    return one_line(error.task.message) or "Kling gave no reason."


def _task(error: e.TaskFailed) -> Members:
    return {"task_id": error.task.id, "external_task_id": error.task.external_task_id}


def _ref(error: e.TaskTimeout | e.TaskLost) -> Members:
    return {"task_id": error.ref.task_id, "external_task_id": error.ref.external_task_id}


def _external(error: e.SubmitUnknown) -> Members:
    return {"external_task_id": error.external_task_id}


_HERE: Final = HTTPStatus.INTERNAL_SERVER_ERROR
_THERE: Final = HTTPStatus.BAD_GATEWAY
_LATER: Final = HTTPStatus.SERVICE_UNAVAILABLE
_LATE: Final = HTTPStatus.GATEWAY_TIMEOUT
_INPUT: Final = HTTPStatus.UNPROCESSABLE_ENTITY
_GONE: Final = HTTPStatus.GONE

_TOLD: Final = (e.SubmitUnknown, e.TaskTimeout)
"""Those that are always about a task which may exist, and whose rows say what to do then."""
_OPEN: Final = "A task may have been made; look for it before you ask for another."
_OURS: Final = "Whoever runs the service finds the reason in its log."
_ACCOUNT: Final = Row(_THERE, "The service's account needs attention", _OURS)
_FETCH: Final = Row(_THERE, "A result could not be fetched", _OURS)

TABLE: Final[Mapping[type[e.KlingError], Row]] = {
    e.KlingError: Row(_HERE, "Something went wrong", _OURS),
    e.MissingCredentials: Row(_HERE, "The service is not set up", _OURS),
    e.ClientClosed: Row(_LATER, "The service is shutting down", "Try again in a moment.", 5),
    e.InvalidRequest: Row(_INPUT, "The request cannot be made so", _refused, members=_field),
    e.ManifestError: Row(_INPUT, "Rows cannot be made so", _refused, members=_rows),
    e.ConnectionFailed: Row(_THERE, "Kling cannot be reached", "Try again later.", 10),
    e.RequestTimeout: Row(_LATE, "Kling gave no answer in time", "Try again later.", 10),
    e.ApiError: Row(_THERE, "Kling refused the service's call", _OURS),
    e.BadRequest: Row(_INPUT, "Kling does not accept a parameter", _said),
    e.TaskNotFound: Row(HTTPStatus.NOT_FOUND, "No such task", "Kling knows no task under this id."),
    e.DuplicateTask: Row(
        HTTPStatus.CONFLICT, "The task exists already", "The external_task_id belongs to an earlier task."
    ),
    e.AuthenticationError: _ACCOUNT,
    e.PermissionDenied: Row(_THERE, "The service's account has no right to this", "Another model may be open to it."),
    e.NotFound: Row(_INPUT, "No such model or resource", _said),
    e.AccountError: _ACCOUNT,
    e.BalanceError: _ACCOUNT,
    e.IPNotAllowed: _ACCOUNT,
    e.PolicyError: Row(_INPUT, "Refused by the platform's policy", "Change the input."),
    e.ContentRefused: Row(_INPUT, "Refused by content safety", "Change the prompt or the picture."),
    e.RateLimited: Row(_LATER, "Too much at once", "Try again in a moment.", 5),
    e.SlotsExceeded: Row(_LATER, "Too many tasks at once", "Try again when others have ended.", 15),
    e.ServerError: Row(_THERE, "Kling failed", "Try again later.", 15),
    e.ServiceUnavailable: Row(_LATER, "Kling is in maintenance", "Try again in some minutes.", 120),
    e.ServiceTimeout: Row(_LATE, "Kling has a backlog", "Try again later.", 30),
    e.ResponseError: Row(_THERE, "Kling's answer could not be read", "Try again later.", 15),
    e.SlotsUnavailable: Row(_LATER, "Too many tasks at once", "None was made; try again when others have ended.", 15),
    e.SubmitUnknown: Row(
        _THERE, "It is not known whether a task was made", "Look for it by its external id.", members=_external
    ),
    e.TaskFailed: Row(_THERE, "The task failed", _failed, members=_task),
    e.TaskTimeout: Row(_LATE, "The task is not done yet", "It goes on; ask for it again later.", 10, _ref),
    e.TaskLost: Row(_GONE, "The task is lost", "Kling knows no task under this id any more.", members=_ref),
    e.DownloadError: _FETCH,
    e.ExpiredResult: Row(_GONE, "The result is gone", "Kling deletes results 30 days after the task."),
    e.UnsafeURL: _FETCH,
    e.Unwritable: Row(HTTPStatus.INSUFFICIENT_STORAGE, "A result could not be stored", _OURS),
    e.JournalError: Row(_HERE, "The batch cannot be kept account of", _OURS),
    e.WebhookError: Row(HTTPStatus.NOT_FOUND, "Not found", "There is nothing here."),
}
"""Each class of `kling_async.errors` has a row; those that others derive are told as their next ancestor."""
