"""Sends calls: token, attempt, envelope; and again where that is harmless and may help.

Only repeatable calls are repeated. What a create that went wrong means is not decided here.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import attrs
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ..errors import ApiError, ConnectionFailed, InvalidRequest, KlingError, ResponseError
from ..protocol.call import Call
from ..protocol.envelope import excerpt, unwrap
from .auth import Authorizer
from .http import HTTP

T = TypeVar("T")

log: Final = logging.getLogger("kling_async.transport")

_FIRST, _MOST = 0.5, 20.0  # seconds of the first pause at most, and of any
_ASKED = 120.0  # seconds of a Retry-After that are honoured; nobody means to wait a day inside a call


def _positive(_: object, field: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(f"Retry.{field.name}", "must be a whole number of at least 1", value)


@attrs.frozen(kw_only=True)
class Retry:
    """How failed queries are repeated. Creates are billed and are never repeated by this."""

    attempts: int = attrs.field(default=5, validator=_positive)
    """How often a query is sent before its failure is raised."""


def may_pass(error: BaseException) -> bool:
    """Whether asking again later can help: a 5xx, a rate limit, a broken connection, an unreadable answer."""
    return (isinstance(error, ApiError) and error.retryable) or isinstance(error, ConnectionFailed | ResponseError)


@attrs.define(eq=False)
class Engine:
    """The one way to the vendor."""

    http: HTTP
    authorizer: Authorizer
    retry: Retry = attrs.field(factory=Retry)
    random: random.Random = attrs.field(factory=random.Random, repr=False)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def send(self, call: Call[T], /, *, retry: bool = True) -> T:
        """Return what the call reads from the answer, or raise the `KlingError` of the last attempt."""
        try:
            return await self.attempt(call)
        except KlingError as error:
            # Most calls succeed at once: tenacity, which costs as much as the rest of a query, starts with the second.
            if not (retry and call.repeatable and self.retry.attempts > 1 and may_pass(error)):
                raise
            first = error
        return await self._again(call, first)

    async def attempt(self, call: Call[T]) -> T:
        """Send once."""
        answer = await self.http.exchange(call, self.authorizer.current or await self.authorizer.renew())
        failure: KlingError
        try:
            return call.read(unwrap(answer, self.authorizer.mask))
        except KlingError as error:
            failure = error
        if isinstance(failure, ResponseError) and failure.status is None:
            # Found while reading the data, where the answer itself is out of sight.
            text = excerpt(str(failure).encode(), self.authorizer.mask)
            failure = ResponseError(text, status=answer.status, request_id=answer.headers.get("X-Request-Id"))
        # Without the frames of the parser, whose locals hold whatever the vendor may have echoed.
        raise failure.with_traceback(None)

    async def _again(self, call: Call[T], first: KlingError) -> T:
        def pause(state: RetryCallState) -> float:
            last = state.outcome.exception() if state.outcome else first
            asked = last.retry_after if isinstance(last, ApiError) else None
            jittered = self.random.uniform(0, min(_MOST, _FIRST * 2**state.attempt_number))
            return min(asked, _ASKED) if asked is not None else jittered

        def tell(state: RetryCallState) -> None:
            last = state.outcome.exception() if state.outcome else first
            log.info("%s %s failed (%s), attempt %d follows", call.method, call.path, last, state.attempt_number + 1)

        made = [first]

        async def attempt() -> T:
            if made:
                raise made.pop()
            return await self.attempt(call)

        again = AsyncRetrying(
            stop=stop_after_attempt(self.retry.attempts),
            wait=pause,
            retry=retry_if_exception(may_pass),
            before_sleep=tell,
            sleep=self.sleep,
            reraise=True,
        )
        return await again(attempt)
