"""The table of synchronous calls against the documents: every call is served as they describe it."""

from __future__ import annotations

import pytest

from kling_async.emulator.calls import Direct
from kling_async.emulator.direct import DIRECT, DIRECT_PATHS
from kling_async.emulator.documents import document
from kling_async.emulator.endpoints import TASK_PATHS


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
