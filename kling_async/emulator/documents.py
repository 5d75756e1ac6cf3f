"""
The vendor's documents, packaged: schemas to check requests with, error codes, prices, and the part that is served.

Read-only. The files under ``data/`` are the OpenAPI documents as they stand, so nothing here corrects them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeGuard

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

Name = Literal["image-account", "video-audio-general"]
Schema = Mapping[str, Any]

# Both documents call their components alike and mean different things, so in the served one each keeps its own.
PREFIXES: Final[Mapping[Name, str]] = {"image-account": "image.", "video-audio-general": "video."}


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


@cache
def document(name: Name) -> dict[str, Any]:
    """One packaged document."""
    text = (files("kling_async.emulator") / "data" / f"openapi-{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def http_statuses() -> Mapping[int, int]:
    """The HTTP status that comes with each code."""
    return {row["code"]: row["http"] for row in document("image-account")["x-error-codes"]}


@cache
def speakers(language: str) -> frozenset[str]:
    """The voices that read text aloud in a language; they have nothing to do with those of the library."""
    return frozenset(document("video-audio-general")["x-tts-voices"][language])


class BodySchema:
    """The schema of one create body: its properties, its defaults, its errors in the order of the properties."""

    def __init__(self, name: Name, schema: str) -> None:
        self._components: Schema = document(name)["components"]
        self.schema: Schema = self._components["schemas"][schema]
        self.properties: Schema = self.schema["properties"]
        self.defaults: Mapping[str, Any] = {
            key: self.resolve(part)["default"]
            for key, part in self.properties.items()
            if "default" in self.resolve(part)
        }
        self._order = {key: place for place, key in enumerate(self.properties)}
        validator: Any = Draft202012Validator(
            {"$ref": f"#/components/schemas/{schema}", "components": self._components},
        )
        self._find_errors: Callable[[Any], Iterator[ValidationError]] = validator.iter_errors

    def resolve(self, part: Schema) -> Schema:
        """The schema a reference stands for; anything else as it is."""
        while "$ref" in part:
            _, _, section, key = part["$ref"].split("/")
            part = {**self._components[section][key], **{k: v for k, v in part.items() if k != "$ref"}}
        return part

    def errors(self, body: Mapping[str, Any]) -> list[ValidationError]:
        """What the schema finds wrong, the model first, then in the order of the document."""
        return sorted(self._find_errors(dict(body)), key=self._place)

    def _place(self, error: ValidationError) -> tuple[int, str]:
        field = str(error.absolute_path[0]) if error.absolute_path else required_field(error)
        return self._order.get(field, len(self._order)), str(list(error.absolute_path))


def required_field(error: ValidationError) -> str:
    """The field whose absence an error is about; nothing for other errors."""
    if error.validator != "required":
        return ""
    wanted: Any = error.validator_value
    given: Any = error.instance
    return next(str(key) for key in wanted if key not in given)


@cache
def body_schema(name: Name, schema: str) -> BodySchema:
    """Compiled once for the life of the process."""
    return BodySchema(name, schema)


def served_document(paths: Iterable[tuple[Name, str]], url: str) -> dict[str, Any]:
    """One OpenAPI document of the given paths and of what they reach."""
    components: dict[str, dict[str, Any]] = {
        "securitySchemes": document("image-account")["components"]["securitySchemes"],
    }
    served: dict[str, Any] = {}
    for name, path in paths:
        served[path] = _carry(document(name)["paths"][path], name, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kling on a local port",
            "version": document("image-account")["info"]["version"],
            "summary": "The part of the vendor's documents that this emulator serves.",
        },
        "servers": [{"url": url}],
        "security": document("image-account")["security"],
        "paths": served,
        "components": components,
    }


def _carry(part: Any, name: Name, components: dict[str, dict[str, Any]]) -> Any:
    """A copy of a part with its references renamed, whatever they reach copied into ``components`` on the way."""
    if is_array(part):
        return [_carry(item, name, components) for item in part]
    if not is_object(part):
        return part
    copy = {key: _carry(value, name, components) for key, value in part.items() if key != "$ref"}
    for section, key in _references(part):
        renamed = PREFIXES[name] + key
        copy["$ref"] = f"#/components/{section}/{renamed}"
        shelf = components.setdefault(section, {})
        if renamed not in shelf:
            shelf[renamed] = {}  # stands there before it is filled: schemas may refer to themselves
            shelf[renamed] = _carry(document(name)["components"][section][key], name, components)
    return copy


def _references(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if isinstance(part.get("$ref"), str):
        _, _, section, key = part["$ref"].split("/")
        yield section, key
