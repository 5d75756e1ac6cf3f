"""Batch: many tasks in one journal, which survives whatever happens to the process, the network or the vendor.

Puts the rooms of this package together. Decides nothing itself but what may be asked for when.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias, cast, get_args

import attrs

from ..api import ROWS
from ..client import KlingClient
from ..errors import InvalidRequest, JournalError, TaskNotFound
from ..media.durable import Point, nothing
from ..media.naming import writable
from ..media.threads import landed
from ..protocol.endpoint import Pool
from ..submitting.ledger import Priority
from . import queries
from .budget import Budget, MaxUnits, limits
from .export import export
from .forecast import limit_of, planned
from .inputs import Inputs
from .items import Added, Item, ItemError, Plan, PoolSummary, Summary
from .journal import Journal
from .manifest import spool
from .queries import BatchRow, TaskRow
from .runner import Runner
from .sources import Source
from .states import Cause, State
from .tally import Tally

Resolution: TypeAlias = Literal["look", "send", "give_up"]
Retried: TypeAlias = Literal["failed", "refused", "lost"]

_HOUR: Final = 3600.0
_CHUNK: Final = 500
_LONGEST: Final = 128
"""Characters of a batch's name."""
_FAILED: Final[tuple[Retried]] = ("failed",)
_RESOLVABLE: Final = frozenset({State.HELD, State.LOST, State.UNKNOWN})


