"""One task, asked for by either of its ids: to show how it stands, or to find out whether it exists at all.

An answer about another task is no answer. That there is no task is easily said and dearly paid for where the answer to
a create was lost, so it is said then only where nothing that the vendor told leaves a doubt.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import attrs

from ..errors import NotFound, ResponseError, TaskNotFound
from ..protocol.endpoint import the_one
from ..wording import shown

if TYPE_CHECKING:
    from ..models import Task
    from ..protocol.call import Sender
    from ..protocol.endpoint import Mark, TaskSpec

R = TypeVar("R")

_NO_SUCH: Final = 1203
_SIZE: Final = 500
_NEWEST: Final = 2000
"""Tasks of the list that are searched for one that somebody wants to see."""
_PAGES: Final = 20
"""Pages that are asked for at most; a vendor may give less on each than it was asked for."""
_JITTER: Final = 2000
"""Milliseconds by which two servers of the vendor's may put neighbours the wrong way round."""


async def find(
    sender: Sender,
    row: TaskSpec[..., Any, R],
    task_id: str | None,
    external_task_id: str | None,
    *,
    retry: bool = True,
) -> Task[R | None]:
    """
    The task as it stands, or `TaskNotFound`.

    Endpoints that are not documented to be queried by external id are asked all the same, and when they do not know it,
    their newest 2,000 tasks are searched.
    """
    try:
        return await _single(sender, row, task_id, external_task_id, retry=retry)
    except TaskNotFound as error:
        missing = error
    if external_task_id and not task_id and not row.query_by_external_id:
        search = _Search(sender, row, external_task_id, retry)
        while len(search.seen) < _NEWEST and await search.page():
            pass
        if search.found is not None:
            return search.found
    raise missing


async def made(
    sender: Sender, row: TaskSpec[..., Any, R], external_task_id: str, since_ms: int | None
) -> Task[R | None] | None:
    """
    The task of a create whose answer was lost; None where the vendor tells of none such. Asks once, repeats nothing.

    *since_ms* is a moment of the vendor's clock before which it cannot have been made, in Unix milliseconds, if one is
    known. Raises `ResponseError` where the list does not tell: it names no external ids, or does not end.
    """
    try:
        return await _single(sender, row, None, external_task_id, retry=False)
    except TaskNotFound:
        if row.query_by_external_id:
            return None
    search = _Search(sender, row, external_task_id, False)
    while await search.page():
        if search.is_past(since_ms):
            break
    else:
        if search.cut:
            raise ResponseError(f"the list of {row.name} did not end with its first {len(search.seen)} tasks")
    if search.found is None and search.nameless(since_ms):
        raise ResponseError(f"the list of {row.name} names no external ids, so that any of its tasks may be the one")
    return search.found


async def _single(
    sender: Sender, row: TaskSpec[..., Any, R], task_id: str | None, external_task_id: str | None, *, retry: bool
) -> Task[R | None]:
    """What the query for one task finds. An endpoint may take an external id for the id of another task."""
    try:
        task = await sender.send(row.query(task_id or external_task_id or ""), retry=retry)
    except NotFound as error:
        if error.code != _NO_SUCH:
            raise
        # The vendor's table says 404/1203 here, its service 400/1201: both mean that there is no such task.
        raise TaskNotFound(
            error.message, code=error.code, status=error.status, request_id=error.request_id, advice=error.advice
        ) from None
    if task_id and task.id != task_id:  # which may be the external id of another
        raise ResponseError(f"asked for task {shown(task_id)}, the vendor told of {shown(task.id)}")
    return task if task_id else the_one(task, external_task_id or "")


@attrs.define(eq=False)
class _Search(Generic[R]):
    """A walk through the list for one external id; page by page until there is none, or enough was seen."""

    sender: Sender
    row: TaskSpec[..., Any, R]
    external_task_id: str
    retry: bool
    found: Task[R | None] | None = attrs.field(default=None, init=False)
    cut: bool = attrs.field(default=False, init=False)
    """Whether it was ended by the number of pages."""
    seen: list[Mark] = attrs.field(factory=list["Mark"], init=False)
    """All rows so far."""
    _number: int = attrs.field(default=0, init=False)
    _size: int = attrs.field(default=_SIZE, init=False)

    async def page(self) -> bool:
        """Look at the next page; False where that was the last."""
        self.cut = self._number == _PAGES
        if self.cut:
            return False
        self._number += 1
        page = self.row.pick(self._number, self._size, self.external_task_id)
        self.found, marks = await self.sender.send(page, retry=self.retry)
        if self._number == 1:
            # Few rows may be all that there are, or all that a vendor gives at once: counted from here on by so many,
            # the next page begins where this one ended.
            self._size = min(max(1, len(marks)), _SIZE)
        self.seen += marks
        return bool(marks) and self.found is None

    def is_past(self, since_ms: int | None) -> bool:
        """Whether all that is still to come was made earlier: the newest come first, and the last was older."""
        times = [mark.created_ms for mark in self.seen if mark.created_ms is not None]
        if since_ms is None or len(times) < len(self.seen):
            return False
        falling = all(later <= earlier + _JITTER for earlier, later in pairwise(times))
        return falling and times[-1] < min(times[0], since_ms)

    def nameless(self, since_ms: int | None) -> bool:
        """Whether one of the rows may be the task, since the list does not name external ids."""
        if any(mark.external_task_id for mark in self.seen):
            return False
        return any(since_ms is None or mark.created_ms is None or mark.created_ms >= since_ms for mark in self.seen)
