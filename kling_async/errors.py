"""Everything kling_async raises on purpose, and which code of the vendor means which of it.

KlingError
├── MissingCredentials, ClientClosed
├── InvalidRequest (also ValueError)        refused here, before anything is sent
│   └── ManifestError                       rows of a batch, all that are wrong
├── ConnectionFailed                        nothing reached the vendor
│   └── RequestTimeout (also TimeoutError)  no answer in time
├── ApiError                                the vendor refused
│   ├── BadRequest (also InvalidRequest)    1200 1201
│   │   └── TaskNotFound, DuplicateTask     1201, told apart by the message
│   ├── AuthenticationError                 1000 1001 1002 1003 1004
│   ├── PermissionDenied                    1103
│   ├── NotFound                            1202 1203
│   ├── AccountError                        1100
│   │   └── BalanceError                    1101 1102
│   ├── IPNotAllowed                        1304
│   ├── PolicyError                         1300
│   │   └── ContentRefused                  1301
│   ├── RateLimited                         1302
│   │   └── SlotsExceeded                   1303
│   └── ServerError                         5000
│       ├── ServiceUnavailable              5001
│       └── ServiceTimeout                  5002
├── ResponseError                           an answer that makes no sense
├── SlotsUnavailable (also TimeoutError)    no slot in time; no task was made
├── SubmitUnknown                           a create whose outcome could not be settled
├── TaskFailed
├── TaskTimeout (also TimeoutError)
├── TaskLost
├── DownloadError
│   └── ExpiredResult, UnsafeURL, Unwritable
├── JournalError                            a batch's journal cannot be used, or written
└── WebhookError

No error holds a request, a header or a credential, so that none can leak through a log, a pickle or a traceback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from .wording import is_large, one_line, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .handle import TaskHandle, TaskRef
    from .models import Task

__all__ = [
    "AccountError",
    "ApiError",
    "AuthenticationError",
    "BadRequest",
    "BalanceError",
    "ClientClosed",
    "ConnectionFailed",
    "ContentRefused",
    "DownloadError",
    "DuplicateTask",
    "ExpiredResult",
    "IPNotAllowed",
    "InvalidRequest",
    "JournalError",
    "KlingError",
    "ManifestError",
    "MissingCredentials",
    "NotFound",
    "PermissionDenied",
    "PolicyError",
    "RateLimited",
    "RequestTimeout",
    "ResponseError",
    "RowError",
    "ServerError",
    "ServiceTimeout",
    "ServiceUnavailable",
    "SlotsExceeded",
    "SlotsUnavailable",
    "SubmitUnknown",
    "TaskFailed",
    "TaskLost",
    "TaskNotFound",
    "TaskTimeout",
    "UnsafeURL",
    "UnsupportedWarning",
    "Unwritable",
    "WebhookError",
]

E = TypeVar("E", bound=Exception)

_ROWS: Final = 20
"""Rows that a message names."""


class KlingError(Exception):
    """Base of every error in this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only constructors do not survive Exception's own way of pickling; state does.
        return _rebuilt, (type(self), self.args, self.__getstate__())

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __copy__(self) -> Self:
        """A twin without a traceback, so that one failure can be raised to many waiters."""
        twin = _rebuilt(type(self), self.args, self.__dict__)
        twin.__cause__ = self.__cause__
        return twin


class UnsupportedWarning(UserWarning):
    """A request asks a model for what the capability map says it cannot do (`validate="warn"`)."""


def _rebuilt(kind: type[E], args: tuple[object, ...], state: Mapping[str, object]) -> E:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class MissingCredentials(KlingError):
    """No access key and secret key, and no API key, were given or found in the environment."""


class ClientClosed(KlingError):
    """The client was used after `close()`, or closed in the middle of a call."""

    may_have_been_created: bool = False
    """True where a create was under way, which may have gone through, or a task was awaited, which goes on."""

    def __init__(self, message: str, *, may_have_been_created: bool = False) -> None:
        super().__init__(message)
        self.may_have_been_created = may_have_been_created


