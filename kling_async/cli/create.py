"""What a command does that makes a task: check, create, wait, store."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from ..api import TaskRow
from ..handle import TaskHandle, TaskRef
from ..submitting.submit import new_id
from .common import Attempt, Connection, Delivery, Sending
from .following import finish
from .present import addresses, as_json
from .progress import Relay
from .rehearsal import asked, rehearse
from .shell import Shell


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
    async with connection.client(sending, relay) as kling:
        await delivery.check()
        attempt.ref = TaskRef(endpoint=row.name, external_task_id=external)
        attempt.directory = delivery.output if delivery.stores else None
        try:
            handle: TaskHandle[Any] = await attrgetter(row.name)(kling).submit(request)
        except BaseException as error:
            attempt.unsent(error)
            raise
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
