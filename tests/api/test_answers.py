"""The answers of the documents against what is read of them: nothing they tell is lost, nothing we tell is made up."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import count
from typing import Any, Final, TypeAlias

import attrs
import pytest

from kling_async import models
from kling_async.api import CALLS, ROWS
from kling_async.errors import ApiError, ResponseError
from kling_async.models import MultiShotImage, Task
from tests.api.operations import DOCUMENTS, Part, Reader, Row, answers, operations, resolved, shown_answers

Place: TypeAlias = tuple[Any, ...]

EVERY: Final[dict[str, Row]] = {**ROWS, **CALLS}
every_row = pytest.mark.parametrize("row", EVERY.values(), ids=EVERY.keys())

_PRESET = "a preset is no task, though its list is shaped like one"
_ASKED = "the caller asked with it"
_NEWS = "that it came is the news"
UNTOLD: Final[dict[tuple[str, str], str]] = {
    ("", "watermark_info.enabled"): "what the caller asked for; it stands in Task.raw",
    **{
        (f"{room}.presets", name): _PRESET
        for room in ("voices", "elements")
        for name in (
            *("task_id", "task_status_msg", "task_info.external_task_id", "created_at", "updated_at"),
            *("final_unit_deduction", "final_balance_deduction.quota", "final_balance_deduction.list_price"),
        )
    },
    **{(f"videos.selection.{name}", "session_id"): _ASKED for name in ("add", "delete", "clear", "preview")},
    **{
        ("videos.selection.clear", name): "only init is said to be billed"
        for name in (
            "final_unit_deduction",
            *(f"final_balance_deduction.{side}" for side in ("quota", "list_price")),
        )
    },
    ("voices.delete", "task_id"): _NEWS,
    ("elements.delete", "task_id"): _NEWS,
    ("account.costs", "msg"): "told when it comes with a code other than zero",
    ("account.balance", "result.count"): "as many as there are rows",
    ("account.packages", "result.count"): "as many as there are rows",
}
"""By the start of a row's name and the place in the answer: what the documents tell and we do not, and why."""

MADE_UP: Final[dict[tuple[type, str], str]] = {
    (MultiShotImage, "url"): "one copy of the documents has it in place of the three",
}

NEEDED_HERE: Final = {
    "elements.first_generation.create element_id": "an element is nothing without its id",
    "elements.first_generation.list element_id": "as above",
    "elements.first_generation.presets element_id": "as above",
}
"""What the documents forget to require, by row and place."""


def types(part: Part) -> list[str]:
    """What a property may be, null left out."""
    if not part.get("type"):
        return ["boolean"]
    given: Any = part["type"]
    several: list[str] = [given] if isinstance(given, str) else given
    return [each for each in several if each != "null"]


def scalar(kind: str, number: int) -> Any:
    """A number as the type wants it; as text it can be read as a whole number, a decimal and a name."""
    return str(number) if kind == "string" else number


def filled(reference: Part, whole: Part, numbers: Iterator[int], name: str = "") -> Any:
    """An answer with everything in it that its schema names, no two values alike."""
    part = resolved(reference, whole)
    kind = types(part)[0]
    if name == "task_status":
        return "succeed"
    if name in ("status", "code") and kind == "integer":
        return 0
    if "enum" in part:
        return part["enum"][0]
    if kind == "object":
        return {each: filled(below, whole, numbers, each) for each, below in part.get("properties", {}).items()}
    if kind == "array":
        return [filled(part["items"], whole, numbers)]
    return True if kind == "boolean" else scalar(kind, next(numbers))


def places(reference: Part, whole: Part, at: Place = (), *, needed: bool = True) -> Iterator[tuple[Place, Part, bool]]:
    """Where values of an answer stand, lists and objects included; their schemas; whether they must be there."""
    part = resolved(reference, whole)
    if at:
        yield at, part, needed
    for name, inner in part.get("properties", {}).items():
        yield from places(inner, whole, (*at, name), needed=name in part.get("required", ()))
    if "items" in part:
        yield from places(part["items"], whole, (*at, 0))


