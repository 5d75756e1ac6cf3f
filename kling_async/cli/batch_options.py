"""Options that the commands of a batch share, and how they are typed once more in a command that goes on with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import attrs
from cyclopts import Parameter

from ..errors import InvalidRequest
from ..options import Limits
from . import amounts
from .common import CONNECTION, REQUEST, RUNNING, Connection

_MANIFEST: Final = "The tasks: JSON lines of custom_id, endpoint and body (.jsonl), or a table (.csv, .parquet)."
_JOURNAL: Final = "The journal of an earlier run, such as prompts.journal.db."
_ENDPOINT: Final = "What makes the tasks of a table or of flat rows, such as images.generate; its columns are fields."
_NAME: Final = "Which batch, where the journal holds several."
_IDS: Final = "Only these, by custom_id."
_JSON: Final = "Print JSON objects, and nothing else."

Manifest = Annotated[Path, Parameter(help=_MANIFEST)]
JournalPath = Annotated[Path, Parameter(help=_JOURNAL)]
Endpoint = Annotated[str | None, Parameter(group=REQUEST, help=_ENDPOINT)]
Name = Annotated[str | None, Parameter(group=RUNNING, help=_NAME)]
Ids = Annotated[tuple[str, ...], Parameter(help=_IDS, negative=())]
Json = Annotated[bool, Parameter(group=CONNECTION, negative=(), show_default=False, help=_JSON)]


@attrs.frozen(kw_only=True)
class Manner:
    """How a batch is run."""

    output: Annotated[Path | None, Parameter(alias="-o", group=RUNNING)] = None
    """Directory for the files; made if need be. Else one beside the journal."""
    results: Annotated[Path | None, Parameter(group=RUNNING)] = None
    """Where the results go, one JSON object a line in OpenAI Batch form. Else beside the journal."""
    errors: Annotated[Path | None, Parameter(group=RUNNING)] = None
    """The same for tasks that made nothing."""
    max_units: Annotated[str | None, Parameter(group=RUNNING)] = None
    """Units to spend at most, such as 800, or by pool: video=60,image=800. What would exceed it is not sent."""
    slots: Annotated[str | None, Parameter(group=RUNNING)] = None
    """Tasks at once per pool, such as video=5,image=9, where that is not to be learned."""
    on_unknown: Annotated[Literal["resend", "hold"], Parameter(group=RUNNING)] = "resend"
    """After a lost answer, when no task can be found: send it again, under the same id, or hold it for a person."""
    priority: Annotated[Literal["batch", "interactive"], Parameter(group=RUNNING)] = "batch"
    """The lane in which tasks wait for slots."""
    durations: Annotated[Path | None, Parameter(group=RUNNING)] = None
    """Where it is kept how long tasks take. Else beside the journal."""
    account: Annotated[str | None, Parameter(group=RUNNING)] = None
    """The account by the name that the journal has for it, where the keys have changed and the account has not."""
    plain: Annotated[bool, Parameter(group=RUNNING, negative=(), show_default=False)] = False
    """Print a line per task instead of a table that moves, on a terminal too."""

    @property
    def limits(self) -> Limits:
        """The slots. Raises `InvalidRequest`."""
        given = amounts.slots(self.slots)
        return Limits(**given)

    def typed(self) -> Iterator[str]:
        """The options that were given, as they are typed."""
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if value is True:
                yield f"--{field.name}"
            elif value not in (field.default, None):
                yield from (f"--{field.name.replace('_', '-')}", str(value))


def existing(journal: Path) -> None:
    """Raise `InvalidRequest` where there is no journal of an earlier run, so that none is begun by mistake."""
    if not journal.is_file():
        raise InvalidRequest("journal", "must be the journal of a batch, which kling batch run makes", str(journal))


def command(
    verb: str, journal: Path, *rest: str, custom_id: str | None = None, connection: Connection | None = None
) -> str:
    """A command of this batch, ready to be typed; about one task, where that is named."""
    where = ["--base-url", connection.base_url] if connection and connection.base_url else []
    which = [] if custom_id is None else [custom_id]
    if custom_id is not None and custom_id.startswith("-"):  # which is no option only behind this
        rest, which = (*rest, *where, "--", custom_id), []
        where = []
    return shlex.join(["kling", "batch", verb, typed(journal), *which, *rest, *where])


def typed(path: Path) -> str:
    """A path as an argument, which is none of the options."""
    return f"./{path}" if str(path).startswith("-") else str(path)
