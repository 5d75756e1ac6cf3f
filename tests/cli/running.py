"""What the command line's tests share besides fixtures: what a run left behind, and how to start one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from kling_async.emulator import ACCESS_KEY, SECRET_KEY, Emulator

# A background job of a plain shell starts with Ctrl-C ignored, and so would everything it starts in turn.
ENTRY = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from kling_async.cli import main; sys.exit(main())"
)


@attrs.frozen
class Ran:
    """What one run left behind."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The lines of stdout as JSON objects."""
        return [cast("dict[str, Any]", json.loads(line)) for line in self.out.splitlines()]

    @property
    def words(self) -> str:
        """What stderr says, without frames and line breaks."""
        return " ".join(self.err.replace("│", " ").split())


Run: TypeAlias = Callable[..., Awaitable[Ran]]


def environment(emulator: Emulator) -> Mapping[str, str]:
    """What a user would export."""
    return {"KLING_BASE_URL": emulator.url, "KLING_ACCESS_KEY": ACCESS_KEY, "KLING_SECRET_KEY": SECRET_KEY}