class InvalidRequest(KlingError, ValueError):
    """A value that the vendor's documents rule out; refused here, before anything was sent."""

    field: str | None = None
    """The parameter at fault, in the vendor's spelling; dotted for nested ones."""
    rule: str | None = None
    """What the documents ask for."""
    value: object = None
    """What was given; where that is large, such as a picture, only the few words the message has for it."""

    def __init__(self, field: str, rule: str, value: object = None) -> None:
        told = shown(value)
        super().__init__(f"{field}: {rule}; got {told}")
        self.field, self.rule, self.value = field, rule, told if is_large(value) else value


class RowError(NamedTuple):
    """What is wrong with one row of a manifest."""

    where: str
    """The line, such as `"line 4711"`."""
    custom_id: str | None
    field: str
    rule: str
    value: object = None

    def __str__(self) -> str:
        named = "" if self.custom_id is None else f" ({shown(self.custom_id)})"
        got = "" if self.value is None else f"; got {shown(self.value)}"
        return f"{self.where}{named}: {self.field}: {self.rule}{got}"


class ManifestError(InvalidRequest):
    """Rows of a manifest that cannot be sent, all of them. Nothing of the manifest was taken over, nothing was sent."""

    field: str | None = None
    """Of the first of them, with its line."""
    rule: str | None = None
    value: object = None
    errors: tuple[RowError, ...] = ()
    """In the order of the rows, the first 10,000."""

    def __init__(self, source: str, errors: Sequence[RowError], *, count: int | None = None) -> None:
        """*count*: how many rows there are; one may have several errors, and not all may be in *errors*."""
        count = len(errors) if count is None else count
        lines = [str(error) for error in errors[:_ROWS]]
        left = max(count, len(errors)) - len(lines)
        more = [f"and {left:,} more"] if left else []
        first = errors[0]
        KlingError.__init__(
            self,
            "\n".join([f"{source}: {count:,} {'row' if count == 1 else 'rows'} cannot be sent", *lines, *more]),
        )
        self.field, self.rule = f"{first.where}.{first.field}", first.rule
        self.value = shown(first.value) if is_large(first.value) else first.value
        self.errors = tuple(errors)


class ConnectionFailed(KlingError):
    """The vendor could not be reached, or the connection broke."""

    retryable: bool = True
    """False where the certificate was not accepted: something between here and the vendor is not the vendor."""
    may_have_been_created: bool = False
    """True where bytes had left already, so that a create may have gone through."""

    def __init__(self, message: str, *, may_have_been_created: bool = False) -> None:
        super().__init__(message)
        self.may_have_been_created = may_have_been_created


class RequestTimeout(ConnectionFailed, TimeoutError):
    """The vendor gave no answer in time."""


class ApiError(KlingError):
    """The vendor understood the call and refused it, or failed to serve it."""

    retryable: bool = False
    """Whether the same call can succeed later without anything being changed."""
    may_have_been_created: bool = False
    """Whether a create that ended so can have made a task, which is then billed."""

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        status: int | None = None,
        request_id: str | None = None,
        advice: str = "",
        retry_after: float | None = None,
    ) -> None:
        named = "no code" if code is None else f"code {code}"
        traced = f", request {request_id}" if request_id else ""
        text = f"{message} ({named}, HTTP {status}{traced})" + (f". {advice}" if advice else "")
        Exception.__init__(self, text)  # not super(): InvalidRequest, which stands next in BadRequest, takes a field
        self.message = message
        """The vendor's own words; for 1201 and 1203 the only place that names the field."""
        self.code = code
        """The service code, which decides; None where a gateway answered in its place."""
        self.status = status
        """The HTTP status."""
        self.request_id = request_id
        """What the vendor's support asks for."""
        self.advice = advice
        """What to do about it."""
        self.retry_after = retry_after
        """Seconds, where the answer carried a Retry-After."""


class BadRequest(ApiError, InvalidRequest):
    """A parameter the vendor does not accept (1200, 1201)."""


