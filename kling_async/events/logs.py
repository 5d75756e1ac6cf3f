"""What log records carry besides their text, and what of HTTP they may show. Names here are promises.

All loggers stand below `kling_async`, which has a `NullHandler`: this package prints nothing by itself. Records say in
`extra` what they are about, by the names of `about`, so that a formatter for JSON or a filter needs to parse no text.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from ..wording import one_line

PROMPTS: Final = "KLING_LOG_PROMPTS"
"""The environment variable that lets requests be logged with what they ask for."""

HEADERS: Final = frozenset(
    {
        "Age",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "Date",
        "Retry-After",
        "Server",
        "Transfer-Encoding",
        "User-Agent",
        "Via",
        "X-Request-Id",
    }
)
"""Headers that a log may show. All others are left out: a header that nobody thought of may be as good as a key."""

logging.getLogger("kling_async").addHandler(logging.NullHandler())


def about(
    *,
    endpoint: str | None = None,
    pool: str | None = None,
    task_id: str | None = None,
    external_task_id: str | None = None,
    error: BaseException | None = None,
    method: str | None = None,
    url: str | None = None,
    status: int | None = None,
    request_id: str | None = None,
    attempt: int | None = None,
    seconds: float | None = None,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> dict[str, object]:
    """
    The `extra` of a log record: what is known, under names that begin with `kling.`.

    Of an error its type, and of one of the vendor's the code, the HTTP status and the request id.
    """
    given: dict[str, object] = {
        "kling.endpoint": endpoint,
        "kling.pool": pool,
        "kling.task_id": task_id,
        "kling.external_task_id": external_task_id,
        "kling.method": method,
        "kling.url": url,
        "kling.status": getattr(error, "status", None) if status is None else status,
        "kling.request_id": getattr(error, "request_id", None) if request_id is None else request_id,
        "kling.code": getattr(error, "code", None),
        "kling.error": None if error is None else type(error).__name__,
        "kling.attempt": attempt,
        "kling.seconds": seconds,
        "kling.headers": headers,
        "kling.body": body,
    }
    return {name: value for name, value in given.items() if value is not None}


def readable(headers: Mapping[str, str]) -> dict[str, str]:
    """Those headers that a log may show, each in one short line."""
    return {name: one_line(value) for name, value in headers.items() if name.title() in HEADERS}
