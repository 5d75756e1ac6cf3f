"""What Kling offers: request classes and rows, one file per theme, no logic. `ROWS` and `CALLS` list all by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from ..protocol.direct import DirectEndpoint
from ..protocol.endpoint import Resource, TaskEndpoint
from .about import FieldInfo, info
from .account import Account, BalanceFilter, ListBalance, ListCosts, ListPackages, PackageFilter
from .audio import Sounds, TextToAudio, TextToSpeech, VideoToAudio
from .elements import (
    CreateElement,
    CreateFirstElement,
    DeleteElement,
    ElementClip,
    ElementClips,
    ElementImages,
    Elements,
    ElementTagRef,
    ElementView,
    FirstGeneration,
    ListFirstElements,
    ListPresetElements,
    ListPresetFirstElements,
)
from .images import Images
from .images.generation import GenerateImage
from .images.omni import OmniImage, OmniImageReference
from .images.references import ExpandImage, GenerateMultiShot, RecognizeImage, ReferenceToImage, SubjectImage, TryOn
from .shared import ElementRef, PageRequest, Request, TaskRequest, VoiceRef, WatermarkInfo
from .storyboard import ShotPrompt
from .videos import Selection, Videos
from .videos.editing import (
    AddPoints,
    ClearSelection,
    DeletePoints,
    ExtendVideo,
    InitSelection,
    MultiElements,
    PreviewSelection,
    RelativePoint,
)
from .videos.effects import EffectInput, MakeEffect
from .videos.generation import CameraConfig, CameraControl, DynamicMask, ImageToVideo, Point, TextToVideo
from .videos.omni import OmniVideo, OmniVideoClip, OmniVideoImage
from .videos.references import MotionControl, ReferenceImage, ReferenceToVideo
from .videos.speaking import AdvancedLipSync, Avatar, FaceChoice, IdentifyFace, LipSync, LipSyncInput
from .voices import CreateVoice, DeleteVoice, ListPresetVoices, Voices

__all__ = [
    "CALLS",
    "RESOURCES",
    "ROWS",
    "Account",
    "AddPoints",
    "AdvancedLipSync",
    "Avatar",
    "BalanceFilter",
    "CameraConfig",
    "CameraControl",
    "ClearSelection",
    "CreateElement",
    "CreateFirstElement",
    "CreateVoice",
    "DeleteElement",
    "DeletePoints",
    "DeleteVoice",
    "DirectRow",
    "DynamicMask",
    "EffectInput",
    "ElementClip",
    "ElementClips",
    "ElementImages",
    "ElementRef",
    "ElementTagRef",
    "ElementView",
    "Elements",
    "ExpandImage",
    "ExtendVideo",
    "FaceChoice",
    "FieldInfo",
    "FirstGeneration",
    "GenerateImage",
    "GenerateMultiShot",
    "IdentifyFace",
    "ImageToVideo",
    "Images",
    "InitSelection",
    "LipSync",
    "LipSyncInput",
    "ListBalance",
    "ListCosts",
    "ListFirstElements",
    "ListPackages",
    "ListPresetElements",
    "ListPresetFirstElements",
    "ListPresetVoices",
    "MakeEffect",
    "MotionControl",
    "MultiElements",
    "OmniImage",
    "OmniImageReference",
    "OmniVideo",
    "OmniVideoClip",
    "OmniVideoImage",
    "PackageFilter",
    "PageRequest",
    "Point",
    "PreviewSelection",
    "RecognizeImage",
    "ReferenceImage",
    "ReferenceToImage",
    "ReferenceToVideo",
    "RelativePoint",
    "Request",
    "Selection",
    "ShotPrompt",
    "Sounds",
    "SubjectImage",
    "TaskRequest",
    "TaskRow",
    "TextToAudio",
    "TextToSpeech",
    "TextToVideo",
    "TryOn",
    "VideoToAudio",
    "Videos",
    "VoiceRef",
    "Voices",
    "WatermarkInfo",
    "info",
    "rows",
]

TaskRow: TypeAlias = TaskEndpoint[..., Any, Any]
DirectRow: TypeAlias = DirectEndpoint[..., Any, Any]

RESOURCES: Final[tuple[type[Resource], ...]] = (
    Images,
    Videos,
    Selection,
    Sounds,
    Voices,
    Elements,
    FirstGeneration,
    Account,
)
"""The groups of endpoints, as reached from the client by their `name`."""


def rows(resource: type[Resource]) -> Iterator[TaskRow | DirectRow]:
    """The rows that stand on a resource class, in the order written."""
    for part in resource.__mro__:
        for value in vars(part).values():
            if isinstance(value, TaskEndpoint | DirectEndpoint):
                yield cast("TaskRow | DirectRow", value)


_ALL: Final = tuple(row for resource in RESOURCES for row in rows(resource))

ROWS: Final[Mapping[str, TaskRow]] = {row.name: row for row in _ALL if isinstance(row, TaskEndpoint)}
"""Every endpoint that makes tasks, by name."""

CALLS: Final[Mapping[str, DirectRow]] = {row.name: row for row in _ALL if isinstance(row, DirectEndpoint)}
"""Every call that is answered at once, by name."""
