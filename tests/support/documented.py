"""Answers of the emulator against the vendor's documents, and the masks in them, decoded by the documents' words."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from PIL import Image

from kling_async.emulator.documents import Name, document


def problems(answer: Any, schema: str, name: Name = "video-audio-general") -> list[str]:
    """What a whole answer has that its schema does not allow."""
    validator: Any = Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": document(name)["components"]}
    )
    return [error.message for error in validator.iter_errors(answer)]


def unrolled(mask: Mapping[str, Any]) -> bytes:
    """
    The pixels of a run-length mask in rows, 255 where the thing is.

    Each character minus 48 is five bits and a sixth that says there are more; from the fourth run on a value is the
    difference to the run two places before; runs go down the columns and begin with background.
    """
    height, width = mask["size"]
    runs: list[int] = []
    value = bits = 0
    for character in mask["counts"]:
        five = ord(character) - 48
        value |= (five & 0x1F) << bits
        bits += 5
        if five & 0x20:
            continue
        if five & 0x10:
            value -= 1 << bits
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = bits = 0
    columns = b"".join((b"\xff" if place % 2 else b"\0") * run for place, run in enumerate(runs))
    assert len(columns) == width * height
    return b"".join(columns[row::height] for row in range(height))


def painted(mask: Mapping[str, Any]) -> bytes:
    """The pixels of a PNG mask in rows."""
    with Image.open(io.BytesIO(base64.b64decode(mask["base64"], validate=True))) as picture:
        height, width = mask["size"]
        assert (width, height) == picture.size
        return picture.convert("L").tobytes()
