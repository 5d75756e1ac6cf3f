"""`kling emulator`: a Kling on a local port until somebody stops it."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..client import BASE_URL
from ..errors import InvalidRequest
from ..transport.auth import ACCESS_KEY, SECRET_KEY
from . import amounts
from .common import Attempt, Connection, not_installed
from .failures import Exit, Failure
from .shell import Shell

_STOPPING = (signal.SIGINT, signal.SIGTERM)


async def emulator(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on; 0 takes a free one.")] = 8787,
    speed: Annotated[float, Parameter(help="How many times faster than the real thing tasks run.")] = 1.0,
    seed: Annotated[int, Parameter(help="Decides ids, durations and pictures.")] = 0,
    slots: Annotated[
        str | None, Parameter(help="Tasks at once per pool, such as video=5,image=9; without, there is no limit.")
    ] = None,
    faults: Annotated[
        Path | None, Parameter(help="File of what shall go wrong, and when: one JSON object a line, or one array.")
    ] = None,
    access_key: Annotated[str | None, Parameter(help="Access key to accept.")] = None,
    secret_key: Annotated[str | None, Parameter(help="Secret key to accept.")] = None,
) -> int:
    """
    Run a Kling on this machine until Ctrl-C, to try things out without a key.

    Its keys are made up: they open nothing but this emulator.
    """
    shell = Shell()
    with Attempt(shell, Connection()) as attempt:
        try:
            attempt.exit = await _serve(
                shell,
                host,
                port,
                speed=speed,
                seed=seed,
                slots=amounts.slots(slots),
                faults=faults,
                keys=(access_key, secret_key),
            )
        except ModuleNotFoundError as error:
            attempt.exit = shell.fail(not_installed(error))
    return attempt.exit


async def _serve(
    shell: Shell,
    host: str,
    port: int,
    *,
    speed: float,
    seed: int,
    slots: Mapping[str, int],
    faults: Path | None,
    keys: tuple[str | None, str | None],
) -> Exit:
    from .. import emulator as package  # noqa: PLC0415 - an extra of its own, and slow to import

    try:
        script = package.read_faults(faults) if faults is not None else ()
    except package.FaultFileError as error:
        return shell.fail(_not_faults(error))
    access_key, secret_key = keys[0] or package.ACCESS_KEY, keys[1] or package.SECRET_KEY
    try:
        running = package.Emulator(
            host=host,
            port=port,
            speed=speed,
            seed=seed,
            slots=slots,
            faults=script,
            access_key=access_key,
            secret_key=secret_key,
        )
    except ValueError as error:
        raise InvalidRequest("emulator", str(error)) from None
    try:
        await running.start()
    except (OSError, OverflowError) as error:
        return shell.fail(_not_listening(host, port, error))
    stop = _stop()
    try:
        shell.line(f"A Kling listens on {running.url}; Ctrl-C stops it. In another terminal:")
        for name, value in ((BASE_URL, running.url), (ACCESS_KEY, access_key), (SECRET_KEY, secret_key)):
            shell.line(f"export {name}={shlex.quote(value)}")
        await stop.wait()
        shell.note(f"stopped; calls answered: {len(running.requests)}, tasks made: {len(running.tasks)}")
    finally:
        await running.stop()
    return Exit.OK


def _stop() -> asyncio.Event:
    """Set by Ctrl-C or SIGTERM, both of which are how this is meant to end."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, or not the main thread
        for each in _STOPPING:
            loop.add_signal_handler(each, stop.set)
    return stop


def _not_faults(error: ValueError) -> Failure:
    return Failure(
        type=type(error).__name__,
        title="Not started",
        message=str(error),
        advice="Correct the file given with --faults",
        exit=Exit.USAGE,
    )


def _not_listening(host: str, port: int, error: OSError | OverflowError) -> Failure:
    trouble = (getattr(error, "strerror", None) or str(error)).partition(": ")[2] or str(error)
    return Failure(
        type=type(error).__name__,
        title="Not started",
        message=f"cannot listen on {host} port {port}: {trouble}",
        advice="Choose another port with --port; 0 takes a free one",
    )
