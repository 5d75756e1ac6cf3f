"""
Faults from a file: one JSON object a line, or one JSON array of them.

    # the answer to the first create is lost
    {"fault": "lose", "answer": "cut", "first": 1}
    {"fault": "hide", "seconds": 5}

Everything that is wrong in a file is said at once, with the line or the entry, the field, the rule and the value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from .documents import is_array, is_object
from .fault_fields import shown
from .faults import KINDS, Fault

NAME: Final = "fault"
LONGEST: Final = 10_000_000


class FaultFileError(ValueError):
    """A file that is no list of faults; the message has a line for each mistake."""


def read_faults(path: str | Path) -> tuple[Fault, ...]:
    """The faults of a file, in its order. Raises ``FaultFileError``, also where the file cannot be read."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LONGEST + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no UTF-8 at byte {error.start}"
        raise FaultFileError(f"{path} cannot be read: {reason}") from None
    if len(content) > LONGEST:
        raise FaultFileError(f"{path} cannot be read: more than {LONGEST} bytes")
    return parse_faults(text, name=str(path))


def parse_faults(text: str, *, name: str = "faults") -> tuple[Fault, ...]:
    """The faults that a text describes; ``name`` is what messages call it."""
    faults: list[Fault] = []
    mistakes: list[str] = []
    for place, entry in _entries(text, name):
        try:
            faults.append(_fault(entry() if callable(entry) else entry))
        except (ValueError, RecursionError) as error:
            mistakes.append(f"{name}, {place}: {error}")
    if mistakes:
        raise FaultFileError("\n".join(mistakes))
    return tuple(faults)


def _entries(text: str, name: str) -> Iterator[tuple[str, Any]]:
    """Each entry with its place; a line is read when it is called, so that its mistake is one of many."""
    if text.lstrip().startswith("["):
        try:
            entries = _json(text)
        except (ValueError, RecursionError) as error:
            raise FaultFileError(f"{name}: {error}") from None
        yield from ((f"entry {count}", entry) for count, entry in enumerate(entries, 1))
        return
    for count, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"line {count}", lambda line=line: _json(line)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}" if "\n" in text.strip() else f"column {error.colno}"
        raise ValueError(f"no JSON: {error.msg} at {where}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    twice = next((key for count, (key, _) in enumerate(pairs) if key in dict(pairs[:count])), None)
    if twice is not None:
        raise ValueError(f"{twice} must be given once; got {shown(read[twice])} as well")
    return read


def _no_constant(name: str) -> None:
    raise ValueError(f"a number must be finite; got {name}")


def _fault(entry: Any) -> Fault:
    if not is_object(entry):
        raise ValueError(f"an entry must be an object; got {'an array' if is_array(entry) else shown(entry)}")
    if NAME not in entry:
        raise ValueError(f"{NAME} must be given: one of {', '.join(KINDS)}; got nothing")
    name = entry[NAME]
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"{NAME} must be one of {', '.join(KINDS)}; got {shown(name)}")
    kind = KINDS[name]
    fields = {field.name: field for field in attrs.fields(kind)}
    given = {key: value for key, value in entry.items() if key != NAME}
    for key, value in given.items():
        if key not in fields:
            raise ValueError(f"{key} must be one of the fields of {name}: {', '.join(fields)}; got {shown(value)}")
    for field in fields.values():
        if field.default is attrs.NOTHING and field.name not in given:
            raise ValueError(f"{field.name} must be given for {name}; got nothing")
    return kind(**given)
