"""Manifests for tests, and the way of a row through them: checked, kept, read again, made a request."""

from __future__ import annotations

import base64
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from kling_async import ManifestError, RowError
from kling_async.batch.inputs import Inputs
from kling_async.batch.manifest import spool
from kling_async.batch.queries import Planned
from kling_async.media.inputs import Embedded
from kling_async.protocol.codec import dump


def accept(_row: object, _request: object) -> None:
    """Let every request pass."""


def line(custom_id: object = "fox", **body: object) -> str:
    """A line for one picture."""
    return json.dumps({"custom_id": custom_id, "url": "/v1/images/generations", "body": {"prompt": "A fox", **body}})


def picture(seed: int = 0, *, size: int = 200) -> bytes:
    """A PNG as far as its header goes, of some bytes; each seed another one."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 320, 320, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return start + seed.to_bytes(4) + bytes(size - len(start) - 4)


def inputs(tmp_path: Path) -> Inputs:
    """Those of a journal in a directory."""
    return Inputs.of(tmp_path / "jobs.db")


async def rows_of(source: Any, tmp_path: Path, **options: Any) -> list[Planned]:
    """The rows of a manifest, as the journal gets them."""
    options.setdefault("vet", accept)
    async with spool(source, inputs=inputs(tmp_path), **options) as spooled:
        rows = list(spooled.rows())
        assert spooled.count == len(rows)
    return rows


async def refused(source: Any, tmp_path: Path, **options: Any) -> tuple[RowError, ...]:
    """What is wrong with a manifest, of which nothing stays."""
    with pytest.raises(ManifestError) as caught:
        await rows_of(source, tmp_path, **options)
    folder = inputs(tmp_path).folder
    assert not folder.exists() or not os.listdir(folder)  # noqa: PTH208 - a set of names is all that is asked for
    return caught.value.errors


def written(tmp_path: Path, *lines: str, name: str = "prompts.jsonl") -> Path:
    """A file of lines."""
    path = tmp_path / name
    path.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    return path


def sent(request: object) -> dict[str, Any]:
    """The body of a request as it leaves: files as Base64 text."""
    return {name: _encoded(name, each) for name, each in dump(request).items()}


def _encoded(field: str, value: Any) -> Any:
    if isinstance(value, Embedded):
        return base64.b64encode(b"".join(bytes(block) for block in value.blocks(field))).decode()
    match value:
        case {**parts}:
            return {name: _encoded(str(name), each) for name, each in parts.items()}
        case [*items]:
            return [_encoded(field, each) for each in items]
        case _:
            return value
