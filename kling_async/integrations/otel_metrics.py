"""Metrics, made of events. What they are called and counted in is a promise; see docs/observability.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry import metrics

from ..events import (
    DownloadFinished,
    Event,
    Polled,
    SlotGranted,
    SlotsChanged,
    SubmitEnded,
    TaskChanged,
    TaskGone,
)
from .otel_words import (
    CODE,
    ENDPOINT,
    ERROR,
    OUTCOME,
    POOL,
    STATE,
    generation,
    kind,
    known,
)

_PENDING: Final = frozenset({"submitted", "processing"})
_WAITS: Final = (0.005, 0.05, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_DURATIONS: Final = (1, 2, 5, 10, 20, 30, 60, 90, 120, 180, 240, 300, 600, 900, 1800, 3600)


class Metrics:
    """A listener that counts and measures. What it counts of one client only makes sense apart from another's."""

    def __init__(self, meter: metrics.Meter) -> None:
        """Make the instruments."""

        def histogram(name: str, words: str, bounds: tuple[float, ...]) -> metrics.Histogram:
            return meter.create_histogram(name, "s", words, explicit_bucket_boundaries_advisory=bounds)

        self._tasks = meter.create_up_down_counter("kling.tasks", "{task}", "Tasks that were not seen to end")
        self._outcomes = meter.create_counter("kling.submit.outcomes", "{submit}", "What became of creates")
        self._used = meter.create_up_down_counter("kling.slots.used", "{slot}", "Slots in use")
        self._limit = meter.create_gauge("kling.slots.limit", "{slot}", "Slots there are, as given or learned")
        self._wait = histogram("kling.slot.wait", "How long creates wait for slots", _WAITS)
        self._duration = histogram("kling.task.duration", "How long tasks take, by the vendor's clock", _DURATIONS)
        self._polls = meter.create_counter("kling.poll.requests", "{request}", "Questions asked to follow tasks")
        self._bytes = meter.create_counter("kling.download.bytes", "By", "Bytes of the files that were stored")
        self._units = meter.create_counter("kling.units", "{unit}", "Units that the vendor charged")
        words = "From the answer to a create until the end of its task is seen"
        self._operation = histogram("gen_ai.client.operation.duration", words, _DURATIONS)
        self._slots: dict[str, int] = {}
        """In use when that was last told, by pool."""
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            SlotGranted: self._granted,
            SlotsChanged: self._stand,
            SubmitEnded: self._ended,
            TaskChanged: self._changed,
            TaskGone: self._gone,
            Polled: self._polled,
            DownloadFinished: self._stored,
        }

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _granted(self, event: SlotGranted) -> None:
        self._wait.record(event.seconds, {POOL: event.pool})

    def _stand(self, event: SlotsChanged) -> None:
        self._used.add(event.used - self._slots.get(event.pool, 0), {POOL: event.pool})
        self._slots[event.pool] = event.used
        limits = [limit for limit in (event.limit, event.learned) if limit is not None]
        if limits:
            self._limit.set(min(limits), {POOL: event.pool})

    def _ended(self, event: SubmitEnded) -> None:
        told = known({ENDPOINT: event.endpoint, OUTCOME: event.outcome, CODE: getattr(event.error, "code", None)})
        wrong = {} if event.outcome == "accepted" or event.error is None else {ERROR: kind(event.error)}
        self._outcomes.add(1, {**told, **wrong})
        if event.outcome == "accepted":
            self._tasks.add(1, {POOL: event.pool, STATE: "submitted"})

    def _changed(self, event: TaskChanged) -> None:
        for state, step in ((event.before, -1), (event.status, 1)):
            if state in _PENDING:
                self._tasks.add(step, {POOL: event.pool, STATE: str(state)})
        if event.status not in {"succeed", "failed"}:
            return
        told = {ENDPOINT: event.endpoint, STATE: str(event.status)}
        if event.took is not None:
            self._duration.record(event.took, told)
        if event.units is not None:
            self._units.add(float(event.units), {ENDPOINT: event.endpoint, POOL: event.pool})
        if event.age is not None:
            about = generation(event.endpoint, event.model)
            if event.status == "failed":
                about[ERROR] = "task_failed"
            self._operation.record(event.age, about)

    def _gone(self, event: TaskGone) -> None:
        if event.before in _PENDING:
            self._tasks.add(-1, {POOL: event.pool, STATE: str(event.before)})

    def _polled(self, event: Polled) -> None:
        wrong = {} if event.error is None else {ERROR: kind(event.error)}
        self._polls.add(1, {ENDPOINT: event.endpoint, "kling.question": event.question, **wrong})

    def _stored(self, event: DownloadFinished) -> None:
        self._bytes.add(event.received)
