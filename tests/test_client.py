"""The whole client against the emulator on a real socket: from a prompt to a file, and away again without a trace."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import pickle
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_async import (
    ApiKey,
    ClientClosed,
    ContentRefused,
    DuplicateTask,
    InvalidRequest,
    KlingClient,
    Limits,
    Polling,
    ResponseError,
    Retry,
    TaskFailed,
    TaskRef,
    TaskStatus,
)
from kling_async.api import CALLS, RESOURCES, ROWS, GenerateImage
from kling_async.emulator import Emulator
from kling_async.events import Event, SlotAwaited
from tests.support.vendor import API_KEY, Reply, Vendor, said

QUICK = Polling(max_lag=0.02)
CLIP = "https://example.com/a.mp4"


async def test_a_prompt_becomes_a_picture_on_disk(tmp_path: Path) -> None:
    """The main job, with the charge and the file."""
    async with Emulator(speed=1000) as emulator, emulator.client(polling=QUICK) as kling:
        handle = await kling.images.generate(prompt="a lighthouse in fog", model_name="kling-v3", n=2)
        task = await handle
        paths = await kling.download(task, tmp_path)

    assert (2, Decimal(16)) == (len(task.result.images), task.units)
    assert [f"{task.id}-0.png", f"{task.id}-1.png"] == [path.name for path in paths]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


async def test_a_prompt_becomes_a_video_on_disk(tmp_path: Path) -> None:
    """Seconds given as a number are sent as the vendor wants them, and come back as a number."""
    async with Emulator(speed=5000) as emulator, emulator.client(polling=QUICK) as kling:
        handle = await kling.videos.text_to_video(prompt="a kite climbs", model_name="kling-v3", duration=3)
        task = await handle
        (path,) = await kling.download(handle, tmp_path)

    assert 3.0 == pytest.approx(task.result.videos[0].duration, abs=0.1)
    assert b"ftyp" == path.read_bytes()[4:8]


async def test_every_create_carries_an_external_id(kling: KlingClient) -> None:
    """Ours where the user gives none, and the task is found by it."""
    handles = [await kling.images.generate(prompt="x") for _ in range(3)]
    own = await kling.images.generate(prompt="x", external_task_id="order-17")

    found = await kling.images.generate.get(external_task_id="order-17")

    assert 3 == len({handle.external_task_id for handle in handles} - {None, ""})
    assert ("order-17", own.id) == (own.external_task_id, found.id)


async def test_an_external_id_of_ones_own_that_is_taken_is_refused(kling: KlingClient) -> None:
    """The first attempt of a second task is no repetition of the first."""
    await kling.images.generate(prompt="x", external_task_id="mine")

    with pytest.raises(DuplicateTask, match="mine"):
        await kling.images.generate(prompt="y", external_task_id="mine")


async def test_a_request_can_be_built_first_and_submitted_later(kling: KlingClient) -> None:
    """A value is as good as keywords."""
    request = GenerateImage(prompt="x", aspect_ratio="1:1")

    first, second = await kling.images.generate.submit(request), await kling.images.generate.submit(request)

    assert first.id != second.id


async def test_a_reference_takes_a_task_up_again_in_another_client() -> None:
    """After a restart, say, by either id."""
    async with Emulator(speed=1000) as emulator:
        async with emulator.client() as kling:
            handle = await kling.videos.text_to_video(prompt="x", model_name="kling-v3")
            text = handle.ref.to_json()

        async with emulator.client(polling=QUICK) as kling:
            by_id = await kling.attach(TaskRef.from_json(text))
            by_name = await kling.videos.text_to_video.attach(external_task_id=handle.external_task_id)

    assert handle.id == by_id.id == by_name.id


async def test_a_handle_attached_by_external_id_learns_its_task_id(kling: KlingClient) -> None:
    """From the first answer on."""
    made = await kling.images.generate(prompt="x", external_task_id="mine")
    handle = kling.images.generate.attach(external_task_id="mine")

    await handle.refresh()

    assert made.id == handle.id


async def test_refused_content_and_failed_tasks_are_told_apart(kling: KlingClient) -> None:
    """One costs nothing and never was a task, the other ended as one."""
    with pytest.raises(ContentRefused) as refused:
        await kling.images.generate(prompt="something forbidden")
    handle = await kling.images.generate(prompt="something risky")
    with pytest.raises(TaskFailed, match="risk control"):
        await handle

    assert 1301 == refused.value.code
    assert refused.value.advice


async def test_a_create_waits_until_a_full_pool_has_room() -> None:
    """A refusal for want of slots is no failure; the waiting can be watched."""
    told = list[Event]()
    async with Emulator(slots={"image": 3}, speed=100) as emulator, emulator.client(on_event=told.append) as kling:
        first = await kling.images.generate(prompt="x", n=2)
        second = await kling.images.generate(prompt="x", n=2)

        await second

        assert first.done or "succeed" == emulator.tasks[str(first.id)].status
        assert 2 == len(emulator.tasks)
        assert SlotAwaited(pool="image", slots=2, queued=1) in told


async def test_two_hundred_tasks_are_awaited_together(kling_emulator: Emulator) -> None:
    """Through gather, in one client, with the watchers of two endpoints."""
    async with kling_emulator.client(polling=QUICK) as kling:
        handles = [
            await (kling.videos.text_to_video if at % 2 else kling.images.generate)(
                prompt=f"number {at}", model_name="kling-v3"
            )
            for at in range(200)
        ]
        tasks = await asyncio.gather(*(handle.wait() for handle in handles))

    assert {TaskStatus.SUCCEED} == {task.status for task in tasks}
    assert [handle.id for handle in handles] == [task.id for task in tasks]


async def test_as_completed_gives_every_handle_once(kling_emulator: Emulator) -> None:
    """Each is done when it is given."""
    async with kling_emulator.client(polling=QUICK) as kling:
        handles = [await kling.images.generate(prompt=f"number {at}") for at in range(20)]

        given = [handle async for handle in kling.as_completed(handles)]

    assert {handle.id for handle in handles} == {handle.id for handle in given}
    assert all(handle.done for handle in given)


@pytest.mark.looptime
async def test_minutes_of_waiting_take_no_time_in_a_test() -> None:
    """At the vendor's real pace, on a real socket, with looptime's clock."""
    clock = asyncio.get_running_loop().time
    async with Emulator(speed=1) as emulator, emulator.client() as kling:
        handle = await kling.videos.text_to_video(prompt="x", model_name="kling-v3")
        start = clock()
        task = await handle
        waited = clock() - start

    assert task.updated_at is not None
    assert task.created_at is not None
    took = (task.updated_at - task.created_at).total_seconds()
    assert took > 30
    assert took - 1 <= waited <= min(took + 12, took * 1.2 + 1)


async def test_closing_leaves_no_task_behind_and_wakes_who_waits() -> None:
    """In the middle of everything; the task itself goes on."""
    async with Emulator(speed=0.001) as emulator:
        kling = emulator.client(polling=QUICK)
        before = asyncio.all_tasks()
        handle = await kling.images.generate(prompt="x")
        waiting = asyncio.ensure_future(handle.wait())
        follower = asyncio.ensure_future(anext(aiter(handle.updates())))
        for _ in range(20):
            await asyncio.sleep(0)

        await kling.close()
        outcomes = await asyncio.gather(waiting, follower, return_exceptions=True)

        assert isinstance(outcomes[0], ClientClosed)
        assert [] == [task.get_name() for task in asyncio.all_tasks() - before if "kling_async" in task.get_name()]
        with pytest.raises(ClientClosed):
            await handle
        assert handle.id in emulator.tasks


@pytest.mark.looptime
async def test_a_create_that_is_cancelled_leaves_its_id_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing paid is lost, even if nobody waited for the answer."""
    caplog.set_level(logging.WARNING)
    async with Vendor(Reply(silent=True)) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
            creating = asyncio.ensure_future(kling.images.generate(prompt="x"))
            while not vendor.seen:
                await asyncio.sleep(0)
            creating.cancel()
            with pytest.raises(asyncio.CancelledError):
                await creating

        assert vendor.seen[0].json["external_task_id"] in caplog.text
        assert vendor.seen[0].json["external_task_id"] == vars(caplog.records[-1])["kling.external_task_id"]
        assert "'x'" not in caplog.text


