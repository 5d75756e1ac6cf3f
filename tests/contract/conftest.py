"""What the contract needs: every row on an emulator, and a valid request for it made from its fields alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs
import pytest
import pytest_asyncio

from kling_async import InvalidRequest, KlingClient, Polling
from kling_async.api import ROWS, FieldInfo, info
from kling_async.emulator import Emulator

ADDRESS = "https://files.example/fox.png"


def example_value(about: FieldInfo) -> Any:
    """A value that a field takes."""
    match about.kind:
        case "text":
            return "a red fox"
        case "picture" | "url":
            return ADDRESS
        case "switch":
            return True
        case "choice":
            return about.choices[0]
        case "number" | "integer" | "seconds":
            return int(about.minimum or 1)
        case "object":
            return required(about.item)
        case "objects":
            return [required(about.item)] * max(int(about.minimum or 0), 1)


def required(kind: Any) -> dict[str, Any]:
    """The least that a request class takes: its required fields, then whatever its rules ask for."""
    abouts = {field.name: about for field in attrs.fields(kind) if (about := info(field))}
    given = {
        field.name: example_value(abouts[field.name]) for field in attrs.fields(kind) if field.default is attrs.NOTHING
    }
    for _ in abouts:
        try:
            kind(**given)
        except InvalidRequest as wanted:
            given[str(wanted.field)] = example_value(abouts[str(wanted.field)])
        else:
            break
    return given


@attrs.frozen
class Subject:
    """A row on a client of a running emulator."""

    row: Any
    method: Any
    kling: KlingClient
    emulator: Emulator

    @property
    def least(self) -> dict[str, Any]:
        """The least arguments the request class takes."""
        return required(self.row.request)

    @property
    def example(self) -> dict[str, Any]:
        """Arguments that make a task: the least, and a prompt where there is one."""
        prompt = {"prompt": "a red fox"} if "prompt" in attrs.fields_dict(self.row.request) else {}
        return {**self.least, **prompt}

    @property
    def calls(self) -> int:
        """How many requests have arrived."""
        return len(self.emulator.requests)


@pytest.fixture
def kling_emulator_options() -> Mapping[str, Any]:
    """The same course of events at every run."""
    return {"seed": 1}


@pytest_asyncio.fixture
async def kling(kling_emulator: Emulator) -> AsyncIterator[KlingClient]:
    """A client that asks often, because the emulator's time runs a thousand times as fast."""
    async with kling_emulator.client(polling=Polling(max_lag=0.05)) as client:
        yield client


@pytest.fixture(params=ROWS.values(), ids=list(ROWS))
def subject(request: pytest.FixtureRequest, kling: KlingClient, kling_emulator: Emulator) -> Subject:
    """Each row in turn."""
    resource, name = request.param.name.split(".")
    return Subject(request.param, getattr(getattr(kling, resource), name), kling, kling_emulator)
