"""A manifest is checked row by row, and taken as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kling_async.api import ROWS
from kling_async.batch.inputs import Inputs
from kling_async.batch.manifest import spool
from kling_async.batch.queries import Planned

LINE = '{"custom_id": "%s", "url": "/v1/images/generations", "body": {"prompt": "A fox"}}\n'


def accept(_row: object, _request: object) -> None:
    """Let every request pass."""


async def rows_of(source: Any, tmp_path: Path, **options: Any) -> list[Planned]:
    """The rows of a manifest, by the way a batch takes."""
    options.setdefault("vet", accept)
    with await spool(source, inputs=Inputs.of(tmp_path / "jobs.db"), **options) as spooled:
        return list(spooled.rows())


async def test_a_line_of_openai_form_is_a_task(tmp_path: Path) -> None:
    """Custom id, path of the endpoint and body are all that a line needs."""
    manifest = tmp_path / "prompts.jsonl"
    manifest.write_text(LINE % "fox")

    (row,) = await rows_of(manifest, tmp_path)

    assert ("fox", "images.generate", "fox", "line 1") == (row.custom_id, row.endpoint, row.name, row.where)
    assert ROWS["images.generate"].pool == row.pool
    assert '{"prompt":"A fox"}' == row.body_json
