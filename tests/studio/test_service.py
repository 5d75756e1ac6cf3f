"""The studio without a browser: what its service promises to whoever asks, and what survives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.studio.conftest import Start, Studio
from tests.support.process import emulator_process


def refused(studio: Studio, path: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and body of a refusal."""
    with pytest.raises(HTTPError) as caught:
        studio.ask(path, body, headers)
    with caught.value as answer:
        text = answer.read()
    try:
        return answer.code, json.loads(text)
    except ValueError:
        return answer.code, text.decode()


def test_a_restart_loses_nothing(start: Start) -> None:
    """A task that was under way is followed to its end by the next run, and not made again."""
    with emulator_process() as environment:
        with start(**environment) as studio:
            number = studio.order("A red fox", "videos.text_to_video", model_name="kling-v3", duration=5)
        with start(**environment) as studio:
            tasks = studio.ended()
            picture = urlopen(studio.url + tasks[number]["files"][0]["url"], timeout=10).read()  # noqa: S310 - http, here

    assert ["done"] == [task["state"] for task in tasks.values()]
    assert b"ftyp" == picture[4:8]


def test_when_a_worker_dies_another_takes_over(start: Start) -> None:
    """Killed in the middle: every task ends well, each made once."""
    with emulator_process() as environment, start("--workers", "2", **environment) as studio:
        for number in range(6):
            studio.order(f"A kite, take {number}", "videos.text_to_video", model_name="kling-v3", duration=5)
        child = workers(studio.process.pid)[0]
        os.kill(child, signal.SIGKILL)
        tasks = studio.ended(90)

    assert {"done"} == {task["state"] for task in tasks.values()}
    assert 6 == len(tasks)


def workers(parent: int) -> list[int]:
    """The processes that serve, of which uvicorn has one more child than that."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True, check=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "spawn_main" in line]


def test_an_order_that_cannot_be_is_refused_as_a_problem(start: Start) -> None:
    """By field and rule; nothing is noted."""
    wrong = {"kind": "images.generate", "prompt": "x", "options": {"n": 99}}
    with start() as studio:
        answers = [
            refused(studio, "/api/tasks", wrong),
            refused(studio, "/api/tasks", {**wrong, "kind": "account.costs", "options": {}}),
            refused(studio, "/api/tasks", {**wrong, "options": {"callback_url": "http://127.0.0.1/x"}}),
            refused(studio, "/api/tasks", {**wrong, "prompt": "", "options": {}}),
            refused(studio, "/api/tasks", []),
        ]
        noted = studio.ask("/api/tasks")

    assert [422] * 5 == [status for status, _ in answers]
    assert ["n", "kind", "options", "prompt"] == [body["field"] for _, body in answers[:4]]
    assert [] == noted


def test_everything_that_is_offered_to_begin_with_can_be_made(start: Start) -> None:
    """Each kind with each of its models, as the page shows them at first; all but the sound name a model."""
    with start() as studio:
        kinds = studio.ask("/api/kinds")
        prices = dict[tuple[str, str], Any]()
        for kind in kinds:
            first = {option["name"]: option["first"] for option in kind["options"] if option["first"] is not None}
            models = [
                value for option in kind["options"] if option["name"] == "model_name" for value in option["values"]
            ]
            for model in models:
                order = {"kind": kind["kind"], "prompt": "x", "options": {**first, "model_name": model}}
                prices[kind["kind"], model] = studio.ask("/api/price", order)

    assert {kind["kind"] for kind in kinds} - {"audio.text_to_audio"} == {kind for kind, _ in prices}
    assert [] == [order for order, price in prices.items() if price["trouble"]]


def test_news_go_on_from_the_last_event_that_was_seen(start: Start) -> None:
    """By whatever worker: ids are versions in the store."""
    with start("--workers", "2", speed=600) as studio:
        studio.order("A paper boat")
        tasks = studio.ended()
        version = tasks[1]["version"]
        with urlopen(studio.url + "/api/news?since=0", timeout=10) as whole:  # noqa: S310 - http, here
            first = whole.readline()
        studio.order("something forbidden")
        request = Request(studio.url + "/api/news?since=0", headers={"Last-Event-ID": str(version)})  # noqa: S310 - http
        with urlopen(request, timeout=10) as rest:  # noqa: S310 - http, here
            second = rest.readline()

    assert f"id: {version}" == first.decode().strip()
    assert int(second.decode().split()[1]) > version


def test_what_is_nobodys_business_is_refused(start: Start) -> None:
    """Other names for this machine, other files, odd numbers."""
    elsewhere = {"Host": "evil.example"}
    with start(speed=600) as studio:
        studio.order("A kite")
        seen = Request(studio.url + "/api/news", headers={"Last-Event-ID": "9" * 5000})  # noqa: S310 - http, here
        with urlopen(seen, timeout=10) as whole:  # noqa: S310 - http, here
            odd = [whole.readline() for _ in range(2)][1].decode().split()[1]
        told = {
            "page": refused(studio, "/", None, elsewhere)[0],
            "tasks": refused(studio, "/api/tasks", None, elsewhere)[0],
            "above": refused(studio, "/files/..%2fstudio.db")[0],
            "dots": refused(studio, "/files/%2e%2e/studio.db")[0],
            "code": refused(studio, "/page/../app.py")[0],
            "callback": refused(studio, "/kling/v1/studio-1/k1.AAAA")[0],
            "too_many": refused(studio, "/api/tasks?limit=100000")[0],
            "too_far": refused(studio, f"/api/tasks?before={10**20}")[0],
            "too_new": refused(studio, f"/api/news?since={10**20}")[0],
        }

    numbers = {"too_many": 422, "too_far": 422, "too_new": 422}
    assert told == {"page": 400, "tasks": 400, "above": 404, "dots": 404, "code": 404, "callback": 405, **numbers}
    assert "task" == odd
