"""Addresses for callbacks that nobody else can make: one for each task, with a token in its path. Pure.

`<url>/v1/<external id>/<kid>.<mac>`, where the mac is the HMAC-SHA256 of the external id with the key that the kid
names, in 43 letters. Nothing is stored: whoever has the keys can check a token. Several keys may be known at a time, so
that the addresses of older tasks stay good while a key is replaced. A token is never compared byte by byte.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final, NoReturn, Self, cast

from ..errors import InvalidRequest
from ..wording import Hidden

LEAST: Final = 32
"""Bytes of a key at least."""
ONLY: Final = "k1"
"""The kid of a key that is given alone."""
_PURPOSE: Final = b"kling-cb\0v1\0"
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{1,16})\.([A-Za-z0-9_-]{43})")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST: Final = 1024
"""Letters that an external id may take in an address."""
_RULE: Final = f"must be at least {LEAST} random bytes, or such as secrets.token_urlsafe({LEAST}) makes"


class KeyRing:
    """Keys that show themselves to nobody: the first signs, all of them verify."""

    __slots__ = ("__keys", "__kid")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Checked already, the first one being that which signs; see `key_ring`."""
        self.__keys = dict(keys)
        self.__kid = next(iter(keys))

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(f'{kid}: ***' for kid in self.__keys)})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys cannot be pickled; make Callbacks anew in the other process")

    def path(self, external_id: str) -> str:
        """The end of the address for a task: `v1/<external id>/<kid>.<mac>`."""
        return f"v1/{_segment(external_id)}/{self.__kid}.{_mac(self.__keys[self.__kid], external_id)}"

    def opened(self, path: str) -> str | None:
        """The external id of a path that ends as `path` ends one, with a token of one of the keys; else None."""
        parts = f"/{path}".rsplit("/", 3)
        token = _TOKEN.fullmatch(parts[-1])
        if len(parts) != 4 or parts[1] != "v1" or token is None:
            return None
        external_id, key = _external_id(parts[2]), self.__keys.get(token[1])
        if external_id is None or key is None:
            return None
        good = hmac.compare_digest(_mac(key, external_id).encode(), token[2].encode())  # 43 letters each
        return external_id if good else None


def key_ring(given: object) -> KeyRing | InvalidRequest:
    """
    The keys of whoever gave one, or several by kid; or the error to raise, from a frame that holds no bare key.

    Bytes are taken as they are, a text as base64url, with or without its padding.
    """
    keys = cast("Mapping[object, object]", given) if isinstance(given, Mapping) else {ONLY: given}
    if not keys:
        return InvalidRequest("Callbacks.keys", "must be one key at least")
    ring = dict[str, bytes]()
    for kid, key in keys.items():
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            return InvalidRequest("Callbacks.keys", "must be named by 1 to 16 of A-Z a-z 0-9 _ -", Hidden())
        if (made := _key(key)) is None:
            return InvalidRequest(f"Callbacks.keys[{kid}]", _RULE, Hidden())
        ring[kid] = made
    return KeyRing(ring)


def _key(given: object) -> bytes | None:
    if isinstance(given, bytes | bytearray):
        key = bytes(given)
    elif isinstance(given, str) and _PLAIN.fullmatch(text := given.strip().rstrip("=")) and len(text) % 4 != 1:
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    else:
        return None
    return key if len(key) >= LEAST else None


def _mac(key: bytes, external_id: str) -> str:
    digest = hmac.digest(key, _PURPOSE + external_id.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _segment(external_id: str) -> str:
    """An external id as one part of a path; an odd one in letters that no proxy unquotes, joins or takes for a step."""
    if _PLAIN.fullmatch(external_id):
        return external_id
    return "~" + urlsafe_b64encode(external_id.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def _external_id(segment: str) -> str | None:
    text = segment.removeprefix("~")
    if len(segment) > _LONGEST or not _PLAIN.fullmatch(text):
        return None
    if text is segment:
        return text
    try:
        external_id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "surrogatepass")
    except ValueError:
        return None
    return external_id if _segment(external_id) == segment else None
