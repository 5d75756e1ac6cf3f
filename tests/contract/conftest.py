"""What the contract needs: every row on an emulator, and a valid request for it made from its fields alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import attrs
import pytest
import pytest_asyncio

from kling_async import InvalidRequest, KlingClient, Polling
from kling_async.api import CALLS, ROWS, FieldInfo, info
from kling_async.emulator import Emulator

ADDRESS = "https://files.example/fox.png"
CLIP = "https://files.example/fox.mp4"
SPEECH = "https://files.example/fox.mp3"


PLAIN: Final[Mapping[str, Any]] = {
    "text": "a red fox",
    "texts": ["a red fox"],
    "url": ADDRESS,
    "picture": ADDRESS,
    "video": CLIP,
    "sound": SPEECH,
    "switch": True,
}


def example_value(about: FieldInfo) -> Any:
    """A value that a field takes."""
    least = 1 if about.minimum is None else int(about.minimum)
    if about.kind == "choice":
        return about.choices[0]
    if about.kind == "object":
        return required(about.item)
    if about.kind in ("objects", "pictures"):
        return [ADDRESS if about.item is None else required(about.item)] * max(least, 1)
    return PLAIN.get(about.kind, least)


def required(kind: Any) -> dict[str, Any]:
    """The least that a request class takes: its required fields, then whatever its rules ask for."""
    abouts = {field.name: about for field in attrs.fields(kind) if (about := info(field))}
    given = {
        field.name: example_value(abouts[field.name]) for field in attrs.fields(kind) if field.default is attrs.NOTHING
    }
    for _ in abouts:
        try:
            kind(**given)
        except InvalidRequest as wanted:
            if wanted.field not in abouts or wanted.field in given:
                break  # a rule that no example can guess: see PREPARED
            given[wanted.field] = example_value(abouts[wanted.field])
        else:
            break
    return given


# What a call needs that an earlier one gave. Fields only the vendor can fill; all others are made from the row.


async def video_to_extend(kling: KlingClient) -> dict[str, Any]:
    """A finished video that can be made longer."""
    task = await (await kling.videos.text_to_video(prompt="a red fox", model_name="kling-v1-6"))
    return {"video_id": task.result.videos[0].id}


async def marked_clip(kling: KlingClient) -> dict[str, Any]:
    """A clip in which something is selected."""
    session = await kling.videos.selection.init(video_url=CLIP)
    await kling.videos.selection.add(session_id=session.session_id, frame_index=0, points=[{"x": 0, "y": 0}])
    return {"session_id": session.session_id}


async def face_to_speak(kling: KlingClient) -> dict[str, Any]:
    """A face in a clip, and a speech for it."""
    faces = await kling.videos.identify_face(video_url=CLIP)
    span = {"sound_start_time": 0, "sound_end_time": 3000, "sound_insert_time": 0}
    face = {"face_id": faces.face_data[0].face_id, "sound_file": SPEECH, **span}
    return {"session_id": faces.session_id, "face_choose": [face]}


async def speaker(_: KlingClient) -> dict[str, Any]:
    """A voice of the speech catalogue."""
    return {"voice_id": "oversea_male1", "voice_language": "en"}


async def clip_to_speak(_: KlingClient) -> dict[str, Any]:
    """What the first generation of lip-sync takes in one object."""
    said = {"mode": "text2video", "text": "hello", "voice_id": "oversea_male1", "voice_language": "en"}
    return {"input": {"video_url": CLIP, **said}}


async def own_voice(kling: KlingClient) -> dict[str, Any]:
    """A voice of the account."""
    task = await (await kling.voices.create(voice_name="fox", voice_url=SPEECH))
    return {"voice_id": task.result.voices[0].voice_id}


async def own_element(kling: KlingClient) -> dict[str, Any]:
    """An element of the account."""
    handle = await kling.elements.create(**required(ROWS["elements.create"].request))
    return {"element_id": (await handle).result.elements[0].element_id}


Prepare = Callable[[KlingClient], Awaitable[dict[str, Any]]]
PREPARED: Final[Mapping[str, Prepare]] = {
    "videos.extend": video_to_extend,
    "videos.multi_elements": marked_clip,
    **{f"videos.selection.{name}": marked_clip for name in ("add", "delete", "clear", "preview")},
    "videos.advanced_lip_sync": face_to_speak,
    "videos.lip_sync": clip_to_speak,
    "audio.text_to_speech": speaker,
    "voices.delete": own_voice,
    "elements.delete": own_element,
}
"""By the name of a row."""


PACED: Final = frozenset({"account.costs"})
"""What is told once a second, so that a client which asks again waits: tested on a clock that jumps."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of such calls."""
    case: Any = getattr(item, "callspec", None)
    if case is not None and getattr(case.params.get("call"), "name", "") in PACED:
        item.add_marker(pytest.mark.looptime)


@attrs.frozen
class Subject:
    """A row on a client of a running emulator."""

    row: Any
    method: Any
    kling: KlingClient
    emulator: Emulator

    least: dict[str, Any]
    """The least arguments the request class takes."""
    before: tuple[int, frozenset[str]]
    """Requests that had arrived, and tasks that were there, when the test began."""

    @property
    def example(self) -> dict[str, Any]:
        """Arguments that make a task: the least, and a prompt where there is one."""
        prompt = {"prompt": "a red fox"} if "prompt" in attrs.fields_dict(self.row.request) else {}
        return {**self.least, **prompt}

    @property
    def calls(self) -> int:
        """How many requests the test has made."""
        return len(self.emulator.requests) - self.before[0]

    @property
    def tasks(self) -> set[str]:
        """The ids of the tasks that the test has made."""
        return set(self.emulator.tasks) - self.before[1]


async def on_emulator(row: Any, kling: KlingClient, emulator: Emulator) -> Subject:
    """A row with what it needs."""
    method: Any = kling
    for name in row.name.split("."):
        method = getattr(method, name)
    given = await PREPARED[row.name](kling) if row.name in PREPARED else {}
    before = len(emulator.requests), frozenset(emulator.tasks)
    return Subject(row, method, kling, emulator, {**required(row.request), **given}, before)


@pytest.fixture
def kling_emulator_options() -> Mapping[str, Any]:
    """The same course of events at every run."""
    return {"seed": 1}


@pytest_asyncio.fixture
async def kling(kling_emulator: Emulator) -> AsyncIterator[KlingClient]:
    """A client that asks often, because the emulator's time runs a thousand times as fast."""
    async with kling_emulator.client(polling=Polling(max_lag=0.05)) as client:
        yield client


@pytest_asyncio.fixture(params=ROWS.values(), ids=list(ROWS))
async def subject(request: pytest.FixtureRequest, kling: KlingClient, kling_emulator: Emulator) -> Subject:
    """Each row of tasks in turn."""
    return await on_emulator(request.param, kling, kling_emulator)


@pytest_asyncio.fixture(params=CALLS.values(), ids=list(CALLS))
async def call(request: pytest.FixtureRequest, kling: KlingClient, kling_emulator: Emulator) -> Subject:
    """Each direct call in turn."""
    return await on_emulator(request.param, kling, kling_emulator)
