"""What a user may want to say: options as frozen values, checked when they are made. Decides nothing itself."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast, get_args

import attrs
from yarl import URL

from .errors import InvalidRequest
from .models import Kind
from .wording import shown

__all__ = ["Downloads", "Limits", "Polling", "Retry"]

_CAPS: Final[Mapping[Kind, int]] = {"image": 50_000_000, "video": 2_000_000_000, "audio": 200_000_000}
_HOSTS: Final = ("klingai.com", "kling.ai", "kechuangai.com", "inkwai.com")
"""The vendor's own names: those in its documents, and one more that its links were seen to have."""
_DOMAIN: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _whole(least: int) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Lets whole numbers pass, from *least* on."""

    def check(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        if not _is_whole(value, least):
            raise InvalidRequest(_named(instance, field), f"must be a whole number of at least {least}", value)

    return check


def _seconds(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None and field.default is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InvalidRequest(_named(instance, field), "must be a number of seconds above zero", value)


def _ratio(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InvalidRequest(_named(instance, field), "must be a number above zero", value)


def _path(value: str | os.PathLike[str] | None) -> Path | None:
    try:
        return None if value is None else Path(value)
    except TypeError:
        raise InvalidRequest("Polling.memory", "must be the path of a file", value) from None


def _switch(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidRequest(_named(instance, field), "must be True or False", value)


def _named(instance: object, field: attrs.Attribute[Any]) -> str:
    return f"{type(instance).__name__}.{field.name}"


def _caps(given: object) -> Mapping[Kind, int]:
    rule = f"must map kinds ({', '.join(_CAPS)}) to bytes, whole numbers of at least 1"
    if given is not None and not isinstance(given, Mapping):
        raise InvalidRequest("Downloads.max_bytes", rule, given)
    caps = cast("Mapping[Kind, int]", given or {})
    for kind, most in caps.items():
        if kind not in _CAPS or not _is_whole(most, 1):
            raise InvalidRequest(f"Downloads.max_bytes[{shown(kind)}]", rule, most)
    return {**_CAPS, **caps}


def _hosts(given: object) -> tuple[str, ...] | Literal["any-public"]:
    if given == "any-public":
        return "any-public"
    rule = "must be names of hosts, each of which stands for all below it too, or 'any-public'"
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidRequest("Downloads.hosts", rule, given)
    return tuple(_host(each, rule) for each in cast("Iterable[object]", given))


def _host(given: object, rule: str) -> str:
    name = given.strip().removeprefix("*").strip(".") if isinstance(given, str) else ""
    try:
        host = (URL.build(scheme="https", host=name).raw_host or "").lower()  # as links spell it, which are ASCII
    except ValueError:
        host = ""
    if not _DOMAIN.fullmatch(host):
        raise InvalidRequest("Downloads.hosts", rule, given)
    return host


Validation: TypeAlias = Literal["error", "warn", "off"]
"""What happens to a combination that the vendor's capability map calls unsupported."""


def validation(given: object) -> Validation:
    """One of the three words, or `InvalidRequest`."""
    if given not in get_args(Validation):
        raise InvalidRequest("validate", f"must be one of {', '.join(get_args(Validation))}", given)
    return cast("Validation", given)


OnUnknown: TypeAlias = Literal["resend", "hold"]
"""What follows a create of which it is certain, in the end, that it made nothing."""


def _on_unknown(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if value not in get_args(OnUnknown):
        raise InvalidRequest(_named(instance, field), f"must be one of {', '.join(get_args(OnUnknown))}", value)


def _slots(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not _is_whole(value, 1):
        rule = "must be a whole number of at least 1, or None to learn it"
        raise InvalidRequest(_named(instance, field), rule, value)


@attrs.frozen(kw_only=True)
class Limits:
    """
    How many tasks of each kind may be under way at once, as the account's packs allow; None: learned from refusals.

    A picture request takes as many slots as it makes pictures. A limit that is given is never exceeded by this client;
    leave room where other processes use the account too.
    """

    video: int | None = attrs.field(default=None, validator=_slots)
    image: int | None = attrs.field(default=None, validator=_slots)
    try_on: int | None = attrs.field(default=None, validator=_slots)
    other: int | None = attrs.field(default=None, validator=_slots)
    """Sounds, voices, elements."""
    slot_timeout: float | None = attrs.field(default=None, validator=_seconds)
    """Seconds a create may wait for slots, before `SlotsUnavailable` is raised and no task was made; None: for ever."""


@attrs.frozen(kw_only=True)
class Retry:
    """What is repeated when it fails. A create is sent again only where it is certain that no task was made."""

    attempts: int = attrs.field(default=5, validator=_whole(1))
    """How often one query, or one create, is sent before its failure is raised; waiting for slots does not count."""
    budget: int = attrs.field(default=500, validator=_whole(0))
    """
    What the repeats of a client may cost together: 14 each, 5 after "too fast"; every success gives one back.

    Once it is spent, failures are raised at once. A create that is sent again because its first attempt certainly made
    nothing costs nothing.
    """
    settle: float = attrs.field(default=30.0, validator=_seconds)
    """Seconds for which a task may stay invisible after a create whose answer was lost."""
    on_unknown: OnUnknown = attrs.field(default="resend", validator=_on_unknown)
    """
    After a lost answer, when no task was seen for `settle` seconds: "resend" sends the same create with the same id
    again, "hold" raises `SubmitUnknown`.
    """


@attrs.frozen(kw_only=True)
class Polling:
    """How tasks that somebody waits for are followed. Queries are free."""

    max_lag: float | None = attrs.field(default=None, validator=_seconds)
    """
    Seconds between two looks at a task at most: the longest its end goes unnoticed while the vendor answers truly.

    Without it a task is looked at when its end is likely; once it was looked at, again within a fifth of its age.
    """
    requests_per_task: float | None = attrs.field(default=None, validator=_ratio)
    """
    How many requests the following of a task may cost on average; fewer make for later news, more for earlier.

    What one minute without a look forces comes on top.
    """
    list_pages: bool = attrs.field(default=True, validator=_switch)
    """Whether the pages of the list may be asked for, of which one tells about up to 500 tasks."""
    memory: Path | None = attrs.field(default=None, converter=_path)
    """A file that keeps the durations learned; read at the first task, written when the client is closed."""
    patience: float = attrs.field(default=60.0, validator=_seconds)
    """Seconds for which the vendor may deny a task before it counts as lost."""


@attrs.frozen(kw_only=True)
class Downloads:
    """How results are fetched."""

    concurrency: int = attrs.field(default=4, validator=_whole(1))
    """Files under way at once."""
    hosts: tuple[str, ...] | Literal["any-public"] = attrs.field(default=_HOSTS, converter=_hosts)
    """Names of hosts, each with all below it, from which files may come; `"any-public"`: from all of the Internet."""
    max_bytes: Mapping[Kind, int] = attrs.field(default=None, converter=_caps)
    """Bytes of a file at most, per kind; 50 MB, 2 GB and 200 MB for image, video and audio."""
    resumes: int = attrs.field(default=5, validator=_whole(0))
    """
    How often in a row a download that broke is taken up without one more byte arriving, before it fails.

    One that brings less than 1 KiB a second for a minute counts as broken, and what it brought as nothing.
    """
