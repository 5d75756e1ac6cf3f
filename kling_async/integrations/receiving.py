"""One callback, from whatever framework: read with care, judged by `webhooks.receive`, passed on as a wake.

Nothing is logged, stored or asked of the vendor here, and nothing is said but a status.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Mapping
from typing import Final

from ..webhooks.callbacks import Callbacks
from ..webhooks.receive import LIMIT, SECONDS, Refusal, admit, receive

_OK: Final = 200
"""The only answer that the vendor's page names."""
GIVEN_UP: Final = 408
"""For a body that does not come; a sender that has left does not see it."""
NOT_FOUND: Final = 404
"""For a body that cannot be read, as for one that says nothing."""
ALLOW: Final[Mapping[int, Mapping[str, str]]] = {405: {"Allow": "POST"}}
"""Headers that a status must come with."""


async def answered(
    callbacks: Callbacks, method: str, path: str, headers: Mapping[str, str], chunks: AsyncIterable[bytes]
) -> int:
    """
    The status to answer a call with, without a body; whoever waits has been woken where it is 200.

    *chunks* are read for `SECONDS` and to one byte above `LIMIT` at most, and not at all for whoever has no token.
    """
    admitted = admit(callbacks, method, path, headers)
    if isinstance(admitted, Refusal):
        return admitted.status
    try:
        async with asyncio.timeout(SECONDS):
            body = await _read(chunks)
    except (TimeoutError, ConnectionError):
        return GIVEN_UP
    hint = receive(callbacks, method, path, headers, body, time.time())
    if isinstance(hint, Refusal):
        return hint.status
    await callbacks.hub.wake(hint.external_id, hint.status)
    return _OK


async def _read(chunks: AsyncIterable[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk[: LIMIT + 1 - len(body)]
        if len(body) > LIMIT:
            break
    return bytes(body)
