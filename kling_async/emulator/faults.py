"""
What can be made to go wrong: each fault is a value that says when it strikes and what it does.

    Emulator(faults=[Lose("cut", first=1), Refuse(1302, calls="queries", every=10), Hide(5), Down(since=60, until=70)])

Values only: nothing here runs. A fault that could never have an effect, or has no meaning, is refused when it is made.
Times are seconds of the event loop's clock, counted from the start of the emulator or from the moment of adding.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from .direct import BY_PATH
from .documents import http_statuses
from .endpoints import ENDPOINTS
from .fault_fields import above, number, one_of, share, shown, text, truth, whole
from .pools import POOLS

Calls: TypeAlias = Literal["creates", "queries", "lists", "others", "any"]
"""Creates make a task, queries ask for one, lists for many; others are synchronous calls and what is no call at all."""
Way: TypeAlias = Literal["cut", "reset", "cut_body", "silence", "empty", "unreadable", "no_task_id", "html"]
Shape: TypeAlias = Literal["array", "null", "no_data", "unknown_status", "no_status"]
Pool: TypeAlias = Literal["video", "image", "try_on"]

CALLS: Final = ("creates", "queries", "lists", "others", "any")
WAYS: Final = ("cut", "reset", "cut_body", "silence", "empty", "unreadable", "no_task_id", "html")
SHAPES: Final = ("array", "null", "no_data", "unknown_status", "no_status")
STATUSES: Final = range(200, 600)
ANYWHERE: Final = "*"


def _checked_answer(_: object, __: object, value: Any) -> None:
    """A way, a bare HTTP status, or a code; a code that is not documented has no status of its own."""
    if isinstance(value, str):
        if value in WAYS:
            return
    elif isinstance(value, int) and not isinstance(value, bool) and (value in STATUSES or value >= 1000):
        return
    raise ValueError(
        f"answer must be one of {', '.join(WAYS)}, an HTTP status or a code of the API; got {shown(value)}"
    )


def _checked_path(_: object, __: object, value: Any) -> None:
    known = (*(endpoint.path for endpoint in ENDPOINTS), *BY_PATH)
    if isinstance(value, str) and any(fnmatchcase(path, value) or value.startswith(f"{path}/") for path in known):
        return
    raise ValueError(f"path must be a path of the API, with * for any part of it; got {shown(value)}")


def _calls(value: Calls | Iterable[Calls]) -> tuple[Calls, ...]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):  # from a file it may be anything
        return (cast("Calls", value),)
    return tuple(value)


def _checked_calls(_: object, __: object, value: tuple[Any, ...]) -> None:
    if not value or any(each not in CALLS for each in map(str, value)):
        told = ", ".join(map(shown, value)) or "nothing"
        raise ValueError(f"calls must be one or several of {', '.join(CALLS)}; got {told}")


def _after_since(fault: Fault, _: object, value: float | None) -> None:
    if value is not None and value <= fault.since:
        raise ValueError(f"until must be later than since, which is {fault.since!r}; got {shown(value)}")


@attrs.frozen(kw_only=True)
class Fault:
    """What all have in common: it is in force from ``since`` on, and before ``until`` if there is one."""

    since: float = attrs.field(default=0.0, validator=number(0))
    until: float | None = attrs.field(default=None, validator=[attrs.validators.optional(number(0)), _after_since])


@attrs.frozen(kw_only=True)
class Sometimes(Fault):
    """
    A fault that strikes single calls: those to ``path`` that pass all conditions given.

    Calls that come into question are counted: ``first=3`` strikes the first three, ``every=5`` the fifth, tenth and so
    on, ``chance=0.1`` one in ten by the emulator's seed, and none once it has struck ``most`` times.
    ``path`` is that of an endpoint (its queries are meant as well), and may have ``*`` in it.
    """

    path: str = attrs.field(default=ANYWHERE, validator=_checked_path)
    first: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole(1)))
    every: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole(1)))
    chance: float = attrs.field(default=1.0, validator=share)
    most: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole(1)))


@attrs.frozen(kw_only=True)
class Answered(Sometimes):
    """
    A fault that puts something else in the place of the answer.

    ``answer`` is a way (below), an HTTP status from 200 to 599 for the bare answer of a gateway, or a code of the API
    in its envelope. A code comes with its documented status, or with ``status``, which an undocumented one needs.

    ========== =========================================================
    cut         the connection is closed without a word
    reset       the same, by a TCP reset
    cut_body    closed after half of the answer
    silence     nothing, until the client or the emulator gives up
    empty       200 and no body
    unreadable  200 and JSON that stops in the middle
    no_task_id  200, code 0, and data without a ``task_id``
    html        502 and a page of HTML
    ========== =========================================================
    """

    answer: int | Way = attrs.field(kw_only=False, validator=_checked_answer)
    status: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole(200, 599)))
    retry_after: float | None = attrs.field(default=None, validator=attrs.validators.optional(number(0)))
    """Seconds for the header Retry-After; an answer without a head has none."""
    message: str = attrs.field(default="", validator=text)
    """What the envelope says instead of the words of the code."""

    def __attrs_post_init__(self) -> None:
        is_code = isinstance(self.answer, int) and self.answer >= 1000
        if is_code and self.status is None and self.answer not in http_statuses():
            raise ValueError(f"answer must be a documented code where no status is given; got {shown(self.answer)}")
        if not is_code and self.status is not None:
            raise ValueError(f"status must be left out where the answer is no code; got {shown(self.status)}")
        if not is_code and self.message:
            raise ValueError(f"message must be left out where the answer is no code; got {shown(self.message)}")


@attrs.frozen(kw_only=True)
class Refuse(Answered):
    """Answer so before anything was done: a create makes no task. Comes before the token is looked at."""

    calls: tuple[Calls, ...] = attrs.field(default=("any",), converter=_calls, validator=_checked_calls)


@attrs.frozen(kw_only=True)
class Lose(Answered):
    """
    Answer so after the call was carried out: a create has made its task, and is paid.

    Calls that the emulator refuses itself do not come into question, and are not counted.
    """

    calls: tuple[Calls, ...] = attrs.field(default=("creates",), converter=_calls, validator=_checked_calls)


@attrs.frozen(kw_only=True)
class Bend(Sometimes):
    """
    Answer truly, in another shape.

    ``array`` puts the data of a query into an array, ``null`` makes it null, ``no_data`` leaves it out;
    ``unknown_status`` gives tasks a status nobody knows, ``no_status`` none.
    """

    shape: Shape = attrs.field(kw_only=False, validator=one_of(SHAPES))
    calls: tuple[Calls, ...] = attrs.field(default=("queries",), converter=_calls, validator=_checked_calls)


@attrs.frozen(kw_only=True)
class Slow(Sometimes):
    """Answer after ``seconds``. The call is carried out at once, or with ``late`` only then, gone client or not."""

    seconds: float = attrs.field(kw_only=False, validator=above(0))
    late: bool = attrs.field(default=False, validator=truth)
    calls: tuple[Calls, ...] = attrs.field(default=("any",), converter=_calls, validator=_checked_calls)


@attrs.frozen(kw_only=True)
class Rate(Fault):
    """
    Refuse with 1302 what comes faster than ``per_second``; a refused call costs nothing of the rate.

    ``burst`` calls may come at once after a silence: as many as there are in a second, unless said, and at least one.
    Each rate counts for itself, so that creates and queries have separate ones if they are given separately.
    """

    per_second: float = attrs.field(kw_only=False, validator=above(0))
    burst: float | None = attrs.field(default=None, validator=attrs.validators.optional(number(1)))
    retry_after: float | None = attrs.field(default=None, validator=attrs.validators.optional(number(0)))
    path: str = attrs.field(default=ANYWHERE, validator=_checked_path)
    calls: tuple[Calls, ...] = attrs.field(default=("any",), converter=_calls, validator=_checked_calls)


@attrs.frozen(kw_only=True)
class Shuffle(Sometimes):
    """Tell the rows of a list page in another order."""


@attrs.frozen(kw_only=True)
class Stale(Sometimes):
    """Tell a list as it was ``seconds`` ago; statuses, too."""

    seconds: float = attrs.field(kw_only=False, validator=above(0))


@attrs.frozen(kw_only=True)
class Mix(Sometimes):
    """Tell ``rows`` tasks of somebody else after each of ours in a list, so that ours move down the pages."""

    rows: int = attrs.field(default=1, kw_only=False, validator=whole(1, 900))


@attrs.frozen(kw_only=True)
class Truncate(Sometimes):
    """Tell no more than ``rows`` of the rows that a list page has."""

    rows: int = attrs.field(kw_only=False, validator=whole(0))


@attrs.frozen(kw_only=True)
class LoseCallback(Sometimes):
    """Do not call back. Of all faults for callbacks, ``path`` is that of the task's endpoint."""


