"""One HTTP exchange as a value: what to send, and how to read the answer. Describing it sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    from ..media.inputs import Embedded

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Body: TypeAlias = "bool | int | float | str | Embedded | list[Body] | dict[str, Body] | None"
"""JSON in which a local file may stand where its Base64 text will be."""


@attrs.define(kw_only=True, eq=False)
class Answer:
    """What came back, before anybody looked into it."""

    status: int
    body: bytes = attrs.field(default=b"", repr=False)  # may echo anything; an excerpt is made where one is needed
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    flaw: str | None = None
    """Why the body is not all of it, to be read after "the answer"."""


@attrs.frozen(kw_only=True)
class Call(Generic[T_co]):
    """A request that has not been sent."""

    method: Literal["GET", "POST"]
    path: str
    """Below the base URL, percent-encoded."""
    read: Callable[[Json], T_co] = attrs.field(eq=False, repr=False)
    """Makes the answer's `data` a value, or raises `ResponseError`."""
    query: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: Mapping[str, Body] | None = attrs.field(default=None, repr=False)  # prompts are the user's, not the log's
    repeatable: bool = True
    """Whether sending it twice does no more than sending it once; false for everything that is billed."""
    endpoint: str = ""
    """The name of the row that it is of, for whoever watches."""

    @property
    def external_task_id(self) -> str | None:
        """Of the task to be made, where it is a create; for whoever watches."""
        named = None if self.body is None or self.repeatable else self.body.get("external_task_id")
        return named if isinstance(named, str) else None


class Sender(Protocol):
    """Sends calls. Credentials, retries and sockets live behind this line."""

    async def send(self, call: Call[T], /, *, retry: bool = True) -> T:
        """Return what the call reads, or raise a `KlingError`. `retry=False` asks once, however repeatable it is."""
        ...
