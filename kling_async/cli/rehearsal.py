"""What would be sent, and what it would cost, without sending it: `--dry-run`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

from ..api import DirectRow, TaskRow
from ..media.inputs import Embedded
from ..protocol.codec import dump
from ..protocol.endpoint import TaskEndpoint
from .filled import filled
from .present import units
from .shell import Shell
from .typed import values

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{256,}={0,2}")
"""What is too long for a word, and takes a screen without telling anything."""


def asked(row: TaskRow | DirectRow, given: Mapping[str, object]) -> Any:
    """The request of what was typed. Raises `InvalidRequest`."""
    typed = values(cast("type", row.request), given)
    return row.request(**filled(row.name, typed))


def rehearse(shell: Shell, row: TaskRow | DirectRow, request: Any) -> None:
    """Print the call as JSON and the estimated units. Of an id that is made for each task, nothing is said."""
    method = "POST" if isinstance(row, TaskEndpoint) else row.method
    estimate = cast("Decimal | None", request.estimate())
    told: dict[str, object] = {
        "endpoint": row.name,
        "method": method,
        "path": row.path,
        "query" if method == "GET" else "body": _plain(dump(request)),
        "estimated_units": None if estimate is None else f"{estimate:f}",
    }
    if shell.json:
        shell.object(told)
        return
    shell.line(json.dumps(told, indent=2, ensure_ascii=False))
    shell.note(f"Nothing was sent. {_cost(estimate)}", style="bold")


def _cost(estimate: Decimal | None) -> str:
    if estimate is None:
        return "What it would cost cannot be told from the request."
    return f"It would cost {units(estimate)}." if estimate else "It would be free."


def _plain(value: object) -> object:
    """A body as it can be printed, with the names of files in place of their Base64 text."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in cast("dict[str, object]", value).items()}
        case list() | tuple():
            return [_plain(each) for each in cast("list[object]", value)]
        case Embedded(source=Path() as path):
            return f"<Base64 of {path}>"
        case str() if _BASE64.fullmatch(value):
            return f"<Base64 of {len(value):,} characters>"
        case _:
            return value
