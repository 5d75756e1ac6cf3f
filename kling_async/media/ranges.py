"""What a file host's answer means for the bytes that are here already. Pure: headers in, values out.

Bytes are added only where the answer proves that they follow on ours, in the same version of the same file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Self, TypeAlias

import attrs

_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII)
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]*"')
_DATE: Final = re.compile(r"[A-Za-z0-9 ,:+-]{1,40}")


@attrs.frozen(kw_only=True)
class Mark:
    """One version of one file: what a later part of it must agree with."""

    source: str
    """Where it comes from, as a digest."""
    etag: str | None = None
    """The strong one."""
    modified: str | None = None
    total: int | None = None
    """Bytes of the whole."""

    @property
    def tells(self) -> bool:
        """Whether a host can be asked if the file is still the same."""
        return self.etag is not None or self.modified is not None

    @property
    def validator(self) -> str | None:
        """What goes into If-Range."""
        return self.etag or self.modified

    @classmethod
    def of(cls, source: str, headers: Mapping[str, str], total: int | None) -> Self:
        """What an answer says about the file."""
        return cls(source=source, etag=_strong(headers), modified=_modified(headers), total=total)

    @classmethod
    def told(cls, data: object) -> Self | None:
        """Read back from JSON; None for anything that is not exactly a mark."""
        match data:
            case {
                "source": str(source),
                "etag": str() | None as etag,
                "modified": str() | None as modified,
                "total": int() | None as total,
            }:
                pass
            case _:
                return None
        clean = (etag is None or _STRONG.fullmatch(etag)) and (modified is None or _DATE.fullmatch(modified))
        mark = cls(source=source, etag=etag, modified=modified, total=total)
        return mark if clean and mark.tells and (total is None or total > 0) else None


@attrs.frozen
class Anew:
    """The whole file comes, from its first byte."""

    mark: Mark


@attrs.frozen
class More:
    """The bytes come that follow on ours, perhaps not all of them."""

    total: int | None
    end: int
    """How many bytes there are at the end of this answer."""


@attrs.frozen
class Complete:
    """There are no more bytes than ours."""


@attrs.frozen
class Unfit:
    """The answer does not go with our bytes; only the whole file will do."""

    reason: str


@attrs.frozen
class Useless:
    """Asking again will not help."""

    reason: str


Meaning: TypeAlias = "Anew | More | Complete | Unfit | Useless"


def asking(mark: Mark | None, have: int) -> dict[str, str]:
    """The headers that ask for what is missing, provided the file is still the same; none to ask for the whole."""
    if mark is None or mark.validator is None or not have:
        return {}
    return {"Range": f"bytes={have}-", "If-Range": mark.validator}


def meaning(status: int, headers: Mapping[str, str], source: str, mark: Mark | None, have: int) -> Meaning:
    """Read a 200, 206 or 416; `have` is 0 and `mark` None where the whole was asked for."""
    length = _length(headers)
    if status == 200:
        if length is None and "chunked" not in headers.get("Transfer-Encoding", "").lower():
            return Useless("says neither how long it is nor where it ends, so that nobody can tell if it is whole")
        return Anew(Mark.of(source, headers, length))
    if mark is None:
        return Unfit(f"answered HTTP {status} to a question for the whole file")
    if changed := _changed(headers, mark):
        return Unfit(changed)
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if found is None:
        return Unfit(f"answered HTTP {status} without saying which bytes")
    first, last, size = found.groups()
    total = mark.total if size == "*" else int(size)
    if mark.total is not None and total != mark.total:
        return Unfit(f"has {total} bytes now, and had {mark.total}")
    if status == 416:
        return Complete() if first is None and total == have else Unfit("has no bytes where ours end")
    return _more(range(int(first), int(last) + 1) if first else range(0), total, length, have)


def _more(sent: range, total: int | None, length: int | None, have: int) -> Meaning:
    if not sent or sent.start != have or (total is not None and sent.stop > total):
        return Unfit(f"sent the bytes from {sent.start} to {sent.stop - 1} in place of those from {have}")
    if length is not None and length != len(sent):
        return Unfit(f"sent {length} bytes as {len(sent)}")
    return More(total, sent.stop)


def _changed(headers: Mapping[str, str], mark: Mark) -> str | None:
    """Why an answer is about another version; a header that is missing says nothing."""
    etag = headers.get("ETag")
    if mark.etag is not None and etag is not None and etag != mark.etag:
        return "has another ETag now"
    modified = headers.get("Last-Modified")
    if mark.etag is None and modified is not None and modified != mark.modified:
        return "was modified meanwhile"
    return None


def _strong(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("ETag", "")
    return etag if _STRONG.fullmatch(etag) else None


def _modified(headers: Mapping[str, str]) -> str | None:
    modified = headers.get("Last-Modified", "")
    return modified if _DATE.fullmatch(modified) else None


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None
