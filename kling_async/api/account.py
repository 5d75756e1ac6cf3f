"""What the account has and what it spent. Free, and late: a pack's rest may lag by 12 hours, and 1102 is the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from ..models import BalanceRow, PackageRow, ResourcePack
from ..protocol.direct import DirectEndpoint, enclosed, ledger
from ..protocol.endpoint import Resource
from .fields import Checked, Rule, frozen
from .kinds import choice, integer, moment, sequence, text, texts
from .prices import FREE, units
from .shared import Request

_PRODUCTS: Final = ("video", "image", "try-on")


@frozen
class ListCosts(Request):
    """
    Packs and what is left of them; the window is that of their purchase, so reach far back. At most once a second.

    Documented on the vendor's page Account Information Inquiry.
    """

    start_time: datetime | int = moment("Bought from; aware, or Unix milliseconds.", kw_only=False)
    end_time: datetime | int = moment("Bought until; aware, or Unix milliseconds.", kw_only=False)
    resource_pack_name: str | None = text("Exactly this pack.", default=None)

    def rules(self) -> Iterable[Rule]:
        """A window has its start before its end."""
        yield _ordered(self.start_time, self.end_time)

    def estimate(self) -> Decimal | None:
        """Queries are free."""
        return units(FREE)


@frozen
class BalanceFilter(Checked):
    """Values to keep: any of these."""

    key: Literal["api_key_name"] = choice("What to look at.", "api_key_name")
    values: Sequence[str] = texts("What it may be; at least one.")


@frozen
class PackageFilter(Checked):
    """Values to keep: any of these, and what the other filters ask."""

    key: Literal["api_key_name", "product_type", "package_name", "package_id"] = choice(
        "What to look at; product types are video, image and try-on.",
        *("api_key_name", "product_type", "package_name", "package_id"),
    )
    values: Sequence[str] = texts("What it may be; at least one.")


@frozen
class _LedgerRequest(Request):
    """A window of charges, or the place where the last page ended."""

    start_time: datetime | int | None = moment("Charged from; aware, or Unix milliseconds.", default=None)
    end_time: datetime | int | None = moment("Charged until; aware, or Unix milliseconds.", default=None)
    limit: int | None = integer("Rows on a page (vendor's default 500).", 1, 500, default=None)
    cursor: str | None = text("The next_cursor of the last page; then all else is without effect.", default=None)

    def rules(self) -> Iterable[Rule]:
        """A window or a cursor."""
        for name in ("start_time", "end_time"):
            there = self.cursor is not None or getattr(self, name) is not None
            yield Rule(name, "is required unless cursor is given", there)
        yield _ordered(self.start_time, self.end_time)

    def estimate(self) -> Decimal | None:
        """Queries are free."""
        return units(FREE)


@frozen
class ListBalance(_LedgerRequest):
    """Charges to the balance, page by page. Documented on the vendor's billing pages (since 2026-07-06)."""

    filters: Sequence[BalanceFilter | Mapping[str, Any]] | None = sequence(
        "Which rows to keep.", BalanceFilter, default=None
    )


@frozen
class ListPackages(_LedgerRequest):
    """Charges to packs, page by page. Documented on the vendor's billing pages (since 2026-07-06)."""

    filters: Sequence[PackageFilter | Mapping[str, Any]] | None = sequence(
        "Which rows to keep.", PackageFilter, default=None
    )

    def rules(self) -> Iterable[Rule]:
        """A pack is named in one way."""
        keys = {each.key for each in self.filters or () if isinstance(each, PackageFilter)}
        products = {
            value
            for each in self.filters or ()
            if isinstance(each, PackageFilter) and each.key == "product_type"
            for value in each.values
        }
        yield Rule("filters", f"product_type must be {', '.join(_PRODUCTS)}", products <= set(_PRODUCTS))
        yield Rule(
            "filters", "package_name and package_id exclude each other", not {"package_name", "package_id"} <= keys
        )
        yield from super().rules()


def _ordered(start: datetime | int | None, end: datetime | int | None) -> Rule:
    backwards = isinstance(start, int) and isinstance(end, int) and end < start
    return Rule("end_time", "must not be before start_time", not backwards)


class Account(Resource):
    """What the account has and what it spent."""

    name = "account"

    costs: Final = DirectEndpoint(
        ListCosts,
        enclosed(ResourcePack, "resource_pack_subscribe_infos"),
        "/account/costs",
        method="GET",
        repeatable=True,
    )
    """The packs and what is left of them, up to 12 hours late."""

    balance: Final = DirectEndpoint(ListBalance, ledger(BalanceRow), "/account/billing/balance", repeatable=True)
    """Charges to the balance, in money."""

    packages: Final = DirectEndpoint(ListPackages, ledger(PackageRow), "/account/billing/package", repeatable=True)
    """Charges to packs, in units."""
