"""Lines of JSON as mappings, one after the other. What is wrong with one is told with its place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping
from typing import Any, BinaryIO, Final, NamedTuple, NoReturn, TypeAlias, cast

from ..errors import InvalidRequest
from ..wording import shown

LONGEST: Final = 64 * 1024 * 1024
"""Bytes of a line: six pictures of the largest size as Base64 text."""
MARK: Final = "\ufeff"
"""What some programs write in front of UTF-8."""
_FOREIGN: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK": "a ZIP or Excel file", b"\x1f\x8b": "gzip"}
_AROUND: Final = 30  # characters shown on either side of a mistake
_JSON, _TEXT = "JSON", "text"
_RULE: Final = "must be one JSON object on each line"

Given: TypeAlias = Mapping[Any, object] | InvalidRequest
"""A row, or what is wrong with it."""


class Entry(NamedTuple):
    """One row of a manifest."""

    at: int
    """The number of its line or row, from 1."""
    given: Given


class _Odd(ValueError):
    """What JSON reads, and no manifest may hold."""


def of_json(file: BinaryIO) -> Generator[Entry, None, None]:
    """The rows of a file of JSON lines; empty lines are passed over. Raises `OSError`."""
    for at, line in enumerate(lines(file), 1):
        if isinstance(line, InvalidRequest) or not line.isspace():
            yield Entry(at, line if isinstance(line, InvalidRequest) else read(line))


def lines(file: BinaryIO) -> Generator[bytes | InvalidRequest, None, None]:
    """The lines of a file of text, or what is wrong with one. Raises `OSError`."""
    line = file.readline(LONGEST + 1)
    foreign = next((name for start, name in _FOREIGN.items() if line.startswith(start)), None)
    if foreign is not None:
        yield InvalidRequest(_TEXT, f"must be UTF-8; this is {foreign}", line[:4])
        return
    while line:
        if len(line) > LONGEST:
            yield InvalidRequest(_TEXT, f"must have at most {LONGEST:,} bytes on a line; name pictures by their path")
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST)
        else:
            yield line
        line = file.readline(LONGEST + 1)


def decoded(line: bytes) -> str:
    """A line as text. Raises `InvalidRequest`."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        at = error.start
    raise InvalidRequest(_TEXT, f"must be UTF-8, and byte {at + 1} of the line, {line[at]:#04x}, is not", line)


def read(line: str | bytes) -> Given:
    """A line as a mapping, or what is wrong with it."""
    try:
        text = (line if isinstance(line, str) else decoded(line)).removeprefix(MARK)
        found: object = _decode(text)
    except InvalidRequest as error:
        return error
    except json.JSONDecodeError as error:
        around = error.doc[max(0, error.pos - _AROUND) : error.pos + _AROUND].strip()
        said = "there is a NUL character" if "\0" in around else f"{error.msg[0].lower()}{error.msg[1:]}"
        return InvalidRequest(_JSON, f"{_RULE}; {said} at column {error.pos + 1}{_hint(error.doc)}", around)
    except (ValueError, RecursionError) as error:
        said = "it is nested without end" if isinstance(error, RecursionError) else str(error)
        return InvalidRequest(_JSON, f"{_RULE}; {said}", line)
    if isinstance(found, dict):
        return cast("dict[str, object]", found)
    return InvalidRequest(_JSON, f"{_RULE}{_hint(text) or '; this is another value'}", found)


def _hint(text: str) -> str:
    start = text.strip()[:1]
    if start == "[":
        return "; this is a list of objects, which jq -c '.[]' makes lines of"
    return "; this one goes on in the next line" if text.strip() == "{" else ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise _Odd(f"{shown(twice)} is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Odd(f"{name} is no JSON")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode
