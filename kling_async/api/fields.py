"""The fields of a request as a whole: unknown names, missing fields and broken rules raise `InvalidRequest`.

What a single field may hold is said in `kinds`.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar, cast, dataclass_transform

import attrs

from ..errors import InvalidRequest
from ..wording import shown
from .about import info, line
from .extra import Extra
from .kinds import (
    choice,
    identifier,
    integer,
    moment,
    nested,
    number,
    picture,
    pictures,
    seconds,
    sequence,
    sound,
    switch,
    text,
    texts,
    url,
    video,
)

T = TypeVar("T")

_UNSET: Final = attrs.NOTHING
_EITHER: Final = inspect.Parameter.POSITIONAL_OR_KEYWORD


class Rule(NamedTuple):
    """A rule over several fields, already looked at."""

    field: str
    rule: str
    met: bool


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(
        text,
        identifier,
        texts,
        url,
        number,
        integer,
        switch,
        choice,
        seconds,
        moment,
        picture,
        pictures,
        sound,
        video,
        nested,
        sequence,
        attrs.field,
    ),
)
def frozen(cls: type[T]) -> type[T]:
    """Make a request class: immutable, keyword only, checked when it is made."""
    return attrs.frozen(kw_only=True, init=False, repr=False, field_transformer=_own_first)(cls)


def _own_first(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    # What a request is about comes before what all requests have, in help() as on the command line.
    depth = {
        name: at
        for at, base in reversed(list(enumerate(cls.__mro__)))
        for name in vars(base).get("__annotations__", ())
    }
    return sorted(fields, key=lambda field: depth[field.name])


def _parameter(field: attrs.Attribute[Any]) -> inspect.Parameter:
    about = info(field)
    kind = inspect.Parameter.KEYWORD_ONLY if about is None or not about.positional else _EITHER
    default = inspect.Parameter.empty if field.default is _UNSET else None if about else Extra()
    return inspect.Parameter(field.name, kind, default=default, annotation=field.type)


class _Signature:
    """The real parameters of a request class, for `help()` and notebooks."""

    def __get__(self, _: object, owner: type) -> inspect.Signature:
        # `help()` asks the bare base too, which has no fields of its own.
        return inspect.Signature([_parameter(field) for field in _fields(owner)])


class Checked:
    """What request classes and their parts share: unknown names, missing fields and broken rules are found at once."""

    __slots__ = ()

    __signature__: ClassVar[_Signature] = _Signature()

    if not TYPE_CHECKING:  # type checkers read the fields; this is where the values are checked

        def __init__(self, /, *positional: object, **given: object) -> None:
            known = {field.name: field for field in attrs.fields(type(self))}
            if positional:
                given = _named(type(self), positional, given)
            for name, value in given.items():
                if name not in known:
                    raise InvalidRequest(name, _unknown(name, known), value)
            kept = {name: _read(field, given.get(name)) for name, field in known.items() if name in given}
            for name, field in known.items():
                if field.default is _UNSET and kept.get(name) is None:
                    raise InvalidRequest(name, "is required", None)
            self.__attrs_init__(**kept)

    @classmethod
    def described(cls) -> str:
        """What this is and a line for each of its fields: whether it is required, its limits, what it is for."""
        lines = "".join(f"\n    {line(field)}" for field in _fields(cls))
        return f"{inspect.getdoc(cls)}\n\nFields:\n{lines}" if lines else inspect.getdoc(cls) or ""

    def __attrs_post_init__(self) -> None:
        for field, rule, met in self.rules():
            if not met:
                raise InvalidRequest(field, rule, getattr(self, field.partition(".")[0]))

    def rules(self) -> Iterable[Rule]:
        """The rules that span several fields and hold for every model; checked when the value is made."""
        return ()

    def abilities(self) -> Iterable[Rule]:
        """What the vendor calls unsupported: combinations that the model asked for is not known to take."""
        return ()

    def unsupported(self) -> tuple[InvalidRequest, ...]:
        """
        What the capability map says will not work, each as the error that a client raises when it is asked to send it.

        Empty for models the map does not know. `KlingClient(validate="warn")` or `"off"` sends such requests.
        """
        return tuple(
            InvalidRequest(field, rule, getattr(self, field.partition(".")[0]))
            for field, rule, met in self.abilities()
            if not met
        )

    def estimate(self) -> Decimal | None:
        """
        Units this will cost by the vendor's price list, as far as the request alone tells; None where it does not.

        The list is dated (`kling_async.api.prices`); `task.units` of the finished task is what was charged. Failed
        tasks are free.
        """
        return None

    def __repr__(self) -> str:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
        given = ((field.name, getattr(self, field.name)) for field in fields)
        told = (f"{name}={shown(value)}" for name, value in given if value is not None and value != {})
        return f"{type(self).__name__}({', '.join(told)})"


def _fields(kind: type) -> tuple[attrs.Attribute[Any], ...]:
    return attrs.fields(kind) if attrs.has(kind) else ()


def _named(kind: type, positional: tuple[object, ...], given: Mapping[str, object]) -> dict[str, object]:
    """All that was given by name, as Python itself would have it."""
    names = [field.name for field in _fields(kind) if (about := info(field)) and about.positional]
    if len(positional) > len(names):
        which = f"no more than {', '.join(names)} as positional arguments" if names else "none of them as positional"
        raise TypeError(f"{kind.__name__} takes its fields by name, {which}")
    placed = dict(zip(names, positional, strict=False))
    if twice := placed.keys() & given.keys():
        raise TypeError(
            f"{kind.__name__} was given {', '.join(sorted(twice))} twice, by name and as positional argument"
        )
    return {**placed, **given}


def exactly_one(request: object, first: str, second: str) -> Rule:
    """The rule that of two fields one is given, and not both; the first is named where neither is."""
    given = [name for name in (first, second) if getattr(request, name) is not None]
    return Rule(given[-1] if given else first, f"exactly one of {first} and {second} is required", len(given) == 1)


def _read(field: attrs.Attribute[Any], value: object) -> object:
    about = info(field)
    if about is None:
        return value
    if value is None or (value == "" and field.default is not _UNSET):
        return None  # an empty text is how the vendor's own samples say "not given"
    return about.read(field.name, value)


def _unknown(name: str, known: Collection[str]) -> str:
    if name == "model" and "model_name" in known:
        # The vendor takes this key without an error and runs its default model, which is never what was meant.
        return "is called model_name; the vendor accepts this old name and silently runs its default model"
    names = [each for each in known if each != "extra"]
    hint = " (extra={...} passes others unchecked)" if "extra" in known else ""
    return f"is not a field; there are {', '.join(names)}{hint}"
