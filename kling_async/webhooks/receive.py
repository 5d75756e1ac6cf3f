"""What comes in at a callback's address becomes a hint or a refusal. Pure: bytes and the time in, a value out.

A hint says that a task may have changed, and nothing in it is to be believed but that; results come from a query alone.
Whoever does not have the task's own token is told 404 whatever is wrong, and nothing is logged or stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from ..models import TaskStatus
from .callbacks import Callbacks

LIMIT: Final = 64 * 1024
"""Bytes of a body at most."""
SECONDS: Final = 5.0
"""How long a body may take to arrive."""
_DEPTH: Final = 32
"""Objects and lists within each other at most."""
_OPENINGS: Final = 2048
"""Objects and lists at most."""
_LATEST: Final = 10**15
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


@attrs.frozen
class Hint:
    """News that a task may have."""

    external_id: str
    """Which task; the one thing in here that is proved, by the token."""
    task_id: str | None
    status: TaskStatus
    """As claimed."""
    updated_ms: int | None
    """As claimed: Unix milliseconds on the vendor's clock."""
    signed: bool
    """Whether the vendor signed it."""


@attrs.frozen
class Refusal:
    """A call that is answered with a status and nothing else."""

    status: int
    """404 for whatever is wrong, 405 for another method than POST, 413 for a body above the limit."""


def admit(callbacks: Callbacks, method: str, path: str, headers: Mapping[str, str]) -> str | Refusal:
    """
    The external id that a call may speak about, before its body is read, or the refusal.

    *path* may be the whole path or its end. Whoever has no token for a task is refused here, and need not be read.
    """
    if method != "POST":
        return Refusal(405)
    external_id = callbacks.ring.opened(path)
    if external_id is None:
        return Refusal(404)
    return Refusal(413) if _declared(headers) > LIMIT else external_id


def receive(  # noqa: PLR0917 - a call, as it comes
    callbacks: Callbacks, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float
) -> Hint | Refusal:
    """
    Make a hint of a call, or the refusal to answer with; never raises, whatever comes in.

    *body* is as it came, *now* the time in Unix seconds, by which signatures are judged.
    """
    external_id = admit(callbacks, method, path, headers)
    if isinstance(external_id, Refusal):
        return external_id
    if len(body) > LIMIT:
        return Refusal(413)
    signed = False
    if callbacks.signer is not None:
        signed = callbacks.signer.signed({name.lower(): value for name, value in headers.items()}, body, now)
        if not signed:
            return Refusal(404)
    hint = _hint(external_id, body, signed=signed)
    return Refusal(404) if hint is None else hint


def _declared(headers: Mapping[str, str]) -> int:
    """Bytes that are announced; 0 where that is not known, so that they are counted as they come."""
    length = next((value for name, value in headers.items() if name.lower() == "content-length"), "")
    return int(length) if length.isascii() and length.isdigit() and len(length) <= 18 else 0


def _hint(external_id: str, body: bytes, *, signed: bool) -> Hint | None:
    told = _object(body)
    if told is None:
        return None
    info = told.get("task_info")
    named = cast("dict[str, object]", info).get("external_task_id") if isinstance(info, dict) else None
    for name in (named, told.get("external_task_id"), told.get("external_id")):
        if name not in (None, "", external_id):
            return None
    # The flat task of the older API, and the newer one's: the same things by other names.
    for own, status, updated in (("task_id", "task_status", "updated_at"), ("id", "status", "update_time")):
        task_id, word, moment = told.get(own), told.get(status), told.get(updated)
        if isinstance(task_id, str) and task_id and isinstance(word, str):
            return Hint(external_id, task_id, TaskStatus(word), _milliseconds(moment), signed)
    return None


def _object(body: bytes) -> dict[str, Any] | None:
    openings = body.count(b"[") + body.count(b"{")
    if openings > _OPENINGS or (openings > _DEPTH and _depth(body) > _DEPTH):
        return None
    try:
        told: object = json.loads(body.decode())
    except ValueError:  # no UTF-8, no JSON, or a number of more digits than Python reads
        return None
    return cast("dict[str, Any]", told) if isinstance(told, dict) else None


def _depth(body: bytes) -> int:
    """How many brackets are open at a time; brackets in strings do not count."""
    depth = deepest = 0
    for letter in _STRINGS.sub(b"", body):
        if letter in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in b"]}":
            depth -= 1
    return deepest


def _milliseconds(told: object) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 < told < _LATEST else None
