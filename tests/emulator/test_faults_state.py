"""Faults of the vendor as a whole: tokens, its clock, slots, what it knows of new tasks, and whether it is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import jwt
import pytest

from kling_async.emulator import ACCESS_KEY, API_KEY, SECRET_KEY, Emulator
from kling_async.emulator.faults import (
    Clock,
    Down,
    Expire,
    Fault,
    Hide,
    Limit,
    Mix,
    Neighbour,
    Pool,
    Refuse,
    RepeatedIds,
    Shuffle,
    Stale,
    Truncate,
)

pytestmark = pytest.mark.shows_keys(
    "asked with plain aiohttp, whose errors hold the request; that ours do not is tested elsewhere"
)

Call = Callable[..., Awaitable[tuple[int, Any]]]

IMAGES = "/v1/images/generations"
VIDEOS = "/v1/videos/text2video"
TRY_ON = "/v1/images/kolors-virtual-try-on"
BODY = {"prompt": "a cat"}

real_time = pytest.mark.kling_emulator(speed=1)


def signed(number: int = 0, *, ahead: float = 0) -> str:
    """A token that is good for half an hour, of a signer whose clock may be ahead; they differ by their number."""
    now = time.time() + ahead
    claims = {"iss": ACCESS_KEY, "exp": now + 1800, "nbf": now - 5, "number": number}
    return jwt.encode(claims, SECRET_KEY, algorithm="HS256")


async def code_for(http: aiohttp.ClientSession, token: str) -> int:
    """The code that a list with this token is answered with."""
    async with http.get(IMAGES, headers={"Authorization": f"Bearer {token}"}) as answer:
        return int((await answer.json())["code"])


async def ids(call: Call, path: str = IMAGES, **query: Any) -> list[str]:
    """The ids in a list."""
    _, answer = await call("GET", path, **query)
    return [row["task_id"] for row in answer["data"]]


async def made(call: Call, path: str = IMAGES, **body: Any) -> str:
    """The id of a new task."""
    _, answer = await call("POST", path, {**BODY, **body})
    return str(answer["data"]["task_id"])


@pytest.mark.looptime
async def test_tokens_expire_before_their_time(http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """Each from so many seconds after it was shown first; a static key does not."""
    kling_emulator.add(Expire(60))
    token, later = signed(1), signed(2)

    codes = [await code_for(http, token)]
    await asyncio.sleep(59)
    codes += [await code_for(http, token), await code_for(http, later)]
    await asyncio.sleep(1)
    codes += [await code_for(http, each) for each in (token, later, API_KEY)]

    assert [0, 0, 0, 1004, 0, 0] == codes


@pytest.mark.looptime
async def test_tokens_expire_once_at_a_moment(http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """Those that were shown before are over, those that are new are good, also in the same moment."""
    old, new, newest = signed(1), signed(2), signed(3)
    await code_for(http, old)
    kling_emulator.add(Expire(), Expire(since=10))

    codes = [await code_for(http, old), await code_for(http, new)]
    await asyncio.sleep(10)
    codes += [await code_for(http, new), await code_for(http, newest)]

    assert [1004, 0, 1004, 0] == codes


async def test_a_wrong_clock_judges_tokens(http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """A vendor that is an hour slow finds good tokens not active yet, one that is fast finds them expired."""
    codes: list[int] = []
    for ahead in (-3600, 3600):
        kling_emulator.clear_faults()
        kling_emulator.add(Clock(ahead))
        codes += [await code_for(http, signed()), await code_for(http, signed(ahead=ahead))]

    assert [1003, 0, 1004, 0] == codes


async def test_a_wrong_clock_is_told_in_date(http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """By which a client can measure it, also on a refusal."""
    kling_emulator.add(Clock(-600))

    async with http.get(IMAGES) as answer:
        date = parsedate_to_datetime(answer.headers["Date"]).timestamp()

    assert -600 == pytest.approx(date - time.time(), abs=5)


@real_time
@pytest.mark.looptime
async def test_a_wrong_clock_stamps_tasks_and_ages_none(call: Call, kling_emulator: Emulator) -> None:
    """What is stamped keeps its stamp when the clock is right again; tasks do not end the sooner."""
    before = await made(call)
    kling_emulator.add(Clock(86400, since=1, until=5))
    await asyncio.sleep(2)
    during = await made(call)
    rows = [(await call("GET", f"{IMAGES}/{each}"))[1]["data"] for each in (before, during)]
    await asyncio.sleep(4)

    after = (await call("GET", f"{IMAGES}/{during}"))[1]["data"]
    kling_emulator.clear_faults()
    cleared = (await call("GET", f"{IMAGES}/{during}"))[1]["data"]

    assert 86402 == pytest.approx((rows[1]["created_at"] - rows[0]["created_at"]) / 1000, abs=0.1)
    assert [rows[1]["created_at"]] * 2 == [after["created_at"], cleared["created_at"]]
    assert "succeed" not in {row["task_status"] for row in rows}


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1, slots={"video": 2})
async def test_a_limit_changes_at_a_time(call: Call, kling_emulator: Emulator) -> None:
    """Two, then three, then endless, then two again; running tasks go on."""
    kling_emulator.add(Limit("video", 3, since=1, until=3), Limit("video", None, since=2, until=3))

    told: list[list[int]] = []
    for _ in range(4):
        told.append([(await call("POST", VIDEOS, BODY))[0] for _ in range(3)])
        await asyncio.sleep(1)

    assert [[200, 200, 429], [200, 429, 429], [200, 200, 200], [429, 429, 429]] == told


@real_time
@pytest.mark.looptime
async def test_a_limit_may_come_where_there_was_none(call: Call, kling_emulator: Emulator) -> None:
    """A pool that is endless by its options has a limit then; others stay endless."""
    kling_emulator.add(Limit("image", 0))

    image, refusal = await call("POST", IMAGES, BODY)
    video, _ = await call("POST", VIDEOS, BODY)

    assert (429, 1303, 200) == (image, refusal["code"], video)


@real_time
@pytest.mark.looptime
async def test_a_lower_limit_does_not_touch_what_holds_no_slot(call: Call, kling_emulator: Emulator) -> None:
    """Synchronous calls go on while more tasks run than there are slots left."""
    await call("POST", VIDEOS, BODY)
    kling_emulator.add(Limit("video", 0))

    spoken, _ = await call(
        "POST", "/v1/audio/tts", {"text": "hello", "voice_id": "oversea_male1", "voice_language": "en"}
    )

    assert 200 == spoken


@pytest.mark.looptime
@pytest.mark.kling_emulator(speed=1, slots={"video": 3})
async def test_a_neighbour_takes_slots_for_a_while(call: Call, kling_emulator: Emulator) -> None:
    """Unseen: there is less room and no task to explain it."""
    kling_emulator.add(Neighbour("video", 2, until=10), Neighbour("image", 3))

    during = [(await call("POST", VIDEOS, BODY))[0] for _ in range(2)]
    listed = await ids(call, VIDEOS)
    await asyncio.sleep(10)
    after = [(await call("POST", VIDEOS, BODY))[0] for _ in range(3)]

    assert ([200, 429], 1, [200, 200, 429]) == (during, len(listed), after)


@pytest.mark.looptime
@pytest.mark.parametrize(("pool", "path"), [("video", VIDEOS), ("image", IMAGES), ("try_on", TRY_ON)])
async def test_a_neighbour_may_be_seen(pool: Pool, path: str, call: Call, kling_emulator: Emulator) -> None:
    """Their tasks are listed in order, can be asked for, end when they leave, and are none of ours."""
    kling_emulator.add(Neighbour(pool, 2, visible=True, since=10, until=70))
    before = await ids(call, path)
    await asyncio.sleep(11)

    theirs = await ids(call, path)
    again = await ids(call, path)
    status, row = await call("GET", f"{path}/{theirs[0]}")
    await asyncio.sleep(60)
    _, ended = await call("GET", f"{path}/{theirs[0]}")

    assert ([], 2, 200) == (before, len(theirs), status)
    assert theirs == again
    assert ("processing", "succeed") == (row["data"]["task_status"], ended["data"]["task_status"])
    assert ({}, 0) == (kling_emulator.tasks, sum(kling_emulator.spent.values()))


@pytest.mark.looptime
@pytest.mark.kling_emulator(slots={"image": 2})
async def test_a_neighbour_leaves_when_faults_are_cleared(call: Call, kling_emulator: Emulator) -> None:
    """Their slots are free at once, and their tasks are done."""
    kling_emulator.add(Neighbour("image", 2, visible=True))
    full, _ = await call("POST", IMAGES, BODY)
    theirs = await ids(call)
    await asyncio.sleep(1)

    kling_emulator.clear_faults()
    free, _ = await call("POST", IMAGES, {**BODY, "n": 2})
    _, answer = await call("GET", IMAGES)

    assert (429, 200) == (full, free)
    assert theirs == [row["task_id"] for row in answer["data"][1:]]
    assert ["succeed"] * 2 == [row["task_status"] for row in answer["data"][1:]]


@pytest.mark.looptime
async def test_a_neighbours_tasks_stand_where_they_belong(call: Call, kling_emulator: Emulator) -> None:
    """Between what was made before they came and what was made after, though nobody looked meanwhile."""
    kling_emulator.add(Neighbour("image", 1, visible=True, since=5))
    first = await made(call)
    await asyncio.sleep(10)
    last = await made(call)

    listed = await ids(call)

    assert (last, first) == (listed[0], listed[2])
    assert 3 == len(listed)


@pytest.mark.looptime
async def test_new_tasks_are_hidden_for_a_while(call: Call, kling_emulator: Emulator) -> None:
    """From lists and from queries by either id; the id is taken all the same."""
    kling_emulator.add(Hide(5, path=IMAGES))
    task_id = await made(call, external_task_id="mine")

    hidden = [(await call("GET", f"{IMAGES}/{each}"))[1]["code"] for each in (task_id, "mine")]
    unlisted = await ids(call)
    again, _ = await call("POST", IMAGES, {**BODY, "external_task_id": "mine"})
    elsewhere = await made(call, VIDEOS)
    await asyncio.sleep(5)
    shown = [(await call("GET", f"{IMAGES}/{each}"))[1]["code"] for each in (task_id, "mine")]

    assert ([1201, 1201], [], 400) == (hidden, unlisted, again)
    assert [elsewhere] == await ids(call, VIDEOS)
    assert ([0, 0], [task_id]) == (shown, await ids(call))


@pytest.mark.looptime
async def test_an_external_id_may_be_used_twice(call: Call, kling_emulator: Emulator) -> None:
    """Two tasks, both paid for, and both can be counted under their id; without the fault it is refused again."""
    kling_emulator.add(RepeatedIds())
    body = {"external_task_id": "mine", "model_name": "kling-v1"}
    both = [await made(call, **body) for _ in range(2)]
    kling_emulator.clear_faults()

    third, _ = await call("POST", IMAGES, {**BODY, **body})
    _, found = await call("GET", f"{IMAGES}/mine")
    await asyncio.sleep(900)
    price = kling_emulator.tasks[both[0]].price

    assert both == [task.task_id for task in kling_emulator.tasks_by_external_id["mine"]]
    assert (400, both[1]) == (third, found["data"]["task_id"])
    assert price is not None
    assert 2 * price == kling_emulator.spent["image"]


async def test_an_id_used_at_two_endpoints_is_found_at_both(call: Call, kling_emulator: Emulator) -> None:
    """The later task does not hide the earlier one."""
    kling_emulator.add(RepeatedIds())
    made_ids = [await made(call, path, external_task_id="mine") for path in (IMAGES, VIDEOS)]

    found = [(await call("GET", f"{path}/mine"))[1]["data"]["task_id"] for path in (IMAGES, VIDEOS)]

    assert made_ids == found


async def test_tasks_without_an_external_id_are_not_counted_by_it(call: Call, kling_emulator: Emulator) -> None:
    """There is nothing to count them under."""
    await made(call)
    await made(call, external_task_id="mine")

    assert ["mine"] == list(kling_emulator.tasks_by_external_id)


async def test_a_list_may_be_shuffled(call: Call, kling_emulator: Emulator) -> None:
    """All rows are there, in another order each time."""
    true = [await made(call) for _ in range(12)][::-1]
    kling_emulator.add(Shuffle())

    told = [await ids(call) for _ in range(3)]

    assert [sorted(true)] * 3 == [sorted(each) for each in told]
    assert 4 == len({tuple(each) for each in (true, *told)})


@real_time
@pytest.mark.looptime
async def test_a_list_may_be_stale(call: Call, kling_emulator: Emulator) -> None:
    """It knows nothing of what is younger, and tells the statuses of then; queries are up to date."""
    kling_emulator.add(Stale(1000))
    old = await made(call)
    await asyncio.sleep(1000)
    await made(call)

    _, answer = await call("GET", IMAGES)
    _, row = await call("GET", f"{IMAGES}/{old}")

    assert [(old, "submitted")] == [(each["task_id"], each["task_status"]) for each in answer["data"]]
    assert "succeed" == row["data"]["task_status"]


async def test_a_list_may_be_mixed_with_others_tasks(call: Call, kling_emulator: Emulator) -> None:
    """Two of somebody else follow each of ours, over all pages; external ids are ours alone."""
    ours = [await made(call, external_task_id=f"mine-{number}") for number in range(3)][::-1]
    kling_emulator.add(Mix(2))

    pages = [await ids(call, pageNum=number, pageSize=4) for number in (1, 2, 3, 4)]
    _, answer = await call("GET", IMAGES)
    tagged = [row["task_id"] for row in answer["data"] if "external_task_id" in row["task_info"]]

    listed = [each for page in pages for each in page]
    assert [4, 4, 1, 0] == [len(page) for page in pages]
    assert ours == listed[::3] == tagged
    assert 9 == len(set(listed))
    assert 3 == len(kling_emulator.tasks)


async def test_a_list_may_be_cut_short(call: Call, kling_emulator: Emulator) -> None:
    """The newest rows are there, the others are not; or none at all."""
    newest = [await made(call) for _ in range(3)][::-1]
    kling_emulator.add(Truncate(2, first=1), Truncate(0, every=2, most=1))

    told = [await ids(call) for _ in range(3)]

    assert [newest[:2], [], newest] == told


async def test_a_list_may_be_refused_where_queries_are_not(call: Call, kling_emulator: Emulator) -> None:
    """The calls a fault is about can be said."""
    kling_emulator.add(Refuse(1103, calls="lists"))
    task_id = await made(call)

    listed, _ = await call("GET", IMAGES)
    asked, _ = await call("GET", f"{IMAGES}/{task_id}")

    assert (403, 200) == (listed, asked)


@pytest.mark.looptime
async def test_it_dies_and_comes_back(call: Call, kling_emulator: Emulator) -> None:
    """While it is dead connections are refused; then the same port knows the same tasks."""
    task_id = await made(call)
    kling_emulator.add(Down(since=10, until=40))
    await asyncio.sleep(9)
    before, _ = await call("GET", f"{IMAGES}/{task_id}")
    await asyncio.sleep(2)

    with pytest.raises(aiohttp.ClientConnectorError):
        await call("GET", f"{IMAGES}/{task_id}")
    await asyncio.sleep(28)
    with pytest.raises(aiohttp.ClientConnectorError):
        await call("GET", f"{IMAGES}/{task_id}")
    await asyncio.sleep(2)
    after, answer = await call("GET", f"{IMAGES}/{task_id}")

    assert (200, 200, task_id) == (before, after, answer["data"]["task_id"])


async def test_it_is_dead_as_soon_as_that_is_said(call: Call, kling_emulator: Emulator) -> None:
    """And back when the faults are cleared, after a turn or two of the loop."""
    kling_emulator.add(Down())

    with pytest.raises(aiohttp.ClientConnectorError):
        await call("GET", IMAGES)
    kling_emulator.clear_faults()
    await asyncio.sleep(0.01)
    status, _ = await call("GET", IMAGES)

    assert 200 == status


async def test_open_connections_die_with_it(kling_emulator: Emulator) -> None:
    """One that is kept alive is cut, too."""
    async with aiohttp.ClientSession(kling_emulator.url, headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        async with http.get(IMAGES) as answer:
            await answer.read()

        kling_emulator.add(Down())

        with pytest.raises(aiohttp.ClientConnectionError):
            await http.post(IMAGES, json=BODY)


async def test_it_may_begin_dead_and_be_stopped_dead() -> None:
    """It has a port, and nobody answers there; afterwards the port is free."""
    async with Emulator(faults=[Down()]) as emulator, aiohttp.ClientSession(emulator.url) as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(IMAGES)
        port = int(emulator.url.rpartition(":")[2])

    async with Emulator(port=port) as again:
        assert again.url.endswith(f":{port}")


@pytest.mark.looptime
@pytest.mark.kling_emulator(faults=[Down(since=5, until=10)])
async def test_a_death_that_the_fixture_was_given(call: Call, kling_emulator: Emulator) -> None:
    """It comes in the test's own time, from the first call on, though that began after the emulator did."""
    first, _ = await call("GET", IMAGES)
    await asyncio.sleep(6)

    with pytest.raises(aiohttp.ClientConnectorError):
        await call("GET", IMAGES)
    await asyncio.sleep(5)
    last, _ = await call("GET", IMAGES)

    assert (200, 200) == (first, last)


