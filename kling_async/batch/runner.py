"""One run of a batch: takes up what an earlier one left, feeds what is planned, and ends when nothing is left to do.

Feeds no more than slots can be found for, and nothing while results are not taken; so a million tasks need the memory
of some hundreds. What was paid is followed to its end, whatever stops the sending.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import attrs

from ..api import ROWS
from ..api.fields import Checked
from ..core import Inside
from ..errors import DownloadError, KlingError
from ..media.durable import Point
from ..models import Task
from ..protocol.endpoint import Pool
from .budget import Budget
from .following import Follower, Stopped
from .items import Item
from .journal import Journal
from .queries import BatchRow, TaskRow
from .states import Cause, State
from .storing import Storing
from .tally import Tally

_AHEAD: Final = 16
"""Tasks of a pool that may be in line for slots; enough to fill gaps between large ones."""
_UNDER_WAY: Final = 5000
"""Tasks that may be under way where the account has slots without end."""
_BACKLOG: Final = 1000
"""Files that may wait to be fetched before nothing more is sent."""
_OUT: Final = 100
"""Items that may wait to be taken before nothing more is sent."""
_CHUNK: Final = 500
_POOLS: Final[tuple[Pool, ...]] = get_args(Pool)


@attrs.define(eq=False, kw_only=True)
class Runner:
    """What goes on during one run; a `Run` to its followers."""

    inside: Inside
    journal: Journal
    batch: BatchRow
    tally: Tally
    directory: Path | None
    hold: bool
    losing: float
    clock: Callable[[], int]
    """Unix milliseconds."""
    requests: Callable[[TaskRow], Checked]
    """The request of a row, with its files as they were planned; may read them all. Raises `InvalidRequest`."""
    item: Callable[[TaskRow], Item]
    point: Point
    budget: Budget = attrs.field(factory=Budget, init=False)
    """To be set before it runs."""
    out: asyncio.Queue[Item | None] = attrs.field(factory=lambda: asyncio.Queue(_OUT), init=False)
    """Items as they end; None behind the last one."""
    stopped: str | None = attrs.field(default=None, init=False)
    """Why nothing more is sent."""
    _halts: dict[Pool | None, KlingError] = attrs.field(factory=dict["Pool | None", KlingError], init=False)
    _works: dict[asyncio.Task[None], Follower] = attrs.field(factory=dict[Any, Any], init=False)
    _handed: dict[int, Follower] = attrs.field(factory=dict[int, Follower], init=False)
    """Planned tasks that are in line, by seq."""
    _line: Counter[Pool] = attrs.field(factory=Counter[Pool], init=False)
    """How many those are, by pool."""
    _left: list[KlingError] = attrs.field(factory=list[KlingError], init=False)
    """Why tasks that were made are left to another run."""
    _fresh: bool = attrs.field(default=False, init=False)
    """Whether there may be more that is planned than was last seen."""
    _doubts: set[int] = attrs.field(factory=set[int], init=False)
    """Creates of earlier runs that were not looked for yet, by seq."""
    _dry: set[Pool] = attrs.field(factory=set[Pool], init=False)
    """Pools of which nothing planned is left in the journal."""
    _broke: set[Pool] = attrs.field(factory=set[Pool], init=False)
    """Pools whose budget does not allow for the next task, as long as no other ends for less than expected."""
    _news: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _end: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    """Set when nothing more is to be sent."""
    _trouble: BaseException | None = attrs.field(default=None, init=False)
    _storing: Storing | None = attrs.field(default=None, init=False)
    _stores: list[asyncio.Task[None]] = attrs.field(factory=list["asyncio.Task[None]"], init=False)

    @property
    def stopping(self) -> bool:
        """Whether nothing more is sent."""
        return self._end.is_set()

    def now_ms(self) -> int:
        """Unix milliseconds by this machine's clock."""
        return self.clock()

    async def run(self) -> None:
        """Do all there is to do. Raises what stopped it, in the end; what breaks the journal at once."""
        try:
            try:
                self._open_stores()
                await self._take_up()
                await self._feed()
                self._raise()
            finally:
                await self._close()
        except asyncio.CancelledError:
            self._drop()
            raise
        except BaseException:
            await self._last()
            raise
        await self._last()

    def stop(self, why: str) -> None:
        """Send nothing more; what was paid is finished."""
        if self.stopped is None:
            self.stopped = why
        self._end.set()
        for work, follower in self._works.items():
            if follower.phase == "waiting":
                work.cancel()
        self._news.set()

    def taken(self) -> None:
        """There is room for more items."""
        self._news.set()

    def added(self) -> None:
        """There may be more that is planned."""
        self._fresh = True
        self._dry.clear()
        self._news.set()

    # What followers need

    async def rest(self, seconds: float) -> None:
        """Sleep; raises `Stopped` as soon as nothing more is to be sent."""
        # Not `wait_for`, which on Python 3.11 swallows a cancellation that comes together with the end of the time.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()
        if self._end.is_set():
            raise Stopped

    def moved(self, row: TaskRow, source: State, target: State, units: Decimal | None) -> None:
        """Take in that a task has moved."""
        now = asyncio.get_running_loop().time()
        kind = row.endpoint, row.kind
        self.tally.moved(row.pool, row.weight, source, target, estimate=row.estimate, units=units, now=now, kind=kind)
        if source is State.PLANNED and self._handed.pop(row.seq, None) is not None:
            self._line[row.pool] -= 1
            self._news.set()
        if source is not target and (target in _UNPAID or target is State.SUCCEEDED):
            self.budget.settle(row.pool, row.estimate, Decimal(0) if target in _UNPAID and units is None else units)

    def looked(self, row: TaskRow) -> None:
        """Take in that a create in doubt was looked for once."""
        self._doubts.discard(row.seq)
        self._news.set()

    def halt(self, pool: Pool | None, error: KlingError) -> None:
        """Send no more of a pool, or of any; the error is raised once all is finished that was paid."""
        self._halts.setdefault(pool, error)
        if pool is None:
            self.stop(str(error))
        self._news.set()

    def left(self, error: KlingError) -> None:
        """Leave one task to another run; the error is raised once all others are finished."""
        self._left.append(error)

    async def over(self, row: TaskRow, state: State) -> None:
        """Take in that a task has ended."""
        await self.out.put(self.item(attrs.evolve(row, state=state)))

    async def succeeded(self, row: TaskRow, task: Task[Any]) -> None:
        """Take in that a task was made: its files are fetched next, where there are any and somebody wants them."""
        if self._storing is not None and row.artifacts:
            self._storing.add(row, task)
        else:
            await self._done(row, await self.journal.step(row.seq, Cause.STORED))

    async def _done(self, row: TaskRow, state: State) -> None:
        self.moved(row, State.SUCCEEDED, state, row.units)
        await self.over(row, state)
        self._news.set()

    # From the journal

    async def _take_up(self) -> None:
        """Go on with all that an earlier run began; wait until every create in doubt was looked for once."""
        followed = set[int]()
        for states in ((State.UNKNOWN, State.SUBMITTED), (State.SUCCEEDED,)):
            after = 0
            while rows := await self.journal.unfinished(self.batch, states, after, _CHUNK):
                after = rows[-1].seq
                for row in rows:
                    if row.seq not in followed:  # or it has succeeded since, and is on its way
                        await self._again(row)
                if State.SUBMITTED in states:
                    followed.update(row.seq for row in rows)
        # Once: that the vendor will not tell of one task must not keep all others waiting for ever.
        while self._doubts and not self.stopping and self._trouble is None:
            await self._wait()

    async def _again(self, row: TaskRow) -> None:
        if row.state is State.SUCCEEDED:
            await self.succeeded(row, ROWS[row.endpoint].read(json.loads(row.answer_json or "{}")))
            while self._files_left() > _BACKLOG:
                await self._wait()
            return
        self.tally.under_way[row.endpoint, row.kind] += row.weight
        if row.state is State.UNKNOWN:
            self._doubts.add(row.seq)
        self._start(Follower(self, row))

    async def _feed(self) -> None:
        """Hand out planned tasks as there is room, until none is left and all have ended."""
        while self._trouble is None:
            self._news.clear()
            self._fresh = False
            hungry = [await self._feed_pool(pool) for pool in _POOLS]
            if any(hungry) or self._works or self._files_left():
                await self._wait()
                continue
            await self.out.join()  # whoever takes the items may plan more because of the last of them
            if not self._fresh:
                break

    async def _feed_pool(self, pool: Pool) -> bool:
        """Whether more of this pool may be sent later on."""
        if self.stopping or pool in self._halts or pool in self._dry:
            return False
        if pool in self._broke:
            return False  # as long as others of the pool are under way it is looked at again when they end
        room = min(_AHEAD - self._line[pool], _UNDER_WAY - len(self._works))
        if room <= 0 or self.out.full() or self._files_left() > _BACKLOG:
            return True
        rows = await self.journal.next(self.batch, pool, room, without=self._handed.keys())
        if not rows:
            self._dry.add(pool)
        for row in rows:
            if not self.budget.admit(pool, row.estimate):
                self._broke.add(pool)
                break
            follower = self._handed[row.seq] = Follower(self, row)
            self._line[pool] += 1
            self._start(follower)
        return False  # those that were handed out tell when there is room for more

    # Its own tasks

    def _open_stores(self) -> None:
        if self.directory is None:
            return
        self._storing = Storing(
            inside=self.inside,
            journal=self.journal,
            directory=self.directory,
            over=self._done,
            broken=partial(self.halt, None),
            news=self._news.set,
            point=self.point,
        )
        for _ in range(self.inside.core.downloader.options.concurrency):
            work = asyncio.create_task(self._storing.work(), name=f"kling_async files of batch {self.batch.name}")
            work.add_done_callback(self._heard)
            self._stores.append(work)

    def _files_left(self) -> int:
        return 0 if self._storing is None else self._storing.waiting

    def _start(self, follower: Follower) -> None:
        work = asyncio.create_task(follower.follow(), name=f"kling_async task of batch {self.batch.name}")
        self._works[work] = follower
        work.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        row = self._works.pop(work).row
        if self._handed.pop(row.seq, None) is not None:  # it was never sent, and is planned still
            self._line[row.pool] -= 1
            self.budget.settle(row.pool, row.estimate, Decimal(0))
        if self._broke:
            self._broke.discard(row.pool)
        self._doubts.discard(row.seq)
        self._heard(work)

    def _heard(self, work: asyncio.Task[None]) -> None:
        """Take in what went wrong where nothing should; it ends the run."""
        error = None if work.cancelled() else work.exception()
        if error is not None and self._trouble is None:
            self._trouble = error
        self._news.set()

    async def _wait(self) -> None:
        """Until anything has changed; raises what went wrong."""
        if self._trouble is None:
            await self._news.wait()
            self._news.clear()
        if self._trouble is not None:
            raise self._trouble

    def _raise(self) -> None:
        """Raise what stopped the run, or what is missing of it."""
        if self._trouble is not None:
            raise self._trouble
        if self.stopped is None and self._broke:
            self.stopped = "budget"
        for error in self._halts.values():
            raise error
        if self._left:
            tasks = "1 task" if len(self._left) == 1 else f"{len(self._left)} tasks"
            self._left[0].add_note(f"{tasks} of the batch could not be followed to the end; another run goes on")
            raise self._left[0]
        failed = [] if self._storing is None else self._storing.failed
        if failed:
            many = "1 file" if len(failed) == 1 else f"{len(failed)} files"
            words = "could not be stored; the tasks are paid, and another run fetches what is missing"
            raise DownloadError(f"{many} of results {words}: {failed[0]}", failed=failed)

    async def _last(self) -> None:
        """Tell that there are no more items."""
        try:
            await self.out.put(None)
        except asyncio.CancelledError:
            self._drop()
            raise

    def _drop(self) -> None:
        """The same, where nobody may be there to make room; what is dropped is in the journal."""
        while self.out.full():
            self.out.get_nowait()
        self.out.put_nowait(None)

    async def _close(self) -> None:
        works = [*self._works, *self._stores]
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works)


_UNPAID: Final = frozenset({State.PLANNED, State.FAILED, State.REFUSED})
"""What a task becomes that costs nothing after all."""
