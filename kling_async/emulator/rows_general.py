"""The task endpoints that make voices, elements and sounds."""

from __future__ import annotations

from typing import Final

from .endpoint import Endpoint

GENERAL: Final[tuple[Endpoint, ...]] = ()
