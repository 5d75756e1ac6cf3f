"""Events of single requests: those that went wrong, and those that were asked to follow tasks."""

from __future__ import annotations

from typing import Literal

import attrs

from ..errors import ApiError, KlingError
from .base import Event


@attrs.frozen(kw_only=True)
class RequestEvent(Event):
    """Something about one request, of whatever kind: a create, a query, a page of the list, a direct call."""

    endpoint: str
    """The row's name, for instance `"images.generate"`."""
    method: str
    """`"GET"` or `"POST"`."""
    external_task_id: str | None
    """Of the task to be made, where the request is a create."""


@attrs.frozen(kw_only=True)
class Refused(RequestEvent):
    """The vendor refused a request. Whether it is sent again is another matter: a full pool, say, is waited for."""

    code: int | None
    """The vendor's service code; None where a gateway answered in his place."""
    status: int | None
    """Of HTTP."""
    request_id: str | None
    """What the vendor's support asks for."""
    error: ApiError
    """What is raised, if it is not sent again."""


@attrs.frozen(kw_only=True)
class Unanswered(RequestEvent):
    """No answer came to a request, or none that can be read. Whether it is sent again is another matter."""

    error: KlingError
    """What is raised, if it is not sent again."""


@attrs.frozen(kw_only=True)
class TokenReplaced(RequestEvent):
    """A token was refused as such, and the request is signed and sent anew. Regular renewals have no event."""

    code: int
    """1002, 1003 or 1004."""
    ahead: float
    """Seconds by which the vendor's clock is taken to be ahead of ours, from now on."""


@attrs.frozen(kw_only=True)
class Polled(Event):
    """A question was asked to follow tasks that somebody waits for, and was answered, or was not."""

    endpoint: str
    """The row's name."""
    question: Literal["task", "list"]
    """Whether one task was asked for, or a page of the list."""
    tasks: int
    """How many tasks that are followed the answer told of."""
    seconds: float
    """From the question to its answer, with the wait for its turn."""
    error: Exception | None
    """Why there was no answer of use. The waiting goes on, unless the error is about the account or the task itself."""
