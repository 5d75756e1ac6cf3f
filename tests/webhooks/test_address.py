"""Only who has a key can make an address that is let in, and each is good for one task."""

from __future__ import annotations

import copy
import pickle
import secrets
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import InvalidRequest
from kling_async.webhooks.callbacks import Callbacks

KEY = secrets.token_bytes(32)
OLD = secrets.token_bytes(32)
URL = "https://studio.example/hooks"
ODD = ["a/b", "..", ".", "~", "~abc", "with space", "%2F", "?x=1#y", "日本", "\ud800", "a.b", "é" * 50]


def callbacks(**options: Any) -> Callbacks:
    """With one key, unless told otherwise."""
    given: dict[str, Any] = {"url": URL, "keys": KEY, **options}
    return Callbacks(**given)


def path(address: str) -> str:
    """What a receiver at the URL sees."""
    return address.removeprefix("https://studio.example")


@given(external_id=st.text(min_size=1, max_size=200) | st.sampled_from(ODD))
def test_an_address_leads_to_its_task(external_id: str) -> None:
    """Whatever letters the external id has, and no proxy has anything to unquote or to join in it."""
    ours = callbacks()

    address = ours.address(external_id)

    assert address.startswith(f"{URL}/v1/")
    assert address.isascii()
    assert not set(address.removeprefix("https://")) & set("%?# ")
    assert external_id == ours.ring.opened(path(address))


def test_an_address_is_short() -> None:
    """An id of ours, a kid and 43 letters."""
    address = callbacks().address("k" + "0" * 24)

    assert 110 >= len(address)
    assert "/v1/k000000000000000000000000/k1." in address


@given(at=st.integers(0, 70), letter=st.sampled_from("aA0_-.~/%é"))
def test_no_letter_can_be_changed(at: int, letter: str) -> None:
    """Neither of the id nor of the token."""
    ours = callbacks()
    good = ours.ring.path("k0123456789abcdef01234567")
    place = at % len(good)
    changed = good[:place] + letter + good[place + 1 :]

    opened = ours.ring.opened(changed)

    assert (changed == good) == (opened is not None)


@pytest.mark.parametrize(
    "bad", ["", "/", "v1", "/v1/a", "v1/a/k1.", "/v1//k1." + "A" * 43, "/v1/a/b/k1." + "A" * 43, "/v2/a/k1." + "A" * 43]
)
def test_what_is_no_address_leads_nowhere(bad: str) -> None:
    """Parts missing, or too many."""
    assert callbacks().ring.opened(bad) is None


def test_the_token_of_one_task_does_not_open_another() -> None:
    """Though it was made with the same key."""
    ours = callbacks()
    token = ours.ring.path("mine").rpartition("/")[2]

    assert ours.ring.opened(f"/v1/yours/{token}") is None


def test_a_key_can_be_replaced() -> None:
    """The first one signs, all of them verify, one that was taken out does not."""
    before, after = callbacks(keys={"a": OLD}), callbacks(keys={"b": KEY, "a": OLD})
    old, new = path(before.address("t")), path(after.address("t"))

    late = callbacks(keys={"b": KEY})

    assert "/b." in new
    assert ["t", "t"] == [after.ring.opened(old), after.ring.opened(new)]
    assert [None, "t"] == [late.ring.opened(old), late.ring.opened(new)]


def test_another_key_of_the_same_name_opens_nothing() -> None:
    """The name is no secret."""
    assert callbacks(keys={"k1": OLD}).ring.opened(path(callbacks(keys={"k1": KEY}).address("t"))) is None


def test_a_key_may_be_text() -> None:
    """Base64url, with or without its padding."""
    text = secrets.token_urlsafe(32)
    addresses = {callbacks(keys=given).address("t") for given in (text, f"{text}=", {"k1": text})}

    assert 1 == len(addresses)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"keys": b"x" * 31}, "Callbacks.keys[k1]"),
        ({"keys": "short"}, "Callbacks.keys[k1]"),
        ({"keys": "not base64! " * 9}, "Callbacks.keys[k1]"),
        ({"keys": 7}, "Callbacks.keys[k1]"),
        ({"keys": {}}, "Callbacks.keys"),
        ({"keys": {"a b": KEY}}, "Callbacks.keys"),
        ({"keys": {"": KEY}}, "Callbacks.keys"),
        ({"secret": "no-secret"}, "Callbacks.secret"),
        ({"secret": "whsec_eA=="}, "Callbacks.secret"),
        ({"secret": []}, "Callbacks.secret"),
        ({"secret": 5}, "Callbacks.secret"),
        ({"url": "http://studio.example"}, "Callbacks.url"),
        ({"url": "ftp://studio.example"}, "Callbacks.url"),
        ({"url": "https://"}, "Callbacks.url"),
        ({"url": "/kling"}, "Callbacks.url"),
        ({"url": "https://user:word@studio.example"}, "Callbacks.url"),
        ({"url": "https://studio.example?x=1"}, "Callbacks.url"),
        ({"url": "https://studio.example#x"}, "Callbacks.url"),
        ({"url": None}, "Callbacks.url"),
    ],
)
def test_what_cannot_work_is_said_at_once(options: dict[str, Any], field: str) -> None:
    """With the field and the rule."""
    with pytest.raises(InvalidRequest) as caught:
        callbacks(**options)

    assert field == caught.value.field


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "http://localhost/x", "http://[::1]:1/", "https://a.example"]
)
def test_plain_http_is_for_this_machine(url: str) -> None:
    """Where an emulator may call."""
    assert callbacks(url=url).address("t").startswith(url.rstrip("/"))


def test_no_secret_is_shown_stored_or_left_in_a_frame_of_ours() -> None:
    """Neither by repr nor by pickle, copy or a traceback with locals."""
    key, secret = secrets.token_urlsafe(40), "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
    ours = callbacks(keys=key, secret=secret)
    given: dict[str, Any] = {"url": URL, "keys": key, "secret": f"{secret}!"}

    with pytest.raises(InvalidRequest) as caught:
        Callbacks(**given)

    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inside = [frame for frame in frames.stack if "webhooks/" in frame.filename and "tests" not in frame.filename]
    assert inside
    assert not any(word in str(frame.locals) for frame in inside for word in (key, secret))
    assert not any(word in f"{ours!r} {caught.value}" for word in (key, secret))
    assert copy.deepcopy(ours) is ours
    for value in (ours, ours.ring, ours.signer):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(value)
