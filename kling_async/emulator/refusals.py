"""A call that is refused: code and message, raised anywhere inside and answered in one place."""

from __future__ import annotations

from typing import Any

from .documents import http_statuses

LONGEST_VALUE = 40


class Refusal(Exception):
    """The answer is an error: the vendor's code and its words. The HTTP status follows from the code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status the error table gives for the code."""
        return http_statuses()[self.code]


def missing(field: str) -> Refusal:
    """A field that had to be there."""
    return Refusal(1201, f"{field} can not be null")


def invalid(field: str, value: Any, reason: str = "") -> Refusal:
    """A field with a value that cannot be."""
    return Refusal(1201, f"{field} value '{excerpt(value)}' is invalid{reason}")


def excerpt(value: Any) -> str:
    """A value short enough for a message: a body may carry megabytes of picture."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "..."
