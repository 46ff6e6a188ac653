"""Metrics as Prometheus reads them. Slow to import, so the probes load it when someone asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from todo.monitoring.metrics import Metrics


class Exposition:
    """The metrics of this process: ours, and those of the process itself."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Called by prometheus-client."""
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

    def render(self) -> bytes:
        """The text."""
        return generate_latest(self._registry)
