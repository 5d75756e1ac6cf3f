"""Calls about the account: packs and what is left in them, and the two ledgers."""

from __future__ import annotations

from typing import Any

from .calls import Call, present
from .ledger import Page
from .refusals import Refusal, invalid
from .results import MISSING

INNER_REFUSAL = 1201


def costs(call: Call) -> Any:
    """
    The packs bought within a window, with a second code inside.

    Names in camelCase are not known, so with them the parameters count as missing. A window that ends before it begins
    is refused by the inner code: what that is for is not documented, and a client must not overlook it.
    """
    for name in ("start_time", "end_time"):
        if name not in call.query:
            raise Refusal(1200, "Missing Request Parameter")
    start, end = (_moment(call, name) for name in ("start_time", "end_time"))
    call.ledger.knock(call.now)
    if start > end:
        return {
            "code": INNER_REFUSAL,
            "msg": "start_time can not be later than end_time",
            "resource_pack_subscribe_infos": call.vary([], None),
        }
    packs = call.ledger.packs(start, end, call.now, late=call.vary(False, True))
    name = call.query.get("resource_pack_name", "")
    told = [pack for pack in packs if not name or pack["resource_pack_name"] == name]
    return {"code": 0, "msg": "success", "resource_pack_subscribe_infos": told or call.vary([], None)}


def packages(call: Call) -> Any:
    """A page of what packs have paid."""
    return _told(call, call.ledger.units_page(call.body, call.now))


def balance(call: Call) -> Any:
    """A page of what the balance has paid."""
    return _told(call, call.ledger.money_page(call.body, call.now))


def _told(call: Call, page: Page) -> dict[str, Any]:
    """One observer saw the count beside the result instead of in it."""
    inside = call.vary(True, False)
    count = {"count": len(page.rows)}
    result = {"detail": list(page.rows) or call.vary([], None), **(count if inside else {})}
    cursor = page.cursor if page.cursor is not None else call.vary("", None, MISSING)
    return present(
        {"result": result, **({} if inside else count), "next_cursor": cursor, "has_more": page.cursor is not None}
    )


def _moment(call: Call, name: str) -> int:
    """Milliseconds in a query."""
    text = call.query[name]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise invalid(name, text)
    return int(text)
