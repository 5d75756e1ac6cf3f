"""What a command does whose call is answered at once: check, send, store the files of the answer, show it."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from ..api import DirectRow
from ..client import KlingClient
from ..media.naming import slug
from ..models import File
from ..protocol.direct import DirectMethod
from .answers import is_task, own_id, show_answer
from .common import Attempt, Connection, Sending, Storing, storable
from .options import fields
from .present import addresses
from .progress import Relay, progress
from .rehearsal import asked, rehearse
from .shell import Shell


async def ask(
    row: DirectRow, given: Mapping[str, object], storing: Storing, sending: Sending, connection: Connection
) -> int:
    """Send what was typed and show the answer; returns the exit code."""
    shell = Shell(json=connection.json)
    with Attempt(shell, connection) as attempt:
        request = sending.vetted(asked(row, given), shell)
        if sending.dry_run:
            rehearse(shell, row, request)
        else:
            await _ask(row, request, storing, sending, attempt)
    return attempt.exit


async def _ask(row: DirectRow, request: Any, storing: Storing, sending: Sending, attempt: Attempt) -> None:
    relay, shell = Relay(), attempt.shell
    async with attempt.connection.client(sending, relay) as kling:
        if storing.output is not None:
            await storable(storing.output, storing.name)
        method: DirectMethod[..., Any, Any] = attrgetter(row.name)(kling)
        attempt.once = not row.repeatable
        answer = await method.send(request)
        attempt.once = False
        stored: list[Path] = []
        try:
            with progress(shell) as relay.told:
                stored = await _store(kling, row, request, answer, storing)
        finally:  # the call may be billed: whatever becomes of the files, its answer is shown
            show_answer(shell, row.name, answer, stored)
        if storing.output is None:
            attempt.connection.printed(shell, addresses(answer) if is_task(answer) else getattr(answer, "files", ()))


async def _store(kling: KlingClient, row: DirectRow, request: object, answer: object, storing: Storing) -> list[Path]:
    if storing.output is None:
        return []
    if is_task(answer):
        return await kling.download(answer, storing.output, name=storing.name)
    stored: list[Path] = []
    for name, files in _named(row, request, answer, storing.name).items():
        stored += await kling.download(files, storing.output, name=name)
    return stored


def _named(row: DirectRow, request: object, answer: object, name: str | None) -> dict[str, list[File]]:
    """The files of an answer by the name they are stored under; numbers follow where several share one."""
    items = cast("tuple[object, ...]", answer) if isinstance(answer, tuple) else (answer,)
    named: dict[str, list[File]] = {}
    for item in items:
        files = cast("tuple[File, ...]", getattr(item, "files", ()))
        if not files:
            continue
        base = name or slug(own_id(item) or _source(request) or row.name.rpartition(".")[2])
        for file in files:
            kind = getattr(file, "type", None)  # cut-outs tell what they show
            named.setdefault(slug(f"{base}-{kind}") if kind else base, []).append(file)
    return named


def _source(request: object) -> str | None:
    """The session or the local file that a call is about, if it is about one."""
    given = [getattr(request, field.name) for field in fields(type(request))]
    session = getattr(request, "session_id", None)
    return session or next((each.stem for each in given if isinstance(each, Path)), None)
