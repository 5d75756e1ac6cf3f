"""The rows against the vendor's documents: the same fields, limits and words, and every official sample passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import pytest

from kling_async.api import ROWS, FieldInfo, GenerateImage, GenerateMultiShot, ImageToVideo, TextToVideo, info
from kling_async.emulator.documents import BodySchema, document
from kling_async.protocol.codec import dump
from kling_async.protocol.endpoint import TaskEndpoint

Row: TypeAlias = TaskEndpoint[..., Any, Any]
SchemaOf: TypeAlias = Callable[[Row], BodySchema]

every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())

# Limits that stand in a rule or in the text of the documents, where a schema has no place for them.
IN_WORDS = {
    ("GenerateImage.element_list", "max_length"): 10,  # gen-7
    ("ElementRef.element_id", "minimum"): 1,  # one of the two documents has it
    ("ElementRef.element_id", "maximum"): 2**63 - 1,  # int64
    ("ShotPrompt.duration", "minimum"): 1,  # at least "1"
    ("ShotPrompt.duration", "maximum"): 15,  # shots add up to the duration
}
# The schema leaves it open; without it the object says nothing.
REQUIRED_HERE = {"WatermarkInfo.enabled"}


def pairs(kind: Any, schema: BodySchema, part: Mapping[str, Any]) -> Iterator[tuple[str, FieldInfo, Mapping[str, Any]]]:
    """Each field of a request class beside its schema, nested ones included."""
    for field in attrs.fields(kind):
        about = info(field)
        if about is None:
            continue
        beside = schema.resolve(part["properties"][field.name])
        yield f"{kind.__name__}.{field.name}", about, beside
        if about.item is not None:
            inner = schema.resolve(beside["items"]) if about.kind == "objects" else beside
            yield from pairs(about.item, schema, inner)


def kinds(kind: Any, schema: BodySchema, part: Mapping[str, Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """A request class and the nested ones, each beside its schema."""
    yield kind, part
    for field in attrs.fields(kind):
        about = info(field)
        if about is not None and about.item is not None:
            beside = schema.resolve(part["properties"][field.name])
            inner = schema.resolve(beside["items"]) if about.kind == "objects" else beside
            yield from kinds(about.item, schema, inner)


@every_row
def test_request_has_the_fields_of_the_schema(row: Row, schema_of: SchemaOf) -> None:
    """Every property of the create schema is a field and every field a property, at every depth; save `extra`."""
    schema = schema_of(row)

    for kind, part in kinds(row.request, schema, schema.schema):
        assert set(part["properties"]) == set(attrs.fields_dict(kind)) - {"extra"}, kind


@every_row
def test_required_fields_are_those_of_the_schema(row: Row, schema_of: SchemaOf) -> None:
    """A field without a default is required by the documents, and the reverse."""
    schema = schema_of(row)

    for kind, part in kinds(row.request, schema, schema.schema):
        required = {field.name for field in attrs.fields(kind) if field.default is attrs.NOTHING}
        excused = {name for name in required if f"{kind.__name__}.{name}" in REQUIRED_HERE}
        assert set(part.get("required", ())) == required - excused, kind


@every_row
def test_words_are_those_of_the_schema(row: Row, schema_of: SchemaOf) -> None:
    """Enumerations agree, in content and in order."""
    schema = schema_of(row)

    for name, about, part in pairs(row.request, schema, schema.schema):
        words = part.get("enum", ()) if about.kind != "seconds" else ()
        assert tuple(words) == about.choices, name


@every_row
def test_limits_are_those_of_the_schema(row: Row, schema_of: SchemaOf) -> None:
    """Lengths, counts and ranges agree; what the documents say in words only is listed above."""
    schema = schema_of(row)

    for name, about, part in pairs(row.request, schema, schema.schema):
        seconds = [int(word) for word in part.get("enum", ())] if about.kind == "seconds" else []
        expected = {
            "max_length": part.get("maxLength", part.get("maxItems")),
            "minimum": min(seconds, default=part.get("minimum", part.get("minItems"))),
            "maximum": max(seconds, default=part.get("maximum")),
        }
        stated = {
            key: IN_WORDS.get(
                (name, key), 0 if value is None and about.kind == "objects" and key == "minimum" else value
            )
            for key, value in expected.items()
        }
        assert stated == {key: getattr(about, key) for key in stated}, name


@every_row
def test_kinds_are_those_of_the_schema(row: Row, schema_of: SchemaOf) -> None:
    """A text is a string in the schema, a switch a boolean, and so on."""
    types = dict.fromkeys(("text", "choice", "seconds", "picture", "url"), "string")
    types |= {"number": "number", "integer": "integer", "switch": "boolean", "object": "object", "objects": "array"}
    schema = schema_of(row)

    for name, about, part in pairs(row.request, schema, schema.schema):
        assert types[about.kind] == part["type"], name


def samples() -> Iterator[Any]:
    """The bodies that the documents show, with the class that must take them."""
    image = {
        "model_name": "kling-v2-1",
        "prompt": "Generate a Pixar-style puppy",
        "negative_prompt": "",
        "image": "https://p1-kling.klingai.com/kcdn/cdn-kcdn112452/kling-qa-test/dog.png",
        "n": 2,
        "external_task_id": "",
        "callback_url": "",
    }
    front = {
        "element_frontal_image": "https://v1-kling.klingai.com/kcdn/cdn-kcdn112452/kling-qa-test/multi-1.png",
        "external_task_id": "",
        "callback_url": "",
    }
    yield pytest.param(GenerateImage, image, id="page Image Generation")
    yield pytest.param(GenerateMultiShot, front, id="page AI Multi-Shot")
    named = {"Text2VideoCreate": TextToVideo, "Image2VideoCreate": ImageToVideo, "AiMultiShotCreate": GenerateMultiShot}
    for schema, kind in named.items():
        for body in document("video-audio-general")["components"]["schemas"][schema].get("examples", ()):
            yield pytest.param(kind, body, id=f"schema {schema}")
    for row in ROWS.values():
        if row.path in document("image-account")["paths"]:
            content = document("image-account")["paths"][row.path]["post"]["requestBody"]["content"]
            for name, example in content["application/json"].get("examples", {}).items():
                yield pytest.param(row.request, example["value"], id=f"{row.name} {name}")


@pytest.mark.parametrize(("kind", "body"), list(samples()))
def test_official_sample_passes_unchanged(kind: Any, body: Mapping[str, Any]) -> None:
    """A body from the vendor's own pages is a valid request, and is sent as it stands, less its empty values."""
    made = kind(**body)

    assert {name: value for name, value in body.items() if value != ""} == dump(made)
