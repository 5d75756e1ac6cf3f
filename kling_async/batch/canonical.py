"""A request as the journal keeps it, and back: plain JSON, always written the same way, with files by their hash. Pure.

A file stands as `{"$file": {"bytes": ..., "sha256": ...}}`, with its `path` or, where it is short, its Base64 text. Two
requests have one hash exactly if the same would be sent: where their files lie, and how they were given, counts not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import attrs

from ..api import FieldInfo, info
from ..api.fields import Checked
from ..errors import InvalidRequest
from ..media.inputs import Embedded, MediaInput
from ..protocol.codec import dump, encodable

Tree: TypeAlias = dict[str, Any]
"""What JSON can write."""
Keep: TypeAlias = Callable[[str, MediaInput], Mapping[str, object]]
"""What stands for the content given for a field; no addresses."""
Find: TypeAlias = Callable[[str, Mapping[str, Any]], MediaInput]
"""The content that something stands for, for a field."""

FILE: Final = "$file"
_MEDIA: Final = frozenset({"picture", "pictures", "sound"})
_DEEPEST: Final = 64
"""Levels of `extra`; what is deeper could be read here, and break where it is sent."""
_EXTRA: Final = "extra"

_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode
_in_ascii: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True).encode


def written(tree: Tree) -> str:
    """
    The one text of a tree; of the standard library, so that what else is installed does not change it.

    Raises `InvalidRequest` for numbers that cannot be written.
    """
    try:
        text = _encode(tree)
    except ValueError as error:  # only `extra` may hold any number
        trouble = str(error).partition(";")[0]
    else:
        return text if text.isascii() or encodable(text) else _in_ascii(tree)  # names of files that are no text
    raise InvalidRequest(_EXTRA, f"must be made of what JSON can write ({trouble})")


def content_hash(endpoint: str, tree: Tree, text: str) -> str:
    """What tells apart what is sent, in hex; *text* is the tree as written."""
    # In a text inside of JSON these quotation marks would be escaped.
    counted = _encode(_counted(tree)) if f'"{FILE}":' in text else text
    return hashlib.sha256(f'["{endpoint}",{counted}]'.encode()).hexdigest()


def _counted(node: object) -> object:
    """A tree without what does not count: where a file lies."""
    if isinstance(node, list):
        return [_counted(each) for each in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    given = cast("Tree", node)
    file = given.get(FILE)
    if file is not None:
        return {FILE: {"bytes": file["bytes"], "sha256": file["sha256"]}}
    return {name: _counted(each) for name, each in given.items()}


def stored(request: Checked, keep: Keep) -> Tree:
    """The fields of a request that were given. Raises `InvalidRequest` where `extra` holds what JSON cannot write."""
    return _object("", request, keep)


def _object(at: str, part: Checked, keep: Keep) -> Tree:
    found: Tree = {}
    for name, about in _fields(cast("Any", type(part))):
        value = getattr(part, name)
        if value is None:
            continue
        place = f"{at}{name}"
        if about is not None:
            found[name] = _value(place, about, value, keep)
        elif value:
            found[name] = _extra(part, value, keep)
    return found


def _value(at: str, about: FieldInfo, value: Any, keep: Keep) -> object:
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return [_value(f"{at}[{number}]", about, each, keep) for number, each in enumerate(items)]
    if about.item is not None:
        return _object(f"{at}.", value, keep)
    if about.kind in _MEDIA and not (isinstance(value, str) and ":" in value):  # which no Base64 text has
        return {FILE: dict(keep(at, value))}
    return value


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, FieldInfo | None], ...]:
    return tuple((field.name, info(field)) for field in attrs.fields(kind))


def _extra(request: Checked, given: Mapping[str, object], keep: Keep) -> Tree:
    for name in given:
        _shallow(f"{_EXTRA}.{name}", given[name], 1)
    body = dump(request)  # where `extra` stands last, as it is sent
    return {_escaped(name): _plain(f"{_EXTRA}.{name}", body[name], keep) for name in given}


def _shallow(at: str, value: object, depth: int) -> None:
    if depth > _DEEPEST:
        raise InvalidRequest(at.partition("[")[0], f"must not be nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        inner = list(cast("Mapping[object, object]", value).values())
    else:
        inner = cast("list[object]", value) if isinstance(value, list | tuple) else []
    for each in inner:
        _shallow(at, each, depth + 1)


def _plain(at: str, value: object, keep: Keep) -> object:
    if isinstance(value, Embedded):
        return {FILE: dict(keep(at, value.source))}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return {_escaped(name): _plain(f"{at}.{name}", each, keep) for name, each in pairs}
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [_plain(f"{at}[{number}]", each, keep) for number, each in enumerate(items)]
    return value


def _escaped(name: str) -> str:
    """A name in `extra` that cannot be taken for ours."""
    return f"${name}" if name.startswith("$") else name


def restored(tree: Tree, find: Find) -> dict[str, Any]:
    """The arguments that make the same request."""
    return {name: _restored(name, each, find) for name, each in tree.items()}


def _restored(at: str, node: object, find: Find) -> object:
    if isinstance(node, list):
        return [_restored(f"{at}[{number}]", each, find) for number, each in enumerate(cast("list[object]", node))]
    if not isinstance(node, dict):
        return node
    given = cast("Tree", node)
    file = given.get(FILE)
    if file is not None:
        return find(at, file)
    return {
        name.removeprefix("$"): _restored(f"{at}.{name.removeprefix('$')}", each, find) for name, each in given.items()
    }


def local(file: Mapping[str, Any]) -> Path | None:
    """Where a file lies that was given by its path; None for what was given as text or bytes."""
    path = file.get("path")
    return None if path is None else Path(path)
