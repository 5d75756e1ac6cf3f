"""Result files over HTTP: signed links, ranges, and what a file host must never be shown."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from kling_async.emulator import API_KEY, Emulator, Picture
from kling_async.emulator.inputs import PictureStore
from kling_async.emulator.media import PictureWork, Rendering, Studio

Finished = Callable[..., Awaitable[Any]]
Link = Callable[[], Awaitable[str]]

IMAGES = "/v1/images/generations"
DAY = 24 * 3600


@pytest.fixture
def kling_emulator_options() -> Mapping[str, Any]:
    """So fast that every task is over when its create is answered."""
    return {"speed": 1e9}


@pytest.fixture
def a_link(finished: Finished) -> Link:
    """Makes a picture and gives the link to it."""

    async def a_link() -> str:
        answer = await finished(IMAGES, {"prompt": "a cat"})
        return str(answer["data"]["task_result"]["images"][0]["url"])

    return a_link


async def test_a_file_comes_whole_with_its_headers(http: aiohttp.ClientSession, a_link: Link) -> None:
    """GET gives the bytes with length, type, strong ETag, date and the offer of ranges; HEAD the same without bytes."""
    link = await a_link()

    async with http.get(link) as got:
        content = await got.read()
    async with http.head(link) as head:
        nothing = await head.read()

    assert (200, 200, b"") == (got.status, head.status, nothing)
    assert content.startswith(b"\x89PNG")
    for headers in (got.headers, head.headers):
        assert str(len(content)) == headers["Content-Length"]
        assert "image/png" == headers["Content-Type"]
        assert "bytes" == headers["Accept-Ranges"]
        assert headers["ETag"].startswith('"')
        assert abs(parsedate_to_datetime(headers["Last-Modified"]).timestamp() - time.time()) < 60
    assert got.headers["ETag"] == head.headers["ETag"]


@pytest.mark.parametrize(
    ("wanted", "cut"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=5-999999999999999999999999", slice(5, None)),
        ("bytes=-999999999", slice(0, None)),
    ],
)
async def test_a_part_of_a_file(http: aiohttp.ClientSession, a_link: Link, wanted: str, cut: slice) -> None:
    """A range is answered 206 with exactly these bytes and their place."""
    link = await a_link()
    async with http.get(link) as whole:
        content = await whole.read()

    async with http.get(link, headers={"Range": wanted}) as part:
        got = await part.read()

    first = content.index(content[cut]) if content[cut] else 0
    assert 206 == part.status
    assert content[cut] == got
    assert f"bytes {first}-{first + len(got) - 1}/{len(content)}" == part.headers["Content-Range"]
    assert str(len(got)) == part.headers["Content-Length"]


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=-0"])
async def test_range_behind_the_end(http: aiohttp.ClientSession, a_link: Link, wanted: str) -> None:
    """A range that begins where nothing is gets 416 and the true length."""
    link = await a_link()

    async with http.head(link) as head, http.get(link, headers={"Range": wanted}) as answer:
        length = head.headers["Content-Length"]

    assert (416, f"bytes */{length}") == (answer.status, answer.headers["Content-Range"])


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "bytes=9-2", "lines=1-2", "bytes=-", "bytes=a-b"])
async def test_range_that_is_not_understood(http: aiohttp.ClientSession, a_link: Link, wanted: str) -> None:
    """Several ranges, or nonsense, are answered with the whole file."""
    link = await a_link()

    async with http.get(link, headers={"Range": wanted}) as answer:
        await answer.read()

    assert 200 == answer.status


async def test_if_range(http: aiohttp.ClientSession, a_link: Link) -> None:
    """A range holds only for the version it was meant for, named by ETag or date."""
    link = await a_link()
    async with http.head(link) as head:
        versions = [head.headers["ETag"], head.headers["Last-Modified"], '"another"', "Mon, 01 Jan 2024 00:00:00 GMT"]

    statuses: list[int] = []
    for version in versions:
        async with http.get(link, headers={"Range": "bytes=0-1", "If-Range": version}) as answer:
            await answer.read()
            statuses.append(answer.status)

    assert [206, 206, 200, 200] == statuses


async def test_token_on_a_file_request_is_refused(http: aiohttp.ClientSession, a_link: Link) -> None:
    """A request for a file with an Authorization header is 400 and says why: the token would leak."""
    link = await a_link()

    async with http.get(link, headers={"Authorization": f"Bearer {API_KEY}"}) as answer:
        text = await answer.text()

    assert 400 == answer.status
    assert "Authorization" in text
    assert API_KEY not in text


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("Signature=", "Signature=x"),
        ("Signature=", "Signature=%C3%A9"),
        ("Signature=", "Signed="),
        ("Expires=", "Expires=9"),
        ("Expires=", "Expired="),
        (".png?", ".jpg?"),
    ],
)
async def test_wrong_signature(http: aiohttp.ClientSession, a_link: Link, part: str, other: str) -> None:
    """A link that was changed is 403."""
    link = await a_link()

    async with http.get(link.replace(part, other)) as answer:
        await answer.read()

    assert 403 == answer.status


@pytest.mark.looptime
async def test_link_lives_thirty_days(http: aiohttp.ClientSession, a_link: Link, kling_emulator: Emulator) -> None:
    """The link tells when it ends, 30 days after the task did, and does not work a moment longer."""
    link = await a_link()
    (task,) = kling_emulator.tasks.values()
    no_hurry = aiohttp.ClientTimeout(total=None)

    await asyncio.sleep(30 * DAY - 60)
    async with http.head(link, timeout=no_hurry) as before:
        pass
    await asyncio.sleep(120)
    async with http.head(link, timeout=no_hurry) as after:
        pass

    assert [200, 403] == [before.status, after.status]
    assert [str(int(task.course.ended) + 30 * DAY)] == parse_qs(urlsplit(link).query)["Expires"]


async def test_a_file_is_drawn_once_for_many() -> None:
    """Requests that come together get one and the same drawing, and so do those that come later."""
    asked: list[Picture] = []
    picture = Picture("png", 64, 64, 100, "digest")
    work = PictureWork("a cat", "kling-v3", "1/1", 64, 64, "seed", source=picture)
    studio = Studio(form="png", source=asked.append)

    together = await asyncio.gather(*(studio.rendering("name", work) for _ in range(8)))
    later = await studio.rendering("name", work)
    await studio.close()

    assert [picture] == asked
    assert {id(later)} == {id(drawn) for drawn in together}


async def test_a_waiter_that_leaves_does_not_stop_the_drawing() -> None:
    """The drawing goes on for whoever asks next; close() waits for it."""
    work = PictureWork("a cat", "kling-v3", "1/1", 64, 64, "seed")
    studio = Studio(form="png", source=lambda _: None)
    leaving = asyncio.ensure_future(studio.rendering("name", work))
    await asyncio.sleep(0)
    leaving.cancel()

    drawn = await studio.rendering("name", work)
    await studio.close()

    assert leaving.cancelled()
    assert drawn.content.startswith(b"\x89PNG")


async def test_dropped_files_are_drawn_again_byte_for_byte() -> None:
    """The studio holds a bounded number of bytes; a file that is drawn again is the same, so that ranges still fit."""
    works = {str(number): PictureWork("a cat", "kling-v3", "1/1", 200, 100, str(number)) for number in range(3)}
    studio = Studio(form="png", source=lambda _: None, capacity=1)

    first = [(await studio.rendering(name, work)).etag for name, work in works.items()]
    again = [(await studio.rendering(name, work)).etag for name, work in works.items()]
    await studio.close()

    assert first == again
    assert 3 == len(set(first))


async def test_close_waits_for_what_is_drawn_and_forgets_what_is_queued() -> None:
    """Nothing is left running after close(): two threads finish, the rest is cancelled."""
    works = {str(number): PictureWork("a cat", "kling-v3", "1/1", 1024, 1024, str(number)) for number in range(4)}
    studio = Studio(form="png", source=lambda _: None)
    waiting = [asyncio.ensure_future(studio.rendering(name, work)) for name, work in works.items()]
    await asyncio.sleep(0)

    await studio.close()

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {Rendering, asyncio.CancelledError} == {type(outcome) for outcome in outcomes}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kling-studio")]


def test_recent_input_pictures_are_kept() -> None:
    """The store holds a bounded number of bytes; the same picture counts once; the least recent goes first."""
    store = PictureStore(capacity=30)
    first, second, third = (Picture("png", 1, 1, 15, name) for name in ("first", "second", "third"))

    for picture in (first, second, first, third):
        store.keep(picture, bytes(15))

    assert [bytes(15), None, bytes(15)] == [store.content(picture) for picture in (first, second, third)]
