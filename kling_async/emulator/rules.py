"""
What the conditions between fields are made of; their tables lie in ``rules_images``, ``_videos`` and ``_general``.

A ``Rule`` is about the body alone, a ``StateCheck`` about what the server knows as well. Bodies come here pruned (empty
values are gone), with those documented defaults filled in that decide something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from .world import World

Body = Mapping[str, Any]

StateCheck = Callable[[Body, World], str | None]
"""The message for a body that the state does not allow, else None."""


@attrs.frozen
class Rule:
    """One condition: the body breaks it when ``broken`` says so, and is told ``message`` with code 1201."""

    broken: Callable[[Body], bool]
    message: str | Callable[[Body], str]

    def text(self, body: Body) -> str:
        """The message for this body."""
        return self.message if isinstance(self.message, str) else self.message(body)


CITED: Final = re.compile(r"<<<(image|element|video)_(\d{1,6})>>>", re.ASCII)


def cited_beyond(prompts: Iterable[str], body: Body) -> str | None:
    """The first reference in the prompts, such as ``<<<image_3>>>``, that has no entry in its list."""
    for prompt in prompts:
        for kind, number in CITED.findall(prompt):
            if not 1 <= int(number) <= len(body.get(f"{kind}_list", [])):
                return f"<<<{kind}_{number}>>>"
    return None


def citing(prompts_of: Callable[[Body], Iterable[str]]) -> Rule:
    """The rule that every reference in the prompts has an entry in its list."""
    return Rule(
        lambda body: cited_beyond(prompts_of(body), body) is not None,
        lambda body: f"{cited_beyond(prompts_of(body), body)} in prompt is not found in the list",
    )


def element_refused(body: Body, world: World) -> str | None:
    """Why an entry of ``element_list`` cannot be used; None if all can."""
    for element in body.get("element_list", []):
        if not world.library.has_element(element["element_id"], world.now()):
            return f"Element id not found: {element['element_id']}"
    return None
