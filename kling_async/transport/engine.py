"""Sends calls: their turn, token, attempt, envelope; and again where that is harmless and may help.

Only repeatable calls are repeated, except after a refused token. What a create that went wrong means is not decided
here.
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

from ..errors import (
    ApiError,
    AuthenticationError,
    ConnectionFailed,
    KlingError,
    RateLimited,
    ResponseError,
    SlotsExceeded,
)
from ..events import Refused, Teller, TokenReplaced, Unanswered
from ..events.logs import about
from ..options import Retry
from ..protocol.call import Answer, Call
from ..protocol.envelope import excerpt, located, request_id, unwrap
from .auth import Authorizer, Secret
from .budget import RetryBudget
from .healing import AGAIN, BY_CLOCK, ahead, clock_is, second
from .http import HTTP
from .rate import Rate, RateGate
from .watching import Exchanges
from .watching import log as http_log

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


def too_fast(error: BaseException) -> bool:
    """Whether it is about requests per second, which the gates see to: 1302, or a gateway's 429 without a code."""
    return isinstance(error, RateLimited) and not isinstance(error, SlotsExceeded)


def _count(rate: Rate, failure: KlingError, now: float, cuts: int) -> None:
    if too_fast(failure):
        rate.refused(now, cuts, asked_pause(failure))
    elif isinstance(failure, ApiError) and failure.code is not None:
        rate.accepted(now)  # refused for what it is, so that it was let in


