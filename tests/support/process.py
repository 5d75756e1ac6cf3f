"""An emulator in another process, for tests that run programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from kling_async.emulator import ACCESS_KEY, SECRET_KEY

_SERVER = """
import asyncio
from kling_async.emulator import Emulator
async def main():
    async with Emulator(speed=200) as emulator:
        print(emulator.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@contextmanager
def emulator_process() -> Generator[dict[str, str], None, None]:
    """An environment whose variables lead to an emulator, as long as the block lasts."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        yield {**os.environ, "KLING_ACCESS_KEY": ACCESS_KEY, "KLING_SECRET_KEY": SECRET_KEY, "KLING_BASE_URL": url}
    finally:
        server.kill()
        server.communicate()
