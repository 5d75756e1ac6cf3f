"""Videos made from a video: things in it added, swapped or removed, or the whole made longer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from ...models import FrameMasks, SelectionPreview, SelectionSession, VideoResult
from ...protocol.direct import DirectEndpoint, accepted, session
from ...protocol.endpoint import Resource, TaskEndpoint
from ..capabilities import REFERENCE_VIDEO_MODELS
from ..fields import Checked, Rule, exactly_one, frozen
from ..kinds import choice, identifier, integer, nested, number, seconds, sequence, text, video
from ..prices import units
from ..shared import Request, TaskRequest, Watermark, WatermarkInfo
from .references import ReferenceImage, ReferenceImages

_IMAGES: Final[Mapping[str, tuple[int, int]]] = {"addition": (1, 2), "swap": (1, 1), "removal": (0, 0)}
"""How many pictures an edit takes, at least and at most."""


@frozen
class InitSelection(Request):
    """
    Make a clip ready for selecting things in it. Exactly one of `video_id` and `video_url`.

    Documented on the vendor's page Multi-Elements, as are the four calls that follow.
    """

    video_id: str | None = identifier("A video of the last 30 days, 2 to 5 s or 7 to 10 s long.", default=None)
    video_url: str | None = video(
        "A clip: mp4 or mov, 2 to 5 s or 7 to 10 s, 720 to 2160 pixels a side, 24, 30 or 60 fps.", default=None
    )

    def rules(self) -> Iterable[Rule]:
        """One clip."""
        yield exactly_one(self, "video_url", "video_id")


@frozen
class RelativePoint(Checked):
    """A place in a frame, counted from its top left corner."""

    x: float = number("0 at the left edge, 1 at the right.", 0, 1)
    y: float = number("0 at the top edge, 1 at the bottom.", 0, 1)


@frozen
class _Points(Request):
    """Points in one frame; at most 10 frames of a session."""

    session_id: str = identifier("The session that init gave.")
    frame_index: int = integer("Which frame, from 0.", 0)
    points: Sequence[RelativePoint | Mapping[str, float]] = sequence(
        "The points.", RelativePoint, minimum=1, maximum=10
    )


@frozen
class AddPoints(_Points):
    """Select what lies at some points of a frame; answers with what is selected in it now."""


@frozen
class DeletePoints(_Points):
    """Take points away from a frame, exactly as they were added; answers with what is selected in it now."""


@frozen
class ClearSelection(Request):
    """Take all points away."""

    session_id: str = identifier("The session that init gave.")


@frozen
class PreviewSelection(Request):
    """See the clip with what is selected marked in it."""

    session_id: str = identifier("The session that init gave.")


class Selection(Resource):
    """Selecting things in a clip, before `videos.multi_elements`. A session lives 24 hours."""

    name = "videos.selection"

    init: Final = DirectEndpoint(InitSelection, session(SelectionSession), "/v1/videos/multi-elements/init-selection")
    """Make a clip ready; may be billed."""

    add: Final = DirectEndpoint(AddPoints, session(FrameMasks, "res"), "/v1/videos/multi-elements/add-selection")
    """Add points to a frame; answers with what is selected in it now."""

    delete: Final = DirectEndpoint(
        DeletePoints, session(FrameMasks, "res"), "/v1/videos/multi-elements/delete-selection"
    )
    """Take points away from a frame; answers with what is selected in it now."""

    clear: Final = DirectEndpoint(
        ClearSelection, accepted, "/v1/videos/multi-elements/clear-selection", repeatable=True
    )
    """Take all points away."""

    preview: Final = DirectEndpoint(
        PreviewSelection,
        session(SelectionPreview, "res"),
        "/v1/videos/multi-elements/preview-selection",
        repeatable=True,
    )
    """See the clip with what is selected marked in it."""


@frozen
class MultiElements(TaskRequest):
    """
    A clip with what was selected in it swapped or removed, or with something added.

    Billed per second. Documented on the vendor's page Multi-Elements.
    """

    session_id: str = identifier("The session that videos.selection.init gave.")
    edit_mode: Literal["addition", "swap", "removal"] = choice("What to do.", "addition", "swap", "removal")
    prompt: str = text("What is to happen; should cite <<<video_1>>> and <<<image_1>>>.", max_length=2500)
    model_name: Literal["kling-v1-6"] | str | None = choice(
        "The model; so far there is one.", *REFERENCE_VIDEO_MODELS, open=True, default=None
    )
    image_list: ReferenceImages | None = sequence(
        "What to put in: 1 or 2 pictures to add, 1 to swap, none to remove.", ReferenceImage, maximum=2, default=None
    )
    negative_prompt: str | None = text("What to avoid.", max_length=2500, default=None)
    mode: Literal["std", "pro"] | None = choice("The quality (vendor's default std).", "std", "pro", default=None)
    duration: int | str | None = seconds(
        "5 for a clip of 2 to 5 s (vendor's default), 10 for one of 7 to 10 s.", only=(5, 10), default=None
    )
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)

    def rules(self) -> Iterable[Rule]:
        """As many pictures as the edit takes."""
        least, most = _IMAGES[self.edit_mode]
        wanted = f"{least} to {most} images" if least < most else f"{least or 'no'} image{'' if least else 's'}"
        yield Rule(
            "image_list", f"must have {wanted} for {self.edit_mode}", least <= len(self.image_list or ()) <= most
        )

    def estimate(self) -> Decimal | None:
        """Seconds times the price of the one model; None if another is named."""
        if self.model_name not in (None, *REFERENCE_VIDEO_MODELS):
            return None
        return units("kling-v1-6 multi-elements", mode=self.mode or "std", times=int(self.duration or 5))


@frozen
class ExtendVideo(TaskRequest):
    """
    A video made 4 to 5 s longer, up to 3 minutes in all; the result is the whole of it.

    Only videos of kling-v1, kling-v1-5 and kling-v1-6 are listed as extendable. Billed per call, by the mode of the
    source. Documented on the vendor's page Video Extension.
    """

    video_id: str = identifier("A video of text to video, image to video or extend, of the last 30 days.")
    prompt: str | None = text("What is to happen.", max_length=2500, default=None)
    negative_prompt: str | None = text("What to avoid; not for a video of kling-v1.", max_length=2500, default=None)
    cfg_scale: float | None = number(
        "How closely to follow the prompt (vendor's default 0.5); not for a video of kling-v1.", 0, 1, default=None
    )
    watermark_info: Watermark | None = nested("Ask for a watermarked file too.", WatermarkInfo, default=None)


class Editing(Resource):
    """Videos made from a video."""

    name = "videos"

    multi_elements: Final = TaskEndpoint(MultiElements, VideoResult, "/v1/videos/multi-elements", pool="video")
    """Add, swap or remove things in a clip, after selecting them with `videos.selection`."""

    extend: Final = TaskEndpoint(ExtendVideo, VideoResult, "/v1/videos/video-extend", pool="video")
    """Make a video 4 to 5 s longer."""

    @property
    def selection(self) -> Selection:
        """Selecting things in a clip, before `multi_elements`."""
        return Selection(self.backend)
