"""What there is to call, flattened into facts that can be compared: as the documents state it, and as the rows do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from kling_async.api import DirectRow, FieldInfo, TaskRow, info
from kling_async.emulator.documents import BodySchema, Name, body_schema, document
from kling_async.models.wire import SENT_AS
from kling_async.protocol.direct import DirectSpec
from kling_async.protocol.endpoint import PAGES, TaskSpec

Part: TypeAlias = Mapping[str, Any]
Row: TypeAlias = TaskRow | DirectRow
Facts: TypeAlias = "dict[str, Fact]"
"""By operation and field: `POST /v1/x`, `POST /v1/x: list[].field`, `GET /v1/x: pageNum`."""

DOCUMENTS: Final[Mapping[Name, Part]] = {
    "image-account": document("image-account"),
    "video-audio-general": document("video-audio-general"),
}


class Fact(NamedTuple):
    """What is known about a field; nothing of it about an operation as a whole."""

    type: str = ""
    required: bool = False
    words: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    items: tuple[int, int | None] | None = None
    """How many of them a list holds, at least and at most."""


# The documents.

KNOWN: Final = frozenset(
    {
        *("type", "description", "enum", "const", "default", "format", "examples", "minimum", "maximum", "maxLength"),
        *("minLength", "items", "minItems", "maxItems", "properties", "required", "anyOf", "allOf", "pattern"),
        "additionalProperties",
    }
)
"""What `fact` reads or may pass over: a keyword beyond these is a rule nobody has looked at."""


def resolved(part: Part, whole: Part) -> Part:
    """A part, or what it refers to."""
    while "$ref" in part:
        _, _, section, key = part["$ref"].split("/")
        part = {**whole["components"][section][key], **{name: each for name, each in part.items() if name != "$ref"}}
    return part


def fact(part: Part, whole: Part, *, required: bool) -> Fact:
    """A property of a schema."""
    unread = {each for each in part if not each.startswith("x-")} - KNOWN
    assert not unread, f"a keyword that these tests do not know: {unread}"
    also = [each for each in part.get("anyOf", ()) if "const" in each]
    nothing: Part = {}
    main = {**next((each for each in part.get("anyOf", ()) if "const" not in each), nothing), **part}
    kind = main["type"]
    items = None
    if kind == "array":
        kind = f"array of {resolved(main['items'], whole)['type']}"
        items = (main.get("minItems", 0), main.get("maxItems"))
    return Fact(
        type=kind,
        required=required,
        words=(*main.get("enum", ()), *(each["const"] for each in also)),
        minimum=main.get("minimum"),
        maximum=main.get("maximum"),
        max_length=main.get("maxLength"),
        items=items,
    )


def stated_fields(part: Part, whole: Part, before: str = "") -> Iterator[tuple[str, Fact, Part]]:
    """Every property of an object's schema at every depth: its place, what is known about it, its schema."""
    for name, reference in part.get("properties", {}).items():
        each = resolved(reference, whole)
        yield before + name, fact(each, whole, required=name in part.get("required", ())), each
        if each.get("type") == "object":
            yield from stated_fields(each, whole, f"{before}{name}.")
        elif each.get("type") == "array":
            yield from stated_fields(resolved(each["items"], whole), whole, f"{before}{name}[].")


def operations(whole: Part) -> Iterator[tuple[str, str, Part]]:
    """Method, path and description of everything a document lets one call."""
    for path, item in whole["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            yield method.upper(), path, item[method]


def body_of(operation: Part, whole: Part) -> Part:
    """The schema of what is posted; empty where nothing is."""
    content = operation.get("requestBody", {}).get("content", {})
    return resolved(content["application/json"]["schema"], whole) if content else {}


def stated(whole: Part) -> Facts:
    """All facts of a document."""
    found: Facts = {}
    for method, path, operation in operations(whole):
        found[f"{method} {path}"] = Fact()
        for place, each, _ in stated_fields(body_of(operation, whole), whole):
            found[f"{method} {path}: {place}"] = each
        for reference in operation.get("parameters", ()):
            parameter = resolved(reference, whole)
            if parameter["in"] == "query":
                described = fact(parameter["schema"], whole, required=parameter["required"])
                found[f"{method} {path}: {parameter['name']}"] = described
            else:
                assert (parameter["in"], f"{{{parameter['name']}}}") == ("path", path.rpartition("/")[2])
    return found


# The rows.

TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("text", "choice", "seconds", "url", "picture", "sound", "video"), "string"),
    **dict.fromkeys(("texts", "pictures"), "array of string"),
    **dict.fromkeys(("integer", "moment"), "integer"),
    "number": "number",
    "switch": "boolean",
    "object": "object",
    "objects": "array of object",
}


