"""Who we are to the vendor: an API key, or tokens signed with a key pair. No secret is printed, stored or pickled here.

Tokens are JWTs as the vendor's page General Information describes them: HS256, `iss`, `exp` half an hour ahead, `nbf` a
little back. One is kept and used until five minutes before it ends. Where the vendor's clock is known to differ from
ours, tokens are made by his.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NoReturn, Self, TypeAlias, cast

import attrs
import jwt

from ..errors import InvalidRequest, MissingCredentials
from ..wording import Hidden, uncalled

LIFE: Final = 1800
"""Seconds a token is good for, as in the vendor's sample."""
EARLY: Final = 300
"""Seconds before its end at which a token is replaced."""
_BACK: Final = 30  # seconds our clock may run ahead of the vendor's before a fresh token is "not yet valid"

ACCESS_KEY, SECRET_KEY, API_KEY = "KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY"


class Secret:
    """A text that shows itself to nobody who does not ask for it by name."""

    __slots__ = ("__text",)

    def __init__(self, text: object, *, name: str = "secret") -> None:
        # The value stays out of the message: InvalidRequest would show it.
        if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable() or " " in text:
            raise InvalidRequest(name, "must be a text of printable characters without spaces", Hidden())
        self.__text = text

    def reveal(self) -> str:
        """The text itself. Use it inside one expression, so that no frame keeps it in a local."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash(self.__text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled; pass credentials anew in the other process")


class AccessKey:
    """An access key and its secret key, from the vendor's console; calls are signed with a token made of them."""

    __slots__ = ("access_key", "secret_key")

    def __init__(self, access_key: str, secret_key: str) -> None:
        """Both as the console shows them."""
        self.access_key: Secret = Secret(access_key, name="access_key")
        self.secret_key: Secret = Secret(secret_key, name="secret_key")

    def __repr__(self) -> str:
        return "AccessKey('***', '***')"

    def bearer(self, now: float) -> tuple[Secret, float]:
        """A token made at *now* (Unix seconds), and when to replace it."""
        start = int(now)
        try:
            token = Secret(
                jwt.encode(
                    {"iss": self.access_key.reveal(), "exp": start + LIFE, "nbf": start - _BACK},
                    self.secret_key.reveal(),
                    algorithm="HS256",
                    headers={"typ": "JWT"},
                )
            )
        except jwt.PyJWTError as error:
            trouble = type(error).__name__
        else:
            return token, start + LIFE - EARLY
        # PyJWT's own error would bring frames along whose locals hold the key.
        raise InvalidRequest("secret_key", f"must be a key that signs with HS256 ({trouble})", Hidden())

    def secrets(self) -> tuple[Secret, ...]:
        """What must never be seen."""
        return (self.secret_key, self.access_key)


class ApiKey:
    """A static key from the vendor's console, sent as it is (offered since 2026-06-17)."""

    __slots__ = ("api_key",)

    def __init__(self, api_key: str) -> None:
        """As the console shows it."""
        self.api_key: Secret = Secret(api_key, name="api_key")

    def __repr__(self) -> str:
        return "ApiKey('***')"

    def bearer(self, now: float) -> tuple[Secret, float]:
        """The key itself; it never needs replacing."""
        del now
        return self.api_key, float("inf")

    def secrets(self) -> tuple[Secret, ...]:
        """What must never be seen."""
        return (self.api_key,)


Keys: TypeAlias = AccessKey | ApiKey
Credentials: TypeAlias = Keys | Callable[[], Awaitable[Keys]]
"""Keys, or a coroutine function that fetches them, for instance from a vault. It is asked again before a token ends."""


def checked(given: object) -> Credentials:
    """What was passed as `credentials`, refused where it is neither keys nor something to call."""
    if isinstance(given, AccessKey | ApiKey) or callable(given):
        return cast("Credentials", given)
    raise InvalidRequest("credentials", "must be AccessKey(...), ApiKey(...) or a coroutine function", Hidden())


