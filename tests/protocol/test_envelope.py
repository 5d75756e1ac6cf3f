"""The envelope: what counts as success, which error a code is, and what an error tells and hides."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async import (
    AccountError,
    ApiError,
    AuthenticationError,
    BadRequest,
    BalanceError,
    ContentRefused,
    DuplicateTask,
    InvalidRequest,
    IPNotAllowed,
    KlingError,
    NotFound,
    PermissionDenied,
    PolicyError,
    RateLimited,
    ResponseError,
    ServerError,
    ServiceTimeout,
    ServiceUnavailable,
    SlotsExceeded,
    TaskNotFound,
)
from kling_async.emulator.documents import document
from kling_async.errors import CODES
from kling_async.protocol.call import Answer
from kling_async.protocol.envelope import unwrap

SECRET = "s3cr3t-of-the-account"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhayJ9.c2lnbmF0dXJl"

TABLE: dict[int, tuple[int, type[ApiError]]] = {
    1000: (401, AuthenticationError),
    1001: (401, AuthenticationError),
    1002: (401, AuthenticationError),
    1003: (401, AuthenticationError),
    1004: (401, AuthenticationError),
    1100: (429, AccountError),
    1101: (429, BalanceError),
    1102: (429, BalanceError),
    1103: (403, PermissionDenied),
    1200: (400, BadRequest),
    1201: (400, BadRequest),
    1202: (404, NotFound),
    1203: (404, NotFound),
    1300: (400, PolicyError),
    1301: (400, ContentRefused),
    1302: (429, RateLimited),
    1303: (429, SlotsExceeded),
    1304: (429, IPNotAllowed),
    5000: (500, ServerError),
    5001: (503, ServiceUnavailable),
    5002: (504, ServiceTimeout),
}
every_code = pytest.mark.parametrize(("code", "status", "kind"), [(code, *row) for code, row in TABLE.items()])


def mask(text: str) -> str:
    """What the client's credentials hide."""
    return text.replace(SECRET, "***")


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer with this body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, body=content, headers={name.replace("_", "-"): text for name, text in headers.items()})


def failure(body: object, status: int = 200, **headers: str) -> Any:
    """The error an answer is read as."""
    with pytest.raises(KlingError) as caught:
        unwrap(answer(body, status, **headers), mask)
    return caught.value


def test_table_is_the_vendors() -> None:
    """The codes known here are those of the vendor's table, success aside, with its HTTP statuses."""
    vendors = {row["code"]: row["http"] for row in document("image-account")["x-error-codes"] if row["code"]}

    assert vendors == {code: status for code, (status, _) in TABLE.items()}
    assert set(vendors) == set(CODES)


@every_code
def test_code_is_exactly_one_class(code: int, status: int, kind: type[ApiError]) -> None:
    """Each code is one class, with the message, the status, the request id, and what to do."""
    error = failure({"code": code, "message": "no", "request_id": "r-1"}, status)

    assert kind is type(error)
    assert (code, status, "no", "r-1") == (error.code, error.status, error.message, error.request_id)
    assert error.advice
    assert error.advice in str(error)
    assert isinstance(error, InvalidRequest) is issubclass(kind, BadRequest)


@every_code
@pytest.mark.parametrize("as_text", [False, True])
def test_code_decides_under_http_200(code: int, status: int, kind: type[ApiError], as_text: bool) -> None:  # noqa: FBT001
    """A gateway's 200 changes nothing, nor does a code written as text."""
    error = failure({"code": str(code) if as_text else code, "message": "no"})

    assert kind is type(error)
    assert code == error.code
    assert 200 == error.status != status


