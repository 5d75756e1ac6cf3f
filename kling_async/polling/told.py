"""What listeners are told of tasks: each change once, however many handles see it, and who begins and ends to wait.

Nothing is made or kept where nobody listens. Of tasks that have ended the latest are remembered, and of the others all,
since they may be seen to end at any time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

import attrs

from ..api import ROWS
from ..events import TaskChanged, TaskGone, Teller, WaitEnded, WaitFailed, WaitStarted
from ..handle import TaskHandle
from ..models import TaskStatus

_ENDED: Final = 4096


@attrs.define(eq=False)
class Told:
    """What is known of tasks to those who listen to a client."""

    tell: Teller
    _states: dict[tuple[str, str], TaskStatus] = attrs.field(factory=dict[tuple[str, str], TaskStatus], init=False)
    """By endpoint and task id."""
    _ended: deque[tuple[str, str]] = attrs.field(factory=deque[tuple[str, str]], init=False)

    def made(self, handle: TaskHandle[Any]) -> None:
        """A task was made, as its create was told to have ended; it may be further already."""
        if self.tell and handle.id is not None:
            self._change(handle.endpoint, handle.id, TaskStatus.SUBMITTED)
            self.changed(handle)

    def changed(self, handle: TaskHandle[Any]) -> None:
        """A handle shows another state than it did."""
        task = handle.latest
        if not self.tell or task is None:
            return
        before = self._change(handle.endpoint, task.id, task.status)
        if before is None:
            return
        took = None
        if task.status.final and task.created_ms is not None and task.updated_ms is not None:
            took = (task.updated_ms - task.created_ms) / 1000
        self.tell(
            TaskChanged(
                **_about(handle),
                before=before,
                status=task.status,
                age=None if handle.born is None else asyncio.get_running_loop().time() - handle.born,
                took=took,
                units=task.units,
            )
        )

    def gone(self, handle: TaskHandle[Any]) -> None:
        """A task that has not ended is not expected to be seen again."""
        if self.tell:
            self._states.pop((handle.endpoint, handle.id or ""), None)
            self.tell(TaskGone(**_about(handle), before=handle.status))

    def awaited(self, handle: TaskHandle[Any]) -> None:
        """Somebody is about to wait for a handle, perhaps as one of several."""
        if self.tell and not handle.awaited:
            self.tell(WaitStarted(**_about(handle)))

    def failed(self, handle: TaskHandle[Any], error: Exception) -> None:
        """The waiting for a handle is about to end in an error."""
        if self.tell and handle.awaited:
            self.tell(WaitFailed(**_about(handle), error=error))

    def left(self, handle: TaskHandle[Any]) -> None:
        """Nobody waits for a handle any more."""
        if self.tell:
            self.tell(WaitEnded(**_about(handle), status=handle.status))

    def _change(self, endpoint: str, task_id: str, status: TaskStatus) -> TaskStatus | None:
        """The state before, `UNKNOWN` at the first look; None where this is no news."""
        key = endpoint, task_id
        before = self._states.get(key, TaskStatus.UNKNOWN)
        late = before is not TaskStatus.UNKNOWN and status is TaskStatus.SUBMITTED
        if status is before or before.final or late:
            return None
        self._states[key] = status
        if status.final:
            self._ended.append(key)
            if len(self._ended) > _ENDED:
                self._states.pop(self._ended.popleft(), None)
        return before


def _about(handle: TaskHandle[Any]) -> dict[str, Any]:
    return {
        "endpoint": handle.endpoint,
        "pool": ROWS[handle.endpoint].pool,
        "model": (handle.kind[0] or None) if handle.kind else None,
        "task_id": handle.id,
        "external_task_id": handle.external_task_id,
    }
