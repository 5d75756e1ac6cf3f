"""How a foreign value reads in a message or a repr: short, and without what opens a link. Knows no kind of error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, Final, cast

_LARGE: Final = 10_000  # characters or bytes, of one value or of all that is in it
_LINE: Final = 500  # characters
_PATH: Final = 200  # characters
_LINK: Final = re.compile(r"(https?://)(\S*)", re.IGNORECASE)
_WHOLE_LINK: Final = re.compile(r"(https?://)(.*)", re.IGNORECASE | re.DOTALL)
_ADDRESS: Final = re.compile(r"((?:[a-z][a-z0-9+.-]*:)?(?://)?)(.*)", re.IGNORECASE | re.DOTALL)
_TOKEN: Final = re.compile(r"(/v1/[\w~-]+/[\w-]{1,16})\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
_AUTHORITY: Final = re.compile(r"[^/?#\\]*")
_CLEAN_AUTHORITY: Final = re.compile(r"(\[[^\[\]@]*\]|[^:@]*)(:\d*)?")


class Hidden:
    """Stands where a value must not be shown."""

    def __repr__(self) -> str:
        return "a value that is not shown"


def shown(value: object, limit: int = 80) -> str:
    """
    A value as an error message or a repr shows it: short, whatever it is.

    Links are shown without user, password and query: a signed one is as good as a key. Of a path that is very long its
    end is shown, which tells the file.
    """
    try:
        text = _written(value, limit)
    except (ValueError, RecursionError):  # numbers of more than 4,300 digits; nesting without end
        return f"a value of type {type(value).__name__} that cannot be written"
    if isinstance(value, str | PurePath) or len(text) <= limit:
        return text
    return f"{text[: limit - 24]}... ({len(text)} characters)"


def _written(value: object, limit: int) -> str:
    """A value as Python writes it, but for what is secret or long in it."""
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        text = unlinked(value)
        return repr(text) if len(value) <= limit else f"{text[: limit - 24]!r}... ({len(value)} characters)"
    if isinstance(value, PurePath):
        path = str(value)
        return repr(path if len(path) <= _PATH else f"...{path[-_PATH:]}")
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return f"{{{', '.join(f'{_written(name, limit)}: {_written(each, limit)}' for name, each in pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_written(each, limit) for each in cast('list[object]', value))}]"
    if isinstance(value, tuple):
        items = [_written(each, limit) for each in cast("tuple[object, ...]", value)]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    return unlinked(repr(value))


def one_line(text: str) -> str:
    """Words of the vendor's as a log can take them: one printable line of a bounded length that opens no link."""
    # Before links are looked for: one with an invisible character in it is still one to whoever reads it.
    line = unlinked(" ".join(visible(text).split()))
    return line if len(line) <= _LINE else f"{line[:_LINE]}..."


def visible(text: str) -> str:
    """A text without what moves a cursor, reverses a line or is not seen; white space stays."""
    return "".join(each for each in text if each.isprintable() or each.isspace())


def unlinked(text: str) -> str:
    """A text in which no link shows a user, a password or a query, and no address for callbacks its token."""
    text = uncalled(text)
    if "://" not in text:
        return text
    # A text that begins as a link is one, even if spaces have got into it.
    return _WHOLE_LINK.sub(_locked, text) if _WHOLE_LINK.match(text) else _LINK.sub(_locked, text)


def uncalled(text: str) -> str:
    """A text in which no address for callbacks shows its token, which is as good as a key."""
    return _TOKEN.sub(r"\1.***", text) if "/v1/" in text else text


def masked(url: str) -> str:
    """Where something leads that is known to be a link, and not what opens it for 30 days."""
    return _ADDRESS.sub(_locked, url, count=1)


def link(url: str | None) -> str:
    """A link as the repr of what holds it shows it."""
    return repr(None if url is None else masked(url))


def _locked(found: re.Match[str]) -> str:
    scheme, rest = found.groups()
    authority = _AUTHORITY.match(rest)
    end = authority.end() if authority else 0
    host, path = rest[:end].rpartition("@")[2], rest[end:]
    if not _CLEAN_AUTHORITY.fullmatch(host) and "@" in rest:
        return f"{scheme}***"  # a password with an odd character in it, which ends anywhere
    user = "***@" if "@" in rest[:end] else ""
    plain = re.split(r"[?#]", path, maxsplit=1)
    return f"{scheme}{user}{host}{plain[0]}" + (f"{path[len(plain[0])]}***" if len(plain) > 1 else "")


def is_large(value: object) -> bool:
    """Whether an error that keeps a value should keep a few words about it in its place."""
    try:
        return _weight(value) > _LARGE
    except RecursionError:
        return True


def _weight(value: object) -> int:
    """Characters and bytes in a value, in a collection of values, or in the fields of a request."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    parts: Iterable[object] = ()
    if isinstance(value, Mapping):
        parts = cast("Mapping[object, object]", value).values()
    elif isinstance(value, list | tuple | set | frozenset):
        parts = cast("Iterable[object]", value)
    else:
        fields: Iterable[Any] = getattr(type(value), "__attrs_attrs__", ())
        parts = [getattr(value, field.name, None) for field in fields]
    return sum(1 + _weight(each) for each in parts)