def called(at: Place) -> str:
    """What a place is called: names only."""
    return ".".join(each for each in at if each != 0)


def leaves(schema: Part, whole: Part) -> Iterator[tuple[Place, Part]]:
    """Where single values stand; the status apart, which decides what an answer is."""
    for at, part, _ in places(schema, whole):
        if "properties" not in part and "items" not in part and at[-1] != "task_status":
            yield at, part


def found(data: Any, at: Place) -> Any:
    """What stands at a place."""
    for step in at:
        data = data[step]
    return data


def changed(data: Any, at: Place, value: Any) -> Any:
    """A copy with another value at one place."""
    twin = deepcopy(data)
    found(twin, at[:-1])[at[-1]] = value
    return twin


def without(data: Any, at: Place) -> Any:
    """A copy in which one place is missing."""
    twin = deepcopy(data)
    del found(twin, at[:-1])[at[-1]]
    return twin


def others(part: Part, given: Any) -> Iterator[Any]:
    """Other values that a property may have, one of each type."""
    if "enum" in part:
        yield next(each for each in reversed(part["enum"]) if each != given)
        return
    for kind in types(part):
        yield not given if kind == "boolean" else scalar(kind, 900_001)


def seen(read: Any) -> Any:
    """What a user sees of a value without looking into `raw`."""
    given: Any = read
    if isinstance(read, tuple):
        return tuple(map(seen, given))
    return (attrs.evolve(given, raw={}), given.parent_video) if isinstance(read, Task) else read


def told(reader: Reader, data: Any) -> Any:
    """What is read, or in which words it is refused."""
    try:
        return seen(reader(data))
    except ApiError as error:
        return str(error)


def untold(row: Row) -> Iterator[tuple[str, str]]:
    """Operations and places of a row's answers which may change without being noticed."""
    for operation, whole, schema, reader in answers(row):
        data = filled(schema, whole, count(1001))
        first = told(reader, data)
        for at, part in leaves(schema, whole):
            if any(told(reader, changed(data, at, each)) == first for each in others(part, found(data, at))):
                yield operation, called(at)


@every_row
def test_every_property_of_an_answer_is_told(row: Row) -> None:
    """Whatever single value of a documented answer changes, what is read of it changes too; the rest is listed."""
    excused = {name for start, name in UNTOLD if row.name.startswith(start)}

    missing = [each for each in untold(row) if each[1] not in excused]

    assert [] == missing


def test_every_excuse_is_needed() -> None:
    """Nothing is listed as untold that is told, or that no answer has."""
    unseen = {(row.name, name) for row in EVERY.values() for _, name in untold(row)}

    needless = [each for each in UNTOLD if not any(row.startswith(each[0]) and name == each[1] for row, name in unseen)]

    assert [] == needless


def test_a_property_that_is_new_in_the_documents_is_noticed() -> None:
    """If an answer of the documents had one property more, the test above would name it, wherever it stands."""
    noticed, objects = 0, 0
    for row in (ROWS["videos.extend"], CALLS["videos.identify_face"], CALLS["account.costs"], ROWS["elements.create"]):
        for _, whole, schema, reader in answers(row):
            data = filled(schema, whole, count(1001))
            for at, part, _ in places(schema, whole):
                if "properties" in part:
                    objects += 1
                    new = (*at, "new_field")
                    noticed += told(reader, changed(data, new, "1")) == told(reader, changed(data, new, "2"))

    assert 30 < objects == noticed


def attributes(value: Any) -> Iterator[tuple[type, str]]:
    """Classes and attributes of a value and of all it holds, as far as there is something in them."""
    kind: Any = value.__class__
    if kind is tuple:
        for each in value:
            yield from attributes(each)
    elif attrs.has(kind):
        for field in attrs.fields(kind):
            inner = getattr(value, field.name)
            if inner is not None and inner not in ((), ""):
                yield kind, field.name
                yield from attributes(inner)


