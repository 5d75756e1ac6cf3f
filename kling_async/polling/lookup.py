"""One task, asked for by either of its ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import NotFound, ResponseError, TaskNotFound
from ..wording import shown

if TYPE_CHECKING:
    from ..models import Task
    from ..protocol.call import Sender
    from ..protocol.endpoint import TaskSpec

R = TypeVar("R")

_PAGES, _SIZE = 4, 500
_NO_SUCH: Final = 1203


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
        task = await sender.send(row.query(task_id or external_task_id or ""), retry=retry)
        if task_id and task.id != task_id:  # which may be the external id of another
            raise ResponseError(f"asked for task {shown(task_id)}, the vendor told of {shown(task.id)}")
        return task
    except TaskNotFound as error:
        missing = error
    except NotFound as error:
        if error.code != _NO_SUCH:
            raise
        # The vendor's table says 404/1203 here, its service 400/1201: both mean that there is no such task.
        missing = TaskNotFound(
            error.message, code=error.code, status=error.status, request_id=error.request_id, advice=error.advice
        )
    if external_task_id and not task_id and not row.query_by_external_id:
        for number in range(1, _PAGES + 1):
            found, rows = await sender.send(row.pick(number, _SIZE, external_task_id), retry=retry)
            if found:
                return found[0]
            if rows < _SIZE:
                break
    raise missing
