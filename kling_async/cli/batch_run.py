"""What `kling batch run` and `resume` do: tell the cost, run, show, write the results. What ends it ends no task."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

import attrs

from ..batch.batch import Batch
from ..batch.items import Plan, Summary
from ..errors import InvalidRequest, JournalError, KlingError
from . import amounts, batch_words
from .batch_files import Places, unless_empty
from .batch_offline import rows
from .batch_options import Manner, command, typed
from .batch_view import Commands, View, amiss, checking, view
from .common import Attempt, storable
from .failures import Exit, Failure, explain
from .interrupts import Interrupts

_ANEW: Final = {
    "failed": "Failed tasks cost nothing. Make them again with:",
    "refused": "Refused tasks can be made once the reason is gone, with:",
}
_TICK: Final = 0.25
"""Seconds between two looks at how it stands."""


@attrs.frozen(kw_only=True)
class Job:
    """A batch to be run."""

    name: str
    places: Places
    manner: Manner
    manifest: Path | None = None
    """None: what the journal holds."""
    endpoint: str | None = None
    named: Sequence[str] = ()
    """The option that names the batch, where it was given."""
    ephemeral: bool = False
    """Whether the vendor is an emulator that ends with the command, so that nothing can go on later."""

    remembered: Path | None = None
    """Where the files of an earlier run went."""

    @property
    def output(self) -> Path:
        """Where the files go."""
        return self.manner.output or self.remembered or self.places.output

    @property
    def results(self) -> Path:
        """Where the results go."""
        return self.manner.results or self.places.results

    @property
    def errors(self) -> Path:
        """Where the tasks go that made nothing."""
        return self.manner.errors or self.places.errors


async def run(job: Job, attempt: Attempt) -> None:
    """Run a batch to its end, or as far as it goes; the exit code is the attempt's."""
    manner, connection = job.manner, attempt.connection
    interrupts = Interrupts()
    client = connection.client(limits=manner.limits, memory=manner.durations or job.places.durations)
    try:
        with interrupts, unless_empty(job.output):
            await storable(job.output, None)
            async with (
                client as kling,
                Batch(
                    kling,
                    job.name,
                    journal=job.places.journal,
                    output=job.output.absolute(),  # so that it can be gone on with from elsewhere
                    max_units=amounts.units(manner.max_units),
                    account=manner.account,
                    on_unknown=manner.on_unknown,
                    priority=manner.priority,
                ) as batch,
            ):
                await _run(job, batch, attempt, interrupts)
    except asyncio.CancelledError:
        if not interrupts.left:
            raise
        attempt.exit = _left(job, attempt)
    except OSError as error:  # of ours: those of the disk have other names
        attempt.exit = attempt.shell.unwritten(error, again=_again(job, attempt))


async def _run(job: Job, batch: Batch, attempt: Attempt, interrupts: Interrupts) -> None:
    shell = attempt.shell
    if job.manifest is not None:
        with checking(shell, job.manifest):
            rows = await batch.add(job.manifest, endpoint=job.endpoint)
        shell.note(batch_words.added(rows, str(job.manifest)))
    _tell(attempt, job, await batch.plan())
    trouble: KlingError | None = None
    commands = Commands(resume=_again(job, attempt), status=command("status", job.places.journal))
    with view(shell, commands, lines=job.manner.plain) as shown:
        try:
            await _watched(batch, shown, interrupts)
        except (InvalidRequest, JournalError):
            raise  # nothing was done; what the journal does not know cannot be told
        except KlingError as error:
            trouble = error
        finally:
            shown.tick(batch.summary())
    await batch.export(job.results, job.errors)
    attempt.exit = _tell_end(job, attempt, batch.summary(), trouble)


async def _watched(batch: Batch, shown: View, interrupts: Interrupts) -> None:
    def stop() -> None:
        batch.stop()
        shown.tick(batch.summary())

    async def tick() -> None:
        while True:
            shown.tick(batch.summary())
            await asyncio.sleep(_TICK)

    interrupts.finish = stop
    ticking = asyncio.create_task(tick())
    try:
        async with aclosing(batch.run()) as ended:
            async for item in ended:
                shown.item(item)
    finally:
        interrupts.finish = None
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)  # an output that fails is met by the next item as well


