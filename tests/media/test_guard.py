"""Where files may be fetched from: the public Internet, hosts that were named, and an emulator on this machine."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from kling_async import UnsafeURL
from kling_async.media.guard import Guard, PublicResolver, is_public, literal

ANYWHERE = Guard("any-public")
NAMED = Guard(("klingai.com", "cdn.example"))
EMULATOR = Guard(("klingai.com",), URL("http://127.0.0.1:8123"))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.1."),
        *("0", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.100.100.200", "0xa9fea9fe"),
        *("168.63.129.16", "192.88.99.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
        *("1.2.3", "8.8.8.8.8", "08.8.8.8", "256.8.8.8", "8.8.8.0x8", "0x", "x.0x7f", "a.1", "8.8.8.8."),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::808:808]", "[2002:7f00:1::]", "[2002:808:808::]"),
        *("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[fe80::1]", "[fe80::1%25eth0]", "[2606:4700::1%251]"),
        *("[fec0::1]", "[fc00::1]", "[ff0e::1]", "[2001:db8::1]", "[3fff::1]", "[::ffff:0:7f00:1]", "[5f00::1]"),
        *("\uff11\uff12\uff17.0.0.1", "1\uff127.0.0.1"),
    ],
)
def test_an_address_that_is_not_public_is_refused_however_it_is_written(host: str) -> None:
    """Even where every host of the public Internet is allowed."""
    with pytest.raises(UnsafeURL):
        ANYWHERE.check(URL(f"https://{host}/a.png", encoded=True))


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "[64:ff9b::808:808]", "x.example"]
)
def test_a_public_host_passes_where_all_are_allowed(host: str) -> None:
    """Also as an address, and through the translators of networks without IPv4."""
    ANYWHERE.check(URL(f"https://{host}/a.png", encoded=True))


@pytest.mark.parametrize("host", ["klingai.com", "v15-kling-fdl.klingai.com", "A_B.KlingAI.com", "klingai.com."])
def test_a_name_stands_for_itself_and_all_below_it(host: str) -> None:
    """In any case, with or without the dot that ends it."""
    NAMED.check(URL(f"https://{host}/a.png", encoded=True))


@pytest.mark.parametrize(
    "host",
    [
        *("notklingai.com", "klingai.com.evil.example", "klingai.co", "com", "8.8.8.8", "[2606:4700::1111]"),
        *(
            "klingai.com%2eevil.example",
            "klingai com",
            ".klingai.com",
            "a..klingai.com",
            "-klingai.com",
            "%00.klingai.com",
        ),
        "xn--klingai-9za.com",
    ],
)
def test_a_host_that_was_not_named_is_refused_with_the_option_that_widens(host: str) -> None:
    """Labels are compared whole; a name that could not be looked up is refused as such."""
    with pytest.raises(UnsafeURL, match=r"any-public|no host"):
        NAMED.check(URL(f"https://{host}/a.png", encoded=True))


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", "ws", "data", "gopher", ""])
def test_anything_but_https_is_refused(scheme: str) -> None:
    """The emulator's origin aside."""
    with pytest.raises(UnsafeURL, match="not https"):
        NAMED.check(URL(f"{scheme}://klingai.com/a.png" if scheme else "//klingai.com/a.png", encoded=True))


@pytest.mark.parametrize("user", ["user", "user:s3cret", ":s3cret", "klingai.com"])
def test_a_user_in_a_link_is_refused_and_not_repeated(user: str) -> None:
    """aiohttp would send it as Authorization."""
    with pytest.raises(UnsafeURL, match="user or password") as caught:
        NAMED.check(URL(f"https://{user}@klingai.com/a.png?Signature=s3cret", encoded=True))

    assert "s3cret" not in str(caught.value)


def test_the_emulators_origin_is_the_only_one_on_this_machine() -> None:
    """The same host, the same port, the same scheme."""
    EMULATOR.check(URL("http://127.0.0.1:8123/files/a.png"))

    for other in ("http://127.0.0.1:8124/", "http://127.0.0.1/", "https://127.0.0.1:8123/", "http://localhost:8123/"):
        with pytest.raises(UnsafeURL):
            EMULATOR.check(URL(other))


@given(st.ip_addresses(v=4))
def test_an_address_in_disguise_is_what_it_hides(address: ipaddress.IPv4Address) -> None:
    """Mapped and translated forms are judged by the address in them; the forms of old tunnels are never public."""
    number = int(address)

    for prefix in (0xFFFF << 32, 0x64FF9B << 96):
        assert is_public(address) is is_public(ipaddress.IPv6Address(prefix | number))
    for disguise in (number, 0x2002 << 112 | number << 80, 0xFFFF << 48 | number, 0x0064FF9B0001 << 80 | number):
        assert not is_public(ipaddress.IPv6Address(disguise))


@given(st.ip_addresses())
def test_what_is_public_is_global_by_the_standard_library_too(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Ours is the narrower word, but for the two forms that are looked through."""
    assert not is_public(address) or address.is_global or getattr(address, "ipv4_mapped", None)


@given(st.text(max_size=20))
def test_no_text_breaks_the_reading_of_a_host(text: str) -> None:
    """It is an address, a name, or a ValueError."""
    try:
        read = literal(text)
    except ValueError:
        return

    assert read is None or isinstance(read, ipaddress.IPv4Address | ipaddress.IPv6Address)


class Book(AbstractResolver):
    """Names as a hostile DNS server gives them."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All of them, whatever is asked."""
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None:
        """Noted."""
        self.closed = True


async def test_of_the_addresses_of_a_name_only_public_ones_are_kept() -> None:
    """Whoever owns a name may point it anywhere."""
    resolver = PublicResolver(inner=Book("10.0.0.1", "8.8.8.8", "::1", "::ffff:192.168.0.1", "fe80::1%1", "no address"))

    kept = await resolver.resolve("x.klingai.com", 443)

    assert ["8.8.8.8"] == [each["host"] for each in kept]


async def test_a_name_that_leads_inside_only_is_refused_by_its_address() -> None:
    """The emulator's own name as well, asked for another port."""
    resolver = PublicResolver(URL("http://localhost:8123"), Book("127.0.0.1", "::1"))

    kept = await resolver.resolve("localhost", 8123)
    for name, port in (("x.klingai.com", 443), ("localhost", 443)):
        with pytest.raises(UnsafeURL, match=r"127\.0\.0\.1, ::1"):
            await resolver.resolve(name, port)

    assert ["127.0.0.1", "::1"] == [each["host"] for each in kept]


async def test_the_emulators_name_leads_to_this_machine_or_nowhere() -> None:
    """Not into the network around it."""
    resolver = PublicResolver(URL("http://localhost:8123"), Book("10.0.0.1"))

    with pytest.raises(UnsafeURL):
        await resolver.resolve("localhost", 8123)


async def test_a_name_without_addresses_stays_the_connectors_business() -> None:
    """And whoever asks is closed with it."""
    book = Book()
    resolver = PublicResolver(inner=book)

    kept = await resolver.resolve("x.klingai.com")
    await resolver.close()

    assert [] == kept
    assert book.closed
