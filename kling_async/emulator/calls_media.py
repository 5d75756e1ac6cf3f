"""Calls that look at media and answer at once: faces in a video, parts of a picture; and text read out."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from .calls import Call, present
from .documents import speakers
from .footage import clip, parent_video
from .media import CutoutWork, Part, PortraitWork, SoundWork
from .refusals import Refusal
from .results import MISSING
from .results_general import source_clip
from .sessions import Face, Session
from .world import Product

FACE_SECONDS: Final = (2.0, 60.1)
FACE_SIDES: Final = (512, 2160)
SHORTEST_FACE: Final = 2000
"""In milliseconds: a lip-sync needs two seconds of a face."""

SPEEDS: Final = (0.8, 2.0)
LETTERS_A_SECOND: Final = {"zh": 4.5, "en": 15.0}
SHORTEST_SPEECH: Final = 0.6

PARTS: Final[tuple[Part, ...]] = ("object_seg", "head_seg", "face_seg", "cloth_seg")
STAND_IN: Final = (768, 1024)
"""The size of the scenery that stands in for a picture behind a link."""
LONGEST_SIDE: Final = 2048


def identify_face(call: Call) -> Any:
    """Open a session on the faces of a video: one to three, of which the first is there all the time."""
    film = source_clip(call.world, call.body)
    length = film.frames * 1000 // film.fps
    shortest, longest = FACE_SECONDS
    if not shortest <= length / 1000 <= longest:
        raise Refusal(1201, "video duration must be between 2 and 60 seconds")
    least, most = FACE_SIDES
    if min(film.width, film.height) < least or max(film.width, film.height) > most:
        raise Refusal(1201, "video width and height must be between 512 and 2160 pixels")
    known = clip(call.world, call.body) is not None
    session = Session(
        session_id=call.call_id,
        purpose="faces",
        opened=call.now,
        clip=film,
        milliseconds=length,
        parent_video=parent_video(call.world, call.body, "" if known else call.call_id),
        faces=_faces(film.seed, length),
    )
    call.world.sessions.put(session)
    told = [
        present(
            {
                "face_id": face.face_id,
                "face_image": call.vary(call.linked(PortraitWork(f"{film.seed} {face.face_id}")), MISSING),
                "start_time": face.start_time,
                "end_time": face.end_time,
            }
        )
        for face in session.faces
    ]
    return {"session_id": session.session_id, **call.deduction(), "face_data": told}


def _faces(seed: str, length: int) -> tuple[Face, ...]:
    random = Random(f"faces {seed}")
    faces = [Face("0", 0, length)]
    for number in range(1, random.randrange(1, 4)):
        start = random.randrange(max(length - SHORTEST_FACE, 1))
        faces.append(Face(str(number), start, random.randrange(min(start + SHORTEST_FACE, length), length + 1)))
    return tuple(faces)


def speak(call: Call) -> Any:
    """Read a text out: a finished task in the answer, which no query will find."""
    body = call.body
    language: str = body["voice_language"]
    if body["voice_id"] not in speakers(language):
        raise Refusal(1201, "Voice id not found")
    slowest, fastest = SPEEDS
    speed = round(min(max(body.get("voice_speed", 1), slowest), fastest), 1)
    seconds = max(len(body["text"]) / LETTERS_A_SECOND[language] / speed, SHORTEST_SPEECH)
    sound = SoundWork(f"speech {call.call_id} {body['voice_id']}", int(seconds * 1000), spoken=True)
    audio = {"id": call.call_id, "url": sound, "duration": sound.seconds}
    call.world.products.put(Product("audios", audio, call.now, "/v1/audio/tts"))
    return present(
        {
            "task_id": call.call_id,
            "task_status": "succeed",
            "task_status_msg": call.vary("", MISSING),
            **call.deduction(),
            "task_result": {"audios": [call.linked(audio)]},
            "created_at": call.world.stamp(call.now),
            "updated_at": call.world.stamp(call.now),
        }
    )


def recognize(call: Call) -> Any:
    """Cut four parts out of a picture. With quirks there may be nobody on it."""
    given = call.pictures.get("image")
    width, height = (given.width, given.height) if given is not None else STAND_IN
    scale = min(LONGEST_SIDE / max(width, height), 1)
    seed = given.sha256 if given is not None else call.body["image"]
    somebody = call.vary(True, False)
    told: list[dict[str, Any]] = []
    for part in PARTS:
        work = CutoutWork(part, seed, max(round(width * scale), 1), max(round(height * scale), 1), given)
        found = somebody or part == "object_seg"
        told.append({"type": part, "is_contain": found, "url": work if found else call.vary("", MISSING)})
    return {"task_result": {"images": [present(call.linked(one)) for one in told]}, **call.deduction()}
