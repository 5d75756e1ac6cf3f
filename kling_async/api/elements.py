"""Elements: people and things that videos and pictures can show again; and those of the first generation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from ..media.inputs import MediaInput
from ..models import Element, ElementResult, FirstElement
from ..protocol.direct import DirectEndpoint, listed, nothing, results, value
from ..protocol.endpoint import Resource, TaskEndpoint
from .fields import Checked, Rule, frozen
from .kinds import choice, identifier, nested, picture, sequence, text, video
from .prices import FREE, units
from .shared import PageRequest, Request, TaskRequest

_TAGS: Final = ("o_101", "o_102", "o_103", "o_104", "o_105", "o_106", "o_107", "o_108")


@frozen
class ElementView(Checked):
    """A further view or a detail, different from the front."""

    image_url: MediaInput = picture("The picture; despite its name the field takes files too.")


Views: TypeAlias = Sequence[ElementView | Mapping[str, Any]]


@frozen
class ElementImages(Checked):
    """The pictures of an element: its front, and one to three further views."""

    frontal_image: MediaInput = picture("The front.")
    refer_images: Views = sequence("Further views; images.multi_shot makes some.", ElementView, minimum=1, maximum=3)


@frozen
class ElementClip(Checked):
    """A clip of a person."""

    video_url: str = video("The clip: mp4 or mov, 3 to 8 s, 1080p, 16:9 or 9:16, at most 200 MB.")


@frozen
class ElementClips(Checked):
    """The clip of an element; a realistic person. If somebody speaks in it, a voice is made and bound too."""

    refer_videos: Sequence[ElementClip | Mapping[str, Any]] = sequence("One clip.", ElementClip, minimum=1, maximum=1)


@frozen
class ElementTagRef(Checked):
    """A tag: o_101 meme, o_102 character, o_103 animal, o_104 item, o_105 costume, o_106 scene, o_107 effect, o_108."""

    tag_id: Literal["o_101", "o_102", "o_103", "o_104", "o_105", "o_106", "o_107", "o_108"] | str = choice(
        "The tag's id.", *_TAGS, open=True
    )


Tags: TypeAlias = Sequence[ElementTagRef | Mapping[str, Any]]


@frozen
class CreateElement(TaskRequest):
    """
    An element from pictures or from a clip.

    Free. Documented on the vendor's page Elements.
    """

    element_name: str = text("How to call it.", max_length=20)
    element_description: str = text("What it is.", max_length=100)
    reference_type: Literal["video_refer", "image_refer"] = choice(
        "What it is made from.", "video_refer", "image_refer"
    )
    element_image_list: ElementImages | Mapping[str, Any] | None = nested(
        "The pictures, for image_refer.", ElementImages, default=None
    )
    element_video_list: ElementClips | Mapping[str, Any] | None = nested(
        "The clip, for video_refer.", ElementClips, default=None
    )
    element_voice_id: str | None = identifier("A voice to bind to it; people only.", default=None)
    tag_list: Tags | None = sequence("Tags.", ElementTagRef, default=None)

    def rules(self) -> Iterable[Rule]:
        """What it is made from must be there."""
        for name, kind in (("element_image_list", "image_refer"), ("element_video_list", "video_refer")):
            there = self.reference_type != kind or getattr(self, name) is not None
            yield Rule(name, f"is required for reference_type {kind}", there)

    def abilities(self) -> Iterable[Rule]:
        """What is without effect."""
        stray = self.reference_type == "image_refer" and self.element_video_list is not None
        yield Rule("element_video_list", "is ignored for reference_type image_refer", not stray)

    def estimate(self) -> Decimal | None:
        """Elements are free."""
        return units(FREE)


@frozen
class ListPresetElements(PageRequest):
    """The vendor's own elements, page by page. Free."""


@frozen
class DeleteElement(Request):
    """Remove an element of the account. Free."""

    element_id: int | str = identifier("The element's id, not that of the task that made it.")

    def estimate(self) -> Decimal | None:
        """Deletions are free."""
        return units(FREE)


@frozen
class CreateFirstElement(Request):
    """An element of the first generation, which is a library of its own; answered at once."""

    element_name: str = text("How to call it.", max_length=20)
    element_description: str = text("What it is.", max_length=100)
    element_frontal_image: MediaInput = picture("The front.")
    element_refer_list: Views = sequence("Further views.", ElementView, minimum=1, maximum=3)
    tag_list: Tags | None = sequence("Tags.", ElementTagRef, default=None)


@frozen
class ListFirstElements(PageRequest):
    """The account's elements of the first generation, page by page. Free."""


@frozen
class ListPresetFirstElements(PageRequest):
    """The vendor's own elements of the first generation, page by page. Free."""


class FirstGeneration(Resource):
    """Elements of the first generation, still served."""

    name = "elements.first_generation"

    create: Final = DirectEndpoint(CreateFirstElement, value(FirstElement), "/v1/general/custom-elements")
    """Make an element from pictures."""

    list: Final = DirectEndpoint(
        ListFirstElements, listed(FirstElement), "/v1/general/custom-elements", method="GET", repeatable=True
    )
    """The account's elements of the first generation, page by page."""

    presets: Final = DirectEndpoint(
        ListPresetFirstElements, listed(FirstElement), "/v1/general/presets-elements", method="GET", repeatable=True
    )
    """The vendor's own elements of the first generation, page by page."""


class Elements(Resource):
    """People and things that videos and pictures can show again."""

    name = "elements"

    create: Final = TaskEndpoint(CreateElement, ElementResult, "/v1/general/advanced-custom-elements", pool="video")
    """Make an element; its list is that of the account's elements."""

    presets: Final = DirectEndpoint(
        ListPresetElements,
        results(Element, "elements"),
        "/v1/general/advanced-presets-elements",
        method="GET",
        repeatable=True,
    )
    """The vendor's own elements, page by page."""

    delete: Final = DirectEndpoint(
        DeleteElement,
        nothing,
        "/v1/general/delete-elements",
        aliases=("/v1/general/delete-advanced-elements",),
    )
    """Remove an element."""

    @property
    def first_generation(self) -> FirstGeneration:
        """Elements of the first generation, still served."""
        return FirstGeneration(self.backend)
