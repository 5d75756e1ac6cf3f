"""What tasks for voices, elements and sounds make, and what they leave in the library. Pure; draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .footage import clip, clip_seconds, parent_video
from .library import TAGS, Element, Voice, view_of
from .media import PictureWork, SoundWork, VideoWork, Work, seconds_as_text
from .results import Entry, Result, new_id
from .tasks import EmulatedTask
from .world import World

FRAME_RATE: Final = 24
CLIP_SIZE: Final = (1280, 720)
CHARACTER_SIZE: Final = (1920, 1080)


def sounds(task: EmulatedTask, _: World) -> Result:
    """One sound in two encodings, as long as asked."""
    return Result({"audios": [_pair(task, round(task.body["duration"] * 1000))]})


def dubbed(task: EmulatedTask, world: World) -> Result:
    """The video with sound, and the sound alone."""
    film = attrs.evolve(source_clip(world, task.body), sound=True, seed=f"dubbed {task.task_id}", marked=False)
    video = {"id": new_id(task, "video"), "url": film, "duration": film.seconds}
    thousandths = film.frames * 1000 // film.fps
    return Result({"videos": [video], "audios": [_pair(task, thousandths)]})


def source_clip(world: World, body: Mapping[str, Any]) -> VideoWork:
    """The video that a body names, as it can be drawn; what is behind a link is made up."""
    film = clip(world, body)
    if film is not None:
        return film
    link = str(body["video_url"])
    frames = round(clip_seconds(world, body) * FRAME_RATE)
    return VideoWork("", "", link[:60], *CLIP_SIZE, f"clip {world.seed} {link}", frames, FRAME_RATE)


def dubbing_of(task: EmulatedTask, world: World) -> Mapping[str, Any]:
    """The video that sound was made for, as ``task_info`` tells it."""
    return {"parent_video": parent_video(world, task.body, new_id(task, "parent"))}


def _pair(task: EmulatedTask, thousandths: int) -> Entry:
    mp3 = SoundWork(f"sound {task.task_id}", thousandths, "mp3")
    return {
        "id": new_id(task, "audio"),
        "url_mp3": mp3,
        "url_wav": attrs.evolve(mp3, form="wav"),
        "duration_mp3": seconds_as_text(thousandths / 1000),
        "duration_wav": seconds_as_text(thousandths / 1000),
    }


def keep_voice(task: EmulatedTask, world: World) -> None:
    """The voice that will be there once its task has succeeded."""
    library = world.library
    library.put_voice(Voice(library.new_voice_id(), task.body["voice_name"], task.course.ended, task_id=task.task_id))


def voices(task: EmulatedTask, world: World) -> Result:
    """The voice of a task."""
    voice = world.library.voice_of(task.task_id)
    return Result({"voices": [told_voice(voice)] if voice is not None else []})


def told_voice(voice: Voice) -> Entry:
    """A voice as the API tells it."""
    return {
        "voice_id": voice.voice_id,
        "voice_name": voice.name,
        "trial_url": voice.trial,
        "owned_by": voice.owned_by,
    }


def keep_element(task: EmulatedTask, world: World) -> None:
    """The element that will be there once its task has succeeded, with a voice of its own if it is a character."""
    body, library = task.body, world.library
    element_id = library.new_element_id()
    character = body["reference_type"] == "video_refer"
    film = body["element_video_list"]["refer_videos"][0]["video_url"] if character else ""
    bound = library.voice(body.get("element_voice_id", ""), world.now())
    spoken = Voice(library.new_voice_id(), body["element_name"], task.course.ended) if character else None
    library.put_element(
        Element(
            element_id=element_id,
            name=body["element_name"],
            description=body["element_description"],
            made=task.course.ended,
            reference_type=body["reference_type"],
            frontal=None if character else _view(task, "element_image_list.frontal_image", 0),
            views=() if character else _views(task),
            video=VideoWork("", "", film[:60], *CHARACTER_SIZE, f"element {task.task_id}", 121, 24, sound=True)
            if character
            else None,
            voice=bound or spoken,
            tags=[tag["tag_id"] for tag in body.get("tag_list", [])],
            task_id=task.task_id,
        )
    )


def _views(task: EmulatedTask) -> list[Work]:
    given = task.body["element_image_list"]["refer_images"]
    return [
        _view(task, f"element_image_list.refer_images[{number}].image_url", number + 1) for number in range(len(given))
    ]


def _view(task: EmulatedTask, place: str, number: int) -> PictureWork:
    work = view_of(f"element {task.task_id}", task.body["element_name"], number)
    return attrs.evolve(work, source=task.pictures.get(place))


def elements(task: EmulatedTask, world: World) -> Result:
    """The element of a task; its status is looked up with every answer."""
    library = world.library
    element = library.element_of(task.task_id)
    if element is None:
        return Result({"elements": []})
    return Result(
        {"elements": [{**told_element(element), "status": lambda: library.element_status(element.element_id)}]}
    )


def told_element(element: Element) -> Entry:
    """An element as the API tells it."""
    pictures = {
        "frontal_image": element.frontal,
        "refer_images": [{"image_url": view} for view in element.views],
    }
    return {
        "element_id": element.element_id,
        "element_name": element.name,
        "element_description": element.description,
        "reference_type": element.reference_type,
        "element_image_list": {} if element.is_character else pictures,
        "element_video_list": {"refer_videos": [{"video_url": element.video}]} if element.is_character else {},
        "element_voice_info": told_voice(element.voice) if element.voice is not None else {},
        "tag_list": told_tags(element),
        "owned_by": element.owned_by,
    }


def told_tags(element: Element) -> list[Entry]:
    """Tags as the API tells them: ``id`` where requests say ``tag_id``."""
    return [{"id": tag, "name": TAGS.get(tag, tag), "description": TAGS.get(tag, tag)} for tag in element.tags]
