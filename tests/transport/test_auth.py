"""Credentials: where they come from, how tokens are made and renewed, and that nobody ever sees them."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import (
    AccessKey,
    ApiKey,
    InvalidRequest,
    KlingClient,
    KlingError,
    MissingCredentials,
    Retry,
    SubmitUnknown,
)
from kling_async.transport.auth import EARLY, LIFE, Authorizer, Secret
from tests.support.vendor import Reply, Vendor, refused, row, said

ACCESS = "canary-access-0123456789"
SECRET = "canary-secret-0123456789-0123456789-abc"
STATIC = "canary-static-0123456789"


class Clock:
    """Wall-clock time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_774_700_000.0

    def __call__(self) -> float:
        return self.now


async def bearer(authorizer: Authorizer) -> Secret:
    """What a call would send."""
    return authorizer.current or await authorizer.renew()


def test_a_token_is_what_the_vendors_page_describes() -> None:
    """HS256 with iss, exp half an hour ahead and nbf a little back, and nothing else."""
    token, _ = AccessKey(ACCESS, SECRET).bearer(1_774_700_000.7)

    claims = jwt.decode(
        token.reveal(), SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    assert {"iss": ACCESS, "exp": 1_774_701_800, "nbf": 1_774_699_970} == claims
    assert {"alg": "HS256", "typ": "JWT"} == jwt.get_unverified_header(token.reveal())


async def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    """One token serves 25 minutes; a two-hour wait crosses four renewals."""
    clock = Clock()
    authorizer = Authorizer(AccessKey(ACCESS, SECRET), clock)

    tokens = list[str]()
    for _ in range(2 * 3600 // 10):
        tokens.append((await bearer(authorizer)).reveal())
        claims = jwt.decode(tokens[-1], options={"verify_signature": False})
        assert claims["nbf"] <= clock.now < claims["exp"] - EARLY + 1
        clock.now += 10

    assert 5 == len(dict.fromkeys(tokens))


async def test_a_clock_set_back_makes_a_new_token() -> None:
    """A token from the future would be refused as not yet valid."""
    clock = Clock()
    authorizer = Authorizer(AccessKey(ACCESS, SECRET), clock)
    first = await bearer(authorizer)

    clock.now -= LIFE

    second = jwt.decode((await bearer(authorizer)).reveal(), options={"verify_signature": False})
    assert first != await bearer(authorizer)
    assert second["nbf"] <= clock.now


async def test_a_provider_is_asked_again_when_its_token_ends() -> None:
    """Keys from a vault may change while the client lives."""
    clock, asked = Clock(), list[int]()

    async def vault() -> AccessKey:
        asked.append(1)
        return AccessKey(ACCESS, f"{SECRET}{len(asked)}")

    authorizer = Authorizer(vault, clock)
    await bearer(authorizer)
    await bearer(authorizer)
    clock.now += LIFE
    await bearer(authorizer)

    assert 2 == len(asked)


async def test_an_api_key_is_sent_as_it_is() -> None:
    """A static key needs no signing."""
    async with Vendor(said(row())) as vendor, KlingClient(api_key=STATIC, base_url=vendor.url) as kling:
        await kling.images.generate.get("1")

    assert f"Bearer {STATIC}" == vendor.seen[0].headers["Authorization"]


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key pair first, else the static key; an empty variable is no variable."""
    monkeypatch.setenv("KLING_API_KEY", STATIC)
    assert "ApiKey('***')" == repr(KlingClient().inside.core.engine.authorizer.source)

    monkeypatch.setenv("KLING_ACCESS_KEY", ACCESS)
    monkeypatch.setenv("KLING_SECRET_KEY", SECRET)
    assert "AccessKey('***', '***')" == repr(KlingClient().inside.core.engine.authorizer.source)

    monkeypatch.setenv("KLING_SECRET_KEY", "")
    assert "ApiKey('***')" == repr(KlingClient().inside.core.engine.authorizer.source)


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed is what is meant."""
    monkeypatch.setenv("KLING_ACCESS_KEY", ACCESS)
    monkeypatch.setenv("KLING_SECRET_KEY", SECRET)

    kling = KlingClient(api_key=STATIC)

    assert "ApiKey('***')" == repr(kling.inside.core.engine.authorizer.source)


@pytest.mark.parametrize(("access_key", "secret_key"), [(None, None), (ACCESS, None), (None, SECRET)])
def test_missing_credentials_name_the_three_variables(access_key: str | None, secret_key: str | None) -> None:
    """The message says what to set."""
    with pytest.raises(MissingCredentials) as caught:
        KlingClient(access_key=access_key, secret_key=secret_key)

    assert {"KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY"} <= set(str(caught.value).replace(",", "").split())
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " ", "two words", "line\nbreak", "Schlüssel", 5])
def test_a_key_that_cannot_stand_in_a_header_is_refused_unseen(key: Any) -> None:
    """A key with a line break would smuggle headers; the message never shows it."""
    with pytest.raises(InvalidRequest) as caught:
        ApiKey(key)

    assert "api_key" == caught.value.field
    assert not key or repr(key) not in str(caught.value)


