"""What the fields of a fault may be. Each check names field, rule and value, for Python and for files alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

import attrs

LONGEST: Final = 80

Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def shown(value: Any) -> str:
    """A value for a message, however long it is."""
    told = repr(value)
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}..."


def number(least: float | None = None) -> Check:
    """A finite number, not below the least one."""
    rule = "a number" if least is None else f"a number of at least {least}"
    return _rule(rule, lambda value: _is_number(value) and (least is None or value >= least))


def above(bound: float) -> Check:
    """A finite number larger than the bound."""
    return _rule(f"a number above {bound}", lambda value: _is_number(value) and value > bound)


def whole(least: int, most: int | None = None) -> Check:
    """A whole number between the two."""
    rule = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
    return _rule(
        rule,
        lambda value: (
            isinstance(value, int)
            and not isinstance(value, bool)
            and value >= least
            and (most is None or value <= most)
        ),
    )


def one_of(names: Collection[str]) -> Check:
    """One of some words."""
    return _rule(f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names)


def _rule(rule: str, holds: Callable[[Any], bool]) -> Check:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not holds(value):
            raise ValueError(f"{attribute.name} must be {rule}; got {shown(value)}")

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


share: Check = _rule("above 0 and at most 1", lambda value: _is_number(value) and 0 < value <= 1)
text: Check = _rule("a text", lambda value: isinstance(value, str))
truth: Check = _rule("true or false", lambda value: isinstance(value, bool))
