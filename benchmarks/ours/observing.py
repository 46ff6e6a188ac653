"""dovetail's handlers, unwatched, with metrics, with tracing: `one`, `one-metrics`, …, `batch-tracing`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from benchmarks.contender import Tally, run
from benchmarks.ours.handlers import fill, make_group
from dovetail import MessageQueue, Observer, Worker, connect
from dovetail.metrics import Metrics
from dovetail.tracing import Tracing


class Nowhere(SpanExporter):
    """Every span is recorded, and then dropped."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As SpanExporter.export."""
        return SpanExportResult.SUCCESS


def observers(queue: MessageQueue, kind: str) -> list[Observer]:
    """Who watches."""
    if kind == "metrics":
        return [Metrics(queue, registry=CollectorRegistry())]
    if kind == "tracing":
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(Nowhere()))
        return [Tracing(system="nats", tracer_provider=provider)]
    return []


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Measure the variant."""
    variant, _, kind = options.variant.partition("-")
    tally = Tally(options.messages)
    async with connect(options.url) as queue:
        await fill(queue, options.messages)
        watching = observers(queue, kind)
        async with Worker(queue, [make_group(variant, tally)], observers=watching):
            return await tally.rate(options.url)


if __name__ == "__main__":
    run(main)