def test_both_kinds_of_credentials_at_once_are_refused() -> None:
    """Nobody should have to guess which is used."""
    with pytest.raises(InvalidRequest) as caught:
        KlingClient(api_key=STATIC, access_key=ACCESS, secret_key=SECRET)
    with pytest.raises(InvalidRequest):
        KlingClient(credentials=ApiKey(STATIC), api_key=STATIC)

    assert "canary" not in str(caught.value)


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8))
def test_a_secret_shows_itself_nowhere(text: str) -> None:
    """Not in repr, str or format, not by iterating or vars, not in a pickle, and equal only to its like."""
    secret = Secret(text)

    shown = f"{secret} {secret!r} {secret!s} {secret:>40} {[secret]}"
    assert text not in shown or text in "Secret('***')"
    assert not hasattr(secret, "__dict__")
    assert secret == Secret(text) == copy.deepcopy(secret)
    assert secret != Secret(f"{text}x")
    assert secret != text
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)


def test_nothing_that_holds_credentials_can_be_pickled() -> None:
    """A pickle is a file with a secret in it."""
    kling = KlingClient(access_key=ACCESS, secret_key=SECRET)
    for holder in (
        AccessKey(ACCESS, SECRET),
        ApiKey(STATIC),
        kling,
        kling.inside.core.engine,
        kling.inside.core.engine.authorizer,
    ):
        with pytest.raises(TypeError):
            pickle.dumps(holder)


def everything(error: BaseException) -> str:
    """All that a debugger's report would print: causes, contexts, and every local outside the test itself."""
    assert error.__traceback__ is not None
    report = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    return "".join(report.format()) + repr(error)


TROUBLES = [
    refused(1000, 401, f"bad token for {ACCESS}"),
    refused(1201, 400, f"Bearer {SECRET} is odd"),
    Reply(f"<html>{SECRET} {ACCESS} {STATIC}</html>".encode(), 502),
    Reply(f"{STATIC} {SECRET}".encode(), 200),
    Reply(cut=True),
    Reply(silent=True),
    Reply(b"{", 200, length=100),
    Reply(b"", 302, {"Location": "https://x.example/"}),
    Reply(b"x", 200, {"Content-Length": "-5"}),
    Reply(b"x", 200, {"Content-Encoding": "br"}),
    Reply(b"x", 200, {"X-Long": "y" * 20_000}),
]


