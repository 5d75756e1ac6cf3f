"""The test's end of a zygote."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Self

from tests.crash.orders import Order

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL


class Lane:
    """Runs one process after the other."""

    def __init__(self) -> None:
        self.pid = 0
        """Of the process that runs now."""
        self._zygote: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("KLING_")}
        self._zygote = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash.zygote",
            cwd=ROOT,
            env=environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._zygote is not None
        if self.pid:
            self.kill()
        with contextlib.suppress(ProcessLookupError):
            self._zygote.kill()
        await self._zygote.wait()

    async def start(self, order: Order) -> None:
        """Begin; `pid` is known afterwards."""
        assert self._zygote is not None
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(f"{order.to_line()}\n".encode())
        self.pid = await self._told("pid")

    async def ended(self) -> int:
        """How the process ended that runs."""
        code = await self._told("code")
        self.pid = 0
        return code

    async def run(self, order: Order, *, kill_after: float | None = None) -> int:
        """Both; kill it if it lives for so many seconds."""
        await self.start(order)
        ended = asyncio.ensure_future(self.ended())
        if kill_after is not None and not (await asyncio.wait((ended,), timeout=kill_after))[0]:
            self.kill()
        return await ended

    def kill(self) -> None:
        """Without a word."""
        os.kill(self.pid, signal.SIGKILL)

    async def _told(self, what: str) -> int:
        assert self._zygote is not None
        assert self._zygote.stdout is not None
        line = await self._zygote.stdout.readline()
        assert line, "the zygote is gone"
        return int(json.loads(line)[what])
