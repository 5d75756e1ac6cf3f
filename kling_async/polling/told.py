"""In which state each task was last told of, so that a change is told once, however many handles see it. Pure.

Kept only while somebody listens. Of tasks that have ended the latest are remembered, and of the others all, since they
may be seen to end at any time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from ..models import TaskStatus

_ENDED: Final = 4096


@attrs.define(eq=False)
class Told:
    """The states by endpoint and task id."""

    _states: dict[tuple[str, str], TaskStatus] = attrs.field(factory=dict[tuple[str, str], TaskStatus], init=False)
    _ended: deque[tuple[str, str]] = attrs.field(factory=deque[tuple[str, str]], init=False)

    def change(self, endpoint: str, task_id: str, status: TaskStatus) -> TaskStatus | None:
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

    def forget(self, endpoint: str, task_id: str | None) -> None:
        """Nothing is known of a task any more."""
        self._states.pop((endpoint, task_id or ""), None)