@pytest.mark.looptime
@pytest.mark.parametrize("keys", [AccessKey(ACCESS, SECRET), ApiKey(STATIC)], ids=["pair", "static"])
@pytest.mark.parametrize("reply", TROUBLES)
async def test_no_secret_in_errors_tracebacks_or_logs(
    reply: Reply, keys: AccessKey | ApiKey, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong: with every local printed, every cause followed and every log line read."""
    caplog.set_level(logging.DEBUG)
    async with Vendor(reply) as vendor:
        async with KlingClient(credentials=keys, base_url=vendor.url, retry=Retry(attempts=2), timeout=5) as kling:
            for call in (lambda: kling.images.generate.get("1"), lambda: kling.images.generate(prompt="x")):
                with pytest.raises((KlingError, SubmitUnknown)) as caught:
                    await call()

                token = kling.inside.core.engine.authorizer._token
                assert token is not None
                printed = f"{everything(caught.value)} {kling} {caplog.text} {pickle.dumps(caught.value)!r}"
                assert [] == [
                    secret
                    for secret in (*(key.reveal() for key in keys.secrets()), token.reveal())
                    if secret in printed
                ]


@pytest.mark.looptime
async def test_no_secret_in_the_traceback_of_a_cancelled_call() -> None:
    """A time-out of the caller's cancels deep inside the HTTP library, whose frames hold the header."""
    async with Vendor(Reply(silent=True)) as vendor:
        async with KlingClient(base_url=vendor.url, access_key=ACCESS, secret_key=SECRET) as kling:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(3):
                    await kling.images.generate.get("1")

            report = everything(caught.value)
            token = kling.inside.core.engine.authorizer._token
            assert token is not None
            assert token.reveal() not in report
            assert SECRET not in report


@pytest.mark.parametrize(
    "keys",
    [
        {"access_key": ACCESS, "secret_key": SECRET, "base_url": "http://evil.example"},
        {"access_key": ACCESS, "secret_key": f"{SECRET} with a space"},
        {"api_key": STATIC, "timeout": -1},
        {"api_key": STATIC, "access_key": ACCESS, "secret_key": SECRET},
        {"credentials": STATIC},
        {"credentials": ApiKey(STATIC), "api_key": STATIC},
    ],
)
def test_no_secret_in_the_traceback_of_a_client_that_cannot_be_made(keys: dict[str, Any]) -> None:
    """Neither in the error nor in a local of ours."""
    with pytest.raises(InvalidRequest) as caught:
        KlingClient(**keys)

    report = everything(caught.value)
    assert [] == [secret for secret in (ACCESS, SECRET, STATIC) if secret in report]


@pytest.mark.parametrize("given", [STATIC, 5, None, object()])
async def test_a_provider_that_returns_no_keys_is_named_and_its_answer_is_not(given: object) -> None:
    """A provider that hands out the bare key makes an error without it."""

    async def vault() -> Any:
        return given

    async with KlingClient(credentials=vault, base_url="http://127.0.0.1:9") as kling:
        with pytest.raises(InvalidRequest, match="credentials") as caught:
            await kling.images.generate.get("1")

    assert STATIC not in everything(caught.value)


async def test_a_key_that_cannot_sign_is_refused_without_being_shown() -> None:
    """PyJWT refuses what looks like a key of another kind."""
    secret = "ssh-rsa" + "A" * 60 + "-canary"
    async with KlingClient(credentials=AccessKey(ACCESS, secret), base_url="http://127.0.0.1:9") as kling:
        with pytest.raises(InvalidRequest, match="secret_key") as caught:
            await kling.images.generate.get("1")

    assert secret not in everything(caught.value)


async def test_a_vault_is_asked_once_however_many_calls_need_it() -> None:
    """Fifty calls at the start are one question."""
    asked = list[int]()

    async def vault() -> ApiKey:
        asked.append(1)
        await asyncio.sleep(0)
        return ApiKey(STATIC)

    async with Vendor(said(row())) as vendor, KlingClient(credentials=vault, base_url=vendor.url) as kling:
        await asyncio.gather(*(kling.images.generate.get("1") for _ in range(50)))

    assert [1] == asked