@every_code
def test_only_what_may_pass_is_retryable(code: int, status: int, kind: type[ApiError]) -> None:
    """429 is no synonym for retry: rate, slots and the vendor's own failures pass, accounts do not."""
    error = failure({"code": code}, status)

    assert (code in {1302, 1303, 5000, 5001, 5002}) is error.retryable
    assert (kind in {ServerError, ServiceUnavailable, ServiceTimeout}) is error.may_have_been_created


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (TaskNotFound, "Task not found by id/external id: 7"),
        (DuplicateTask, "External_task_id mine already exists"),
        (DuplicateTask, "external task id 'a\nb' already exists"),
        (BadRequest, "image can not be null"),
        (BadRequest, "Element already be deleted for id: 7"),
    ],
)
def test_meanings_of_1201_are_told_apart_by_message(kind: type[ApiError], message: str) -> None:
    """A task that is not there and an id that is taken have classes of their own."""
    assert kind is type(failure({"code": 1201, "message": message}, 400))


@pytest.mark.parametrize("code", [0, "0"])
@pytest.mark.parametrize("data", [None, {}, [], [{"task_id": "1"}], "text", 0])
def test_success_gives_its_data(code: object, data: object) -> None:
    """Code 0 is a success whatever the data, and whatever else stands beside it."""
    body = {"new": 1, "data": data, "message": "", "code": code}

    assert data == unwrap(answer(body), mask)


def test_success_may_lack_data() -> None:
    """A success without data is one with null."""
    assert None is unwrap(answer({"code": 0}), mask)


def test_data_behind_a_relay_without_code_is_a_success() -> None:
    """Relays write null for the code; where data came along, the call went well."""
    assert {"task_id": "1"} == unwrap(answer({"code": None, "data": {"task_id": "1"}}), mask)


@pytest.mark.parametrize(
    "body",
    [
        {"code": None, "message": "no", "data": None},
        {"code": None},
        {"code": "odd", "data": {}},
        {"data": {"a": 1}},
        [],
        1,
    ],
)
def test_envelope_without_code_is_no_success(body: object) -> None:
    """Without a code that says so, nothing is taken for a success."""
    error = failure(body)

    assert ResponseError is type(error)
    assert error.may_have_been_created


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, AuthenticationError),
        (403, PermissionDenied),
        (404, NotFound),
        (408, ServerError),
        (413, ApiError),
        (429, RateLimited),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, ServerError),
        (599, ServerError),
    ],
)
@pytest.mark.parametrize(
    "body", [b"<html><h1>Bad gateway</h1></html>", b"", b'{"code": null}', b'{"cod', b'{"code": 0}']
)
def test_gateway_is_told_by_its_status(status: int, kind: type[ApiError], body: bytes) -> None:
    """Without a code the status decides, be the body HTML, empty, cut short, or an envelope that says nothing."""
    error = failure(body, status)

    assert kind is type(error)
    assert (None, status) == (error.code, error.status)
    assert (status >= 500 or status == 408) is error.may_have_been_created


def test_page_of_a_gateway_is_quoted_without_markup() -> None:
    """The words of an HTML page show; its tags, scripts and styles do not."""
    page = b"<html><style>b{}</style><script>run()</script><body><h1>502</h1>\n<p>Bad   gateway</p></body></html>"

    error = failure(page, 502)

    assert "gateway's: 502 Bad gateway" in error.message


@pytest.mark.parametrize(
    "body", [b"", b'{"code": 0, "data": {"task', b"<html>hello</html>", b"\xff\xfe\x00", b"[" * 100_000]
)
def test_answer_that_is_not_json_says_so(body: bytes) -> None:
    """HTTP 200 with anything but JSON is an answer that makes no sense, and keeps what is known about it."""
    error = failure(body, 200, X_Request_Id="r-2")

    assert ResponseError is type(error)
    assert (200, "r-2") == (error.status, error.request_id)
    assert "not JSON, or was cut short" in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("body", [b"", b'{"code": 0, "data": {"task_id": "1"}}'])
def test_redirect_is_refused(status: int, body: bytes) -> None:
    """No call of the vendor's answers with a redirect, so one is never believed."""
    error = failure(body, status)

    assert ResponseError is type(error)
    assert "redirect" in str(error)


