"""A row of the API: what an endpoint takes, what it gives, where it lives.

A row stands on a resource class and describes; on an instance it binds to a backend, as a function binds to an object,
and acts. Everything else that needs to know an endpoint (command line, batches, emulator tests) reads the row.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Container, Mapping
from functools import partial
from typing import (
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NoReturn,
    ParamSpec,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    overload,
)
from urllib.parse import quote

import attrs

from ..errors import InvalidRequest, ResponseError
from ..events.logs import about
from ..handle import TaskHandle
from ..models import BalanceDeduction, Task, TaskStatus
from ..wording import shown
from .call import Call, Json, Sender
from .codec import decimal, dump, dumps, encodable, load, load_each, log, milliseconds

P = ParamSpec("P")
Q = TypeVar("Q")
R = TypeVar("R")

Pool: TypeAlias = Literal["video", "image", "try_on", "other"]
"""The family of packs whose slots a task holds."""

PAGES = 1000
PAGE_SIZE = 500


class Backend(Sender, Protocol):
    """What a bound endpoint needs; the client's inside."""

    def check(self, request: object, /) -> None:
        """Raise or warn about what a request asks of a model that cannot do it, as the client was told to."""
        ...

    async def submit(self, row: TaskSpec[..., Q, R], request: Q, /) -> TaskHandle[R]:
        """Create a task."""
        ...

    def find(
        self, row: TaskSpec[..., Any, R], task_id: str | None, external_task_id: str | None, /
    ) -> Awaitable[Task[R | None]]:
        """Query one task by either id."""
        ...

    def attach(self, row: TaskSpec[..., Any, R], task_id: str | None, external_task_id: str | None, /) -> TaskHandle[R]:
        """A handle for a task that exists already."""
        ...


@attrs.frozen(eq=False)
class Resource:
    """A group of endpoints that share a backend, for instance `client.videos`."""

    name: ClassVar[str]
    """How it is reached from the client, for instance `videos.selection`."""

    backend: Backend = attrs.field(repr=False)


def of_its_class(request: Q, wanted: Callable[..., Q], name: str) -> Q:
    """The request, if it is of the class that an endpoint takes; else raises `InvalidRequest`."""
    if isinstance(wanted, type) and not isinstance(request, wanted):
        raise InvalidRequest("request", f"{name} takes a {wanted.__name__}", request)
    return request


def one_slot(_: object) -> int:
    """The weight of a task that holds one slot."""
    return 1


class Page(NamedTuple, Generic[R]):
    """A page of the list, or what was wanted of it."""

    tasks: tuple[Task[R | None], ...]
    rows: int
    """How many it had, with those that cannot be read; fewer than asked for means that it is the last."""


class Mark(NamedTuple):
    """What tells whether a row of a list can be the one that is looked for; nothing of what cannot be read."""

    external_task_id: str | None
    created_ms: int | None


class Picked(NamedTuple, Generic[R]):
    """A page of the list that was searched."""

    task: Task[R | None] | None
    """The one that was looked for, if it was there."""
    marks: tuple[Mark, ...]
    """Of every row."""


class Glimpse(NamedTuple):
    """A row of a list, not read yet; `TaskSpec.read` makes its `data` a task."""

    row: int
    """Its place on the page, from 0."""
    task_id: str
    external_task_id: str | None
    """Where it is wanted by this one."""
    status: TaskStatus
    updated_ms: int | None
    data: Json


class Wanted(NamedTuple):
    """Which rows of a list are looked for."""

    ids: Container[str]
    external_ids: Container[str] = ()
    """Of tasks whose own ids are not known yet: an id of one task may be the external id of another."""


class Overview(NamedTuple):
    """What a page of the list tells without being read."""

    rows: int
    wanted: tuple[Glimpse, ...]
    ordered: bool
    """Whether the newest comes first, as far as this page shows."""
    ended: tuple[tuple[int, float], ...]
    """
    Of other tasks that have ended, when they did (Unix milliseconds) and after how many seconds; only of those older
    than every pending one of the page, because among the newest the short ones are over first.
    """
    latest_ms: int | None
    """The latest moment that any row names."""


