"""Calls in general: envelopes, routes, ids, lists, and the order in which a create is refused."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from kling_async.emulator import API_KEY, Emulator, SeenRequest

Call = Callable[..., Awaitable[tuple[int, Any]]]

IMAGES = "/v1/images/generations"
SHOTS = "/v1/general/ai-multi-shot"
TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
BODIES = {
    IMAGES: {"prompt": "a cat"},
    SHOTS: {"element_frontal_image": "https://host.example/front.png"},
    TEXT: {"prompt": "a cat"},
    IMAGE: {"image": "https://host.example/first.png", "prompt": "a cat"},
}
AUTH = {"Authorization": f"Bearer {API_KEY}"}

every_endpoint = pytest.mark.parametrize("path", BODIES)


@every_endpoint
async def test_create_answers_with_a_new_task(call: Call, path: str) -> None:
    """A create is answered with the envelope and a submitted task with an id of 18 digits."""
    status, answer = await call("POST", path, {**BODIES[path], "external_task_id": "mine"})

    assert (200, 0, "SUCCEED") == (status, answer["code"], answer["message"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer["request_id"])
    assert {"task_id", "task_status", "task_info", "created_at", "updated_at"} == set(answer["data"])
    assert re.fullmatch(r"\d{18}", answer["data"]["task_id"])
    assert {"external_task_id": "mine"} == answer["data"]["task_info"]


@pytest.mark.parametrize("external_id", ["a/b", "100 %?&#", "\u732b", "..", "a+b"])
async def test_external_id_is_decoded_from_the_path(call: Call, http: aiohttp.ClientSession, external_id: str) -> None:
    """An external id may be any text; in the path it is percent-encoded."""
    await call("POST", IMAGES, {"prompt": "a cat", "external_task_id": external_id})
    encoded = quote(external_id, safe="").replace(".", "%2E")

    async with http.get(URL(f"{IMAGES}/{encoded}", encoded=True), headers=AUTH) as answer:
        body = await answer.json()

    assert {"external_task_id": external_id} == body["data"]["task_info"]


@every_endpoint
async def test_unknown_id_is_400(call: Call, path: str) -> None:
    """A miss is 400/1201 with the observed text, not 404."""
    status, answer = await call("GET", f"{path}/123")

    assert (400, 1201, "Task not found by id/external id: 123") == (status, answer["code"], answer["message"])


async def test_task_of_another_endpoint_is_unknown(call: Call) -> None:
    """Ids are looked up within the endpoint of the path."""
    _, created = await call("POST", TEXT, {**BODIES[TEXT], "external_task_id": "mine"})

    by_id = await call("GET", f"{IMAGES}/{created['data']['task_id']}")
    by_external_id = await call("GET", f"{IMAGES}/mine")

    assert [400, 400] == [by_id[0], by_external_id[0]]


async def test_external_id_is_unique_within_the_account(call: Call, kling_emulator: Emulator) -> None:
    """A second task with an external id is refused on any endpoint; an empty one was never given."""
    await call("POST", IMAGES, {**BODIES[IMAGES], "external_task_id": "mine"})

    same = await call("POST", TEXT, {**BODIES[TEXT], "external_task_id": "mine"})
    empty = [await call("POST", TEXT, {**BODIES[TEXT], "external_task_id": ""}) for _ in range(2)]

    assert (400, 1201, "External_task_id mine already exists") == (same[0], same[1]["code"], same[1]["message"])
    assert [200, 200] == [status for status, _ in empty]
    assert 3 == len(kling_emulator.tasks)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", (404, 1203)),
        ("GET", "/v1/images/generation", (404, 1203)),
        ("GET", "/v1/videos/omni-videos", (404, 1203)),
        ("GET", f"{IMAGES}/a/b", (404, 1203)),
        ("DELETE", IMAGES, (404, 1202)),
        ("PUT", TEXT, (404, 1202)),
        ("POST", f"{TEXT}/123", (404, 1202)),
        ("GET", f"{IMAGES}/", (200, 0)),
    ],
)
async def test_unknown_route_and_method(call: Call, method: str, path: str, expected: tuple[int, int]) -> None:
    """No such path is 404/1203, no such method 404/1202; a slash at the end does no harm."""
    status, answer = await call(method, path)

    assert expected == (status, answer["code"])


@pytest.mark.parametrize(("newest_first", "order"), [(True, [4, 3, 2, 1, 0]), (False, [0, 1, 2, 3, 4])])
async def test_lists_are_cut_into_pages(newest_first: bool, order: list[int]) -> None:  # noqa: FBT001
    """Pages follow each other without gap; past the end there is an empty one; other endpoints stay out."""
    async with (
        Emulator(newest_first=newest_first) as emulator,
        aiohttp.ClientSession(emulator.url, headers=AUTH) as http,
    ):
        for number in range(5):
            await http.post(IMAGES, json={"prompt": "a cat", "external_task_id": str(number)})
            await http.post(TEXT, json={"prompt": "a cat"})

        pages: list[list[int]] = []
        for page in (1, 2, 3, 4):
            async with http.get(IMAGES, params={"pageNum": page, "pageSize": 2}) as answer:
                data = (await answer.json())["data"]
                pages.append([int(task["task_info"]["external_task_id"]) for task in data])

    assert [order[:2], order[2:4], order[4:], []] == pages


@pytest.mark.parametrize(
    "query",
    [
        {"pageNum": "0"},
        {"pageNum": "1001"},
        {"pageNum": "-1"},
        {"pageNum": "1.5"},
        {"pageNum": "x"},
        {"pageNum": "\u0663"},
        {"pageNum": "9" * 5000},
        {"pageSize": "0"},
        {"pageSize": "501"},
        {"pageSize": ""},
    ],
)
async def test_page_out_of_range_is_refused(call: Call, query: dict[str, str]) -> None:
    """pageNum is 1 to 1000, pageSize 1 to 500."""
    status, answer = await call("GET", IMAGES, **query)

    assert (400, 1201) == (status, answer["code"])
    assert answer["message"].startswith(next(iter(query)))


@pytest.mark.kling_emulator(slots={"image": 1}, units={"image": 20}, speed=0.001)
async def test_a_create_is_refused_in_the_vendors_order(call: Call) -> None:
    """Parameters, then policy, then external id, then units, then slots."""
    body = {"prompt": "a cat", "model_name": "kling-v3", "external_task_id": "mine"}
    await call("POST", IMAGES, body)

    answers = [
        await call("POST", IMAGES, {**body, "prompt": "forbidden", "n": 0}),
        await call("POST", IMAGES, {**body, "prompt": "forbidden", "n": 2}),
        await call("POST", IMAGES, {**body, "n": 2}),
        await call("POST", IMAGES, {**body, "n": 2, "external_task_id": "other"}),
        await call("POST", IMAGES, {**body, "external_task_id": "other"}),
    ]

    assert [1201, 1301, 1201, 1102, 1303] == [answer["code"] for _, answer in answers]


async def test_requests_are_recorded_without_headers(call: Call, kling_emulator: Emulator) -> None:
    """Every API call is there, in order, with status and code."""
    await call("POST", IMAGES, {})
    await call("GET", IMAGES, pageNum=2)

    assert [
        SeenRequest("POST", IMAGES, "", 400, 1201),
        SeenRequest("GET", IMAGES, "pageNum=2", 200, 0),
    ] == kling_emulator.requests


@pytest.mark.kling_emulator(refused_words=("dragon", "red fox"))
@pytest.mark.parametrize(
    ("prompt", "code"),
    [("a Dragon!", 1301), ("the red fox", 1301), ("dragonfly", 0), ("a red-fox", 0), ("forbidden", 0)],
)
async def test_refused_words(call: Call, prompt: str, code: int) -> None:
    """A whole word from the list, in any case, is refused at create with 1301."""
    status, answer = await call("POST", TEXT, {"prompt": prompt})

    assert (200 if code == 0 else 400, code) == (status, answer["code"])


async def test_words_are_looked_for_in_shots_too(call: Call) -> None:
    """The prompts of a storyboard are read like any other."""
    shots = [{"index": 1, "prompt": "forbidden", "duration": "5"}]
    body = {"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize", "multi_prompt": shots}

    _, answer = await call("POST", TEXT, body)

    assert 1301 == answer["code"]
