"""The public types, stated. Read by mypy and pyright, run by nobody."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

from kling_async import InvalidRequest, KlingClient, Task, TaskHandle, TaskRef
from kling_async.api import (
    ElementImages,
    Elements,
    GenerateImage,
    IdentifyFace,
    Images,
    RelativePoint,
    TextToVideo,
    Videos,
)
from kling_async.models import (
    Audio,
    AudioResult,
    BalanceRow,
    DubbingResult,
    Element,
    Faces,
    FirstElement,
    FrameMasks,
    ImageResult,
    LedgerPage,
    MultiShotResult,
    OmniImageResult,
    PackageRow,
    Recognition,
    ResourcePack,
    SelectionPreview,
    SelectionSession,
    SpeechResult,
    Video,
    VideoResult,
    Voice,
)
from kling_async.protocol.direct import DirectEndpoint
from kling_async.protocol.endpoint import TaskEndpoint


async def making_a_task(kling: KlingClient) -> None:
    """A call gives a handle of the row's result; awaiting it needs no cast."""
    handle = await kling.videos.text_to_video(prompt="a cat", model_name="kling-v3", duration=5)
    assert_type(handle, TaskHandle[VideoResult])
    assert_type(handle.latest, Task[VideoResult | None] | None)
    task = await handle
    assert_type(task, Task[VideoResult])
    assert_type(task.result.videos[0].url, str)
    assert_type(task.units, Decimal | None)
    assert_type(await handle.wait(timeout=600), Task[VideoResult])
    assert_type(await (await kling.images.generate(prompt="x", n=2)), Task[ImageResult])
    assert_type(await kling.images.generate.submit(GenerateImage(prompt="x")), TaskHandle[ImageResult])


async def following_a_task(kling: KlingClient, handle: TaskHandle[VideoResult]) -> None:
    """A snapshot may lack its result, a success may not."""
    async for update in handle.updates():
        assert_type(update, Task[VideoResult | None])
        if update.result is not None:
            assert_type(update.result, VideoResult)
    assert_type(await handle.refresh(), Task[VideoResult | None])
    async for ended in kling.as_completed([handle]):
        assert_type(ended, TaskHandle[VideoResult])
    snapshot: Task[VideoResult | None] = await handle  # covariance: a success is a snapshot
    del snapshot


async def finding_a_task(kling: KlingClient) -> None:
    """By id, by external id, by page, by reference."""
    assert_type(kling.images.multi_shot.attach("1"), TaskHandle[MultiShotResult])
    assert_type(await kling.images.generate.get(external_task_id="mine"), Task[ImageResult | None])
    assert_type(await kling.images.generate.list(page=2), tuple[Task[ImageResult | None], ...])
    async for task in kling.videos.image_to_video.iterate():
        assert_type(task, Task[VideoResult | None])
    assert_type(kling.attach(TaskRef(endpoint="videos.text_to_video", task_id="1")), TaskHandle[Any])


async def composing(kling: KlingClient) -> None:
    """Handles go with asyncio's own tools."""
    video = await kling.videos.text_to_video(prompt="x")
    image = await kling.images.generate(prompt="y")
    assert_type(await asyncio.gather(video, image), tuple[Task[VideoResult], Task[ImageResult]])
    assert_type(await asyncio.wait_for(image, 5), Task[ImageResult])
    async with asyncio.TaskGroup() as group:
        assert_type(group.create_task(video.wait()), asyncio.Task[Task[VideoResult]])
    assert_type(await kling.download([video, await image, (await video).result.videos[0]], "out"), list[Path])


async def every_result(kling: KlingClient) -> None:
    """Each endpoint's handle knows what its task will have made."""
    clip = "https://files.example/fox.mp4"
    assert_type(await kling.videos.omni(prompt="x", aspect_ratio="1:1", duration="7"), TaskHandle[VideoResult])
    assert_type(await kling.videos.effects(effect_scene="x", input={"image": b"x"}), TaskHandle[VideoResult])
    assert_type(
        await kling.videos.motion_control(
            image_url=Path("fox.png"), video_url=clip, character_orientation="video", mode="std"
        ),
        TaskHandle[VideoResult],
    )
    assert_type(await kling.videos.extend(video_id="1", cfg_scale=1), TaskHandle[VideoResult])
    assert_type(await kling.images.omni(prompt="x", series_amount="auto"), TaskHandle[OmniImageResult])
    assert_type(await kling.images.try_on(human_image="x", cloth_image="y"), TaskHandle[ImageResult])
    assert_type(await kling.images.multi_shot(element_frontal_image="x"), TaskHandle[MultiShotResult])
    sound = await kling.audio.text_to_audio(prompt="rain", duration=6.5)
    assert_type(sound, TaskHandle[AudioResult])
    assert_type((await sound).result.audios[0].url_wav, str | None)
    dubbed = await (await kling.audio.video_to_audio(video_url=clip))
    assert_type(dubbed.result, DubbingResult)
    assert_type(dubbed.result.files, tuple[Video | Audio, ...])
    voice = await (await kling.voices.create(voice_name="fox", video_id="1"))
    assert_type(voice.result.voices, tuple[Voice, ...])
    element = await (
        await kling.elements.create(
            element_name="fox",
            element_description="a red fox",
            reference_type="image_refer",
            element_image_list=ElementImages(frontal_image="x", refer_images=[{"image_url": "y"}]),
        )
    )
    assert_type(element.result.elements[0].element_id, int)
    assert_type(element.result.elements[0].element_voice_info, Voice | None)