class TaskSpec(Generic[P, Q, R]):
    """One kind of task. Pure: its methods describe calls and read answers."""

    def __init__(
        self,
        request: Callable[P, Q],
        result: type[R],
        path: str,
        *,
        pool: Pool,
        weight: Callable[[Q], int] = one_slot,
        query_by_external_id: bool = True,
        largest_page: int = PAGE_SIZE,
    ) -> None:
        self.request = request
        self.result = result
        self.path = path
        self.pool: Pool = pool
        self.weight = weight
        """How many slots a request holds."""
        self.query_by_external_id = query_by_external_id
        """Whether one task is documented to be found by its external id; if not, the list is searched too."""
        self.largest_page = largest_page
        """Tasks on a page at most."""
        self.name: str = path
        """Resource and attribute, for instance `"videos.text_to_video"`."""
        self._kinds: dict[tuple[str, ...], tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.path}>"

    def kind(self, request: Q) -> tuple[str, ...]:
        """What a task's duration depends on besides the endpoint, from coarse to fine; opaque to all others."""
        given = [getattr(request, name, None) for name in ("model_name", "mode")]
        amount = getattr(request, "duration", None) or getattr(request, "n", None)
        kind = tuple("" if value is None else str(value) for value in (*given, amount))
        while kind and not kind[-1]:
            kind = kind[:-1]
        return self._kinds.setdefault(kind, kind)  # one for all of the many handles that have it

    def create(self, request: Q, new_id: Callable[[], str]) -> tuple[str, Call[Task[R | None]]]:
        """The call that makes a task, and the external id it carries: the request's own, else a new one."""
        body = dump(of_its_class(request, self.request, self.name))
        external = body.get("external_task_id")
        if not isinstance(external, str) or not external:
            external = body["external_task_id"] = new_id()
        read = partial(self._made, external)
        return external, Call(
            method="POST",
            path=self.path,
            body=body,
            read=read,
            repeatable=False,
            endpoint=self.name,
        )

    def _made(self, external_task_id: str, data: Json) -> Task[R | None]:
        """The task that a create made; `ResponseError` where the answer is about another one."""
        return the_one(self.read(data), external_task_id)

    def query(self, either_id: str) -> Call[Task[R | None]]:
        """The call that asks for one task; `task_id` and `external_task_id` share the place in the path."""
        plain = either_id.isascii() and either_id.isalnum()  # as all ids of the vendor's and of ours are
        segment = either_id if plain else quote(either_id, safe="")
        if segment in (".", ".."):  # which would be taken for steps in the path
            segment = segment.replace(".", "%2E")
        return Call(method="GET", path=f"{self.path}/{segment}", read=self.read, endpoint=self.name)

    def page(self, number: int, size: int) -> Call[Page[R]]:
        """The call that asks for one page of the list."""
        _within("page", number, PAGES)
        _within("page_size", size, self.largest_page)
        query = {"pageNum": str(number), "pageSize": str(size)}
        return Call(method="GET", path=self.path, query=query, read=self._page, endpoint=self.name)

    def _page(self, data: Json) -> Page[R]:
        return Page(self.read_page(data), len(self._rows(data)))

    def pick(self, number: int, size: int, external_task_id: str) -> Call[Picked[R]]:
        """
        The call that asks for a page, and reads only the task with an external id.

        One of them that cannot be read is a `ResponseError`: it must not look like a task that does not exist.
        """
        call = self.page(number, size)
        return Call(
            method="GET",
            path=call.path,
            query=call.query,
            read=partial(self._pick, external_task_id),
            endpoint=self.name,
        )

    def _pick(self, external_task_id: str, data: Json) -> Picked[R]:
        rows = self._rows(data)
        marks = tuple(_mark(row) for row in rows)
        found = (row for row, mark in zip(rows, marks, strict=True) if mark.external_task_id == external_task_id)
        return Picked(next(map(self.read, found), None), marks)

    def overview(self, number: int, size: int, wanted: Wanted) -> Call[Overview]:
        """The call that asks for a page and makes no tasks of its rows: those *wanted* can be read if need be."""
        call = self.page(number, size)
        return Call(
            method="GET", path=call.path, query=call.query, read=partial(self._overview, wanted), endpoint=self.name
        )

    def _overview(self, wanted: Wanted, data: Json) -> Overview:
        rows = self._rows(data)
        ours = list[Glimpse]()
        ended = list[tuple[int, float]]()
        ordered, before, latest = True, _ENDLESS, 0
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                continue
            word = row.get("task_status")
            status = TaskStatus(word) if isinstance(word, str) else TaskStatus.UNKNOWN
            created, updated = milliseconds(row.get("created_at")), milliseconds(row.get("updated_at"))
            if created is not None:
                ordered, before = ordered and created <= before + _JITTER, min(created, before)
            latest = max(latest, created or 0, updated or 0)
            final = status in _FINAL
            if not final:
                ended.clear()
            task_id, external = _ids(row)
            if task_id in wanted.ids:
                ours.append(Glimpse(index, task_id, None, status, updated, row))
            elif external is not None and external in wanted.external_ids:
                ours.append(Glimpse(index, task_id, external, status, updated, row))
            elif final and created is not None and updated is not None and updated > created:
                ended.append((updated, (updated - created) / 1000))
        return Overview(len(rows), tuple(ours), ordered, tuple(ended), latest or None)

    def read(self, data: Json) -> Task[R | None]:
        """One task object, bare or as an array of one. Raises `ResponseError` where it lacks an id or a status."""
        row = data[0] if isinstance(data, list) and len(data) == 1 else data
        task_id, status = (row.get("task_id"), row.get("task_status")) if isinstance(row, dict) else (None, None)
        if not (isinstance(row, dict) and isinstance(status, str) and _is_id(task_id)):
            raise ResponseError(f"the answer is not a task: {shown(data)}")
        try:
            return self._task(str(task_id), TaskStatus(status), row)
        except RecursionError:
            pass
        raise ResponseError("the answer is nested without end")

    def read_page(self, data: Json) -> tuple[Task[R | None], ...]:
        """
        A page of the list; null is an empty one, a bare task one of one. Rows that are no tasks are left out.

        Raises `ResponseError`.
        """
        return load_each(self.read, self._rows(data), f"a page of {self.name}")

    def _rows(self, data: Json) -> list[Json]:
        if isinstance(data, dict) and "task_id" in data:
            return [data]  # the list of dubbed videos was documented so in 2025
        if data is not None and not isinstance(data, list):
            raise ResponseError(f"the answer is not a list of tasks: {shown(data)}")
        return data or []

    def _result(self, task_id: str, given: object) -> R:
        """What a task made; empty where that cannot be read, because a success is one and `Task.raw` has it all."""
        try:
            return load(self.result, given, f"the result of task {task_id}")
        except ResponseError as error:
            log.warning(
                "the result of task %s cannot be read, see its raw: %s",
                task_id,
                error,
                extra=about(endpoint=self.name, task_id=task_id, error=error),
            )
            return self.result()

    def _task(self, task_id: str, status: TaskStatus, row: dict[str, Json]) -> Task[R | None]:
        result = self._result(task_id, row.get("task_result") or {}) if status is TaskStatus.SUCCEED else None
        info, balance, message = row.get("task_info"), row.get("final_balance_deduction"), row.get("task_status_msg")
        external = info.get("external_task_id") if isinstance(info, dict) else None
        brief = len(row) == _BRIEF and not status.final
        created, updated = milliseconds(row.get("created_at")), milliseconds(row.get("updated_at"))
        task: Task[R | None] = Task(
            id=task_id,
            status=status,
            result=result,
            endpoint=self.name,
            external_task_id=external if isinstance(external, str) and external else None,
            message=message if isinstance(message, str) else "",
            created_ms=created,
            updated_ms=created if updated == created else updated,  # one number for both, as long as a task is new
            units=decimal(row.get("final_unit_deduction")),
            balance=_balance(balance) if isinstance(balance, dict) else None,
            raw=row if status.final else _as_created if brief else dumps(row),
        )
        return attrs.evolve(task, raw=dumps(row)) if brief and row != _as_created(task) else task


