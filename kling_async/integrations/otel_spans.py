"""Spans, made of events: one for each create, each wait, each download. None of them is made current."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from yarl import URL

from ..events import (
    DownloadEvent,
    DownloadFailed,
    DownloadFinished,
    Event,
    Refused,
    SlotGranted,
    SubmitDoubted,
    SubmitEnded,
    SubmitEvent,
    SubmitSent,
    SubmitSettled,
    SubmitStarted,
    TaskChanged,
    TaskEvent,
    TaskGone,
    TokenReplaced,
    Unanswered,
    WaitEnded,
    WaitFailed,
    WaitStarted,
)
from . import otel_words as words
from .otel_words import Known, generation, kind, known

Links: TypeAlias = Callable[[SubmitStarted], Sequence[Link]]
"""What the span of a create is linked to."""
Key: TypeAlias = tuple[str, str]
"""An endpoint, and an id."""


@attrs.define(eq=False)
class _Submit:
    """A create under way."""

    span: Span
    attempts: int = 0


@attrs.define(eq=False)
class _Wait:
    """A task that is awaited, by however many handles."""

    span: Span
    handles: int
    keys: set[Key]
    wrong: str | None = None


class Spans:
    """A listener that makes spans."""

    def __init__(self, tracer: Tracer, links: Links | None) -> None:
        """Nothing is recorded before the first event."""
        self._tracer = tracer
        self._links = links
        self._submits: dict[Key, _Submit] = {}
        """By external id."""
        self._made: dict[Key, SpanContext] = {}
        """The creates of tasks that were not seen to end, by task id."""
        self._waits: dict[Key, _Wait] = {}
        """By each id that is known."""
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            SubmitStarted: self._started,
            SlotGranted: self._granted,
            SubmitSent: self._sent,
            SubmitDoubted: self._doubted,
            SubmitSettled: self._settled,
            SubmitEnded: self._ended,
            Refused: self._refused,
            Unanswered: self._unanswered,
            TokenReplaced: self._replaced,
            WaitStarted: self._awaited,
            WaitFailed: self._wait_failed,
            WaitEnded: self._wait_ended,
            TaskChanged: self._changed,
            TaskGone: self._gone,
            DownloadFinished: self._stored,
            DownloadFailed: self._unstored,
        }

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    # Creates.

    def _started(self, event: SubmitStarted) -> None:
        url = URL(event.url)
        attributes: Known = {
            **generation(event.endpoint, event.model),
            words.POOL: event.pool,
            words.EXTERNAL_ID: event.external_task_id,
            words.METHOD: "POST",
            words.TEMPLATE: url.path,
            **known({words.HOST: url.host, words.PORT: url.port}),
        }
        links = None if self._links is None else self._links(event)
        span = self._tracer.start_span("kling.submit", kind=SpanKind.CLIENT, attributes=attributes, links=links)
        self._submits[event.endpoint, event.external_task_id] = _Submit(span)

    def _sent(self, event: SubmitSent) -> None:
        submit = self._submits.get((event.endpoint, event.external_task_id))
        if submit is not None:
            submit.attempts = event.attempt
            submit.span.add_event("sent", {"kling.attempt": event.attempt})

    def _granted(self, event: SlotGranted) -> None:
        self._note(event, "slots granted", {"kling.slot.wait": event.seconds})

    def _doubted(self, event: SubmitDoubted) -> None:
        self._note(event, "answer lost", {words.ERROR: kind(event.error)})

    def _settled(self, event: SubmitSettled) -> None:
        self._note(event, "settled", known({"kling.found": event.found}))

    def _refused(self, event: Refused) -> None:
        told = {words.CODE: event.code, words.STATUS: event.status, words.REQUEST_ID: event.request_id}
        self._note(event, "refused", known(told))

    def _unanswered(self, event: Unanswered) -> None:
        self._note(event, "unanswered", {words.ERROR: kind(event.error)})

    def _replaced(self, event: TokenReplaced) -> None:
        self._note(event, "token replaced", {words.CODE: event.code})

    def _note(self, event: SubmitEvent | Refused | Unanswered | TokenReplaced, name: str, told: Known) -> None:
        submit = self._submits.get((event.endpoint, event.external_task_id or ""))
        if submit is not None:
            submit.span.add_event(name, told)

    def _ended(self, event: SubmitEnded) -> None:
        submit = self._submits.pop((event.endpoint, event.external_task_id), None)
        if submit is None:
            return
        span, error = submit.span, event.error
        told = {
            words.OUTCOME: event.outcome,
            words.TASK_ID: event.task_id,
            words.CODE: getattr(error, "code", None),
            words.STATUS: getattr(error, "status", None),
            words.REQUEST_ID: getattr(error, "request_id", None),
            words.RESENT: submit.attempts - 1 if submit.attempts > 1 else None,
        }
        span.set_attributes(known(told))
        if event.outcome != "accepted" and error is not None:
            _failed(span, kind(error))
        elif event.task_id is not None:
            self._made[event.endpoint, event.task_id] = span.get_span_context()
        span.end()

    # Tasks.

    def _awaited(self, event: WaitStarted) -> None:
        keys = _keys(event)
        wait = next((self._waits[key] for key in keys if key in self._waits), None)
        if wait is None:
            made = self._made.get((event.endpoint, event.task_id or ""))
            links = [] if made is None else [Link(made)]
            attributes = {**generation(event.endpoint, event.model), words.POOL: event.pool}
            wait = _Wait(self._tracer.start_span("kling.wait", attributes=attributes, links=links), 0, set())
        wait.handles += 1
        self._know(wait, event)

    def _know(self, wait: _Wait, event: TaskEvent) -> None:
        wait.keys |= _keys(event)
        self._waits.update(dict.fromkeys(wait.keys, wait))
        ids = {words.TASK_ID: event.task_id, words.EXTERNAL_ID: event.external_task_id}
        wait.span.set_attributes(known(ids))

    def _changed(self, event: TaskChanged) -> None:
        wait = self._waiting(event)
        if wait is not None:
            self._know(wait, event)
            wait.span.add_event("status", {words.STATE: str(event.status)})
        if event.status in {"succeed", "failed"}:
            self._made.pop((event.endpoint, event.task_id or ""), None)

    def _gone(self, event: TaskGone) -> None:
        self._made.pop((event.endpoint, event.task_id or ""), None)

    def _wait_failed(self, event: WaitFailed) -> None:
        wait = self._waiting(event)
        if wait is not None:
            wait.wrong = kind(event.error)

    def _wait_ended(self, event: WaitEnded) -> None:
        wait = self._waiting(event)
        if wait is None:
            return
        wait.handles -= 1
        if wait.handles:
            return
        for key in wait.keys:
            del self._waits[key]
        wait.span.set_attribute(words.STATE, str(event.status))
        wrong = "task_failed" if event.status == "failed" else wait.wrong
        if wrong is not None:
            _failed(wait.span, wrong)
        wait.span.end()

    def _waiting(self, event: TaskEvent) -> _Wait | None:
        return next((self._waits[key] for key in _keys(event) if key in self._waits), None)

    # Files.

    def _stored(self, event: DownloadFinished) -> None:
        self._download(event, event.seconds, event.resumes, {"kling.download.bytes": event.received}, None)

    def _unstored(self, event: DownloadFailed) -> None:
        self._download(event, event.seconds, event.resumes, {}, kind(event.error))

    def _download(self, event: DownloadEvent, seconds: float, resumes: int, told: Known, wrong: str | None) -> None:
        # Made afterwards: a download that is cancelled is told by no event, and its span would never end.
        end = time.time_ns()
        attributes: Known = {words.METHOD: "GET", words.HOST: event.host, "file.name": event.name, **told}
        if resumes:
            attributes[words.RESENT] = resumes
        start = end - int(seconds * 1e9)
        span = self._tracer.start_span("kling.download", kind=SpanKind.CLIENT, attributes=attributes, start_time=start)
        if wrong is not None:
            _failed(span, wrong)
        span.end(end)


def _keys(event: TaskEvent) -> set[Key]:
    return {(event.endpoint, each) for each in (event.task_id, event.external_task_id) if each is not None}


def _failed(span: Span, wrong: str) -> None:
    span.set_attribute(words.ERROR, wrong)
    span.set_status(Status(StatusCode.ERROR))
