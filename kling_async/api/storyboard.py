"""Videos of several shots: the parts of a storyboard, its rules, and what prompts cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from .fields import Checked, Rule, frozen
from .kinds import integer, seconds, text

_CITED: Final = re.compile(r"<<<(\w+?)_(\d+)>>>")


@frozen
class ShotPrompt(Checked):
    """One shot of a storyboard."""

    index: int = integer("The shot's number, from 1.", 1, 6)
    prompt: str = text("What to show.", max_length=512)
    duration: int | str = seconds("How long, in seconds.", 1, 15)


Shots: TypeAlias = Sequence[ShotPrompt | Mapping[str, Any]]


class Filmed(Protocol):
    """What a request for a video of one or several shots has."""

    @property
    def prompt(self) -> str | None:
        """The words for all of it."""
        ...

    @property
    def multi_shot(self) -> bool | None:
        """Whether there are several shots."""
        ...

    @property
    def shot_type(self) -> str | None:
        """Who writes the storyboard."""
        ...

    @property
    def multi_prompt(self) -> Shots | None:
        """The shots."""
        ...

    @property
    def length(self) -> int:
        """Seconds the video will have."""
        ...


def words(request: Filmed) -> tuple[str, ...]:
    """The texts that describe the video: the shots of a written storyboard, else the prompt. The others are ignored."""
    if request.multi_shot and request.shot_type == "customize":
        return tuple(shot.prompt for shot in request.multi_prompt or () if isinstance(shot, ShotPrompt))
    return (request.prompt,) if request.prompt else ()


def cited(texts: Iterable[str], kind: str) -> set[int]:
    """The numbers of the images, elements, videos or voices that texts cite, as in `<<<image_1>>>`."""
    found = (each for text in texts for each in _CITED.findall(text))
    return {int(number) for name, number in found if name == kind and len(number) < 9}


def storyboard(request: Filmed) -> Iterable[Rule]:
    """The rules of a storyboard, as all endpoints state them."""
    shots = [shot for shot in request.multi_prompt or () if isinstance(shot, ShotPrompt)]
    written = request.multi_shot and request.shot_type == "customize"
    by_model = request.multi_shot and request.shot_type == "intelligence"
    yield Rule("shot_type", "is required when multi_shot is true", not request.multi_shot or bool(request.shot_type))
    yield Rule("multi_prompt", "is required when shot_type is customize", not written or bool(shots))
    yield Rule("prompt", "is required when shot_type is intelligence", not by_model or bool(request.prompt))
    yield Rule(
        "multi_prompt",
        "shots must be numbered 1, 2, 3 and so on",
        not written or [shot.index for shot in shots] == list(range(1, len(shots) + 1)),
    )
    total = sum(int(shot.duration) for shot in shots)
    yield Rule(
        "multi_prompt",
        f"durations must add up to the video's {request.length} s, they make {total} s",
        not written or total == request.length,
    )


def references(field: str, texts: Iterable[str], **lists: int) -> Iterable[Rule]:
    """Whatever a prompt cites must stand in the list it counts in; *lists* gives the length of each."""
    given = tuple(texts)
    for kind, length in lists.items():
        beyond = sorted(number for number in cited(given, kind) if not 1 <= number <= length)
        first = beyond[0] if beyond else 0
        there = f"{kind}_list has {length}" if length else f"no {kind} is given"
        yield Rule(field, f"cites <<<{kind}_{first}>>>, but {there}", not beyond)
