"""docs/observability.md lists all events, log records, names, spans and metrics there are, and nothing else."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from unittest.mock import MagicMock

import attrs
import pytest

import kling_async
from kling_async import KlingClient, events
from kling_async.emulator import ACCESS_KEY, API_KEY, SECRET_KEY, Emulator
from kling_async.emulator.faults import Lose
from kling_async.events import Event
from kling_async.events.logs import HEADERS, PROMPTS, about, readable
from kling_async.integrations import otel_words
from kling_async.integrations.otel_metrics import Metrics
from tests.support.vendor import Reply, Seen, Vendor, row, said

ROOM: Final = Path(kling_async.__file__).parent
PAGE: Final = (ROOM.parent / "docs" / "observability.md").read_text(encoding="utf-8")
BASES: Final = {"Event", "SubmitEvent", "RequestEvent", "TaskEvent", "DownloadEvent"}
LEVELS: Final = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "exception": "ERROR",
}
APART: Final = {"cli", "emulator"}
"""Rooms that are programs."""


def rows(head: str) -> list[list[str]]:
    """The rows of all tables with a heading that begins so."""
    found = list[list[str]]()
    inside = False
    for line in PAGE.splitlines():
        if line.startswith(head):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def words(cell: str) -> list[str]:
    """What is written as code in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_event_is_listed_with_its_fields() -> None:
    """In the order in which a repr shows them or not, but all of them."""
    kinds = [getattr(events, name) for name in events.__all__ if name not in {*BASES, "Listener"}]

    assert {kind.__name__: {field.name for field in attrs.fields(kind)} for kind in kinds} == {
        words(cells[0])[0]: set(words(cells[1])) for cells in rows("| event |")
    }


@pytest.mark.parametrize("name", [name for name in events.__all__ if name != "Listener"])
def test_an_event_is_frozen_and_all_of_it_is_documented(name: str) -> None:
    """Each field has a docstring of its own, here or in the kind it is a part of."""
    kind = getattr(events, name)
    module = ast.parse(inspect.getsource(import_module(kind.__module__)))
    (node,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == name)
    pairs = zip(node.body, [*node.body[1:], ast.Pass()], strict=True)
    told = {
        each.target.id: isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        for each, after in pairs
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }

    assert issubclass(kind, Event)
    assert kind.__doc__
    assert [] == [field for field, documented in told.items() if not documented]
    assert kind.__setattr__ is not object.__setattr__


def records() -> Generator[tuple[str, str, str], None, None]:
    """The logger, the level and the text of each record that the package may write."""
    for path in sorted(ROOM.rglob("*.py")):
        if path.relative_to(ROOM).parts[0] in APART:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_record(node)]
        module = (
            import_module(".".join(["kling_async", *path.relative_to(ROOM).with_suffix("").parts])) if calls else None
        )
        for call in calls:
            assert isinstance(call.func, ast.Attribute)
            text = call.args[0]
            words_of_it = text.value if isinstance(text, ast.Constant) else getattr(module, ast.unparse(text))
            yield getattr(module, ast.unparse(call.func.value)).name, LEVELS[call.func.attr], str(words_of_it)


def _is_record(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LEVELS
        and isinstance(function.value, ast.Name)
        and function.value.id == "log"
    )


def test_every_log_record_is_listed_with_its_logger_and_its_level() -> None:
    """Whoever adds one says so there."""
    listed = [(words(cells[0])[0], cells[1], words(cells[2])[0]) for cells in rows("| logger |")]

    assert sorted(set(records())) == sorted(listed)


def test_every_name_that_a_record_may_carry_is_listed() -> None:
    """As `extra`; a record can carry no other, because all are made by one function."""
    names = {f"kling.{name}" for name in inspect.signature(about).parameters} | {"kling.code"}

    assert names == {words(cells[0])[0] for cells in rows("| name |")}


def test_every_header_that_a_log_shows_is_listed() -> None:
    """No other is shown."""
    (line,) = re.findall(r"known to be harmless: (.*?)\. \*\*", PAGE, re.DOTALL)

    assert set(HEADERS) == set(words(line))


def test_every_metric_is_listed() -> None:
    """With its unit."""
    meter = MagicMock()
    Metrics(meter)

    made = {call.args[0]: call.args[1] for call in meter.method_calls}
    assert made == {words(cells[0])[0]: words(cells[1])[0] for cells in rows("| metric |")}


