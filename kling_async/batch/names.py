"""What rows are called, and the files of their results. Pure.

A `custom_id` that is a plain name of a file on every system names its files as it is. Others are made plain, with a
hash of the id. Nothing here knows of other rows; that two ids share no file is seen to where they are kept together.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from ..errors import InvalidRequest
from ..media.naming import stem

_LONGEST: Final = 64
_LARGEST: Final = 10**_LONGEST
_ODD: Final = re.compile(r"[^a-z0-9_]+")
_READABLE: Final = 40  # characters in front of the hash


def custom_id(value: object) -> str:
    """The id of a row; a whole number is taken as its digits, for that is how tables tell it. `InvalidRequest`."""
    if value is None or value == "":
        raise InvalidRequest("custom_id", "is required: a text that no other row has, by which its result is found")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        value = str(value)
    if not isinstance(value, str):
        raise InvalidRequest("custom_id", "must be a text", value)
    if len(value) > _LONGEST:
        raise InvalidRequest("custom_id", f"must have at most {_LONGEST} characters, has {len(value)}", value)
    if not value.isprintable() or value != value.strip():
        raise InvalidRequest("custom_id", "must be made of visible characters, with spaces only between them", value)
    return value


def name_of(custom_id: str) -> str:
    """The stem of the files of a row, a plain name on every system: the same for the same id, for ever."""
    try:
        return stem(custom_id)
    except InvalidRequest:
        pass
    # One name for all forms of one text, which are one name to some file systems; two of them are refused.
    whole = unicodedata.normalize("NFC", custom_id)
    plain = unicodedata.normalize("NFKD", custom_id).encode("ascii", "ignore").decode().casefold()
    readable = _ODD.sub("-", plain).strip("-")[:_READABLE]
    digest = hashlib.blake2s(whole.encode(), digest_size=8).hexdigest()
    return f"{readable}-{digest}" if readable else digest
