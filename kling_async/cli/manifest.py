"""Prompts as requests, for the demo: few of them, so that all may be in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs

from ..api import ROWS
from ..batch.inputs import Inputs
from ..batch.manifest import spool
from ..batch.queries import Planned
from ..batch.rows import Vet
from ..protocol.endpoint import TaskSpec


@attrs.frozen(kw_only=True)
class Line:
    """One task to make."""

    custom_id: str
    name: str
    """The stem of its files."""
    row: TaskSpec[..., Any, Any]
    request: Any
    body: Mapping[str, Any] = attrs.field(repr=False)
    """For showing."""


def packaged() -> str:
    """The prompts that come with the package."""
    return (files("kling_async.cli") / "prompts.jsonl").read_text(encoding="utf-8")


async def read(path: Path | None, folder: Path, vet: Vet) -> tuple[Line, ...]:
    """
    The prompts of a manifest, or the packaged ones. Raises `InvalidRequest` with all lines that are wrong.

    The *folder* holds what the requests need: pictures that were given as Base64 text.
    """
    inputs = Inputs(folder)

    def line(row: Planned) -> Line:
        return Line(
            custom_id=row.custom_id,
            name=row.name,
            row=ROWS[row.endpoint],
            request=inputs.request_of(row),
            body=json.loads(row.body_json),
        )

    source = packaged().splitlines() if path is None else path
    async with spool(source, inputs=inputs, vet=vet) as rows:
        return await asyncio.to_thread(lambda: tuple(map(line, rows.rows())))
