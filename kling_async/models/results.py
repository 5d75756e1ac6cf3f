"""What tasks make, one class per shape of `task_result`. Lists are tuples; what was left out is empty or None."""

from __future__ import annotations

import attrs

from ..wording import link
from .files import Audio, Image, Video
from .library import Element, Voice


@attrs.frozen(kw_only=True)
class ImageResult:
    """The pictures of a finished image task."""

    images: tuple[Image, ...] = ()

    @property
    def files(self) -> tuple[Image, ...]:
        """The pictures."""
        return self.images


@attrs.frozen(kw_only=True)
class OmniImageResult:
    """The pictures of a finished omni image task: single ones, or a connected series."""

    result_type: str | None = None
    """`single` or `series`."""
    images: tuple[Image, ...] = ()
    series_images: tuple[Image, ...] = ()

    @property
    def files(self) -> tuple[Image, ...]:
        """The pictures of whichever list is filled."""
        return self.images + self.series_images


@attrs.frozen(kw_only=True)
class MultiShotImage:
    """One set of up to three views of the same subject."""

    index: int = 0
    url_1: str | None = attrs.field(default=None, repr=link)
    url_2: str | None = attrs.field(default=None, repr=link)
    url_3: str | None = attrs.field(default=None, repr=link)
    url: str | None = attrs.field(default=None, repr=link)
    """Only one copy of the documents shows this in place of the three; accepted all the same."""

    @property
    def views(self) -> tuple[Image, ...]:
        """The views that are there, as pictures."""
        urls = (self.url_1, self.url_2, self.url_3, self.url)
        return tuple(Image(url=url, index=self.index) for url in urls if url)


@attrs.frozen(kw_only=True)
class MultiShotResult:
    """The sets of views of a finished multi-shot task, at most three."""

    images: tuple[MultiShotImage, ...] = ()

    @property
    def files(self) -> tuple[Image, ...]:
        """All views of all sets."""
        return tuple(view for each in self.images for view in each.views)


@attrs.frozen(kw_only=True)
class VideoResult:
    """The video of a finished video task; the vendor sends a list, so far always of one."""

    videos: tuple[Video, ...] = ()

    @property
    def files(self) -> tuple[Video, ...]:
        """The videos that have a link."""
        return tuple(each for each in self.videos if each.url)


@attrs.frozen(kw_only=True)
class AudioPair:
    """One sound in two encodings."""

    id: str | None = None
    url_mp3: str | None = attrs.field(default=None, repr=link)
    url_wav: str | None = attrs.field(default=None, repr=link)
    duration_mp3: float | None = None
    """Seconds, as is the next."""
    duration_wav: float | None = None

    @property
    def files(self) -> tuple[Audio, ...]:
        """The encodings that are there, MP3 first."""
        pairs = ((self.url_mp3, self.duration_mp3), (self.url_wav, self.duration_wav))
        return tuple(Audio(url=url, id=self.id, duration=duration) for url, duration in pairs if url)


@attrs.frozen(kw_only=True)
class AudioResult:
    """The sounds of a finished text to audio task."""

    audios: tuple[AudioPair, ...] = ()

    @property
    def files(self) -> tuple[Audio, ...]:
        """Every sound in both encodings."""
        return tuple(file for each in self.audios for file in each.files)


@attrs.frozen(kw_only=True)
class DubbingResult:
    """What video to audio makes: the given video with the new sound mixed in, and the sound alone."""

    videos: tuple[Video, ...] = ()
    audios: tuple[AudioPair, ...] = ()

    @property
    def files(self) -> tuple[Video | Audio, ...]:
        """The video, then its sound in both encodings."""
        return (*(each for each in self.videos if each.url), *(file for each in self.audios for file in each.files))


@attrs.frozen(kw_only=True)
class SpeechResult:
    """The speech of a text; its `id` is what avatar and lip-sync take as `audio_id`."""

    audios: tuple[Audio, ...] = ()

    @property
    def files(self) -> tuple[Audio, ...]:
        """The recordings that have a link."""
        return tuple(each for each in self.audios if each.url)


@attrs.frozen(kw_only=True)
class VoiceResult:
    """The voice a task made."""

    voices: tuple[Voice, ...] = ()

    @property
    def files(self) -> tuple[Audio, ...]:
        """The samples of the voices."""
        return tuple(file for each in self.voices for file in each.files)


@attrs.frozen(kw_only=True)
class ElementResult:
    """The element a task made."""

    elements: tuple[Element, ...] = ()

    @property
    def files(self) -> tuple[Image | Video | Audio, ...]:
        """What the elements are made of, as kept by the vendor: pictures, clips, and samples of bound voices."""
        return tuple(file for each in self.elements for file in each.files)
