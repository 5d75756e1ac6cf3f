"""
Reading a create body: tolerant where the vendor is, then the schema, then the rules, then the pictures.

Tolerated: empty values (they count as absent), "true" for true, a number for a voice id, unknown keys, and the old key
``model``, which has no effect. Everything else is refused with the vendor's words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs
from jsonschema.exceptions import ValidationError

from .documents import BodySchema, Schema, is_array, is_object, required_field
from .endpoint import Form
from .inputs import Picture, PictureStore, is_address, read_picture, read_sound
from .lifecycle import BAD_PIXELS
from .refusals import Refusal, invalid, missing
from .world import World

# Defaults that rules, prices and media ask for. The others would make an absent field look given.
DECIDING: Final = (
    "model_name",
    "multi_shot",
    "sound",
    "mode",
    "duration",
    "aspect_ratio",
    "n",
    "resolution",
    "result_type",
    "series_amount",
)
BOOLEANS: Final = {"true": True, "false": False}
DEEPEST: Final = 64
"""How deep a body may be nested: far deeper than any that means something, far from where Python gives up."""


@attrs.frozen
class Accepted:
    """A body that passed: pruned, with the deciding defaults, its Base64 pictures taken out."""

    body: Mapping[str, Any]
    pictures: Mapping[str, Picture]
    late_failure: str | None = None


def read_json(content: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object of a request; what is in it can be compared, written and encoded without a second thought."""
    if content_type != "application/json":
        raise Refusal(1200, "Content-Type must be application/json")
    try:
        body: Any = json.loads(content, parse_constant=_no_constant)
        _check_values(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(1200, "Request body is not valid JSON") from error
    if not is_object(body):
        raise Refusal(1200, "Request body must be a JSON object")
    return body


def _no_constant(name: str) -> None:
    """NaN and the infinities are Python's idea of JSON."""
    raise ValueError(name)


def _check_values(body: Any) -> None:
    """Refuses, wherever they are, half a character, which no encoding can carry, and what is nested without end."""
    level = [body]
    for _ in range(DEEPEST):
        for value in level:
            if isinstance(value, str) and not value.isascii():  # for the megabytes of a picture a look at a flag
                value.encode()
        level = [each for value in level for each in _parts(value)]
    if level:
        raise ValueError(f"nested deeper than {DEEPEST}")


def _parts(value: Any) -> Iterable[Any]:
    if is_object(value):
        return (*value, *value.values())
    return value if is_array(value) else ()


def check(form: Form, raw: Mapping[str, Any], *, unknown_model: int, store: PictureStore, world: World) -> Accepted:
    """The accepted body, or the first refusal."""
    schema = form.schema
    given = _tolerate(schema, raw, schema.schema)
    for error in schema.errors(given):
        raise _refusal_by_model(error, schema, given) or _refusal(error, unknown_model)
    defaults = {key: schema.defaults[key] for key in DECIDING if key in schema.defaults}
    body = defaults | given
    for rule in form.rules:
        if rule.broken(body):
            raise Refusal(1201, rule.text(body))
    for place in form.addresses:
        for told, holder, key in _values(body, place):
            if not is_address(holder[key]):
                raise invalid(told, holder[key], ", it must be a URL")
    pictures, late = _uploads(form, body, store)
    for state_check in form.checks:
        message = state_check(body, world)
        if message is not None:
            raise Refusal(1201, message)
    return Accepted(body, pictures, late)


def _uploads(form: Form, body: dict[str, Any], store: PictureStore) -> tuple[dict[str, Picture], str | None]:
    """The pictures that came as Base64, by their place, and why the task will fail; sounds are only looked at."""
    pictures: dict[str, Picture] = {}
    late = None
    for field in form.pictures:
        for place, holder, key in _values(body, field.place):
            if is_address(holder[key]):
                continue
            picture, content = read_picture(holder[key])
            store.keep(picture, content)
            pictures[place] = picture
            holder[key] = f"sha256:{picture.sha256}"  # a task is kept for long, its upload is not
            if not field.allows(picture):
                late = BAD_PIXELS
    if not form.pictures_agree(pictures):
        late = BAD_PIXELS
    for sound in form.sounds:
        for _, holder, key in _values(body, sound):
            if not is_address(holder[key]):
                holder[key] = f"sha256:{read_sound(holder[key])}"
    return pictures, late


def _tolerate(schema: BodySchema, given: Mapping[str, Any], part: Schema) -> dict[str, Any]:
    """A copy without empty values, with the known misspellings of types put right."""
    properties: Schema = part.get("properties", {})
    told = {
        key: _tolerate_value(schema, value, schema.resolve(properties.get(key, {})))
        for key, value in given.items()
        if not _is_empty(value)
    }
    voice = told.get("voice_id")
    if isinstance(voice, int) and not isinstance(voice, bool):
        told["voice_id"] = str(voice)  # an official sample sends a number
    return told


def _tolerate_value(schema: BodySchema, value: Any, part: Schema) -> Any:
    if is_object(value) and "properties" in part:
        return _tolerate(schema, value, part)
    if is_array(value) and "items" in part:
        each = schema.resolve(part["items"])
        return [_tolerate_value(schema, item, each) for item in value]
    if part.get("type") == "boolean" and isinstance(value, str):
        return BOOLEANS.get(value, value)
    return value


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [])


def _values(holder: Any, field: str, before: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where the values of a field lie: name of the place, the object or array that holds one, and the key in it."""
    step, _, rest = field.partition(".")
    key, every = step.removesuffix("[]"), step.endswith("[]")
    if key not in holder:
        return
    if not every and rest:
        yield from _values(holder[key], rest, f"{before}{key}.")
    elif not every:
        yield before + key, holder, key
    else:
        for index, entry in enumerate(holder[key]):
            place = f"{before}{key}[{index}]"
            yield from _values(entry, rest, f"{place}.") if rest else ((place, holder[key], index),)


def _refusal_by_model(error: ValidationError, schema: BodySchema, given: Mapping[str, Any]) -> Refusal | None:
    """In the vendor's words: a value that the schema allows for some models only. None for any other finding."""
    path = list(error.absolute_schema_path)
    about = str(error.absolute_path[0]) if error.absolute_path else required_field(error)
    if about != "model_name" or "then" not in path:
        return None
    condition: Schema = schema.schema["allOf"][path[path.index("allOf") + 1]]["if"]
    field = str(next(iter(condition["properties"])))
    model = given.get("model_name", schema.defaults["model_name"])
    return Refusal(1201, f"{field} {given[field]} is not supported with {model}")


def _refusal(error: ValidationError, unknown_model: int) -> Refusal:
    """The schema's finding in the vendor's words."""
    field = ".".join(str(step) for step in error.absolute_path)
    if error.validator == "required":
        name = required_field(error)
        return missing(f"{field}.{name}" if field else name)
    if field == "model_name" and error.validator == "enum" and unknown_model == 1203:
        return Refusal(1203, f"model_name value '{str(error.instance)[:40]}' does not exist")
    if error.validator == "maxLength":
        return Refusal(1201, f"{field} can not be longer than {error.validator_value} characters")
    # The text of a wrong type is not known; without the type nobody would see what is wrong with duration '5'.
    reason = f", it must be of type {error.validator_value}" if error.validator == "type" else ""
    return invalid(field or "body", error.instance, reason)
