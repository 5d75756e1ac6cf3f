"""Sessions that a synchronous call opens and a later task uses: selections in a video, faces found in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from .media import Marks, VideoWork

SESSION_SECONDS: Final = 24 * 3600
MOST_FRAMES: Final = 10
MOST_POINTS: Final = 10

Purpose = Literal["selection", "faces"]


@attrs.frozen
class Face:
    """A face found in a video, and when it is seen, in milliseconds."""

    face_id: str
    start_time: int
    end_time: int


@attrs.frozen
class Session:
    """One session. ``purpose`` is ``selection`` or ``faces``; ids of one are unknown to the other."""

    session_id: str
    purpose: Purpose
    opened: float
    clip: VideoWork
    """The video it is about, as it can be drawn."""
    milliseconds: int
    """How long that video plays."""
    parent_video: Mapping[str, Any]
    """``id``, ``url`` and ``duration`` as ``task_info.parent_video`` tells them."""
    faces: tuple[Face, ...] = ()
    marks: Mapping[int, Marks] = attrs.field(factory=dict[int, Marks])
    """The clicks on each frame that has some."""

    @property
    def width(self) -> int:
        """Of the video, in pixels."""
        return self.clip.width

    @property
    def height(self) -> int:
        """Of the video, in pixels."""
        return self.clip.height

    @property
    def fps(self) -> int:
        """Frames per second of the video."""
        return self.clip.fps

    def expired(self, now: float) -> bool:
        """Whether the session is too old."""
        return now >= self.opened + SESSION_SECONDS

    def with_marks(self, frame: int, marks: Marks) -> Session:
        """The session with other clicks on one frame; without any, the frame is as if never touched."""
        others = {number: old for number, old in self.marks.items() if number != frame}
        return attrs.evolve(self, marks={**others, frame: marks} if marks else others)


class Sessions:
    """Every session that was opened."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def put(self, session: Session) -> None:
        """Remember a session, or its next state."""
        self._sessions[session.session_id] = session

    def find(self, purpose: Purpose, session_id: str) -> Session | None:
        """A session; whether it is too old is the caller's question."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.purpose == purpose else None
