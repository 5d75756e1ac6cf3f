"""What people do about tasks of a batch: `kling batch resolve`, `retry`, `cancel` and `export`.

All but `resolve --look` work on the journal alone and need no key. A journal that a run has open is left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from ..batch.batch import Batch, Retried
from ..batch.export import write
from ..batch.items import Item
from ..batch.journal import Reader
from ..errors import InvalidRequest
from .batch_offline import chosen, offline, one, output, places, rows
from .batch_options import Ids, JournalPath, Json, Name, command, existing
from .batch_words import as_json, count, ended
from .common import RUNNING, Attempt, Connection
from .failures import Exit
from .shell import Shell

_ONE: Final = "give one of --look, --send and --give-up"
_EXITS: Final = {
    "failed": Exit.FAILED,
    "refused": Exit.FAILED,
    "unknown": Exit.UNKNOWN,
    "held": Exit.UNKNOWN,
    "lost": Exit.UNKNOWN,
}

Switch: Final[Parameter] = Parameter(negative=(), show_default=False, group=RUNNING)


async def resolve(
    journal: JournalPath,
    custom_id: Annotated[str, Parameter(help="Which task.")],
    *,
    look: Annotated[bool, Switch] = False,
    send: Annotated[bool, Switch] = False,
    give_up: Annotated[bool, Switch] = False,
    name: Name = None,
    connection: Annotated[Connection | None, Parameter(name="*")] = None,
) -> int:
    """
    Decide about a task that is held, lost, or of which it is not known whether it was made.

    Parameters
    ----------
    look
        Ask the vendor for it once more. If it is there, it is followed like any other from the next resume on.
    send
        Make it anew with the next resume; if it was made after all, it may be paid for twice.
    give_up
        Leave it. If it was made after all, it is paid for, and nobody fetches what it made.
    """
    connection = connection or Connection()
    shell = Shell(json=connection.json)
    with Attempt(shell, connection) as attempt:
        wanted = [word for word, given in (("look", look), ("send", send), ("give_up", give_up)) if given]
        if len(wanted) != 1:
            raise InvalidRequest("resolve", _ONE)
        existing(journal)
        row = chosen(journal, name)
        if look:
            async with (
                connection.client() as kling,
                Batch(kling, row.name, journal=journal, output=output(row)) as batch,
            ):
                item = await batch.resolve(custom_id, "look")
        else:
            async with offline(row.name, journal, row, output=output(row)) as batch:
                item = await batch.resolve(custom_id, "send" if send else "give_up")
        _resolved(shell, item, again(journal, name, connection))
        attempt.exit = _EXITS.get(item.state, Exit.OK) if look else Exit.OK
    return attempt.exit


async def retry(
    journal: JournalPath,
    ids: Ids = (),
    *,
    failed: Annotated[bool, Switch] = False,
    refused: Annotated[bool, Switch] = False,
    lost: Annotated[bool, Switch] = False,
    name: Name = None,
    json: Json = False,
) -> int:
    """
    Have tasks made anew that ended otherwise than wanted; the next resume sends them.

    Failed and refused ones cost nothing before. Lost ones are paid for a second time.

    Parameters
    ----------
    failed
        Those that failed; so it is if nothing is said.
    refused
        Those that the vendor refused, or that were cancelled.
    lost
        Those that the vendor made and knows no longer of.
    """
    shell = Shell(json=json)
    with Attempt(shell, Connection(json=json)) as attempt:
        given: dict[Retried, bool] = {"failed": failed, "refused": refused, "lost": lost}
        states: tuple[Retried, ...] = tuple(state for state, wanted in given.items() if wanted) or ("failed",)
        existing(journal)
        row = chosen(journal, name)
        async with offline(row.name, journal, row, output=output(row)) as batch:
            number = await batch.retry(states=states, custom_ids=ids or None)
        words = f"no {' or '.join(states)} task{_among(ids)}"
        _changed(shell, number, "to be made anew", of=words, then=again(journal, name))
    return attempt.exit


async def cancel(journal: JournalPath, ids: Ids = (), *, name: Name = None, json: Json = False) -> int:
    """Have tasks not sent that were not sent yet. What the vendor has cannot be cancelled: it goes on and is billed."""
    shell = Shell(json=json)
    with Attempt(shell, Connection(json=json)) as attempt:
        existing(journal)
        row = chosen(journal, name)
        async with offline(row.name, journal, row, output=output(row)) as batch:
            number = await batch.cancel(custom_ids=ids or None)
        _changed(shell, number, "cancelled", of=f"no task that was not sent yet{_among(ids)}")
    return attempt.exit


def export(
    journal: JournalPath,
    *,
    results: Annotated[Path | None, Parameter(group=RUNNING, help="Else beside the journal.")] = None,
    errors: Annotated[Path | None, Parameter(group=RUNNING, help="For tasks that made nothing; else likewise.")] = None,
    name: Name = None,
    json: Json = False,
) -> int:
    """
    Write the results once more, one JSON object a line in OpenAI Batch form.

    Works beside a run, for what has ended by then. The links in them are as good as keys.
    """
    shell = Shell(json=json)
    with Attempt(shell, Connection(json=json)) as attempt:
        existing(journal)
        batches = rows(journal)
        row = one(batches, name)
        beside = places(journal, batches, row.name)
        written = (results or beside.results, errors or beside.errors)
        with Reader.open(journal) as reader:
            write(reader, row, *written)
        for path in written:
            shell.line(str(path))
    return attempt.exit


def begin_anew(journal: Path, *, given: bool) -> None:
    """Make room for the journal of an emulator of one's own; what the last one made ended with it."""
    if not journal.exists():
        return
    if given:
        rule = "must not exist with --emulator: its tasks were made elsewhere, and this emulator knows none of them"
        raise InvalidRequest("journal", rule, str(journal))
    with Reader.open(journal) as reader:
        if reader.owner() is not None:
            return  # it is refused when it is opened
    for ending in ("", "-wal", "-shm"):
        journal.with_name(f"{journal.name}{ending}").unlink(missing_ok=True)


def again(journal: Path, name: str | None, connection: Connection | None = None) -> str:
    """The command that goes on."""
    return command("resume", journal, *(("--name", name) if name else ()), connection=connection)


def _resolved(shell: Shell, item: Item, then: str) -> None:
    if shell.json:
        shell.object(as_json(item))
        return
    shell.line(ended(item))
    if item.state in ("planned", "submitted", "succeeded"):
        shell.command("Go on with:", then)


def _changed(shell: Shell, number: int, what: str, *, of: str, then: str | None = None) -> None:
    if shell.json:
        shell.object({"tasks": number})
    elif not number:
        shell.note(f"there is {of}")
    else:
        shell.line(f"{count(number, 'task')} {what}")
        if then is not None:
            shell.command("Go on with:", then)


def _among(ids: tuple[str, ...]) -> str:
    return f" among {', '.join(ids)}" if ids else ""
