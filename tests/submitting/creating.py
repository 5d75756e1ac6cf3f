"""A create without a network: a vendor that plays a script, a hold that remembers what it was told, and a submitter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Literal, NoReturn, TypeAlias

import attrs

from kling_async import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    DuplicateTask,
    RateLimited,
    ServerError,
    SlotsExceeded,
    Task,
    TaskStatus,
)
from kling_async.errors import KlingError
from kling_async.protocol.call import Call
from kling_async.protocol.endpoint import Pool
from kling_async.submitting.intent import Created, Finished, Intent
from kling_async.submitting.submit import Submitter

ID = "mine-1"
CALL: Call[Any] = Call(method="POST", path="/v1/x", read=lambda _: None, repeatable=False)


def a_task(name: str = "1") -> Task[Any]:
    """A snapshot."""
    return Task(id=name, status=TaskStatus.SUBMITTED, result=None, endpoint="images.generate", external_task_id=ID)


def lost() -> KlingError:
    """An answer that did not come."""
    return ConnectionFailed("cut", may_have_been_created=True)


def unreached() -> KlingError:
    """A vendor that is not there."""
    return ConnectionFailed("refused")


def down() -> KlingError:
    """A server error."""
    return ServerError("down", code=5000, status=500)


def too_fast(retry_after: float | None = None) -> KlingError:
    """A 1302."""
    return RateLimited("slow", code=1302, status=429, retry_after=retry_after)


def no_slot() -> KlingError:
    """A 1303."""
    return SlotsExceeded("full", code=1303, status=429)


def invalid() -> KlingError:
    """A refusal for good."""
    return BadRequest("prompt is wrong", code=1201, status=400)


def taken() -> KlingError:
    """The refusal of an id that is in use."""
    return DuplicateTask("External_task_id already exists", code=1201, status=400)


def coded(code: int, kind: type[ApiError] = ApiError, status: int = 400) -> KlingError:
    """Any refusal."""
    return kind("no", code=code, status=status)


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


@attrs.define
class Wait:
    """Answers after a while; cancelled earlier, it was on its way."""

    seconds: float
    then: Step
    before: float = 0.0
    """Seconds before it leaves, in the queue of a rate limit for instance."""


Step: TypeAlias = "Task[Any] | BaseException | Wait | None"


@attrs.define(eq=False)
class Script:
    """Plays steps in order, the last one for ever; for POSTs or for questions."""

    steps: list[Step]
    at: list[float] = attrs.field(factory=list[float])
    """When each came."""
    calls: list[Call[Any]] = attrs.field(factory=list[Call[Any]])
    since: list[int | None] = attrs.field(factory=list["int | None"])
    """What questions said about when the task can have been made."""

    async def attempt(self, call: Call[Any], *, leaving: Callable[[], None] | None = None) -> Any:
        """A POST."""
        self.calls.append(call)
        return await self._play(leaving)

    async def find(self, since_ms: int | None = None) -> Any:
        """A question."""
        self.since.append(since_ms)
        return await self._play(None)

    async def _play(self, leaving: Callable[[], None] | None) -> Any:
        self.at.append(now())
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Wait):
            await asyncio.sleep(step.before)
        if leaving is not None:
            leaving()
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            step = step.then
        if isinstance(step, BaseException):
            raise step
        return step


@attrs.define(eq=False)
class Held:
    """What a ledger would be told."""

    told: list[str] = attrs.field(factory=list[str])
    slot: Step = None
    """How the waiting for a slot ends."""
    median: float = 20.0

    @property
    def held(self) -> NoReturn:
        """Nobody here follows a task to its end."""
        raise AssertionError

    def accepted(self) -> None:
        """There is a task."""
        self.told.append("accepted")

    def doubted(self) -> None:
        """There may be a task; it is told at every turn, and once is enough."""
        if self.told[-1:] != ["doubted"]:
            self.told.append("doubted")

    async def refused(self) -> None:
        """There was no slot."""
        self.told.append("refused")
        await Script([self.slot]).find()

    def release(self) -> None:
        """There is none."""
        self.told.append("release")


class Bench:
    """A submitter and all that it needs."""

    def __init__(
        self,
        *posts: Step,
        finds: list[Step] | None = None,
        settle: float = 30.0,
        on_unknown: Literal["resend", "hold"] = "resend",
        slot: Step = None,
        tokens: int = 1000,
        attempts: int = 5,
        seed: int = 1,
    ) -> None:
        self.posts, self.finds = Script(list(posts)), Script(finds or [None])
        self.hold = Held(slot=slot)
        self.stopped: list[tuple[Pool | None, KlingError]] = []
        self.told: list[Finished] = []
        self.tokens = tokens
        self.paid: list[KlingError] = []
        self.random = random.Random(seed)
        self.submitter = Submitter(
            engine=self.posts,
            random=self.random,
            stop=lambda pool, error: self.stopped.append((pool, error)),
            tell=self.told.append,
            afford=self._afford,
            settle=settle,
            on_unknown=on_unknown,
            attempts=attempts,
        )

    def _afford(self, error: KlingError) -> bool:
        self.paid.append(error)
        self.tokens -= 1
        return self.tokens >= 0

    def intent(self, *, given: bool = False) -> Intent[Any]:
        """One create."""
        return Intent(
            endpoint="images.generate",
            external_task_id=ID,
            given=given,
            pool="image",
            call=CALL,
            find=self.finds.find,
            hold=self.hold,
        )

    async def make(self, *, given: bool = False) -> Created[Any]:
        """Make it."""
        return await self.submitter.submit(self.intent(given=given))

    def start(self) -> asyncio.Task[Created[Any]]:
        """Make it in a task that can be cancelled."""
        return asyncio.ensure_future(self.make())


def others() -> list[str]:
    """Tasks that are not the test's own."""
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
