"""A FastAPI application with our parts in it, on a real socket and against the emulator."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
from fastapi import FastAPI, Request

from kling_async import KlingClient, MissingCredentials, Polling, SubmitUnknown, TaskHandle
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Hide
from kling_async.fastapi import Kling, install_errors, kling_client, kling_lifespan, updates_response
from tests.support.serving import uvicorn_served


@attrs.frozen
class Sent:
    """One server-sent event, as a browser takes it."""

    event: str
    data: Any
    id: str
    retry: str = ""


def parsed(text: str) -> list[Sent]:
    """The events of a stream; comments are passed over."""
    found = list[Sent]()
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            found.append(
                Sent(fields["event"], json.loads(fields["data"]), fields.get("id", ""), fields.get("retry", ""))
            )
    return found


def service(**options: Any) -> FastAPI:
    """What a user would write, with the client's *options*."""
    app = FastAPI(lifespan=kling_lifespan(**options))
    install_errors(app)
    handles = dict[str, TaskHandle[Any]]()
    app.state.handles = handles

    @app.post("/pictures", status_code=202)
    async def create(kling: Kling, prompt: str, n: int = 1) -> Mapping[str, str | None]:
        handle = await kling.images.generate(prompt=prompt, model_name="kling-v3", n=n)
        handles[handle.id or ""] = handle
        return handle.ref.as_dict()

    @app.get("/pictures/{task_id}")
    async def get(kling: Kling, task_id: str) -> str:
        return (await kling.images.generate.get(task_id)).status

    @app.get("/pictures/{task_id}/updates")
    async def updates(kling: Kling, task_id: str, request: Request, heartbeat: float = 15.0) -> Any:
        handle = handles.get(task_id) or kling.images.generate.attach(task_id)
        return updates_response(handle, request, heartbeat=heartbeat)

    return app


@asynccontextmanager
async def running(emulator: Emulator, **options: Any) -> AsyncGenerator[tuple[aiohttp.ClientSession, FastAPI], None]:
    """A client of the service, which is a client of the emulator."""
    app = service(base_url=emulator.url, access_key="emulator-access-key", secret_key=KEY, **options)
    async with uvicorn_served(app) as url, aiohttp.ClientSession(url) as session:
        yield session, app


KEY = "emulator-secret-key-not-a-secret-at-all"
QUICK = Polling(max_lag=0.02)


async def made(session: aiohttp.ClientSession, prompt: str = "a lighthouse") -> str:
    """The id of a task that the service has started."""
    async with session.post("/pictures", params={"prompt": prompt}) as answer:
        assert 202 == answer.status, await answer.text()
        task_id: str = (await answer.json())["task_id"]
        return task_id


async def test_a_client_lives_as_long_as_the_application() -> None:
    """One for all requests, open when the first comes, closed when the last has gone."""
    seen = list[KlingClient]()
    app = FastAPI(lifespan=kling_lifespan(api_key="not-used-0123456789"))

    @app.get("/")
    async def look(kling: Kling) -> bool:
        seen.append(kling)
        return kling.closed

    async with uvicorn_served(app) as url, aiohttp.ClientSession(url) as session:
        answers = [await (await session.get("/")).json() for _ in range(2)]

    assert [False, False] == answers
    assert seen[0] is seen[1]
    assert seen[0].closed


async def test_a_function_makes_the_client_and_another_lifespan_surrounds_it() -> None:
    """On the loop of the worker; what the lifespan yields is the state of requests."""
    made = list[KlingClient]()

    def make() -> KlingClient:
        made.append(KlingClient(api_key="not-used-0123456789"))
        return made[0]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Mapping[str, Any], None]:
        async with kling_lifespan(make)(app) as state:
            yield {**state, "mine": 1}

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def look(request: Request, kling: Kling) -> list[Any]:
        return [kling is made[0], request.state.mine]

    async with uvicorn_served(app) as url, aiohttp.ClientSession(url) as session:
        told = await (await session.get("/")).json()

    assert [True, 1] == told


async def test_an_application_without_a_client_says_what_to_do() -> None:
    """Instead of an attribute that is missing."""
    request = Request({"type": "http", "state": {}})

    with pytest.raises(RuntimeError, match=r"FastAPI\(lifespan=kling_lifespan\(\)\)"):
        kling_client(request)


async def test_a_client_that_cannot_be_made_keeps_the_application_from_starting() -> None:
    """Not the first request, when it is too late, but the start."""
    app = FastAPI(lifespan=kling_lifespan())

    with pytest.raises(MissingCredentials):
        async with app.router.lifespan_context(app):
            pass


