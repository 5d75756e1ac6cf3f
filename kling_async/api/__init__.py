"""What Kling offers: request classes and rows, one file per resource, no logic. `ROWS` lists every row by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from ..protocol.endpoint import Resource, TaskEndpoint
from .fields import ElementRef, FieldInfo, TaskRequest, VoiceRef, WatermarkInfo, info
from .images import GenerateImage, GenerateMultiShot, Images
from .videos import CameraConfig, CameraControl, DynamicMask, ImageToVideo, Point, ShotPrompt, TextToVideo, Videos

__all__ = [
    "RESOURCES",
    "ROWS",
    "CameraConfig",
    "CameraControl",
    "DynamicMask",
    "ElementRef",
    "FieldInfo",
    "GenerateImage",
    "GenerateMultiShot",
    "ImageToVideo",
    "Images",
    "Point",
    "ShotPrompt",
    "TaskRequest",
    "TextToVideo",
    "Videos",
    "VoiceRef",
    "WatermarkInfo",
    "info",
    "rows",
]

RESOURCES: Final[tuple[type[Resource], ...]] = (Images, Videos)
"""The groups of endpoints, as attributes of the client."""


def rows(resource: type[Resource]) -> Iterator[TaskEndpoint[..., Any, Any]]:
    """The rows that stand on a resource class, in the order written."""
    for value in vars(resource).values():
        if isinstance(value, TaskEndpoint):
            yield cast("TaskEndpoint[..., Any, Any]", value)


ROWS: Final[Mapping[str, TaskEndpoint[..., Any, Any]]] = {
    row.name: row for resource in RESOURCES for row in rows(resource)
}
"""Every endpoint that makes tasks, by name."""
