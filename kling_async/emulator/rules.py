"""
What the conditions between fields are made of; their tables lie in ``rules_images``, ``_videos`` and ``_general``.

A ``Rule`` is about the body alone, a ``StateCheck`` about what the server knows as well. Bodies come here pruned (empty
values are gone), with those documented defaults filled in that decide something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .world import World

Body = Mapping[str, Any]

StateCheck = Callable[[Body, World], str | None]
"""The message for a body that the state does not allow, else None."""


@attrs.frozen
class Rule:
    """One condition: the body breaks it when ``broken`` says so, and is told ``message`` with code 1201."""

    broken: Callable[[Body], bool]
    message: str | Callable[[Body], str]

    def text(self, body: Body) -> str:
        """The message for this body."""
        return self.message if isinstance(self.message, str) else self.message(body)
