"""A task of the vendor's that you can await, follow, or leave alone.

A handle holds the last snapshot and whoever waits for the next one. It sends nothing and has no timer: asking is the
keeper's work, which pushes every snapshot it sees into the handle.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from datetime import datetime
from typing import Any, Generic, NoReturn, Protocol, Self, TypeAlias, TypeVar, cast

import attrs

from .errors import ABOUT_ALL, InvalidRequest, KlingError, TaskLost, TaskTimeout
from .models import Task, TaskStatus, succeeded

__all__ = ["TaskHandle", "TaskRef"]

R = TypeVar("R")

Listener: TypeAlias = "Callable[[Exception | None], None] | asyncio.Future[None]"
"""Called at every change with None, or with the error that ends the watching. A future hears of the end only."""


@attrs.frozen(kw_only=True)
class TaskRef:
    """
    What it takes to find a task again, in another process or after a restart. Plain data, no secrets.

    `kling.attach(ref)` makes a handle of it.
    """

    endpoint: str
    """The row's name, for instance `"videos.text_to_video"`."""
    task_id: str | None = None
    external_task_id: str | None = None
    created_at: datetime | None = None
    """Aware, on the vendor's clock; None before the first snapshot."""

    def __attrs_post_init__(self) -> None:
        if not self.task_id and not self.external_task_id:
            raise InvalidRequest("task_id", "a task is found by task_id or external_task_id, one must be given")
        if self.created_at is not None and self.created_at.tzinfo is None:
            raise InvalidRequest("created_at", "must be aware, with a time zone", self.created_at)

    def as_dict(self) -> dict[str, str | None]:
        """The fields as plain JSON values."""
        created = self.created_at.isoformat() if self.created_at else None
        return {**attrs.asdict(self), "created_at": created}

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return json.dumps(self.as_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote; raises `InvalidRequest` for anything else."""
        try:
            match json.loads(text):
                case {"endpoint": str(endpoint), **rest}:
                    created = _text(rest.get("created_at"))
                    return cls(
                        endpoint=endpoint,
                        task_id=_text(rest.get("task_id")),
                        external_task_id=_text(rest.get("external_task_id")),
                        created_at=datetime.fromisoformat(created) if created else None,
                    )
                case _:
                    pass
        except InvalidRequest:
            raise
        except (ValueError, TypeError, RecursionError):
            pass  # not JSON, or fields of other types: the same mistake to whoever passed it
        raise InvalidRequest("ref", "must be the JSON that TaskRef.to_json() writes", text)


class Keeper(Protocol):
    """Who asks the vendor on a handle's behalf."""

    def watch(self, handle: TaskHandle[Any], /) -> None:
        """Push news into the handle from now on; called once per listener, so it must be cheap to repeat."""
        ...

    def unwatch(self, handle: TaskHandle[Any], /) -> None:
        """Nobody listens any more."""
        ...

    async def refresh(self, handle: TaskHandle[Any], /) -> None:
        """Ask once, now, and push the answer."""
        ...

    def eta(self, handle: TaskHandle[Any], /) -> float | None:
        """Seconds that a pending task goes on for in half of all cases; None if its age is not known."""
        ...

    def changed(self, handle: TaskHandle[Any], /) -> None:
        """The task was seen in another state than this handle knew of."""
        ...

    def failed(self, handle: TaskHandle[Any], error: Exception, /) -> None:
        """The waiting is about to end in an error, for all who wait."""
        ...

    def running(self, handle: TaskHandle[Any], /) -> None:
        """A task was seen to be under way for which no slots are held."""
        ...

    def ended(self, handle: TaskHandle[Any], /) -> None:
        """The task was seen to end, or is lost: it takes no slots any more."""
        ...


class TaskHandle(Generic[R]):
    """
    A task you can await: `task = await handle` gives the success or raises `TaskFailed`.

    Any number of coroutines may wait; together they cost the vendor no more than one. Cancelling or timing out a waiter
    stops the waiting only: the vendor has no cancel call, the task goes on, is billed and keeps its slot, and the
    handle can be awaited again.
    """

    __slots__ = (
        "__weakref__",
        "_external_task_id",
        "_id",
        "_keeper",
        "_listeners",
        "_lost",
        "_task",
        "born",
        "endpoint",
        "hold",
        "kind",
        "place",
    )

    def __init__(
        self,
        endpoint: str,
        keeper: Keeper,
        *,
        task: Task[R | None] | None = None,
        task_id: str | None = None,
        external_task_id: str | None = None,
        born: float | None = None,
        kind: tuple[str, ...] = (),
    ) -> None:
        """Handles are made by the client: by a call, by `submit`, or by `attach`."""
        self.endpoint: str = endpoint
        """The row's name, for instance `"videos.text_to_video"`."""
        self._keeper = keeper
        self._task = task
        self._id = task.id if task else task_id
        # The snapshot's own text where it has one: two equal texts for each of thousands of handles would be a waste.
        self._external_task_id = (task.external_task_id if task else None) or external_task_id
        self._listeners: Listener | tuple[Listener, ...] = ()  # mostly one, and a tuple has a price
        self._lost: TaskLost | None = None
        self.born: float | None = born
        """The loop's time when the task was made, as far as known; what its age counts from."""
        self.kind: tuple[str, ...] = kind
        """What its duration depends on, in the words of its endpoint."""
        self.hold: Any = None
        """The keeper's own: the slots that the task takes at the vendor's, until it is seen to end."""
        self.place: Any = None
        """The keeper's own note of where it watches this handle, or of what it knew when it ceased to."""

    @property
    def id(self) -> str | None:
        """The vendor's `task_id`; None only before the first answer to a handle attached by `external_task_id`."""
        return self._id

    @property
    def external_task_id(self) -> str | None:
        """The caller's own id; every task made by this package has one."""
        return self._external_task_id

    @property
    def status(self) -> TaskStatus:
        """The status last seen, no request; `UNKNOWN` until first seen."""
        return self._task.status if self._task else TaskStatus.UNKNOWN

    @property
    def done(self) -> bool:
        """Whether the task was seen to end, well or badly."""
        return self.status.final

    @property
    def lost(self) -> bool:
        """Whether the vendor denied the task for longer than `Polling.patience`; a `refresh` that finds it heals."""
        return self._lost is not None

    @property
    def awaited(self) -> bool:
        """Whether anybody waits for news of the task, in this process."""
        return bool(self._listeners)

    @property
    def latest(self) -> Task[R | None] | None:
        """The last snapshot, no request; None until first seen (attached handles)."""
        return self._task

    @property
    def eta(self) -> float | None:
        """
        Seconds that the task still takes in half of all cases, learned from others of its kind; no request.

        0.0 once it was seen to end; None where its age is not known yet (attached handles), outside of the event loop,
        and on an emulator as long as no task was seen to end.
        """
        return 0.0 if self.done else self._keeper.eta(self)

    @property
    def ref(self) -> TaskRef:
        """Plain data to store or send; `kling.attach(ref)` makes a handle of it again."""
        return TaskRef(
            endpoint=self.endpoint,
            task_id=self._id,
            external_task_id=self._external_task_id,
            created_at=self._task.created_at if self._task else None,
        )

    def __repr__(self) -> str:
        return f"<TaskHandle {self.endpoint} {self._id or self._external_task_id} {self.status}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a TaskHandle belongs to its client and cannot be pickled; store handle.ref instead")

    def __await__(self) -> Generator[Any, Any, Task[R]]:
        """Wait for the end without a limit; see `wait`."""
        return self.wait().__await__()

    async def wait(self, timeout: float | None = None) -> Task[R]:
        """
        Wait for the end, `timeout` seconds at most.

        Raises `TaskFailed` when the task failed, `TaskTimeout` when the time is up (the task still runs, may be billed,
        and can be awaited again), `TaskLost` when the vendor denies the task for good, `ClientClosed`, and
        `AuthenticationError`, `AccountError`, `PermissionDenied` or `IPNotAllowed` when the vendor will not say.
        Trouble that may pass (a 5xx, a cut connection, a rate limit) is waited out and never raised.
        """
        # One coroutine with a small frame, one future and nothing else: there may be a hundred thousand of them.
        if timeout is not None:
            return await self._wait(timeout)
        if not self.done:
            try:
                await self._listening()
            except BaseException:
                self._sweep()
                raise
        return self._success()

    def _success(self) -> Task[R]:
        return succeeded(cast("Task[R | None]", self._task))

    async def _wait(self, timeout: float) -> Task[R]:
        _check_timeout(timeout)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await self.wait()
        except TimeoutError:
            if not limit.expired():
                raise
        raise TaskTimeout(self, timeout)

    async def updates(self) -> AsyncGenerator[Task[R | None], None]:
        """
        Yield the latest snapshot, then every change as it is seen; the last one is final.

        A failed task is data here, not an exception. Otherwise raises what `wait` raises.
        """
        news: deque[Task[R | None]] = deque()
        wake = asyncio.Event()
        trouble: list[Exception] = []

        def listen(error: Exception | None) -> None:
            if error is not None:
                trouble.append(error)
            elif self._task is not None:
                news.append(self._task)
            wake.set()

        if self._lost is not None:
            raise _own(self._lost)
        if self._task is not None:
            listen(None)
        self.listen(listen)
        try:
            while True:
                await wake.wait()
                wake.clear()
                while news:
                    task = news.popleft()
                    yield task
                    if task.status.final:
                        return
                if trouble:
                    raise _own(trouble.pop())
        finally:
            self.unlisten(listen)

    async def refresh(self) -> Task[R | None]:
        """
        Ask the vendor once, now, and return the snapshot.

        Costs one free request, repeated only if it fails in a way that may pass.
        """
        await self._keeper.refresh(self)
        return cast("Task[R | None]", self._task)

    def listen(self, listener: Listener) -> None:
        """Call *listener* at every change from now on. For the client's own rooms; users take `updates`."""
        if not self.done:
            self._keeper.watch(self)  # first, because a closed client raises here
        self._listeners = (*self._heard(), listener) if self._listeners else listener

    def unlisten(self, listener: Listener) -> None:
        """Stop calling *listener*. With the last one gone, nobody asks the vendor any more."""
        if listener in self._heard():
            self._keep(tuple(each for each in self._heard() if each is not listener))

    def _heard(self) -> tuple[Listener, ...]:
        listeners = self._listeners
        if callable(listeners) or isinstance(listeners, asyncio.Future):
            return (listeners,)
        return listeners

    def _keep(self, listeners: tuple[Listener, ...]) -> None:
        self._listeners = listeners[0] if len(listeners) == 1 else listeners
        if not listeners:
            self._keeper.unwatch(self)

    def _listening(self) -> asyncio.Future[None]:
        """A future of the end, which is among the listeners until then."""
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._lost is not None:
            end.set_exception(_own(self._lost))
        else:
            self.listen(end)
        return end

    def _sweep(self) -> None:
        """Forget futures that are over: their waiters were told, or cancelled."""
        left = tuple(each for each in self._heard() if not _over(each))
        if len(left) < len(self._heard()):
            self._keep(left)

    def push(self, task: Task[R | None]) -> None:
        """Take a snapshot in. Late or repeated news change nothing, and nothing follows a final status."""
        known = self._task
        if known is not None and known.status.final:
            if task.status is known.status:
                self._task = task  # nobody needs waking, but the links in it may be fresh
            return
        if known is not None:
            if not task.status.final and _late(task, known):  # an end counts, whatever clock it was told by
                return
            if task == known and self._lost is None:
                return
        changed = known is None or self._lost is not None or task.status is not known.status
        self._task, self._id, self._lost = task, task.id, None
        self._external_task_id = task.external_task_id or self._external_task_id
        if changed:
            self._keeper.changed(self)
        if task.status.final:
            self._keeper.ended(self)
        elif self.hold is None:
            self._keeper.running(self)
        self._tell(None)

    def fail(self, error: Exception) -> None:
        """End the waiting of everybody with *error*; the task itself is untouched and can be awaited again."""
        self._keeper.failed(self, error)
        if isinstance(error, TaskLost):
            self._lost = error
            self._keeper.ended(self)
        self._tell(error)

    def _tell(self, error: Exception | None) -> None:
        for listener in self._heard():
            if callable(listener):
                listener(error)
            elif listener.done():
                pass  # its waiter was cancelled, and has not come round to leave
            elif error is not None:
                listener.set_exception(_own(error))
            elif self.done:
                listener.set_result(None)
        if error is not None or self.done:
            self._sweep()


