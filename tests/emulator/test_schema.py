# The hints of schemathesis are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUntypedFunctionDecorator=false
"""The emulator against the documents it serves, driven by schemathesis with valid and invalid data."""

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
from kling_async.emulator.direct import DIRECT_PATHS
from kling_async.emulator.documents import is_array, is_object, served_document
from kling_async.emulator.endpoints import TASK_PATHS

EXAMPLES = 12
KEY = {"Authorization": f"Bearer {API_KEY}"}

CONTRADICTED = [
    # A method that is not there is 404/1202 by the vendor's table, never 405.
    checks.unsupported_method,
    # Rules between fields, pictures that are none, and unknown ids are 400 although the schema lets them pass.
    checks.positive_data_acceptance,
]

schema = schemathesis.openapi.from_dict(
    served_document((*TASK_PATHS, *DIRECT_PATHS), "http://127.0.0.1"),
    config=schemathesis.Config.from_dict(
        {
            "headers": KEY,
            "generation": {"allow-extra-parameters": False, "max-examples": EXAMPLES},
        }
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
