"""Calls about the library: presets of both kinds, deletes, and elements of the first generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from .calls import NO_DATA, Call
from .clock import milliseconds
from .library import PRESETS_MADE, Element, view_of
from .media import PictureWork
from .paging import MOST_VOICES_PER_PAGE, asked_page, one_page
from .results_general import told_element, told_tags, told_voice


def preset_voices(call: Call) -> Any:
    """The vendor's voices, each in the shape of a task."""
    voices = call.world.library.preset_voices()
    told = [_task(voice.task_id, "voices", told_voice(voice)) for voice in voices]
    return _page(call, told, most=MOST_VOICES_PER_PAGE)


def preset_elements(call: Call) -> Any:
    """The vendor's elements, each in the shape of a task."""
    elements = call.world.library.preset_elements("advanced")
    told = [
        {**told_element(one), "element_id": call.vary(int, str)(one.element_id), "status": "succeed"}
        for one in elements
    ]
    return _page(call, [_task(one.task_id, "elements", entry) for one, entry in zip(elements, told, strict=True)])


def plain_presets(call: Call) -> Any:
    """The vendor's elements of the first generation, which are told plainly, with what they cost."""
    elements = call.world.library.preset_elements("first")
    return _page(call, [{**_plain(call, element), "final_unit_deduction": "0"} for element in elements])


def plain_elements(call: Call) -> Any:
    """Own elements of the first generation."""
    elements = call.world.library.plain_elements(call.now)
    return _page(call, [_plain(call, element) for element in (elements[::-1] if call.newest_first else elements)])


def make_plain_element(call: Call) -> Any:
    """Make an element of the first generation, at once."""
    body, library = call.body, call.world.library

    def view(place: str, number: int) -> PictureWork:
        drawn = view_of(f"element {call.call_id}", body["element_name"], number)
        return attrs.evolve(drawn, source=call.pictures.get(place))

    element = Element(
        element_id=library.new_element_id(),
        name=body["element_name"],
        description=body["element_description"],
        made=call.now,
        frontal=view("element_frontal_image", 0),
        views=[
            view(f"element_refer_list[{number}].image_url", number + 1)
            for number in range(len(body["element_refer_list"]))
        ],
        tags=[tag["tag_id"] for tag in body.get("tag_list", [])],
        generation="first",
    )
    library.put_element(element)
    return call.linked(_plain(call, element))


def delete_voice(call: Call) -> Any:
    """Delete an own voice."""
    call.world.library.delete_voice(call.body["voice_id"], call.now)
    return _receipt(call)


def delete_element(call: Call) -> Any:
    """Delete an own element, under either of the two paths."""
    call.world.library.delete_element(call.body["element_id"], call.now)
    return _receipt(call)


def _receipt(call: Call) -> Any:
    """Live calls got no data, the documents promise a task."""
    return call.vary(NO_DATA, {"task_id": call.call_id, "task_status": "succeed"})


def _task(task_id: str | None, listed: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "task_status": "succeed",
        "task_status_msg": "",
        "created_at": milliseconds(PRESETS_MADE),
        "updated_at": milliseconds(PRESETS_MADE),
        "task_result": {listed: [entry]},
    }


def _plain(call: Call, element: Element) -> dict[str, Any]:
    """An element of the first generation; its id was seen as a number and as text."""
    return {
        "element_id": call.vary(int, str)(element.element_id),
        "element_name": element.name,
        "element_description": element.description,
        "element_frontal_image": element.frontal,
        "element_refer_list": [{"image_url": view} for view in element.views],
        "tag_list": told_tags(element),
        "owned_by": element.owned_by,
    }


def _page(call: Call, items: Sequence[dict[str, Any]], *, most: int = 500) -> Any:
    number, size = asked_page(call.query, most=most)
    return call.linked(list(one_page(items, number, size))) or call.vary([], None)