def _over(listener: Listener) -> bool:
    return isinstance(listener, asyncio.Future) and listener.done()


def _late(task: Task[Any], known: Task[Any]) -> bool:
    """Whether a snapshot is from before the one that is known."""
    if task.status is TaskStatus.SUBMITTED and known.status is not TaskStatus.SUBMITTED:
        return True
    return known.updated_ms is not None and task.updated_ms is not None and task.updated_ms < known.updated_ms


def _check_timeout(timeout: object) -> None:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise InvalidRequest("timeout", "must be a number of seconds, or None for no limit", timeout)


def _own(error: Exception) -> Exception:
    # Each waiter raises its own copy: one exception raised many times would grow one endless traceback.
    return copy.copy(error) if isinstance(error, KlingError) else error


async def as_completed(handles: Iterable[TaskHandle[R]]) -> AsyncGenerator[TaskHandle[R], None]:
    """Yield each handle once its task has ended or cannot be followed, in the order seen. No task per handle."""
    ended: asyncio.Queue[tuple[TaskHandle[R], Exception | None]] = asyncio.Queue()

    def reporter(handle: TaskHandle[R]) -> Listener:
        def listen(error: Exception | None) -> None:
            if error is not None or handle.done:
                handle.unlisten(listen)  # once is enough, whatever becomes of the handle now
                of_all = error is not None and (isinstance(error, ABOUT_ALL) or not isinstance(error, KlingError))
                ended.put_nowait((handle, error if of_all else None))

        return listen

    listening = [(handle, reporter(handle)) for handle in dict.fromkeys(handles)]
    try:
        for handle, listen in listening:
            if handle.done or handle.lost:
                ended.put_nowait((handle, None))
            else:
                handle.listen(listen)
        for _ in listening:
            handle, error = await ended.get()
            if error is not None:
                raise _own(error)
            yield handle
    finally:
        for handle, listen in listening:
            handle.unlisten(listen)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError(value)