@pytest.mark.parametrize("code", [7, 1999, 6000, -1])
@pytest.mark.parametrize(("status", "server"), [(200, False), (418, False), (500, True), (503, True)])
def test_code_never_seen_before_is_a_plain_api_error(code: int, status: int, server: bool) -> None:  # noqa: FBT001
    """A new code is an `ApiError`; whether it may pass is told by the status."""
    error = failure({"code": code, "message": "new"}, status)

    assert ApiError is type(error)
    assert (code, "new") == (error.code, error.message)
    assert (server, server) == (error.retryable, error.may_have_been_created)


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), (" 12 ", 12.0), ("", None), ("soon", None), ("9" * 400, None)]
)
def test_retry_after_is_kept(header: str, seconds: float | None) -> None:
    """A Retry-After in seconds is honoured; what cannot be read is none."""
    error = failure({"code": 1302}, 429, Retry_After=header)

    assert seconds == error.retry_after


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        ({"code": 1200, "request_id": "body"}, "header", "body"),
        ({"code": 1200, "request_id": ""}, "header", "header"),
        ({"code": 1200, "request_id": None}, "header", "header"),
        ({"code": 1200}, "header", "header"),
        ({"code": None, "request_id": "body"}, "header", "body"),
        (b"<html>", "header", "header"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 502])
def test_request_id_comes_from_body_or_header(body: object, header: str, expected: str, status: int) -> None:
    """What the vendor's support asks for is kept wherever it stands, and is part of the text."""
    error = failure(body, status, X_Request_Id=header)

    assert expected == error.request_id
    assert f"request {expected}" in str(error)


@pytest.mark.parametrize(
    ("seconds", "date", "expected"),
    [
        ("Sat, 28 Mar 2026 12:13:20 GMT", "Sat, 28 Mar 2026 12:12:50 GMT", 30.0),
        ("Saturday, 28-Mar-26 12:13:20 GMT", "Sat, 28 Mar 2026 12:12:50 GMT", 30.0),
        ("Sat, 28 Mar 2026 12:12:20 GMT", "Sat, 28 Mar 2026 12:12:50 GMT", 0.0),
        ("Sat, 28 Mar 2026 12:13:20 GMT", "", None),
        ("Sat, 28 Mar 2026 12:13:20 GMT", "today", None),
        ("Sat, 99 Mar 2026 12:13:20 GMT", "Sat, 28 Mar 2026 12:12:50 GMT", None),
    ],
)
def test_retry_after_may_be_a_date(seconds: str, date: str, expected: float | None) -> None:
    """It is as far away as the vendor's own clock says; without that it says nothing."""
    error = failure({"code": 1302}, 429, Retry_After=seconds, Date=date)

    assert expected == error.retry_after


HOSTILE = "r\r\nERROR:root:fake line\x1b[31m\u202e\u2028\x00"


@pytest.mark.parametrize("request_id", [HOSTILE, "x" * 3000, HOSTILE + "x" * 3000])
@pytest.mark.parametrize(
    ("body", "status"),
    [({"code": 1201, "message": "no"}, 400), ({"code": 1201, "message": HOSTILE}, 400), ({"data": HOSTILE}, 200)],
)
def test_text_from_outside_stays_one_line_of_a_bounded_length(
    request_id: str, body: dict[str, object], status: int
) -> None:
    """Neither an id nor a message writes lines of its own into a log, or colours into a terminal."""
    error = failure({**body, "request_id": request_id}, status)
    gateway = failure(b"<html>", 502, X_Request_Id=request_id)

    assert str(error).isprintable()
    assert error.request_id.isprintable()
    assert 600 > len(str(error))
    assert 100 > len(error.request_id) == len(gateway.request_id)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (SECRET, "***"),
        (f"a-{SECRET}-b", "a-***-b"),
        (f"Bearer {SECRET}", "Bearer***"),
        (f"Bearer {JWT[:40]}", "Bearer***"),
        (JWT, "***"),
        (f"{SECRET[:9]}\u200b{SECRET[9:]}", "***"),
        (f"{SECRET[:9]} {SECRET[9:]}", "***"),
        (f"{'x' * 70}{SECRET}{'x' * 70}", f"{'x' * 70}***xxxxxxx..."),
    ],
)
@pytest.mark.parametrize(
    ("body", "status"), [({"code": 1201}, 400), (b"<html>", 502), (b"<html>", 200), ({"code": 0, "data": "x"}, 301)]
)
@pytest.mark.parametrize("inside", [True, False])
def test_secret_in_a_request_id_is_taken_out(
    told: str,
    shown: str,
    body: dict[str, object] | bytes,
    status: int,
    inside: bool,  # noqa: FBT001
) -> None:
    """A gateway that makes an id of what it was sent, and cuts it, gives nothing away."""
    if inside and isinstance(body, dict):
        error = failure({**body, "request_id": told}, status)
    else:
        error = failure(body, status, X_Request_Id=told)

    assert shown == error.request_id
    assert SECRET not in str(error)
    assert "eyJ" not in str(error)


