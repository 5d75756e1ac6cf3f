"""
An answer on its way to the client: whole, or in one of the ways in which answers get lost.

Built as a value first, so that what was told can be written down before it is sent.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs
from aiohttp import web

from .answers import Answers
from .documents import document, http_statuses, is_array, is_object
from .faults import Answered, Bend, Lose, Refuse, Shape
from .refusals import Refusal

GONE: Final = 499
"""The status of an answer that nobody is there to read; nginx's number for a client who went away."""
JSON: Final = "application/json"
HTML: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
UNKNOWN_STATUS: Final = "under_review"
WORDS: Final[Mapping[int, str]] = {
    1000: "Authentication failed",
    1001: "Authorization is empty",
    1002: "Authorization is invalid",
    1003: "Authorization is not active yet",
    1004: "Authorization is expired",
    1102: "Account balance not enough",
    1203: "The requested resource does not exist",
    1301: "The content does not comply with the content safety policy",
    1302: "The request is too fast, please try again later",
    1303: "parallel task over resource pack limit",
}
"""Where they are known; other codes say what the table of codes says."""
LINGER: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

End: TypeAlias = Literal["whole", "cut", "reset", "cut_body", "silence"]


@attrs.frozen
class Told:
    """What a client is told, and how far."""

    status: int
    """0 where nothing is told."""
    content: bytes = b""
    content_type: str = JSON
    code: int = 0
    retry_after: float | None = None
    end: End = "whole"
    fault: str = ""
    """What stands in the place of the API's own answer, in a few words."""


def enveloped(status: int, answer: Mapping[str, Any]) -> Told:
    """The API's own answer."""
    return Told(status, json.dumps(answer).encode(), code=answer["code"])


def spoiled(fault: Lose | Bend, answer: Mapping[str, Any], answers: Answers) -> Told:
    """What a fault makes of the answer to a call that went well."""
    if isinstance(fault, Lose):
        return instead(fault, answers, answer)
    return attrs.evolve(enveloped(200, _bent(answer, fault.shape)), fault=f"bend {fault.shape}")


def instead(fault: Refuse | Lose, answers: Answers, answer: Mapping[str, Any] | None = None) -> Told:
    """What a fault puts in the place of an answer; half of the true one, if there is one, where it is cut."""
    told = _put(fault, answers, json.dumps(answers.success({}) if answer is None else answer).encode())
    name = "lose" if isinstance(fault, Lose) else "refuse"
    return attrs.evolve(told, retry_after=fault.retry_after, fault=f"{name} {fault.answer}")


def _put(fault: Answered, answers: Answers, true: bytes) -> Told:
    match fault.answer:
        case int(code) if code >= 1000:
            refusal = Refusal(code, fault.message or WORDS.get(code) or _meaning(code))
            return enveloped(fault.status or http_statuses()[code], answers.failure(refusal))
        case int(status):
            return Told(status)
        case "cut" | "reset" | "silence" as end:
            return Told(0, end=end)
        case "cut_body":
            return Told(200, true, end="cut_body")
        case "empty":
            return Told(200)
        case "unreadable":
            return Told(200, true[: len(true) // 2])
        case "no_task_id":
            return enveloped(200, answers.success({"task_status": "submitted"}))
        case "html":
            return Told(502, HTML, "text/html")


def _meaning(code: int) -> str:
    rows = document("image-account")["x-error-codes"]
    return next((str(row["meaning"]) for row in rows if row["code"] == code), "Unknown error")


def _bent(answer: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    data = answer.get("data")
    match shape:
        case "array":
            return {**answer, "data": data if is_array(data) else [data]}
        case "null":
            return {**answer, "data": None}
        case "no_data":
            return {key: value for key, value in answer.items() if key != "data"}
        case "unknown_status" | "no_status":
            return {**answer, "data": _with_status(data, UNKNOWN_STATUS if shape == "unknown_status" else None)}


def _with_status(data: Any, status: str | None) -> Any:
    if is_array(data):
        return [_with_status(each, status) for each in data]
    if not is_object(data) or "task_status" not in data:
        return data
    rest = {key: value for key, value in data.items() if key != "task_status"}
    return rest if status is None else {**rest, "task_status": status}


async def send(request: web.Request, told: Told, closing: asyncio.Event) -> web.StreamResponse:
    """Write it, or as much of it as the fault leaves; what is silent stays so until the emulator stops."""
    headers = {} if told.retry_after is None else {"Retry-After": str(math.ceil(told.retry_after))}
    if told.end == "whole":
        return web.Response(status=told.status, body=told.content, content_type=told.content_type, headers=headers)
    if told.end == "silence":
        await closing.wait()
    response = web.StreamResponse(status=told.status or GONE, headers=headers)
    if told.end == "cut_body":
        response.content_type, response.content_length = told.content_type, len(told.content)
        await response.prepare(request)
        await response.write(told.content[: len(told.content) // 2])
    hang_up(request.transport, reset=told.end == "reset")
    return response


def hang_up(transport: asyncio.Transport | None, *, reset: bool) -> None:
    """Close a connection: after what was written, or at once and rudely."""
    if transport is None:
        return
    if not reset:
        transport.close()
        return
    plug: socket.socket | None = transport.get_extra_info("socket")
    if plug is not None:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    transport.abort()
