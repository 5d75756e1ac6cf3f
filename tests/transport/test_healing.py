"""Tokens that are refused although the keys are good: replaced once, by the vendor's clock, unnoticed by the caller."""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import jwt
import pytest
from yarl import URL

from kling_async import AccessKey, ApiKey, AuthenticationError, ConnectionFailed, KlingClient, Retry
from kling_async.emulator import ACCESS_KEY, SECRET_KEY, Emulator
from kling_async.media.embedded import Embedded
from kling_async.protocol.call import Body, Call
from kling_async.transport.auth import Authorizer, Credentials
from kling_async.transport.engine import Engine
from kling_async.transport.healing import ahead
from kling_async.transport.http import HTTP
from tests.support.vendor import Reply, Script, Seen, Vendor, refused, row, said

KEYS = AccessKey("an-access-key", "a-secret-key-that-is-long-enough-0123456789")
HERE = 1_774_700_000.0
"""What our clock says."""


class Clock:
    """A wall clock that goes with the loop, until somebody sets it."""

    def __init__(self) -> None:
        self.off = HERE

    def __call__(self) -> float:
        return self.off + asyncio.get_running_loop().time()


def dated(reply: Reply, moment: float | None) -> Reply:
    """With the vendor's time in it."""
    if moment is None:
        return reply
    return attrs.evolve(reply, headers={**reply.headers, "Date": formatdate(moment, usegmt=True)})


class Strict:
    """A vendor who looks at tokens by a clock of his own, as the emulator does; `tokens` are those that came."""

    def __init__(self, clock: Clock, off: float = 0.0) -> None:
        self.clock, self.off = clock, off
        self.tokens = list[str]()

    def __call__(self, seen: Seen) -> Reply:
        """A task, or 1003 or 1004."""
        now = self.clock() + self.off
        self.tokens.append(seen.headers["Authorization"])
        claims = jwt.decode(self.tokens[-1].removeprefix("Bearer "), options={"verify_signature": False})
        if claims["nbf"] > now:
            return dated(refused(1003, 401, "not active yet"), now)
        return dated(said(row()) if claims["exp"] > now else refused(1004, 401, "expired"), now)


def an_engine(vendor: Vendor, keys: Credentials = KEYS, clock: Any = None) -> Engine:
    """A transport of the scripted vendor."""
    timeout = aiohttp.ClientTimeout(total=60)
    return Engine(HTTP(URL(vendor.url), timeout), Authorizer(keys, clock or (lambda: HERE)), Retry(attempts=1))


def a_call(**body: Body) -> Call[object]:
    """A create with a body, else a query."""
    if not body:
        return Call(method="GET", path="/v1/images/generations/1", read=lambda data: data)
    return Call(method="POST", path="/v1/images/generations", read=lambda data: data, body=body, repeatable=False)


def claims(seen: Seen) -> Any:
    """What the token of a request says."""
    token = seen.headers["Authorization"].removeprefix("Bearer ")
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.looptime
@pytest.mark.parametrize("off", [-7200.0, -120.0, 3600.0, 1e8])
@pytest.mark.parametrize("call", [a_call(), a_call(prompt="x")], ids=["query", "create"])
async def test_a_clock_that_is_wrong_is_not_noticed(
    off: float, call: Call[object], caplog: pytest.LogCaptureFixture
) -> None:
    """The call is sent again with a token by the vendor's clock, those after it at once, and the log says it once."""
    clock = Clock()
    strict = Strict(clock, off)
    async with Vendor(strict) as vendor:
        engine = an_engine(vendor, clock=clock)
        for _ in range(3):
            await engine.attempt(call)
        await engine.close()

    assert 4 == len(vendor.seen)
    assert off == pytest.approx(engine.authorizer.ahead, abs=2)
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "kling_async.transport" == warning.name
    assert f"{abs(engine.authorizer.ahead):.0f} s {'behind' if off > 0 else 'ahead of'} the vendor's" in warning.message


@pytest.mark.looptime
async def test_a_clock_that_is_set_while_we_run_is_followed(caplog: pytest.LogCaptureFixture) -> None:
    """Forward, back, and right again: every call succeeds, and the log has one warning."""
    clock = Clock()
    strict = Strict(clock)
    async with Vendor(strict) as vendor:
        engine = an_engine(vendor, clock=clock)
        for shift in (0.0, 7200.0, -9000.0, 1800.0, 1200.0, -1200.0):
            clock.off += shift
            strict.off -= shift
            await engine.attempt(a_call())
            await asyncio.sleep(1000)
            await engine.attempt(a_call())
        await engine.close()

    assert 0.0 == engine.authorizer.ahead
    assert 1 == sum(record.levelno == logging.WARNING for record in caplog.records)


