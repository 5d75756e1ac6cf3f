"""
Voices and elements: those of the vendor, and those that calls have made. What was deleted stays known as such.

Everything is put in when the call that makes it comes, and is there from the moment it is ``made``. Ids of elements are
numbers for the API and text here, so that both spellings of one id find the same element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, Literal

import attrs

from .media import PictureWork, SoundWork, Work
from .refusals import Refusal

VENDOR: Final = "kling"
OWNER: Final = "emulator-account"
PRESETS_MADE: Final = 1_767_225_600.0
"""Presets have been there since the beginning of 2026."""

TAGS: Final[Mapping[str, str]] = {
    "o_101": "meme",
    "o_102": "character",
    "o_103": "animal",
    "o_104": "item",
    "o_105": "costume",
    "o_106": "scene",
    "o_107": "effect",
    "o_108": "other",
}
PRESET_VOICES: Final = ("Ayla", "Bram", "Chiyo", "Dario", "Elin", "Faisal", "Greta", "Hugo", "Imani", "Jonas")
PRESET_ELEMENTS: Final = (
    ("Aurora", "A figure skater in a silver coat", "o_102"),
    ("Barnaby", "An old sheepdog with one blue eye", "o_103"),
    ("Comet", "A red bicycle with a wicker basket", "o_104"),
    ("Harbour", "A fishing harbour in the morning fog", "o_106"),
    ("Mantle", "A green velvet cloak with a hood", "o_105"),
)

# Every second id of an element is larger than what a double holds exactly, and odd, so that a double changes it.
SMALL_IDS: Final = (10**14, 10**15)
LARGE_IDS: Final = (2**53, 9 * 10**16)
TRIAL: Final = 3000

Generation = Literal["advanced", "first"]


@attrs.frozen
class Voice:
    """A voice, with the sound that shows it."""

    voice_id: str
    name: str
    made: float
    owned_by: str = OWNER
    task_id: str | None = None

    @property
    def trial(self) -> SoundWork:
        """A few seconds of it."""
        return SoundWork(f"voice {self.voice_id}", TRIAL, spoken=True)


@attrs.frozen
class Element:
    """An element: what it looks like, and the voice it speaks with."""

    element_id: int
    name: str
    description: str
    made: float
    reference_type: str = "image_refer"
    frontal: Work | None = None
    views: Sequence[Work] = ()
    video: Work | None = None
    voice: Voice | None = None
    tags: Sequence[str] = ()
    owned_by: str = OWNER
    generation: Generation = "advanced"
    task_id: str | None = None

    @property
    def is_character(self) -> bool:
        """Whether it was made from a video."""
        return self.reference_type == "video_refer"


class Library:
    """What calls may name by ``voice_id`` and ``element_id``."""

    def __init__(self, *, seed: int = 0) -> None:
        self._random = Random(f"library {seed}")
        self._voices: dict[str, Voice] = {}
        self._elements: dict[str, Element] = {}
        self._voice_of: dict[str, Voice] = {}
        self._element_of: dict[str, Element] = {}
        self._deleted: dict[str, float] = {}
        for name in PRESET_VOICES:
            self.put_voice(Voice(self.new_voice_id(), name, PRESETS_MADE, VENDOR, self.new_voice_id()))
        for generation in ("advanced", "first"):
            for preset in PRESET_ELEMENTS:
                self.put_element(self._preset(*preset, generation))

    def new_voice_id(self) -> str:
        """An id for a voice: 18 digits."""
        return str(self._random.randrange(8 * 10**17, 9 * 10**17))

    def new_element_id(self) -> int:
        """An id for an element: 15 digits, and beyond the exact numbers of a double by turns."""
        if len(self._elements) % 2:
            return self._random.randrange(*SMALL_IDS)
        return self._random.randrange(*LARGE_IDS) | 1

    def put_voice(self, voice: Voice) -> None:
        """Add a voice, also one whose task goes on."""
        self._voices[voice.voice_id] = voice
        if voice.task_id is not None:
            self._voice_of[voice.task_id] = voice

    def put_element(self, element: Element) -> None:
        """Add an element, also one whose task goes on; with the voice that comes with it."""
        self._elements[str(element.element_id)] = element
        if element.task_id is not None:
            self._element_of[element.task_id] = element
        if element.voice is not None:
            self._voices.setdefault(element.voice.voice_id, element.voice)

    def voice(self, voice_id: str, now: float) -> Voice | None:
        """A voice that is there now: made or a preset, and not deleted."""
        voice = self._voices.get(voice_id)
        return voice if voice is not None and voice.made <= now and voice_id not in self._deleted else None

    def element(self, element_id: int | str, now: float) -> Element | None:
        """An element that is there now: made or a preset, and not deleted."""
        element = self._elements.get(str(element_id))
        there = element is not None and element.made <= now and str(element_id) not in self._deleted
        return element if there else None

    def has_voice(self, voice_id: str, now: float) -> bool:
        """Whether a voice is there now."""
        return self.voice(voice_id, now) is not None

    def has_element(self, element_id: int | str, now: float) -> bool:
        """Whether an element is there now."""
        return self.element(element_id, now) is not None

    def voice_of(self, task_id: str) -> Voice | None:
        """The voice a task makes, whatever has become of it."""
        return self._voice_of.get(task_id)

    def element_of(self, task_id: str) -> Element | None:
        """The element a task makes, whatever has become of it."""
        return self._element_of.get(task_id)

    def element_status(self, element_id: int) -> str:
        """``succeed``, or ``deleted``."""
        return "deleted" if str(element_id) in self._deleted else "succeed"

    def preset_voices(self) -> list[Voice]:
        """The vendor's voices."""
        return [voice for voice in self._voices.values() if voice.owned_by == VENDOR]

    def preset_elements(self, generation: Generation) -> list[Element]:
        """The vendor's elements."""
        return [element for element in self._of(generation) if element.owned_by == VENDOR]

    def plain_elements(self, now: float) -> list[Element]:
        """Own elements of the first generation that are there, in the order they were made."""
        return [
            element
            for element in self._of("first")
            if element.owned_by != VENDOR and self.has_element(element.element_id, now)
        ]

    def delete_voice(self, voice_id: str, now: float) -> None:
        """Delete an own voice. The text for a second time is not known; it follows the one of elements."""
        voice = self._voices.get(voice_id)
        if voice is None or voice.made > now:
            raise Refusal(1201, f"Voice id not found: {voice_id}")
        if voice.owned_by == VENDOR:
            raise Refusal(1201, f"Official voice can not be deleted: {voice_id}")
        if voice_id in self._deleted:
            raise Refusal(1201, f"Voice already be deleted for id: {voice_id}")
        self._deleted[voice_id] = now

    def delete_element(self, element_id: str, now: float) -> None:
        """Delete an own element of either generation."""
        element = self._elements.get(element_id)
        if element is None or element.made > now:
            raise Refusal(1201, f"Element id not found: {element_id}")
        if element.owned_by == VENDOR:
            raise Refusal(1201, f"Official element can not be deleted: {element_id}")
        if element_id in self._deleted:
            raise Refusal(1201, f"Element already be deleted for id: {element_id}")
        self._deleted[element_id] = now

    def _of(self, generation: Generation) -> list[Element]:
        return [element for element in self._elements.values() if element.generation == generation]

    def _preset(self, name: str, description: str, tag: str, generation: Generation) -> Element:
        return Element(
            element_id=self.new_element_id(),
            name=name,
            description=description,
            made=PRESETS_MADE,
            frontal=view_of(f"preset {generation} {name}", name, 0),
            views=[view_of(f"preset {generation} {name}", name, number) for number in (1, 2)],
            tags=(tag,),
            owned_by=VENDOR,
            generation=generation,
            task_id=self.new_voice_id(),
        )


def view_of(seed: str, name: str, number: int) -> PictureWork:
    """A picture of an element: 0 is the front."""
    label = f"view {number}" if number else "front"
    return PictureWork(name, "element", label, 768, 768, f"{seed} {number}", view=number)
