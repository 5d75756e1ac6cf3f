"""The words a body carries: its prompts, and whether one of the words the settings name stands in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

PROMPTS: Final = ("prompt", "sound_effect_prompt", "bgm_prompt", "text")


def words_in(texts: Collection[str], words: Collection[str]) -> bool:
    """Whether one of the words stands, whole and in any case, in one of the texts."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words for text in texts)


def prompts_of(body: Mapping[str, Any]) -> list[str]:
    """Every text a body asks with: its prompts, those of its shots and its sounds, and words to be spoken."""
    first: list[str] = [body[field] for field in PROMPTS if field in body]
    shots = [shot["prompt"] for shot in body.get("multi_prompt", [])]
    spoken = [body["input"]["text"]] if "text" in body.get("input", {}) else []
    return [*first, *shots, *spoken]
