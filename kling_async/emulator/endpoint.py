"""
What a row of the emulator's tables is: a form that bodies must fill, and a task endpoint that answers to one.

A row is data. The hooks in it look at the body, and at the ``World`` where the body alone does not decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from .documents import BodySchema, Name, body_schema
from .inputs import Picture, PictureField
from .lifecycle import Durations
from .results import Maker
from .rules import Body, Rule, StateCheck
from .tasks import EmulatedTask
from .world import World


def _always(_: Mapping[str, Picture]) -> bool:
    return True


def _one_slot(_: Body) -> int:
    return 1


def _nothing_to_tell(_: EmulatedTask, __: World) -> Mapping[str, Any]:
    return {}


def _nothing_to_keep(_: EmulatedTask, __: World) -> None:
    return


@attrs.frozen(kw_only=True)
class Form:
    """What a body must be: its schema, the conditions a schema cannot say, and its uploads."""

    document: Name
    schema_name: str
    rules: tuple[Rule, ...] = ()
    checks: tuple[StateCheck, ...] = ()
    """Conditions that the server's state decides: unknown ids, expired sessions."""
    pictures: tuple[PictureField, ...] = ()
    pictures_agree: Callable[[Mapping[str, Picture]], bool] = _always
    """Whether the uploaded pictures, by their places, fit each other. If not, the task is accepted and fails."""
    sounds: tuple[str, ...] = ()
    """Fields that take a sound as a link or as Base64; places as in ``PictureField``."""
    addresses: tuple[str, ...] = ()
    """Fields that take nothing but a link: there is no way to upload a video."""

    @property
    def schema(self) -> BodySchema:
        """The compiled schema of the body."""
        return body_schema(self.document, self.schema_name)


@attrs.frozen(kw_only=True)
class Endpoint(Form):
    """One task endpoint of the vendor, as data."""

    path: str
    pool: str
    durations: Durations
    price: Callable[[Body, World], Decimal | None]
    make: Maker
    lists: tuple[str, ...] = ("videos",)
    """Every list that its ``task_result`` may have."""
    weight: Callable[[Body], int] = _one_slot
    task_info: Callable[[EmulatedTask, World], Mapping[str, Any]] = _nothing_to_tell
    """What queries tell in ``task_info`` besides the external id, for example ``parent_video``."""
    keep: Callable[[EmulatedTask, World], None] = _nothing_to_keep
    """Called once a task is created, to remember what it will leave behind, for example a voice."""
    watermark: bool = True
    by_external_id: bool = True
    created_tells: str | None = None
    """A field of the body that a create answer was also seen to tell in the place of ``task_info`` (with quirks)."""
    lists_one_alone: bool = False
    """Whether its list was also seen as the one task in it, without the array (with quirks)."""
    variations: Mapping[str, tuple[Callable[[Any], Any], ...]] = attrs.field(factory=dict[str, Any])
    """Ways in which a field of a result entry is written (with quirks)."""
