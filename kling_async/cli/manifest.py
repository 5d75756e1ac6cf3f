"""Lines of prompts as requests. Every line is checked before the first one is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import attrs

from ..errors import InvalidRequest
from ..media.naming import stem
from ..protocol.endpoint import TaskSpec
from .endpoints import known

_KEYS = frozenset({"custom_id", "endpoint", "body"})


@attrs.frozen(kw_only=True)
class Line:
    """One task to make."""

    custom_id: str
    row: TaskSpec[..., Any, Any]
    request: Any
    body: Mapping[str, Any] = attrs.field(repr=False)
    """As written, for showing."""

    @property
    def weight(self) -> int:
        """The slots the task will hold."""
        return self.row.weight(self.request)


def packaged() -> str:
    """The prompts that come with the package."""
    return (files("kling_async.cli") / "prompts.jsonl").read_text(encoding="utf-8")


def read(path: Path | None) -> tuple[Line, ...]:
    """The lines of a file, or of the packaged one. Raises `InvalidRequest` naming the line."""
    if path is None:
        return parse(packaged().splitlines())
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        trouble = getattr(error, "strerror", None) or "it is not UTF-8 text"
    else:
        return parse(text.splitlines())
    raise InvalidRequest("prompts", f"must be a file that can be read ({trouble})", str(path))


def parse(texts: Iterable[str]) -> tuple[Line, ...]:
    """The lines of JSON texts; empty ones are passed over. Raises `InvalidRequest` naming the line."""
    lines = [_line(f"line {number}", text) for number, text in enumerate(texts, 1) if text.strip()]
    taken = set[str]()
    for line in lines:
        if line.custom_id in taken:
            raise InvalidRequest("custom_id", "must be unique, files are named by it", line.custom_id)
        taken.add(line.custom_id)
    if not lines:
        raise InvalidRequest("prompts", "must hold at least one line")
    return tuple(lines)


def _line(where: str, text: str) -> Line:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(where, f"must be JSON ({error})", text) from None
    match given:
        case {"custom_id": str(custom_id), "endpoint": str(endpoint), "body": {**fields}} if given.keys() == _KEYS:
            body = cast("dict[str, Any]", fields)
        case _:
            raise InvalidRequest(where, 'must be {"custom_id": "...", "endpoint": "...", "body": {...}}', text)
    row = known(f"{where}.endpoint", endpoint)
    try:
        stem(custom_id)
        request = row.request(**body)
    except InvalidRequest as error:
        trouble = error
    else:
        return Line(custom_id=custom_id, row=row, request=request, body=body)
    raise InvalidRequest(f"{where}.{trouble.field}", trouble.rule or "is not valid", trouble.value)
