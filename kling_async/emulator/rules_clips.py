"""
Conditions of the endpoints that start from a clip, a sound or a scene: what breaks the rule, and the answer.

The first tables are about the body alone; the checks behind them also look at videos, sounds and sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from .documents import document, speakers
from .footage import audio_refused, clip_seconds, video_refused
from .media import VideoWork
from .rules import Body, Rule
from .rules_videos import V1
from .sessions import Purpose, Session
from .world import Product, World

EXTEND: Final = "/v1/videos/video-extend"
EXTENDABLE: Final = frozenset({"/v1/videos/text2video", "/v1/videos/image2video", EXTEND})
LONGEST_EXTENDED: Final = 180.0
ADDED_SECONDS: Final = 4.6

SESSION_LENGTHS: Final = {"5": (2000, 5100), "10": (7000, 10_100)}
"""What a clip may last for each ``duration`` of multi-elements, in milliseconds; clips are a frame longer than said."""
EDIT_IMAGES: Final = {"addition": (1, 2), "swap": (1, 1), "removal": (0, 0)}

AVATAR_SOUND: Final = (2, 300)
LIP_SYNC_SOUND: Final = (2, 60)
LIP_SYNC_CLIP: Final = (2, 60)
LEAST_MILLISECONDS: Final = 2000


# Motion control

MOTION_CONTROL: Final = (
    Rule(
        lambda body: "element_list" in body and body["model_name"] != "kling-v3",
        lambda body: f"element_list is not supported with {body['model_name']}",
    ),
    Rule(
        lambda body: "element_list" in body and body["character_orientation"] != "video",
        "character_orientation must be video when element_list is used",
    ),
)


# Multi-elements


def _images(body: Body) -> int:
    return len(body.get("image_list", []))


MULTI_ELEMENTS: Final = (
    Rule(lambda body: body["edit_mode"] != "removal" and not _images(body), "image_list can not be null"),
    Rule(
        lambda body: _images(body) > EDIT_IMAGES[body["edit_mode"]][1],
        lambda body: (
            f"The number of images can not be greater than {EDIT_IMAGES[body['edit_mode']][1]} "
            f"with edit_mode {body['edit_mode']}"
        ),
    ),
)


def selection_refused(body: Body, world: World) -> str | None:
    """Whether the session is there, has what the edit needs, and is about a clip of the right length."""
    found = _session(world, "selection", body["session_id"])
    if isinstance(found, str):
        return found
    least, most = SESSION_LENGTHS[body["duration"]]
    if not least <= found.milliseconds <= most:
        return f"duration value '{body['duration']}' is invalid for a video of {found.milliseconds / 1000:g} seconds"
    if body["edit_mode"] != "addition" and not found.marks:
        return f"No selection is found in the session, edit_mode {body['edit_mode']} needs one"
    return None


def _session(world: World, purpose: Purpose, session_id: str) -> Session | str:
    session = world.sessions.find(purpose, session_id)
    if session is None:
        return f"Session id not found: {session_id}"
    return f"Session id expired: {session_id}" if session.expired(world.now()) else session


# Extension


def first_of(product: Product, world: World) -> Product:
    """The video at the beginning of a chain of extensions, whose model and mode all of them have."""
    task = product.task if product.path == EXTEND else None
    parent = world.video(task.body["video_id"]) if task is not None else None
    return product if parent is None else first_of(parent, world)


def extension_refused(body: Body, world: World) -> str | None:
    """Whether there is such a video, and it can be made longer."""
    refused = video_refused(world, body["video_id"])
    video = world.video(body["video_id"])
    if refused is not None or video is None:
        return refused
    if video.path not in EXTENDABLE:
        return f"video_id value '{body['video_id']}' is invalid, it must come from text2video, image2video or extend"
    work: VideoWork = video.entry["url"]
    if work.model not in V1:
        return f"video-extend is not supported with {work.model}"
    if work.model == "kling-v1":
        for field in ("negative_prompt", "cfg_scale"):
            if field in body:
                return f"{field} is not supported with kling-v1"
    if video.seconds + ADDED_SECONDS > LONGEST_EXTENDED:
        return "The total duration of the extended video can not be longer than 3 minutes"
    return None


# Avatar


def _exactly_one(one: str, other: str, inside: str = "") -> tuple[Rule, Rule]:
    """Two fields of which one must be given, and not both; ``inside`` is the object they lie in."""
    before = f"{inside}." if inside else ""

    def given(body: Body) -> int:
        holder: Body = body[inside] if inside else body
        return (one in holder) + (other in holder)

    return (
        Rule(lambda body: given(body) == 0, f"{before}{one} and {before}{other} can not be both null"),
        Rule(lambda body: given(body) == 2, f"{before}{one} and {before}{other} can not be used together"),
    )


AVATAR: Final = _exactly_one("audio_id", "sound_file")


def avatar_sound_refused(body: Body, world: World) -> str | None:
    """Whether there is such a sound, of a length that can be spoken."""
    least, most = AVATAR_SOUND
    return audio_refused(world, body["audio_id"], least=least, most=most) if "audio_id" in body else None


# Lip-sync


def _face(body: Body) -> Mapping[str, Any]:
    face: Mapping[str, Any] = body["face_choose"][0]
    return face


def _cropped(face: Mapping[str, Any]) -> int:
    return int(face["sound_end_time"]) - int(face["sound_start_time"])


ADVANCED_LIP_SYNC: Final = (
    Rule(
        lambda body: "audio_id" not in _face(body) and "sound_file" not in _face(body),
        "audio_id and sound_file can not be both null",
    ),
    Rule(
        lambda body: "audio_id" in _face(body) and "sound_file" in _face(body),
        "audio_id and sound_file can not be used together",
    ),
    Rule(
        lambda body: _cropped(_face(body)) < LEAST_MILLISECONDS,
        "The cropped audio can not be shorter than 2 seconds",
    ),
)


def face_refused(body: Body, world: World) -> str | None:
    """Whether session, face and sound are there, and the sound fits where the face is seen."""
    found = _session(world, "faces", body["session_id"])
    if isinstance(found, str):
        return found
    chosen = _face(body)
    face = next((face for face in found.faces if face.face_id == chosen["face_id"]), None)
    if face is None:
        return f"Face id not found: {chosen['face_id']}"
    if "audio_id" in chosen:
        least, most = LIP_SYNC_SOUND
        refused = audio_refused(world, chosen["audio_id"], least=least, most=most)
        sound = world.audio(chosen["audio_id"])
        if refused is not None or sound is None:
            return refused
        if chosen["sound_end_time"] > sound.seconds * 1000:
            return "sound_end_time can not be later than the end of the audio"
    begins = chosen["sound_insert_time"]
    ends = begins + _cropped(chosen)
    if ends > found.milliseconds:
        return "The inserted audio must be within the video"
    if min(ends, face.end_time) - max(begins, face.start_time) < LEAST_MILLISECONDS:
        return "The inserted audio must overlap the time of the face by at least 2 seconds"
    return None


SPEAKS: Final = ("text", "voice_id")
AUDIO_FIELDS: Final = {"file": "audio_file", "url": "audio_url"}


def _missing_of_lip_sync(body: Body) -> str | None:
    """The first field that the mode needs and that is not there."""
    told: Mapping[str, Any] = body["input"]
    if told["mode"] == "text2video":
        return next((field for field in SPEAKS if field not in told), None)
    if "audio_type" not in told:
        return "audio_type"
    field = AUDIO_FIELDS[told["audio_type"]]
    return None if field in told else field


LIP_SYNC: Final = (
    *_exactly_one("video_id", "video_url", "input"),
    Rule(
        lambda body: _missing_of_lip_sync(body) is not None,
        lambda body: f"input.{_missing_of_lip_sync(body)} can not be null",
    ),
)


def _can_speak(told: Mapping[str, Any]) -> bool:
    """Whether the voice is known in the language. Which one counts when none is given is not known, so both do."""
    languages = [told["voice_language"]] if "voice_language" in told else ["zh", "en"]
    return any(told["voice_id"] in speakers(language) for language in languages)


def old_lip_sync_refused(body: Body, world: World) -> str | None:
    """Whether the video is there and of the right length, and the voice is known."""
    told: Mapping[str, Any] = body["input"]
    if "video_id" in told:
        refused = video_refused(world, told["video_id"])
        least, most = LIP_SYNC_CLIP
        if refused is not None:
            return refused
        if not least <= clip_seconds(world, told) <= most + 1:
            return f"Video duration must be between {least} and {most} seconds"
    if told["mode"] == "text2video" and not _can_speak(told):
        return "Voice id not found"
    return None


# Effects

OLD_SCENES: Final[Mapping[str, frozenset[str]]] = {
    "hug": frozenset(V1),
    "kiss": frozenset(V1),
    "heart_gesture": frozenset(V1),
    "fight": frozenset({"kling-v1-6"}),
}
"""The only scenes with a model and a mode, and their models."""
DEFAULT_MODEL: Final = "kling-v1"


@cache
def scenes_of_two() -> frozenset[str]:
    """The known scenes that take two pictures."""
    known = document("video-audio-general")["x-known-scenes"]
    return frozenset([*known["dual_image_2026_09"], *known["old_dual_2025"]])


@cache
def scenes_of_one() -> frozenset[str]:
    """The scenes that are known to take one picture; older lists do not say which of them do."""
    known = document("video-audio-general")["x-known-scenes"]
    return frozenset(known["single_image_2026_09"])


def _pictures_break(body: Body) -> str | None:
    """The picture field that a known scene needs and has not; a scene nobody knows may take either."""
    scene, told = body["effect_scene"], body["input"]
    if scene in scenes_of_two():
        return None if "images" in told else "images"
    if scene in scenes_of_one():
        return None if "image" in told else "image"
    return None if "image" in told or "images" in told else "image"


def _old_only(body: Body) -> str | None:
    if body["effect_scene"] in OLD_SCENES:
        return None
    return next((field for field in ("model_name", "mode") if field in body["input"]), None)


def _model(body: Body) -> str:
    return str(body["input"].get("model_name", DEFAULT_MODEL))


EFFECTS: Final = (
    Rule(lambda body: _pictures_break(body) is not None, lambda body: f"input.{_pictures_break(body)} can not be null"),
    Rule(
        lambda body: "image" in body["input"] and "images" in body["input"],
        "input.image and input.images can not be used together",
    ),
    Rule(
        lambda body: _old_only(body) is not None,
        lambda body: f"input.{_old_only(body)} is not supported with effect_scene {body['effect_scene'][:40]}",
    ),
    Rule(
        lambda body: _model(body) not in OLD_SCENES.get(body["effect_scene"], {_model(body)}),
        lambda body: f"effect_scene {body['effect_scene']} is not supported with {_model(body)}",
    ),
)
