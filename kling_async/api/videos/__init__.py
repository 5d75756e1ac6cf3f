"""Videos: every endpoint that makes one, by theme."""

from __future__ import annotations

from .editing import Editing, Selection
from .effects import Effects
from .generation import Generation
from .omni import Omni
from .references import References
from .speaking import Speaking

__all__ = ["Selection", "Videos"]


class Videos(Generation, Omni, References, Editing, Speaking, Effects):
    """Everything that makes videos."""