@pytest.mark.looptime
async def test_many_calls_with_the_same_token_have_it_replaced_once() -> None:
    """Fifty refusals are one question to the vault, and each call is sent twice at most."""
    clock, asked = Clock(), list[int]()
    strict = Strict(clock)

    async def vault() -> AccessKey:
        asked.append(1)
        await asyncio.sleep(0.01)
        return KEYS

    async with Vendor(strict) as vendor:
        engine = an_engine(vendor, vault, clock)
        await engine.attempt(a_call())
        strict.off = 3600.0
        await asyncio.gather(*(engine.attempt(a_call()) for _ in range(50)))
        await engine.close()

    assert 2 == len(asked)
    assert 101 >= len(vendor.seen)
    assert 2 == len(set(strict.tokens))


@pytest.mark.parametrize("code", [1002, 1003, 1004])
async def test_a_second_refusal_is_final_and_says_what_was_tried(code: int) -> None:
    """Two requests, and an error that names the clock where it was wrong."""
    reply = dated(refused(code, 401), HERE + 5000)
    async with Vendor(reply) as vendor:
        engine = an_engine(vendor)
        with pytest.raises(AuthenticationError) as caught:
            await engine.attempt(a_call(prompt="x"))
        await engine.close()

    assert 2 == len(vendor.seen)
    assert code == caught.value.code
    told = "refused as well" if code == 1002 else "the local clock is 500"
    assert told in caught.value.advice
    assert told in str(caught.value)


@pytest.mark.parametrize("proven", [0.0, 3600.0], ids=["at first", "after a good one"])
@pytest.mark.parametrize("code", [1003, 1004])
async def test_one_wrong_date_does_not_make_all_later_tokens_wrong(
    proven: float, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A clock by which a token was refused as well is forgotten, and the one before is what goes on being used."""
    good: list[Script] = [dated(refused(1003, 401), HERE + proven), said(row())] if proven else []
    wrong = dated(refused(code, 401), HERE + 1e8)
    async with Vendor(*good, wrong, refused(1003, 401), said(row())) as vendor:
        engine = an_engine(vendor)
        if good:
            await engine.attempt(a_call())
        caplog.clear()
        with pytest.raises(AuthenticationError, match=r"10000000. s behind"):
            await engine.attempt(a_call(prompt="x"))
        await engine.attempt(a_call(prompt="x"))
        await engine.close()

    assert proven == pytest.approx(engine.authorizer.ahead, abs=1)
    assert HERE - 30 + proven == pytest.approx(claims(vendor.seen[-1])["nbf"], abs=2)
    assert not caplog.records


async def test_calls_that_were_refused_together_forget_a_wrong_date_together() -> None:
    """In whatever order they hear of it."""
    wrong = dated(refused(1004, 401), HERE + 1e8)

    def by_token(seen: Seen) -> Reply:
        return said(row()) if later and claims(seen)["nbf"] == HERE - 30 else wrong

    later = list[bool]()
    async with Vendor(by_token) as vendor:
        engine = an_engine(vendor)
        errors = await asyncio.gather(*(engine.attempt(a_call()) for _ in range(20)), return_exceptions=True)
        later.append(True)
        await engine.attempt(a_call())
        await engine.close()

    assert {AuthenticationError} == {type(error) for error in errors}
    assert 0.0 == engine.authorizer.ahead
    assert 41 == len(vendor.seen)


@pytest.mark.parametrize("body", [{"prompt": "x"}, {"prompt": "x" * 600_000}], ids=["small", "large"])
async def test_a_create_whose_caller_has_left_meanwhile_is_not_sent_again(body: dict[str, Body]) -> None:
    """Who is asked before the repeat leaves may say no, and that is what is raised."""

    def once() -> None:
        if vendor.seen:
            raise ConnectionFailed("the caller has left")

    async with Vendor(refused(1004, 401), said(row())) as vendor:
        engine = an_engine(vendor)
        with pytest.raises(ConnectionFailed, match="the caller has left"):
            await engine.attempt(a_call(**body), leaving=once)
        await engine.close()

    assert 1 == len(vendor.seen)


@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_a_refusal_of_the_keys_is_final_at_once(code: int | None) -> None:
    """Signing again would change nothing."""
    reply = Reply(b"<p>401", 401) if code is None else refused(code, 401)
    async with Vendor(reply) as vendor:
        engine = an_engine(vendor)
        with pytest.raises(AuthenticationError):
            await engine.attempt(a_call())
        await engine.close()

    assert 1 == len(vendor.seen)


@pytest.mark.parametrize("code", [1002, 1003, 1004])
@pytest.mark.parametrize("asked_for", [False, True], ids=["given", "by a provider"])
async def test_a_static_key_cannot_be_signed_again(code: int, *, asked_for: bool) -> None:
    """There is nothing else to send, unless a provider has another one."""

    async def vault() -> ApiKey:
        return ApiKey("a-static-key")

    async with Vendor(refused(code, 401)) as vendor:
        engine = an_engine(vendor, vault if asked_for else ApiKey("a-static-key"))
        with pytest.raises(AuthenticationError):
            await engine.attempt(a_call())
        await engine.close()

    assert 1 == len(vendor.seen)


def a_pair(secret: str) -> AccessKey:
    """Keys that sign."""
    return AccessKey("an-access-key", f"{secret}-0123456789-0123456789-0123")


@pytest.mark.parametrize("kind", [ApiKey, a_pair])
async def test_a_provider_is_asked_for_other_keys(kind: Any) -> None:
    """Keys that were changed in the vault are found when the old ones are refused."""
    keys = iter([kind("old-key-0123456789"), kind("new-key-0123456789")])

    async def vault() -> Any:
        return next(keys)

    async with Vendor(refused(1002, 401), said(row())) as vendor:
        engine = an_engine(vendor, vault)
        await engine.attempt(a_call(prompt="x"))
        await engine.close()

    assert 2 == len({seen.headers["Authorization"] for seen in vendor.seen})


async def test_a_provider_that_fails_leaves_the_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """What became of the call is known, and is what is raised; the log tells of the provider, not what it said."""
    keys = iter([KEYS])

    async def vault() -> AccessKey:
        for key in keys:
            return key
        raise LookupError("canary-of-the-vault")

    async with Vendor(refused(1002, 401)) as vendor:
        engine = an_engine(vendor, vault)
        with pytest.raises(AuthenticationError) as caught:
            await engine.attempt(a_call(prompt="x"))
        await engine.close()

    assert 1002 == caught.value.code
    assert "LookupError" in caplog.text
    assert "canary" not in caplog.text


async def test_an_expired_token_under_a_right_clock_is_replaced_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The vendor may expire tokens as he likes."""
    async with Vendor(dated(refused(1004, 401), HERE + 1), said(row())) as vendor:
        engine = an_engine(vendor)
        await engine.attempt(a_call())
        await engine.close()

    assert 0.0 == engine.authorizer.ahead
    assert not caplog.records


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "soon",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 2150 00:00:00 GMT",
        "Thu, 99 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
        "1774700000",
    ],
)
async def test_a_date_that_cannot_be_true_is_not_believed(date: str | None) -> None:
    """The token is made anew by our own clock."""
    reply = refused(1004, 401)
    if date is not None:
        reply = attrs.evolve(reply, headers={"Date": date})
    async with Vendor(reply, said(row())) as vendor:
        engine = an_engine(vendor)
        await engine.attempt(a_call())
        await engine.close()

    assert 0.0 == engine.authorizer.ahead
    assert HERE - 30 == claims(vendor.seen[1])["nbf"]


