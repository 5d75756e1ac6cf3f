"""Which model can do what, as the vendor's capability maps say. Data only; a model not listed here may do anything.

State of spring 2026 with the dated additions, from the video map in `video-audio-general.md` section 4 and the image
map in `image-account.md` section 8 of the API documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

_BOTH: Final = frozenset({"std", "pro"})
_ALL: Final = frozenset({"std", "pro", "4k"})
_PRO: Final = frozenset({"pro"})
_NONE: Final = frozenset[str]()


class VideoModel(NamedTuple):
    """A video model. A set of modes says in which of them a feature exists."""

    text: frozenset[str] = _BOTH
    """Text to video."""
    image: frozenset[str] = _BOTH
    """Image to video."""
    mode_field: bool = True
    """Whether text to video takes `mode`."""
    seconds: tuple[int, ...] = (5, 10)
    both_frames: frozenset[str] = _NONE
    """First and last frame together."""
    last_frame: frozenset[str] = _NONE
    """A last frame alone."""
    frames_silent: bool = False
    """Whether both frames exclude sound."""
    frames_seconds: tuple[int, ...] | None = None
    """Lengths to which both frames are limited."""
    camera_text: frozenset[str] = _NONE
    """Camera control in text to video, 5 s."""
    camera_image: frozenset[str] = _NONE
    """Camera control in image to video, 5 s, `simple` only."""
    brush: frozenset[str] = _NONE
    """Motion brush, 5 s."""
    sound: frozenset[str] = _NONE
    voices: frozenset[str] = _NONE
    """Voices in image to video."""
    multi_shot: bool = False
    elements: bool = False
    cfg_scale: bool = False


VIDEO_MODELS: Final[Mapping[str, VideoModel]] = {
    "kling-v1": VideoModel(
        both_frames=_BOTH, frames_seconds=(5,), camera_text=frozenset({"std"}), brush=_BOTH, cfg_scale=True
    ),
    "kling-v1-5": VideoModel(
        text=_NONE, both_frames=_PRO, last_frame=_PRO, camera_image=_PRO, brush=_PRO, cfg_scale=True
    ),
    "kling-v1-6": VideoModel(both_frames=_PRO, last_frame=_PRO, cfg_scale=True),
    "kling-v2-master": VideoModel(mode_field=False),
    "kling-v2-1": VideoModel(text=_NONE, both_frames=_PRO),
    "kling-v2-1-master": VideoModel(mode_field=False),
    "kling-v2-5-turbo": VideoModel(both_frames=_PRO),
    "kling-v2-6": VideoModel(both_frames=_PRO, frames_silent=True, sound=_PRO, voices=_PRO),
    "kling-v3": VideoModel(
        text=_ALL,
        image=_ALL,
        seconds=tuple(range(3, 16)),
        both_frames=_ALL,
        sound=_ALL,
        voices=_ALL,  # one table allows them, the maps do not; passed through
        multi_shot=True,
        elements=True,
    ),
}


class ImageModel(NamedTuple):
    """A model of `images.generate`."""

    text: bool = True
    """Text to image."""
    wide_from_text: bool = True
    """21:9 in text to image."""
    resolutions: tuple[str, ...] = ("1k",)
    resolutions_with_image: tuple[str, ...] = ("1k", "2k")
    """Those that may be asked for beside an image."""
    image_fidelity: bool = False
    human_fidelity: bool = False
    image_reference: bool = False
    needs_reference: bool = False
    """Whether a picture must come with `image_reference`."""
    elements: bool = False


# The maps of spring and of September 2026 disagree on which models take the reference and fidelity fields: both pass.
IMAGE_MODELS: Final[Mapping[str, ImageModel]] = {
    "kling-v1": ImageModel(image_fidelity=True, wide_from_text=False),
    "kling-v1-5": ImageModel(image_fidelity=True, human_fidelity=True, image_reference=True, needs_reference=True),
    "kling-v2": ImageModel(resolutions=("1k", "2k"), resolutions_with_image=("1k",)),  # the size follows the image
    "kling-v2-new": ImageModel(text=False),
    "kling-v2-1": ImageModel(resolutions=("1k", "2k"), image_fidelity=True, human_fidelity=True, image_reference=True),
    "kling-v3": ImageModel(resolutions=("1k", "2k"), elements=True),
}


class OmniVideoModel(NamedTuple):
    """A model of `videos.omni`."""

    seconds: tuple[int, ...]
    modes: frozenset[str]
    sound: bool = False
    multi_shot: bool = False
    long_or_short: bool = False
    """Whether words alone, or with a first frame, give 5 or 10 seconds only."""
    elements_with_frames: int = 3
    """Elements that may be shown beside a first frame."""
    elements_with_both_frames: int = 3


OMNI_VIDEO_MODELS: Final[Mapping[str, OmniVideoModel]] = {
    "kling-video-o1": OmniVideoModel(
        seconds=tuple(range(3, 11)), modes=_BOTH, long_or_short=True, elements_with_both_frames=0
    ),
    "kling-v3-omni": OmniVideoModel(seconds=tuple(range(3, 16)), modes=_ALL, sound=True, multi_shot=True),
}

MOTION_MODELS: Final[Mapping[str, bool]] = {"kling-v2-6": False, "kling-v3": True}
"""Models of `videos.motion_control`, and whether they take an element."""

REFERENCE_VIDEO_MODELS: Final = ("kling-v1-6",)
"""Models of `videos.reference_to_video` and `videos.multi_elements`."""

DUET_MODELS: Final = ("kling-v1", "kling-v1-5", "kling-v1-6")
"""Models that the old effects for two pictures may name."""

DUET_SCENES: Final[Mapping[str, tuple[str, ...]]] = {
    "hug": DUET_MODELS,
    "kiss": DUET_MODELS,
    "heart_gesture": DUET_MODELS,
    "fight": ("kling-v1-6",),
}
"""The old effects for two pictures, which take a model and a mode; hug, kiss and fight were retired 2026-01-30."""


class OmniImageModel(NamedTuple):
    """A model of `images.omni`."""

    resolutions: tuple[str, ...]
    series: bool = False


OMNI_IMAGE_MODELS: Final[Mapping[str, OmniImageModel]] = {
    "kling-image-o1": OmniImageModel(resolutions=("1k", "2k")),
    "kling-v3-omni": OmniImageModel(resolutions=("1k", "2k", "4k"), series=True),
}

REFERENCE_IMAGE_MODELS: Final = ("kling-v2", "kling-v2-1")
"""Models of `images.reference_to_image`."""

TRY_ON_MODELS: Final = ("kolors-virtual-try-on-v1", "kolors-virtual-try-on-v1-5")
"""Models of `images.try_on`; since 2026-09-15 both run on the same."""