async def test_faults_can_be_read_and_cleared() -> None:
    """Those given at the start and those added, in order; cleared, the vendor is well."""
    given: list[Fault] = [Hide(5), Refuse(503)]
    async with Emulator(faults=given) as emulator, aiohttp.ClientSession(emulator.url) as http:
        emulator.add(Clock(3))
        before = emulator.faults
        emulator.clear_faults()

        async with http.get(IMAGES) as answer:
            status = answer.status

        assert (*given, Clock(3)) == before
        assert () == emulator.faults
        assert 401 == status


async def test_a_new_start_plays_the_script_anew() -> None:
    """Counters begin again; what was added is forgotten."""
    emulator = Emulator(faults=[Refuse(503, first=1)])
    told: list[int] = []
    for _ in range(2):
        async with emulator, aiohttp.ClientSession(emulator.url) as http:
            for _ in range(2):
                async with http.get(IMAGES) as answer:
                    told.append(answer.status)
            emulator.add(Refuse(504))

    assert [503, 401, 503, 401] == told


async def test_nothing_can_be_added_before_the_start() -> None:
    """The constructor is the place for that."""
    with pytest.raises(RuntimeError, match="not started"):
        Emulator().add(Hide(5))


async def test_only_faults_are_faults() -> None:
    """Anything else is said at once."""
    strange: Any = "cut"

    with pytest.raises(ValueError, match="faults"):
        Emulator(faults=[strange])
    async with Emulator() as emulator:
        with pytest.raises(ValueError, match="faults"):
            emulator.add(strange)
