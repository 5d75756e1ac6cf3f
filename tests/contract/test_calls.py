"""What every direct call promises, over a real socket. Names no call: a new one is tested by being there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import pytest

from kling_async import BadRequest, InvalidRequest, Task
from kling_async.api import CALLS, info
from kling_async.models.wire import SENT_AS

Subject: TypeAlias = Any
"""See conftest."""

quirky = pytest.mark.kling_emulator(quirks=True)


def texts(row: Any) -> dict[str, int]:
    """The call's own texts that have a limit, with it."""
    abouts = {field.name: info(field) for field in attrs.fields(row.request)}
    return {
        name: about.max_length for name, about in abouts.items() if about and about.kind == "text" and about.max_length
    }


def numbers(row: Any) -> dict[str, float]:
    """The call's own numbers that have a limit, with the largest."""
    abouts = {field.name: info(field) for field in attrs.fields(row.request)}
    kinds = ("number", "integer")
    return {
        name: about.maximum
        for name, about in abouts.items()
        if about and about.kind in kinds and about.maximum is not None and about.maximum < 10**6
    }


def only(wanted: Callable[[Any], object]) -> pytest.MarkDecorator:
    """The calls to which a promise applies."""
    chosen = {name: row for name, row in CALLS.items() if wanted(row)}
    return pytest.mark.parametrize("call", chosen.values(), ids=chosen.keys(), indirect=True)


posted = only(lambda row: row.method == "POST")
free = only(lambda row: row.repeatable)
with_texts = only(texts)
with_numbers = only(numbers)


async def test_call_is_answered(call: Subject) -> None:
    """One exchange, at the call's own path, and an answer of its own kind."""
    answer = await call.method(**call.least)

    assert 1 == call.calls
    request = call.emulator.requests[-1]
    assert (call.row.method, call.row.path) == (request.method, request.path)
    if answer is not None:
        assert not isinstance(answer, dict | list | str)
        assert repr(answer)


async def test_request_as_a_value_is_the_same_call(call: Subject) -> None:
    """A request built earlier is answered like keywords."""
    request = call.row.request(**call.least)

    await call.method.send(request)

    (seen,) = call.emulator.requests[-call.calls :]
    assert (call.row.method, call.row.path) == (seen.method, seen.path)


async def test_what_is_told_and_what_is_charged_agree(call: Subject) -> None:
    """Where request and answer both tell units, they tell the same."""
    estimate = call.row.request(**call.least).estimate()

    answer = await call.method(**call.least)

    charged = getattr(answer, "units", None)
    assert charged is None or estimate in (None, charged)


async def test_files_are_there(call: Subject) -> None:
    """The files of an answer can be fetched; one that is a task is a finished one."""
    answer: Any = await call.method(**call.least)

    holder: Any = getattr(answer, "result", answer)
    files = tuple(getattr(holder, "files", ()))
    assert not isinstance(answer, Task) or (answer.status.final and files)
    assert all(file.url.startswith(call.emulator.url) for file in files)


@free
async def test_call_that_only_reads_may_be_sent_twice(call: Subject) -> None:
    """What is repeated on its own does no more the second time, and is answered again."""
    first = await call.method(**call.least)
    second = await call.method(**call.least)

    assert type(first) is type(second)
    assert set() == call.tasks


@posted
async def test_wrong_field_is_refused_by_the_vendor(call: Subject) -> None:
    """What passes unchecked and is wrong comes back as a BadRequest that names the field and can be traced."""
    for name in call.least:
        with pytest.raises(BadRequest) as caught:
            await call.method(**call.least, extra={name: {"not": "right"}})

        assert (1201, 400) == (caught.value.code, caught.value.status)
        assert name in caught.value.message
        assert caught.value.request_id


async def test_wrong_field_is_refused_here(call: Subject) -> None:
    """The same mistake in a field of ours ends before anything is sent."""
    for name in call.least:
        with pytest.raises(InvalidRequest) as caught:
            await call.method(**{**call.least, name: object()})

        assert name == caught.value.field
    assert 0 == call.calls


async def test_missing_field_is_refused_here(call: Subject) -> None:
    """A field that is needed and not given ends before anything is sent."""
    for name in call.least:
        with pytest.raises(InvalidRequest, match="is required") as caught:
            await call.method(**{key: value for key, value in call.least.items() if key != name})

        assert name == caught.value.field
    assert 0 == call.calls


async def test_missing_field_is_refused_by_the_vendor(call: Subject) -> None:
    """Unchecked, the vendor refuses what lacks it, in words that name it."""
    sent_as = {field.name: field.metadata.get(SENT_AS, field.name) for field in attrs.fields(call.row.request)}
    for name in call.least:
        with pytest.raises(BadRequest) as caught:
            await call.method(**call.least, extra={sent_as[name]: ""})

        assert caught.value.code in (1200, 1201)
        assert caught.value.message


@with_texts
async def test_text_that_is_too_long_is_refused(call: Subject) -> None:
    """One character more than the documents allow is refused here, and unchecked by the vendor: the limits agree."""
    for name, most in texts(call.row).items():
        with pytest.raises(InvalidRequest, match=f"at most {most} characters"):
            await call.method(**{**call.least, name: "x" * (most + 1)})
        with pytest.raises(BadRequest, match=name):
            await call.method(**call.least, extra={name: "x" * (most + 1)})
        await call.method(**{**call.least, name: "🦊" * most})

    assert 2 * len(texts(call.row)) == call.calls


@with_numbers
async def test_number_at_its_limit_passes(call: Subject) -> None:
    """The largest number the documents allow passes; one more is refused here, and unchecked by the vendor."""
    for name, most in numbers(call.row).items():
        sent_as = attrs.fields_dict(call.row.request)[name].metadata.get(SENT_AS, name)
        await call.method(**{**call.least, name: most})
        with pytest.raises(InvalidRequest):
            await call.method(**{**call.least, name: most + 1})
        with pytest.raises(BadRequest):
            await call.method(**call.least, extra={sent_as: most + 1})


async def test_unknown_field_passes_through_extra(call: Subject) -> None:
    """A field that is newer than this package reaches the vendor and does no harm."""
    await call.method(**call.least, extra={"new_field": "ä"})

    assert 1 == call.calls


async def test_unknown_field_is_refused_here(call: Subject) -> None:
    """A name that is misspelt ends before anything is sent."""
    with pytest.raises(InvalidRequest, match="is not a field"):
        await call.method(**call.least, promptt="a fox")

    assert 0 == call.calls


@quirky
async def test_every_documented_variation_is_read(call: Subject) -> None:
    """However the vendor writes its answers, they are read, and read alike."""
    answers = list[Any]()
    for _ in range(6):
        with contextlib.suppress(BadRequest) if call.row.name.endswith("delete") else contextlib.nullcontext():
            answers.append(await call.method(**call.least))  # a second deletion finds nothing to delete

    assert all(type(answer) is type(answers[0]) for answer in answers)
    assert answers