def test_secret_with_an_invisible_character_in_it_is_a_secret() -> None:
    """What is dropped from a text cannot hide a token in it."""
    error = failure({"code": 1000, "message": f"token {JWT[:9]}\u200b{JWT[9:]} is bad"}, 401)

    assert "token *** is bad" == error.message


@pytest.mark.parametrize(
    "told",
    [
        f"Authorization: Bearer {JWT}",
        "authorization=bearer abc.def-123",
        f"token was {JWT} here",
        f"the key {SECRET} is wrong",
        "see https://cdn.example/a.png?Expires=1&Signature=abc.def-123&Key-Pair-Id=K",
        r'{"url": "https:\/\/cdn.example\/a.png?Signature=abc.def-123"}',
        '{"secret_key": "abc.def-123"}',
        "X-Api-Key: abc.def-123",
        "password=abc.def-123",
    ],
)
@pytest.mark.parametrize("as_message", [True, False])
def test_secrets_are_taken_out(told: str, as_message: bool) -> None:  # noqa: FBT001
    """Neither a message nor an excerpt shows a token, a key or the query of a signed link."""
    error = failure({"code": 1200, "message": told}, 400) if as_message else failure(told.encode(), 502)

    everything = f"{error!s} {error!r} {error.__dict__}"
    assert "***" in everything
    assert not [word for word in (SECRET, JWT, "abc.def-123", "c2lnbmF0dXJl") if word in everything]


def test_excerpt_is_short() -> None:
    """However long the body, the error stays readable."""
    html, message = failure(b"word " * 1_000_000, 500), failure({"code": 5000, "message": "x" * 1_000_000}, 500)

    assert 400 > len(str(html))
    assert 400 > len(str(message))
    assert 400 > len(str(failure(b'{"code": 0, "data": ' + b"1" * 100_000)))


def test_message_of_half_a_character_is_shown_all_the_same() -> None:
    """Text that UTF-8 cannot write, which JSON can spell, does not hide the error."""
    error = failure(b'{"code": 1301, "message": "refused \\ud83e"}', 400)

    assert ContentRefused is type(error)
    assert error.message.startswith("refused")


JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "message", "request_id", "data", "x"]), inner, max_size=5)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=80) | JSON.map(json.dumps).map(str.encode), status=st.integers(200, 599))
def test_any_answer_is_data_or_an_error_of_ours(body: bytes, status: int) -> None:
    """Whatever comes back, nothing but a `KlingError` is raised."""
    try:
        unwrap(answer(body, status), mask)
    except KlingError as error:
        assert 800 > len(str(error))  # noqa: PT017 - either outcome is right


@settings(max_examples=50, deadline=None)
@given(code=st.text(max_size=6) | st.integers() | st.sampled_from(["9" * 5000, "١٢٠١", 1201.0, True]))
def test_any_code_is_read_or_left(code: object) -> None:
    """A code of any form is an error or a success, never an accident."""
    try:
        unwrap(answer({"code": code}, 400), mask)
    except KlingError as error:
        assert isinstance(error, ApiError)  # noqa: PT017 - HTTP 400 is a refusal whatever the code
