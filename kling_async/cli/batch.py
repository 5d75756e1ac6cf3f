"""`kling batch`: thousands of tasks from a file. Signatures are read by the parser, docstrings as help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ..errors import InvalidRequest
from . import batch_care, batch_plan, batch_status
from .batch_files import Places, name_of
from .batch_offline import brought_up, one, output, places
from .batch_options import Endpoint, JournalPath, Manifest, Manner, Name, existing
from .batch_run import Job
from .batch_run import run as run_batch
from .common import RUNNING, Attempt, Connection
from .shell import Shell

HELP: Final = (
    "Thousands of tasks from a file, made once each and finished whatever happens to the process or the network."
)

How = Annotated[Manner | None, Parameter(name="*")]
Common = Annotated[Connection | None, Parameter(name="*")]


def group(epilogue: str) -> App:
    """The commands; the help of each ends with the *epilogue*."""
    app = App(name="batch", help=HELP, help_epilogue=epilogue)
    commands: tuple[Callable[..., Any], ...] = (
        run,
        resume,
        batch_plan.plan,
        batch_status.status,
        batch_care.resolve,
        batch_care.retry,
        batch_care.cancel,
        batch_care.export,
    )
    for place, command in enumerate(commands):
        app.command(command, help_epilogue=epilogue, sort_key=place)
    return app


async def run(
    manifest: Manifest,
    *,
    endpoint: Endpoint = None,
    journal: Annotated[
        Path | None,
        Parameter(group=RUNNING, help="Where it is kept what was sent and what came of it. Else beside the manifest."),
    ] = None,
    name: Annotated[str | None, Parameter(group=RUNNING, help="Name of the batch; else that of the manifest.")] = None,
    manner: How = None,
    connection: Common = None,
) -> int:
    """
    Make every task of a file, once, and store what they made.

    Run it again after whatever went wrong: what was made is not made again.
    Ctrl-C finishes what is paid and sends nothing more, a second one leaves
    at once; both can be gone on with.
    """
    connection, manner = connection or Connection(), manner or Manner()
    with Attempt(Shell(json=connection.json), connection) as attempt:
        readable(manifest)
        given, journal = journal, journal or Places.of_manifest(manifest, emulated=connection.emulator).journal
        if not journal.parent.is_dir():
            raise InvalidRequest("journal", "must lie in a directory that exists", str(journal))
        if connection.emulator:
            batch_care.begin_anew(journal, given=given is not None)
        called = name or name_of(manifest)
        batches = await brought_up(journal)
        row = next((row for row in batches if row.name == called), None)
        several = len(batches) > (row is not None)
        job = Job(
            name=called,
            named=("--name", called) if name or several else (),
            places=places(journal, batches, called),
            manner=manner,
            manifest=manifest,
            endpoint=endpoint,
            ephemeral=connection.emulator,
            remembered=output(row) if row else None,
        )
        await run_batch(job, attempt)
    return attempt.exit


async def resume(journal: JournalPath, *, name: Name = None, manner: How = None, connection: Common = None) -> int:
    """Go on with a batch from its journal, without the file that it was made from."""
    connection, manner = connection or Connection(), manner or Manner()
    with Attempt(Shell(json=connection.json), connection) as attempt:
        if connection.emulator:
            raise InvalidRequest("emulator", "ends with its command, so that no later one can go on; use --base-url")
        existing(journal)
        batches = await brought_up(journal)
        row = one(batches, name)
        job = Job(
            name=row.name,
            named=("--name", name) if name else (),
            places=places(journal, batches, row.name),
            manner=manner,
            remembered=output(row),
        )
        await run_batch(job, attempt)
    return attempt.exit


def readable(manifest: Path) -> None:
    """Raise `InvalidRequest` for a file that is not there, before a journal is made for it."""
    if manifest.is_file():
        return
    if not manifest.exists():
        rule = "must be a file that can be read, and there is none of this name"
    elif manifest.is_dir():
        rule = "must be a file, this is a directory"
    else:
        rule = "must be a file that can be read again; what comes from a pipe has to be saved first"
    raise InvalidRequest("manifest", rule, str(manifest))
