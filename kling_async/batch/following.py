"""One task of a batch, from its line in the manifest to its result: every step is in the journal before the next.

What is written here follows the table in `states`. Errors that every other task would meet are not this one's: they are
told to whoever runs the batch, and the task is left as it can be taken up again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs

from ..api import ROWS
from ..api.fields import Checked
from ..core import Inside
from ..errors import (
    ABOUT_ALL,
    ApiError,
    ClientClosed,
    DuplicateTask,
    InvalidRequest,
    JournalError,
    KlingError,
    MissingCredentials,
    ResponseError,
    SubmitUnknown,
    TaskFailed,
    TaskLost,
)
from ..handle import TaskHandle
from ..models import Task
from ..protocol.endpoint import Pool, TaskSpec
from ..protocol.outcome import Reaction, of
from .canonical import FILE
from .items import Artifact, ItemError
from .journal import Journal
from .queries import TaskRow
from .states import Cause, State, step
from .storing import ends

_HALTS: Final[Mapping[Reaction, bool]] = {
    Reaction.HALT_ACCOUNT: True,
    Reaction.RENEW: True,
    Reaction.HALT_POOL: False,
    Reaction.HALT_ENDPOINT: False,
}
"""Errors that are not about one task, and whether they are about all pools."""
_MARGIN_MS: Final = 24 * 3600 * 1000
"""By how much the clock of this machine and the vendor's may differ."""
_MISSES: Final = 3
_HOUR: Final = 3600.0
_ROUNDS: Final = 12
"""How often a task that cannot be made, nor found, is sent before a person is asked: for more than an hour."""
_LOOKS: Final = 6
"""How often a task is asked for of which nothing is told that makes sense, before it is left to another run."""
_FIRST, _MOST = 15.0, 600.0  # seconds of the first pause after trouble that passes, and of any

Phase: TypeAlias = Literal["waiting", "sending"]


class Stopped(Exception):
    """Nothing more is to be sent. The task is left as it is."""


class Run(Protocol):
    """What a task needs to know of the batch that it is in."""

    inside: Inside
    journal: Journal
    hold: bool
    """Whether what cannot be settled is held for a person, and never sent again by itself."""
    losing: float
    """Seconds between two looks for a task that the vendor does not know."""

    requests: Callable[[TaskRow], Checked]
    """The request of a row, with its files as they were planned; may read them all. Raises `InvalidRequest`."""

    @property
    def stopping(self) -> bool:
        """Whether nothing more is sent."""
        ...

    def now_ms(self) -> int:
        """Unix milliseconds by this machine's clock."""
        ...

    async def rest(self, seconds: float) -> None:
        """Sleep; raises `Stopped` as soon as nothing more is to be sent."""
        ...

    def moved(self, row: TaskRow, source: State, target: State, units: Decimal | None) -> None:
        """Take in that a task has moved."""

    def looked(self, row: TaskRow) -> None:
        """Take in that a create in doubt was looked for once."""

    def halt(self, pool: Pool | None, error: KlingError) -> None:
        """Send no more of a pool, or of any; raise the error once all is finished that was paid."""

    def left(self, error: KlingError) -> None:
        """Leave one task to another run; raise the error once all others are finished."""

    async def over(self, row: TaskRow, state: State) -> None:
        """Take in that a task has ended."""

    async def succeeded(self, row: TaskRow, task: Task[Any]) -> None:
        """Take in that a task was made, whose files can be fetched."""


