"""`python -m examples.studio`: the studio on http://127.0.0.1:8000, without a key on an emulator of its own."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import threading
from concurrent.futures import Future

import uvicorn

from kling_async.emulator import ACCESS_KEY, SECRET_KEY, Emulator

KEYS = ("KLING_API_KEY", "KLING_ACCESS_KEY")


def emulated(speed: float) -> str:
    """The address of an emulator in a thread, which ends with the process. It has few places, as a small pack has."""
    url = Future[str]()

    async def run() -> None:
        async with Emulator(speed=speed, slots={"video": 2, "image": 4}, seed=secrets.randbelow(2**16)) as emulator:
            url.set_result(emulator.url)
            await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    return url.result(20)


def main() -> None:
    """Start it."""
    options = argparse.ArgumentParser(prog="python -m examples.studio", description=__doc__)
    options.add_argument("--port", type=int, default=8000)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--data", default="studio-data", help="where tasks and their files are kept")
    options.add_argument("--emulator", action="store_true", help="even if there is a key in the environment")
    options.add_argument("--speed", type=float, default=3.0, help="of the emulator: 60 makes a minute a second")
    given = options.parse_args()
    os.environ["STUDIO_DATA"] = given.data
    if given.emulator or not any(os.environ.get(name) for name in KEYS):
        for name in KEYS:
            os.environ.pop(name, None)
        url = emulated(given.speed)
        os.environ |= {"KLING_BASE_URL": url, "KLING_ACCESS_KEY": ACCESS_KEY, "KLING_SECRET_KEY": SECRET_KEY}
        if given.workers == 1 or os.environ.get("STUDIO_REDIS"):  # else a call may reach the worker that does not wait
            # The emulator calls back on this machine; the real thing needs an address that it can reach.
            os.environ |= {"STUDIO_URL": f"http://127.0.0.1:{given.port}", "STUDIO_KEY": secrets.token_urlsafe(32)}
        print(f"No key, no cost: an emulator answers, {given.speed:g} times as fast as the real thing.", flush=True)
    print(f"The studio is on http://127.0.0.1:{given.port}", flush=True)
    # Without an access log: the addresses at which the vendor calls are as good as keys.
    uvicorn.run(
        f"{__package__}.app:app",
        port=given.port,
        workers=given.workers,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
