"""
Marking things in a video: the five calls before a multi-elements task. A session keeps the clicks for a day.

What the vendor cannot recognise it refuses in ``data.status``, with code 0 outside. Which numbers it uses there is not
known; ours tell sessions, clicks and clips apart, and are none of the codes.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from .calls import Call, present
from .footage import clip, parent_video
from .masks import told
from .media import Marks, PictureWork, TrackWork, VideoWork
from .results import MISSING
from .results_general import source_clip
from .sessions import MOST_FRAMES, MOST_POINTS, Session

OK: Final = 0
NO_SESSION: Final = 1
NO_SUCH_FRAME: Final = 2
TOO_MANY: Final = 3
NO_SUCH_POINT: Final = 4
NOTHING_MARKED: Final = 5
UNFIT_CLIP: Final = 6

# Clips of our own are a frame longer than their round number of seconds.
LENGTHS: Final = ((2.0, 5.1), (7.0, 10.1))
SIDES: Final = (720, 2160)


def init(call: Call) -> Any:
    """Open a session on a clip."""
    film = source_clip(call.world, call.body)
    if not _fits(film):
        return _refused(call, UNFIT_CLIP, "")
    known = clip(call.world, call.body) is not None
    session = Session(
        session_id=call.call_id,
        purpose="selection",
        opened=call.now,
        clip=film,
        milliseconds=film.frames * 1000 // film.fps,
        parent_video=parent_video(call.world, call.body, "" if known else call.call_id),
    )
    call.world.sessions.put(session)
    return {
        "status": OK,
        "session_id": session.session_id,
        "fps": film.fps,
        "original_duration": session.milliseconds,
        "width": film.width,
        "height": film.height,
        "total_frame": film.frames,
        "normalized_video": call.linked(film),
        **call.deduction(),
    }


def add(call: Call) -> Any:
    """Add clicks on one frame."""
    session = _session(call)
    if session is None:
        return _refused(call, NO_SESSION, call.body["session_id"])
    frame = int(call.body["frame_index"])
    before = session.marks.get(frame, ())
    marks = (*before, *(point for point in _points(call) if point not in before))
    if frame >= session.clip.frames:
        return _refused(call, NO_SUCH_FRAME, session.session_id)
    if len(marks) > MOST_POINTS or len({*session.marks, frame}) > MOST_FRAMES:
        return _refused(call, TOO_MANY, session.session_id)
    return _marked(call, session.with_marks(frame, marks), frame)


def delete(call: Call) -> Any:
    """Take clicks back, named by exactly the coordinates they were made with."""
    session = _session(call)
    if session is None:
        return _refused(call, NO_SESSION, call.body["session_id"])
    frame = int(call.body["frame_index"])
    before, gone = session.marks.get(frame, ()), _points(call)
    if not set(gone) <= set(before):
        return _refused(call, NO_SUCH_POINT, session.session_id)
    return _marked(call, session.with_marks(frame, tuple(point for point in before if point not in gone)), frame)


def clear(call: Call) -> Any:
    """Take all clicks back."""
    session = _session(call)
    if session is None:
        return _refused(call, NO_SESSION, call.body["session_id"])
    call.world.sessions.put(attrs.evolve(session, marks={}))
    return present(
        {"status": OK, "session_id": session.session_id, **call.deduction(), "res": call.vary(MISSING, {}, None)}
    )


def preview(call: Call) -> Any:
    """Show what is marked, over the whole clip."""
    session = _session(call)
    if session is None:
        return _refused(call, NO_SESSION, call.body["session_id"])
    marks: Marks = tuple(point for _, points in sorted(session.marks.items()) for point in points)
    if not marks:
        return _refused(call, NOTHING_MARKED, session.session_id)
    film = session.clip
    shown = attrs.evolve(film, marks=marks, label=f"preview {film.label}".strip())
    cover = PictureWork(film.title, film.model, "preview", film.width, film.height, film.seed, marks=marks)
    track = TrackWork(film.seed, film.width, film.height, film.frames, marks)
    return {
        "status": OK,
        "session_id": session.session_id,
        **call.deduction(),
        "res": call.linked({"video": shown, "video_cover": cover, "tracking_output": track}),
    }


def _session(call: Call) -> Session | None:
    """The session of a body, if it is there and not too old."""
    session = call.world.sessions.find("selection", call.body["session_id"])
    return None if session is None or session.expired(call.now) else session


def _points(call: Call) -> Marks:
    return tuple(dict.fromkeys((point["x"], point["y"]) for point in call.body["points"]))


def _marked(call: Call, session: Session, frame: int) -> dict[str, Any]:
    """The answer to a change: every thing marked on the frame."""
    call.world.sessions.put(session)
    film = session.clip
    things = told(session.marks.get(frame, ()), film.width, film.height, seed=film.seed)
    listed = things or call.vary([], MISSING, None)
    return {
        "status": OK,
        "session_id": session.session_id,
        **call.deduction(),
        "res": present({"frame_index": frame, "rle_mask_list": listed}),
    }


def _refused(call: Call, status: int, session_id: str) -> dict[str, Any]:
    told = {"status": status, "session_id": session_id, "final_unit_deduction": call.vary("0", MISSING)}
    return present(told | {"res": call.vary(MISSING, {}, None)})


def _fits(film: VideoWork) -> bool:
    """Whether a clip can be edited. Its frames a second do not matter here: long clips of ours have fewer."""
    least, most = SIDES
    seconds = film.frames / film.fps
    long_enough = any(shortest <= seconds <= longest for shortest, longest in LENGTHS)
    return long_enough and least <= min(film.width, film.height) <= max(film.width, film.height) <= most
