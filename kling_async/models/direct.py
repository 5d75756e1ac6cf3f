"""What calls answer that make no task: faces, selections in a clip, cut-outs."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import attrs

from ..wording import link
from .files import Image, Kind, Linked, Video
from .task import BalanceDeduction
from .wire import BALANCE, SENT_AS, TELLING, UNITS


@attrs.frozen(kw_only=True)
class Face:
    """A face in a clip and the span in which it can be used; a person gone for more than a second is a new face."""

    face_id: str
    """What `FaceChoice` takes."""
    start_time: int = 0
    """Milliseconds from the start of the clip, as is the next. Either is 0 where the answer does not tell it."""
    end_time: int = 0
    """Slightly later than the face really leaves."""
    face_image: str | None = attrs.field(default=None, repr=link)
    """A thumbnail."""


@attrs.frozen(kw_only=True)
class Faces:
    """The faces found in a clip, and the session in which one of them can be given a voice."""

    session_id: str
    """For `videos.advanced_lip_sync`; lives 24 hours."""
    face_data: tuple[Face, ...] = ()
    units: Decimal | None = attrs.field(default=None, metadata=UNITS)
    """Units charged."""
    balance: BalanceDeduction | None = attrs.field(default=None, metadata=BALANCE)
    """The cash side of the charge, where the vendor reports one."""

    @property
    def files(self) -> tuple[Image, ...]:
        """The thumbnails."""
        return tuple(Image(url=face.face_image, index=at) for at, face in enumerate(self.face_data) if face.face_image)


@attrs.frozen(kw_only=True)
class SelectionSession:
    """A clip made ready for selecting things in it."""

    session_id: str
    """For the other selection calls and `videos.multi_elements`; lives 24 hours."""
    fps: float | None = None
    original_duration: int | None = None
    """Milliseconds."""
    width: int | None = None
    """Pixels, as is the next."""
    height: int | None = None
    total_frame: int | None = None
    normalized_video: str | None = attrs.field(default=None, repr=link)
    """The clip as it will be worked on."""
    units: Decimal | None = attrs.field(default=None, metadata=UNITS)
    """Units charged."""
    balance: BalanceDeduction | None = attrs.field(default=None, metadata=BALANCE)
    """The cash side of the charge, where the vendor reports one."""

    @property
    def files(self) -> tuple[Video, ...]:
        """The normalised clip."""
        return (Video(url=self.normalized_video),) if self.normalized_video else ()


@attrs.frozen(kw_only=True)
class RleMask:
    """Which pixels belong to an object, as run lengths."""

    size: tuple[int, ...] = ()
    """Height and width."""
    counts: str = attrs.field(default="", repr=False)
    """COCO's compressed form: runs down the columns, the first of them background."""


@attrs.frozen(kw_only=True)
class PngMask:
    """Which pixels belong to an object, as a picture."""

    size: tuple[int, ...] = ()
    """Height and width."""
    base64: str = attrs.field(default="", repr=False)
    """A PNG."""


@attrs.frozen(kw_only=True)
class ObjectMask:
    """One object marked in a frame."""

    object_id: int | None = None
    rle_mask: RleMask | None = None
    png_mask: PngMask | None = None


@attrs.frozen(kw_only=True)
class FrameMasks:
    """What is marked in a frame after points were added or taken away."""

    frame_index: int | None = None
    masks: tuple[ObjectMask, ...] = attrs.field(default=(), metadata={SENT_AS: "rle_mask_list"})
    units: Decimal | None = attrs.field(default=None, metadata=UNITS)
    """Units charged."""
    balance: BalanceDeduction | None = attrs.field(default=None, metadata=BALANCE)
    """The cash side of the charge, where the vendor reports one."""


@attrs.frozen(kw_only=True)
class SelectionPreview:
    """The clip with everything marked in it."""

    video: str | None = attrs.field(default=None, repr=link)
    video_cover: str | None = attrs.field(default=None, repr=link)
    tracking_output: str | None = attrs.field(default=None, repr=link)
    """Masks frame by frame."""
    units: Decimal | None = attrs.field(default=None, metadata=UNITS)
    """Units charged."""
    balance: BalanceDeduction | None = attrs.field(default=None, metadata=BALANCE)
    """The cash side of the charge, where the vendor reports one."""

    @property
    def files(self) -> tuple[Video | Image, ...]:
        """The clip and its cover."""
        return (
            *((Video(url=self.video),) if self.video else ()),
            *((Image(url=self.video_cover),) if self.video_cover else ()),
        )


@attrs.frozen(kw_only=True)
class CutOut(Linked):
    """One part of a recognised picture, cut out."""

    kind: ClassVar[Kind] = "image"

    type: str = attrs.field(default="", metadata={TELLING: True})
    """`object_seg`, `head_seg` (with hair), `face_seg` (without) or `cloth_seg`."""
    is_contain: bool = False
    """Whether the picture has such a part."""
    url: str = attrs.field(default="", repr=link, metadata={TELLING: True})
    """Empty where it has none."""


@attrs.frozen(kw_only=True)
class Recognition:
    """What was found in a picture: one entry for each kind of part."""

    images: tuple[CutOut, ...] = ()
    units: Decimal | None = attrs.field(default=None, metadata=UNITS)
    """Units charged."""
    balance: BalanceDeduction | None = attrs.field(default=None, metadata=BALANCE)
    """The cash side of the charge, where the vendor reports one."""

    @property
    def files(self) -> tuple[CutOut, ...]:
        """The cut-outs of what was found."""
        return tuple(each for each in self.images if each.url)
