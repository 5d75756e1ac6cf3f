"""A command for every row that makes tasks, built from the row alone. No endpoint is named here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Annotated, Any, cast

from cyclopts import App, Parameter

from ..api import RESOURCES, rows
from ..handle import TaskHandle, TaskRef
from ..protocol.endpoint import Resource, TaskEndpoint
from ..submitting.submit import new_id
from .common import Attempt, Connection, Delivery
from .following import finish
from .options import parameters, values
from .present import as_json
from .shell import Shell

Command = Callable[..., Coroutine[Any, Any, int]]
_Flat = Parameter(name="*")


def groups() -> list[App]:
    """A group of commands per resource that has rows, called by its singular."""
    return [_group(resource) for resource in RESOURCES if any(rows(resource))]


def _group(resource: type[Resource]) -> App:
    name = resource.__name__.lower().removesuffix("s")
    app = App(name=name, help=inspect.getdoc(resource))
    for row in rows(resource):
        app.command(command(row), name=row.name.partition(".")[2].replace("_", "-"))
    return app


def command(row: TaskEndpoint[..., Any, Any]) -> Command:
    """The command that makes a task of one row."""
    request = cast("type[Any]", row.request)
    common = (
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, _Flat])
        for name, kind in (("delivery", Delivery), ("connection", Connection))
    )
    signature = inspect.Signature([*parameters(request), *common])

    async def run(*args: object, **kwargs: object) -> int:
        given = signature.bind(*args, **kwargs).arguments
        delivery = cast("Delivery | None", given.pop("delivery", None)) or Delivery()
        connection = cast("Connection | None", given.pop("connection", None)) or Connection()
        shell = Shell(json=connection.json)
        with Attempt(shell, connection) as attempt:
            await _create(row, given, delivery, attempt)
        return attempt.exit

    # The parser reads the signature, and asks for type hints as well.
    vars(run)["__signature__"] = signature
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    run.__name__, run.__doc__ = row.name, inspect.getdoc(request)
    return run


async def _create(
    row: TaskEndpoint[..., Any, Any], given: dict[str, object], delivery: Delivery, attempt: Attempt
) -> None:
    shell, connection = attempt.shell, attempt.connection
    arguments = values(cast("type[Any]", row.request), given)
    # Ours from the start, so that a create that is interrupted can be found again.
    external = str(arguments.setdefault("external_task_id", new_id()))
    request = row.request(**arguments)
    async with connection.client() as kling:
        await delivery.check()
        attempt.ref = TaskRef(endpoint=row.name, external_task_id=external)
        attempt.directory = delivery.output if delivery.stores else None
        try:
            handle: TaskHandle[Any] = await attrgetter(row.name)(kling).submit(request)
        except Exception as error:
            attempt.unsent(error)
            raise
        attempt.ref = handle.ref
        if not delivery.no_wait:
            directory = attempt.directory
            await finish(kling, handle, shell, timeout=delivery.timeout, directory=directory, name=delivery.name)
        elif shell.json:
            shell.object(as_json(handle.ref, handle.latest))
        else:
            shell.line(handle.ref.to_json())
            again = connection.again(handle.ref)
            if again:
                shell.command("Wait for it with:", again)
