"""A row whose call is answered at once: no task, no handle. Otherwise like a row of tasks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, NoReturn, ParamSpec, Self, TypeVar, cast, overload

import attrs

from ..errors import BadRequest, InvalidRequest, NotFound, ResponseError
from ..models import LedgerPage, Task, TaskStatus, succeeded
from ..wording import shown
from .call import Body, Call, Json
from .codec import dump, load, load_each
from .endpoint import Backend, Resource, TaskSpec, described, of_its_class
from .envelope import refused_inside

P = ParamSpec("P")
Q = TypeVar("Q")
V = TypeVar("V")


class DirectSpec(Generic[P, Q, V]):
    """One call that is answered at once. Pure: describes the call and reads the answer."""

    def __init__(
        self,
        request: Callable[P, Q],
        read: Callable[[Json], V],
        path: str,
        *,
        method: Literal["GET", "POST"] = "POST",
        repeatable: bool = False,
        aliases: tuple[str, ...] = (),
    ) -> None:
        self.request = request
        self.read = read
        self.path = path
        self.method: Literal["GET", "POST"] = method
        self.repeatable = repeatable
        """Whether sending it twice does no more than sending it once; if so, it is repeated where that may help."""
        self.aliases = aliases
        """Further paths which some documents give for the same call."""
        self.name: str = path
        """Resource and attribute, for instance `"videos.identify_face"`."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.path}>"

    def call(self, request: Q, path: str | None = None) -> Call[V]:
        """The call that a request stands for, at the row's own path or at an alias."""
        given = dump(of_its_class(request, self.request, self.name))
        asks = self.method == "GET"
        return Call(
            method=self.method,
            path=path or self.path,
            query={name: _in_query(name, value) for name, value in given.items()} if asks else {},
            body=None if asks else given,
            read=self.read,
            repeatable=self.repeatable,
            endpoint=self.name,
        )


def _in_query(name: str, value: Body) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise InvalidRequest(f"extra.{name}", "must be a text, a number, true or false: it goes into the address", value)


class DirectEndpoint(DirectSpec[P, Q, V]):
    """A row: a `DirectSpec` that stands on a resource class, and binds to its instances."""

    def __set_name__(self, owner: type[Resource], name: str) -> None:
        self.name: str = f"{owner.name}.{name}"

    @overload
    def __get__(self, resource: None, owner: type[Resource]) -> Self: ...
    @overload
    def __get__(self, resource: Resource, owner: type[Resource]) -> DirectMethod[P, Q, V]: ...
    def __get__(self, resource: Resource | None, owner: type[Resource]) -> Self | DirectMethod[P, Q, V]:
        return self if resource is None else DirectMethod(self, resource.backend)


@attrs.frozen(eq=False)
class DirectMethod(Generic[P, Q, V]):
    """A direct endpoint with a backend behind it: call it, or `send` a request, to get its answer."""

    row: DirectSpec[P, Q, V]
    _backend: Backend = attrs.field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self.row.name} of a client holds its connections and credentials and cannot be pickled; "
            "make a KlingClient per process"
        )

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> V:
        """
        Send the call and return its answer.

        Bad input raises `InvalidRequest` before anything is sent, a refusal the `ApiError` of its code. A call that
        only reads is repeated where that may help. One that changes something or is billed is sent once: if no answer
        came, the error says in `may_have_been_created` whether it may have been carried out.
        """
        return await self.send(self.row.request(*args, **kwargs))

    async def send(self, request: Q) -> V:
        """Send a request built earlier; otherwise as a call with keywords."""
        self._backend.check(request)
        paths = (self.row.path, *self.row.aliases)
        for path in paths[:-1]:
            try:
                return await self._backend.send(self.row.call(request, path))
            except NotFound:
                continue  # nothing was done, and another document gives another path
        return await self._backend.send(self.row.call(request, paths[-1]))

    @property
    def __signature__(self) -> inspect.Signature:
        """Let `help()` and notebooks show the real parameters."""
        return inspect.signature(self.row.request)


DirectMethod.__doc__ = described(DirectMethod)


# What rows read their answers with.


def value(kind: type[V]) -> Callable[[Json], V]:
    """One object."""
    return lambda data: load(kind, data)


