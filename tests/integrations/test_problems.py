"""What a web service tells of our errors: a problem for every class, nothing that only its owner should know."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path

import pytest

from kling_async import KlingClient, KlingError, Task, TaskRef, TaskStatus, errors
from kling_async.emulator import Emulator
from kling_async.integrations.problems import TABLE, TYPE, problem

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KlingError)]
INSIDE = "https://user:word@host-of-ours.example/v1?Signature=canary-signature"
"""What the vendor or a library may have put into a message."""


def one(kind: type[KlingError]) -> KlingError:
    """An error of a class, with what must not get out wherever there is room for it."""
    handle = KlingClient(api_key="not-used-0123456789").images.generate.attach("1")
    ref = TaskRef(endpoint="images.generate", task_id="1", external_task_id="k1")
    if issubclass(kind, errors.ApiError):
        return kind(f"no: {INSIDE}", code=1200, status=400, request_id="req-canary", advice="Check our key")
    made: dict[type[KlingError], KlingError] = {
        errors.InvalidRequest: errors.InvalidRequest("n", "must be between 1 and 9", "canary-value"),
        errors.ManifestError: errors.ManifestError(
            "jobs", [errors.RowError("line 3", "a", "n", "is too much", "canary-value")]
        ),
        errors.ResponseError: errors.ResponseError("odd", status=200, request_id="req-canary", excerpt="canary-value"),
        errors.SubmitUnknown: errors.SubmitUnknown("open", external_task_id="k1"),
        errors.TaskFailed: errors.TaskFailed(
            Task(id="1", status=TaskStatus.FAILED, result=None, message=f"risk: {INSIDE}")
        ),
        errors.TaskTimeout: errors.TaskTimeout(handle, 5.0),
        errors.TaskLost: errors.TaskLost(ref, seconds=60.0),
        errors.DownloadError: errors.DownloadError(
            f"{INSIDE} to /home/canary-value", done=[Path("/home/canary-value")]
        ),
    }
    return made.get(kind) or kind(f"{INSIDE} canary-value")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_class_of_error_has_a_row_and_tells_nothing_of_the_inside(kind: type[KlingError]) -> None:
    """Status, title and type of its own; no secret, no value, no path, no id of the vendor's support."""
    told = problem(one(kind), safe=True)

    assert kind in TABLE
    assert told.status == told.body["status"]
    assert 400 <= told.status < 600
    assert str(told.body["type"]).startswith(TYPE)
    assert told.body["title"]
    assert told.body["detail"]
    assert "canary" not in json.dumps([told.body, dict(told.headers)])
    assert "word" not in json.dumps(told.body).replace("no word", "")


def test_types_tell_classes_apart() -> None:
    """As programs want it: one type per class, in words of the web."""
    types = {problem(one(kind), safe=True).body["type"] for kind in ALL}

    assert len(ALL) == len(types)
    assert f"{TYPE}content-refused" in types
    assert f"{TYPE}unsafe-url" in types
    assert f"{TYPE}ip-not-allowed" in types


def test_an_error_that_others_derive_is_told_as_its_ancestor() -> None:
    """Versions to come, and users, have more kinds."""

    class Odd(errors.ContentRefused):
        pass

    told = problem(Odd("no", code=1301, status=400), safe=True)

    assert (422, f"{TYPE}content-refused") == (told.status, told.body["type"])


def test_the_caller_learns_what_to_change() -> None:
    """Field and rule; not the value, which may be a picture."""
    told = problem(errors.InvalidRequest("n", "must be between 1 and 9", 10), safe=False)

    assert 422 == told.status
    assert ("n", "must be between 1 and 9") == (told.body["field"], told.body["rule"])
    assert "n: must be between 1 and 9" == told.body["detail"]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.RateLimited("slow", code=1302, status=429, retry_after=7.2), "8"),
        (errors.RateLimited("slow", code=1302, status=429), "5"),
        (errors.RateLimited("slow", code=1302, status=429, retry_after=0.0), "1"),
        (errors.RateLimited("slow", code=1302, status=429, retry_after=1e9), "3600"),
        (errors.SlotsUnavailable("none"), "15"),
        (errors.ConnectionFailed("cut"), "10"),
        (errors.BadRequest("no", code=1201, status=400, retry_after=3.0), None),
        (errors.BalanceError("no", code=1102, status=400, retry_after=3.0), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_retry_after_stands_where_time_helps(error: KlingError, seconds: str | None) -> None:
    """As the vendor asked for, within reason, else a guess; never where waiting changes nothing."""
    told = problem(error, safe=False)

    assert seconds == told.headers.get("Retry-After")


@pytest.mark.parametrize(
    "error",
    [
        errors.ServerError("no", code=5000, status=500, retry_after=3.0),
        errors.ConnectionFailed("cut", may_have_been_created=True),
        errors.ClientClosed("closed", may_have_been_created=True),
        errors.ResponseError("odd", status=200),
        errors.SubmitUnknown("open", external_task_id="k1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_nobody_is_asked_to_make_a_task_twice(error: KlingError) -> None:
    """Where a POST may have made a task there is no Retry-After but a warning; a GET may be repeated."""
    create, query = problem(error, safe=False), problem(error, safe=True)

    assert "Retry-After" not in create.headers
    assert create.body["may_have_been_created"] is True
    assert "try again" not in str(create.body["detail"]).lower()
    assert "may_have_been_created" not in query.body


async def test_a_task_that_was_awaited_when_the_service_stopped_is_not_asked_for_anew() -> None:
    """It goes on, and the same POST would make a second one."""
    async with Emulator() as emulator:
        async with emulator.client() as kling:
            handle = await kling.images.generate(prompt="x")
            waiting = asyncio.ensure_future(handle.wait())
            await asyncio.sleep(0)
        with pytest.raises(errors.ClientClosed) as then:
            await waiting
        with pytest.raises(errors.ClientClosed) as later:
            await handle.wait()

    for caught in (then, later):
        told = problem(caught.value, safe=False)
        assert "Retry-After" not in told.headers
        assert told.body["may_have_been_created"] is True


def test_a_certificate_that_was_not_accepted_is_no_matter_of_time() -> None:
    """Something between the service and the vendor is not the vendor."""
    error = errors.ConnectionFailed("certificate")
    error.retryable = False

    told = problem(error, safe=True)

    assert "Retry-After" not in told.headers


@pytest.mark.parametrize("kind", [errors.NotFound, errors.PermissionDenied, errors.AuthenticationError])
def test_a_gateways_refusal_is_not_the_callers_fault(kind: type[errors.ApiError]) -> None:
    """An answer without a code is about the service's own call."""
    told = problem(kind("<html>nginx canary", code=None, status=404), safe=True)

    assert 502 == told.status
    assert "canary" not in str(told.body)


def test_a_wait_that_was_too_long_leads_to_the_task() -> None:
    """Its ids, and that it goes on; a POST must not be repeated."""
    handle = KlingClient(api_key="not-used-0123456789").images.generate.attach(external_task_id="k1")
    error = errors.TaskTimeout(handle, 5.0)

    get, post = problem(error, safe=True), problem(error, safe=False)

    assert (504, "k1") == (get.status, get.body["external_task_id"])
    assert "10" == get.headers["Retry-After"]
    assert "Retry-After" not in post.headers
