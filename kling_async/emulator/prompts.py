"""The words a body carries: its prompts, and whether one of the words the settings name stands in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any


def words_in(texts: Collection[str], words: Collection[str]) -> bool:
    """Whether one of the words stands, whole and in any case, in one of the texts."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words for text in texts)


def prompts_of(body: Mapping[str, Any]) -> list[str]:
    """Every prompt a body carries, those of the shots included."""
    shots = [shot["prompt"] for shot in body.get("multi_prompt", [])]
    return [body["prompt"], *shots] if "prompt" in body else shots
