"""What every row promises, over a real socket. Names no endpoint: a new row is tested by being there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import pytest

from kling_async import (
    ApiError,
    BadRequest,
    ContentRefused,
    DuplicateTask,
    InvalidRequest,
    TaskFailed,
    TaskNotFound,
    TaskRef,
    TaskStatus,
)
from kling_async.api import ROWS, info

Subject: TypeAlias = Any
"""See conftest."""

quirky = pytest.mark.kling_emulator(quirks=True)


def texts(row: Any) -> dict[str, int]:
    """The row's own texts that have a limit, with it."""
    abouts = {field.name: info(field) for field in attrs.fields(row.request)}
    return {
        name: about.max_length for name, about in abouts.items() if about and about.kind == "text" and about.max_length
    }


def only(wanted: Callable[[Any], object]) -> pytest.MarkDecorator:
    """The rows to which a promise applies."""
    chosen = {name: row for name, row in ROWS.items() if wanted(row)}
    return pytest.mark.parametrize("subject", chosen.values(), ids=chosen.keys(), indirect=True)


with_prompt = only(lambda row: "prompt" in attrs.fields_dict(row.request))
with_texts = only(texts)


FREE = 0


def price(subject: Subject) -> Any:
    """What the request says that it will cost."""
    return subject.row.request(**subject.example).estimate()


def assert_refusal(error: ApiError, code: int, words: str) -> None:
    """A refusal of the vendor's says what, under which code, and can be traced."""
    assert code == error.code
    assert words in error.message
    assert error.request_id
    assert error.request_id in str(error)
    assert error.advice


async def test_create_and_await(subject: Subject) -> None:
    """A call gives a handle at once, and awaiting it the finished task with its files and units."""
    handle = await subject.method(**subject.example)
    submitted = handle.status

    task = await handle

    assert TaskStatus.SUBMITTED is submitted
    assert (TaskStatus.SUCCEED, handle.id, "") == (task.status, task.id, task.message)
    assert task.result.files
    assert all(file.url.startswith(subject.emulator.url) for file in task.result.files)
    assert task.units > 0 or FREE == price(subject)
    assert price(subject) in (None, task.units)
    assert task.created_at < task.updated_at


async def test_submit_takes_a_request_as_a_value(subject: Subject) -> None:
    """A request built earlier makes the same call as keywords."""
    request = subject.row.request(**subject.example)

    handle = await subject.method.submit(request)

    assert TaskStatus.SUCCEED is (await handle).status


async def test_query_by_both_ids(subject: Subject) -> None:
    """A task is found by the vendor's id and by the caller's, whatever its characters."""
    handle = await subject.method(**subject.example, external_task_id="order 17/ä?#%")

    by_id = await subject.method.get(handle.id)
    by_external_id = await subject.method.get(external_task_id="order 17/ä?#%")

    assert handle.id == by_id.id == by_external_id.id
    assert "order 17/ä?#%" == by_id.external_task_id == handle.external_task_id


@pytest.mark.parametrize("own_id", [".", ".."])
async def test_id_of_dots_is_no_step_in_the_path(subject: Subject, own_id: str) -> None:
    """Even an id that looks like a directory finds its task."""
    handle = await subject.method(**subject.example, external_task_id=own_id)

    found = await subject.method.get(external_task_id=own_id)

    assert handle.id == found.id


async def test_every_create_carries_an_external_id(subject: Subject) -> None:
    """Where the caller gives no id, one is made, by which the task can be found."""
    handle = await subject.method(**subject.example)

    found = await subject.method.get(external_task_id=handle.external_task_id)

    assert handle.id == found.id


async def test_list_and_iterate(subject: Subject) -> None:
    """Pages and iteration give this endpoint's tasks, each once."""
    made = {(await subject.method(**subject.example)).id for _ in range(5)}

    pages = [await subject.method.list(page=at, page_size=2) for at in (1, 2, 3, 4)]
    iterated = [task.id async for task in subject.method.iterate(page_size=2)]

    assert [2, 2, 1, 0] == [len(page) for page in pages]
    assert made == {task.id for page in pages for task in page}
    assert made == set(iterated)
    assert 5 == len(iterated)


