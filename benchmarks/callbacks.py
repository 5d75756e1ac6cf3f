"""Following tasks by callbacks: requests per task and lag, with all callbacks, with some lost, and without any.

In real time, against an emulator in this process; all scenarios run beside each other, so that the whole takes as long
as its slowest task. `requests` are all questions per task, `in vain` those of them that brought no result (the others
fetched one or several), `lag` is from the end of a task to the moment the program has its result.

    python benchmarks/callbacks.py [image|video] [tasks] [slots]
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import attrs
from aiohttp import web

from kling_async import KlingClient
from kling_async.emulator import Emulator
from kling_async.emulator.faults import DelayCallback, Fault, LoseCallback, RepeatCallback, ShuffleCallbacks
from kling_async.events import Polled, TaskChanged
from kling_async.integrations.aiohttp_web import callback_app
from kling_async.webhooks.callbacks import Callbacks

SCENARIOS: Final[dict[str, Sequence[Fault] | None]] = {
    "without callbacks": None,
    "with callbacks": (),
    "each thrice, in any order": (RepeatCallback(2, seconds=1.0), ShuffleCallbacks(1.0)),
    "3 % of them lost": (LoseCallback(chance=0.03),),
    "30 % of them lost": (LoseCallback(chance=0.3),),
    "10 s late": (DelayCallback(10.0),),
    "all of them lost": (LoseCallback(),),
}


@attrs.define
class Tally:
    """What was asked, and whether it brought anything."""

    asked: int = 0
    fruitful: int = 0
    _counted: bool = True

    def __call__(self, event: object) -> None:
        """Take in an event."""
        if isinstance(event, Polled):
            self.asked += 1
            self._counted = False
        elif isinstance(event, TaskChanged) and event.status in ("succeed", "failed") and not self._counted:
            self.fruitful += 1
            self._counted = True


async def receiver() -> tuple[Callbacks, web.AppRunner]:
    """A receiver on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/kling"
    callbacks = Callbacks(url=url, keys=secrets.token_bytes(32))
    application = web.Application()
    application.add_subapp("/kling", callback_app(callbacks))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    return callbacks, runner


async def scenario(name: str, faults: Sequence[Fault] | None, kind: str, count: int, slots: int | None) -> str:
    """One line of the table."""
    callbacks, runner = await receiver()
    tally, lags = Tally(), list[float]()
    async with Emulator(faults=faults or (), seed=7, slots=None if slots is None else {kind: slots}) as emulator:
        kling: KlingClient = emulator.client(
            on_event=tally, callbacks=None if faults is None else callbacks, polling=None
        )
        async with kling:

            async def one(number: int) -> None:
                call: Any = kling.images.generate if kind == "image" else kling.videos.text_to_video
                handle = await call(prompt=f"fox {number}")
                await handle
                lags.append(time.time() - emulator.tasks[handle.id].course.ended)

            await asyncio.gather(*(one(number) for number in range(count)))
        got = sum(seen.method == "GET" for seen in emulator.requests)
    await runner.cleanup()
    lags.sort()
    vain = tally.asked - tally.fruitful
    p99 = lags[int(0.99 * (len(lags) - 1))]
    return f"{name:28} {got / count:9.2f} {vain / count:8.2f} {statistics.fmean(lags):7.2f} {p99:7.2f} {lags[-1]:7.2f}"


async def main() -> None:
    """Print the table."""
    given = sys.argv[1:]
    kind = "video" if "video" in given else "image"
    numbers = [int(each) for each in given if each.isdigit()]
    count, slots = (numbers[0] if numbers else 100), (numbers[1] if len(numbers) > 1 else None)
    print(f"{f'{count} {kind} tasks':28} {'requests':>9} {'in vain':>8} {'lag s':>7} {'p99 s':>7} {'most s':>7}")
    runs = [scenario(name, faults, kind, count, slots) for name, faults in SCENARIOS.items()]
    for line in await asyncio.gather(*runs):
        print(line)


if __name__ == "__main__":
    asyncio.run(main())