@attrs.frozen(kw_only=True)
class RepeatCallback(Sometimes):
    """Call back ``times`` more, after ``seconds`` each time."""

    times: int = attrs.field(default=1, kw_only=False, validator=whole(1))
    seconds: float = attrs.field(default=0.0, validator=number(0))


@attrs.frozen(kw_only=True)
class DelayCallback(Sometimes):
    """Call back ``seconds`` late."""

    seconds: float = attrs.field(kw_only=False, validator=above(0))


@attrs.frozen(kw_only=True)
class ShuffleCallbacks(Sometimes):
    """Call back late by anything up to ``seconds``, so that callbacks arrive in another order."""

    seconds: float = attrs.field(kw_only=False, validator=above(0))


@attrs.frozen(kw_only=True)
class Hide(Fault):
    """Know nothing of a task that is younger than ``seconds``: in lists, and in queries by either id."""

    seconds: float = attrs.field(kw_only=False, validator=above(0))
    path: str = attrs.field(default=ANYWHERE, validator=_checked_path)


@attrs.frozen(kw_only=True)
class RepeatedIds(Fault):
    """Do not enforce unique external ids: a second create with the same one makes a second paid task."""


@attrs.frozen(kw_only=True)
class Clock(Fault):
    """Be ``ahead`` seconds fast, or slow if negative: the Date header, the look at tokens, and what tasks tell."""

    ahead: float = attrs.field(kw_only=False, validator=number())


