"""Handles and references as values."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import InvalidRequest, KlingClient, TaskRef, TaskStatus, TaskTimeout

CREATED = datetime(2026, 3, 28, 12, 30, 1, 234000, tzinfo=UTC)


def a_client() -> KlingClient:
    """A client that never sends anything."""
    return KlingClient(api_key="not-used-0123456789")


@given(
    endpoint=st.sampled_from(["images.generate", "videos.text_to_video"]),
    task_id=st.none() | st.text(min_size=1),
    external=st.text(min_size=1),
    created=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_a_reference_survives_json(endpoint: str, task_id: str | None, external: str, created: datetime | None) -> None:
    """What `to_json` writes, `from_json` reads, whatever the ids hold."""
    ref = TaskRef(endpoint=endpoint, task_id=task_id, external_task_id=external, created_at=created)

    assert ref == TaskRef.from_json(ref.to_json())
    assert ref == pickle.loads(pickle.dumps(ref))  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "5", '{"endpoint": 5}', '{"endpoint": "x"}', '{"task_id": "1"}'),
        '{"endpoint": "x", "task_id": 5}',
        '{"endpoint": "x", "task_id": "1", "created_at": "yesterday"}',
        '{"endpoint": "x", "task_id": "1", "created_at": 7}',
        '{"endpoint": "x", "task_id": "1", "created_at": "2026-03-28T12:00:00"}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:60],
)
def test_anything_else_is_no_reference(text: str) -> None:
    """A clear refusal, not a KeyError."""
    with pytest.raises(InvalidRequest):
        TaskRef.from_json(text)


def test_an_attached_handle_knows_only_what_it_was_given() -> None:
    """No request, no snapshot, status unknown."""
    handle = a_client().videos.text_to_video.attach(external_task_id="mine")

    assert (None, "mine", TaskStatus.UNKNOWN, False, None) == (
        handle.id,
        handle.external_task_id,
        handle.status,
        handle.done,
        handle.latest,
    )
    assert TaskRef(endpoint="videos.text_to_video", external_task_id="mine") == handle.ref
    assert "<TaskHandle videos.text_to_video mine unknown>" == repr(handle)


def test_a_reference_finds_its_endpoint_again() -> None:
    """`attach` takes what `ref` gave."""
    ref = TaskRef(endpoint="images.multi_shot", task_id="1", external_task_id="mine", created_at=CREATED)

    handle = a_client().attach(ref)

    assert ("images.multi_shot", "1", "mine") == (handle.endpoint, handle.id, handle.external_task_id)


def test_a_reference_to_an_endpoint_nobody_knows_is_refused() -> None:
    """For instance one written by a later version."""
    with pytest.raises(InvalidRequest, match=r"ref\.endpoint"):
        a_client().attach(TaskRef(endpoint="images.sculpt", task_id="1"))


@pytest.mark.parametrize("ids", [{}, {"task_id": "1", "external_task_id": "2"}, {"task_id": ""}, {"task_id": 5}])
def test_attach_wants_exactly_one_id(ids: dict[str, str]) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequest):
        a_client().images.generate.attach(**ids)


def test_a_handle_is_not_pickled_but_its_reference_and_errors_are() -> None:
    """A handle belongs to its client; a time-out keeps the reference on its way to another process."""
    handle = a_client().images.generate.attach("1")
    error = TaskTimeout(handle, 5)

    with pytest.raises(TypeError, match=r"handle\.ref"):
        pickle.dumps(handle)
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (None, handle.ref, str(error)) == (twin.handle, twin.ref, str(twin))
    assert handle is copy.copy(error).handle
