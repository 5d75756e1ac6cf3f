"""Spans and metrics for OpenTelemetry, made of the client's events: `KlingClient(on_event=Telemetry())`.

Uses the API alone: nothing is recorded, and next to nothing done, where the application has set up no SDK. No prompt,
no link and no credential is in any of it. Needs the extra `otel`.
"""

from __future__ import annotations

from .._version import __version__
from ..events import Event

try:
    from opentelemetry import metrics, trace
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError(
        "kling_async.integrations.otel needs OpenTelemetry's API: install kling-async[otel]", name=_missing.name
    ) from None

from .otel_metrics import Metrics
from .otel_spans import Links, Spans

__all__ = ["Telemetry"]


class Telemetry:
    """
    A listener that makes spans and metrics of what a client tells; one for each client.

    Spans are `kling.submit` (client) of each create, from the call to the handle; `kling.wait` (internal) of each task
    that somebody waits for, with an event for each change of its status and a link to its `kling.submit`; and
    `kling.download` (client) of each file that was stored, or could not be. They are children of the span that is
    current where the call is made, and are not made current themselves. *links* tells what the span of a create is
    linked to; a batch that runs for hours links the spans of its items to its own, rather than having them as children.
    The metrics are listed in docs/observability.md.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        links: Links | None = None,
    ) -> None:
        """Without providers, those are used that the application has set, even if it sets them later."""
        self._spans = Spans(trace.get_tracer("kling_async", __version__, tracer_provider), links)
        self._metrics = Metrics(metrics.get_meter("kling_async", __version__, meter_provider))

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        self._spans(event)
        self._metrics(event)