class TaskNotFound(BadRequest):
    """The vendor knows no task under this id (1201)."""


class DuplicateTask(BadRequest):
    """The `external_task_id` belongs to an earlier task; no second one was made (1201)."""


class AuthenticationError(ApiError):
    """The vendor did not accept the credentials (1000 to 1004)."""


class PermissionDenied(ApiError):
    """The account has no right to this API or model (1103)."""


class NotFound(ApiError):
    """No such method or resource, for instance a model (1202, 1203)."""


class AccountError(ApiError):
    """Something is wrong with the account (1100)."""


class BalanceError(AccountError):
    """The account is in arrears (1101), or its pack is used up or expired (1102)."""


class IPNotAllowed(ApiError):
    """The account's allow-list does not hold this address (1304)."""


class PolicyError(ApiError):
    """The platform's policy was triggered (1300)."""


class ContentRefused(PolicyError):
    """The content safety policy refused the input (1301)."""


class RateLimited(ApiError):
    """Requests come too fast (1302)."""

    retryable = True


class SlotsExceeded(RateLimited):
    """More tasks at once than the pack allows (1303). A create waits for a slot instead of raising this."""


class ServerError(ApiError):
    """The vendor failed (5000, or a gateway in front of it)."""

    retryable = True
    may_have_been_created = True


class ServiceUnavailable(ServerError):
    """Maintenance (5001)."""


class ServiceTimeout(ServerError):
    """The vendor timed out inside (5002); the likeliest to have made a task all the same."""


class ResponseError(KlingError):
    """An answer that makes no sense: not JSON, cut short, too long, or of a shape no document lists."""

    may_have_been_created: bool = True

    def __init__(
        self, message: str, *, status: int | None = None, request_id: str | None = None, excerpt: str = ""
    ) -> None:
        where = "" if status is None else f" (HTTP {status}{f', request {request_id}' if request_id else ''})"
        super().__init__(f"{message}{where}" + (f": {excerpt}" if excerpt else ""))
        self.status = status
        self.request_id = request_id
        self.excerpt = excerpt
        """The first words of the body, with anything like a credential or a signed link masked."""


class SlotsUnavailable(KlingError, TimeoutError):
    """No slot came free in time; no task was made."""


class SubmitUnknown(KlingError):
    """
    A create whose outcome could not be settled: the task may exist and be billed.

    `attach(external_task_id=...)` on the same endpoint finds it if it does. Making it again is safe under the same id
    only: the vendor refuses a second task of it with `DuplicateTask`.
    """

    def __init__(self, message: str, *, external_task_id: str) -> None:
        super().__init__(
            f"{message}; the task may exist, look for it with attach(external_task_id={external_task_id!r})"
        )
        self.message = message
        """What happened."""
        self.external_task_id = external_task_id


class TaskFailed(KlingError):
    """The task ended without a result; the reason is the vendor's (`task_status_msg`)."""

    def __init__(self, task: Task[Any]) -> None:
        reason = one_line(task.message) or "the vendor gave no reason"
        super().__init__(f"task {one_line(task.id)} failed: {reason}")
        self.task = task


class TaskTimeout(KlingError, TimeoutError):
    """The waiting was over before the task: it still runs, may be billed, and can be awaited again."""

    def __init__(self, handle: TaskHandle[Any], timeout: float) -> None:
        name = one_line(str(handle.id or handle.external_task_id))
        super().__init__(f"task {name} is still {handle.status} after {timeout:g} s")
        self.handle: TaskHandle[Any] | None = handle
        """None in a copy that went through pickle, because a handle belongs to its client."""
        self.ref: TaskRef = handle.ref

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "handle": None}


class TaskLost(KlingError):
    """The vendor has denied this task for longer than `Polling.patience` allows."""

    def __init__(self, ref: TaskRef, *, seconds: float) -> None:
        name = one_line(str(ref.task_id or ref.external_task_id))
        super().__init__(f"the vendor has known no task {name} for {seconds:.0f} s")
        self.ref = ref


