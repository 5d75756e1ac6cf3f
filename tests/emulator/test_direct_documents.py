# The hints of schemathesis are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUntypedFunctionDecorator=false
"""The synchronous calls against the documents: every one is served, and no answer leaves them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis import Case
from schemathesis.specs.openapi import checks

from kling_async.emulator import API_KEY, Emulator
from kling_async.emulator.calls import Direct
from kling_async.emulator.direct import DIRECT, DIRECT_PATHS
from kling_async.emulator.documents import document, is_array, is_object, served_document
from kling_async.emulator.endpoints import TASK_PATHS

EXAMPLES = 25
KEY = {"Authorization": f"Bearer {API_KEY}"}

CONTRADICTED = [
    # A method that is not there is 404/1202 by the vendor's table, never 405.
    checks.unsupported_method,
    # Unknown ids, rules between fields and pictures that are none are 400 although the schema lets them pass.
    checks.positive_data_acceptance,
]

schema = schemathesis.openapi.from_dict(
    served_document(DIRECT_PATHS, "http://127.0.0.1"),
    config=schemathesis.Config.from_dict(
        {"headers": KEY, "generation": {"allow-extra-parameters": False, "max-examples": EXAMPLES}}
    ),
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An emulator on a loop and in a thread of its own: schemathesis waits for answers in this one."""
    loop = asyncio.new_event_loop()
    emulator = Emulator(speed=1_000_000)
    loop.run_until_complete(emulator.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield emulator.url
    asyncio.run_coroutine_threadsafe(emulator.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def is_tolerated(value: Any) -> bool:
    """Whether a body leaves the schema in a way that the documents say the vendor lets pass."""
    if is_object(value):
        return isinstance(value.get("voice_id"), int) or any(is_tolerated(field) for field in value.values())
    if is_array(value) and value:
        return any(is_tolerated(item) for item in value)
    return value is None or value in ("", [], "true", "false")


@schema.parametrize()
@settings(deadline=None)
def test_answers_agree_with_the_document(case: Case[Any], address: str) -> None:
    """No answer leaves the document, what breaks the schema is refused, and nothing passes without a token."""
    excluded = [*CONTRADICTED, *([checks.negative_data_rejection] if is_tolerated(case.body) else [])]

    case.call_and_validate(base_url=address, headers=KEY, excluded_checks=excluded)


@pytest.mark.parametrize("row", DIRECT, ids=lambda row: f"{row.method} {row.path}")
def test_rows_agree_with_the_documents(row: Direct) -> None:
    """Every row names a documented call, the schema of its body, and a price that the table has."""
    call = document("video-audio-general")["paths"][row.path][row.method.lower()]

    body = call.get("requestBody", {"content": {"application/json": {"schema": {"$ref": None}}}})
    wanted = None if row.form is None else f"#/components/schemas/{row.form.schema_name}"
    assert wanted == body["content"]["application/json"]["schema"]["$ref"]
    assert (row.tariff is None) == (row.units is None)


def test_everything_documented_is_served() -> None:
    """No path of either document is missing, and no method of a path."""
    served = {path for _, path in (*TASK_PATHS, *DIRECT_PATHS)}
    documented = {path for name in ("image-account", "video-audio-general") for path in document(name)["paths"]}
    methods = {
        (path, method)
        for path in documented & {path for _, path in DIRECT_PATHS}
        for method in ("get", "post", "put", "delete", "patch")
        if method in document("video-audio-general")["paths"][path]
    }

    assert documented == served
    assert {(row.path, row.method.lower()) for row in DIRECT} == methods
