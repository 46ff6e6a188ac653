"""Metrics in the format of Prometheus. Imported when they are first asked for, since that is slow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from todo.monitoring.http_numbers import BOUNDS, HttpNumbers
from todo.monitoring.metrics import Metrics

CONTENT_TYPE = CONTENT_TYPE_LATEST


def make_registry() -> CollectorRegistry:
    """A registry with what there is to say of the process itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """The text."""
    return generate_latest(registry)


class HttpCollector(Collector):
    """Turns what an HTTP component has counted into metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        counts = self._metrics
        for name, documentation, value in (
            ("todo_tasks_created", "Items that the queue has accepted.", counts.created),
            ("todo_tasks_refused", "Items that were refused as invalid.", counts.refused),
            ("todo_tasks_unavailable", "Items that the queue did not take.", counts.unavailable),
        ):
            yield CounterMetricFamily(name, documentation, value=value)
        if counts.live_pages is not None:
            yield GaugeMetricFamily(
                "todo_live_pages", "Open pages that update themselves.", value=counts.live_pages
            )
        yield from _requests(counts.http)


def _requests(numbers: HttpNumbers) -> Iterator[Metric]:
    total = CounterMetricFamily(
        "http_requests", "Requests that were answered.", labels=("method", "route", "status")
    )
    duration = HistogramMetricFamily(
        "http_request_duration_seconds",
        "From a request to the beginning of its response.",
        labels=("method", "route"),
    )
    bounds = [*map(str, BOUNDS), "+Inf"]
    for place, route in numbers.routes.items():
        for status, count in route.statuses.items():
            total.add_metric((*place, str(status)), count)
        buckets = zip(bounds, accumulate(route.buckets), strict=True)
        duration.add_metric(place, list(buckets), route.seconds)
    yield from (total, duration)
    yield GaugeMetricFamily(
        "http_requests_in_progress",
        "Requests whose response has not begun.",
        value=numbers.in_progress,
    )
