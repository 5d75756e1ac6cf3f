"""Options that commands share, and the client they ask for. Classes here are read by the parser, docstrings as help."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Self

import attrs
from cyclopts import Group, Parameter

from ..api.fields import Checked
from ..client import KlingClient
from ..errors import InvalidRequest, KlingError, SubmitUnknown, TaskTimeout
from ..events import Listener, SubmitEnded
from ..handle import TaskRef
from ..media.naming import stem, writable
from ..options import Limits, Polling, Validation
from .failures import Exit, Failure, explain
from .shell import Shell

SPEED: Final = 60.0
"""How much faster than the real thing an emulator of our own runs: an image takes a third of a second."""
_LAG: Final = 0.25
_OPEN: Final = "The call may have been carried out all the same, and billed; look before sending it again"
_GONE: Final = "The emulator ends with this command, and the task with it"

REQUEST = Group("Request", sort_key=1)
RUNNING = Group("Running and storing", sort_key=2)
CONNECTION = Group("Connection and output", sort_key=3)


@attrs.frozen(kw_only=True)
class Connection:
    """Whom to talk to, and in which form to answer."""

    emulator: Annotated[bool, Parameter(group=CONNECTION, negative=(), show_default=False)] = False
    """Run against an emulator of its own: no key, no network, no cost."""
    base_url: Annotated[str | None, Parameter(group=CONNECTION)] = None
    """The vendor's address, or that of a running `kling emulator`; else KLING_BASE_URL."""
    json: Annotated[bool, Parameter(group=CONNECTION, negative=(), show_default=False)] = False
    """Print one JSON object per task or answer, and nothing else; errors too."""

    @contextlib.asynccontextmanager
    async def client(
        self,
        sending: Sending | None = None,
        on_event: Listener | None = None,
        *,
        limits: Limits | None = None,
        memory: Path | None = None,
    ) -> AsyncGenerator[KlingClient, None]:
        """
        An open client. Raises `MissingCredentials` or `InvalidRequest` before anything is sent.

        *limits*: the account's slots, where they need not be learned; *memory*: where durations are kept.
        """
        validate: Validation = sending.asked if sending else "error"
        if not self.emulator:
            async with KlingClient(
                base_url=self.base_url,
                validate=validate,
                on_event=on_event,
                limits=limits,
                polling=Polling(memory=memory),
            ) as kling:
                yield kling
            return
        if self.base_url is not None:
            raise InvalidRequest("base_url", "excludes --emulator, which has an address of its own", self.base_url)
        from ..emulator import Emulator  # noqa: PLC0415 - an extra of its own, and slow to import

        async with Emulator(speed=SPEED) as emulator:
            pace = Polling(max_lag=_LAG, memory=memory)
            async with emulator.client(polling=pace, validate=validate, on_event=on_event, limits=limits) as kling:
                yield kling

    def printed(self, shell: Shell, links: Collection[object]) -> None:
        """Say of links that were printed, and lead to an emulator of our own, that they end with it."""
        if self.emulator and links:
            shell.note("The emulator ends with this command, and these links with it; -o DIRECTORY stores the files")

    def again(self, ref: TaskRef, directory: Path | None = None) -> str | None:
        """The command that waits for a task; None where its emulator ends with this command."""
        if self.emulator:
            return None
        which = [ref.task_id] if ref.task_id else ["--external-id", ref.external_task_id or ""]
        where = ["--base-url", self.base_url] if self.base_url else []
        store = ["-o", str(directory)] if directory else []
        return shlex.join(["kling", "task", "wait", ref.endpoint, *which, *store, *where])


@attrs.frozen(kw_only=True)
class Delivery:
    """How long to wait, and where the files go."""

    output: Annotated[Path, Parameter(alias="-o", group=RUNNING)] = Path()
    """Directory for the files; made if need be."""
    name: Annotated[str | None, Parameter(group=RUNNING)] = None
    """Name of the files, without extension; else the task's id."""
    no_download: Annotated[bool, Parameter(group=RUNNING, negative=(), show_default=False)] = False
    """Print the addresses of the files instead of storing them."""
    no_wait: Annotated[bool, Parameter(group=RUNNING, negative=(), show_default=False)] = False
    """Print what finds the task again, and leave."""
    timeout: Annotated[float | None, Parameter(group=RUNNING)] = None
    """Seconds to wait; the task goes on after them."""
    slot_timeout: Annotated[float | None, Parameter(group=RUNNING)] = None
    """Seconds to wait for a free slot where the account has none; after them no task is made."""

    @property
    def stores(self) -> bool:
        """Whether files are to be stored."""
        return not (self.no_download or self.no_wait)

    async def check(self) -> None:
        """Find out before anything is paid whether this can be done. Raises `InvalidRequest`."""
        positive("timeout", self.timeout)
        positive("slot_timeout", self.slot_timeout)
        if self.stores:
            await storable(self.output, self.name)