async def test_a_client_shows_where_it_goes_and_nothing_else() -> None:
    """`repr` is for people who debug."""
    kling = KlingClient(api_key=API_KEY)

    assert "<KlingClient https://api-singapore.klingai.com open>" == repr(kling)
    await kling.close()
    assert "<KlingClient https://api-singapore.klingai.com closed>" == repr(kling)
    with pytest.raises(ClientClosed):
        async with kling:
            pass


async def test_an_endpoint_shows_its_real_parameters(kling: KlingClient) -> None:
    """In help() and notebooks, its own fields before the common ones."""
    parameters = list(inspect.signature(kling.images.generate).parameters)

    assert "prompt" == parameters[0]
    assert ["callback_url", "external_task_id", "extra"] == parameters[-3:]


async def test_a_close_that_is_cancelled_still_closes_every_connection(tmp_path: Path) -> None:
    """Nothing is left open that would warn later, which fails a test here."""
    async with Emulator(speed=1000) as emulator:
        kling = emulator.client()
        await kling.download(await kling.images.generate(prompt="x"), tmp_path)

        closing = asyncio.ensure_future(kling.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])

        assert kling.closed
        assert kling.inside.core.downloader._session is None


async def test_waiting_on_a_closed_client_leaves_no_listener_behind() -> None:
    """However often it is tried."""
    kling = KlingClient(api_key=API_KEY)
    handle = kling.images.generate.attach("1")
    await kling.close()

    for _ in range(3):
        with pytest.raises(ClientClosed):
            await handle

    assert not handle._listeners


