"""Who may call: every way a token can be wrong has its code."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import aiohttp
import jwt
import pytest

from kling_async.emulator import ACCESS_KEY, API_KEY, SECRET_KEY, Emulator

PATH = "/v1/images/generations"
NOW = 1_800_000_000


def a_token(secret: str = SECRET_KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """A token as the vendor's page says, with the given claims instead."""
    return jwt.encode({"iss": ACCESS_KEY, "exp": NOW + 1800, "nbf": NOW - 5, **claims}, secret, algorithm)


def without(claim: str) -> str:
    """A token that lacks a claim."""
    claims = {"iss": ACCESS_KEY, "exp": NOW + 1800, "nbf": NOW - 5}
    del claims[claim]
    return jwt.encode(claims, SECRET_KEY, "HS256")


def unsigned() -> str:
    """A token that claims to need no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, {"iss": ACCESS_KEY, "exp": NOW + 1800})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


async def ask(http: aiohttp.ClientSession, header: str | None) -> tuple[int, int, str]:
    """Status, code and message of a list call with this header."""
    headers = {} if header is None else {"Authorization": header}
    async with http.get(PATH, headers=headers) as answer:
        body = await answer.json()
        return answer.status, body["code"], body["message"]


@pytest.mark.kling_emulator(clock=lambda: NOW)
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (401, 1001, "Authorization is empty")),
        ("", (401, 1001, "Authorization is empty")),
        ("Bearer nonsense", (401, 1002, "The token was expected to have 3 parts, but got 0")),
        ("Bearer a.b", (401, 1002, "The token was expected to have 3 parts, but got 2")),
        ("Bearer a.b.c.d", (401, 1002, "The token was expected to have 3 parts, but got > 3")),
        ("Bearer a.b.c", (401, 1002, "Authorization is invalid")),
        ("Bearer \u00e9", (401, 1002, "The token was expected to have 3 parts, but got 0")),
        (f"Basic {API_KEY}", (401, 1002, "The token was expected to have 3 parts, but got 0")),
        (f"Bearer  {API_KEY}", (401, 1002, "The token was expected to have 3 parts, but got 0")),
        (f"Bearer {a_token(secret='x' * 40)}", (401, 1000, "Authentication failed")),
        (f"Bearer {a_token(secret=SECRET_KEY * 2, algorithm='HS512')}", (401, 1002, "Authorization is invalid")),
        (f"Bearer {unsigned()}", (401, 1002, "Authorization is invalid")),
        (f"Bearer {a_token(iss='somebody')}", (401, 1002, "Authorization is invalid")),
        (f"Bearer {without('exp')}", (401, 1002, "Authorization is invalid")),
        (f"Bearer {a_token(nbf=NOW + 1)}", (401, 1003, "Authorization is not active yet")),
        (f"Bearer {a_token(exp=NOW)}", (401, 1004, "Authorization is expired")),
        (f"Bearer {a_token()}", (200, 0, "SUCCEED")),
        (f"bearer {a_token(exp=NOW + 1, nbf=NOW)}", (200, 0, "SUCCEED")),
        (f"Bearer {without('nbf')}", (200, 0, "SUCCEED")),
        (f"Bearer {API_KEY}", (200, 0, "SUCCEED")),
    ],
)
async def test_each_wrong_token_has_its_code(
    http: aiohttp.ClientSession, header: str | None, expected: tuple[int, int, str]
) -> None:
    """A header is judged by the vendor's table, codes 1000 to 1004."""
    told = await ask(http, header)

    assert expected == told


@pytest.mark.kling_emulator(clock=lambda: time.time() + 3600)
async def test_clock_can_be_skewed(http: aiohttp.ClientSession) -> None:
    """An emulator an hour ahead refuses a fresh token as expired, and says in Date what time it has."""
    token = a_token(exp=int(time.time()) + 1800, nbf=int(time.time()) - 5)

    async with http.get(PATH, headers={"Authorization": f"Bearer {token}"}) as answer:
        body = await answer.json()
        date = answer.headers["Date"]

    assert 1004 == body["code"]
    assert abs(time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone - time.time() - 3600) < 5


async def test_token_comes_before_everything_else(http: aiohttp.ClientSession) -> None:
    """Without a token even an unknown route and a broken body are answered 1001."""
    async with http.put("/v1/nowhere", data=b"{") as answer:
        body = await answer.json()

    assert (401, 1001) == (answer.status, body["code"])


async def test_no_secret_is_kept_or_shown(http: aiohttp.ClientSession, kling_emulator: Emulator) -> None:
    """Neither the records of requests nor any repr carry a key or a token."""
    token = a_token(exp=int(time.time()) + 1800)

    await ask(http, f"Bearer {token}")

    shown = f"{kling_emulator!r} {kling_emulator.requests!r} {vars(kling_emulator)!r}"
    assert not [secret for secret in (token, SECRET_KEY, API_KEY, ACCESS_KEY) if secret in shown]
