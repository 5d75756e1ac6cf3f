"""What a process is told to do, as values that go through a pipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import attrs
import cattrs

from kling_async import Limits

NAME = "crash"
LIMITS = Limits(image=3, video=1)
"""So few that tasks come one after the other, each with commits of its own."""


@attrs.frozen(kw_only=True)
class Order:
    """One run of one process over the batch in a folder."""

    folder: str
    url: str
    point: str = ""
    """Where the process kills itself; nowhere if empty."""
    hit: int = 1
    """How often it gets there before it does."""
    steps: tuple[tuple[str, ...], ...] = (("add",), ("run",))
    """Calls of a batch: add (all manifests of the folder), run, resolve (custom_id, how), retry, hold."""
    settle: float = 1.0
    on_unknown: Literal["resend", "hold"] = "resend"
    clock: float = 0.0
    """Seconds by which the wall's clock is wrong."""
    timeout: float = 2.0
    room: int | None = None
    """Bytes for which there is still room on the disk once all is planned; no limit if None."""

    at_rest: bool = False
    """Whether all slots must be free in the end."""

    @property
    def journal(self) -> Path:
        """The file that survives."""
        return Path(self.folder, "batch.db")

    @property
    def output(self) -> Path:
        """Where results go."""
        return Path(self.folder, "out")

    @property
    def manifests(self) -> list[Path]:
        """In the order of their names."""
        return sorted(Path(self.folder, "manifests").glob("*.jsonl"))

    @property
    def log(self) -> Path:
        """What the processes said, one after the other."""
        return Path(self.folder, "log.txt")

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def of_line(cls, line: str) -> Order:
        """What `to_line` made."""
        return cattrs.structure(json.loads(line), cls)
