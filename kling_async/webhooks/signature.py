"""Is a callback signed by the vendor? With the package `standardwebhooks`, on the bytes as they came. Pure.

The vendor signs since 2026-08-07 where a Webhook Secret exists in the console. While one is being replaced, a callback
carries a signature of each, separated by spaces, and several secrets may be known here. The clock comes in with the
question, so that the package signs and the comparing is done here: its own `verify` reads the clock of the machine.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn, Self, cast

from ..errors import InvalidRequest
from ..wording import Hidden

if TYPE_CHECKING:
    from standardwebhooks import Webhook

WINDOW: Final = 300
"""Seconds by which a callback may be late, or our clock may be."""
_LEAST: Final = 16
"""Bytes of a secret at least."""
_MOST: Final = 16
"""Signatures that are looked at."""
_SECRET: Final = re.compile(r"whsec_([A-Za-z0-9+/]+={0,2})")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_RULE: Final = "must be the Webhook Secret as the vendor's console shows it, whsec_..., or several of them"


class Signer:
    """Secrets that show themselves to nobody: a signature of any of them will do."""

    __slots__ = ("__webhooks",)

    def __init__(self, webhooks: Iterable[Webhook]) -> None:
        """Made by `signer`."""
        self.__webhooks = tuple(webhooks)

    def __repr__(self) -> str:
        return f"Signer({', '.join('***' for _ in self.__webhooks)})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets cannot be pickled; make Callbacks anew in the other process")

    def signed(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """Whether a body was signed within five minutes of *now* (Unix seconds). Names of headers in small letters."""
        own_id, sent, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        if not own_id.isascii() or not own_id or not _SECONDS.fullmatch(sent) or abs(now - int(sent)) > WINDOW:
            return False
        try:
            text = body.decode()
        except UnicodeDecodeError:  # what the vendor sends is JSON
            return False
        moment = datetime.fromtimestamp(int(sent), tz=UTC)
        found = False
        for webhook in self.__webhooks:
            good = webhook.sign(own_id, moment, text).encode()
            for each in given.split(" ")[:_MOST]:
                made = each.encode(errors="replace")
                found |= len(made) == len(good) and hmac.compare_digest(made, good)
        return found


def signer(given: object) -> Signer | InvalidRequest | None:
    """What knows the secrets that were given; or the error to raise, from a frame that holds no bare secret."""
    if given is None:
        return None
    secrets = (given,) if isinstance(given, str) else given
    if not isinstance(secrets, Iterable):
        return InvalidRequest("Callbacks.secret", _RULE, Hidden())
    texts = tuple(cast("Iterable[object]", secrets))
    if not texts or not all(isinstance(text, str) and _good(text) for text in texts):
        return InvalidRequest("Callbacks.secret", _RULE, Hidden())
    try:
        from standardwebhooks import Webhook  # noqa: PLC0415 - an extra, for those who have a secret
    except ImportError:
        return InvalidRequest(
            "Callbacks.secret", 'needs the package standardwebhooks: pip install "kling-async[webhooks]"'
        )
    return Signer(Webhook(cast("str", text).strip()) for text in texts)


def _good(text: str) -> bool:
    found = _SECRET.fullmatch(text.strip())
    if found is None or len(found[1].rstrip("=")) % 4 == 1:
        return False
    return len(base64.b64decode(found[1] + "==")) >= _LEAST
