"""A span for each request that adds an item."""

from __future__ import annotations

from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Where items are added.
ADDING = frozenset(("/todo", "/new"))


class TracedRequests:
    """Follows a request from its sender, who may have begun the trace, to what it publishes."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, inside a span where something may be added."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in ADDING:
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        attributes = {
            "http.request.method": "POST",
            "http.route": scope["path"],
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
        }
        name = f"POST {scope['path']}"
        with self._tracer.start_as_current_span(
            name, extract(headers), SpanKind.SERVER, attributes
        ) as span:

            async def watching(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            await self._app(scope, receive, watching)
