"""What became of the lines of a run. Values only."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from ..handle import TaskRef
from ..models import Task
from .failures import Failure
from .manifest import Line
from .present import as_json


@attrs.frozen(kw_only=True)
class Ended:
    """What became of one line: a task with its files, or the failure that is shown in their place."""

    line: Line
    ref: TaskRef | None = None
    task: Task[Any] | None = None
    files: tuple[Path, ...] = ()
    failure: Failure | None = None

    def to_json(self) -> dict[str, object]:
        """The object that `--json` prints."""
        about: dict[str, object] = {"custom_id": self.line.custom_id, "endpoint": self.line.row.name}
        if self.ref is not None:
            about |= as_json(self.ref, self.task, self.files)
        if self.failure is not None:
            about |= self.failure.to_json(self.ref)
        return about


def units_by_pool(ended: Iterable[Ended]) -> dict[str, Decimal]:
    """Units charged, for each pool that was used."""
    spent: dict[str, Decimal] = {}
    for each in ended:
        if each.task is not None and each.task.units is not None:
            spent[each.line.row.pool] = spent.get(each.line.row.pool, Decimal(0)) + each.task.units
    return spent
