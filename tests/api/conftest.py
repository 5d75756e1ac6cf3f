"""What the tests of requests share: the schema a row's body must fit, as the packaged documents state it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from kling_async.emulator.documents import BodySchema
from kling_async.emulator.endpoints import ENDPOINTS
from kling_async.protocol.endpoint import TaskEndpoint

Row: TypeAlias = TaskEndpoint[..., Any, Any]
SchemaOf: TypeAlias = Callable[[Row], BodySchema]


@pytest.fixture(scope="session")
def schema_of() -> SchemaOf:
    """Finds the create schema of a row by its path."""
    schemas = {endpoint.path: endpoint.schema for endpoint in ENDPOINTS}
    return lambda row: schemas[row.path]