async def calling_directly(kling: KlingClient) -> None:
    """A call that is answered at once gives its answer, with no handle and no cast."""
    faces = await kling.videos.identify_face(video_url="https://files.example/fox.mp4")
    assert_type(faces, Faces)
    assert_type(faces.face_data[0].start_time, int)
    assert_type(await kling.videos.identify_face.send(IdentifyFace(video_id="1")), Faces)
    assert_type(await kling.images.recognize(image=b"x"), Recognition)
    selection = kling.videos.selection
    assert_type(await selection.init(video_id="1"), SelectionSession)
    assert_type(await selection.add(session_id="1", frame_index=0, points=[{"x": 0, "y": 1}]), FrameMasks)
    assert_type(await selection.delete(session_id="1", frame_index=0, points=[RelativePoint(x=0, y=1)]), FrameMasks)
    assert_type(await selection.preview(session_id="1"), SelectionPreview)
    await selection.clear(session_id="1")
    speech = await kling.audio.text_to_speech(text="x", voice_id="y", voice_language="en")
    assert_type(speech, Task[SpeechResult])
    assert_type(speech.result.audios, tuple[Audio, ...])
    assert_type(await kling.voices.presets(page=2), tuple[Voice, ...])
    assert_type(await kling.elements.presets(), tuple[Element, ...])
    first = kling.elements.first_generation
    assert_type(await first.list(page_size=500), tuple[FirstElement, ...])
    assert_type(await first.presets(), tuple[FirstElement, ...])
    await kling.elements.delete(element_id=9007199254740993)
    await kling.elements.delete(element_id="9007199254740993")
    await kling.voices.delete(voice_id="1")
    assert_type(await kling.account.costs(start_time=1, end_time=datetime.now(UTC)), tuple[ResourcePack, ...])
    page = await kling.account.balance(cursor="x")
    assert_type(page, LedgerPage[BalanceRow])
    assert_type(page.rows[0].currency, str | None)
    assert_type(await kling.account.packages(cursor=page.next_cursor), LedgerPage[PackageRow])
    assert_type(await kling.download(speech, "out"), list[Path])


def asking_a_request() -> None:
    """What a request tells of itself."""
    request = TextToVideo(prompt="x")
    assert_type(request.estimate(), Decimal | None)
    assert_type(request.unsupported(), tuple[InvalidRequest, ...])


def describing() -> None:
    """On the class a row describes, on the instance it acts."""
    assert_type(Videos.text_to_video.read({}), Task[VideoResult | None])
    assert_type(Images.generate.path, str)
    assert_type(Videos.identify_face.read({}), Faces)
    row: TaskEndpoint[..., Any, Any] = Images.generate
    call: DirectEndpoint[..., Any, Any] = Elements.delete
    del row, call


async def mistakes(kling: KlingClient) -> None:
    """What a type checker finds before anything runs."""
    await kling.images.generate()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(promt="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(prompt=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.images.generate("x")  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    await kling.images.generate(prompt="x", resolution="8k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.images.generate.submit(TextToVideo(prompt="x"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def mistakes_in_direct_calls(kling: KlingClient) -> None:
    """The same for calls that are answered at once."""
    await kling.videos.identify_face(video="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.videos.identify_face(video_url=b"x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.videos.selection.clear()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kling.audio.text_to_speech(text="x", voice_id="y", voice_language="de")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.account.costs(start_time="today", end_time=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.elements.delete(element_id=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.voices.delete.send(IdentifyFace(video_id="1"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kling.videos.omni(prompt="x", mode="8k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    KlingClient(validate="loud")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
