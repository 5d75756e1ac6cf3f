"""What an account has and what it spent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

import attrs

from .files import moment
from .wire import SENT_AS

Row_co = TypeVar("Row_co", covariant=True)


@attrs.frozen(kw_only=True)
class ResourcePack:
    """A pack of units that was bought."""

    name: str = attrs.field(default="", metadata={SENT_AS: "resource_pack_name"})
    """Often tells units, concurrency and months, as in `Trial-Video-100Units-5Con-1Months`."""
    id: str | None = attrs.field(default=None, metadata={SENT_AS: "resource_pack_id"})
    type: str | None = attrs.field(default=None, metadata={SENT_AS: "resource_pack_type"})
    """`decreasing_total` or `constant_period`."""
    total_quantity: Decimal | None = None
    """Units."""
    remaining_quantity: Decimal | None = None
    """Units; up to 12 hours late, so no promise that a task will be accepted."""
    status: str | None = None
    """`toBeOnline`, `online`, `expired` or `runOut`."""
    purchase_time: int | None = None
    """Unix milliseconds, as are the next two."""
    effective_time: int | None = None
    invalid_time: int | None = None

    @property
    def purchased_at(self) -> datetime | None:
        """When it was bought; aware."""
        return moment(self.purchase_time)

    @property
    def effective_at(self) -> datetime | None:
        """When it began, or will; aware."""
        return moment(self.effective_time)

    @property
    def invalid_at(self) -> datetime | None:
        """When it ends; aware."""
        return moment(self.invalid_time)


@attrs.frozen(kw_only=True)
class _LedgerRow:
    """One charge."""

    task_id: str | None = None
    api_key_name: str | None = None
    product_function: str | None = None
    """What was used, in the vendor's words."""
    model_name: str | None = None
    resolution: str | None = None
    """`720p` stands for mode std, `1080p` for pro."""
    duration: float | None = None
    """Seconds; videos only."""
    refer_video_input: bool | None = None
    video_sound: str | None = None
    """`native`, `original` or `off`."""
    voice_control: bool | None = None
    deduction_time: int | None = None
    """Unix milliseconds."""
    deduction_amount: Decimal | None = None

    @property
    def deducted_at(self) -> datetime | None:
        """When it was charged; aware."""
        return moment(self.deduction_time)


@attrs.frozen(kw_only=True)
class PackageRow(_LedgerRow):
    """One charge to a pack, in units."""

    package_id: str | None = None
    product_type: str | None = None
    """`video`, `image` or `try-on`."""
    unit_before_deduction: Decimal | None = None
    unit_after_deduction: Decimal | None = None


@attrs.frozen(kw_only=True)
class BalanceRow(_LedgerRow):
    """One charge to the balance, in money."""

    cash_type: str | None = None
    """`balance` or `test_balance`."""
    balance_before_deduction: Decimal | None = None
    balance_after_deduction: Decimal | None = None
    list_price: Decimal | None = None
    currency: str | None = None
    """`CNY` or `USD`."""


@attrs.frozen(kw_only=True)
class LedgerPage(Generic[Row_co]):
    """A page of charges; `next_cursor` asks for the next one."""

    rows: tuple[Row_co, ...] = ()
    next_cursor: str | None = None
    has_more: bool = False
