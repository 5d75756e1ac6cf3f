"""What an account keeps for later calls: voices and elements, its own and the vendor's."""

from __future__ import annotations

from decimal import Decimal

import attrs

from ..wording import link
from .files import Audio, Image, Video
from .wire import UNITS


@attrs.frozen(kw_only=True)
class Voice:
    """A voice for videos. Those of text to speech are another catalogue."""

    voice_id: str = ""
    """What `VoiceRef`, `element_voice_id` and `voices.delete` take; too long for a double."""
    voice_name: str = ""
    trial_url: str | None = attrs.field(default=None, repr=link)
    """A sample."""
    owned_by: str | None = None
    """`kling` for the vendor's own, else the id of whoever made it."""
    status: str | None = None
    """`deleted` once removed; not always told."""

    @property
    def files(self) -> tuple[Audio, ...]:
        """The sample, where there is one."""
        return (Audio(url=self.trial_url, id=self.voice_id),) if self.trial_url else ()


@attrs.frozen(kw_only=True)
class LinkedImage:
    """A picture of an element."""

    image_url: str | None = attrs.field(default=None, repr=link)


@attrs.frozen(kw_only=True)
class LinkedVideo:
    """A clip of an element."""

    video_url: str | None = attrs.field(default=None, repr=link)


@attrs.frozen(kw_only=True)
class ElementPictures:
    """The pictures of an element made from pictures."""

    frontal_image: str | None = attrs.field(default=None, repr=link)
    refer_images: tuple[LinkedImage, ...] = ()


@attrs.frozen(kw_only=True)
class ElementVideos:
    """The clip of an element made from a video."""

    refer_videos: tuple[LinkedVideo, ...] = ()


@attrs.frozen(kw_only=True)
class ElementTag:
    """A tag of an element; requests name it by its id."""

    id: str | None = None
    name: str | None = None
    description: str | None = None


@attrs.frozen(kw_only=True)
class Element:
    """A person or thing that videos and pictures can show again, cited by its `element_id`."""

    element_id: int
    """What `ElementRef` and `elements.delete` take: not the id of the task that made it."""
    element_name: str = ""
    element_description: str = ""
    reference_type: str | None = None
    """`image_refer` or `video_refer`."""
    element_image_list: ElementPictures | None = None
    element_video_list: ElementVideos | None = None
    element_voice_info: Voice | None = None
    """The voice bound to it, if any."""
    tag_list: tuple[ElementTag, ...] = ()
    owned_by: str | None = None
    """`kling` for the vendor's own, else the id of whoever made it."""
    status: str | None = None
    """`succeed` while it can be used, `deleted` once removed."""

    @property
    def files(self) -> tuple[Image | Video | Audio, ...]:
        """What the vendor keeps of it."""
        pictures, clips = self.element_image_list, self.element_video_list
        faces = (pictures.frontal_image, *(each.image_url for each in pictures.refer_images)) if pictures else ()
        voice = self.element_voice_info.files if self.element_voice_info else ()
        return (
            *(Image(url=url, index=at) for at, url in enumerate(each for each in faces if each)),
            *(Video(url=each.video_url) for each in (clips.refer_videos if clips else ()) if each.video_url),
            *voice,
        )


@attrs.frozen(kw_only=True)
class FirstElement:
    """An element of the first generation, which is a library of its own."""

    element_id: int
    element_name: str = ""
    element_description: str = ""
    element_frontal_image: str | None = attrs.field(default=None, repr=link)
    element_refer_list: tuple[LinkedImage, ...] = ()
    tag_list: tuple[ElementTag, ...] = ()
    owned_by: str | None = None
    units: Decimal | None = attrs.field(default=None, metadata=UNITS)
    """Told of presets only."""

    @property
    def files(self) -> tuple[Image, ...]:
        """Its pictures, the front first."""
        urls = (self.element_frontal_image, *(each.image_url for each in self.element_refer_list))
        return tuple(Image(url=url, index=at) for at, url in enumerate(each for each in urls if each))
