"""Where there is a secret, only what the vendor signed is let in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async.webhooks.callbacks import Callbacks
from kling_async.webhooks.receive import Hint, Refusal, receive

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
OTHER = "whsec_" + base64.b64encode(b"another secret, which is the new one").decode()
BODY = b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}'
GOOD = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
SENT = 1781080794
HEADERS = {"webhook-id": "9876543210", "webhook-timestamp": str(SENT), "webhook-signature": GOOD}


def came(
    headers: dict[str, str] | None = None, *, body: bytes = BODY, now: float = SENT, secret: Any = SECRET, **more: str
) -> Hint | Refusal:
    """What becomes of the vendor's own example, or of what was made of it."""
    ours = Callbacks(url="https://studio.example", keys=secrets.token_bytes(32), secret=secret)
    given = {
        **(HEADERS if headers is None else headers),
        **{name.replace("_", "-"): each for name, each in more.items()},
    }
    return receive(ours, "POST", ours.address("mine"), given, body, now)


def signature(secret: str, body: bytes = BODY, sent: int = SENT) -> str:
    """As the vendor's page tells it, without any package."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = hmac.digest(key, b"9876543210." + str(sent).encode() + b"." + body, hashlib.sha256)
    return f"v1,{base64.b64encode(made).decode()}"


def signed(told: Hint | Refusal) -> bool:
    """Whether it was let in, as signed."""
    assert told == Refusal(404) or isinstance(told, Hint)
    return isinstance(told, Hint) and told.signed


def test_the_vendors_own_example_is_let_in() -> None:
    """The test vector of its page."""
    assert signed(came())
    assert GOOD == signature(SECRET)


def test_names_of_headers_are_as_they_come() -> None:
    """Capital letters or not."""
    assert signed(came({name.title(): value for name, value in HEADERS.items()}))


@pytest.mark.parametrize(("late", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_an_old_signature_is_none(late: float, good: bool) -> None:  # noqa: FBT001 - by name
    """Five minutes, to either side."""
    assert good == signed(came(now=SENT + late))


def test_one_of_several_signatures_will_do() -> None:
    """While the vendor changes the secret, each callback has two."""
    both = f"{signature(OTHER)} {GOOD}"

    assert signed(came(webhook_signature=both))
    assert signed(came(webhook_signature=both, secret=OTHER))


def test_one_of_several_secrets_will_do() -> None:
    """While we change it."""
    assert signed(came(secret=[OTHER, SECRET]))
    assert not signed(came(secret=OTHER))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**HEADERS, "webhook-id": "1"},
        {**HEADERS, "webhook-id": ""},
        {**HEADERS, "webhook-timestamp": str(SENT + 1)},
        {**HEADERS, "webhook-timestamp": f" {SENT}"},
        {**HEADERS, "webhook-timestamp": "nan"},
        {**HEADERS, "webhook-timestamp": "9" * 400},
        {**HEADERS, "webhook-signature": ""},
        {**HEADERS, "webhook-signature": GOOD.replace("v1,", "v1a,")},
        {**HEADERS, "webhook-signature": GOOD.removeprefix("v1,")},
        {**HEADERS, "webhook-signature": "v1,\udcff" + "A" * 43},
        {**HEADERS, "webhook-signature": " ".join(["v1,x"] * 100 + [GOOD])},
    ],
)
def test_what_is_not_signed_is_refused(headers: dict[str, str]) -> None:
    """Though its token is good."""
    assert not signed(came(headers))


@given(at=st.integers(0, len(BODY) - 1), letter=st.integers(0, 255))
def test_a_changed_body_is_refused(at: int, letter: int) -> None:
    """Byte for byte: what was signed is what came, before anybody read it."""
    changed = BODY[:at] + bytes([letter]) + BODY[at + 1 :]

    assert (changed == BODY) == signed(came(body=changed))


def test_without_a_secret_the_token_alone_decides() -> None:
    """And nothing counts as signed."""
    told = came(secret=None)

    assert isinstance(told, Hint)
    assert not told.signed