async def test_a_test_puts_its_own_client_in_place() -> None:
    """By FastAPI's own means."""
    app = FastAPI()

    @app.get("/")
    async def look(kling: Kling) -> bool:
        return kling.closed

    async with KlingClient(api_key="not-used-0123456789") as kling:
        app.dependency_overrides[kling_client] = lambda: kling
        async with uvicorn_served(app) as url, aiohttp.ClientSession(url) as session:
            answer = await (await session.get("/")).json()

    assert answer is False


async def test_errors_are_answered_as_problems(caplog: pytest.LogCaptureFixture) -> None:
    """What the caller did wrong by type, title and field; what only the owner can change is logged."""
    async with Emulator(speed=1000) as emulator, running(emulator) as (session, _):
        invalid = await session.post("/pictures", params={"prompt": "x", "n": 99})
        refused = await session.post("/pictures", params={"prompt": "a forbidden thing"})
        unknown = await session.get("/pictures/4711")
        told = [(answer.status, answer.content_type, (await answer.json())) for answer in (invalid, refused, unknown)]

    assert ["application/problem+json"] * 3 == [each[1] for each in told]
    assert [422, 422, 404] == [each[0] for each in told]
    assert "n" == told[0][2]["field"]
    assert ["invalid-request", "content-refused", "task-not-found"] == [
        each[2]["type"].rpartition(":")[2] for each in told
    ]
    assert [] == [record for record in caplog.records if record.name == "kling_async.fastapi"]


async def test_trouble_of_the_services_own_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """Wrong credentials are nobody's business but the owner's."""
    async with Emulator() as emulator:
        app = service(base_url=emulator.url, api_key="a-wrong-key-0123456789")
        async with uvicorn_served(app) as url, aiohttp.ClientSession(url) as session:
            answer = await session.get("/pictures/1")
            body = await answer.text()

    assert 502 == answer.status
    assert "account needs attention" in body
    assert "1002" not in body
    (record,) = [record for record in caplog.records if record.name == "kling_async.fastapi"]
    assert "AuthenticationError" in record.getMessage()
    assert "a-wrong-key" not in record.getMessage()


async def test_news_come_until_the_end() -> None:
    """Each event is the whole state; the last one is final, has the result, and ends the stream."""
    async with Emulator(speed=100) as emulator, running(emulator, polling=QUICK) as (session, _):
        task_id = await made(session)
        async with session.get(f"/pictures/{task_id}/updates") as answer:
            sent = parsed(await answer.text())

    assert "text/event-stream" == answer.content_type
    assert "no-store" in answer.headers["Cache-Control"]
    assert ["submitted", "processing", "succeed"] == [each.data["status"] for each in sent]
    assert {"task"} == {each.event for each in sent}
    assert {task_id} == {each.data["task_id"] for each in sent}
    assert [False, False, True] == [each.data["done"] for each in sent]
    assert sent[-1].data["result"]["images"][0]["url"].startswith("http://127.0.0.1:")
    assert 3 == len({each.id for each in sent})


async def test_a_failed_task_is_news_like_any_other() -> None:
    """With the vendor's reason; the problem event is for what cannot be told."""
    async with Emulator(speed=1000) as emulator, running(emulator, polling=QUICK) as (session, _):
        task_id = await made(session, "a risky thing")
        async with session.get(f"/pictures/{task_id}/updates") as answer:
            sent = parsed(await answer.text())

    assert ("task", "failed") == (sent[-1].event, sent[-1].data["status"])
    assert sent[-1].data["message"]


async def test_a_browser_that_comes_again_is_told_what_it_has_not_seen() -> None:
    """With Last-Event-ID, and by a worker that attaches to the task, too."""
    async with Emulator(speed=20) as emulator, running(emulator, polling=QUICK) as (session, app):
        task_id = await made(session)
        async with session.get(f"/pictures/{task_id}/updates") as answer:
            seen = parsed((await answer.content.readuntil(b"\r\n\r\n")).decode())
        app.state.handles.clear()
        last = {"Last-Event-ID": seen[0].id}
        async with session.get(f"/pictures/{task_id}/updates", headers=last) as answer:
            sent = parsed(await answer.text())

    assert seen[0].id not in {each.id for each in sent}
    assert "succeed" == sent[-1].data["status"]


async def test_a_browser_that_has_seen_the_end_is_told_to_stop() -> None:
    """204, at which an EventSource does not come again; nothing is asked of the vendor."""
    async with Emulator(speed=1000) as emulator, running(emulator, polling=QUICK) as (session, app):
        task_id = await made(session)
        async with session.get(f"/pictures/{task_id}/updates") as answer:
            end = parsed(await answer.text())[-1]
        app.state.handles.clear()
        asked = len(emulator.requests)
        async with session.get(f"/pictures/{task_id}/updates", headers={"Last-Event-ID": end.id}) as again:
            pass

        assert 204 == again.status
        assert asked == len(emulator.requests)