@attrs.frozen(kw_only=True)
class Expire(Fault):
    """
    Refuse signed tokens with 1004 although they say they are good; a static key never expires.

    With ``after``, each from so many seconds after it was first shown. Without, those that were shown before ``since``
    (or before the fault was added) and no others. A token signed anew within one second may be the same token.
    """

    after: float | None = attrs.field(default=None, kw_only=False, validator=attrs.validators.optional(above(0)))


@attrs.frozen(kw_only=True)
class Limit(Fault):
    """Have so many slots in a pool, or endless ones with None; the one given last counts. Running tasks go on."""

    pool: Pool = attrs.field(kw_only=False, validator=one_of(sorted(POOLS)))
    slots: int | None = attrs.field(kw_only=False, validator=attrs.validators.optional(whole(0)))


@attrs.frozen(kw_only=True)
class Neighbour(Fault):
    """
    Let somebody else on the account take ``slots`` of a pool that has a limit.

    With ``visible`` their tasks are in the list of text2video, generations or the try-on, and take the whole time.
    """

    pool: Pool = attrs.field(kw_only=False, validator=one_of(sorted(POOLS)))
    slots: int = attrs.field(kw_only=False, validator=whole(1))
    visible: bool = attrs.field(default=False, validator=truth)


@attrs.frozen(kw_only=True)
class Down(Fault):
    """Be dead: open connections are cut, new ones refused. Comes back on the same port with everything kept."""


KINDS: Final[dict[str, type[Fault]]] = {
    "refuse": Refuse,
    "lose": Lose,
    "bend": Bend,
    "slow": Slow,
    "rate": Rate,
    "shuffle": Shuffle,
    "stale": Stale,
    "mix": Mix,
    "truncate": Truncate,
    "lose_callback": LoseCallback,
    "repeat_callback": RepeatCallback,
    "delay_callback": DelayCallback,
    "shuffle_callbacks": ShuffleCallbacks,
    "hide": Hide,
    "repeated_ids": RepeatedIds,
    "clock": Clock,
    "expire": Expire,
    "limit": Limit,
    "neighbour": Neighbour,
    "down": Down,
}
"""Every fault by its name in a file."""
