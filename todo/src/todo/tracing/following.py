"""Follows what an HTTP component does: requests that add items, and events that change its pages."""

from __future__ import annotations

from opentelemetry.trace import Tracer
from starlette.applications import Starlette

from todo.tracing.pages import PageSpans
from todo.tracing.requests import TracedRequests


def follow(app: Starlette, tracer: Tracer) -> None:
    """Before the application serves anything."""
    app.add_middleware(TracedRequests, tracer=tracer)
    if (live := getattr(app.state, "live", None)) is not None:
        live.following = PageSpans(tracer)
