"""`kling gallery`: a page of what a batch made, to look through and to pass on together with its files."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from ..errors import InvalidRequest
from .common import Attempt, Connection
from .shell import Shell

if TYPE_CHECKING:
    from ..batch.gallery import Card, Totals

_SOURCE: Final = "must be the journal of a batch, or a directory of result files such as fox-0.png"
_TASKS: Final = "Every task of the batch, in the order of its manifest, with what it made or why it did not."
_FILES: Final = "Every result in the directory, by name."


async def gallery(
    source: Annotated[Path, Parameter(help="The journal of a batch, or a directory of result files.")],
    *,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="The page; else <source>-gallery.html beside the source.")
    ] = None,
    open: Annotated[  # noqa: A002 - what the option is called
        bool, Parameter(negative=(), show_default=False, help="Open the page in the browser.")
    ] = False,
    json: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Print one JSON object, and nothing else.")
    ] = False,
) -> int:
    """
    Make a page of what a batch made, with search and filters. Sends nothing and needs no key.

    The page shows the files where they are: it is of use beside them, and goes where they go. A journal may be in use
    meanwhile; tasks that have not ended are shown as such.
    """
    shell = Shell(json=json)
    with Attempt(shell, Connection(json=json)) as attempt:
        place = _beside(source) if output is None else output
        totals = await asyncio.to_thread(_made, source, place)
        if json:
            shell.object({"page": str(place), "tasks": totals.tasks, "states": dict(totals.states)})
        else:
            shell.note(str(totals), style="bold")
            shell.line(str(place))
        if open:
            await asyncio.to_thread(webbrowser.open, place.resolve().as_uri())
    return attempt.exit


def _beside(source: Path) -> Path:
    whole = source.resolve()
    name = f"{whole.name if whole.is_dir() else whole.stem}-gallery.html"
    return source.with_name(name) if source.name not in {"", ".."} else whole.parent / name


def _made(source: Path, place: Path) -> Totals:
    """Write the page. Blocking."""
    from ..batch.cards import journaled, stored  # noqa: PLC0415 - Jinja2 and SQLite, which other commands do without
    from ..batch.journal import Reader  # noqa: PLC0415

    folder = place.resolve().parent
    if source.is_dir():
        return _written(source, place, source.resolve().name, _FILES, partial(stored, source.resolve(), folder))
    if not source.is_file():
        raise InvalidRequest("source", _SOURCE, str(source))
    with Reader.open(source) as reader:
        name = ", ".join(batch.name for batch in reader.batches()) or source.name
        return _written(source, place, name, _TASKS, partial(journaled, reader, folder))


def _written(source: Path, place: Path, name: str, lead: str, cards: Callable[[], Iterable[Card]]) -> Totals:
    from ..batch.gallery import page, write  # noqa: PLC0415

    try:
        totals, pieces = page(cards, name=name, lead=lead, source=source.name or name)
    except OSError as error:
        trouble = InvalidRequest("source", f"must be readable ({error.strerror})", str(source))
    else:
        if not totals.tasks:
            raise InvalidRequest("source", f"{_SOURCE}; there is none in it", str(source))
        try:
            write(place, pieces)
        except OSError as error:
            trouble = InvalidRequest("output", f"must be a file that can be written ({error.strerror})", str(place))
        else:
            return totals
    raise trouble