def test_every_attribute_of_spans_is_listed() -> None:
    """Under the name that the conventions have for it, where they have one."""
    names = {value for name, value in vars(otel_words).items() if name.isupper() and name[0] != "_"}
    listed = {
        word for head in ("| span |", "| metric |") for cells in rows(head) for cell in cells for word in words(cell)
    }

    assert names <= listed


def test_the_tree_prints_nothing_by_itself() -> None:
    """As a library should."""
    assert any(isinstance(each, logging.NullHandler) for each in logging.getLogger("kling_async").handlers)


# What is logged of requests.


@pytest.mark.looptime
async def test_each_request_and_each_answer_is_a_line_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """With the names that a filter needs, and neither a key nor a prompt."""
    caplog.set_level(logging.DEBUG)

    async with Emulator() as emulator, emulator.client() as kling:
        handle = await kling.images.generate(prompt="a fox that nobody is to know of")
        asked = len(emulator.requests)

    lines = [each for each in caplog.records if each.name == "kling_async.http"]
    request, answer = (vars(each) for each in lines)
    assert 1 == asked
    assert ("images.generate", handle.external_task_id, "POST", f"{emulator.url}/v1/images/generations") == tuple(
        request[f"kling.{name}"] for name in ("endpoint", "external_task_id", "method", "url")
    )
    assert 200 == answer["kling.status"]
    assert answer["kling.request_id"]
    assert answer["kling.seconds"] >= 0
    assert HEADERS >= request["kling.headers"].keys() | answer["kling.headers"].keys()
    text = " ".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records)
    assert not [each for each in (API_KEY, SECRET_KEY, ACCESS_KEY, "Authorization", "nobody") if each in text]


@pytest.mark.looptime
async def test_an_answer_that_does_not_come_is_a_line_too(caplog: pytest.LogCaptureFixture) -> None:
    """With what came in its place."""
    caplog.set_level(logging.DEBUG, "kling_async.http")

    async with Emulator(faults=[Lose("cut", first=1)]) as emulator, emulator.client() as kling:
        await kling.images.generate(prompt="a fox")

    errors = [vars(each).get("kling.error") for each in caplog.records if each.name == "kling_async.http"]
    assert ["ConnectionFailed"] == [each for each in errors if each is not None]


@pytest.mark.looptime
async def test_queries_are_logged_without_what_follows_the_question_mark(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it may be one day."""
    caplog.set_level(logging.DEBUG)

    async with Emulator() as emulator, emulator.client() as kling:
        await kling.images.generate.list(page=3)

    assert caplog.records
    assert "pageNum" not in " ".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records)


@pytest.mark.looptime
async def test_secrets_that_an_answers_headers_echo_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even in a header that may be shown; and no header that nobody thought of is."""
    caplog.set_level(logging.DEBUG)

    def echo(seen: Seen) -> Reply:
        token = seen.headers["Authorization"]
        return attrs.evolve(said(row()), headers={"X-Request-Id": token, "Server": token, "X-Odd": "odd-value"})

    async with Vendor(echo) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
            await kling.images.generate.get("1")

    text = " ".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records)
    assert "***" in text
    assert not [each for each in (API_KEY, "odd-value") if each in text]


@pytest.mark.looptime
@pytest.mark.parametrize(("value", "shown"), [("1", True), ("true", True), ("0", False), ("", False), (None, False)])
async def test_prompts_are_logged_where_the_environment_says_so(
    value: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, shown: bool
) -> None:
    """At DEBUG, whole; files by their size, links without their query, callbacks by their host."""
    caplog.set_level(logging.DEBUG)
    if value is not None:
        monkeypatch.setenv(PROMPTS, value)
    asked: dict[str, Any] = {
        "prompt": "a fox\nat dawn, like https://cdn.example/a.png?Signature=s3cret",
        "callback_url": "https://studio.example/v1/k1/k1.mac-as-good-as-a-key",
    }

    async with Vendor(said(row())) as vendor, KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
        await kling.images.generate(**asked, extra={"new_field": "aGVsbG8h" * 100})

    text = " ".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records)
    assert shown is ("a fox\\nat dawn" in text)
    assert shown is ("studio.example" in text)
    assert shown is ("<800 characters>" in text)
    assert "\n" not in "".join(caplog.messages)
    assert not [each for each in ("s3cret", "as-good-as-a-key", "aGVsbG8h") if each in text]


def test_headers_are_shown_by_a_list_in_whatever_case() -> None:
    """In one line each."""
    given = {"content-type": "a\nb", "AUTHORIZATION": "Bearer x", "x-request-id": "1", "Set-Cookie": "x"}

    assert {"content-type": "a b", "x-request-id": "1"} == readable(given)