def test_half_of_the_way_counts_up_to_ten_seconds() -> None:
    """An answer is as old as its way back; a long upload was mostly on its way before it was answered."""
    date = formatdate(HERE + 100, usegmt=True)

    assert 100.5 == ahead(date, HERE, 0.0)
    assert 102.5 == ahead(date, HERE, 4.0)
    assert 110.5 == ahead(date, HERE, 300.0)
    assert 0.0 == ahead(formatdate(HERE - 4, usegmt=True), HERE, 1.0)


def test_only_an_answer_that_nobody_can_have_changed_sets_the_clock() -> None:
    """https, or this very machine."""
    timeout = aiohttp.ClientTimeout()

    assert HTTP(URL("https://api.example.com"), timeout).trusted
    assert HTTP(URL("http://127.0.0.1:8000"), timeout).trusted
    assert not HTTP(URL("http://10.0.0.1"), timeout).trusted


async def test_the_date_of_an_answer_in_the_clear_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is repeated by our own clock all the same."""
    monkeypatch.setattr(HTTP, "trusted", False)
    async with Vendor(dated(refused(1004, 401), HERE + 5000), said(row())) as vendor:
        engine = an_engine(vendor)
        await engine.attempt(a_call())
        await engine.close()

    assert 0.0 == engine.authorizer.ahead


async def test_a_file_is_read_again_for_the_repeat(tmp_path: Path) -> None:
    """The second body is as whole as the first."""
    file = tmp_path / "fox.png"
    file.write_bytes(bytes(range(256)) * 4096)
    replies: list[Script] = [refused(1004, 401), said(row())]
    async with Vendor(*replies) as vendor:
        engine = an_engine(vendor)
        await engine.attempt(a_call(image=Embedded(file)))
        await engine.close()

    first, second = vendor.seen
    assert first.body == second.body
    assert len(first.body) > 1_000_000


@pytest.mark.looptime
async def test_two_hours_cross_four_renewals_unnoticed() -> None:
    """Asked every minute, an emulator that looks at every token refuses none."""
    clock = Clock()
    async with Emulator(clock=clock) as emulator:
        keys = AccessKey(ACCESS_KEY, SECRET_KEY)
        async with KlingClient(credentials=keys, base_url=emulator.url, retry=Retry(attempts=1)) as kling:
            authorizer = kling.inside.core.engine.authorizer
            authorizer.clock = clock
            tokens = set[str]()
            for _ in range(120):
                await kling.images.generate.list()
                tokens.add(authorizer._token.reveal() if authorizer._token else "")
                await asyncio.sleep(60)

        assert {0} == {request.code for request in emulator.requests}
    assert 5 <= len(tokens)
