"""Which addresses files may be fetched from: decided before a request, and again when a name has become an address.

Refuses all but https, hosts nobody named, users and passwords in links, and every address that does not belong to the
public Internet, in whatever way it is written. The one exception is the origin of an emulator on this machine.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ..errors import UnsafeURL
from ..wording import masked

if TYPE_CHECKING:
    from collections.abc import Sequence

Hosts: TypeAlias = "tuple[str, ...] | Literal['any-public']"
Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_INSIDE: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "192.0.0.0/24",
            "192.88.99.0/24",  # relays to 6to4
            "168.63.129.16/32",  # a public number that means the platform itself on one of the large clouds
            "224.0.0.0/3",  # multicast, reserved
            "2001::/23",  # Teredo, ORCHID and their like
            "2001:db8::/32",
            "2002::/16",  # 6to4: holds any IPv4 address
            "3fff::/20",
        ),
    )
)
"""What the standard library of Python 3.11 calls global, or may call so, and is not."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet, looking through the forms that hold an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if address in _MAPPED or address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST:
            return False
    return address.is_global and not any(address in network for network in _INSIDE)


def literal(host: str) -> Address | None:
    """
    The address a host is written as; None for a name.

    Raises ValueError for the writings that only some systems read as an address: one number, hexadecimal, octal, less
    than four parts. Nobody who means well uses them.
    """
    if ":" in host:
        return ipaddress.IPv6Address(host)
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return ipaddress.IPv4Address(host)
    return None


@attrs.frozen
class Guard:
    """Says no, or nothing."""

    hosts: Hosts
    """Names, each of which stands for itself and all below it; or any host of the public Internet."""
    trusted: URL | None = None
    """The one origin that may be on this machine, and without TLS: an emulator's."""

    def check(self, url: URL) -> None:
        """Raise `UnsafeURL` for what may not be asked. A name is looked at again when its addresses are known."""
        shown = masked(str(url))
        if url.raw_user is not None or url.raw_password is not None:
            raise UnsafeURL(f"{shown} comes with a user or password, which no link to a file needs")
        if self.trusts(url):
            return
        if url.scheme != "https":
            raise UnsafeURL(f"{shown} is not https, and not of the emulator in use")
        host = (url.raw_host or "").lower()
        try:
            address = literal(host)
        except ValueError:
            raise UnsafeURL(f"{shown} writes its host in a way that hides which address is meant") from None
        if address is not None and not is_public(address):
            raise UnsafeURL(f"{shown} is not on the public Internet; no option allows that")
        if address is None and not _NAME.fullmatch(host.removesuffix(".")):
            raise UnsafeURL(f"{shown} has no host that could be looked up")
        if not self._named(host.removesuffix(".")):
            raise UnsafeURL(
                f"{shown} is not on a host of {', '.join(self.hosts)}; Downloads(hosts=...) names others, "
                "and hosts='any-public' allows all of the public Internet"
            )

    def trusts(self, url: URL) -> bool:
        """Whether the address is of the emulator in use."""
        whole = bool(url.scheme and url.raw_host)
        return self.trusted is not None and whole and url.origin() == self.trusted.origin()

    def _named(self, host: str) -> bool:
        return self.hosts == "any-public" or any(host == name or host.endswith(f".{name}") for name in self.hosts)


class PublicResolver(AbstractResolver):
    """Looks names up and keeps the addresses that are public; for the emulator's own host, those of this machine."""

    def __init__(self, trusted: URL | None = None, inner: AbstractResolver | None = None) -> None:
        self._trusted = trusted
        self._inner = inner or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses that may be connected to; raises `UnsafeURL` where there are none but others."""
        found = await self._inner.resolve(host, port, family)
        ours = self._trusted is not None and (host, port) == (self._trusted.raw_host, self._trusted.port)
        good = [each for each in found if _may_connect(each["host"], ours=ours)]
        if found and not good:
            raise UnsafeURL(
                f"{host} leads to {_shown([each['host'] for each in found])}, which is not on the public Internet; "
                "no option allows that"
            )
        return good

    async def close(self) -> None:
        """Close the one that asks."""
        await self._inner.close()


def _may_connect(text: str, *, ours: bool) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_loopback if ours else is_public(address)


def _shown(addresses: Sequence[str]) -> str:
    return ", ".join(addresses[:3])
