"""Page numbers and page sizes in a query, within the documented limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from .refusals import invalid

PAGE_NUMBERS: Final = (1, 1000, 1)
PAGE_SIZE: Final = 30
MOST_PER_PAGE: Final = 500
MOST_VOICES_PER_PAGE: Final = 1000

Item = TypeVar("Item")


def asked_page(query: Mapping[str, str], *, most: int = MOST_PER_PAGE) -> tuple[int, int]:
    """Number and size of the page a query asks for; refused with 1201 outside the limits."""
    return _whole_number(query, "pageNum", *PAGE_NUMBERS), _whole_number(query, "pageSize", 1, most, PAGE_SIZE)


def one_page(items: Sequence[Item], number: int, size: int) -> Sequence[Item]:
    """That page of the items; nothing past the end."""
    return items[(number - 1) * size : number * size]


def _whole_number(query: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > len(str(most)) + 3 or not least <= int(text) <= most:
        raise invalid(name, text)
    return int(text)
