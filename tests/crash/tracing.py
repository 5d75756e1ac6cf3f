"""
What a program wrote, synced and sent, as strace saw it; and what the disk would hold if the power failed.

A write counts from its beginning, a sync from its end on, a sent message from its beginning: each as late, or as early,
as is worse for whoever wants to prove that something was on disk before something else was sent. Only that a file is
deleted counts at once, since SQLite relies on it where a journal of another kind is given up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

CALLS: Final = "pwrite64,pwritev,write,ftruncate,fdatasync,fsync,sendto,sendmsg,writev,unlink,unlinkat"
COMMAND: Final = ("strace", "-f", "-q", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-e", "signal=none")

_BEGUN: Final = re.compile(r"(\d+) +(\w+)\(\d+<([^>]*)>(?:, (.*?))?(?: <unfinished \.\.\.>|\) += (-?\d+).*)$")
_RESUMED: Final = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>.*\) += (-?\d+)")
_UNLINKED: Final = re.compile(r"\d+ +unlink(?:at)?\((?:[^\"]*, )?(\"[^\"]*\")(?:, 0)?(?: <unfinished|\) += 0)")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@attrs.frozen
class Wrote:
    """Bytes for a file, which may not be on disk yet."""

    path: str
    at: int
    data: bytes


@attrs.frozen
class Cut:
    """A file got another length."""

    path: str
    length: int


@attrs.frozen
class Deleted:
    """A file is gone."""

    path: str


@attrs.frozen
class Synced:
    """All bytes of a file are on disk."""

    path: str


@attrs.frozen
class Sent:
    """Bytes left through a socket."""

    data: bytes


Event = Wrote | Cut | Deleted | Synced | Sent


def events(lines: Sequence[str]) -> Iterator[Event]:  # noqa: C901 - one case for each call
    """What happened, in order; nothing about other files than those written at a place, as databases do."""
    syncs = dict[str, str]()
    for line in lines:
        if begun := _BEGUN.match(line):
            process, call, escaped, rest, result = begun.groups()
            path = _unescaped(escaped).decode()
            match call:
                case "fdatasync" | "fsync":
                    if result is None:
                        syncs[process] = path
                    elif result == "0":
                        yield Synced(path)
                case "pwrite64":
                    data = _unescaped(rest)
                    yield Wrote(path, int(rest.rsplit(", ", 1)[1]), data)
                case "ftruncate":
                    yield Cut(path, int(rest))
                case "sendto" | "sendmsg" | "write" | "writev":
                    if path.startswith(("socket:", "TCP")):
                        yield Sent(_unescaped(rest))
                case _:
                    raise ValueError(f"nobody knows what this does to a file: {line[:200]}")
        elif deleted := _UNLINKED.match(line):
            yield Deleted(_unescaped(deleted[1]).decode())
        elif (resumed := _RESUMED.match(line)) and resumed[2] in ("fdatasync", "fsync") and resumed[3] == "0":
            yield Synced(syncs.pop(resumed[1]))


def _unescaped(text: str) -> bytes:
    found = "".join(match[1] for match in _TEXT.finditer(text)) if '"' in text else text
    if "\\x" not in found:
        return found.encode()
    return bytes.fromhex(found.replace("\\x", ""))


class Disk:
    """Files of which only what was synced would be there after the power failed."""

    def __init__(self) -> None:
        self._now = dict[str, bytearray]()
        self._synced = dict[str, bytes]()

    def take(self, event: Event) -> None:
        """See something happen."""
        match event:
            case Wrote(path, at, data):
                file = self._now.setdefault(path, bytearray())
                file.extend(bytes(max(0, at + len(data) - len(file))))
                file[at : at + len(data)] = data
            case Cut(path, length):
                file = self._now.setdefault(path, bytearray())
                del file[length:]
                file.extend(bytes(length - len(file)))
            case Synced(path):
                self._synced[path] = bytes(self._now.get(path, b""))
            case Deleted(path):
                self._now.pop(path, None)
                self._synced.pop(path, None)
            case Sent():
                pass

    def after_power_failure(self, folder: Path) -> None:
        """Put what would be left into a folder."""
        for path, data in self._synced.items():
            if path in self._now:  # no folder, which can be synced too
                (folder / Path(path).name).write_bytes(data)