class Deaf:
    """A server that takes a connection and reads next to nothing."""

    def __init__(self) -> None:
        self.asked = 0
        self._over = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str, None]:
        """Its address."""
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=4096) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._over.set()

    async def _serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        await self._over.wait()
        writer.transport.abort()


async def test_a_create_that_never_left_is_not_looked_for(caplog: pytest.LogCaptureFixture) -> None:
    """Cancelled while its body was on its way, or before its turn: there is no task, and nothing in the log."""
    caplog.set_level(logging.INFO)
    server = Deaf()
    slots = Limits(image=9)
    async with server.serving() as url, KlingClient(api_key=API_KEY, base_url=url, limits=slots) as kling:
        creating = [
            asyncio.ensure_future(kling.images.generate(prompt="x", extra={"new": "x" * 48_000_000})) for _ in range(9)
        ]
        while server.asked < 8:
            await asyncio.sleep(0)
        for each in creating:
            each.cancel()
        await asyncio.wait(creating)

    assert all(each.cancelled() for each in creating)
    assert "" == caplog.text


@pytest.mark.parametrize("direct", [False, True])
async def test_a_call_that_waits_for_its_key_has_not_left(caplog: pytest.LogCaptureFixture, *, direct: bool) -> None:
    """Whoever cancels it then has lost nothing."""
    caplog.set_level(logging.INFO)
    waits = asyncio.Event()

    async def never() -> ApiKey:
        waits.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with KlingClient(credentials=never, base_url="http://127.0.0.1:9") as kling:
        calling: asyncio.Future[Any] = asyncio.ensure_future(
            kling.videos.identify_face(video_url=CLIP) if direct else kling.images.generate(prompt="x")
        )
        await waits.wait()
        calling.cancel()
        await asyncio.wait([calling])

    assert calling.cancelled()
    assert "" == caplog.text


@pytest.mark.parametrize("billed", [True, False])
async def test_a_billed_call_that_is_cancelled_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture, *, billed: bool
) -> None:
    """It has no id by which it could be looked for; one that only reads is not worth a word."""
    caplog.set_level(logging.INFO)
    async with Vendor(Reply(silent=True)) as vendor, KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
        calling: asyncio.Future[Any] = asyncio.ensure_future(
            kling.videos.identify_face(video_url=CLIP) if billed else kling.voices.presets()
        )
        while not vendor.seen:
            await asyncio.sleep(0)
        calling.cancel()
        await asyncio.wait([calling])

    said = [record.getMessage() for record in caplog.records]
    told = "videos.identify_face was cancelled before its answer came; it may have been carried out, and billed"
    assert ([told] if billed else []) == said
    assert CLIP not in caplog.text


async def test_an_external_id_of_ones_own_stays_one_line_of_the_log(
    kling: KlingClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it is made of."""
    caplog.set_level(logging.INFO)

    await kling.images.generate(prompt="x", external_task_id="a\r\nlog: injected")

    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert r"a\r\nlog: injected" in caplog.text


async def test_parts_of_a_client_cannot_be_pickled() -> None:
    """They say so, as the client does, and not what they are made of."""
    kling = KlingClient(api_key=API_KEY)

    names = (*(resource.name for resource in RESOURCES), *ROWS, *CALLS)
    for part in (kling, *(attrgetter(name)(kling) for name in names)):
        with pytest.raises(TypeError, match="connections and credentials and cannot be pickled"):
            pickle.dumps(part)
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy.deepcopy(part)


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("image.generate", "did you mean images.generate"),
        ("videos.text2video", "videos.text_to_video"),
        ("cat", "such"),
    ],
)
async def test_an_unknown_endpoint_says_what_was_probably_meant(endpoint: str, words: str) -> None:
    """In a line, and not by listing them all."""
    kling = KlingClient(api_key=API_KEY)

    with pytest.raises(InvalidRequest, match=words) as caught:
        kling.attach(TaskRef(endpoint=endpoint, task_id="1"))

    assert endpoint == caught.value.value
    assert 140 > len(str(caught.value))


async def test_the_id_of_an_answer_that_makes_no_sense_is_short() -> None:
    """Found while its data is read, it has its id from the header, which may be of any length."""
    odd = said([], message="ok")
    headers = {**odd.headers, "X-Request-Id": "x" * 3000}
    async with Vendor(attrs.evolve(odd, headers=headers)) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url, retry=Retry(attempts=1)) as kling:
            with pytest.raises(ResponseError) as caught:
                await kling.images.generate.get("1")

    assert "x" * 80 + "..." == caught.value.request_id
