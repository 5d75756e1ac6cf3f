"""The clock that jumps in tests does not jump while bytes are on their way."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from tests.support.leaps import QUIET


@pytest.mark.looptime
async def test_what_comes_a_little_late_comes_before_the_clock_leaps() -> None:
    """Sent by a thread that looptime knows nothing of, as a busy machine delivers what was sent before."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        start = loop.time()
        for _ in range(10):
            late = threading.Timer(QUIET / 10, theirs.sendall, [b"x"])
            late.start()
            async with asyncio.timeout(30):
                assert b"x" == await loop.sock_recv(ours, 1)
            late.join()

    assert start == loop.time()


@pytest.mark.looptime
async def test_the_clock_leaps_where_nothing_comes() -> None:
    """However far, and with a socket open."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(86_400):
                await loop.sock_recv(ours, 1)

    assert 86_400 == loop.time() - start
