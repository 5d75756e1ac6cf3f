"""Video effects: ready-made scenes into which one or two pictures go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from ...media.inputs import MediaInput
from ...models import VideoResult
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import DUET_MODELS, DUET_SCENES
from ..fields import Checked, Rule, exactly_one, frozen
from ..kinds import choice, nested, picture, pictures, seconds, text
from ..shared import TaskRequest, Watermark, WatermarkInfo


@frozen
class EffectInput(Checked):
    """What goes into a scene: one picture or two, as the scene asks."""

    image: MediaInput | None = picture("The picture of a scene for one.", default=None)
    images: Sequence[MediaInput] | None = pictures(
        "The pictures of a scene for two: left, right.", minimum=2, maximum=2, default=None
    )
    duration: int | str | None = seconds(
        "Seconds, which documents until January 2026 require and later ones no longer have.", only=(5, 10), default=None
    )
    model_name: Literal["kling-v1", "kling-v1-5", "kling-v1-6"] | None = choice(
        "The model; for the old scenes for two only.", *DUET_MODELS, default=None
    )
    mode: Literal["std", "pro"] | None = choice(
        "The quality; for the old scenes for two only.", "std", "pro", default=None
    )

    def rules(self) -> Iterable[Rule]:
        """One picture or two."""
        yield exactly_one(self, "image", "images")


@frozen
class MakeEffect(TaskRequest):
    """
    A scene of the vendor's with your pictures in it.

    Which scenes there are changes every month; see the vendor's page Effect Templates. Billed by scene.
    """

    effect_scene: str = text("The scene's name.")
    input: EffectInput | Mapping[str, Any] = nested("What goes into it.", EffectInput)
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)

    def abilities(self) -> Iterable[Rule]:
        """The old scenes for two take two pictures, a model and a mode; no other scene takes the last two."""
        given = self.input
        if not isinstance(given, EffectInput):
            return
        scene, models = self.effect_scene, DUET_SCENES.get(self.effect_scene)
        yield Rule("input.images", f"is required for {scene}", models is None or given.images is not None)
        for name in ("model_name", "mode"):
            old = models is not None or getattr(given, name) is None
            yield Rule(f"input.{name}", f"is only for the old scenes {', '.join(DUET_SCENES)}", old)
        known = given.model_name is None or given.model_name in (models or DUET_MODELS)
        yield Rule("input.model_name", f"must be {' or '.join(models or ())} for {scene}", known)


class Effects(Resource):
    """Ready-made scenes."""

    name = "videos"

    effects: Final = TaskEndpoint(MakeEffect, VideoResult, "/v1/videos/effects", pool="video")
    """Put your pictures into a scene of the vendor's."""
