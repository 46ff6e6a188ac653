"""A span for each event that updates open pages."""

from __future__ import annotations

import time
from collections import deque

from opentelemetry.trace import SpanKind, Tracer

from dovetail import Received
from dovetail.tracing import trace_context

#: Events that are followed from one update of the pages to the next; of more, the newest.
_MOST = 100


class PageSpans:
    """Spans from the time an event was received until the pages were told."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._heard: deque[tuple[Received, int]] = deque(maxlen=_MOST)
        self._read: list[tuple[Received, int]] = []

    def heard(self, event: Received) -> None:
        if event.traceparent is not None:
            self._heard.append((event, time.time_ns()))

    def reading(self) -> None:
        self._read.extend(self._heard)
        self._heard.clear()

    def handed(self, pages: int) -> None:
        for event, heard_at in self._read:
            attributes: dict[str, str | int] = {
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": event.subject,
                "messaging.message.id": event.id or "",
                "todo.live_pages": pages,
            }
            self._tracer.start_span(
                f"update pages {event.subject}",
                trace_context(event.traceparent),
                SpanKind.CONSUMER,
                attributes,
                start_time=heard_at,
            ).end()
        self._read.clear()
