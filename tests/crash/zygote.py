"""
A process that has loaded everything and forks one for each order, which so costs what it does and not what it loads.

    python -m tests.crash.zygote            reads orders from its standard input, one a line, one after the other
    python -m tests.crash.zygote '<order>'  carries out one, in this process

Of each it tells the process first, `{"pid": 123}`, and how that ended then, `{"code": -9}`: 0 well, 1 with an error of
the package's, 2 with any other, negative by a signal.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Final

import aiohttp

from kling_async import Batch, KlingClient, KlingError, Polling, Retry
from kling_async.emulator.app import ACCESS_KEY, SECRET_KEY
from tests.crash.orders import LIMITS, NAME, Order
from tests.crash.points import Killer

WELL, SAID, BROKEN = 0, 1, 2
LOOK: Final = 0.05


async def carry_out(order: Order) -> None:
    """Be one process of many that work on a batch, one after the other."""
    killer = Killer(order.point, order.hit)
    jar = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(trace_configs=[killer.trace()], cookie_jar=jar) as session,
        KlingClient(
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            base_url=order.url,
            session=session,
            limits=LIMITS,
            polling=Polling(max_lag=LOOK),
            retry=Retry(settle=order.settle, on_unknown=order.on_unknown),
            timeout=order.timeout,
        ) as kling,
        Batch(
            kling,
            NAME,
            journal=order.journal,
            output=order.output,
            point=killer,
            now=lambda: time.time() + order.clock,
        ) as batch,
    ):
        for step in order.steps:
            await take(batch, order, step)
        if order.at_rest:
            used = {pool: slots.used for pool, slots in kling.slots.items() if slots.used}
            assert not used, f"slots are taken, and nothing is under way: {used}"


async def take(batch: Batch, order: Order, step: tuple[str, ...]) -> None:
    """One call of a batch."""
    match step:
        case ("add",):
            for manifest in order.manifests:
                await batch.add(manifest)
        case ("run",):
            if order.room is not None:
                fill(order.journal, order.room)
            async for item in batch.run():
                tell(f"{item.custom_id} {item.state} {item.error or ''}")
        case ("resolve", custom_id, ("look" | "send" | "give_up") as how):
            await batch.resolve(custom_id, how)
        case ("retry",):
            await batch.retry()
        case ("hold",):
            await asyncio.Event().wait()
        case _:
            raise ValueError(f"no such step: {step}")


def fill(journal: Path, room: int) -> None:
    """No file may become longer than the journal's log is now and *room*; more is an error, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    most = journal.with_name(f"{journal.name}-wal").stat().st_size + room
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def ended(order: Order) -> int:
    """How it went, as a number."""
    try:
        asyncio.run(carry_out(order))
    except KlingError:
        traceback.print_exc()
        return SAID
    except BaseException:  # noqa: BLE001 - whatever it is, it is told, and this process ends
        traceback.print_exc()
        return BROKEN
    return WELL


def child(order: Order) -> None:
    """The life of a forked process."""
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    tell(f"-- {os.getpid()} {order}")
    code = ended(order)
    os._exit(code)


def tell(line: str) -> None:
    """Say something, so that it is heard however this process ends."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Fork and tell, until nobody has orders any more."""
    if len(sys.argv) > 1:
        sys.exit(ended(Order.of_line(sys.argv[1])))
    gc.freeze()
    for line in sys.stdin:
        order = Order.of_line(line)
        pid = os.fork()
        if not pid:
            child(order)
        tell(json.dumps({"pid": pid}))
        status = os.waitpid(pid, 0)[1]
        tell(json.dumps({"code": os.waitstatus_to_exitcode(status)}))


if __name__ == "__main__":
    main()