@pytest.mark.parametrize("last", ["", "odd", "processing-", "-", "unknown-0", "\xff", "x" * 5000])
async def test_an_odd_last_event_id_is_none(last: str) -> None:
    """All there is is told."""
    async with Emulator(speed=1000) as emulator, running(emulator, polling=QUICK) as (session, _):
        task_id = await made(session)
        async with session.get(f"/pictures/{task_id}/updates", headers={"Last-Event-ID": last}) as answer:
            sent = parsed(await answer.text())

    assert "succeed" == sent[-1].data["status"]


async def test_what_cannot_be_told_is_a_problem_event() -> None:
    """A task that the vendor denies; the browser is asked to wait before it comes again."""
    polling = Polling(max_lag=0.02, patience=0.05)
    async with Emulator(faults=[Hide(3600)]) as emulator, running(emulator, polling=polling) as (session, _):
        task_id = await made(session)
        async with session.get(f"/pictures/{task_id}/updates") as answer:
            sent = parsed(await answer.text())

    assert "problem" == sent[-1].event
    assert (410, "urn:problem-type:kling-async:task-lost") == (sent[-1].data["status"], sent[-1].data["type"])
    assert int(sent[-1].retry) > 1000


async def test_a_quiet_stream_is_kept_alive() -> None:
    """By comments, which a browser passes over and a proxy counts."""
    async with Emulator() as emulator, running(emulator) as (session, _):
        task_id = await made(session)
        async with session.get(f"/pictures/{task_id}/updates", params={"heartbeat": "0.01"}) as answer:
            told = [await answer.content.readuntil(b"\r\n\r\n") for _ in range(3)]

    assert told[0].startswith(b"id: submitted-")
    assert all(each.startswith(b": ping") for each in told[1:])


async def test_a_closed_tab_ends_the_listening_and_nothing_else() -> None:
    """Another tab goes on, and the task with it; with the last tab nobody listens any more."""
    async with Emulator(speed=20) as emulator, running(emulator, polling=QUICK) as (session, app):
        task_id = await made(session)
        handle: TaskHandle[Any] = app.state.handles[task_id]
        first, second = [await session.get(f"/pictures/{task_id}/updates") for _ in range(2)]
        for tab in (first, second):
            await tab.content.readuntil(b"\r\n\r\n")
        first.close()
        sent = parsed((await second.content.read()).decode())
        second.close()

        assert "succeed" == sent[-1].data["status"]
        assert not handle.awaited

        left = await made(session)
        tab = await session.get(f"/pictures/{left}/updates")
        await tab.content.readuntil(b"\r\n\r\n")
        listened = app.state.handles[left].awaited
        tab.close()
        async with asyncio.timeout(10):
            while app.state.handles[left].awaited:
                await asyncio.sleep(0.01)
        gc.collect()
        async with asyncio.timeout(10):
            status = (await app.state.handles[left]).status

    assert listened
    assert "succeed" == status


async def test_half_a_letter_is_told_like_any_other() -> None:
    """Somebody has cut a text in the middle of a pair of surrogates, which UTF-8 cannot write."""
    async with Emulator(speed=1000) as emulator, running(emulator, polling=QUICK) as (session, app):
        task_id = await made(session)

        @app.get("/cut")
        async def cut(request: Request) -> Any:
            return updates_response(app.state.handles[task_id], request, show=lambda _: {"message": "cut \ud83d"})

        @app.get("/unknown")
        async def unknown() -> None:
            raise SubmitUnknown("open", external_task_id="\ud83d")

        async with session.get("/cut") as answer:
            sent = parsed(await answer.text())
        problem = await (await session.get("/unknown")).json()

    assert {"cut \ud83d"} == {each.data["message"] for each in sent}
    assert "\ud83d" == problem["external_task_id"]


async def test_hostile_text_stays_in_its_event() -> None:
    """Line breaks of the vendor's or a user's cannot make events of their own."""
    prompt = "a risky thing\n\nevent: task\ndata: {}\n\n\r\rdata: x"
    async with Emulator(speed=1000) as emulator, running(emulator, polling=QUICK) as (session, app):
        task_id = await made(session, prompt)
        show = {"prompt": prompt}

        @app.get("/shown")
        async def shown(request: Request) -> Any:
            return updates_response(app.state.handles[task_id], request, show=lambda _: show)

        async with session.get("/shown") as answer:
            sent = parsed(await answer.text())

    assert {prompt} == {each.data["prompt"] for each in sent}
