"""What the emulator's tests share: a way to call it with plain aiohttp, and pictures to send."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image

from kling_async.emulator import API_KEY, Emulator

Call = Callable[..., Awaitable[tuple[int, Any]]]
Finished = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


@pytest_asyncio.fixture
async def http(kling_emulator: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain session without a token, based on the emulator's address."""
    # Without a pool there is no tidying every few seconds, which would be felt in a test that lets a month pass.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(kling_emulator.url, connector=connector) as session:
        yield session


@pytest.fixture
def call(http: aiohttp.ClientSession) -> Call:
    """Send a request with a valid key; gives the HTTP status and the JSON answer."""

    async def call(method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        content = None
        if body is not None:
            content = io.BytesIO(json.dumps(body).encode())  # aiohttp warns about large bodies of any other kind
            headers["Content-Type"] = "application/json"
        async with http.request(method, path, data=content, params=query or None, headers=headers) as answer:
            return answer.status, await answer.json()

    return call


@pytest.fixture
def finished(call: Call, kling_emulator: Emulator) -> Finished:
    """Create a task and let it end; gives the whole answer of a query."""

    async def finished(path: str, body: Mapping[str, Any]) -> Any:
        _, created = await call("POST", path, body)
        task_id = created["data"]["task_id"]
        course = kling_emulator.tasks[task_id].course
        await asyncio.sleep(course.ended - course.created)
        _, answer = await call("GET", f"{path}/{task_id}")
        assert "succeed" == answer["data"]["task_status"]
        return answer

    return finished


@pytest.fixture
def a_picture() -> Callable[..., str]:
    """Makes a plain picture, as Base64."""

    def a_picture(width: int = 400, height: int = 400, form: str = "PNG", colour: str = "red") -> str:
        file = io.BytesIO()
        Image.new("RGB", (width, height), colour).save(file, form)
        return base64.b64encode(file.getvalue()).decode()

    return a_picture