class Batch:
    """
    Many tasks, in one journal. Use it as `async with Batch(kling, "teasers", journal="jobs.db", output="out/")`.

    Every task is written down before it is sent and after every step, so that a run that was killed is gone on with by
    running it again: nothing is lost, and nothing is paid twice. After any crash of the process, and after power loss
    on a disk that honours sync, every planned task is either not paid, or paid once and tracked, or listed as UNKNOWN
    or HELD. It is paid twice only if, all at once, the answer to a POST was lost, the vendor hid the task longer than
    the settle window, and the vendor did not enforce its own uniqueness rule; `on_unknown="hold"` removes even that.

    *name* tells batches of one journal apart; external ids are made of it. *journal* is a file on a disk of this
    machine, made if need be, readable by its owner only, and written by one process at a time. *output* receives the
    files of results, as `<custom_id>-<index>.<ext>`; without it nothing is fetched, and results are links that end.
    *max_units* is what may be spent in the lifetime of the batch, by the price list before a task is sent and by what
    was charged afterwards: a number, or numbers by pool where tasks of several pools are made. *account* is a label
    for the account in place of one derived from its key; it must stay the same for as long as the batch lives.
    *on_unknown* is as in `Retry`, for this batch. *priority* is the lane for slots, as in `with_options`. *losing* is
    how many seconds lie between the three looks for a task that the vendor denies, before it counts as lost. *point* is
    called at named moments, and *now* gives Unix seconds; both are for tests.

    Raises `JournalError` where the journal cannot be used, and `InvalidRequest` for what cannot work.
    """

    def __init__(
        self,
        kling: KlingClient,
        name: str,
        *,
        journal: str | os.PathLike[str],
        output: str | os.PathLike[str] | None = None,
        max_units: MaxUnits | None = None,
        account: str | None = None,
        on_unknown: Literal["resend", "hold"] | None = None,
        priority: Priority = "batch",
        losing: float = _HOUR,
        point: Point = nothing,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Open nothing yet."""
        retry = kling.inside.retry
        if on_unknown is not None:
            retry = attrs.evolve(retry, on_unknown=on_unknown)
        self._inside = kling.with_options(priority=priority, slot_timeout=None, retry=retry).inside
        self._name = _named("name", name)
        self._path = Path(journal)
        # Absolute, because the journal keeps where files are, and may be looked at from elsewhere.
        self._output = None if output is None else Path(output).absolute()
        self._max_units = max_units
        self._account = None if account is None else _named("account", account)
        self._losing = losing
        self._point = point
        self._now = now
        self._inputs = Inputs.of(self._path)
        self._journal: Journal | None = None
        self._row: BatchRow | None = None
        self._runner: Runner | None = None
        self._conductor: asyncio.Task[None] | None = None
        self._decisions = 0
        """What people decide just now, which no run must come between."""
        self._tally = Tally()
        self._began = 0.0
        self._seconds = 0.0
        self._stopped: str | None = None

    def __repr__(self) -> str:
        return f"<Batch {self._name!r} {self._path}>"

    async def __aenter__(self) -> Self:
        """Open the journal; whatever an earlier process had on its way counts as unknown from here on."""
        if self._output is not None:
            await asyncio.to_thread(_output, self._output)
        account = self._account or await self._inside.core.engine.authorizer.account()
        journal = await Journal.open(self._path, now_ms=self._now_ms, point=self._point)
        try:
            self._row = await journal.enter(self._name, account=account, options={"output": _text(self._output)})
            await journal.recover()
            self._journal = journal
            await self._load()
        except BaseException:
            self._journal = None
            await journal.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run under way, and let go of the journal. Tasks go on at the vendor's; another run takes them up."""
        journal, self._journal = self._journal, None
        try:
            await self._end()
        finally:
            if journal is not None:
                await journal.close()

    @property
    def name(self) -> str:
        """What tells it from others in the journal."""
        return self._name

    @property
    def stopped(self) -> str | None:
        """Why the last run ended before everything was done: `"asked"`, `"budget"`, or the words of an error."""
        return self._stopped if self._runner is None else self._runner.stopped

    async def add(self, rows: Source, *, endpoint: str | None = None) -> Added:
        """
        Take over a manifest: a path, mappings, an async iterable of them, or a data frame. Sends nothing.

        A row is `{"custom_id": ..., "url": ..., "body": {...}}`, with `"endpoint"` in place of `"url"` if you like;
        rows may be flat, with the fields of the request beside `custom_id`, and then *endpoint* may name one for all.
        Every row is checked before any is taken: `ManifestError` lists all that are wrong. Rows that are in the batch
        already are passed over; one with the same `custom_id` and another body is refused. May be called while `run`
        is under way, also about the last of its items; where *max_units* is one number, and rows of a second pool come
        to a run, `InvalidRequest` says so, and they are not sent.
        """
        journal, row = self._open()
        async with spool(rows, endpoint=endpoint, inputs=self._inputs, vet=self._vet) as spooled:
            added = await journal.plan(row, spooled.rows)
        if added.new:
            await landed(asyncio.ensure_future(self._grown()))  # the rows are there, also where the caller leaves
        return added

    async def run(self, *, include_ended: bool = False) -> AsyncGenerator[Item, None]:
        """
        Do all there is to do, and yield every item as it ends; go on where an earlier run was interrupted.

        Nothing more is sent while items are not taken. Leaving the loop early ends the run at once; what is on its way
        is taken up by the next one. With *include_ended* the items that had ended before come first, also those that
        ended as a loop was left, which no other run tells. In the end raises what stopped it, once everything that was
        paid is finished: `AccountError`, `AuthenticationError`,
        `PermissionDenied`, `IPNotAllowed`, `MissingCredentials`, what the vendor said of a task that could not be
        followed to its end, or `DownloadError` for files that could not be stored; the next run goes on with those.
        `JournalError` is raised at once, and so is `ClientClosed`.
        """
        journal, row = self._open()
        if self._runner is not None or self._decisions:
            raise InvalidRequest("run", "must wait until the run, or the decision, that is under way is over")
        runner = self._runner = Runner(
            inside=self._inside,
            journal=journal,
            batch=row,
            tally=self._tally,
            directory=self._output,
            hold=self._inside.retry.on_unknown == "hold",
            losing=self._losing,
            clock=self._now_ms,
            requests=self._inputs.request_of,
            item=item_of,
            point=self._point,
        )
        self._began = self._time()
        try:
            if include_ended:
                async for ended in self._items((State.DONE, State.FAILED, State.REFUSED, State.HELD, State.LOST)):
                    yield ended
            await journal.recover()  # what a run that was left had on its way
            await self._load()
            runner.budget = self._budget()
            self._tally.begin(self._time())
            conductor = self._conductor = asyncio.create_task(runner.run(), name=f"kling_async batch {self._name}")
            while (item := await runner.out.get()) is not None:
                runner.taken()
                yield item
                runner.out.task_done()
            await asyncio.wait((conductor,))
            if conductor.cancelled():
                raise JournalError(f"{self._path}: the batch was closed while a run of it was under way")
            conductor.result()
        finally:
            try:
                await self._end()
            finally:
                self._stopped, self._seconds, self._runner = runner.stopped, self._time() - self._began, None

    def stop(self) -> None:
        """Send nothing more and let `run` end once everything is finished that was paid. May be called twice."""
        if self._runner is not None:
            self._runner.stop("asked")

    def summary(self) -> Summary:
        """How it stands, pool by pool; no request, no disk. Rates and times left are those of the run under way."""
        now, core = self._time(), self._inside.core
        slots = core.ledger.slots
        pools: dict[Pool, PoolSummary] = {}
        for pool, tally in self._tally.pools.items():
            left = self._tally.work(pool, core.typical).seconds(limit_of(slots[pool]))
            pools[pool] = tally.summary(slots[pool], now, left)
        seconds = self._seconds if self._runner is None else now - self._began
        return Summary(name=self._name, pools=pools, stopped=self.stopped, seconds=seconds)

    async def plan(self) -> Plan:
        """What is still to be made, what it costs by the price list, and how long it takes as far as was learned."""
        journal, row = self._open()
        core = self._inside.core
        return planned(await journal.kinds(row), core.ledger.slots, core.typical)

    async def items(self) -> AsyncGenerator[Item, None]:
        """Every item as the journal knows it, in the order of the manifest."""
        async for item in self._items(tuple(State)):
            yield item

    async def retry(self, states: Collection[Retried] = _FAILED, *, custom_ids: Collection[str] | None = None) -> int:
        """
        Plan once more what ended in one of these states; returns how many items that are. Sends nothing.

        Each becomes a new task, a new generation with a new external id, and is paid for anew: a lost one may have been
        paid for already. Not while a run is under way.
        """
        with self._deciding("retry") as (journal, row):
            for state in states:
                _among("states", state, get_args(Retried))
            count = await journal.retry(row, [State(state) for state in states], _ids(custom_ids))
            await self._load()
        return count

    async def cancel(self, *, custom_ids: Collection[str] | None = None) -> int:
        """
        Refuse what was not sent yet, all of it or some; returns how many items that are.

        What was sent goes on: the vendor has no cancel call. Not while a run is under way.
        """
        with self._deciding("cancel") as (journal, row):
            count = await journal.cancel(row, _ids(custom_ids), error=ItemError(type="Cancelled", message="cancelled"))
            await self._load()
        return count

    async def resolve(self, custom_id: str, how: Resolution) -> Item:
        """
        Decide about an item that is held, lost or unknown, and return it as it is then.

        `"look"` asks the vendor once more; a task that is found is followed by the next run. `"send"` plans it anew
        under the same external id, which the vendor takes once only: for what is known not to have been made.
        `"give_up"` refuses it. A lost one can only be looked for; `retry` makes it anew. Not while a run is under way.
        """
        with self._deciding("resolve") as (journal, batch):
            _among("how", how, get_args(Resolution))
            row = await journal.newest(batch, custom_id)
            if row is None:
                raise InvalidRequest("custom_id", f"must be one of batch {self._name!r}", custom_id)
            if row.state not in _RESOLVABLE or (row.state is State.LOST and how != "look"):
                can = "can be looked for, or retried" if row.state is State.LOST else "needs no decision"
                raise InvalidRequest("custom_id", f"is {row.state}, which {can}", custom_id)
            if how == "look":
                await self._look(journal, row)
            elif how == "send":
                await journal.step(row.seq, Cause.RESOLVED_SEND, why="a person decided", error=None)
            else:
                error = ItemError(type="GivenUp", message="given up by a person; if it was made, it is billed")
                await journal.step(row.seq, Cause.RESOLVED_GIVE_UP, error=error)
            await self._load()
            return item_of(cast("TaskRow", await journal.newest(batch, custom_id)))

    async def export(self, results: str | os.PathLike[str], errors: str | os.PathLike[str] | None = None) -> int:
        """
        Write what has ended as JSON lines in the form of OpenAI's batches; returns how many lines that are.

        With *errors* those without a result go there. Files are replaced in one step, are readable by their owner only,
        since they hold links, and may be written again whenever you like.
        """
        journal, row = self._open()
        return await export(journal, row, Path(results), None if errors is None else Path(errors))

    async def _grown(self) -> None:
        """Take in that there are more rows."""
        await self._load()
        if self._runner is not None:
            self._runner.added()
            self._runner.budget.limits = limits(self._max_units, frozenset(self._tally.pools))

    async def _end(self) -> None:
        """End the run under way, and wait for it; what went wrong meanwhile is told by the next one."""
        conductor, self._conductor = self._conductor, None
        if conductor is not None:
            conductor.cancel()
            await asyncio.wait((conductor,))
            if not conductor.cancelled():
                conductor.exception()

    def _open(self) -> tuple[Journal, BatchRow]:
        if self._journal is None or self._row is None:
            raise JournalError(f"{self._path}: the batch is not open; use it as `async with Batch(...) as batch:`")
        return self._journal, self._row

    @contextmanager
    def _deciding(self, what: str) -> Generator[tuple[Journal, BatchRow], None, None]:
        opened = self._open()
        if self._runner is not None:
            raise InvalidRequest(what, "must wait until the run is over; stop() ends it soon")
        self._decisions += 1
        try:
            yield opened
        finally:
            self._decisions -= 1

    async def _look(self, journal: Journal, row: TaskRow) -> None:
        spec = ROWS[row.endpoint]
        try:
            task = await self._inside.find(spec, row.task_id, None if row.task_id else row.external_id)
        except TaskNotFound:
            return
        await journal.step(row.seq, Cause.RESOLVED_FOUND, task_id=task.id, misses=0, error=None)

    def _vet(self, row: Any, request: Any) -> None:
        """Refuse what the client would not send, or what could never have slots enough."""
        self._inside.check(request)
        limit, weight = self._inside.core.ledger.slots[cast("Pool", row.pool)].limit, row.weight(request)
        if limit is not None and weight > limit:
            raise InvalidRequest("n", f"must be at most {limit}, the limit given for {row.pool} tasks", weight)

    def _budget(self) -> Budget:
        pools = frozenset(self._tally.pools)
        one_number = self._max_units is not None and not isinstance(self._max_units, Mapping)
        budget = Budget(limits(self._max_units, pools), closed=one_number)
        for pool, tally in self._tally.pools.items():
            if pool in budget.limits:
                if tally.priceless:
                    rule = f"needs a price for every task; the list has none for {tally.priceless:,} of pool {pool}"
                    raise InvalidRequest("max_units", rule, self._max_units)
                budget.taken[pool] = tally.spent
        return budget

    async def _items(self, states: tuple[State, ...]) -> AsyncGenerator[Item, None]:
        journal, batch = self._open()
        after = 0
        while rows := await journal.unfinished(batch, states, after, _CHUNK):
            after = rows[-1].seq
            for row in rows:
                yield item_of(row)

    async def _load(self) -> None:
        journal, row = self._open()
        # Asked together, so that no task moves in between; those that moved before have told the tally already.
        kinds, counts = await journal.read(lambda it: (queries.kinds(it, row.id), queries.counts(it, row.id)))
        self._tally.load(counts, kinds)

    def _now_ms(self) -> int:
        return int(self._now() * 1000)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def item_of(row: TaskRow) -> Item:
    """What users see of a row."""
    return Item(
        custom_id=row.custom_id,
        endpoint=row.endpoint,
        state=row.state,
        generation=row.generation,
        task_id=row.task_id,
        external_task_id=row.external_id,
        units=row.units,
        estimate=row.estimate,
        files=tuple(each.path for each in row.artifacts if each.path is not None),
        artifacts=row.artifacts,
        error=row.error,
        body=cast("Mapping[str, object]", json.loads(row.body_json)),
    )


def _named(field: str, given: object) -> str:
    if not isinstance(given, str) or not given.strip() or len(given) > _LONGEST or not given.isprintable():
        raise InvalidRequest(field, f"must be a text of 1 to {_LONGEST} printable characters", given)
    return given


def _output(given: Path) -> None:
    try:
        writable(given)
    except InvalidRequest as error:
        rule = error.rule
    else:
        return
    raise InvalidRequest("output", rule or "", str(given))


def _ids(given: Collection[str] | None) -> Collection[str] | None:
    if isinstance(given, str):  # whose letters are a collection too
        raise InvalidRequest("custom_ids", "must be several ids, such as a list, and not one text", given)
    return given


def _among(field: str, given: object, words: tuple[str, ...]) -> None:
    if given not in words:
        raise InvalidRequest(field, f"must be among {', '.join(words)}", given)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