@attrs.define(eq=False)
class Follower:
    """Follows one task. A `Witness` of its own create."""

    run: Run
    row: TaskRow
    phase: Phase = attrs.field(init=False)
    """Whether it can be cancelled without a thought: nothing of it is on its way."""
    _rounds: int = attrs.field(default=0, init=False)
    _work: asyncio.Task[Any] | None = attrs.field(default=None, init=False)
    """In which it is followed; None before and afterwards, when there is nobody to tell what becomes of a create."""

    def __attrs_post_init__(self) -> None:
        self.phase = "waiting" if self.row.state is State.PLANNED else "sending"

    @property
    def spec(self) -> TaskSpec[..., Any, Any]:
        """What makes it."""
        return ROWS[self.row.endpoint]

    async def follow(self) -> None:
        """Go on from wherever it stands, to its end or to its success."""
        self._work = asyncio.current_task()
        try:
            match self.row.state:
                case State.PLANNED:
                    await self._make()
                case State.UNKNOWN:
                    await self._look()
                case State.SUBMITTED:
                    await self._resume()
                case _:
                    raise RuntimeError(f"a task that is {self.row.state} needs no following")
        except BaseException as error:
            if self.phase == "waiting" and self.row.state is State.SUBMITTING:
                await self._step(Cause.GIVEN_BACK, why="the run was stopped")
            if not isinstance(error, Stopped):
                raise
        finally:
            self._work = None

    # A create, and what is written down about it

    async def sending(self) -> None:
        """Write down that it is sent, before it is."""
        if self.run.stopping:
            raise Stopped
        self.phase = "sending"
        if self.row.state is State.PLANNED:
            await self._step(Cause.SLOT_GRANTED, attempts=True, first_sent_ms=self.run.now_ms())
        elif self.row.state is State.UNKNOWN:
            await self._step(Cause.ABSENT, attempts=True)

    def refused(self, error: BaseException) -> None:
        """Take in that it was certainly not made, and may be sent again."""
        if self._work is None or self.row.state is not State.SUBMITTING:
            return
        self.phase = "waiting"
        self._later(Cause.PASSING, why=str(error))
        if self.run.stopping:  # and not before there is a slot again, which may take hours
            self._work.cancel()

    def doubted(self, error: KlingError) -> None:
        """Take in that it may have been made."""
        if self._work is None:
            return
        self.phase = "sending"
        if self.row.state is State.SUBMITTING:
            self._later(Cause.DOUBT, why=str(error))

    async def _make(self) -> None:
        pause = _FIRST
        while True:
            if self.run.stopping:
                raise Stopped
            try:
                handle = await self._create()
            except (Stopped, JournalError, ClientClosed):
                raise
            except SubmitUnknown as error:
                if self.run.inside.core.closing:
                    raise ClientClosed("the client was closed while a task of the batch was being made") from error
                await self._look()
                return
            except KlingError as error:
                if not await self._may_pass(error):
                    return
                await self.run.rest(pause)
                pause = min(_MOST, 2 * pause)
            else:
                await self._step(Cause.FOUND if self.row.state is State.UNKNOWN else Cause.ACCEPTED, task_id=handle.id)
                await self._wait(handle)
                return

    async def _create(self) -> TaskHandle[Any]:
        """Have it made. The request, which may hold whole pictures, is not kept any longer than that."""
        return await self.run.inside.create(
            self.spec,
            await self._request(),
            external=self.row.external_id,
            witness=self,
            doubted=self.row.state is State.UNKNOWN,
        )

    async def _request(self) -> Any:
        if FILE in self.row.body_json:
            return await asyncio.to_thread(self.run.requests, self.row)  # reads every file, which must be the same
        return self.run.requests(self.row)

    async def _may_pass(self, error: KlingError) -> bool:
        """Whether the same create may go through later. If not, its end is written down, or left to others."""
        reaction, state = of(error).create, self.row.state
        if reaction in _HALTS:
            self.phase = "waiting"
            self.run.halt(None if _HALTS[reaction] else self.spec.pool, error)
            raise Stopped from error
        if _is_about_keys(error, state):
            self.phase = "waiting"
            self.run.halt(None, error)
            raise Stopped from error
        if isinstance(error, DuplicateTask) and state is State.SUBMITTING:
            # The id is made of the request itself: the task that has it is the one that is wanted.
            await self._step(Cause.REFUSED_IN_DOUBT, why=str(error))
            await self._look()
            return False
        if reaction is Reaction.PAUSE:
            self.phase = "waiting"
            return True
        why = ItemError.of(error)
        cause = {State.PLANNED: Cause.UNFIT, State.UNKNOWN: Cause.REFUSED_AFTER_ALL}.get(state, Cause.REFUSED)
        await self._step(cause, error=why)
        await self.run.over(self.row, State.REFUSED)
        return False

    # A create of which nobody knows what became of it

    async def _look(self) -> None:
        """Look for the task, for as long as that takes; nothing is sent as long as questions fail."""
        pause, since = _FIRST, self.row.first_sent_ms
        self.phase = "sending"
        while True:
            try:
                handle = await self.run.inside.recover(
                    self.spec,
                    self.row.kind,
                    self.row.external_id,
                    self.row.weight,
                    None if since is None else since - _MARGIN_MS,
                )
            except SubmitUnknown as error:
                self.run.looked(self.row)
                self._later(Cause.ASKING_FAILED, why=str(error))
                if isinstance(error.__cause__, ABOUT_ALL):
                    self.run.halt(None, error.__cause__)
                    raise Stopped from error
                await self.run.rest(pause)
                pause = min(_MOST, 2 * pause)
            else:
                self.run.looked(self.row)
                await self._found(handle)
                return

    async def _found(self, handle: TaskHandle[Any] | None) -> None:
        """Go on with what was found, or with nothing."""
        if handle is not None:
            await self._step(Cause.FOUND, task_id=handle.id)
            await self._wait(handle)
            return
        self._rounds += 1
        if self.run.hold or self._rounds > _ROUNDS:
            words = f"an answer was lost, and no task with external_task_id {self.row.external_id} was seen since"
            await self._step(Cause.HELD, error=ItemError(type=SubmitUnknown.__name__, message=words))
            await self.run.over(self.row, State.HELD)
            return
        if self._rounds > 1:  # the vendor may be ill for a while, in creates alone
            await self.run.rest(min(_MOST, _FIRST * 2.0 ** (self._rounds - 2)))
        self.phase = "waiting"
        await self._make()

    # A task that was made

    async def _resume(self) -> None:
        row = self.row
        if row.misses:  # a restart must not make the looks follow one another any faster
            pause = ((row.next_check_ms or 0) - self.run.now_ms()) / 1000
            await self.run.rest(min(max(pause, 0.0), self.run.losing))
        await self._wait(
            self.run.inside.core.resumed(self.spec, row.kind, row.external_id, row.task_id or "", row.weight)
        )

    async def _wait(self, handle: TaskHandle[Any]) -> None:
        """Wait for its end, however long the vendor denies it."""
        self.phase = "sending"
        looks = 0
        while True:
            try:
                task = await handle
            except TaskFailed as error:
                failed: Task[Any] = error.task
                await self._step(
                    Cause.FAIL,
                    error=ItemError(type=TaskFailed.__name__, message=failed.message or str(error)),
                    units=failed.units,
                    answer=json.dumps(failed.raw),
                )
                await self.run.over(self.row, State.FAILED)
                return
            except TaskLost as error:
                if await self._missed(error, 0 if handle.latest is not None else self.row.misses):
                    return
                handle = self.run.inside.attach(self.spec, self.row.task_id, self.row.external_id)
            except ABOUT_ALL as error:
                self.run.halt(None, error)
                return
            except KlingError as error:  # about this one: refused, or told so that nobody can read it
                looks += 1
                if looks >= _LOOKS:
                    self.run.left(error)
                    return
                await self.run.rest(min(_MOST, _FIRST * 2.0 ** (looks - 1)))
            else:
                await self._succeeded(task)
                return

    async def _missed(self, error: TaskLost, before: int) -> bool:
        """Whether the vendor has denied the task often enough, since it was seen, to call it lost."""
        misses = before + 1
        if misses >= _MISSES:
            await self._step(Cause.LOST, misses=misses, error=ItemError.of(error))
            await self.run.over(self.row, State.LOST)
            return True
        pause = self.run.losing
        await self._step(Cause.MISSED, misses=misses, next_check_ms=self.run.now_ms() + int(pause * 1000))
        await self.run.rest(pause)
        return False

    async def _succeeded(self, task: Task[Any]) -> None:
        if not task.endpoint:
            task = attrs.evolve(task, endpoint=self.row.endpoint)
        artifacts = tuple(
            Artifact(idx=idx, kind=file.kind, url=file.url, expires_ms=ends(file, task))
            for idx, file in enumerate(task.result.files)
        )
        answer, error = json.dumps(task.raw), None if task.result != type(task.result)() else _NOTHING_MADE
        await self._step(Cause.SUCCEED, units=task.units, answer=answer, artifacts=artifacts, error=error)
        await self.run.succeeded(self.row, task)

    # The journal

    async def _step(self, cause: Cause, **fields: Any) -> None:
        source, self.phase = self.row.state, "sending"  # or a stop would keep the end of it from being told
        try:
            target = await self.run.journal.step(self.row.seq, cause, **fields)
        except asyncio.CancelledError:
            # A step that has begun is finished, also where whoever wanted it is cancelled: it is on disk or will be.
            self._took(source, step(source, cause), fields)
            raise
        self._took(source, target, fields)

    def _later(self, cause: Cause, **fields: Any) -> None:
        source = self.row.state
        self.run.journal.later(self.row.seq, cause, **fields)
        self._took(source, step(source, cause), fields)

    def _took(self, source: State, target: State, fields: Mapping[str, Any]) -> None:
        known = {name: fields[name] for name in _KEPT if name in fields}
        self.row = attrs.evolve(self.row, state=target, **known)
        self.run.moved(self.row, source, target, self.row.units)


_NOTHING_MADE: Final = ItemError(
    type=ResponseError.__name__, message="the vendor says that it succeeded, and nothing can be read of what it made"
)


def _is_about_keys(error: KlingError, state: State) -> bool:
    """Whether there are no keys to be had: once a request is on its way, nothing else is refused here."""
    local = isinstance(error, InvalidRequest) and not isinstance(error, ApiError) and state is State.SUBMITTING
    return isinstance(error, MissingCredentials) or local


_KEPT: Final = ("task_id", "units", "error", "misses", "artifacts", "first_sent_ms")
"""What a row is told of its steps."""
