"""
The account as its owner reads it: packs with what is left in them, and pages of what was taken, in units and in money.

Every pool is paid from a pack. Where the settings limit a pool, its pack holds exactly that; else it is a trial pack,
and what no longer fits into it is paid from the balance. Packs are told as expired after their month and go on paying.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from .accounts import Account, Charge
from .clock import milliseconds
from .documents import document
from .prices import as_text
from .refusals import Refusal, invalid, missing

DAY: Final = 24 * 3600.0
MONTH: Final = 30 * DAY
PAST: Final = 200 * DAY
PAST_UNUSED: Final = Decimal("12.5")
"""There is one pack of the past, with units that were never used."""
KEY_NAME: Final = "emulator"
BALANCE: Final = Decimal(10_000)
LEDGER_SECONDS: Final = 1.0
"""How long after one question for the costs the next one may come."""
MOST_ROWS: Final = 500
LATEST: Final = 12 * 3600.0
"""How late the vendor may be in counting what is left."""

TRIALS: Final[Mapping[str, tuple[int, int]]] = {"video": (100, 5), "image": (1000, 9), "try_on": (100, 1)}
"""Units and tasks at once of the packs that nobody limited."""
FAMILIES: Final[Mapping[str, str]] = {"video": "Video", "image": "Image", "try_on": "TryOn"}
PRODUCT_TYPES: Final[Mapping[str, str]] = {"video": "video", "image": "image", "try_on": "try-on"}
USD: Final[Mapping[str, str]] = {"video": "video", "image": "image", "try_on": "virtual_try_on"}
RESOLUTIONS: Final[Mapping[str, str]] = {"std": "720p", "pro": "1080p", "4k": "4k"}
REFERENCES: Final = ("video_id", "video_url", "video_list")


@attrs.frozen
class Pack:
    """A resource pack."""

    pool: str
    pack_id: str
    name: str
    total: Decimal
    bought: float
    unused: Decimal | None = None
    """What a pack of the past had left; packs that pay have None."""


@attrs.frozen
class Deduction:
    """One charge with what paid for it, before and after."""

    charge: Charge
    pack: Pack | None
    before: Decimal
    amount: Decimal


@attrs.frozen
class Page:
    """Some rows of a ledger, and the cursor of what comes after them."""

    rows: Sequence[Mapping[str, Any]]
    cursor: str | None


Read = Callable[[Mapping[str, Any]], str]


def _field(key: str) -> Read:
    return lambda row: str(row.get(key, ""))


FILTERS: Final = ("api_key_name", "product_type", "package_id", "package_name")
KEYS: Final[Mapping[str, Read]] = {key: _field(key) for key in FILTERS}


class Ledger:
    """What the account calls answer from."""

    def __init__(self, account: Account, *, slots: Mapping[str, int], units: Mapping[str, Decimal], seed: int) -> None:
        self._account = account
        self._slots = slots
        self._units = units
        self._seed = seed
        self._opened: float | None = None
        self._asked: float | None = None
        self._cursors: dict[str, tuple[Mapping[str, Any], int]] = {}

    def open(self, now: float) -> None:
        """Set when packs were bought: a day before the first call."""
        if self._opened is None:
            self._opened = now - DAY

    def knock(self, now: float) -> None:
        """Refuse a question for the costs that follows another within a second."""
        if self._asked is not None and now - self._asked < LEDGER_SECONDS:
            raise Refusal(1302, "The request is too fast, please try again later")
        self._asked = now

    def packs(self, start: int, end: int, now: float, *, late: bool) -> list[dict[str, Any]]:
        """The packs bought in a window of milliseconds; with ``late`` what is left is what was left hours ago."""
        counted = now - LATEST if late else now
        paid = [deduction for deduction in self._deductions(now) if deduction.charge.charged <= counted]
        return [self._told_pack(pack, paid, now) for pack in self._packs() if start <= milliseconds(pack.bought) <= end]

    def _told_pack(self, pack: Pack, paid: Sequence[Deduction], now: float) -> dict[str, Any]:
        spent = sum((one.amount for one in paid if one.pack == pack), Decimal(0))
        left = pack.total - spent if pack.unused is None else pack.unused
        expired = now >= pack.bought + MONTH
        return {
            "resource_pack_name": pack.name,
            "resource_pack_id": pack.pack_id,
            "resource_pack_type": "decreasing_total",
            "total_quantity": float(pack.total),
            "remaining_quantity": float(left),
            "purchase_time": milliseconds(pack.bought),
            "effective_time": milliseconds(pack.bought) - 3,  # seen live: some milliseconds before
            "invalid_time": milliseconds(pack.bought + MONTH),
            "status": "expired" if expired else "online" if left > 0 else "runOut",
        }

    def units_page(self, body: Mapping[str, Any], now: float) -> Page:
        """One page of what packs have paid."""
        rows = [(one.charge, _unit_row(one, one.pack)) for one in self._deductions(now) if one.pack is not None]
        names = {pack.pack_id: pack.name for pack in self._packs()}
        return self._page(body, rows, {**KEYS, "package_name": lambda row: names[row["package_id"]]})

    def money_page(self, body: Mapping[str, Any], now: float) -> Page:
        """One page of what the balance has paid."""
        rows = [(one.charge, _money_row(one)) for one in self._deductions(now) if one.pack is None]
        return self._page(body, rows, KEYS)

    def _page(
        self, body: Mapping[str, Any], rows: Sequence[tuple[Charge, dict[str, Any]]], keys: Mapping[str, Read]
    ) -> Page:
        """
        The page a body asks for; a cursor overrides everything else in it.

        Values of one filter are alternatives, and so are filters with the same key; different keys must all fit.
        """
        asked, first = self._resumed(body["cursor"]) if "cursor" in body else (body, 0)
        for field in ("start_time", "end_time"):
            if field not in asked:
                raise missing(field)
        wanted: dict[str, set[str]] = {}
        for one in asked.get("filters", []):
            wanted.setdefault(one["key"], set()).update(one["values"])
        if {"package_name", "package_id"} <= wanted.keys():
            raise Refusal(1201, "package_name and package_id can not be used together")
        fitting = [
            row
            for charge, row in rows
            if asked["start_time"] <= milliseconds(charge.created) <= asked["end_time"]
            and all(keys[key](row) in values for key, values in wanted.items())
        ]
        last = first + int(asked.get("limit", MOST_ROWS))  # 3.0 is an integer for JSON, not for a slice
        return Page(fitting[first:last], self._cursor(asked, last) if len(fitting) > last else None)

    def _cursor(self, asked: Mapping[str, Any], first: int) -> str:
        """A name for what comes next; it says nothing and never ends."""
        cursor = hashlib.sha256(f"cursor {self._seed} {len(self._cursors)}".encode()).hexdigest()[:32]
        self._cursors[cursor] = (asked, first)
        return cursor

    def _resumed(self, cursor: str) -> tuple[Mapping[str, Any], int]:
        if cursor not in self._cursors:
            raise invalid("cursor", cursor)
        return self._cursors[cursor]

    def _packs(self) -> list[Pack]:
        opened = self._opened or 0.0
        packs = [self._pack(pool, opened) for pool in TRIALS]
        units, at_once = TRIALS["video"]
        name = _name("video", Decimal(units), at_once)
        past = Pack("video", self._pack_id("past"), name, Decimal(units), opened - PAST, PAST_UNUSED)
        return [past, *packs]

    def _pack(self, pool: str, opened: float) -> Pack:
        units, at_once = TRIALS[pool]
        total = self._units.get(pool, Decimal(units))
        name = _name(pool, total, self._slots.get(pool, at_once))
        return Pack(pool, self._pack_id(pool), name, total, opened)

    def _pack_id(self, what: str) -> str:
        return f"{self._seed & 0xFFFFFFFF:08x}" + what.encode().hex().zfill(24)

    def _deductions(self, now: float) -> Iterator[Deduction]:
        """Every charge with its payer: the pack of its pool as long as there is enough in it."""
        left = {pack.pool: pack.total for pack in self._packs() if pack.unused is None}
        packs = {pack.pool: pack for pack in self._packs() if pack.unused is None}
        balance = BALANCE
        for charge in self._account.charges(now):
            pack = packs[charge.pool]
            if charge.units <= left[charge.pool]:
                yield Deduction(charge, pack, left[charge.pool], charge.units)
                left[charge.pool] -= charge.units
            else:
                price = charge.units * _usd(charge.pool)
                yield Deduction(charge, None, balance, price)
                balance -= price


def _usd(pool: str) -> Decimal:
    prices: Mapping[str, float] = document("image-account")["x-unit-prices"]["usd_per_unit"]
    return Decimal(str(prices[USD[pool]]))


def _name(pool: str, units: Decimal, at_once: int) -> str:
    return f"Trial-{FAMILIES[pool]}-{as_text(units)}Units-{at_once}Con-1Months"


def _unit_row(one: Deduction, pack: Pack | None) -> dict[str, Any]:
    return {
        **_row(one.charge),
        "package_id": pack.pack_id if pack is not None else "",
        "product_type": PRODUCT_TYPES[one.charge.pool],
        "unit_before_deduction": float(one.before),
        "deduction_amount": float(one.amount),
        "unit_after_deduction": float(one.before - one.amount),
    }


def _money_row(one: Deduction) -> dict[str, Any]:
    return {
        **_row(one.charge),
        "cash_type": "balance",
        "balance_before_deduction": float(one.before),
        "deduction_amount": float(one.amount),
        "balance_after_deduction": float(one.before - one.amount),
        "list_price": float(one.amount),
        "currency": "USD",
    }


def _row(charge: Charge) -> dict[str, Any]:
    """What both ledgers tell of a task; what does not belong to its kind stays away."""
    body = charge.body
    function = charge.path.rpartition("/")[2]
    row: dict[str, Any] = {
        "task_id": charge.task_id,
        "api_key_name": KEY_NAME,
        "product_function": function,
        "model_name": str(body.get("model_name", function)),
        "deduction_time": str(milliseconds(charge.charged)),
    }
    if body.get("mode") in RESOLUTIONS:
        row |= {
            "resolution": RESOLUTIONS[body["mode"]],
            "refer_video_input": any(field in body for field in REFERENCES),
            "video_sound": _sound(body),
            "voice_control": "voice_list" in body,
        }
    if "duration" in body:
        row["duration"] = str(body["duration"])
    return row


def _sound(body: Mapping[str, Any]) -> str:
    if body.get("sound") == "on":
        return "native"
    return "original" if body.get("keep_original_sound") == "yes" else "off"