class DownloadError(KlingError):
    """A file could not be stored; what is finished stays on disk."""

    def __init__(self, message: str, *, done: Sequence[Path] = (), failed: Sequence[DownloadError] = ()) -> None:
        super().__init__(message)
        self.done: tuple[Path, ...] = tuple(done)
        self.failed: tuple[DownloadError, ...] = tuple(failed)


class ExpiredResult(DownloadError):
    """The link is no longer served; the vendor deletes results 30 days after the task."""


class UnsafeURL(DownloadError):
    """The address of a file is not one that may be fetched."""


class Unwritable(DownloadError):
    """The file system takes no file here: it is full, read-only, or not ours."""


class JournalError(KlingError):
    """A batch's journal cannot be opened or written. What was not written has not been sent either."""


class WebhookError(KlingError):
    """A callback that cannot be believed."""


class Meaning(NamedTuple):
    """What a service code stands for."""

    error: type[ApiError]
    advice: str


CODES: Final[Mapping[int, Meaning]] = {
    1000: Meaning(AuthenticationError, "Check the access key and the secret key"),
    1001: Meaning(AuthenticationError, "A proxy on the way may strip the Authorization header"),
    1002: Meaning(AuthenticationError, "Check the keys, and that the base URL is of the region they were made for"),
    1003: Meaning(AuthenticationError, "The local clock runs ahead of the vendor's; set it"),
    1004: Meaning(AuthenticationError, "The local clock runs behind the vendor's; set it"),
    1100: Meaning(AccountError, "Look at the account in the vendor's console"),
    1101: Meaning(BalanceError, "Settle the open balance in the vendor's console"),
    1102: Meaning(BalanceError, "Buy another resource pack; packs of images, video and try-on are separate"),
    1103: Meaning(PermissionDenied, "Ask the vendor to open this API or model for the account"),
    1200: Meaning(BadRequest, "Correct the parameters that the message names"),
    1201: Meaning(BadRequest, "Correct the parameter that the message names"),
    1202: Meaning(NotFound, "The path does not take this method; a newer kling_async may know better"),
    1203: Meaning(NotFound, "The model or resource does not exist or was retired; name another"),
    1300: Meaning(PolicyError, "Change the input; the platform's policy forbids it"),
    1301: Meaning(ContentRefused, "Change the prompt or the picture; content safety refused it"),
    1302: Meaning(RateLimited, "Send fewer requests per second"),
    1303: Meaning(SlotsExceeded, "Wait for one of the account's running tasks to end, or buy more concurrency"),
    1304: Meaning(IPNotAllowed, "Add this machine's address to the account's allow-list"),
    5000: Meaning(ServerError, "Try again later"),
    5001: Meaning(ServiceUnavailable, "The service is in maintenance; try again in some minutes"),
    5002: Meaning(ServiceTimeout, "The service has a backlog; try again later"),
}
"""The vendor's table (General Information, Error Code). Each code stands in exactly one class."""

ABOUT_ALL: Final = (AccountError, AuthenticationError, ClientClosed, IPNotAllowed, PermissionDenied)
"""Errors that every other task of the client would meet as well."""

GATEWAY: Final[Mapping[int, Meaning]] = {
    401: Meaning(AuthenticationError, "Check the credentials"),
    403: Meaning(PermissionDenied, "Something between here and the vendor refused the call"),
    404: Meaning(NotFound, "Check the base URL"),
    408: Meaning(ServerError, "Try again later"),
    429: Meaning(RateLimited, "Send fewer requests per second"),
}
"""For answers without a code, which come from whatever stands in front of the vendor. Any 5xx is a `ServerError`."""

MESSAGES: Final = (
    (re.compile(r"task not found", re.IGNORECASE), TaskNotFound),
    (re.compile(r"external.?task.?id.*already exist", re.IGNORECASE | re.DOTALL), DuplicateTask),
)
"""Words by which two special meanings of 1201 are told apart; the vendor gives them no code of their own."""