async def test_attach_by_either_id(subject: Subject) -> None:
    """A handle for a task made elsewhere sends nothing by itself, and ends like the first one."""
    handle = await subject.method(**subject.example, external_task_id="mine")
    before = subject.calls

    by_id = subject.method.attach(handle.id)
    by_external_id = subject.method.attach(external_task_id="mine")

    assert before == subject.calls
    assert (None, handle.id) == (by_id.latest, by_id.id)
    assert handle.id == (await by_id).id == (await by_external_id).id == by_external_id.id


async def test_reference_finds_the_task_again(subject: Subject) -> None:
    """A reference survives JSON, and another handle of it gives the same task."""
    handle = await subject.method(**subject.example)

    ref = TaskRef.from_json(handle.ref.to_json())
    task = await subject.kling.attach(ref)

    assert handle.ref == ref
    assert await handle == task


async def test_wrong_field_is_refused_by_the_vendor(subject: Subject) -> None:
    """What passes unchecked and is wrong comes back as a BadRequest that names the field."""
    for name in subject.least or {"callback_url": None}:
        with pytest.raises(BadRequest) as caught:
            await subject.method(**subject.example, extra={name: {"not": "right"}})

        assert_refusal(caught.value, 1201, name)
        assert not caught.value.may_have_been_created


async def test_wrong_field_is_refused_here(subject: Subject) -> None:
    """The same mistake in a field of ours ends before anything is sent."""
    for name in subject.least:
        with pytest.raises(InvalidRequest) as caught:
            await subject.method(**{**subject.example, name: object()})

        assert name == caught.value.field
    assert 0 == subject.calls


async def test_missing_field_is_refused_by_the_vendor(subject: Subject) -> None:
    """A required field that is empty is a BadRequest that names it."""
    for name in subject.least:
        with pytest.raises(BadRequest) as caught:
            await subject.method(**subject.example, extra={name: ""})

        assert_refusal(caught.value, 1201, name)


async def test_missing_field_is_refused_here(subject: Subject) -> None:
    """A required field that is not given ends before anything is sent."""
    for name in subject.least:
        with pytest.raises(InvalidRequest, match=r"is required|must have") as caught:
            await subject.method(**{key: value for key, value in subject.least.items() if key != name})

        assert name == caught.value.field
    assert 0 == subject.calls


@with_texts
async def test_text_of_full_length_passes(subject: Subject) -> None:
    """A text may have as many characters as the documents allow, counted as people count them."""
    for name, most in texts(subject.row).items():
        handle = await subject.method(**{**subject.example, name: "🦊" * most})

        assert "🦊" * most == subject.emulator.tasks[handle.id].body[name]


@with_texts
async def test_text_that_is_too_long_is_refused_here(subject: Subject) -> None:
    """One character more ends before anything is sent."""
    for name, most in texts(subject.row).items():
        with pytest.raises(InvalidRequest, match=f"at most {most} characters, has {most + 1}") as caught:
            await subject.method(**{**subject.example, name: "x" * (most + 1)})

        assert name == caught.value.field
    assert 0 == subject.calls


@with_texts
async def test_text_that_is_too_long_is_refused_by_the_vendor(subject: Subject) -> None:
    """Our limits are the vendor's: unchecked, the vendor refuses the same."""
    for name, most in texts(subject.row).items():
        with pytest.raises(BadRequest) as caught:
            await subject.method(**subject.example, extra={name: "x" * (most + 1)})

        assert_refusal(caught.value, 1201, name)


async def test_unknown_field_passes_through_extra(subject: Subject) -> None:
    """A field that is newer than this package reaches the vendor as it is."""
    new = {"new_field": {"deep": [1, 2.5, "ä", None, True]}}

    handle = await subject.method(**subject.example, extra=new)

    assert "new_field" in subject.emulator.tasks[handle.id].body
    assert TaskStatus.SUCCEED is (await handle).status


