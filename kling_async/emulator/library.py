"""Voices and elements: those of the vendor, and those that tasks have made."""

from __future__ import annotations


class Library:
    """What calls may name by ``voice_id`` and ``element_id``."""

    def __init__(self) -> None:
        self._elements: set[str] = set()
        self._voices: set[str] = set()

    def has_element(self, element_id: str, _: float) -> bool:
        """Whether an element is there now: made or a preset, and not deleted."""
        return element_id in self._elements

    def has_voice(self, voice_id: str, _: float) -> bool:
        """Whether a voice is there now: made or a preset, and not deleted."""
        return voice_id in self._voices
