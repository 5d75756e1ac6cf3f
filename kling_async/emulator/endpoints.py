"""What the emulator serves as tasks: the rows of all tables, joined. Adding an endpoint means adding a row to one."""

from __future__ import annotations

from typing import Final

from .documents import Name
from .endpoint import Endpoint
from .rows_general import GENERAL
from .rows_images import IMAGES
from .rows_videos import VIDEOS

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*IMAGES, *VIDEOS, *GENERAL)

TASK_PATHS: Final[tuple[tuple[Name, str], ...]] = tuple(
    (endpoint.document, endpoint.path + tail) for endpoint in ENDPOINTS for tail in ("", "/{id}")
)
"""Every path of a task endpoint, and the document that describes it."""
