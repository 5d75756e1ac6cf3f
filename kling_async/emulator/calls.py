"""
What a row of the table of synchronous calls is, and what its answer function is given.

Such a call answers with its result and leaves no task behind. It may leave a session, a voice, an element or a sound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

import attrs

from .documents import is_array, is_object
from .endpoint import Form
from .inputs import Picture
from .ledger import Ledger
from .media import Work
from .prices import as_text, units_of
from .results import MISSING
from .world import World

USD_PER_UNIT: Final = Decimal("0.14")
"""Of the pool of videos."""
NO_DATA: Final = object()
"""Given back instead of data where the answer shall have none."""


@attrs.frozen
class Call:
    """One call that passed its checks."""

    body: Mapping[str, Any]
    pictures: Mapping[str, Picture]
    query: Mapping[str, str]
    world: World
    ledger: Ledger
    now: float
    call_id: str
    """The id it is charged under; 18 digits like those of tasks, and unlike them it can not be queried."""
    units: Decimal | None
    newest_first: bool
    _vary: Callable[[Sequence[Any]], Any] = attrs.field(repr=False, alias="vary")

    def vary(self, *variations: Any) -> Any:
        """One of the documented variations; always the first without quirks."""
        return self._vary(variations)

    def linked(self, value: Any) -> Any:
        """A part of the answer with links in the place of files, which are made now."""
        if is_object(value):
            return {key: self.linked(item) for key, item in value.items()}
        if is_array(value):
            return [self.linked(item) for item in value]
        return self.world.link(value, self.now) if isinstance(value, Work) else value

    def deduction(self) -> dict[str, Any]:
        """What a call tells of its price; the money came to the documents in the middle of 2026."""
        units = self.units or Decimal(0)
        money = {"quota": "0", "list_price": as_text(units * USD_PER_UNIT)}
        return present({"final_unit_deduction": as_text(units), "final_balance_deduction": self.vary(MISSING, money)})


@attrs.frozen(kw_only=True)
class Direct:
    """One synchronous call, as data."""

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[Call], Any]
    form: Form | None = None
    """What its body must be; calls with GET have none."""
    tariff: str | None = None
    """Its row in the price table; without one it is free."""

    @property
    def units(self) -> Decimal | None:
        """What it costs, from the pool of videos."""
        return None if self.tariff is None else units_of((self.tariff,), mode="", times=1)


def present(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told, without the fields that stay away."""
    return {key: value for key, value in told.items() if value is not MISSING}
