"""The account: packs that follow what is spent, and two ledgers in pages."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.documented import problems

Call = Callable[..., Awaitable[tuple[int, Any]]]

COSTS = "/account/costs"
PACKAGE = "/account/billing/package"
BALANCE = "/account/billing/balance"
IMAGES = "/v1/images/generations"
FILMS = "/v1/videos/text2video"
FACES = "/v1/videos/identify-face"
CLIP = "https://host.example/a.mp4"
DAY = 24 * 3600 * 1000
FOUR_K = {"prompt": "a cat", "model_name": "kling-v3", "mode": "4k", "duration": "15"}
LONG = 10_000

pytestmark = [pytest.mark.looptime]


def window(days: float = 400) -> dict[str, int]:
    """Some days back from now, and one ahead: tests jump."""
    now = int(time.time() * 1000)
    return {"start_time": int(now - days * DAY), "end_time": now + 30 * DAY}


async def packs(call: Call, **query: Any) -> list[dict[str, Any]]:
    """The packs that the costs tell."""
    await asyncio.sleep(2)
    _, answer = await call("GET", COSTS, **{**window(), **query})
    assert [] == problems(answer, "AccountCostsResponse")
    assert [] == problems(answer, "AccountCostsResponse", "image-account")
    assert (0, "success") == (answer["data"]["code"], answer["data"]["msg"])
    found: list[dict[str, Any]] = answer["data"]["resource_pack_subscribe_infos"]
    return found


async def rows(call: Call, path: str = PACKAGE, **body: Any) -> list[dict[str, Any]]:
    """All rows of a ledger, on one page."""
    _, answer = await call("POST", path, {**window(), **body})
    schema = "PackageLedgerResponse" if path == PACKAGE else "BalanceLedgerResponse"
    assert [] == problems(answer, schema)
    assert [] == problems(answer, schema, "image-account")
    found: list[dict[str, Any]] = answer["data"]["result"]["detail"]
    assert (len(found), False) == (answer["data"]["result"]["count"], answer["data"]["has_more"])
    return found


async def spend(call: Call) -> None:
    """Eight units of pictures, three of a video, and a synchronous call."""
    await call("POST", IMAGES, {"prompt": "a cat", "model_name": "kling-v3"})
    await call("POST", FILMS, {"prompt": "a cat", "model_name": "kling-v3"})
    await asyncio.sleep(LONG)
    await call("POST", FACES, {"video_url": CLIP})


async def test_packs(call: Call) -> None:
    """One that pays for each pool, named by units, tasks at once and months, and one of the past."""
    told = await packs(call)

    assert [
        ("Trial-Video-100Units-5Con-1Months", "expired", 100.0, 12.5),
        ("Trial-Video-100Units-5Con-1Months", "online", 100.0, 100.0),
        ("Trial-Image-1000Units-9Con-1Months", "online", 1000.0, 1000.0),
        ("Trial-TryOn-100Units-1Con-1Months", "online", 100.0, 100.0),
    ] == [
        (pack["resource_pack_name"], pack["status"], pack["total_quantity"], pack["remaining_quantity"])
        for pack in told
    ]
    assert 4 == len({pack["resource_pack_id"] for pack in told})
    assert all(pack["effective_time"] < pack["purchase_time"] for pack in told)
    assert {30 * DAY} == {pack["invalid_time"] - pack["purchase_time"] for pack in told}


@pytest.mark.kling_emulator(units={"video": 250, "image": "0"}, slots={"video": 7})
async def test_packs_follow_the_options(call: Call) -> None:
    """Limits of units and slots are what a pack is named after; an empty one has run out."""
    _, video, image, _ = await packs(call)

    assert "Trial-Video-250Units-7Con-1Months" == video["resource_pack_name"]
    assert (250.0, "online") == (video["remaining_quantity"], video["status"])
    assert (0.0, "runOut") == (image["remaining_quantity"], image["status"])


async def test_packs_follow_what_is_spent(call: Call) -> None:
    """Tasks that succeeded and synchronous calls are gone from the pack of their pool."""
    await spend(call)

    told = {pack["resource_pack_id"]: pack["remaining_quantity"] for pack in await packs(call)}

    assert [12.5, 96.95, 992.0, 100.0] == list(told.values())


async def test_the_window_is_about_the_purchase(call: Call) -> None:
    """Packs bought outside it are missing, whatever is in them."""
    recent, older = await packs(call, **window(100)), await packs(call, end_time=window()["end_time"] - 130 * DAY)

    assert (3, ["expired"]) == (len(recent), [pack["status"] for pack in older])


async def test_packs_by_name(call: Call) -> None:
    """The name must be exact."""
    exact, other = "Trial-Image-1000Units-9Con-1Months", "Trial-Image"

    found = [await packs(call, resource_pack_name=name) for name in (exact, other)]

    assert [[exact], []] == [[pack["resource_pack_name"] for pack in told] for told in found]


async def test_packs_expire(call: Call) -> None:
    """After their month they are told as expired, and go on paying: nothing here stands still for it."""
    before = await packs(call)
    await asyncio.sleep(40 * 24 * 3600)
    await call("POST", FACES, {"video_url": CLIP})

    after = await packs(call, end_time=window()["end_time"] + 100 * DAY)

    assert {"online", "expired"} == {pack["status"] for pack in before}
    assert {"expired"} == {pack["status"] for pack in after}
    assert 99.95 == after[1]["remaining_quantity"]


async def test_once_a_second(call: Call) -> None:
    """A second question within a second is 429/1302; after it there is an answer again."""
    codes = [(await call("GET", COSTS, **window()))[1]["code"] for _ in range(2)]
    await asyncio.sleep(1.5)

    status, answer = await call("GET", COSTS, **window())

    assert [0, 1302] == codes
    assert (200, 0) == (status, answer["code"])


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({}, 1200, "Missing Request Parameter"),
        ({"startTime": 1, "endTime": 2}, 1200, "Missing Request Parameter"),
        ({"start_time": 1}, 1200, "Missing Request Parameter"),
        ({"start_time": "today", "end_time": 2}, 1201, "start_time value 'today' is invalid"),
        ({"start_time": 1, "end_time": -2}, 1201, "end_time value '-2' is invalid"),
    ],
)
async def test_costs_refused(call: Call, query: dict[str, Any], code: int, message: str) -> None:
    """Missing and wrong parameters are 400; what is refused does not count as a question."""
    status, answer = await call("GET", COSTS, **query)
    _, after = await call("GET", COSTS, **window())

    assert (400, code, message) == (status, answer["code"], answer["message"])
    assert 0 == after["code"]


async def test_costs_have_a_second_code(call: Call) -> None:
    """A window that ends before it begins: code 0 outside, not 0 inside."""
    status, answer = await call("GET", COSTS, start_time=2, end_time=1)

    assert (200, 0) == (status, answer["code"])
    assert [] == problems(answer, "AccountCostsResponse")
    assert answer["data"]["code"] != 0
    assert [] == answer["data"]["resource_pack_subscribe_infos"]


async def test_costs_are_read_with_get(call: Call) -> None:
    """Another method is 404/1202."""
    status, answer = await call("POST", COSTS, {})

    assert (404, 1202) == (status, answer["code"])


async def test_rows_of_packs(call: Call) -> None:
    """One row for each charge, with what it was for, and units before and after; free and failed ones have none."""
    await spend(call)
    await call("POST", FILMS, {"prompt": "risky", "model_name": "kling-v3", "sound": "on", "mode": "pro"})
    await asyncio.sleep(LONG)

    image, video, faces = await rows(call)

    assert ("image", "generations", "kling-v3") == (
        image["product_type"],
        image["product_function"],
        image["model_name"],
    )
    assert (1000.0, 8.0, 992.0) == tuple(
        image[f"{key}"] for key in ("unit_before_deduction", "deduction_amount", "unit_after_deduction")
    )
    assert ("video", "720p", "5", "off", False, False) == tuple(
        video[key]
        for key in ("product_type", "resolution", "duration", "video_sound", "voice_control", "refer_video_input")
    )
    assert (97.0, 0.05, 96.95) == tuple(
        faces[f"{key}"] for key in ("unit_before_deduction", "deduction_amount", "unit_after_deduction")
    )
    assert re.fullmatch(r"\d{13}", video["deduction_time"])
    assert "resolution" not in image


async def test_rows_name_tasks_and_packs(call: Call) -> None:
    """Ids in rows are those of tasks and of packs."""
    _, created = await call("POST", IMAGES, {"prompt": "a cat"})
    await asyncio.sleep(LONG)

    (row,) = await rows(call)

    packed = {pack["resource_pack_id"]: pack["resource_pack_name"] for pack in await packs(call)}
    assert created["data"]["task_id"] == row["task_id"]
    assert packed[row["package_id"]].startswith("Trial-Image")


async def test_filters(call: Call) -> None:
    """Values of a key are alternatives, keys must all fit; other names fit nothing."""
    await spend(call)
    pack = (await rows(call))[0]["package_id"]

    async def fitting(*filters: tuple[str, list[str]]) -> list[str]:
        found = await rows(call, filters=[{"key": key, "values": values} for key, values in filters])
        return [row["product_function"] for row in found]

    assert ["generations"] == await fitting(("product_type", ["image"]))
    assert ["text2video", "identify-face"] == await fitting(("product_type", ["video", "try-on"]))
    assert ["generations"] == await fitting(
        ("product_type", ["image"]), ("product_type", ["video"]), ("package_id", [pack])
    )
    assert [] == await fitting(("product_type", ["video"]), ("package_id", [pack]))
    assert 3 == len(await fitting(("api_key_name", ["emulator", "other"])))
    assert [] == await fitting(("api_key_name", ["other"]))
    assert ["generations"] == await fitting(("package_name", ["Trial-Image-1000Units-9Con-1Months"]))


async def test_the_window_of_rows_is_about_the_task(call: Call) -> None:
    """Tasks created before or after it are missing."""
    await spend(call)

    before = await rows(call, end_time=window()["end_time"] - 40 * DAY)
    after = await rows(call, start_time=window()["end_time"])

    assert ([], []) == (before, after)


async def test_pages_of_rows(call: Call) -> None:
    """A cursor leads to the next page and overrides everything else; no row is lost or told twice."""
    for _ in range(7):
        await call("POST", FACES, {"video_url": CLIP})
    _, page = await call("POST", PACKAGE, {**window(), "limit": 3})
    pages = [page["data"]]
    while pages[-1]["has_more"]:
        body: dict[str, Any] = {"cursor": pages[-1]["next_cursor"], "limit": 500, "start_time": 0, "end_time": 1}
        _, page = await call("POST", PACKAGE, body)
        pages.append(page["data"])

    ids = [row["task_id"] for page in pages for row in page["result"]["detail"]]
    assert [3, 3, 1] == [page["result"]["count"] for page in pages]
    assert [row["task_id"] for row in await rows(call)] == ids
    assert "" == pages[-1]["next_cursor"]


SOME: dict[str, Any] = {"start_time": 1, "end_time": 2}
BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "start_time can not be null"),
    ({"start_time": 1}, "end_time can not be null"),
    ({"start_time": "1", "end_time": 2}, "start_time value '1' is invalid, it must be of type integer"),
    (SOME | {"limit": 501}, "limit value '501' is invalid"),
    (SOME | {"limit": 0}, "limit value '0' is invalid"),
    (
        SOME | {"filters": [{"key": "api_key_name", "values": []}]},
        "filters.0.values can not be null",
    ),
    (SOME | {"filters": [{"key": "x", "values": ["a"]}]}, "filters.0.key value 'x'"),
    ({"cursor": "abc"}, "cursor value 'abc' is invalid"),
]


@pytest.mark.parametrize("path", [PACKAGE, BALANCE])
@pytest.mark.parametrize(("body", "message"), BAD_BODIES)
async def test_ledgers_refused(call: Call, path: str, body: dict[str, Any], message: str) -> None:
    """What the documents forbid is 400/1201 and named."""
    status, answer = await call("POST", path, body)

    assert (400, 1201) == (status, answer["code"])
    assert answer["message"].startswith(message)


async def test_two_ways_to_name_a_pack(call: Call) -> None:
    """Filters by name and by id exclude each other."""
    filters = [{"key": "package_name", "values": ["a"]}, {"key": "package_id", "values": ["b"]}]

    status, answer = await call("POST", PACKAGE, {**window(), "filters": filters})

    assert (400, 1201) == (status, answer["code"])


async def test_the_balance_pays_when_the_pack_is_empty(call: Call) -> None:
    """Two clips of 45 units fit into 100, the third is paid in dollars, smaller ones go on from the pack."""
    for _ in range(3):
        await call("POST", FILMS, FOUR_K)
    await asyncio.sleep(LONG)
    await call("POST", FACES, {"video_url": CLIP})

    packed, (paid,) = await rows(call), await rows(call, BALANCE)

    assert [45.0, 45.0, 0.05] == [row["deduction_amount"] for row in packed]
    assert (10_000.0, 6.3, 9_993.7, "USD", "balance") == tuple(
        paid[key]
        for key in (
            "balance_before_deduction",
            "deduction_amount",
            "balance_after_deduction",
            "currency",
            "cash_type",
        )
    )
    assert ("4k", "15", 6.3) == (paid["resolution"], paid["duration"], paid["list_price"])


@pytest.mark.kling_emulator(quirks=True)
async def test_quirks_of_the_account(call: Call) -> None:
    """The count inside or beside the result, an empty list or null, a last cursor empty, null or missing."""
    places: set[bool] = set()
    lists: set[str] = set()
    cursors: set[str] = set()
    for _ in range(60):
        _, answer = await call("POST", BALANCE, window())
        assert [] == problems(answer, "BalanceLedgerResponse", "image-account")
        data = answer["data"]
        places.add("count" in data)
        lists.add(repr(data["result"]["detail"]))
        cursors.add(repr(data.get("next_cursor", "missing")))

    assert ({True, False}, {"[]", "None"}) == (places, lists)
    assert {"''", "None", "'missing'"} == cursors


@pytest.mark.kling_emulator(quirks=True)
async def test_what_is_left_may_be_late(call: Call) -> None:
    """With quirks a pack may tell what was in it half a day ago."""
    await spend(call)
    left: set[float] = set()
    for _ in range(20):
        await asyncio.sleep(2)
        _, answer = await call("GET", COSTS, **window(100))
        left.add(answer["data"]["resource_pack_subscribe_infos"][1]["remaining_quantity"])

    assert {1000.0, 992.0} == left
