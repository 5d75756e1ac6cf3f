"""What an error means for a create and for a query: the table of the design, written down a second time."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import (
    ApiError,
    ClientClosed,
    ConnectionFailed,
    InvalidRequest,
    KlingError,
    MissingCredentials,
    RequestTimeout,
    ResponseError,
    SlotsUnavailable,
)
from kling_async.errors import CODES as MEANINGS
from kling_async.protocol.call import Answer
from kling_async.protocol.envelope import unwrap
from kling_async.protocol.outcome import CODES, Outcome, of
from kling_async.transport.engine import may_pass

R, U = "refused", "unknown"

# HTTP status, service code, outcome of a create, may it be repeated, what a create does, what a query does
ANSWERS = [
    (401, 1000, R, "no", "halt account", "fail"),
    (401, 1001, R, "no", "halt account", "fail"),
    (401, 1002, R, "once", "renew", "renew"),
    (401, 1003, R, "once", "renew", "renew"),
    (401, 1004, R, "once", "renew", "renew"),
    (429, 1100, R, "no", "halt account", "fail"),
    (429, 1101, R, "no", "halt account", "fail"),
    (429, 1102, R, "no", "halt pool", "fail"),
    (403, 1103, R, "no", "halt endpoint", "fail"),
    (400, 1200, R, "no", "fail", "fail"),
    (400, 1201, R, "no", "fail", "fail"),
    (404, 1202, R, "no", "fail", "fail"),
    (404, 1203, R, "no", "fail", "absent so far"),
    (400, 1300, R, "no", "fail", "fail"),
    (400, 1301, R, "no", "fail", "fail"),
    (429, 1302, R, "yes", "pause", "pause"),
    (429, 1303, R, "yes", "wait for a slot", "pause"),
    (429, 1304, R, "no", "halt account", "fail"),
    (500, 5000, U, "after reconcile", "reconcile", "retry"),
    (503, 5001, U, "after reconcile", "reconcile", "retry"),
    (504, 5002, U, "after reconcile", "reconcile", "retry"),
    # Codes that nobody has seen, and answers of a gateway's: the status tells.
    (400, 1999, R, "no", "fail", "fail"),
    (418, None, R, "no", "fail", "fail"),
    (401, None, R, "no", "fail", "fail"),
    (404, None, R, "no", "fail", "fail"),
    (429, None, R, "yes", "pause", "retry"),
    (429, 1999, R, "yes", "pause", "retry"),
    (408, None, U, "after reconcile", "reconcile", "retry"),
    (500, None, U, "after reconcile", "reconcile", "retry"),
    (502, None, U, "after reconcile", "reconcile", "retry"),
    (503, 7777, U, "after reconcile", "reconcile", "retry"),
    (599, None, U, "after reconcile", "reconcile", "retry"),
    (302, None, R, "no", "fail", "fail"),
    (307, 1999, R, "no", "fail", "fail"),
    # The code decides, not the status.
    (200, 1303, R, "yes", "wait for a slot", "pause"),
    (200, 5000, U, "after reconcile", "reconcile", "retry"),
    (500, 1201, R, "no", "fail", "fail"),
    # Not listed anywhere.
    (200, 1999, U, "after reconcile", "reconcile", "retry"),
    (200, None, U, "after reconcile", "reconcile", "retry"),
]


def answered(status: int, code: int | None, message: str = "no") -> KlingError:
    """The error that the package makes of an answer."""
    body = json.dumps({"message": message} if code is None else {"code": code, "message": message}).encode()
    with pytest.raises(KlingError) as caught:
        unwrap(Answer(status=status, body=body), str)
    return caught.value


def told(error: BaseException) -> tuple[str, ...]:
    """The line of an error, in words."""
    row = of(error)
    return (row.outcome.value, row.repeat.value, row.create.value, row.query.value)


@pytest.mark.parametrize(("status", "code", "outcome", "repeat", "create", "query"), ANSWERS)
def test_each_answer_of_the_table_means_what_the_design_says(
    status: int, code: int | None, outcome: str, repeat: str, create: str, query: str
) -> None:
    """Every line of it."""
    error = answered(status, code)

    assert (outcome, repeat, create, query) == told(error)


def test_no_code_of_the_vendors_is_missing() -> None:
    """Neither in the table nor in this file."""
    listed = {code for status, code, *_ in ANSWERS if code in MEANINGS and status != 200}

    assert set(MEANINGS) == set(CODES) == listed


def sent(error: KlingError) -> KlingError:
    """An error after which a task may exist."""
    error.__dict__["may_have_been_created"] = True
    return error


def distrusted() -> ConnectionFailed:
    """A certificate that was not accepted."""
    error = ConnectionFailed("no")
    error.retryable = False
    return error


def cancelled(*, left: bool) -> asyncio.CancelledError:
    """A create that was cancelled, before or after it left."""
    error = asyncio.CancelledError()
    vars(error)["may_have_been_created"] = left
    return error


@pytest.mark.parametrize(
    ("error", "row"),
    [
        (ConnectionFailed("no such host"), (R, "yes", "pause", "retry")),
        (RequestTimeout("no connection in time"), (R, "yes", "pause", "retry")),
        (ConnectionFailed("cut", may_have_been_created=True), (U, "after reconcile", "reconcile", "retry")),
        (RequestTimeout("no answer", may_have_been_created=True), (U, "after reconcile", "reconcile", "retry")),
        (distrusted(), (R, "no", "halt account", "fail")),
        (SlotsUnavailable("none"), (R, "yes", "fail", "fail")),
        (asyncio.CancelledError(), (R, "yes", "fail", "fail")),
        (cancelled(left=False), (R, "yes", "fail", "fail")),
        (cancelled(left=True), (U, "after reconcile", "reconcile", "retry")),
        (ClientClosed("closed"), (R, "no", "fail", "fail")),
        (ClientClosed("closed", may_have_been_created=True), (U, "after reconcile", "fail", "fail")),
        (InvalidRequest("image", "must be as it was"), (R, "no", "fail", "fail")),
        (MissingCredentials("none"), (R, "no", "fail", "fail")),
        (ResponseError("not JSON", status=200), (U, "after reconcile", "reconcile", "retry")),
        (ResponseError("not a task"), (U, "after reconcile", "reconcile", "retry")),
        (ResponseError("a redirect", status=308), (R, "no", "fail", "fail")),
        (ApiError("inside of the data"), (U, "after reconcile", "reconcile", "retry")),
        (ValueError("a hook"), (U, "after reconcile", "reconcile", "retry")),
    ],
)
def test_what_fails_on_the_way_means_what_the_design_says(error: BaseException, row: tuple[str, ...]) -> None:
    """Every line of the second table, and what is in none."""
    assert row == told(error)


def test_two_texts_under_1201_are_no_refusals_of_what_was_asked() -> None:
    """An id that is in use, and a task that is not there."""
    taken = answered(400, 1201, "External_task_id abc already exists")
    missing = answered(400, 1201, "Task not found by external id")

    assert (R, "no", "adopt", "fail") == told(taken)
    assert (R, "no", "fail", "absent so far") == told(missing)


@pytest.mark.parametrize(
    ("status", "code"),
    [(status, code) for status, code, *_ in ANSWERS if status // 100 != 3 and (code is None or code in CODES)],
)
def test_the_table_and_the_engine_agree_on_what_is_asked_again(status: int, code: int | None) -> None:
    """A query is repeated where the table says so."""
    error = answered(status, code)

    assert may_pass(error) == (of(error).query in ("retry", "pause"))


@given(status=st.integers(100, 599), code=st.none() | st.integers(-10, 10_000))
def test_a_refusal_is_certain_or_it_is_none(status: int, code: int | None) -> None:
    """What no line names is unknown: nothing above or below the 3xx and 4xx is ever taken for a refusal."""
    error = ApiError("x", code=code, status=status)

    certain = code < 5000 if code in CODES and code is not None else 300 <= status < 500 and status != 408

    assert certain == (of(error).outcome is Outcome.REFUSED)
