"""Whatever comes in is a hint or a refusal, and the refusal says nothing."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kling_async import TaskStatus
from kling_async.webhooks.callbacks import Callbacks
from kling_async.webhooks.receive import LIMIT, Hint, Refusal, admit, receive

OURS = Callbacks(url="https://studio.example/hooks", keys=secrets.token_bytes(32))
SIGNED = Callbacks(url="https://studio.example", keys=secrets.token_bytes(32), secret="whsec_" + "QUJD" * 8)
EXAMPLES = int(os.environ.get("KLING_FUZZ_EXAMPLES", "300"))
"""Set it to some hundred thousand for a longer run."""

FLAT: dict[str, Any] = {
    "task_id": "8412",
    "task_status": "succeed",
    "task_status_msg": "",
    "created_at": 1781080778802,
    "updated_at": 1781080794151,
    "final_unit_deduction": "1.5",
    "task_info": {"external_task_id": "mine"},
    "task_result": {"images": [{"index": 0, "url": "https://x.klingai.com/a.png"}], "videos": []},
}
NEWER: dict[str, Any] = {
    "id": "8412",
    "status": "succeeded",
    "message": "",
    "external_id": "mine",
    "create_time": 1781080778802,
    "update_time": 1781080794151,
    "outputs": [],
    "billing": [],
}


def came(
    body: Any = FLAT,
    *,
    task: str = "mine",
    path: str | None = None,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    ours: Callbacks = OURS,
) -> Hint | Refusal:
    """What becomes of a call; a body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    own = ours.address(task).removeprefix("https://studio.example")
    return receive(ours, method, own if path is None else path, headers or {}, raw, 1781080794.0)


@pytest.mark.parametrize("body", [FLAT, NEWER], ids=["flat", "newer"])
def test_both_shapes_are_a_hint(body: dict[str, Any]) -> None:
    """The same one."""
    assert Hint("mine", "8412", TaskStatus.SUCCEED, 1781080794151, signed=False) == came(body)


@pytest.mark.parametrize(
    ("word", "status"),
    [("submitted", "submitted"), ("processing", "processing"), ("failed", "failed"), ("dreaming", "unknown")],
)
def test_every_status_is_a_hint(word: str, status: str) -> None:
    """One that nobody knows as well."""
    hint = came({**FLAT, "task_status": word})

    assert isinstance(hint, Hint)
    assert status == hint.status


@pytest.mark.parametrize(
    "more",
    [
        {"task_info": {}},
        {"task_info": None},
        {"task_info": "odd"},
        {"updated_at": "soon"},
        {"updated_at": True},
        {"updated_at": -1},
        {"audios": [], "a field": {"nobody": ["knows"]}},
        {"task_status_msg": "[" * 500},
    ],
)
def test_what_is_odd_and_harmless_is_let_in(more: dict[str, Any]) -> None:
    """A hint says to look, and needs no more than a status."""
    assert isinstance(came({**FLAT, **more}), Hint)


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"method": "GET"}, 405),
    ({"method": "PUT"}, 405),
    ({"method": "post"}, 405),
    ({"path": "/"}, 404),
    ({"path": "/hooks/v1/mine/k1." + "A" * 43}, 404),
    ({"path": OURS.address("yours").replace("yours", "mine")}, 404),
    ({"path": OURS.address("mine").replace("/k1.", "/k2.")}, 404),
    ({"path": OURS.address("mine") + "/"}, 404),
    ({"task": "yours"}, 404),
    ({"body": {**FLAT, "task_info": {"external_task_id": 7}}}, 404),
    ({"body": {**NEWER, "external_id": "yours"}}, 404),
    ({"body": b""}, 404),
    ({"body": b"{"}, 404),
    ({"body": b"[]"}, 404),
    ({"body": b"null"}, 404),
    ({"body": b"\xff\xfe{}"}, 404),
    ({"body": b"1" * 5000}, 404),
    ({"body": {}}, 404),
    ({"body": {**FLAT, "task_id": 8412}}, 404),
    ({"body": {**FLAT, "task_status": None}}, 404),
    ({"body": b'{"task_id":"1","task_status":"failed","x":' + b"[" * 33 + b"]" * 33 + b"}"}, 404),
    ({"body": b"[" * LIMIT}, 404),
    ({"body": b'{"a":' * 10_000}, 404),
    ({"body": b" " * (LIMIT + 1)}, 413),
    ({"headers": {"Content-Length": str(LIMIT + 1)}}, 413),
    ({"path": "/", "body": b" " * (LIMIT + 1)}, 404),
    ({"ours": SIGNED}, 404),
]


@pytest.mark.parametrize(("given", "status"), REFUSED)
def test_what_is_wrong_is_refused(given: dict[str, Any], status: int) -> None:
    """404 for nearly all; only the method and, with a token, the size are told apart."""
    assert Refusal(status) == came(**given)


def test_the_largest_body_is_read() -> None:
    """64 KiB, to the byte."""
    body = json.dumps(FLAT).encode()

    assert isinstance(came(body + b" " * (LIMIT - len(body))), Hint)


def test_who_has_no_token_is_refused_unread() -> None:
    """Before his body comes."""
    good = OURS.address("mine")

    told = [admit(OURS, "POST", path, {}) for path in (good, good[:-1], "/")]

    assert ["mine", Refusal(404), Refusal(404)] == told


ANY = st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*FLAT, *NEWER]), inner, max_size=6),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature", "content-length", "x"]),
    st.text(max_size=60),
)


@settings(max_examples=EXAMPLES, deadline=None)
@example(body=b"[" * LIMIT, headers={}, task="mine", path=None, method="POST")
@example(body=b'"' + b'\\"' * 30_000, headers={}, task="mine", path=None, method="POST")
@example(body=b"{" + b'\\"[' * 20_000, headers={}, task="mine", path=None, method="POST")
@given(
    body=ANY,
    headers=HEADERS,
    task=st.text(min_size=1, max_size=30),
    path=st.none() | st.text(max_size=120),
    method=st.sampled_from(["POST", "GET", ""]),
)
def test_any_bytes_give_a_hint_or_a_refusal(
    body: bytes, headers: dict[str, str], task: str, path: str | None, method: str
) -> None:
    """And never an exception, signed or not."""
    told = [came(body, task=task, path=path, method=method, headers=headers, ours=ours) for ours in (OURS, SIGNED)]

    assert all(isinstance(each, Hint) or each.status in (404, 405, 413) for each in told)
    assert isinstance(told[1], Refusal)
