"""Events of files on their way to the disk."""

from __future__ import annotations

from pathlib import Path

import attrs

from ..errors import KlingError
from .base import Event


@attrs.frozen(kw_only=True)
class DownloadEvent(Event):
    """Something about one file on its way to the disk."""

    name: str
    """The file's name, without the extension, which depends on the content."""
    host: str
    """Where the file comes from."""


@attrs.frozen(kw_only=True)
class DownloadStarted(DownloadEvent):
    """The first bytes of a file are here, and are of the right type."""

    received: int
    """Bytes that an earlier download left behind and that need not come again."""
    expected: int | None
    """Bytes of the whole file, where the host says."""


@attrs.frozen(kw_only=True)
class DownloadProgress(DownloadEvent):
    """About one more MiB is on its way to the disk."""

    received: int
    """Bytes so far; less than before where a file had to be started over."""
    expected: int | None
    """Bytes of the whole file, where the host says."""


@attrs.frozen(kw_only=True)
class DownloadResumed(DownloadEvent):
    """A download broke and is taken up again, after a pause."""

    received: int
    """Bytes that need not come again, if the file is still the same."""
    pause: float
    """Seconds."""
    reason: str
    """Why it broke."""


@attrs.frozen(kw_only=True)
class DownloadFinished(DownloadEvent):
    """A file is whole and has its name."""

    path: Path
    """Where it is."""
    received: int
    """Bytes of the whole file."""
    seconds: float = attrs.field(default=0.0, eq=False)
    """How long it took, pauses included, without the wait for its turn."""
    resumes: int = attrs.field(default=0, eq=False)
    """How often it broke and was taken up again."""


@attrs.frozen(kw_only=True)
class DownloadFailed(DownloadEvent):
    """A file could not be stored; the error is raised as well. A download that was cancelled has no such event."""

    error: KlingError
    """What is raised."""
    seconds: float = attrs.field(default=0.0, eq=False)
    """How long it was tried, pauses included, without the wait for its turn."""
    resumes: int = attrs.field(default=0, eq=False)
    """How often it broke and was taken up again."""