def test_every_attribute_is_in_some_answer() -> None:
    """No model has an attribute that no documented answer fills; the exceptions are listed."""
    filling = {
        each
        for row in EVERY.values()
        for _, whole, schema, reader in answers(row)
        for each in attributes(reader(filled(schema, whole, count(1001))))
    }
    kinds = [kind for name in models.__all__ if attrs.has(kind := getattr(models, name))]
    there = {(kind, field.name) for kind in kinds for field in attrs.fields(kind)}

    assert there - filling == MADE_UP.keys()


class Told(logging.Handler):
    """What the reading of answers complains about."""

    def __init__(self) -> None:
        super().__init__()
        self.messages = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.messages.append(record.getMessage())


@contextmanager
def complaints() -> Generator[list[str]]:
    """What is left out of answers, and why."""
    log, handler = logging.getLogger("kling_async.protocol"), Told()
    log.addHandler(handler)
    try:
        yield handler.messages
    finally:
        log.removeHandler(handler)


def missed(row: Row) -> Iterator[str]:
    """Places of a row's answers without which, or with null in which, the answer is not read, or not all of it."""
    for _, whole, schema, reader in answers(row):
        data = filled(schema, whole, count(1001))
        for at, part, needed in places(schema, whole):
            nulled = [changed(data, at, None)] if "null" in part.get("type", ()) else []
            for less in nulled if needed else [*nulled, without(data, at)]:
                with complaints() as left_out:
                    try:
                        reader(less)
                    except ResponseError as error:
                        left_out.append(str(error))
                if left_out:
                    yield f"{row.name} {called(at)}"


@every_row
def test_what_may_be_missing_is_not_missed(row: Row) -> None:
    """A property that is not required may be left out, and one that may be null may be null: the answer is read."""
    names = set(missed(row))

    assert {each for each in NEEDED_HERE if each.startswith(f"{row.name} ")} == names


def test_every_operation_has_an_answer_that_is_read() -> None:
    """No operation of the documents is left out of these tests."""
    everything = {
        f"{name} {method} {path}" for name, whole in DOCUMENTS.items() for method, path, _ in operations(whole)
    }
    aliases = {f"{name} {row.method} {path}" for name in DOCUMENTS for row in CALLS.values() for path in row.aliases}

    read = {operation for row in EVERY.values() for operation, _, _, _ in answers(row)}

    assert everything - aliases == read


SHOWN: Final = [
    pytest.param(sample, reader, id=name) for row in EVERY.values() for name, sample, reader in shown_answers(row)
]


def links(value: Any) -> list[str]:
    """The links to results in a sample: `url`, `url_1` and so on, without those to watermarked renditions."""
    given: Any = value
    if isinstance(value, list):
        return [link for each in given for link in links(each)]
    if not isinstance(value, dict):
        return []
    here = [each for name, each in given.items() if name.startswith("url") and each]
    return here + [link for each in given.values() for link in links(each)]


@pytest.mark.parametrize(("sample", "reader"), SHOWN)
def test_official_answer_is_read(sample: Any, reader: Reader) -> None:
    """An answer that the documents show is read as it stands: ids, states and every link in it."""
    data: Any = sample["data"]
    several = sample["data"].__class__ is list

    with complaints() as left_out:
        read = reader(data)

    tasks: Any = (read if several else [read]) if "task_id" in str(data) else ()
    for given, task in zip(data if several else [data], tasks, strict=bool(tasks)):
        assert (given["task_id"], given["task_status"]) == (task.id, task.status)
        assert given.get("task_status_msg", "") == task.message
        assert (given["created_at"], given["updated_at"]) == (task.created_ms, task.updated_ms)
        assert links(given.get("task_result", {})) == [file.url for file in getattr(task.result, "files", ())]
    assert (True, []) == (bool(read), left_out)


def test_official_answers_are_there() -> None:
    """The samples of both documents are looked at."""
    assert 40 < len(SHOWN)
