"""Adds spans to an HTTP component: for requests that change items, and for events that update its pages."""

from __future__ import annotations

from opentelemetry.trace import Tracer
from starlette.applications import Starlette

from todo.tracing.pages import PageSpans
from todo.tracing.requests import TracedRequests


def instrument(app: Starlette, tracer: Tracer) -> None:
    """Before the application serves anything."""
    app.add_middleware(TracedRequests, tracer=tracer)
    if (live := getattr(app.state, "live", None)) is not None:
        live.observer = PageSpans(tracer)
