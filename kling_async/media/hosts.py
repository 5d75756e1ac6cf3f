"""How a file host is asked: without credentials, without cookies, and only where every redirect leads where it may."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ..errors import DownloadError
from ..wording import masked
from .guard import Guard, PublicResolver

_BUFFER: Final = 256 * 1024  # bytes after which the socket is left alone, and twice of which may be there
_HOPS: Final = 3  # redirects
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


def stranger(
    trusted: URL | None, resolver: AbstractResolver | None, timeout: aiohttp.ClientTimeout
) -> aiohttp.ClientSession:
    """A session that tells nothing of whose it is."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=PublicResolver(trusted, resolver)),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
        timeout=timeout,
        read_bufsize=_BUFFER,
    )


@contextlib.asynccontextmanager
async def answered(
    session: aiohttp.ClientSession, guard: Guard, url: URL, headers: Mapping[str, str]
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    """The answer at the end of the redirects, every one of which leads somewhere that may be asked."""
    for _ in range(_HOPS + 1):
        guard.check(url)
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            location = response.headers.get("Location")
            if response.status not in _MOVED or location is None:
                yield response
                return
            url = url.join(URL(location, encoded=True))
    raise DownloadError(f"{masked(str(url))} is the end of more than {_HOPS} redirects")
