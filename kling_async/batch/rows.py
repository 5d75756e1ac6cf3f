"""One row of a manifest as a task to make: every key and every field checked, all that is wrong told at once.

A row is a line of OpenAI's batches (`custom_id`, `url` or `endpoint`, `body`), or flat: then all that is not a key of
the row is a field of the request. Names of files begin in the folder of the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs

from ..api.fields import Checked
from ..api.search import row_at, row_named
from ..api.texts import known, meant
from ..errors import InvalidRequest, RowError
from ..protocol.endpoint import TaskSpec
from ..wording import is_large, shown
from .cells import cell
from .inputs import Keeping
from .names import custom_id, name_of
from .queries import Planned

T = TypeVar("T")

Spec: TypeAlias = TaskSpec[..., Any, Any]

Vet: TypeAlias = Callable[[Spec, Any], None]
"""Raises `InvalidRequest` for a request that the client would not send."""

KEYS: Final = ("custom_id", "url", "endpoint", "method", "priority", "body")
_NAMED: Final = ", ".join(KEYS)
_MOST: Final = 1_000_000
"""The largest priority."""
_SHORT: Final = 200
"""Characters of a value that is kept with what is wrong with it."""


@attrs.frozen(kw_only=True)
class Reading:
    """What rows are read with."""

    endpoint: Spec | None
    """Of rows that name none."""
    home: Path | None
    """Where names of files begin; None for the current directory."""
    keeping: Keeping
    vet: Vet

    def planned(self, where: str, given: Mapping[str, object]) -> Planned | list[RowError]:
        """A task to make, or all that is wrong with the row. Blocking. Raises `JournalError`."""
        wrong = list[InvalidRequest]()
        id_ = _tried(wrong, custom_id, given.get("custom_id"))
        row = _tried(wrong, self._row, given)
        priority = _tried(wrong, _priority, given.get("priority"))
        _tried(wrong, _method, given.get("method"))
        request = None if row is None else _tried(wrong, self._request, row, given)
        if id_ is not None and row is not None and priority is not None and request is not None:
            body = _tried(wrong, self.keeping.body, row.name, request)
            if body is not None and not wrong:
                return Planned(
                    custom_id=id_,
                    endpoint=row.name,
                    pool=row.pool,
                    kind=row.kind(request),
                    body_json=body.json,
                    body_sha256=body.sha256,
                    weight=row.weight(request),
                    estimate=request.estimate(),
                    priority=priority,
                    name=name_of(id_),
                    where=where,
                )
        return [row_error(where, given, each) for each in wrong]

    def _row(self, given: Mapping[str, object]) -> Spec:
        name, path = given.get("endpoint"), given.get("url")
        if name is None and path is None:
            if self.endpoint is None:
                raise InvalidRequest("endpoint", "is required, such as images.generate; or url, or one for all rows")
            return self.endpoint
        found = [
            find(key, _text(key, value))
            for key, value, find in (("endpoint", name, _by_name), ("url", path, row_at))
            if value is not None
        ]
        if found[-1] is not found[0]:
            raise InvalidRequest("url", f"must be that of the endpoint, {found[0].path}, or be left out", path)
        return found[0]

    def _request(self, row: Spec, given: Mapping[str, object]) -> Checked:
        abouts = known(cast("type", row.request))
        body = {
            name: value if (about := abouts.get(name)) is None else meant(name, about, value, self.home)
            for name, value in _fields(given, abouts).items()
        }
        for inner in (body, body.get("extra")):
            named = cast("Mapping[str, object]", inner).get("external_task_id") if isinstance(inner, Mapping) else None
            if named is not None:
                raise InvalidRequest("external_task_id", "must be left out: the batch makes one of custom_id", named)
        request = cast("Checked", row.request(**body))
        self.vet(row, request)
        return request


def _fields(given: Mapping[str, object], abouts: Mapping[str, Any]) -> Mapping[str, object]:
    """The fields of the request, of a row of either shape."""
    body = given.get("body")
    rest = {name: value for name, value in given.items() if name not in KEYS and value is not None}
    if body is None:
        if not rest:
            raise InvalidRequest("body", "is required: the fields of the request")
        return {name: cell(name, abouts.get(name), value) if name in abouts else value for name, value in rest.items()}
    if rest:
        name = next(iter(rest))
        raise InvalidRequest(str(name), f"is no key of a row beside body; there are {_NAMED}", rest[name])
    body = cell("body", None, body)  # in a table it is JSON text
    if not isinstance(body, Mapping):
        raise InvalidRequest("body", "must be an object with the fields of the request", body)
    return cast("Mapping[str, object]", body)


def _by_name(field: str, name: str) -> Spec:
    return row_named(field, name, otherwise=" that makes tasks, such as images.generate")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(name, "must be a text", value)
    return value


def _priority(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.removeprefix("-").isdecimal() else value
    if value is None:
        return 0
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > _MOST:
        raise InvalidRequest("priority", f"must be a whole number between -{_MOST} and {_MOST}", value)
    return number


def _method(value: object) -> None:
    if value is not None and value != "POST":
        raise InvalidRequest("method", "must be POST, or be left out", value)


def _tried(wrong: list[InvalidRequest], work: Callable[..., T], *given: object) -> T | None:
    """What some work gives; None where it was refused, which is added to what is wrong."""
    try:
        return work(*given)
    except InvalidRequest as error:
        wrong.append(error)
    except RecursionError:
        wrong.append(InvalidRequest("body", "must not be nested so deeply"))
    return None


def row_error(where: str, given: Mapping[str, object] | None, error: InvalidRequest) -> RowError:
    """What is wrong with a row; of large values only the few words that a message has for them."""
    id_ = None if given is None else given.get("custom_id")
    value = error.value
    short = value if not is_large(value) and len(shown(value, _SHORT)) < _SHORT else shown(value)
    return RowError(where, id_ if isinstance(id_, str) else None, error.field or "row", error.rule or str(error), short)
