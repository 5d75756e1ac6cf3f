"""What calls cost, in units of the pack family they draw on. Data, dated; a price that nobody published is not here.

From the price lists in `image-account.md` section 13 of the API documents: official pages of September 2026, and third
parties of 2025/26 where those have no row. One unit is about $0.0035 for images, $0.14 for videos, $0.07 for try-on, at
list. Failed tasks are not charged. Video effects have a list of their own, which is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple

ANY: Final = ""
"""Stands for the mode where the price does not depend on one."""


class Tariff(NamedTuple):
    """A row of the price list."""

    units: Mapping[str, Decimal]
    """By mode, or under `ANY`."""
    per: Literal["second", "image", "call", "5 seconds"]
    as_of: str
    official: bool


_PAGES, _OTHERS = "2026-09", "2025/26"


def _page(per: Literal["second", "image", "call", "5 seconds"], **units: str) -> Tariff:
    return _tariff(per, units, _PAGES, official=True)


def _other(per: Literal["second", "image", "call", "5 seconds"], **units: str) -> Tariff:
    return _tariff(per, units, _OTHERS, official=False)


def _tariff(
    per: Literal["second", "image", "call", "5 seconds"], units: Mapping[str, str], as_of: str, *, official: bool
) -> Tariff:
    modes = {"any": ANY, "uhd": "4k"}  # what cannot be an argument's name
    return Tariff({modes.get(mode, mode): Decimal(text) for mode, text in units.items()}, per, as_of, official)


TARIFFS: Final[Mapping[str, Tariff]] = {
    "kling-v3 generations 1k/2k": _page("image", any="8"),
    "kling-v3-omni 1k/2k": _page("image", any="8"),
    "kling-v3-omni 4k": _page("image", any="16"),
    "kling-image-o1": _page("image", any="8"),
    "kling-v2-1 text-to-image": _page("image", any="4"),
    "kling-v2-1 image-to-image": _page("image", any="8"),
    "kling-v2-1 multi-image2image": _page("image", any="16"),
    "expand": _page("image", any="8"),
    "ai-multi-shot": _page("call", any="20"),
    "kling-v2-new image-to-image": _other("image", any="8"),
    "kling-v2 text-to-image": _other("image", any="4"),
    "kling-v2 image-to-image": _other("image", any="8"),
    "kling-v2 multi-image2image": _other("image", any="16"),
    "kling-v1-5 text-to-image": _other("image", any="4"),
    "kling-v1-5 image-to-image": _other("image", any="8"),
    "kling-v1 any": _other("image", any="1"),
    "kolors-virtual-try-on": _other("image", any="1"),
    "kling-v3 silent": _page("second", std="0.6", pro="0.8", uhd="3.0"),
    "kling-v3 with audio": _page("second", std="0.9", pro="1.2", uhd="3.0"),
    "kling-v3 motion control": _page("second", std="0.9", pro="1.2"),
    "kling-v3-omni no video input, silent": _page("second", std="0.6", pro="0.8", uhd="3.0"),
    "kling-v3-omni no video input, audio": _page("second", std="0.8", pro="1.0", uhd="3.0"),
    "kling-v3-omni with video input": _page("second", std="0.9", pro="1.2", uhd="3.0"),
    "kling-video-o1 no video input": _page("second", std="0.6", pro="0.8"),
    "kling-video-o1 with video input": _page("second", std="0.9", pro="1.2"),
    "kling-v2-6 silent": _page("second", std="0.3", pro="0.5"),
    "kling-v2-6 audio": _page("second", pro="1.0"),
    "kling-v2-6 audio and voice control": _page("second", pro="1.2"),
    "kling-v2-6 motion control": _page("second", std="0.5", pro="0.8"),
    "kling-v2-5-turbo": _page("second", std="0.3", pro="0.5"),
    "avatar": _page("second", std="0.4", pro="0.8"),
    "kling-v2-1": _other("second", std="0.4", pro="0.7"),
    "kling-v2-1-master, kling-v2-master": _other("second", pro="2.0"),
    "kling-v1-6 (also multi-image2video)": _other("second", std="0.4", pro="0.7"),
    "kling-v1-6 multi-elements": _other("second", std="0.6", pro="1.0"),
    "kling-v1-5": _other("second", std="0.4", pro="0.7"),
    "kling-v1": _other("second", std="0.2", pro="0.7"),
    "video-extend": _other("call", std="2.0", pro="3.5"),
    "tts": _page("call", any="0.05"),
    "lip sync": _page("5 seconds", any="0.5"),
    "identify-face": _page("call", any="0.05"),
    "text-to-audio": _page("call", any="0.25"),
    "video-to-audio": _page("call", any="0.25"),
    "custom voice create": _page("call", any="0.05"),
    "image-recognize": _page("call", any="0.1"),
    "element create, element delete, voice delete, every query": _page("call", any="0"),
}
"""Every row of the documents' list that a call of this API has, under the documents' own words for it."""

FREE: Final = "element create, element delete, voice delete, every query"
MASTERS: Final = "kling-v2-1-master, kling-v2-master"


def units(tariff: str, *, mode: str = ANY, times: int = 1) -> Decimal | None:
    """Units for so many seconds, images or calls; None where the list has no such row or mode."""
    row = TARIFFS.get(tariff)
    each = row.units.get(mode) if row else None
    return None if each is None else each * times


_VIDEO: Final[Mapping[str, tuple[str, str, str]]] = {
    "kling-v3": ("kling-v3 silent", "kling-v3 with audio", "kling-v3 with audio"),
    "kling-v2-6": ("kling-v2-6 silent", "kling-v2-6 audio", "kling-v2-6 audio and voice control"),
    "kling-v2-master": (MASTERS, "", ""),
    "kling-v2-1-master": (MASTERS, "", ""),
    "kling-v1-6": ("kling-v1-6 (also multi-image2video)", "", ""),
    **{name: (name, "", "") for name in ("kling-v2-5-turbo", "kling-v2-1", "kling-v1-5", "kling-v1")},
}
"""Rows of a model's videos: silent, with sound, with sound and voices."""


def video_tariff(model: str | None, *, sound: bool, voices: bool) -> str:
    """The row for a video made from words or a picture; empty where there is none."""
    silent, heard, spoken = _VIDEO.get(model or "", ("", "", ""))
    return (spoken if voices else heard) if sound else silent


_IMAGE: Final[Mapping[str, tuple[str, str]]] = {
    "kling-v1": ("kling-v1 any", "kling-v1 any"),
    "kling-v3": ("kling-v3 generations 1k/2k", "kling-v3 generations 1k/2k"),
    **{
        name: (f"{name} text-to-image", f"{name} image-to-image")
        for name in ("kling-v1-5", "kling-v2", "kling-v2-new", "kling-v2-1")
    },
}
"""Rows of a model's pictures: from words, from a picture."""


def image_tariff(model: str | None, *, given: bool) -> str:
    """The row for a picture made from words, or from a given one; empty where there is none."""
    return _IMAGE.get(model or "", ("", ""))[given]
