"""Creates, each of them made once: accepted, refused, or looked for until it is known which.

Every create carries an external id, so that a lost answer is a question and not a loss. What is certainly refused may
be sent again; what may have arrived is sent again only after the vendor, asked for that id, had none for long enough.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

import attrs

from ..errors import ClientClosed, ConnectionFailed, DuplicateTask, KlingError, SubmitUnknown
from ..protocol.endpoint import Pool
from ..protocol.outcome import Outcome, Reaction, Row
from .intent import Attempting, Created, Finished, Intent, T
from .ledger import Hold
from .settle import Find, settle
from .vendor_time import VendorTime

log: Final = logging.getLogger("kling_async.submitting")

_LEFT: Final = "a create of %s %s before its answer came; if the task exists, attach(external_task_id=%r) finds it"
_LONGEST: Final = 60.0
"""Seconds of a pause at most."""
_GRACE: Final = 10.0
"""Seconds for which a create is followed that its caller has left."""
_IN_USE: Final = 1201
_KEPT: Final = (60.0, 900.0)
"""Seconds after its last POST for which a task that may exist holds its slots: these at least, and at most."""
_AGAIN: Final = frozenset({Reaction.PAUSE, Reaction.RECONCILE})


def new_id() -> str:
    """An external id that nobody else has: 96 random bits in letters and digits, since the vendor names no alphabet."""
    return f"k{secrets.token_hex(12)}"


@attrs.define(eq=False, kw_only=True)
class Submitter:
    """
    Makes tasks.

    A POST that was refused in passing is sent again, after a pause or when there is a slot. One whose outcome is
    unknown is followed by questions for its external id: a task that is found is the one that was wanted. Only when
    there is certainly none is the same POST sent again; not at all if `on_unknown` is "hold". A refusal for good after
    an unknown outcome may be about the id, now in use, and is followed by the same questions.

    An id that the caller chose may have been that of an older task all along. Such a task, found where the answer to a
    POST was lost, is told from the one that was wanted by when it was made, once a create was answered with the
    vendor's time; before the first such answer it cannot be, and passes for the one that was wanted.

    The slots of a task that may exist, and that nobody follows any more, stay held for twice as long as a task of the
    pool takes in one half of all cases: a minute at least and a quarter of an hour at most, from its last POST on.
    """

    engine: Attempting
    random: random.Random = attrs.field(repr=False)
    stop: Callable[[Pool | None, KlingError], None]
    """Called with a pool, or None for all, when an error is one that every other create there would meet as well."""
    tell: Callable[[Finished], None]
    """Called at the end of each create that was cancelled when a task may have been made."""
    afford: Callable[[KlingError], bool]
    """
    Pays for a repeat after a passing refusal; False where there were too many lately.

    What is sent again because there is certainly no task costs nothing: it has waited for long enough. Nor does what
    reached nobody, whom it cannot have been a burden to.
    """
    settle: float = 30.0
    """Seconds for which a task may stay hidden after it was made."""
    on_unknown: Literal["resend", "hold"] = "resend"
    attempts: int = 5
    """How often one create is sent at most, not counting those for which there was no slot."""
    vendor_time: VendorTime = attrs.field(factory=VendorTime, repr=False)
    _works: dict[asyncio.Task[Any], Intent[Any]] = attrs.field(factory=dict[Any, Any], init=False, repr=False)
    _kept: dict[Hold, asyncio.TimerHandle] = attrs.field(factory=dict[Any, Any], init=False, repr=False)
    _closed: bool = attrs.field(default=False, init=False)

    async def submit(self, it: Intent[T]) -> Created[T]:
        """
        Make the task of an intent.

        Raises the error of a refusal (`DuplicateTask` for an id that was in use before), `ConnectionFailed` where
        nothing was sent, `ClientClosed`, what the ledger raises, and `SubmitUnknown` where the task may exist: also
        instead of `ClientClosed` and what the ledger raises, once the outcome of a POST was unknown.
        Cancelled before anything left, nothing is sent. Cancelled later, what is on its way is followed for up to 10 s
        in the background, nothing more is sent, and the outcome is told.
        """
        if self._closed:
            it.hold.release()
            failure = ClientClosed("the client is closed; make a new KlingClient")
            it.story.ended("refused", error=failure)
            raise failure
        work = asyncio.create_task(self._made(it), name=f"kling_async create of {it.endpoint}")
        self._works[work] = it
        work.add_done_callback(self._over)
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError:
            if it.open:
                self._abandon(it, work)
            else:
                # Not after the wait, which may be cancelled as well.
                work.add_done_callback(lambda _: it.story.ended("refused", cancelled=True))
                work.cancel()
                await asyncio.wait((work,))
            raise
        self._tell_end(it, work)
        return work.result()

    async def recover(self, endpoint: str, external_task_id: str, find: Find[T]) -> T | None:
        """
        The task of a create whose outcome nobody knows any more; None where there certainly is none. Sends no create.

        Who sent it is gone, and how long ago that was is known by no clock that could not have been set since: the
        whole settle window counts from now. Raises `SubmitUnknown` where it could not be found out, and `ClientClosed`.
        """
        now = asyncio.get_running_loop().time()
        settled = await settle(find, since=now, window=self.settle)
        if isinstance(settled.trouble, ClientClosed):
            raise settled.trouble
        if settled.found is None and not settled.absent:
            words = f"{endpoint}: an answer was lost, and what became of it could not be found out"
            raise SubmitUnknown(f"{words}: {settled.trouble}", external_task_id=external_task_id) from settled.trouble
        return settled.found

    async def close(self) -> None:
        """
        End all creates, except that those whose callers have left have the rest of their 10 s.

        To be called while there still are connections. Afterwards nothing is left behind.
        """
        self._closed = True
        for work, it in self._works.items():
            if not it.abandoned:
                work.cancel()
        try:
            if self._works:
                await asyncio.wait(tuple(self._works))
        finally:
            for work in self._works:  # none, unless the closing itself is cancelled
                work.cancel()
            for timer in self._kept.values():
                timer.cancel()
            self._kept.clear()

    def _over(self, work: asyncio.Task[Any]) -> None:
        del self._works[work]
        if not work.cancelled():
            work.exception()  # heard, even if the caller is not there any more

    def _abandon(self, it: Intent[Any], work: asyncio.Task[Any]) -> None:
        it.abandoned = True
        timer = asyncio.get_running_loop().call_later(_GRACE, work.cancel)
        work.add_done_callback(partial(self._ended, it, timer))

    def _tell_end(self, it: Intent[Any], work: asyncio.Task[Created[Any]]) -> None:
        """Tell those who watch what became of a create whose caller is still there."""
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if error is None:
            it.story.ended("accepted", task_id=work.result().task.id)
        else:
            it.story.ended("unknown" if it.open or isinstance(error, SubmitUnknown) else "refused", error=error)

    def _ended(self, it: Intent[Any], timer: asyncio.TimerHandle, work: asyncio.Task[Created[Any]]) -> None:
        """Tell what became of a create that nobody waits for."""
        timer.cancel()
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        created = None if error else work.result()
        outcome = Outcome.UNKNOWN if it.open else Outcome.REFUSED
        if created is not None:
            outcome = Outcome.ACCEPTED
        task_id = None if created is None else created.task.id
        it.story.ended(outcome.value, task_id=task_id, error=error, cancelled=True)
        words = f"was cancelled, and ended as {outcome}"
        extra = it.about(task_id=task_id)
        log.warning("a create of %s %s, external_task_id %r", it.endpoint, words, it.external_task_id, extra=extra)
        self.tell(
            Finished(
                endpoint=it.endpoint,
                external_task_id=it.external_task_id,
                outcome=outcome,
                task=None if created is None else created.task,
                born=None if created is None else created.born,
                hold=it.hold,
                error=error,
            )
        )

    async def _made(self, it: Intent[T]) -> Created[T]:
        """Make it, and tell the hold."""
        try:
            created = await self._run(it)
        except KlingError:
            self._free(it)
            raise
        except BaseException as error:
            # Cancelled, or of somebody else's making: a provider of keys, a hook of a borrowed session.
            self._free(it)
            if isinstance(error, asyncio.CancelledError) and self._closed and not it.abandoned:
                raise _closed(it) from None
            if it.open:
                what = (
                    "was cancelled" if isinstance(error, asyncio.CancelledError) else f"ended in {type(error).__name__}"
                )
                log.warning(_LEFT, it.endpoint, what, it.external_task_id, extra=it.about())
                error.add_note(_note(it))
            elif it.witness is not None:
                it.witness.refused(error)
            raise
        it.hold.accepted()
        extra = it.about(task_id=created.task.id)
        log.info("a task of %s was created, external_task_id %r", it.endpoint, it.external_task_id, extra=extra)
        return created

    def _free(self, it: Intent[Any]) -> None:
        """Give the slots back; later, if they may be in use."""
        hold, loop = it.hold, asyncio.get_running_loop()
        if not it.open:
            hold.release()
            return
        least, most = _KEPT
        over = (it.since if it.doubted else loop.time()) + min(most, max(least, 2 * hold.median))
        if over <= loop.time():
            hold.release()
            return

        def free() -> None:
            del self._kept[hold]
            hold.release()

        hold.doubted()
        self._kept[hold] = loop.call_at(over, free)

    async def _run(self, it: Intent[T]) -> Created[T]:
        """Send until there is a task, or an error to raise."""
        clock, sent = asyncio.get_running_loop().time, 0
        it.begun = it.since = clock()
        while True:
            await it.sending()
            try:
                task = await self.engine.attempt(it.call, leaving=it.leaves)
                self.vendor_time.heard(task.created_ms, clock())
                return Created(task=task, born=clock())
            except KlingError as error:
                trouble = error
            row = it.failed(trouble, clock())
            self._stop(it, row, trouble)
            again = row.create is Reaction.SLOT and not it.abandoned
            if again:
                try:
                    await it.again()
                except KlingError as error:
                    trouble, again = _given_up(it, error) if it.doubted else error, False
            elif row.create in _AGAIN:
                sent += 1
                held = row.outcome is Outcome.UNKNOWN and self.on_unknown == "hold"
                again = sent < self.attempts and not held and not it.abandoned
            if again and row.create is Reaction.PAUSE:
                again = await self._waited_out(sent, trouble)
            if it.doubted:
                it.hold.doubted()
                found = await self._settled(it, row, trouble)
                if found is not None:
                    return Created(task=found, born=None)
            if not again or it.abandoned:
                raise _final(it, row, trouble)
            log.info("a create of %s is sent again (%s)", it.endpoint, trouble, extra=it.about(trouble))

    async def _settled(self, it: Intent[T], row: Row, trouble: KlingError) -> T | None:
        """The task, or None if there is certainly none; else raises."""
        earliest = self.vendor_time.before(it.begun)
        find, taken = partial(it.find, earliest), row.create is Reaction.ADOPT
        settled = await settle(find, since=it.since, window=self.settle, taken=taken)
        it.story.settled(True if settled.found is not None else False if settled.absent else None)
        if settled.found is None and not settled.absent:
            raise _unknown(it, f"{trouble}; what became of it could not be found out") from settled.trouble or trouble
        it.open = settled.found is not None
        if it.given and settled.found is not None and _is_older(settled.found.created_ms, earliest):
            it.open = False
            raise _duplicate(it) from trouble
        return settled.found

    def _stop(self, it: Intent[Any], row: Row, trouble: KlingError) -> None:
        if row.create is Reaction.HALT_POOL:
            self.stop(it.pool, trouble)
        elif row.create in (Reaction.HALT_ACCOUNT, Reaction.RENEW):  # the engine renewed the token already
            self.stop(None, trouble)

    async def _waited_out(self, sent: int, trouble: KlingError) -> bool:
        """Whether a create may be sent again after a failure that passes, once it may."""
        if not isinstance(trouble, ConnectionFailed):
            return self.afford(trouble)  # too fast: the gate makes all creates wait, and this one with them
        # Not from nothing on: with five attempts a vendor that is away for fifteen seconds is waited for.
        await asyncio.sleep(self.random.uniform(0.5, 1.0) * min(_LONGEST, 2.0**sent))
        return True


def _final(it: Intent[Any], row: Row, trouble: KlingError) -> KlingError:
    """What is raised in the end where no task was made, or none that was ever seen."""
    if row.outcome is Outcome.UNKNOWN:
        unknown = _unknown(it, f"{trouble}; no such task was seen since")
        unknown.__cause__ = trouble
        return unknown
    if it.doubted:
        trouble.add_note(_note(it))
    return trouble


def _given_up(it: Intent[Any], error: KlingError) -> KlingError:
    """What ends a wait for slots, of a create that may have been made before it."""
    unknown = _unknown(it, f"an answer to it was lost, and it was not sent again: {error}")
    unknown.__cause__ = error
    return unknown


def _is_older(created_ms: int | None, earliest_ms: int | None) -> bool:
    return created_ms is not None and earliest_ms is not None and created_ms < earliest_ms


def _duplicate(it: Intent[Any]) -> DuplicateTask:
    words = f"external_task_id {it.external_task_id!r} is that of a task made well before this create was sent"
    return DuplicateTask(f"{it.endpoint}: {words}", code=_IN_USE)


def _closed(it: Intent[Any]) -> KlingError:
    if it.open or it.doubted:
        return _unknown(it, "the client was closed before it was known what became of it")
    return ClientClosed(f"the client was closed before a create of {it.endpoint} was sent")


def _unknown(it: Intent[Any], words: str) -> SubmitUnknown:
    return SubmitUnknown(f"{it.endpoint}: {words}", external_task_id=it.external_task_id)


def _note(it: Intent[Any]) -> str:
    return f"external_task_id={it.external_task_id!r}: if the task exists, attach finds it by this"