def credentials(
    access_key: str | None, secret_key: str | None, api_key: str | None, environ: Mapping[str, str] = os.environ
) -> Keys:
    """The keys given; else those of the environment. Raises `MissingCredentials` naming the three variables."""
    if api_key is not None and (access_key is not None or secret_key is not None):
        raise InvalidRequest("api_key", "give either api_key, or access_key and secret_key", Hidden())
    if api_key is None and access_key is None and secret_key is None:
        access_key, secret_key, api_key = (environ.get(name) or None for name in (ACCESS_KEY, SECRET_KEY, API_KEY))
    if access_key is not None and secret_key is not None:
        return AccessKey(access_key, secret_key)
    if api_key is not None:
        return ApiKey(api_key)
    raise MissingCredentials(f"no credentials: set {ACCESS_KEY} and {SECRET_KEY}, or {API_KEY}")


def _keys(given: object) -> Keys | InvalidRequest:
    # The error is returned, not raised: what a provider gave may be the bare key, and this frame holds it.
    if isinstance(given, AccessKey | ApiKey):
        return given
    rule = f"must return AccessKey(...) or ApiKey(...), not {type(given).__name__}"
    return InvalidRequest("credentials", rule, Hidden())


@attrs.define(eq=False)
class Authorizer:
    """Hands out the current bearer value, and hides everything secret in a text."""

    source: Credentials = attrs.field(repr=False)
    clock: Callable[[], float] = time.time
    ahead: float = attrs.field(default=0.0, init=False)
    """Seconds by which the vendor's clock was found to be ahead of ours."""
    _proven: float = attrs.field(default=0.0, init=False)
    """What that was when a token in place of a refused one was last let in."""
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False, repr=False)
    _keys: Keys | None = attrs.field(default=None, init=False, repr=False)
    _token: Secret | None = attrs.field(default=None, init=False, repr=False)
    _since: float = attrs.field(default=0.0, init=False)
    _until: float = attrs.field(default=0.0, init=False)
    _seen: tuple[Secret, ...] = attrs.field(default=(), init=False, repr=False)

    @property
    def current(self) -> Secret | None:
        """The token in use; None where one must be made: at first, near its end, or when the clock was set back."""
        return self._token if self._since <= self.clock() + self.ahead < self._until else None

    async def renew(self) -> Secret:
        """A new token, of keys asked for anew where a provider gives them."""
        async with self._turn:  # many calls may find the token at its end; the vault is asked once
            return self.current or await self._renewed()

    async def account(self) -> str:
        """What tells the keys of one account from those of another, and opens nothing: a digest of a few letters."""
        if self._keys is None:
            await self.renew()
        key = self._keys.access_key if isinstance(self._keys, AccessKey) else cast("ApiKey", self._keys).api_key
        return f"key-{hashlib.blake2b(key.reveal().encode(), digest_size=5, person=b'kling_async').hexdigest()}"

    async def replace(self, refused: Secret, ahead: float | None) -> Secret | None:
        """
        What to send in place of a token that was refused; None where there is nothing else to send.

        *ahead* is how far the vendor's clock is ahead, as far as the refusal told. However many calls were refused with
        the same token, the first of them has it replaced.
        """
        if isinstance(self.source, ApiKey):
            return None
        async with self._turn:
            if self._token is not refused and (current := self.current) is not None:
                return current
            if ahead is not None:
                self.ahead = ahead
            token = await self._renewed()
            return None if isinstance(self._keys, ApiKey) and token == refused else token

    def proved(self, replacement: Secret, *, good: bool) -> None:
        """Take in whether what `replace` gave was let in. A clock that was not better than before is not believed."""
        if self._token is not replacement:  # somebody else's by now, who will tell
            return
        if good:
            self._proven = self.ahead
        elif self.ahead != self._proven:
            self.ahead = self._proven
            self._until = 0.0  # the next token is made anew, and so by the other clock

    async def _renewed(self) -> Secret:
        keys = _keys(self.source if isinstance(self.source, AccessKey | ApiKey) else await self.source())
        if isinstance(keys, InvalidRequest):
            raise keys
        self._since = now = self.clock() + self.ahead
        token, self._until = keys.bearer(now)
        self._keys, self._token, self._seen = keys, token, (*keys.secrets(), token)
        return token

    def mask(self, text: str) -> str:
        """The text without any secret this client has used, and without the tokens of addresses for callbacks."""
        for secret in self._seen:
            text = text.replace(secret.reveal(), "***")
        return uncalled(text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials cannot be pickled; pass them anew in the other process")