class TaskEndpoint(TaskSpec[P, Q, R]):
    """A row: a `TaskSpec` that stands on a resource class, and binds to its instances."""

    def __set_name__(self, owner: type[Resource], name: str) -> None:
        self.name: str = f"{owner.name}.{name}"

    @overload
    def __get__(self, resource: None, owner: type[Resource]) -> Self: ...
    @overload
    def __get__(self, resource: Resource, owner: type[Resource]) -> TaskMethod[P, Q, R]: ...
    def __get__(self, resource: Resource | None, owner: type[Resource]) -> Self | TaskMethod[P, Q, R]:
        return self if resource is None else TaskMethod(self, resource.backend)


def the_one(task: Task[R | None], external_task_id: str) -> Task[R | None]:
    """The task, unless it names another external id: then it is somebody else's, and `ResponseError` is raised."""
    if task.external_task_id in (None, external_task_id):
        return task
    asked, told = shown(external_task_id), shown(task.external_task_id)
    raise ResponseError(f"asked about the external_task_id {asked}, the vendor told of {told}, task {shown(task.id)}")


def status_word(task: Task[Any]) -> str:
    """How the vendor wrote the status of a task."""
    return shown(task.raw.get("task_status"))


_ENDLESS: Final = 1 << 63
_JITTER: Final = 2000
"""Milliseconds by which two servers of the vendor's may put neighbours the wrong way round."""
_FINAL: Final = frozenset(status for status in TaskStatus if status.final)
_BRIEF: Final = 5
"""Fields of an answer that the snapshot's own fields may tell in full."""


