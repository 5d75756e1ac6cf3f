"""Files on the vendor's hosts: a link, what lies behind it, when it ends. Links are as good as keys and not shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import attrs

from ..wording import link
from .wire import TELLING

Kind: TypeAlias = Literal["image", "video", "audio"]
KINDS: Final[frozenset[str]] = frozenset({"image", "video", "audio"})
"""What a file can be."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SIGNED: Final = (("Expires", 10), ("ksTime", 16))
"""The parameters that say when a link ends, in Unix seconds, and the base of their digits."""


def moment(milliseconds: int | None) -> datetime | None:
    """Unix milliseconds as an aware moment; None for what no calendar has."""
    try:
        return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


class File(Protocol):
    """A file on the vendor's hosts, kept there for 30 days after the task."""

    kind: ClassVar[Kind]
    """What the file must turn out to be."""

    @property
    def url(self) -> str:
        """Signed; fetch it with the query untouched and without credentials."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """When the link ends, as it says itself; aware. None where it says nothing: see `Task.expires_at` then."""
        ...


class Result(Protocol):
    """What a finished task made."""

    @property
    def files(self) -> tuple[File, ...]:
        """Everything there is to download, in the vendor's order."""
        ...


def expiry(url: str) -> datetime | None:
    """When a signed link ends, in either of the two styles the vendor signs; None for any other link."""
    try:
        given = dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return None
    for name, base in SIGNED:
        try:
            return EPOCH + timedelta(seconds=int(given[name], base))
        except (KeyError, ValueError, OverflowError):
            continue
    return None


class Linked:
    """What files share: a link that may say when it ends."""

    __slots__ = ()

    url: str

    @property
    def expires_at(self) -> datetime | None:
        """When the link ends, as it says itself; aware. None where it says nothing: see `Task.expires_at` then."""
        return expiry(self.url)


@attrs.frozen(kw_only=True)
class Image(Linked):
    """One picture."""

    kind: ClassVar[Kind] = "image"

    url: str = attrs.field(repr=link)
    index: int = 0
    """Counts from 0."""
    watermark_url: str | None = attrs.field(default=None, repr=link)
    """The watermarked rendition, where `watermark_info` asked for one."""


@attrs.frozen(kw_only=True)
class Video(Linked):
    """One video."""

    kind: ClassVar[Kind] = "video"

    url: str = attrs.field(default="", repr=link, metadata={TELLING: True})
    """Empty where the answer had an id and no link."""
    id: str | None = attrs.field(default=None, metadata={TELLING: True})
    """Globally unique; later calls take it as `video_id` for 30 days."""
    duration: float | None = None
    """Seconds, possibly fractional."""
    watermark_url: str | None = attrs.field(default=None, repr=link)
    """The watermarked rendition, where `watermark_info` asked for one."""
    session_id: str | None = None
    """The editing session it came from; `multi_elements` only."""
    seed: str | None = None
    """What chance began with; `extend` only, and only in documents of 2025."""


@attrs.frozen(kw_only=True)
class Audio(Linked):
    """One sound file."""

    kind: ClassVar[Kind] = "audio"

    url: str = attrs.field(default="", repr=link, metadata={TELLING: True})
    """Empty where the answer had an id and no link."""
    id: str | None = attrs.field(default=None, metadata={TELLING: True})
    """Later calls take that of a speech as `audio_id` for 30 days."""
    duration: float | None = None
    """Seconds, possibly fractional."""