@attrs.define(eq=False)
class Engine:
    """The one way to the vendor."""

    http: HTTP
    authorizer: Authorizer
    retry: Retry = attrs.field(factory=Retry)
    random: random.Random = attrs.field(factory=random.Random, repr=False)
    budget: RetryBudget = attrs.field(factory=RetryBudget)
    """What the repeats of this client may cost together."""
    creates: RateGate = attrs.field(factory=RateGate)
    """How fast calls may go that are not repeatable."""
    queries: RateGate = attrs.field(factory=RateGate)
    """How fast all others may go."""
    tell: Teller = attrs.field(factory=Teller, repr=False)
    """Told of what is refused, or gets no answer."""
    prompts: bool = False
    """Whether the log may show what is asked for."""
    _exchanges: Exchanges = attrs.field(init=False, repr=False)
    _told: bool = attrs.field(default=False, init=False)
    """Whether the log knows about the clock."""
    _stopped: asyncio.Event = attrs.field(factory=asyncio.Event, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._exchanges = Exchanges(self.http.base, self.authorizer.mask, self.prompts)

    async def close(self) -> None:
        """Close the connections and end all pauses; whatever is asked from now on raises `ClientClosed`."""
        self._stopped.set()
        self.creates.close()
        self.queries.close()
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
        """
        Exchange a call when its turn has come, and return what it reads or raise what became of it.

        *leaving* is called just before the vendor can have understood the call, each time; a `KlingError` of its own is
        raised instead of sending. A token that was refused as such is replaced and the call sent once more, creates
        too: of such a refusal it is certain that nothing was made.
        """
        gate = self.queries if call.repeatable else self.creates
        another: Secret | None = None
        tried = 0.0
        while True:
            if gate.rate.limited:
                await gate.turn()
            token = another or self.authorizer.current or await self.authorizer.renew()
            now = asyncio.get_running_loop().time
            cuts, start = gate.rate.cuts, now()
            watched = self.tell.listeners or http_log.isEnabledFor(logging.DEBUG)
            answer = await (self._watched if watched else self.http.exchange)(call, token, leaving)
            try:
                value = call.read(unwrap(answer, self.authorizer.mask))
            except KlingError as error:
                failure = self._whole(error, answer)
            else:
                gate.rate.accepted(now())
                self.budget.refill()
                if another is not None:
                    self._let_in(another)
                return value
            _count(gate.rate, failure, now(), cuts)
            self._failed(call, failure)
            if not isinstance(failure, AuthenticationError) or failure.code not in AGAIN:
                break
            if another is not None:
                self.authorizer.proved(another, good=False)
                break
            another = await self._replaced(token, failure, answer, now() - start)
            if another is None:
                break
            tried = self.authorizer.ahead
            self._replacing(call, failure)
        if another is not None and isinstance(failure, AuthenticationError):
            failure = second(failure, tried)
        # Without the frames of the parser, whose locals hold whatever the vendor may have echoed.
        raise failure.with_traceback(None)

    async def _watched(self, call: Call[T], token: Secret, leaving: Callable[[], None] | None) -> Answer:
        """Exchange, log both sides of it, and tell of an answer that does not come."""
        now, logged = asyncio.get_running_loop().time, http_log.isEnabledFor(logging.DEBUG)
        start = now()
        if logged:
            self._exchanges.request(call, self.http.headers)
        try:
            answer = await self.http.exchange(call, token, leaving)
        except BaseException as error:
            if logged:
                self._exchanges.silence(call, error, now() - start)
            if isinstance(error, KlingError):
                self._failed(call, error)
            raise
        if logged:
            self._exchanges.answer(call, answer, now() - start)
        return answer

    def _failed(self, call: Call[T], failure: KlingError) -> None:
        """Tell of a request that had no success."""
        if not self.tell:
            return
        if isinstance(failure, ConnectionFailed | ResponseError):
            named = call.external_task_id
            self.tell(Unanswered(endpoint=call.endpoint, method=call.method, external_task_id=named, error=failure))
        if not isinstance(failure, ApiError):
            return  # of our own: nothing was sent
        self.tell(
            Refused(
                endpoint=call.endpoint,
                method=call.method,
                external_task_id=call.external_task_id,
                code=failure.code,
                status=failure.status,
                request_id=failure.request_id,
                error=failure,
            )
        )

    def _replacing(self, call: Call[T], refusal: AuthenticationError) -> None:
        if self.tell:
            self.tell(
                TokenReplaced(
                    endpoint=call.endpoint,
                    method=call.method,
                    external_task_id=call.external_task_id,
                    code=refusal.code or 0,
                    ahead=self.authorizer.ahead,
                )
            )

    def _whole(self, failure: KlingError, answer: Answer) -> KlingError:
        """A failure with all that the answer tells: one found while reading the data has not seen the rest."""
        if isinstance(failure, ResponseError) and failure.status is None:
            text = excerpt(str(failure).encode(), self.authorizer.mask)
            return ResponseError(text, status=answer.status, request_id=request_id(answer, {}, self.authorizer.mask))
        if isinstance(failure, ApiError) and failure.status is None:
            return located(failure, answer, self.authorizer.mask)
        return failure

    async def _replaced(
        self, token: Secret, refusal: AuthenticationError, answer: Answer, took: float
    ) -> Secret | None:
        """Another token, made by the vendor's clock where the answer shows it; None where there is none."""
        measured: float | None = None
        if refusal.code in BY_CLOCK and self.http.trusted:
            measured = ahead(answer.headers.get("Date"), self.authorizer.clock(), took)
        try:
            return await self.authorizer.replace(token, measured)
        except Exception as error:  # noqa: BLE001 - a provider's; the refusal is what became of the call, and is raised
            log.warning(
                "a token was refused, and the provider of credentials failed: %s",
                type(error).__name__,
                extra=about(error=error),
            )
            return None

    def _let_in(self, another: Secret) -> None:
        """A token in place of a refused one was good, and so was the clock it was made by."""
        self.authorizer.proved(another, good=True)
        if (seconds := self.authorizer.ahead) and not self._told:
            self._told = True
            log.warning("%s; tokens are made by the vendor's clock from now on", clock_is(seconds))

    async def _again(self, call: Call[T], first: KlingError) -> T:
        def pause(state: RetryCallState) -> float:
            last = state.outcome.exception() if state.outcome else first
            if last is not None and too_fast(last):
                return 0.0  # the gate makes all wait, and this call with them
            asked = asked_pause(last)
            return self.random.uniform(0, min(_MOST, _FIRST * 2**state.attempt_number)) if asked is None else asked

        def tell(state: RetryCallState) -> None:
            last = state.outcome.exception() if state.outcome else first
            attempt = state.attempt_number + 1
            log.info(
                "%s %s failed (%s), attempt %d follows",
                call.method,
                call.path,
                last,
                attempt,
                extra=about(endpoint=call.endpoint, error=last, attempt=attempt),
            )

        often_enough = stop_after_attempt(self.retry.attempts)

        def give_up(state: RetryCallState) -> bool:
            last = (state.outcome.exception() if state.outcome else None) or first
            return often_enough(state) or not self.budget.pay(last)

        made = [first]

        async def attempt() -> T:
            if made:
                raise made.pop()
            return await self.attempt(call)

        again = AsyncRetrying(
            stop=give_up,
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
