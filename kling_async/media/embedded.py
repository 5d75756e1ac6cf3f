"""Local files and bytes that stand in a body where their Base64 text will be."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import attrs

from ..errors import InvalidRequest


@attrs.frozen
class Embedded:
    """A file that becomes Base64 text inside a JSON body when the request is sent, not before."""

    source: bytes | Path = attrs.field(
        repr=lambda source: f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
    )

    def text(self) -> str:
        """The Base64 text. Reads the file; call it off the loop. `InvalidRequest` if it has gone since."""
        if isinstance(self.source, bytes):
            return base64.b64encode(self.source).decode("ascii")
        try:
            return base64.b64encode(self.source.read_bytes()).decode("ascii")
        except OSError as error:
            trouble = error.strerror or type(error).__name__
        raise InvalidRequest("file", f"could be read before, and cannot any more ({trouble})", self.source)


def embeds(body: object) -> bool:
    """Whether any local file waits in a body."""
    if isinstance(body, Mapping):
        return any(embeds(value) for value in cast("Mapping[str, object]", body).values())
    if isinstance(body, list):
        return any(embeds(value) for value in cast("list[object]", body))
    return isinstance(body, Embedded)


def filled(body: object) -> object:
    """The body with every local file replaced by its text. Reads files; call it off the loop."""
    if isinstance(body, Mapping):
        return {name: filled(value) for name, value in cast("Mapping[str, object]", body).items()}
    if isinstance(body, list):
        return [filled(value) for value in cast("list[object]", body)]
    return body.text() if isinstance(body, Embedded) else body
