"""The page about FastAPI: each of its programs serves, and does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from kling_async.integrations.problems import TABLE
from tests.integrations.conftest import RedisServer, free_port
from tests.support.process import emulator_process

PAGE: Final = (Path(__file__).parent.parent.parent / "docs" / "fastapi.md").read_text(encoding="utf-8")
PROGRAMS: Final = {
    found[1]: found[2]
    for found in re.finditer(r"^```python title=\"(\w+)\.py\"\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
}


@contextmanager
def served(name: str, folder: Path, environment: dict[str, str]) -> Generator[httpx.Client, None, None]:
    """A program of the page under uvicorn, and a client of it."""
    (folder / f"{name}.py").write_text(PROGRAMS[name], encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"{name}:app", "--port", str(port), "--no-access-log"]
    with (
        subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            until = time.monotonic() + 30
            while not answers(client):
                assert process.poll() is None, "the program did not start"
                assert time.monotonic() < until, "the program does not listen"
                time.sleep(0.05)
            yield client
        finally:
            process.terminate()


def answers(client: httpx.Client) -> bool:
    """Whether anybody listens."""
    try:
        client.get("/docs")
    except httpx.TransportError:
        return False
    return True


def test_the_first_program_makes_a_video_and_tells_of_it(tmp_path: Path) -> None:
    """From the prompt to the link, with the news in between; what is wrong is a problem."""
    with emulator_process() as environment, served("service", tmp_path, environment) as client:
        made: dict[str, Any] = client.post("/videos", params={"prompt": "A kite"}).json()
        video = f"/videos/{made['task_id']}"
        news = client.get(f"{video}/updates")
        link = client.get(video).json()["url"]
        again = client.get(f"{video}/updates", headers={"Last-Event-ID": re.findall(r"id: (\S+)", news.text)[-1]})
        refused = client.post("/videos", params={"prompt": "forbidden"})

    assert '"done":true' in news.text
    assert link.startswith("http://127.0.0.1:")
    assert 204 == again.status_code
    assert "urn:problem-type:kling-async:content-refused" == refused.json()["type"]


def test_the_lifespan_starts(tmp_path: Path) -> None:
    """With a state of one's own."""
    with emulator_process() as environment, served("lifespan", tmp_path, environment) as client:
        status = client.get("/openapi.json").status_code

    assert 200 == status


@pytest.mark.redis
def test_the_program_with_callbacks_receives_them(redis_server: RedisServer, tmp_path: Path) -> None:
    """It answers at the addresses of its tasks, and at no other."""
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
    with emulator_process() as environment:
        more = {**environment, "CALLBACK_KEY": key, "REDIS_URL": redis_server.url}
        with served("called_back", tmp_path, more) as client:
            status = client.post("/kling/v1/k1/k1.AAAA", json={}).status_code

    assert 404 == status


def test_the_statuses_of_the_page_are_those_of_the_table() -> None:
    """Every status that is told has a line."""
    lines = {int(status) for status in re.findall(r"\| (\d{3}) \|", PAGE)}

    assert {row.status.value for row in TABLE.values()} - {507} == lines