def lifted(kind: type[V], name: str) -> Callable[[Json], V]:
    """One object, part of which stands one level down, under *name*."""

    def read(data: Json) -> V:
        given = _object(data)
        return load(kind, {**given, **_object(_only(given.get(name)) or {})})

    return read


def listed(kind: type[V]) -> Callable[[Json], tuple[V, ...]]:
    """A list of objects; null is an empty one. What cannot be read is left out, here and in all lists."""
    return lambda data: _rows(kind, _list(data))


def nothing(data: Json) -> None:
    """An answer whose only news is that it came; some answers have data then, some have none."""
    del data


def task_of(kind: type[V]) -> Callable[[Json], Task[V]]:
    """
    A task that is finished when the answer comes; raises `TaskFailed` if it failed.

    Its `endpoint` is empty, for there is none where it could be asked for again. Hence what it made is handed over
    whatever its status is called; only where nothing was made, an unfinished task is a `ResponseError` that names it.
    """
    spec: TaskSpec[..., Any, V] = TaskSpec(cast("Any", None), kind, "", pool="other")

    def read(data: Json) -> Task[V]:
        task = spec.read(data)
        if task.status.final:
            return succeeded(task)
        told = cast("dict[str, Json]", task.raw)
        made = spec.read({**told, "task_status": TaskStatus.SUCCEED.value})
        if made.result is None or made.result == spec.result():
            status = shown(told.get("task_status"))
            raise ResponseError(f"task {task.id} should be finished, but is {status}, and the answer holds no result")
        return succeeded(attrs.evolve(made, raw=told))

    return read


def results(kind: type[V], name: str) -> Callable[[Json], tuple[V, ...]]:
    """A list of things that stand in tasks: all things of all tasks, in the list *name* of their results."""

    def read(data: Json) -> tuple[V, ...]:
        return tuple(each for held in load_each(things, _list(data), f"a list of {name}") for each in held)

    def things(task: Json) -> tuple[V, ...]:
        given = _object(_only(_object(task).get("task_result")) or {}).get(name)
        return _rows(kind, [given] if isinstance(given, dict) else _list(given))

    return read


def session(kind: type[V], name: str | None = None) -> Callable[[Json], V]:
    """
    An answer with a refusal of its own inside: a `status` that is not zero is raised as `BadRequest`.

    Part of the answer may stand one level down, under *name*.
    """
    read = value(kind) if name is None else lifted(kind, name)

    def checked(data: Json) -> V:
        accepted(data)
        return read(data)

    return checked


def accepted(data: Json) -> None:
    """Only the refusal that an answer like that of `session` may hold; its numbers are not those of the API's codes."""
    status = _object(data).get("status")
    if status not in (None, 0, "0", ""):
        advice = "Look at the clip, at the points, and whether the session is older than 24 hours"
        raise BadRequest(f"refused with status {status} inside of an answer that says success", advice=advice)


def enclosed(kind: type[V], name: str) -> Callable[[Json], tuple[V, ...]]:
    """A list inside of a second envelope, whose `code` other than zero is raised as the `ApiError` it means."""

    def read(data: Json) -> tuple[V, ...]:
        given = _object(data)
        refused_inside(given.get("code"), given.get("msg"))
        return _rows(kind, _list(given.get(name)))

    return read


def ledger(kind: type[V]) -> Callable[[Json], LedgerPage[V]]:
    """A page of charges."""

    def read(data: Json) -> LedgerPage[V]:
        given = _object(data)
        cursor, more = given.get("next_cursor"), given.get("has_more")
        rows = _list(_object(given.get("result") or {}).get("detail"))
        return LedgerPage(rows=_rows(kind, rows), next_cursor=str(cursor) if cursor else None, has_more=bool(more))

    return read


def _rows(kind: type[V], rows: list[Json]) -> tuple[V, ...]:
    return load_each(lambda row: load(kind, row), rows, f"a list of {kind.__name__}")


def _only(data: Json) -> Json:
    """What an array of one holds; anything else as it is."""
    return data[0] if isinstance(data, list) and len(data) == 1 else data


def _object(data: Json) -> Mapping[str, Json]:
    if not isinstance(data, dict):
        raise ResponseError(f"the answer is not an object: {shown(data)}")
    return data


def _list(data: Json) -> list[Json]:
    if data is not None and not isinstance(data, list):
        raise ResponseError(f"the answer is not a list: {shown(data)}")
    return data or []
