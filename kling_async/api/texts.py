"""Texts as people write them, as what fields hold: names of files become paths, dates become moments.

For the command line and for manifests, inside of objects and lists too. What may be given is checked by the request
class alone; here nothing is refused but what cannot be read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import attrs

from ..errors import InvalidRequest
from ..media.inputs import named
from .about import FieldInfo, info


@cache
def known(request: type) -> Mapping[str, FieldInfo | None]:
    """The fields of a request class, or of a part of one, by name; None for `extra`."""
    return {field.name: info(field) for field in attrs.fields(cast("type[attrs.AttrsInstance]", request))}


def meant(name: str, about: FieldInfo, given: object, home: Path | None = None) -> object:
    """
    What was given for a field, with the texts in it made into what the field holds. Blocking, where it is a file.

    Names of files begin in *home*. What is of another shape stays for the check. Raises `InvalidRequest` under *name*.
    """
    if about.kind in ("object", "objects"):
        return _filled(name, about, given, home)
    convert = _CONVERT.get(about.kind)
    if convert is None:
        return given
    if isinstance(given, list | tuple):
        items = cast("list[object]", given)
        return [convert(name, about, each, home) if isinstance(each, str) else each for each in items]
    return convert(name, about, given, home) if isinstance(given, str) else given


def _filled(name: str, about: FieldInfo, given: object, home: Path | None) -> object:
    match given:
        case list() | tuple():
            return [_filled(name, about, each, home) for each in cast("list[object]", given)]
        case Mapping() if about.item is not None:
            return _parts(name, about.item, cast("Mapping[str, object]", given), home)
        case _:
            return given


def _parts(name: str, item: type, given: Mapping[str, object], home: Path | None) -> dict[str, object]:
    abouts = known(item)
    return {
        key: value if (about := abouts.get(key)) is None else meant(f"{name}.{key}", about, value, home)
        for key, value in given.items()
    }


def _file(_name: str, _about: FieldInfo, text: str, home: Path | None) -> object:
    return named(text, home)


def _moment(name: str, about: FieldInfo, text: str, _home: Path | None) -> object:
    rule = "must be a date or time such as 2026-03-28 or 2026-03-28T12:00+08:00, or Unix milliseconds (13 digits)"
    if text.isdecimal():
        # Less than the least is somebody's seconds, or a date without its hyphens.
        if len(text) > 15 or int(text) < (about.minimum or 0):
            raise InvalidRequest(name, rule, text)
        return int(text)
    try:
        return datetime.fromisoformat(text).astimezone()  # which takes a time without a zone for a local one
    except (ValueError, OverflowError):
        raise InvalidRequest(name, rule, text) from None


_Convert: TypeAlias = Callable[[str, FieldInfo, str, Path | None], Any]

_CONVERT: Final[Mapping[str, _Convert]] = {
    "picture": _file,
    "pictures": _file,
    "sound": _file,
    "moment": _moment,
}
"""Kinds that are written as text and hold something else."""