def _tell(attempt: Attempt, job: Job, plan: Plan) -> None:
    """What it will cost, before anything is sent."""
    if attempt.shell.json:
        attempt.shell.object({"event": "plan", **batch_words.plan_as_json(plan)})
        return
    attempt.shell.note(batch_words.cost(plan), style="bold")
    if plan.lines:
        attempt.shell.note(f"Files go to {batch_words.near(job.output)}; what happens is kept in {job.places.journal}")


def _tell_end(job: Job, attempt: Attempt, summary: Summary, trouble: KlingError | None) -> Exit:
    shell = attempt.shell
    left = sum(pool.total - pool.ended for pool in summary.pools.values())
    code = explain(trouble).exit if trouble is not None else outcome(summary)
    if shell.json:
        if trouble is not None:
            shell.object(explain(trouble).to_json())
        files = {"results": str(job.results), "errors": str(job.errors), "journal": str(job.places.journal)}
        pools = batch_words.pools_as_json(summary)
        shell.object({"event": "summary", "name": summary.name, "pools": pools, **files, "exit_code": int(code)})
        return code
    ended = attrs.evolve(summary, stopped="ended")  # no time is left
    shell.note(f"{batch_words.standing(ended)}; took {batch_words.span(summary.seconds)}", style="bold")
    if trouble is not None:
        shell.fail(explain(trouble))
    _tell_next(job, attempt, summary, left)
    shell.line(str(job.results))
    if any(summary[name] for name in batch_words.AMISS):
        shell.line(str(job.errors))
    return code


def _tell_next(job: Job, attempt: Attempt, summary: Summary, left: int) -> None:
    """What may be done next, each with its command."""
    shell, again = attempt.shell, _again(job, attempt, larger=summary.stopped == "budget")
    if amiss(summary):
        shell.command(
            f"{amiss(summary)}, which a person decides about. See them with:", command("status", job.places.journal)
        )
    if left and again is not None:
        tasks = batch_words.count(left, "task")
        if summary.stopped == "budget":
            shell.command(f"The budget is reached and {tasks} left. Go on with a larger one, N:", again)
        else:
            shell.command(f"{tasks} left. Go on with:", again)
    elif again is not None:
        for state, words in _ANEW.items():
            if summary[state]:
                shell.command(words, command("retry", job.places.journal, *job.named, f"--{state}"))
    if summary["done"] and not left:
        shell.command("See what it made on a page:", shlex.join(["kling", "gallery", typed(job.places.journal)]))


def outcome(summary: Summary) -> Exit:
    """The exit code of a run that nothing broke."""
    left = sum(pool.total - pool.ended for pool in summary.pools.values())
    if left and summary.stopped == "asked":
        return Exit.INTERRUPTED
    if summary["held"] or summary["lost"] or summary["unknown"]:
        return Exit.UNKNOWN
    if left:
        return Exit.ERROR
    return Exit.FAILED if summary["failed"] or summary["refused"] else Exit.OK


def _again(job: Job, attempt: Attempt, *, larger: bool = False) -> str | None:
    """The command that goes on; *larger*: with a budget that is to be filled in."""
    if job.ephemeral:
        return None
    manner = attrs.evolve(job.manner, max_units="N") if larger else job.manner
    return command("resume", job.places.journal, *job.named, *manner.typed(), connection=attempt.connection)


def _left(job: Job, attempt: Attempt) -> Exit:
    begun = any(row.name == job.name for row in rows(job.places.journal))  # which forgets batches without tasks
    again = _again(job, attempt) if begun else None
    if not begun:
        message = "Nothing was sent, and nothing of the manifest was taken over"
    elif job.ephemeral:
        message = "The emulator ends with this command, and its tasks with it"
    else:
        message = "What was sent goes on at the vendor's and is billed; all of it is in the journal"
    failure = Failure(type="KeyboardInterrupt", title="Interrupted", message=message, exit=Exit.INTERRUPTED)
    code = attempt.shell.fail(failure)
    if again:
        attempt.shell.command("Go on with:", again)
    return code
