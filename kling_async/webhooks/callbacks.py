"""Callbacks: what a user says about them, once for those who receive them and those who wait."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, Self

from yarl import URL

from ..errors import InvalidRequest
from .address import KeyRing, key_ring
from .hub import LocalHub, WakeHub
from .signature import Signer, signer

__all__ = ["Callbacks"]


class Callbacks:
    """
    Where the vendor is to call when a task has changed, and how such calls are known to be about tasks of ours.

    The same value is for `KlingClient(callbacks=...)`, which gives each task an address of its own, and for the router
    that receives the calls. Its addresses open nothing but the right to say "look now"; keep them out of the logs of
    your proxy all the same.
    """

    __slots__ = ("hub", "ring", "signer", "url")

    def __init__(
        self,
        *,
        url: str,
        keys: Mapping[str, str | bytes] | str | bytes,
        secret: str | Sequence[str] | None = None,
        hub: WakeHub | None = None,
    ) -> None:
        """
        Raise `InvalidRequest` for what cannot work.

        *url* is https, or http on this machine. *keys* are your own, 32 random bytes each (bytes, or base64url such as
        `secrets.token_urlsafe(32)` makes): one, or several by name, of which the first signs and all verify; keep a
        replaced one for the 30 days in which its tasks may be heard of. *secret* is the Webhook Secret of the vendor's
        console (`whsec_...`), several while it is being replaced; where one is given, calls that are not signed are
        refused (extra `webhooks`). *hub* is for several processes, such as `RedisHub`; without one, news stay here.
        """
        where, ring, signs = _url(url), key_ring(keys), signer(secret)
        del keys, secret  # whatever is raised from here on, no local of ours holds a bare key
        if isinstance(where, InvalidRequest):
            raise where
        if isinstance(ring, InvalidRequest):
            raise ring
        if isinstance(signs, InvalidRequest):
            raise signs
        self.url: Final[str] = where
        """Where the receiver is mounted, as the vendor reaches it."""
        self.hub: Final[WakeHub] = LocalHub() if hub is None else hub
        """What carries the news from the process that is called to the one that waits."""
        self.ring: Final[KeyRing] = ring
        """The keys, which show themselves to nobody."""
        self.signer: Final[Signer | None] = signs
        """What knows the vendor's secrets, where there are any."""

    def __repr__(self) -> str:
        if not hasattr(self, "signer"):
            return "<Callbacks not made>"
        return f"Callbacks(url={self.url!r}, keys={self.ring!r}, secret={self.signer!r}, hub={self.hub!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("Callbacks hold keys and cannot be pickled; make them anew in the other process")

    def address(self, external_id: str) -> str:
        """Where the vendor is to call about the task with an external id. As good as a key: do not log it."""
        return f"{self.url}/{self.ring.path(external_id)}"


def _url(given: object) -> str | InvalidRequest:
    rule = "must be the address of the receiver: https, or http on this machine, without user, query and fragment"
    try:
        url = URL(given) if isinstance(given, str) else URL()
        port = url.port
    except ValueError:
        return InvalidRequest("Callbacks.url", rule, given)
    plain = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host or ""))
    if not plain or not url.host or port is None or url.user or url.password or url.query_string or url.fragment:
        return InvalidRequest("Callbacks.url", rule, given)
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