def _as_created(task: Task[Any]) -> Mapping[str, object]:
    """What the vendor answers to a create, told from the fields alone."""
    return {
        "task_id": task.id,
        "task_status": task.status.value,
        "task_info": {"external_task_id": task.external_task_id},
        "created_at": task.created_ms,
        "updated_at": task.updated_ms,
    }


def _ids(row: Mapping[str, Json]) -> tuple[str, str | None]:
    """Both ids of a row that was not read yet."""
    task_id, info = row.get("task_id"), row.get("task_info")
    external = info.get("external_task_id") if isinstance(info, dict) else None
    return task_id if type(task_id) is str else str(task_id), external if isinstance(external, str) else None


def _mark(row: Json) -> Mark:
    if not isinstance(row, dict):
        return Mark(None, None)
    return Mark(_ids(row)[1] or None, milliseconds(row.get("created_at")))


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(value)


def _balance(row: Mapping[str, Json]) -> BalanceDeduction:
    return BalanceDeduction(quota=decimal(row.get("quota")), list_price=decimal(row.get("list_price")))


@attrs.frozen(eq=False)
class TaskMethod(Generic[P, Q, R]):
    """
    An endpoint with a backend behind it: call it, or `submit` a request, to make a task.

    `get`, `list`, `iterate` and `attach` find those that were made.
    """

    row: TaskSpec[P, Q, R]
    _backend: Backend = attrs.field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self.row.name} of a client holds its connections and credentials and cannot be pickled; "
            "make a KlingClient per process"
        )

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> TaskHandle[R]:
        """
        Make a task from keyword arguments; returns as soon as it is certain that there is one.

        Billed once, failed tasks not at all. Waits for slots, and waits out what passes. Where the answer is lost (a
        time-out, a 5xx), the vendor is asked for the task's `external_task_id`, and the create is sent again, under the
        same id, only when there is certainly no task; that takes `Retry.settle` seconds. Raises `InvalidRequest` for
        bad input with nothing sent; `SlotsUnavailable` after `slot_timeout`, the `ApiError` of a refusal or
        `ConnectionFailed`, with no task made; `SubmitUnknown` where that could not be found out: `attach` finds the
        task by the id it names, if there is one. Cancelled when it is on its way, it is followed for up to 10 s in the
        background, and `SubmitEnded` tells what became of it.
        """
        return await self.submit(self.row.request(*args, **kwargs))

    async def submit(self, request: Q) -> TaskHandle[R]:
        """Make a task from a request built earlier; otherwise as a call with keywords."""
        return await self._backend.submit(self.row, request)

    async def get(self, task_id: str | None = None, *, external_task_id: str | None = None) -> Task[R | None]:
        """
        One task as it stands now, by one of its two ids. One free query, repeated if it fails in a way that may pass.

        Raises `TaskNotFound` where the vendor knows no such task. Where the documents promise no query by external id,
        the newest 2,000 tasks of the list are searched as well.
        """
        return await self._backend.find(self.row, *_one_of(task_id, external_task_id))

    async def list(self, *, page: int = 1, page_size: int = 30) -> tuple[Task[R | None], ...]:
        """
        One page of this endpoint's tasks, `page` 1 to 1000, `page_size` 1 to 500 (voices: 1000). One free query.

        The vendor gives no total and states no order (newest first, as far as is known); past the end it is empty.
        A row that is no task is left out, with a warning in the log.
        """
        return (await self._backend.send(self.row.page(page, page_size))).tasks

    async def iterate(self, *, page_size: int = 100) -> AsyncGenerator[Task[R | None], None]:
        """All of this endpoint's tasks, page by page. Rows that move to a later page meanwhile are not given twice."""
        seen = set[str]()
        for page in range(1, PAGES + 1):
            tasks, rows = await self._backend.send(self.row.page(page, page_size))
            for task in tasks:
                if task.id not in seen:
                    seen.add(task.id)
                    yield task
            if rows < page_size:
                return

    def attach(self, task_id: str | None = None, *, external_task_id: str | None = None) -> TaskHandle[R]:
        """
        A handle for a task made elsewhere, for instance before a restart. Sends nothing by itself.

        Whether the task exists shows when the handle is awaited or refreshed.
        """
        return self._backend.attach(self.row, *_one_of(task_id, external_task_id))

    @property
    def __signature__(self) -> inspect.Signature:
        """Let `help()` and notebooks show the real parameters."""
        return inspect.signature(self.row.request).replace(return_annotation=TaskHandle)


