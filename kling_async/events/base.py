"""What all events are, and the way to whoever listens. Nothing waits for a listener."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import attrs

log: Final = logging.getLogger("kling_async.events")


@attrs.frozen(kw_only=True)
class Event:
    """
    Something that happened. `KlingClient(on_event=...)` is told of each, in the order they happen.

    Later versions have more kinds, and more fields; a listener passes over those it does not know. No event holds a
    credential, a prompt or a signed link.
    """


Listener: TypeAlias = Callable[[Event], None]
"""Called on the event loop between other work, so it must be quick."""


def _several(given: Listener | Iterable[Listener] | None) -> tuple[Listener, ...]:
    if given is None:
        return ()
    return (given,) if callable(given) else tuple(given)


@attrs.define(eq=False)
class Teller:
    """
    Tells listeners, if there are any; false where there are none, so that no event need be made for nobody.

    What a listener raises is logged, once, and breaks nothing.
    """

    listeners: tuple[Listener, ...] = attrs.field(default=None, converter=_several)
    _failed: set[int] = attrs.field(factory=set[int], init=False)
    """Places of those that raised."""

    def __bool__(self) -> bool:
        return bool(self.listeners)

    def __call__(self, event: Event) -> None:
        """Tell of an event."""
        for place, listener in enumerate(self.listeners):
            try:
                listener(event)
            except Exception:
                if place not in self._failed:
                    self._failed.add(place)
                    log.exception("on_event raised; this is said once, and later errors of it are passed over")