@attrs.frozen(kw_only=True)
class Storing:
    """Where the files of an answer go."""

    output: Annotated[Path | None, Parameter(alias="-o", group=RUNNING)] = None
    """Store the files of the answer here, if it has any, instead of printing addresses."""
    name: Annotated[str | None, Parameter(group=RUNNING)] = None
    """Name of the files, without extension; else the id of what they show."""


@attrs.frozen(kw_only=True)
class Sending:
    """How a request is looked at before it is sent, if it is sent."""

    dry_run: Annotated[bool, Parameter(group=RUNNING, negative=(), show_default=False)] = False
    """Print what would be sent, as JSON, and what it would cost. Sends nothing and needs no key."""
    validate: Annotated[Validation, Parameter(group=CONNECTION)] = "error"
    """What to do about a combination that the vendor's capability map calls unsupported."""

    @property
    def asked(self) -> Validation:
        """What the client is told: not to warn again."""
        return "off" if self.validate == "warn" else self.validate

    def vetted(self, request: Checked, shell: Shell) -> Checked:
        """The request, unless the map rules it out: an `InvalidRequest`, or a line on stderr."""
        for error in request.unsupported() if self.validate != "off" else ():
            if self.validate == "error":
                raise error
            shell.warn(f"{error.field} {error.rule}")
        return request


def positive(name: str, value: float | None) -> None:
    """Raise `InvalidRequest` for an amount that is zero, negative, or no number."""
    if value is not None and not 0 < value < float("inf"):
        raise InvalidRequest(name, "must be a number above zero", value)


async def storable(directory: Path, name: str | None) -> None:
    """Raise `InvalidRequest` where files of this name could not be stored there."""
    if name is not None:
        stem(name)
    try:
        await asyncio.to_thread(writable, directory)
    except InvalidRequest as error:
        trouble = error
    else:
        return
    raise InvalidRequest("output", trouble.rule or "", str(directory))


@attrs.define
class Attempt:
    """
    One command at work: an error of the package becomes a panel (or JSON) and an exit code, an interruption a farewell.

    `ref` is the task that lives on whatever happens here.
    """

    shell: Shell
    connection: Connection
    ref: TaskRef | None = None
    directory: Path | None = None
    """Where its files were to go."""
    exit: Exit = Exit.OK
    once: bool = False
    """Whether a call is under way that must not be sent twice without a thought."""

    def __enter__(self) -> Self:
        return self

    def unsent(self, error: BaseException, *, out: bool = False) -> None:
        """Forget the task of a create that raised *error*, unless the task may exist; *out*: it is still on its way."""
        refused = isinstance(error, KlingError) and not isinstance(error, SubmitUnknown)
        if refused or (isinstance(error, asyncio.CancelledError) and not out):
            self.ref = None

    def ended(self, event: SubmitEnded) -> None:
        """Take in what became of a create that was on its way when it was interrupted."""
        ref = TaskRef(endpoint=event.endpoint, task_id=event.task_id, external_task_id=event.external_task_id)
        self.ref = None if event.outcome == "refused" else ref

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        again = self.connection.again(self.ref, self.directory) if self.ref else None
        match error:
            case KlingError():
                failure = explain(error)
                if self.once and _left(error):
                    failure = attrs.evolve(failure, advice=_OPEN, exit=Exit.UNKNOWN)
                if self.connection.emulator and isinstance(error, TaskTimeout):
                    failure = attrs.evolve(failure, advice=_GONE)
                ended = failure.exit is Exit.FAILED  # there is nothing to wait for
                self.exit = self.shell.fail(failure, ref=self.ref, again=None if ended else again)
            case OSError():
                self.exit = self.shell.unwritten(error, ref=self.ref, again=again)
            case ModuleNotFoundError() if self.connection.emulator:
                self.exit = self.shell.fail(not_installed(error))
            case asyncio.CancelledError() if self.ref:
                self.shell.fail(_interrupted(again, self.ref), ref=self.ref, again=again)
                return False
            case asyncio.CancelledError() if self.once and _left(error):
                self.shell.fail(_stopped(_OPEN))
                return False
            case _:
                return False
        return True


def _left(error: BaseException) -> bool:
    """Whether what ended so may have been carried out."""
    return bool(getattr(error, "may_have_been_created", False))


def not_installed(error: ModuleNotFoundError) -> Failure:
    """What to say where an extra is missing."""
    return Failure(
        type=type(error).__name__,
        title="Not installed",
        message=f"this needs {error.name}",
        advice="Install kling-async[cli,emulator]",
        exit=Exit.USAGE,
    )


def _interrupted(again: str | None, ref: TaskRef) -> Failure:
    if again is None:
        return _stopped(_GONE)
    return _stopped(
        "The task goes on at the vendor's and is billed" if ref.task_id else "The task may have been made, and billed"
    )


def _stopped(message: str) -> Failure:
    return Failure(type="KeyboardInterrupt", title="Interrupted", message=message, exit=Exit.INTERRUPTED)
