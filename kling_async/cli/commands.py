"""A group of commands for every resource and a command for every row, built from those alone. No endpoint is named."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from textwrap import fill
from typing import Annotated, Any, TypeAlias, cast

from cyclopts import App, Parameter

from ..api import RESOURCES, DirectRow, TaskRow, rows
from ..protocol.endpoint import Resource, TaskEndpoint
from .ask import ask
from .common import Connection, Delivery, Sending, Storing
from .create import create
from .endpoints import WIDTH
from .filled import told
from .options import parameters

Command: TypeAlias = Callable[..., Coroutine[Any, Any, int]]


def groups(epilogue: str) -> list[App]:
    """
    A group of commands per resource, called by its singular, and groups in it for the resources below that.

    The help of each ends with where its earlier tasks are found, then the *epilogue*.
    """
    top: dict[str, App] = {}
    for resource in RESOURCES:
        first, *rest = resource.name.split(".")
        app = top.setdefault(first, App(name=first.removesuffix("s"), help=f"Everything about {first}."))
        for part in rest:
            name = _dashed(part)
            if name not in list(app):
                app.command(App(name=name))
            app = app[name]
        app.help = inspect.getdoc(resource) or app.help
        app.help_epilogue = "\n\n".join([*_earlier(resource), epilogue])
        for row in rows(resource):
            name = row.name.rpartition(".")[2]
            app.command(command(row), name=_dashed(name), help_epilogue=epilogue)
    return list(top.values())


def _earlier(resource: type[Resource]) -> Iterator[str]:
    names = [row.name for row in rows(resource) if isinstance(row, TaskEndpoint)]
    if names:
        what = names[0] if len(names) == 1 else "NAME"
        known = f"; NAME is one of {', '.join(names)}" if len(names) > 1 else ""
        yield fill(f"kling task list {what} shows tasks made earlier{known}.", WIDTH)


def command(row: TaskRow | DirectRow) -> Command:
    """The command of one row."""
    if isinstance(row, TaskEndpoint):
        task: TaskRow = row
        return _assembled(task, {"delivery": Delivery, "sending": Sending, "connection": Connection}, create)
    return _assembled(row, {"storing": Storing, "sending": Sending, "connection": Connection}, ask)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _assembled(
    row: TaskRow | DirectRow, kinds: Mapping[str, type], act: Callable[..., Coroutine[Any, Any, int]]
) -> Command:
    """A command with the fields of the row's request as options, and those of *kinds*."""
    common = (
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, Parameter(name="*")]
        )
        for name, kind in kinds.items()
    )
    signature = inspect.Signature([*parameters(cast("type", row.request), told(row.name)), *common])

    async def run(*args: object, **kwargs: object) -> int:
        given = signature.bind(*args, **kwargs).arguments
        chosen = {name: given.pop(name, None) or kind() for name, kind in kinds.items()}
        return await act(row, given, **chosen)

    # The parser reads the signature, and asks for type hints as well.
    vars(run)["__signature__"] = signature
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    run.__name__, run.__doc__ = row.name, inspect.getdoc(row.request)
    return run