async def test_unknown_field_is_refused_here(subject: Subject) -> None:
    """A name that is misspelt ends before anything is sent."""
    with pytest.raises(InvalidRequest, match="is not a field"):
        await subject.method(**subject.example, promptt="a fox")

    assert 0 == subject.calls


@with_prompt
async def test_policy_refuses_at_once(subject: Subject) -> None:
    """A prompt that content safety forbids is refused at the create, and no task is made."""
    with pytest.raises(ContentRefused) as caught:
        await subject.method(**{**subject.example, "prompt": "a forbidden fox"})

    assert_refusal(caught.value, 1301, "policy")
    assert set() == subject.tasks


@with_prompt
async def test_policy_refuses_late(subject: Subject) -> None:
    """A task that fails on the way raises the vendor's words; as data it is a failed task without result."""
    handle = await subject.method(**{**subject.example, "prompt": "a risky fox"})

    with pytest.raises(TaskFailed, match="risk control") as caught:
        await handle

    assert (TaskStatus.FAILED, None) == (caught.value.task.status, caught.value.task.result)
    assert caught.value.task == await subject.method.get(handle.id)


async def test_external_id_is_used_once(subject: Subject) -> None:
    """A second create under the same id is a DuplicateTask and makes no second task."""
    await subject.method(**subject.example, external_task_id="mine")

    with pytest.raises(DuplicateTask) as caught:
        await subject.method(**subject.example, external_task_id="mine")

    assert_refusal(caught.value, 1201, "mine")
    assert 1 == len(subject.tasks)


@pytest.mark.parametrize("which", ["task_id", "external_task_id"])
async def test_unknown_id_is_not_found(subject: Subject, which: str) -> None:
    """An id the vendor does not know is a TaskNotFound."""
    with pytest.raises(TaskNotFound) as caught:
        await subject.method.get(**{which: "nobody"})

    assert_refusal(caught.value, 1201, "nobody")


@quirky
async def test_every_documented_variation_is_read(subject: Subject) -> None:
    """However the vendor writes its tasks, they are created, found, listed and awaited."""
    handles = [await subject.method(**subject.example)]
    alone = [await subject.method.list() for _ in range(6)]
    handles += [await subject.method(**subject.example) for _ in range(5)]

    tasks = [await handle for handle in handles]
    found = [await subject.method.get(handle.id) for handle in handles for _ in range(3)]
    listed = [task async for task in subject.method.iterate(page_size=4)]
    beyond = [await subject.method.list(page=at) for at in range(2, 8)]

    assert [[handles[0].id]] * 6 == [[task.id for task in page] for page in alone]
    assert [handle.id for handle in handles] == [task.id for task in tasks]
    assert {handle.id for handle in handles} == {task.id for task in found} == {task.id for task in listed}
    assert all(task.result.files for task in (*tasks, *found, *listed))
    assert all(task.units or FREE == price(subject) for task in (*tasks, *found, *listed))
    assert [()] * 6 == beyond


@quirky
@with_prompt
async def test_every_documented_failure_is_read(subject: Subject) -> None:
    """A failed task is one in every variation, and nothing is charged."""
    handles = [await subject.method(**{**subject.example, "prompt": "a risky fox"}) for _ in range(4)]

    failures = list[TaskFailed]()
    for handle in handles:
        with pytest.raises(TaskFailed) as caught:
            await handle
        failures.append(caught.value)

    assert {TaskStatus.FAILED} == {failure.task.status for failure in failures}
    assert not any(failure.task.units for failure in failures)


async def test_model_is_refused_here(subject: Subject) -> None:
    """The old key `model` never reaches the vendor, which would run another model than was meant."""
    with pytest.raises(InvalidRequest) as caught:
        await subject.method(**subject.example, model="kling-v3")

    assert "model" == caught.value.field
    assert 0 == subject.calls
