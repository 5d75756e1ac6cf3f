"""How fast requests may go: as fast as anybody likes until the vendor says "too fast", then just below what it bears.

`Rate` is the rule, on a clock that it is told; `RateGate` makes coroutines wait for it, in their order, with one timer
however many they are. Knows nothing of slots, which a 1303 is about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import takewhile
from typing import Final

import attrs

from ..errors import ClientClosed

PAUSE: Final = 1.0
"""Seconds of silence after a refusal that asks for none, and between two cuts at least."""
WINDOW: Final = 10.0
"""Seconds over which the rate that the vendor bears is measured."""
_SHORTER: Final = (1.0, 2.0, 5.0, WINDOW)
"""Where nobody had to wait, a burst may have met the limit: the busiest of these stretches counts."""
_CUT, _KNEE = 0.9, 0.98
"""Shares of the measured rate: where to go on, and up to where the way back is steep."""
_STEEP, _FLAT = 0.02, 0.002
"""Growth with each accepted request."""
_FLAT_PER_SECOND, _FLATTEST_PER_SECOND = 0.002, 0.0005
"""And with each second at most, below and above the measured rate: where each refusal costs a pause, at any rate."""
_CALM: Final = 45.0
"""Seconds without a refusal after which the limit is no longer believed: the growth doubles every five of them."""
_DOUBLING: Final = 5.0
_LEAST: Final = 1.0
"""Requests a second, which is what the pauses alone make of it; from less one would never find back."""
_SPARE: Final = 0.05
"""Seconds of the rate that may be caught up on when a timer was late."""
_NEARLY: Final = 1e-6
_KEPT: Final = 1024
"""Answers remembered; more of them make the window shorter."""


@attrs.define(eq=False)
class Rate:
    """A token bucket that finds its own rate. All times are of one clock, in seconds."""

    limit: float = float("inf")
    """Requests a second; infinite until the first refusal."""
    cuts: int = 0
    """How often the rate was cut; what was sent before the last cut cannot cause another."""
    _measured: float = attrs.field(default=float("inf"), init=False)
    _tokens: float = attrs.field(default=1.0, init=False)
    _at: float = attrs.field(default=0.0, init=False)
    _cut_at: float = attrs.field(default=-float("inf"), init=False)
    _resume: float = attrs.field(default=-float("inf"), init=False)
    _busy: float | None = attrs.field(default=None, init=False)
    """Since when somebody has always had to wait."""
    _waited: int = attrs.field(default=0, init=False)
    """Requests under way that had to wait; only they show that more would have been sent."""
    _answered: deque[float] = attrs.field(factory=lambda: deque[float](maxlen=_KEPT), init=False, repr=False)

    @property
    def limited(self) -> bool:
        """Whether anybody has to ask before sending."""
        return self.cuts > 0

    def ready(self, now: float) -> float:
        """When the next request may go, if nobody takes the place before: *now* or later."""
        if not self.cuts:
            return now
        if now < self._resume:
            return self._resume
        if self._measured == float("inf"):
            self._first_measure(now)
        self._tokens = min(1.0 + _SPARE * self.limit, self._tokens + max(0.0, now - self._at) * self.limit)
        self._at = max(now, self._at)
        return now if self._tokens >= 1.0 - _NEARLY else now + (1.0 - self._tokens) / self.limit

    def take(self, now: float, *, waited: bool) -> bool:
        """Take the place of the next request, if it may go *now*; whether it had to wait before."""
        if self.ready(now) > now:
            if self._busy is None:
                self._busy = now
            return False
        if self.cuts:
            self._tokens -= 1.0
            if waited:
                self._waited += 1
            else:
                self._busy = None
        return True

    def give_back(self) -> None:
        """Return a place that was taken and not used."""
        self._tokens += 1.0

    def accepted(self, now: float) -> None:
        """A request was let in: remember it, and grow a little if more of them wait."""
        self._answered.append(now)
        if not self._waited or self._measured == float("inf"):
            return
        self._waited -= 1
        growth = _STEEP
        if self.limit >= _KNEE * self._measured:
            calm = max(0.0, now - self._cut_at - _CALM)
            most = _FLAT_PER_SECOND if self.limit < self._measured else _FLATTEST_PER_SECOND
            growth = min(_STEEP, min(_FLAT, most / self.limit) * 2.0 ** min(calm / _DOUBLING, 10.0))
        self.limit += growth * max(self.limit, self._measured)

    def refused(self, now: float, sent: int, asked: float | None = None) -> None:
        """
        A request was "too fast": pause, and cut the rate.

        *sent* is what `cuts` was when it left; *asked* are the seconds of a Retry-After, which win.
        """
        if sent == self.cuts and now - self._cut_at >= PAUSE:
            if self.cuts:
                self._set(min(self.limit, self._over(self._stretch(now), now)))
            self.cuts += 1
            self._cut_at = now
            self._waited = 0
            self._resume = now + (PAUSE if asked is None else asked)
            self._at, self._tokens = self._resume, 1.0
        elif asked is not None and now + asked > self._resume:
            self._resume = self._at = now + asked
            self._tokens = 1.0

    def _first_measure(self, now: float) -> None:
        # Only now: at the first refusal, most answers to the same burst were still on their way.
        answers = [when for when in self._answered if when <= now]
        self._answered.clear()
        self._answered.extend(min(when, self._cut_at) for when in answers)
        self._set(max(self._over(span, self._cut_at) for span in _SHORTER))

    def _set(self, measured: float) -> None:
        self._measured = max(_LEAST, measured)
        self.limit = _CUT * self._measured

    def _stretch(self, now: float) -> float:
        """The seconds to measure: those in which somebody always waited."""
        return PAUSE if self._busy is None else min(WINDOW, max(PAUSE, now - self._busy))

    def _over(self, span: float, now: float) -> float:
        """Accepted requests a second in the last *span* seconds."""
        recent = list(takewhile(lambda when: when > now - span, reversed(self._answered)))
        if len(recent) == _KEPT:
            span = max(now - recent[-1], _NEARLY)
        return len(recent) / span


@attrs.define(eq=False)
class RateGate:
    """Lets requests through at the rate, first come first served. Nothing runs while nobody waits."""

    rate: Rate = attrs.field(factory=Rate)
    _waiters: deque[asyncio.Future[bool]] = attrs.field(factory=deque[asyncio.Future[bool]], init=False, repr=False)
    _gone: int = attrs.field(default=0, init=False)
    """Waiters that were cancelled and are still in line, because taking one out of the middle is dear."""
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False, repr=False)
    _closed: bool = attrs.field(default=False, init=False)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters) - self._gone

    async def turn(self) -> None:
        """Wait until a request may go. Raises `ClientClosed` when the gate is closed; cancelling leaves no trace."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ClientClosed("the client is closed; make a new KlingClient")
        if not self.waiting and self.rate.take(loop.time(), waited=False):
            return
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters.append(waiter)
        if self._timer is None:
            self._serve()
        try:
            granted = await waiter
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        if not granted:
            raise ClientClosed("the client was closed before this request was sent")

    def close(self) -> None:
        """End all waiting with `ClientClosed`."""
        self._closed = True
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(False)
        self._gone = 0
        self._stop()

    def _serve(self) -> None:
        """Let through who may go now, and come back when the next one may."""
        loop = asyncio.get_running_loop()
        self._stop()
        while self._waiters:
            if self._waiters[0].done():
                self._waiters.popleft()
                self._gone -= 1
            elif self.rate.take(now := loop.time(), waited=True):
                self._waiters.popleft().set_result(True)
            else:
                self._timer = loop.call_at(self.rate.ready(now), self._serve)
                return

    def _leave(self, waiter: asyncio.Future[bool]) -> None:
        if not waiter.cancelled():  # its turn came in the same moment
            if waiter.result():
                self.rate.give_back()
                self._serve()
            return
        self._gone += 1
        if 2 * self._gone > len(self._waiters):
            self._waiters = deque(each for each in self._waiters if not each.done())
            self._gone = 0
            if not self._waiters:
                self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
