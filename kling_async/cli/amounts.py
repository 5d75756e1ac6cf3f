"""Amounts by pool as they are typed: `video=5,image=9`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast, get_args

from ..errors import InvalidRequest
from ..protocol.endpoint import Pool


def slots(text: str | None) -> dict[str, int]:
    """Slots by pool; raises `InvalidRequest` for anything else."""
    rule = f"must be pools ({', '.join(get_args(Pool))}) with whole numbers above zero, such as video=5,image=9"
    read: dict[str, int] = {}
    for pool, amount in _parts(text):
        if pool not in get_args(Pool) or not amount.isdecimal() or int(amount) < 1:
            raise InvalidRequest("slots", rule, text)
        read[pool] = int(amount)
    return read


def units(text: str | None) -> str | dict[Pool, str] | None:
    """Units by pool, or of the only pool there is. Whether they are numbers and pools is the budget's to say."""
    if text is None or "=" not in text:
        return text
    return {cast("Pool", pool): amount for pool, amount in _parts(text)}


def _parts(text: str | None) -> Iterator[tuple[str, str]]:
    for part in text.split(",") if text else ():
        pool, _, amount = part.partition("=")
        yield pool.strip(), amount.strip()
