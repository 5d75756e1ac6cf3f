"""
Who is calling: the ``Authorization`` header judged as the vendor judges it, codes 1001 to 1004.

Takes HS256 tokens of one key pair, and one static key. Never stores, logs or repeats what it was shown. A token that is
good may be over before its time all the same, which somebody else decides (``expired``).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Final

import jwt

from .refusals import Refusal

# The clock is ours, so PyJWT only looks at the signature.
SIGNATURE_ONLY: Final[Any] = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}

# How the vendor's library counts: without any dot there are no parts at all, and beyond three it stops.
COUNTED_PARTS: Final = {0: "0", 1: "2"}


class Gate:
    """Lets callers with the right token pass, and says what is wrong with the others."""

    def __init__(
        self,
        *,
        access_key: str,
        secret_key: str,
        api_key: str,
        clocks: tuple[Callable[[], float], ...],
        expired: Callable[[str], bool],
    ) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._api_key = api_key
        self._clocks = clocks
        """A token is good by any of them: where a loop's clock jumps, callers sign by the wall's or by `Date`."""
        self._expired = expired

    def check(self, header: str | None) -> None:
        """Return if the caller may pass; raise the refusal otherwise."""
        if not header or not header.strip():
            raise Refusal(1001, "Authorization is empty")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(1002, _wrong_parts(COUNTED_PARTS[0]))
        if _same(token, self._api_key):
            return
        dots = token.count(".")
        if dots != 2:
            raise Refusal(1002, _wrong_parts(COUNTED_PARTS.get(dots, "> 3")))
        self._check_claims(self._verified(token))
        if self._expired(token):
            raise Refusal(1004, "Authorization is expired")

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(token, self._secret_key, algorithms=["HS256"], options=SIGNATURE_ONLY)
        except jwt.InvalidSignatureError:  # the table leaves open which of its codes this is; so all of them occur
            raise Refusal(1000, "Authentication failed") from None  # the cause would repeat the token
        except (jwt.InvalidTokenError, UnicodeError):
            raise Refusal(1002, "Authorization is invalid") from None
        return claims

    def _check_claims(self, claims: dict[str, Any]) -> None:
        if not _same(str(claims.get("iss", "")), self._access_key):
            raise Refusal(1002, "Authorization is invalid")
        moments = [clock() for clock in self._clocks]
        expires: Any = claims.get("exp")
        starts: Any = claims.get("nbf", 0)
        if not _is_time(expires) or not _is_time(starts):
            raise Refusal(1002, "Authorization is invalid")
        if starts > max(moments):
            raise Refusal(1003, "Authorization is not active yet")
        if expires <= min(moments):
            raise Refusal(1004, "Authorization is expired")


def _wrong_parts(count: str) -> str:
    return f"The token was expected to have 3 parts, but got {count}"


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))
