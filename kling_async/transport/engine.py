"""Sends calls: token, attempt, envelope; and again where that is harmless and may help.

Only repeatable calls are repeated. What a create that went wrong means is not decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import Final, TypeVar

import attrs
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ..errors import ApiError, ConnectionFailed, KlingError, ResponseError
from ..options import Retry
from ..protocol.call import Call
from ..protocol.envelope import excerpt, located, request_id, unwrap
from .auth import Authorizer
from .http import HTTP

T = TypeVar("T")

log: Final = logging.getLogger("kling_async.transport")

_FIRST, _MOST = 0.5, 20.0  # seconds of the first pause at most, and of any
_ASKED = 120.0  # seconds of a Retry-After that are honoured; nobody means to wait a day inside a call


def may_pass(error: BaseException) -> bool:
    """Whether asking again later can help: a 5xx, a rate limit, a broken connection, an unreadable answer."""
    return (isinstance(error, ApiError | ConnectionFailed) and error.retryable) or isinstance(error, ResponseError)


def asked_pause(error: BaseException | None) -> float | None:
    """The seconds of a Retry-After, within reason; None where the vendor asked for none."""
    asked = error.retry_after if isinstance(error, ApiError) else None
    return None if asked is None else min(asked, _ASKED)


@attrs.define(eq=False)
class Engine:
    """The one way to the vendor."""

    http: HTTP
    authorizer: Authorizer
    retry: Retry = attrs.field(factory=Retry)
    random: random.Random = attrs.field(factory=random.Random, repr=False)
    _stopped: asyncio.Event = attrs.field(factory=asyncio.Event, init=False, repr=False)

    async def close(self) -> None:
        """Close the connections and end all pauses; whatever is asked from now on raises `ClientClosed`."""
        self._stopped.set()
        await self.http.close()

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

    async def attempt(self, call: Call[T], *, leaving: Callable[[], None] | None = None) -> T:
        """Send once; *leaving* is called just before the vendor can have understood the call."""
        answer = await self.http.exchange(call, self.authorizer.current or await self.authorizer.renew(), leaving)
        failure: KlingError
        try:
            return call.read(unwrap(answer, self.authorizer.mask))
        except KlingError as error:
            failure = error
        if isinstance(failure, ResponseError) and failure.status is None:
            # Found while reading the data, where the answer itself is out of sight.
            text = excerpt(str(failure).encode(), self.authorizer.mask)
            failure = ResponseError(text, status=answer.status, request_id=request_id(answer, {}))
        elif isinstance(failure, ApiError) and failure.status is None:
            failure = located(failure, answer, self.authorizer.mask)
        # Without the frames of the parser, whose locals hold whatever the vendor may have echoed.
        raise failure.with_traceback(None)

    async def _again(self, call: Call[T], first: KlingError) -> T:
        def pause(state: RetryCallState) -> float:
            last = state.outcome.exception() if state.outcome else first
            asked = asked_pause(last)
            return self.random.uniform(0, min(_MOST, _FIRST * 2**state.attempt_number)) if asked is None else asked

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
            sleep=self._pause,
            reraise=True,
        )
        return await again(attempt)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