def told_fields(kind: Any, before: str = "") -> Iterator[tuple[str, Fact, FieldInfo]]:
    """Every field of a request class at every depth, under the name it is sent by."""
    for field in attrs.fields(kind):
        about = info(field)
        if about is None:
            continue
        name = before + field.metadata.get(SENT_AS, field.name)
        words, low, high = about.choices, about.minimum, about.maximum
        if about.kind == "seconds":
            words = words or tuple(str(each) for each in range(int(low or 0), int(high or 0) + 1))
            low = high = None
        if about.kind == "moment":
            low = None  # ours: it tells seconds from milliseconds
        listed = about.kind in ("objects", "pictures", "texts")
        yield (
            name,
            Fact(
                type=TYPES[about.kind],
                required=field.default is attrs.NOTHING,
                words=words,
                minimum=None if listed else low,
                maximum=high,
                max_length=None if listed else about.max_length,
                items=(int(low or 0), about.max_length) if listed else None,
            ),
            about,
        )
        if about.item is not None:
            yield from told_fields(about.item, f"{name}[]." if listed else f"{name}.")


def told(rows: Iterable[Row]) -> Facts:
    """All facts of the rows: of a row of tasks also what asks for one task and for a page of them."""
    found: Facts = {}
    for row in rows:
        if isinstance(row, TaskSpec):
            found[f"GET {row.path}/{{id}}"] = found[f"GET {row.path}"] = Fact()
            number, size = row.page(1, 1).query
            found[f"GET {row.path}: {number}"] = Fact("integer", minimum=1, maximum=PAGES)
            found[f"GET {row.path}: {size}"] = Fact("integer", minimum=1, maximum=row.largest_page)
        for path in (row.path, *(row.aliases if isinstance(row, DirectSpec) else ())):
            operation = f"{row.method if isinstance(row, DirectSpec) else 'POST'} {path}"
            found[operation] = Fact()
            found.update({f"{operation}: {place}": each for place, each, _ in told_fields(row.request)})
    return found


# Both.


class Deviation(NamedTuple):
    """Where a row says something else than a schema, and why."""

    place: str
    """What the fact's name ends with."""
    what: str
    """Which part of the fact."""
    theirs: object
    ours: object
    why: str


def differences(documents: Iterable[Part], rows: Iterable[Row], deviations: Iterable[Deviation]) -> list[str]:
    """What one side has and the other has not, or has otherwise."""
    mine, found, everywhere = told(rows), list[str](), set[str]()
    excused = tuple(deviations)
    for whole in documents:
        theirs = stated(whole)
        everywhere |= theirs.keys()
        shared = {name for name in mine if name.partition(": ")[0] in theirs}
        found += [f"no row has {name}" for name in theirs.keys() - mine.keys()]
        found += [f"{whole['info']['title']} has no {name}" for name in shared - theirs.keys()]
        for name in shared & theirs.keys():
            for what, given, wanted in zip(Fact._fields, mine[name], theirs[name], strict=True):
                told_apart = (each[1:4] for each in excused if name.endswith(each.place))
                if given != wanted and (what, wanted, given) not in told_apart:
                    found.append(f"{name}: {what} is {given}, documented as {wanted}")
    nowhere = (name for name in mine if ": " not in name and name not in everywhere)
    return sorted(found) + [f"no document has {name}" for name in nowhere]


def described(row: Row) -> Iterator[tuple[Name, Part, Part]]:
    """Where a row is described: each document that has it, whole, and the operation in it."""
    method = row.method if isinstance(row, DirectSpec) else "POST"
    for name, whole in DOCUMENTS.items():
        for found, path, operation in operations(whole):
            if (found, path) == (method, row.path):
                yield name, whole, operation


def schemas(row: Row) -> list[BodySchema]:
    """What the bodies of a row must fit: the schema of each document that has it."""
    references = ((name, each["requestBody"]) for name, _, each in described(row) if "requestBody" in each)
    parts = ((name, each["content"]["application/json"]["schema"]["$ref"]) for name, each in references)
    return [body_schema(name, reference.rpartition("/")[2]) for name, reference in parts]


Reader: TypeAlias = Callable[[Any], Any]


def answers(row: Row) -> Iterator[tuple[str, Part, Part, Reader]]:
    """What a row is answered: each operation of each document that has it, whole, schema of `data`, what reads it."""
    plain = row.method if isinstance(row, DirectSpec) else "POST"
    readers: dict[str, Reader] = {f"{plain} {row.path}": row.read}
    if isinstance(row, TaskSpec):
        readers |= {f"GET {row.path}/{{id}}": row.read, f"GET {row.path}": row.read_page}
    for name, whole in DOCUMENTS.items():
        for method, path, operation in operations(whole):
            if (reader := readers.get(f"{method} {path}")) is not None:
                content = resolved(operation["responses"]["200"], whole)["content"]["application/json"]
                data = resolved(resolved(content["schema"], whole)["properties"]["data"], whole)
                yield f"{name} {method} {path}", whole, data, reader


def shown_answers(row: Row) -> Iterator[tuple[str, Any, Reader]]:
    """The whole answers that the documents show for a row, and what reads their data."""
    readers = {operation: reader for operation, _, _, reader in answers(row)}
    for name, whole in DOCUMENTS.items():
        for method, path, operation in operations(whole):
            reader = readers.get(f"{name} {method} {path}")
            if reader is None:
                continue
            content = resolved(operation["responses"]["200"], whole)["content"]["application/json"]
            samples = [each["value"] for each in content.get("examples", {}).values()]
            samples += [content["example"]] if "example" in content else []
            samples += resolved(content["schema"], whole).get("examples", [])
            for at, sample in enumerate(samples):
                yield f"{name} {method} {path} {at}", sample, reader
