"""
Result files over HTTP: signed links, and answers with ETag, Range, If-Range and Content-Length.

Refuses a wrong or expired signature (403), and a request that carries ``Authorization`` (400): the hosts that keep the
vendor's files are not the API, and must never be shown its token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import Final
from urllib.parse import urlencode

import attrs
from aiohttp import web

from .lifecycle import KEEP_SECONDS
from .media import Rendering, Work

KEY_PAIR: Final = "KEMULATORFILES"
ONE_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
LONGEST_NUMBER: Final = 18


@attrs.frozen
class StoredFile:
    """A file that exists as soon as somebody asks for it."""

    name: str
    work: Work
    made: float


class FileShelf:
    """Knows every file a task was said to have, and signs and checks the links to them."""

    def __init__(self, seed: str) -> None:
        self._key = hashlib.sha256(f"files {seed}".encode()).digest()
        self._files: dict[str, StoredFile] = {}

    def link(self, work: Work, made: float) -> str:
        """The path and query of a file, good for 30 days from when it was made."""
        digest = hmac.new(self._key, work.key.encode(), hashlib.sha256).hexdigest()
        name = digest[:40] + work.ending
        self._files.setdefault(name, StoredFile(name, work, made))
        expires = str(int(made) + KEEP_SECONDS)
        query = {"Expires": expires, "Signature": self._signature(name, expires), "Key-Pair-Id": KEY_PAIR}
        return f"/files/{name}?{urlencode(query)}"

    def find(self, name: str, query: Mapping[str, str], now: float) -> StoredFile | None:
        """The file, if the link is signed by us and not too old."""
        expires = query.get("Expires", "")
        told = query.get("Signature", "").encode("utf-8", "surrogateescape")
        signed = hmac.compare_digest(self._signature(name, expires).encode(), told)
        if not signed or int(expires) <= now:
            return None
        return self._files.get(name)

    def _signature(self, name: str, expires: str) -> str:
        message = f"{name} {expires}".encode("utf-8", "surrogateescape")
        return base64.urlsafe_b64encode(hmac.new(self._key, message, hashlib.sha256).digest()).decode()


def refuse_token(request: web.Request) -> web.Response | None:
    """The answer to a request that shows a token to a file host."""
    if "Authorization" not in request.headers:
        return None
    return web.Response(
        status=400,
        text="This is a file host: a request for a file must not carry an Authorization header, or the token leaks.\n",
    )


def serve(request: web.Request, file: StoredFile, rendering: Rendering) -> web.Response:
    """The file, or the part of it that was asked for. aiohttp leaves the body out of an answer to HEAD."""
    size = len(rendering.content)
    changed = formatdate(int(file.made), usegmt=True)
    headers = {"ETag": rendering.etag, "Last-Modified": changed, "Accept-Ranges": "bytes"}
    wanted = _wanted(request, size, {rendering.etag, changed})
    if wanted is None:
        return web.Response(body=rendering.content, content_type=rendering.content_type, headers=headers)
    if not wanted:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    body = rendering.content[wanted.start : wanted.stop]
    return web.Response(status=206, body=body, content_type=rendering.content_type, headers=headers)


def _wanted(request: web.Request, size: int, validators: set[str]) -> range | None:
    """The bytes asked for: None for all of them, an empty range for none that exist."""
    found = ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None or request.headers.get("If-Range", next(iter(validators))) not in validators:
        return None  # several ranges, or a syntax we do not know, may be answered with the whole
    first, last = (number[:LONGEST_NUMBER] for number in found.groups())
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)
