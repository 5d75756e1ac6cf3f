"""The mapping in which a request keeps fields this package does not know: a copy that nobody can change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ..errors import InvalidRequest
from ..media.inputs import marked


def _refused(*_: object, **__: object) -> NoReturn:
    raise TypeError("extra belongs to a request, which cannot be changed; make another request")


class Extra(dict[str, object]):
    """A dict that cannot be changed: equal to any other, picklable, JSON as it is. `dict(extra)` can be changed."""

    __slots__ = ()

    if not TYPE_CHECKING:  # type checkers know it as the Mapping that requests say they hold
        __setitem__ = __delitem__ = __ior__ = _refused
        clear = pop = popitem = setdefault = update = _refused

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def kept(value: object) -> Extra:
    """What was given as `extra`, as it is kept. Checked is nothing but that it can be."""
    if value is None:
        return Extra()
    if not isinstance(value, Mapping):
        raise InvalidRequest("extra", "must be a mapping", value)
    given = cast("Mapping[str, object]", value)
    if not all(isinstance(key, str) for key in cast("Iterable[object]", given)):
        raise InvalidRequest("extra", "must have texts as keys", given)
    try:
        return _mapping(given)
    except RecursionError:
        pass
    raise InvalidRequest("extra", "must not be nested so deeply", given)


def _mapping(given: Mapping[str, object]) -> Extra:
    return Extra({name: _frozen(each) for name, each in given.items()})


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        return _mapping(cast("Mapping[str, object]", value))
    if isinstance(value, list | tuple):
        return tuple([_frozen(each) for each in cast("list[object]", value)])
    return marked(value) if isinstance(value, Path) else value