class _Docstring:
    """What `help()` shows: of the class its own docstring, of an instance also that of the request it takes."""

    def __init__(self, own: str | None) -> None:
        self._own = inspect.cleandoc(own or "")

    def __get__(self, method: Any, owner: type[Any]) -> str:
        if method is None:
            return self._own
        request = method.row.request
        told = getattr(request, "described", None)
        return f"{self._own}\n\n{told() if callable(told) else inspect.getdoc(request) or ''}".rstrip()


def described(kind: type[Any]) -> Any:
    """
    A `__doc__` for a class whose instances hold a row: what the row's request is for and takes, field by field.

    The fields are told by the request class itself, if it has a classmethod `described`.
    """
    return _Docstring(kind.__doc__)


TaskMethod.__doc__ = described(TaskMethod)


def _one_of(task_id: str | None, external_task_id: str | None) -> tuple[str | None, str | None]:
    _filled("task_id", task_id)
    _filled("external_task_id", external_task_id)
    if (task_id is None) == (external_task_id is None):
        raise InvalidRequest("task_id", "give exactly one of task_id and external_task_id", task_id)
    return task_id, external_task_id


def _filled(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidRequest(name, "must be a text that is not empty", value)
    if value is not None and not encodable(value):
        raise InvalidRequest(name, "must be a text that UTF-8 can write", value)


def _within(name: str, value: object, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidRequest(name, f"must be a whole number between 1 and {most}", value)
