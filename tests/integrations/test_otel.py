"""What OpenTelemetry gets to see of a client, through the SDK's own exporters."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode

from kling_async import ContentRefused, DownloadError, TaskFailed
from kling_async.emulator import ACCESS_KEY, API_KEY, SECRET_KEY, Emulator
from kling_async.emulator.faults import Lose
from kling_async.events import DownloadFinished, SubmitStarted
from kling_async.integrations.otel import Telemetry
from kling_async.models import Image

pytestmark = pytest.mark.looptime


@attrs.define(eq=False)
class Seen:
    """A telemetry, and what came of it."""

    exporter: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = attrs.field(factory=InMemoryMetricReader)
    tracers: TracerProvider = attrs.field(factory=TracerProvider)
    meters: MeterProvider = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])

    def telemetry(self, **options: Any) -> Telemetry:
        """A listener that is seen here."""
        return Telemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def spans(self, name: str) -> list[ReadableSpan]:
        """Those that have ended."""
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def metrics(self) -> dict[str, list[Any]]:
        """The points by the name of their metric."""
        data = self.reader.get_metrics_data()
        assert data is not None
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Exporters in memory."""
    it = Seen()
    yield it
    it.tracers.shutdown()
    it.meters.shutdown()


def known(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of a span."""
    return dict(span.attributes or {})


async def test_a_picture_is_three_spans(seen: Seen, tmp_path: Path) -> None:
    """Made, waited for, fetched; all in the trace of whoever asked, and the wait linked to the create."""
    async with Emulator() as emulator, emulator.client(on_event=seen.telemetry()) as kling:
        with seen.tracers.get_tracer("app").start_as_current_span("request") as request:
            handle = await kling.images.generate(prompt="a fox", model_name="kling-v2")
            await kling.download(handle, tmp_path)

    (submit,), (wait,), (download,) = (seen.spans(f"kling.{name}") for name in ("submit", "wait", "download"))
    assert {request.get_span_context().span_id} == {each.parent and each.parent.span_id for each in (submit, download)}
    traces = {each.context.trace_id for each in (submit, wait, download) if each.context is not None}
    assert {request.get_span_context().trace_id} == traces
    assert [SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.CLIENT] == [each.kind for each in (submit, wait, download)]
    assert [submit.context] == [link.context for link in wait.links]
    assert {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "kling",
        "gen_ai.request.model": "kling-v2",
        "gen_ai.output.type": "image",
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "url.template": "/v1/images/generations",
        "kling.endpoint": "images.generate",
        "kling.pool": "image",
        "kling.outcome": "accepted",
        "kling.task_id": handle.id,
        "kling.external_task_id": handle.external_task_id,
    }.items() <= known(submit).items()
    assert ["slots granted", "sent"] == [event.name for event in submit.events]
    assert "succeed" == [dict(event.attributes or {})["kling.state"] for event in wait.events][-1]
    assert known(wait)["kling.task_id"] == handle.id
    assert known(download)["kling.download.bytes"] > 0
    assert known(download)["server.address"] == "127.0.0.1"


async def test_there_is_one_span_for_all_who_wait_for_a_task_and_none_for_a_question(seen: Seen) -> None:
    """However many coroutines and handles."""
    async with Emulator() as emulator, emulator.client(on_event=seen.telemetry()) as kling:
        handle = await kling.images.generate(prompt="a fox")
        other = kling.images.generate.attach(handle.id)
        await asyncio.gather(*(each.wait() for each in (handle, handle, other)))

    assert ["kling.submit", "kling.wait"] == [span.name for span in seen.exporter.get_finished_spans()]


async def test_a_wait_goes_on_as_long_as_anybody_waits(seen: Seen) -> None:
    """Who leaves early ends it for nobody else."""
    async with Emulator() as emulator, emulator.client(on_event=seen.telemetry()) as kling:
        handle = await kling.images.generate(prompt="a fox")
        waiting = asyncio.ensure_future(kling.images.generate.attach(handle.id).wait())
        with pytest.raises(TimeoutError):
            await handle.wait(0.5)
        early = seen.spans("kling.wait")
        await waiting

    assert [] == early
    assert ["succeed"] == [known(span)["kling.state"] for span in seen.spans("kling.wait")]


def test_a_download_lasts_as_long_as_it_took(seen: Seen, tmp_path: Path) -> None:
    """Though its span is made when it is over."""
    finished = DownloadFinished(name="a", host="cdn.example", path=tmp_path / "a.png", received=5, seconds=2.5)

    seen.telemetry()(finished)

    (download,) = seen.spans("kling.download")
    assert 2_500_000_000 == (download.end_time or 0) - (download.start_time or 0)


async def test_a_task_that_is_attached_by_its_external_id_is_one_wait(seen: Seen) -> None:
    """Its own id is learned on the way."""
    async with Emulator() as emulator, emulator.client() as maker:
        made = await maker.images.generate(prompt="a fox")
        async with emulator.client(on_event=seen.telemetry()) as kling:
            await kling.images.generate.attach(external_task_id=made.external_task_id)

    (wait,) = seen.spans("kling.wait")
    assert (made.id, made.external_task_id) == (
        known(wait)["kling.task_id"],
        known(wait)["kling.external_task_id"],
    )


async def test_what_went_wrong_is_an_error_of_the_span(seen: Seen, tmp_path: Path) -> None:
    """With the vendor's code where there is one, and never his words."""
    async with Emulator() as emulator, emulator.client(on_event=seen.telemetry()) as kling:
        with pytest.raises(ContentRefused):
            await kling.images.generate(prompt="something forbidden")
        handle = await kling.images.generate(prompt="something risky")
        with pytest.raises(TaskFailed):
            await handle
        with pytest.raises(DownloadError):
            await kling.download(Image(url="https://evil.example/a.png?Signature=s3cret"), tmp_path)

    failed = [span for span in seen.exporter.get_finished_spans() if span.status.status_code is StatusCode.ERROR]
    assert [("kling.submit", "1301"), ("kling.wait", "task_failed"), ("kling.download", "UnsafeURL")] == [
        (span.name, known(span)["error.type"]) for span in failed
    ]
    assert 400 <= known(failed[0])["http.response.status_code"] < 500


async def test_a_create_that_is_sent_again_says_how_often(seen: Seen) -> None:
    """And what made it necessary."""
    async with Emulator(faults=[Lose(5000, first=1)]) as emulator:
        async with emulator.client(on_event=seen.telemetry()) as kling:
            await kling.images.generate(prompt="a fox")

    (submit,) = seen.spans("kling.submit")
    names = [event.name for event in submit.events]
    assert ["sent", "refused", "answer lost", "settled"] == [name for name in names if name != "slots granted"][:4]
    assert len(emulator.tasks) == 1


async def test_what_is_counted(seen: Seen, tmp_path: Path) -> None:
    """Every metric that is promised, after two pictures of which one failed."""
    async with Emulator(slots={"image": 3}) as emulator, emulator.client(on_event=seen.telemetry()) as kling:
        good = await kling.images.generate(prompt="a fox", n=3)
        await kling.download(good, tmp_path)
        bad = await kling.images.generate(prompt="something risky")
        with pytest.raises(TaskFailed):
            await bad
        units = (await good).units

    points = seen.metrics()
    assert {
        "kling.tasks",
        "kling.submit.outcomes",
        "kling.slots.used",
        "kling.slot.wait",
        "kling.task.duration",
        "kling.poll.requests",
        "kling.download.bytes",
        "kling.units",
        "gen_ai.client.operation.duration",
    } <= points.keys()
    assert {0} == {point.value for name in ("kling.tasks", "kling.slots.used") for point in points[name]}
    assert [2] == [point.value for point in points["kling.submit.outcomes"]]
    assert float(units or 0) == sum(point.value for point in points["kling.units"])
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == points["kling.download.bytes"][0].value
    assert 2 == sum(point.count for point in points["kling.task.duration"])
    assert {None, "task_failed"} == {
        dict(point.attributes).get("error.type") for point in points["gen_ai.client.operation.duration"]
    }
    assert sum(request.method == "GET" and "/v1/" in request.path for request in emulator.requests) == sum(
        point.value for point in points["kling.poll.requests"]
    )


async def test_limits_that_are_given_or_learned_are_told(seen: Seen) -> None:
    """As soon as they are known."""
    async with Emulator(slots={"image": 2}) as emulator, emulator.client(on_event=seen.telemetry()) as kling:
        handles = await asyncio.gather(*(kling.images.generate(prompt="a fox") for _ in range(5)))
        await asyncio.gather(*(handle.wait() for handle in handles))

    assert [(2, {"kling.pool": "image"})] == [
        (point.value, dict(point.attributes)) for point in seen.metrics()["kling.slots.limit"]
    ]


async def test_a_create_can_be_linked_to_a_span_that_is_not_its_parent(seen: Seen) -> None:
    """As the items of a batch are, which may run for hours."""
    batch = seen.tracers.get_tracer("app").start_span("batch")

    def links(_: SubmitStarted) -> list[Link]:
        return [Link(batch.get_span_context())]

    telemetry = seen.telemetry(links=links)
    async with Emulator() as emulator, emulator.client(on_event=telemetry) as kling:
        await kling.images.generate(prompt="a fox")
    batch.end()

    (submit,) = seen.spans("kling.submit")
    assert [batch.get_span_context()] == [link.context for link in submit.links]
    assert submit.parent is None


async def test_nothing_is_kept_of_what_is_over(seen: Seen) -> None:
    """However it ended."""
    telemetry = seen.telemetry()
    async with Emulator() as emulator, emulator.client(on_event=telemetry) as kling:
        await (await kling.images.generate(prompt="a fox"))
        with pytest.raises(ContentRefused):
            await kling.images.generate(prompt="something forbidden")
        with pytest.raises(TimeoutError):
            await kling.images.generate.attach("1").wait(0.1)

    spans = telemetry._spans
    assert ({}, {}, {}) == (spans._submits, spans._made, spans._waits)


async def test_no_span_and_no_metric_shows_a_key_a_prompt_or_a_signed_link(seen: Seen, tmp_path: Path) -> None:
    """In no attribute of any of them."""
    async with Emulator() as emulator, emulator.client(on_event=seen.telemetry()) as kling:
        await kling.download(await kling.images.generate(prompt="a fox that nobody is to know of"), tmp_path)

    text = " ".join([*(span.to_json() for span in seen.exporter.get_finished_spans()), repr(seen.metrics())])
    assert not [each for each in (API_KEY, SECRET_KEY, ACCESS_KEY, "nobody is to know", "Signature") if each in text]


def test_without_the_extra_the_package_works_and_the_error_names_it() -> None:
    """Only the module that needs OpenTelemetry needs it."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import kling_async.client\n"
        "try:\n    import kling_async.integrations.otel\n"
        "except ModuleNotFoundError as error:\n    print(error)"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert "install kling-async[otel]" in told
