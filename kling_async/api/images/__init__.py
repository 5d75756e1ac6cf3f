"""Pictures: every endpoint that makes one, by theme."""

from __future__ import annotations

from .generation import Generation
from .omni import Omni
from .references import References

__all__ = ["Images"]


class Images(Generation, Omni, References):
    """Everything that makes pictures."""
