"""`kling task`: look at tasks made earlier, or wait for one. Signatures are read by the parser, docstrings as help."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from ..client import KlingClient
from ..errors import InvalidRequest
from ..handle import TaskHandle, TaskRef
from ..protocol.endpoint import TaskMethod
from .answers import facts, ids
from .common import RUNNING, Attempt, Connection, positive, storable
from .endpoints import known, listed
from .following import finish
from .present import show_task, show_tasks
from .progress import Relay
from .shell import Shell

_ENDPOINT = "The endpoint that made it, such as videos.text_to_video; all are listed below."
_ID = "The task's id."
_EXTERNAL = "Your own id, instead of the task's."
_REF = "What --no-wait printed, instead of endpoint and id."

Endpoint = Annotated[str | None, Parameter(help=_ENDPOINT)]
TaskId = Annotated[str | None, Parameter(help=_ID)]
ExternalId = Annotated[str | None, Parameter(help=_EXTERNAL)]
RefText = Annotated[str | None, Parameter(help=_REF)]
Common = Annotated[Connection | None, Parameter(name="*")]


def group(epilogue: str) -> App:
    """The commands; the help of each ends with the endpoints, then the *epilogue*."""
    app = App(name="task", help="Tasks made earlier.", help_epilogue=f"{listed()}\n\n{epilogue}")
    for name, command in (("get", get), ("list", list_), ("wait", wait)):
        app.command(command, name=name)
    return app


async def get(
    endpoint: Endpoint = None,
    task_id: TaskId = None,
    *,
    external_id: ExternalId = None,
    ref: RefText = None,
    connection: Common = None,
) -> int:
    """Show a task as it stands now."""
    connection = connection or Connection()
    with Attempt(Shell(json=connection.json), connection) as attempt:
        wanted = _wanted(endpoint, task_id, external_id, ref)
        async with connection.client() as kling:
            handle = await _found(kling, wanted)
            task = await handle.refresh() if handle.latest is None else handle.latest
        show_task(attempt.shell, handle.ref, task, facts(task.result))
    return attempt.exit


async def list_(
    endpoint: Annotated[str, Parameter(help=_ENDPOINT)],
    *,
    page: Annotated[int, Parameter(help="Which page, from 1.")] = 1,
    page_size: Annotated[int, Parameter(help="Tasks on a page, 1 to 500.")] = 30,
    connection: Common = None,
) -> int:
    """List tasks of an endpoint, the newest first."""
    connection = connection or Connection()
    with Attempt(Shell(json=connection.json), connection) as attempt:
        known("endpoint", endpoint)
        async with connection.client() as kling:
            method: TaskMethod[..., Any, Any] = attrgetter(endpoint)(kling)
            tasks = await method.list(page=page, page_size=page_size)
        show_tasks(
            attempt.shell, [(_ref(endpoint, task.id, task.external_task_id), task, ids(task.result)) for task in tasks]
        )
    return attempt.exit


async def wait(
    endpoint: Endpoint = None,
    task_id: TaskId = None,
    *,
    external_id: ExternalId = None,
    ref: RefText = None,
    output: Annotated[
        Path | None, Parameter(alias="-o", group=RUNNING, help="Store the files here, instead of printing addresses.")
    ] = None,
    name: Annotated[str | None, Parameter(group=RUNNING, help="Name of the files; else the task's id.")] = None,
    timeout: Annotated[
        float | None, Parameter(group=RUNNING, help="Seconds to wait; the task goes on after them.")
    ] = None,
    connection: Common = None,
) -> int:
    """Wait for a task to end, and store its files with -o."""
    connection = connection or Connection()
    with Attempt(Shell(json=connection.json), connection) as attempt:
        wanted = _wanted(endpoint, task_id, external_id, ref)
        positive("timeout", timeout)
        relay = Relay()
        async with connection.client(on_event=relay) as kling:
            if output is not None:
                await storable(output, name)
            handle = await _found(kling, wanted)
            attempt.ref, attempt.directory = handle.ref, output
            await finish(kling, handle, attempt.shell, relay, timeout=timeout, directory=output, name=name)
    return attempt.exit


def _wanted(endpoint: str | None, task_id: str | None, external_id: str | None, ref: str | None) -> TaskRef:
    if ref is not None:
        if endpoint or task_id or external_id:
            raise InvalidRequest("ref", "stands alone, without endpoint and id", ref)
        wanted = TaskRef.from_json(ref)
        known("endpoint", wanted.endpoint)
        return wanted
    if endpoint is None or (task_id is None) == (external_id is None):
        rule = "give an endpoint and one id: ENDPOINT ID, or ENDPOINT --external-id, or --ref"
        raise InvalidRequest("endpoint", rule)
    known("endpoint", endpoint)
    return _ref(endpoint, task_id, external_id)


def _ref(endpoint: str, task_id: str | None, external_id: str | None) -> TaskRef:
    return TaskRef(endpoint=endpoint, task_id=task_id, external_task_id=external_id)


async def _found(kling: KlingClient, wanted: TaskRef) -> TaskHandle[Any]:
    # Asked once first: waiting would take a wrong id for a task that is not visible yet.
    handle = kling.attach(wanted)
    await handle.refresh()
    return handle
