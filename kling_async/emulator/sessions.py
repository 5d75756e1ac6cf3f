"""Sessions that a synchronous call opens and a later task uses: selections in a video, faces found in one."""

from __future__ import annotations

from typing import Any, Final

import attrs

SESSION_SECONDS: Final = 24 * 3600


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
    purpose: str
    opened: float
    width: int
    height: int
    fps: int
    milliseconds: int
    """How long the video of the session plays."""
    parent_video: dict[str, Any]
    """``id``, ``url`` and ``duration`` as ``task_info.parent_video`` tells them."""
    faces: tuple[Face, ...] = ()

    def expired(self, now: float) -> bool:
        """Whether the session is too old."""
        return now >= self.opened + SESSION_SECONDS


class Sessions:
    """Every session that was opened."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def put(self, session: Session) -> None:
        """Remember a session, or its next state."""
        self._sessions[session.session_id] = session

    def find(self, purpose: str, session_id: str) -> Session | None:
        """A session; whether it is too old is the caller's question."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.purpose == purpose else None
