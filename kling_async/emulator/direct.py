"""The synchronous calls that the emulator serves: one row each. Adding a call means adding a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .calls import Direct
from .calls_account import balance, costs, packages
from .calls_library import (
    delete_element,
    delete_voice,
    make_plain_element,
    plain_elements,
    plain_presets,
    preset_elements,
    preset_voices,
)
from .calls_media import identify_face, recognize, speak
from .calls_selections import add, clear, delete, init, preview
from .documents import Name
from .endpoint import Form
from .inputs import PictureField
from .rules import Rule, StateCheck
from .rules_general import ONE_VIDEO, video_is_there

SELECTION: Final = "/v1/videos/multi-elements"
DOCUMENT: Final[Name] = "video-audio-general"


def _form(
    schema: str,
    *,
    rules: tuple[Rule, ...] = (),
    checks: tuple[StateCheck, ...] = (),
    pictures: tuple[PictureField, ...] = (),
) -> Form:
    return Form(document=DOCUMENT, schema_name=schema, rules=rules, checks=checks, pictures=pictures)


def _video_form(schema: str) -> Form:
    return _form(schema, rules=ONE_VIDEO, checks=(video_is_there,))


DIRECT: Final = (
    Direct(method="POST", path=f"{SELECTION}/init-selection", answer=init, form=_video_form("InitSelectionRequest")),
    Direct(method="POST", path=f"{SELECTION}/add-selection", answer=add, form=_form("SelectionPointsRequest")),
    Direct(method="POST", path=f"{SELECTION}/delete-selection", answer=delete, form=_form("SelectionPointsRequest")),
    Direct(method="POST", path=f"{SELECTION}/clear-selection", answer=clear, form=_form("SessionRequest")),
    Direct(method="POST", path=f"{SELECTION}/preview-selection", answer=preview, form=_form("SessionRequest")),
    Direct(
        method="POST",
        path="/v1/videos/identify-face",
        answer=identify_face,
        form=_video_form("IdentifyFaceRequest"),
        tariff="identify-face",
    ),
    Direct(
        method="POST",
        path="/v1/videos/image-recognize",
        answer=recognize,
        form=_form("ImageRecognizeRequest", pictures=(PictureField("image"),)),
        tariff="image-recognize",
    ),
    Direct(method="POST", path="/v1/audio/tts", answer=speak, form=_form("TtsRequest"), tariff="tts"),
    Direct(method="GET", path="/v1/general/presets-voices", answer=preset_voices),
    Direct(method="POST", path="/v1/general/delete-voices", answer=delete_voice, form=_form("DeleteVoiceRequest")),
    Direct(method="GET", path="/v1/general/advanced-presets-elements", answer=preset_elements),
    Direct(
        method="POST", path="/v1/general/delete-elements", answer=delete_element, form=_form("DeleteElementRequest")
    ),
    Direct(
        method="POST",
        path="/v1/general/delete-advanced-elements",
        answer=delete_element,
        form=_form("DeleteElementRequest"),
    ),
    Direct(
        method="POST",
        path="/v1/general/custom-elements",
        answer=make_plain_element,
        form=_form(
            "OldElementCreate",
            pictures=(PictureField("element_frontal_image"), PictureField("element_refer_list[].image_url")),
        ),
    ),
    Direct(method="GET", path="/v1/general/custom-elements", answer=plain_elements),
    Direct(method="GET", path="/v1/general/presets-elements", answer=plain_presets),
    Direct(method="GET", path="/account/costs", answer=costs),
    Direct(method="POST", path="/account/billing/balance", answer=balance, form=_form("BalanceLedgerRequest")),
    Direct(method="POST", path="/account/billing/package", answer=packages, form=_form("PackageLedgerRequest")),
)


def _by_path() -> Mapping[str, Mapping[str, Direct]]:
    rows: dict[str, dict[str, Direct]] = {}
    for row in DIRECT:
        rows.setdefault(row.path, {})[row.method] = row
    return rows


BY_PATH: Final = _by_path()
"""The rows by path and method."""

DIRECT_PATHS: Final[tuple[tuple[Name, str], ...]] = tuple((DOCUMENT, path) for path in BY_PATH)
"""Every path of a synchronous call, and the document that describes it."""
