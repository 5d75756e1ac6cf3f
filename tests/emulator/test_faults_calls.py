"""Faults that strike single calls: what the client is told, what was done all the same, and which calls are struck."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from kling_async.emulator import API_KEY, Emulator, SeenRequest
from kling_async.emulator.faults import Bend, Lose, Rate, Refuse, Slow, Way

pytestmark = pytest.mark.shows_keys(
    "asked with plain aiohttp, whose errors hold the request; that ours do not is tested elsewhere"
)

Call = Callable[..., Awaitable[tuple[int, Any]]]

IMAGES = "/v1/images/generations"
VIDEOS = "/v1/videos/text2video"
BODY = {"prompt": "a cat"}
SECRET = {"Authorization": f"Bearer {API_KEY}"}

CUTS: list[Way] = ["cut", "reset"]
ANSWERS: list[tuple[int | Way, int, int | None]] = [
    # what is asked for, the HTTP status, the code if there is an envelope
    (5000, 500, 5000),
    (5001, 503, 5001),
    (5002, 504, 5002),
    (504, 504, None),
    (429, 429, None),
    (404, 404, None),
    (503, 503, None),
    ("html", 502, None),
    ("empty", 200, None),
    ("unreadable", 200, None),
    ("no_task_id", 200, 0),
    *[(code, 401, code) for code in (1000, 1001, 1002, 1003, 1004)],
    *[(code, 429, code) for code in (1100, 1101, 1102, 1302, 1303, 1304)],
    (1103, 403, 1103),
    (1200, 400, 1200),
    (1201, 400, 1201),
    (1202, 404, 1202),
    (1203, 404, 1203),
    (1300, 400, 1300),
    (1301, 400, 1301),
]


@pytest_asyncio.fixture
async def raw(kling_emulator: Emulator, http: aiohttp.ClientSession) -> AsyncIterator[Callable[..., Any]]:
    """Send a request with a valid key; gives status, headers and bytes of the answer, whatever they are."""

    async def raw(method: str, path: str, body: Any = None) -> tuple[int, Mapping[str, str], bytes]:
        async with http.request(method, path, json=body, headers=SECRET) as answer:
            return answer.status, answer.headers, await answer.read()

    yield raw


def code_of(content: bytes) -> int | None:
    """The code of an envelope; None where there is none."""
    try:
        return int(json.loads(content)["code"])
    except ValueError:
        return None


@pytest.mark.parametrize(("answer", "status", "code"), ANSWERS, ids=[str(row[0]) for row in ANSWERS])
async def test_a_lost_create_has_made_its_task(
    answer: int | Way, status: int, code: int | None, raw: Callable[..., Any], kling_emulator: Emulator
) -> None:
    """The answer tells nothing of it, and the task is there and can be asked for."""
    kling_emulator.add(Lose(answer))

    told, _, content = await raw("POST", IMAGES, {**BODY, "external_task_id": "mine"})
    found, _, _ = await raw("GET", f"{IMAGES}/mine")

    assert (status, code) == (told, code_of(content))
    assert b"task_id" not in content or answer == "unreadable"
    assert (1, 200) == (len(kling_emulator.tasks), found)


@pytest.mark.parametrize(("answer", "status", "code"), ANSWERS, ids=[str(row[0]) for row in ANSWERS])
async def test_a_refused_create_has_made_none(
    answer: int | Way, status: int, code: int | None, raw: Callable[..., Any], kling_emulator: Emulator
) -> None:
    """The same answers, and nothing was done."""
    kling_emulator.add(Refuse(answer, calls="creates"))

    told, _, content = await raw("POST", IMAGES, BODY)

    assert (status, code) == (told, code_of(content))
    assert {} == kling_emulator.tasks


@pytest.mark.parametrize("way", CUTS)
async def test_a_cut_connection_leaves_the_task(way: Way, raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """Not one byte comes back; the next call goes well."""
    kling_emulator.add(Lose(way, first=1))

    with pytest.raises(aiohttp.ClientConnectionError):
        await raw("POST", IMAGES, BODY)
    second, _, _ = await raw("POST", IMAGES, BODY)

    assert (200, 2) == (second, len(kling_emulator.tasks))


@pytest.mark.parametrize("way", CUTS)
async def test_a_cut_before_accepting_leaves_nothing(
    way: Way, raw: Callable[..., Any], kling_emulator: Emulator
) -> None:
    """The same without a task."""
    kling_emulator.add(Refuse(way))

    with pytest.raises(aiohttp.ClientConnectionError):
        await raw("POST", IMAGES, BODY)

    assert {} == kling_emulator.tasks


async def test_a_cut_and_a_reset_differ(raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """A reset is one for the operating system as well."""
    kling_emulator.add(Refuse("cut", first=1), Refuse("reset"))

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await raw("POST", IMAGES, BODY)
    with pytest.raises((aiohttp.ClientOSError, ConnectionResetError)):
        await raw("POST", IMAGES, BODY)


@pytest.mark.parametrize("kind", [Lose, Refuse])
async def test_half_of_an_answer_has_its_head(
    kind: type[Lose | Refuse], raw: Callable[..., Any], kling_emulator: Emulator
) -> None:
    """Status and length are there, the body ends in the middle."""
    kling_emulator.add(kind("cut_body", calls="creates"))

    with pytest.raises(aiohttp.ClientPayloadError):
        await raw("POST", IMAGES, BODY)

    assert (1 if kind is Lose else 0) == len(kling_emulator.tasks)
    assert [200] == [request.status for request in kling_emulator.requests]


@pytest.mark.looptime
@pytest.mark.parametrize("kind", [Lose, Refuse])
async def test_silence_lasts(kind: type[Lose | Refuse], http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """Nobody answers however long one waits; the emulator stops all the same."""
    kling_emulator.add(kind("silence", calls="creates"))
    post = asyncio.create_task(_status(http.post(IMAGES, json=BODY, headers=SECRET)))

    done, _ = await asyncio.wait({post}, timeout=200)
    await asyncio.wait_for(kling_emulator.stop(), 1)

    assert set() == done
    assert (1 if kind is Lose else 0) == len(kling_emulator.tasks)
    with pytest.raises(aiohttp.ClientConnectionError):
        await post


async def _status(request: Any) -> int:
    async with request as answer:
        return int(answer.status)


async def test_what_is_cut_off_is_the_true_answer(raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """Of a task that was made the beginning is told, of one that was not there is nothing to tell."""
    kling_emulator.add(Refuse("unreadable", first=1), Lose("unreadable"))

    _, _, refused = await raw("POST", IMAGES, BODY)
    _, _, lost = await raw("POST", IMAGES, BODY)

    assert [False, True] == [b'"data": {' in content for content in (refused, lost)]


async def test_an_array_stays_one(call: Call, kling_emulator: Emulator) -> None:
    """The data of a list are in an array as they are."""
    await call("POST", IMAGES, BODY)
    kling_emulator.add(Bend("array", calls="any"))

    _, answer = await call("GET", IMAGES)

    assert ["task_id"] == list(answer["data"][0])[:1]


async def test_a_page_of_html_is_html(raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """As a gateway sends it."""
    kling_emulator.add(Lose("html"))

    _, headers, content = await raw("POST", IMAGES, BODY)

    assert headers["Content-Type"].startswith("text/html")
    assert content.startswith(b"<html>")


async def test_a_code_may_have_another_status_and_other_words(
    raw: Callable[..., Any], kling_emulator: Emulator
) -> None:
    """As behind a gateway that answers 200 to everything; a code that nobody knows must say its status."""
    kling_emulator.add(Refuse(1302, status=200, first=1), Refuse(1999, status=418, message="short and stout"))

    first, _, fast = await raw("GET", IMAGES)
    second, _, strange = await raw("GET", IMAGES)

    assert (200, 1302, 418, 1999) == (first, code_of(fast), second, code_of(strange))
    assert b"short and stout" in strange


async def test_retry_after_is_said_where_it_is_asked_for(raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """1302 comes with the header and without."""
    kling_emulator.add(Refuse(1302, retry_after=1.5, first=1), Refuse(1302))

    _, said, _ = await raw("GET", IMAGES)
    _, not_said, _ = await raw("GET", IMAGES)

    assert "2" == said["Retry-After"]
    assert "Retry-After" not in not_said


async def test_what_the_emulator_refuses_itself_is_not_lost(call: Call, kling_emulator: Emulator) -> None:
    """The first create that is accepted loses its answer, not the first that comes."""
    kling_emulator.add(Lose(5000, first=1))

    bad, _ = await call("POST", IMAGES, {"prompt": ""})
    lost, _ = await call("POST", IMAGES, BODY)

    assert (400, 500) == (bad, lost)


@pytest.mark.parametrize("answer", [1004, 503, "html", 1302, "empty", 404, "unreadable"])
async def test_every_third_query_fails(answer: int | Way, raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """Queries are counted, and nothing else."""
    kling_emulator.add(Refuse(answer, calls="queries", every=3))
    await raw("POST", IMAGES, {**BODY, "external_task_id": "mine"})

    good: list[bool] = []
    for _ in range(6):
        await raw("GET", IMAGES)
        status, _, content = await raw("GET", f"{IMAGES}/mine")
        good.append(status == 200 and code_of(content) == 0)

    assert [True, True, False] * 2 == good


@pytest.mark.parametrize("way", CUTS)
async def test_every_second_query_is_cut(way: Way, raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """The connection, too, may be what fails; aiohttp asks once more on its own then."""
    kling_emulator.add(Refuse(way, calls="queries", every=2))
    await raw("POST", IMAGES, {**BODY, "external_task_id": "mine"})

    for _ in range(2):
        await raw("GET", f"{IMAGES}/mine")

    assert [200, 200, 0, 200] == [request.status for request in kling_emulator.requests]


async def test_data_may_be_bent(call: Call, kling_emulator: Emulator) -> None:
    """An array around the data, null, nothing at all, a status nobody knows, and none."""
    await call("POST", IMAGES, {**BODY, "external_task_id": "mine"})
    path = f"{IMAGES}/mine"
    _, (true) = await call("GET", path)

    told: list[Any] = []
    for shape in ("array", "null", "no_data", "unknown_status", "no_status"):
        kling_emulator.clear_faults()
        kling_emulator.add(Bend(shape))
        status, answer = await call("GET", path)
        told.append(answer.get("data", "left out"))
        assert (200, 0) == (status, answer["code"])

    assert true["data"]["task_id"] == told[0][0]["task_id"]
    assert [None, "left out"] == told[1:3]
    assert {"submitted", "processing", "succeed"}.isdisjoint({told[3]["task_status"]})
    assert "task_status" not in told[4]


async def test_rows_of_a_list_may_be_bent(call: Call, kling_emulator: Emulator) -> None:
    """A status nobody knows stands in each of them."""
    kling_emulator.add(Bend("unknown_status", calls="lists"))
    for _ in range(2):
        await call("POST", IMAGES, BODY)

    _, answer = await call("GET", IMAGES)

    assert {"under_review"} == {row["task_status"] for row in answer["data"]}
    assert 2 == len(answer["data"])


@pytest.mark.looptime
async def test_a_slow_answer_comes_after_its_seconds(call: Call, kling_emulator: Emulator) -> None:
    """The task is there at once; late ones only when the answer is."""
    kling_emulator.add(Slow(30, calls="creates", first=1), Slow(20, calls="creates", late=True, every=2))
    loop = asyncio.get_running_loop()

    counts: list[int] = []
    took: list[float] = []
    for _ in range(2):
        began = loop.time()
        post = asyncio.ensure_future(call("POST", IMAGES, BODY))
        await asyncio.sleep(15)
        counts.append(len(kling_emulator.tasks))
        assert 200 == (await post)[0]
        took.append(loop.time() - began)

    assert [1, 1] == counts
    assert [30, 20] == pytest.approx(took, abs=0.5)
    assert 2 == len(kling_emulator.tasks)


@pytest.mark.looptime
async def test_a_late_create_is_carried_out_though_nobody_waits(
    http: aiohttp.ClientSession, kling_emulator: Emulator
) -> None:
    """The client has given up, and then the task appears."""
    kling_emulator.add(Slow(20, late=True))

    with pytest.raises(TimeoutError):
        await _status(http.post(IMAGES, json=BODY, headers=SECRET, timeout=aiohttp.ClientTimeout(10)))
    before = len(kling_emulator.tasks)
    await asyncio.sleep(15)

    assert (0, 1) == (before, len(kling_emulator.tasks))


@pytest.mark.looptime
async def test_a_stop_does_not_wait_for_what_is_slow(http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """What is late then never happens."""
    kling_emulator.add(Slow(3600, late=True))
    post = asyncio.create_task(_status(http.post(IMAGES, json=BODY, headers=SECRET)))
    await asyncio.sleep(1)

    await asyncio.wait_for(kling_emulator.stop(), 1)

    assert {} == kling_emulator.tasks
    await asyncio.gather(post, return_exceptions=True)


@pytest.mark.looptime
async def test_a_rate_is_a_bucket_of_tokens(call: Call, kling_emulator: Emulator) -> None:
    """Two a second: two at once, then none, and one more with every half second; queries have a rate of their own."""
    kling_emulator.add(Rate(2, calls="creates"), Rate(1, calls="queries", burst=5, retry_after=3))

    at_once = [(await call("POST", IMAGES, BODY))[0] for _ in range(3)]
    await asyncio.sleep(0.5)
    later = [(await call("POST", IMAGES, BODY))[0] for _ in range(2)]
    queries = [(await call("GET", f"{IMAGES}/nothing"))[1]["code"] for _ in range(6)]

    assert [200, 200, 429] == at_once
    assert [200, 429] == later
    assert [1201] * 5 + [1302] == queries


@pytest.mark.looptime
async def test_a_rate_is_met_exactly(call: Call, kling_emulator: Emulator) -> None:
    """Whoever sends at the rate is never refused; whoever sends at twice the rate is, every other time."""
    kling_emulator.add(Rate(10, burst=1))

    told: list[list[int]] = []
    for pause in (0.1, 0.05):
        row: list[int] = []
        for _ in range(20):
            row.append((await call("GET", f"{IMAGES}/nothing"))[1]["code"])
            await asyncio.sleep(pause)
        told.append(row)

    assert [1201] * 20 == told[0]
    assert [1201, 1302] * 10 == told[1]


@pytest.mark.looptime
async def test_a_rate_does_not_save_up(raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """After an hour of silence no more may come at once than before; the header is sent if it was asked for."""
    kling_emulator.add(Rate(0.5, burst=3, retry_after=7))
    await raw("GET", IMAGES)
    await asyncio.sleep(3600)

    told = [await raw("GET", IMAGES) for _ in range(4)]

    assert [200, 200, 200, 429] == [status for status, _, _ in told]
    assert [None, None, None, "7"] == [headers.get("Retry-After") for _, headers, _ in told]


@pytest.mark.looptime
async def test_from_a_moment_to_another(call: Call, kling_emulator: Emulator) -> None:
    """Seconds count from the moment of adding."""
    await asyncio.sleep(100)
    kling_emulator.add(Refuse(1103, since=10, until=20))

    told: list[int] = []
    for _ in range(5):
        told.append((await call("GET", IMAGES))[0])
        await asyncio.sleep(5)

    assert [200, 200, 403, 403, 200] == told


async def test_first_and_most_and_path(call: Call, kling_emulator: Emulator) -> None:
    """The first calls to one endpoint; its queries are meant as well."""
    kling_emulator.add(Refuse(1103, path=VIDEOS, first=2), Refuse(1304, path="/v1/images/*", every=2, most=1))

    videos = [(await call("GET", f"{VIDEOS}/x"))[0] for _ in range(3)]
    images = [(await call("GET", IMAGES))[0] for _ in range(5)]

    assert [403, 403, 400] == videos
    assert [200, 429, 200, 200, 200] == images


async def test_synchronous_calls_are_struck_too(call: Call, kling_emulator: Emulator) -> None:
    """They are among the others, and can be picked by their path."""
    kling_emulator.add(Refuse(5001, calls="others"))

    synchronous, _ = await call("GET", "/v1/general/presets-voices")
    listed, _ = await call("GET", IMAGES)

    assert (503, 200) == (synchronous, listed)


async def test_a_lost_synchronous_call_is_charged(call: Call, kling_emulator: Emulator) -> None:
    """Lose works wherever something is done."""
    kling_emulator.add(Lose(5000, calls="others"))
    body = {"text": "hello", "voice_id": "oversea_male1", "voice_language": "en"}

    status, _ = await call("POST", "/v1/audio/tts", body)

    assert 500 == status
    assert kling_emulator.spent["video"] > 0


async def struck(seed: int) -> list[bool]:
    """Which of forty calls a fault by chance strikes."""
    async with Emulator(seed=seed, faults=[Refuse(503, chance=0.5)]) as emulator:
        async with aiohttp.ClientSession(emulator.url, headers=SECRET) as session:
            return [await _status(session.get(IMAGES)) == 503 for _ in range(40)]


async def test_chance_goes_by_the_seed() -> None:
    """The same calls again with the same seed, others with another, and about as many as was said."""
    first, again, other = await struck(1), await struck(1), await struck(2)

    assert first == again
    assert first != other
    assert 10 < sum(first) < 30


async def test_the_first_fault_that_answers_keeps_the_call_from_the_others(
    call: Call, kling_emulator: Emulator
) -> None:
    """Those after it do not count it."""
    kling_emulator.add(Refuse(1103, first=1), Refuse(1304, first=1))

    told = [(await call("GET", IMAGES))[0] for _ in range(3)]

    assert [403, 429, 200] == told


async def test_what_was_told_is_written_down(raw: Callable[..., Any], kling_emulator: Emulator) -> None:
    """Status and code as the client saw them, and the fault; of a cut there is nothing to see."""
    kling_emulator.add(Lose("cut", first=1), Lose(5002, first=1))
    for _ in range(3):
        with contextlib.suppress(aiohttp.ClientConnectionError):
            await raw("POST", IMAGES, BODY)

    seen = kling_emulator.requests

    assert [
        SeenRequest("POST", IMAGES, "", 0, 0, "lose cut"),
        SeenRequest("POST", IMAGES, "", 504, 5002, "lose 5002"),
        SeenRequest("POST", IMAGES, "", 200, 0),
    ] == seen
