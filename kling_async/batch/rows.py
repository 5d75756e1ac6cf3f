"""One row of a manifest as a task to make: every key and every field checked, all that is wrong told at once.

A row is a line of OpenAI's batches (`custom_id`, `url` or `endpoint`, `body`), or flat: then all that is not a key of
the row is a field of the request. Names of files begin in the folder of the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs

from ..api import FieldInfo
from ..api.fields import Checked
from ..api.search import row_at, row_named
from ..api.texts import known, meant
from ..errors import InvalidRequest, RowError
from ..protocol.endpoint import TaskSpec
from ..wording import is_large, shown
from .cells import cell, plain
from .inputs import Keeping
from .names import custom_id, name_of
from .queries import Planned

T = TypeVar("T")

Spec: TypeAlias = TaskSpec[..., Any, Any]

Vet: TypeAlias = Callable[[Spec, Any], None]
"""Raises `InvalidRequest` for a request that the client would not send."""

KEYS: Final = ("custom_id", "url", "endpoint", "method", "priority", "body")
_NAMED: Final = ", ".join(KEYS)
_NO_ENDPOINT: Final = "is required, such as images.generate; or url; or one for all rows, with endpoint= or --endpoint"
_MOST: Final = 1_000_000
"""The largest priority."""
_DIGITS: Final = 10
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

    def planned(self, where: str, given: Mapping[Any, object]) -> Planned | list[RowError]:
        """A task to make, or all that is wrong with the row. Blocking. Raises `JournalError`."""
        wrong = list[InvalidRequest]()
        keys = _tried(wrong, _keys, given)
        if keys is None:
            return [row_error(where, given, each) for each in wrong]
        id_ = _tried(wrong, custom_id, keys.get("custom_id"))
        row = _tried(wrong, self._row, keys)
        priority = _tried(wrong, _priority, keys.get("priority"))
        _tried(wrong, _method, keys.get("method"))
        request = None if row is None else _tried(wrong, self._request, row, keys)
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

    def _row(self, keys: Mapping[str, object]) -> Spec:
        found = {key: endpoint_of(key, _text(key, keys[key])) for key in ("endpoint", "url") if key in keys}
        if not found:
            if self.endpoint is None:
                raise InvalidRequest("endpoint", _NO_ENDPOINT)
            return self.endpoint
        first, *others = found.values()
        if any(other is not first for other in others):
            raise InvalidRequest("url", f"must be that of the endpoint, {first.path}, or be left out", keys["url"])
        return first

    def _request(self, row: Spec, keys: Mapping[str, object]) -> Checked:
        abouts = known(cast("type", row.request))
        body = {
            name: value if (about := abouts.get(name)) is None else meant(name, about, value, self.home)
            for name, value in _fields(keys, abouts).items()
        }
        for inner in (body, body.get("extra")):
            named = cast("Mapping[str, object]", inner).get("external_task_id") if isinstance(inner, Mapping) else None
            if named is not None:
                raise InvalidRequest("external_task_id", "must be left out: the batch makes one of custom_id", named)
        request = cast("Checked", row.request(**body))
        self.vet(row, request)
        return request


def endpoint_of(field: str, given: str) -> Spec:
    """The row that is meant by a name or a path. Raises `InvalidRequest`."""
    if given.startswith("/"):
        return row_at(field, given)
    return row_named(field, given, otherwise=" that makes tasks, such as images.generate")


def _keys(given: Mapping[Any, object]) -> dict[str, object]:
    """What a row holds, without what is empty."""
    found = dict[str, object]()
    for name in given:
        if not isinstance(name, str):
            raise InvalidRequest("row", "must have texts as keys", name)
        value = given[name]
        # In a body null may say something, in `extra`.
        kept: object = value if name == "body" and _is_mapping(value) else plain(value)
        if kept is not None and kept != "":
            found[name] = kept
    return found


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _fields(keys: Mapping[str, object], abouts: Mapping[str, FieldInfo | None]) -> Mapping[str, object]:
    """The fields of the request, of a row of either shape."""
    rest = {name: value for name, value in keys.items() if name not in KEYS}
    if "body" not in keys:
        if not rest:
            raise InvalidRequest("body", "is required: the fields of the request")
        return {name: cell(name, abouts[name], value) if name in abouts else value for name, value in rest.items()}
    if rest:
        name = next(iter(rest))
        raise InvalidRequest(name, f"is no key of a row that has a body; there are {_NAMED}", rest[name])
    given = cell("body", None, keys["body"])  # in a table it is JSON text
    body = cast("Mapping[object, object]", given) if isinstance(given, Mapping) else None
    if body is None or not all(isinstance(name, str) for name in body):
        raise InvalidRequest("body", "must be an object with the fields of the request", keys["body"])
    return cast("Mapping[str, object]", body)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(name, "must be a text", value)
    return value


def _priority(value: object) -> int:
    digits = isinstance(value, str) and len(value) < _DIGITS and value.removeprefix("-").isdecimal()
    number = int(cast("str", value)) if digits else value
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


def row_error(where: str, given: Mapping[Any, object] | None, error: InvalidRequest) -> RowError:
    """What is wrong with a row; of large values only the few words that a message has for them."""
    id_ = None if given is None else _told(given.get("custom_id"))
    value = error.value
    long = is_large(value) or len(value if isinstance(value, str) else shown(value, _SHORT)) > _SHORT
    return RowError(where, id_, error.field or "row", error.rule or str(error), shown(value) if long else value)


def _told(id_: object) -> str | None:
    """An id, whether it may be one or not, as far as it is worth telling."""
    if isinstance(id_, str):
        return id_ if len(id_) <= _SHORT else shown(id_)
    try:
        return custom_id(id_)
    except InvalidRequest:
        return None
