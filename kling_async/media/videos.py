"""Videos on their way in, which the vendor takes by address only: anything else is refused."""

from __future__ import annotations

from ..errors import InvalidRequest
from .forms import MediaInput, check_url, is_url


def check_video(field: str, value: MediaInput, what: str = "videos") -> None:
    """Raise `InvalidRequest` for whatever is no http(s) URL; *what* names that which the vendor takes by URL only."""
    if isinstance(value, str) and is_url(value):
        check_url(field, value)
        return
    rule = f"must be an http(s) URL, because the vendor takes {what} in no other form; host the file and pass its URL"
    raise InvalidRequest(field, rule, value)
