"""What a command does that makes a task: check, create, wait, store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Any, Final

from ..api import TaskRow
from ..client import KlingClient
from ..events import Event, SlotAwaited, SubmitEnded
from ..handle import TaskHandle, TaskRef
from ..submitting.submit import new_id
from .common import Attempt, Connection, Delivery, Sending
from .following import finish
from .present import addresses, as_json
from .progress import Relay, progress
from .rehearsal import asked, rehearse
from .shell import Shell

_OUT: Final = "Interrupted while it was being sent as %s; waiting for 10 s at most to learn what became of it"


async def create(
    row: TaskRow, given: Mapping[str, object], delivery: Delivery, sending: Sending, connection: Connection
) -> int:
    """Make a task of what was typed; returns the exit code."""
    shell = Shell(json=connection.json)
    with Attempt(shell, connection) as attempt:
        if sending.dry_run:
            rehearse(shell, row, sending.vetted(asked(row, given), shell))
        else:
            await _create(row, given, delivery, sending, attempt)
    return attempt.exit


async def _create(
    row: TaskRow, given: Mapping[str, object], delivery: Delivery, sending: Sending, attempt: Attempt
) -> None:
    shell, connection = attempt.shell, attempt.connection
    # Ours from the start, so that a create that is interrupted can be found again.
    external = str(given.get("external_task_id") or new_id())
    request = sending.vetted(asked(row, {**given, "external_task_id": external}), shell)
    relay = Relay()
    async with connection.client(sending, partial(_told, row, attempt, relay)) as kling:
        await delivery.check()
        attempt.ref = TaskRef(endpoint=row.name, external_task_id=external)
        attempt.directory = delivery.output if delivery.stores else None
        view = kling if delivery.slot_timeout is None else kling.with_options(slot_timeout=delivery.slot_timeout)
        handle = await _submitted(view, row, request, attempt, relay)
        attempt.ref = handle.ref
        if not delivery.no_wait:
            directory = attempt.directory
            await finish(kling, handle, shell, relay, timeout=delivery.timeout, directory=directory, name=delivery.name)
            if directory is None and handle.latest is not None:
                connection.printed(shell, addresses(handle.latest))
        elif shell.json:
            shell.object(as_json(handle.ref, handle.latest))
        else:
            shell.line(handle.ref.to_json())
            again = connection.again(handle.ref)
            if again:
                shell.command("Wait for it with:", again)


async def _submitted(
    kling: KlingClient, row: TaskRow, request: object, attempt: Attempt, relay: Relay
) -> TaskHandle[Any]:
    """Make the task, and tell while it waits for slots."""
    try:
        with progress(attempt.shell, passing=True) as relay.told:
            handle: TaskHandle[Any] = await attrgetter(row.name)(kling).submit(request)
    except BaseException as error:
        named, out = attempt.ref, kling.slots[row.pool].used > 0
        attempt.unsent(error, out=out)
        if isinstance(error, asyncio.CancelledError):
            attempt.shell.note(_OUT % (named and named.external_task_id) if out else "Interrupted; no task was made")
        raise
    return handle


def _told(row: TaskRow, attempt: Attempt, relay: Relay, event: Event) -> None:
    """Hear an event."""
    if isinstance(event, SubmitEnded):
        attempt.ended(event)
    elif isinstance(event, SlotAwaited) and relay.told is not None:
        relay.told.state(row.name, f"waiting for {'a free slot' if event.slots == 1 else f'{event.slots} free slots'}")
    else:
        relay(event)
