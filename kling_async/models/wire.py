"""How a field is called in the vendor's answers, where our name for it differs."""

from __future__ import annotations

from typing import Final

SENT_AS: Final = "sent_as"
"""Key in the metadata of an attrs field; its value is the vendor's name."""

TELLING: Final = "telling"
"""Key in the metadata of attrs fields with a default: an object that has none of them says nothing and is left out."""

UNITS: Final = {SENT_AS: "final_unit_deduction"}
"""Units charged, which are `units` everywhere with us."""

BALANCE: Final = {SENT_AS: "final_balance_deduction"}
"""The cash side of a charge, which is `balance` everywhere with us."""
