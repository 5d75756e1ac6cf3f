"""The packaged documents: the same as the originals, and the part of them that is served is whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml  # type: ignore[import-untyped]  # no hints among our dependencies

from kling_async.emulator import Emulator
from kling_async.emulator.direct import DIRECT_PATHS
from kling_async.emulator.documents import Name, document, http_statuses
from kling_async.emulator.endpoint import Endpoint
from kling_async.emulator.endpoints import ENDPOINTS, TASK_PATHS

ORIGINALS = Path(__file__).parents[3] / "shared" / "api"


class PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # untyped, see above
    """YAML without dates: a JSON document has none."""


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("name", ["image-account", "video-audio-general"])
def test_packaged_document_is_the_original(name: Name) -> None:
    """The JSON in the package says exactly what the YAML says."""
    original = ORIGINALS / f"openapi-{name}.yaml"
    if not original.is_file():
        pytest.skip(f"the originals do not lie beside this checkout: {original} is missing")

    told = yaml.load(original.read_text(encoding="utf-8"), PlainLoader)  # noqa: S506 - a SafeLoader

    assert told == document(name)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_rows_agree_with_the_documents(endpoint: Endpoint) -> None:
    """Every row names a path with the three calls, the schema of its body, and fields that exist."""
    paths = document(endpoint.document)["paths"]
    body = paths[endpoint.path]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert {"get", "post"} <= set(paths[endpoint.path])
    assert "get" in paths[endpoint.path + "/{id}"]
    assert f"#/components/schemas/{endpoint.schema_name}" == body["$ref"]
    assert {re.split(r"[.\[]", field.place)[0] for field in endpoint.pictures} <= set(endpoint.schema.properties)
    assert {re.split(r"[.\[]", place)[0] for place in endpoint.sounds} <= set(endpoint.schema.properties)
    assert ("watermark_info" in endpoint.schema.properties) == endpoint.watermark


@pytest.mark.parametrize("name", ["image-account", "video-audio-general"])
def test_every_documented_path_is_served(name: Name) -> None:
    """Nothing that the documents describe is missing."""
    assert set(document(name)["paths"]) <= {path for _, path in (*TASK_PATHS, *DIRECT_PATHS)}


def test_every_code_has_a_status() -> None:
    """The statuses are those of the vendor's error table."""
    assert (401, 429, 404, 400, 429, 504) == tuple(
        http_statuses()[code] for code in (1001, 1102, 1203, 1301, 1303, 5002)
    )


async def test_served_document_is_whole(kling_emulator: Emulator) -> None:
    """/openapi.json needs no token, names this server, and every reference in it leads somewhere."""
    async with aiohttp.ClientSession() as http, http.get(f"{kling_emulator.url}/openapi.json") as answer:
        served: dict[str, Any] = await answer.json()

    references = set(re.findall(r'"\$ref": "#/components/(\w+)/([\w.]+)"', json.dumps(served)))
    assert [{"url": kling_emulator.url}] == served["servers"]
    assert {path for _, path in (*TASK_PATHS, *DIRECT_PATHS)} == set(served["paths"])
    assert references
    assert not [reference for reference in references if reference[1] not in served["components"][reference[0]]]
    assert [] == kling_emulator.requests
