"""A span for each request that adds or changes an item."""

from __future__ import annotations

from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Where items are added.
ADDING = frozenset(("/todo", "/new", "/items"))
#: What the addresses of items begin with, by the method that changes them, and the route's template.
_CHANGING = {
    "PATCH": ("/todo/", "/todo/{id}"),
    "DELETE": ("/todo/", "/todo/{id}"),
    "POST": ("/items/", "/items/{id}/{verb}"),
}


class TracedRequests:
    """Continues the trace of the sender, if there is one, up to what the request publishes."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = _route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        attributes = {
            "http.request.method": scope["method"],
            "http.route": route,
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
        }
        name = f"{scope['method']} {route}"
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


def _route(scope: Scope) -> str | None:
    """The template of the address where something is added or changed; None for other requests."""
    method, path = scope["method"], scope["path"]
    if method == "POST" and path in ADDING:
        return str(path)
    beginning, route = _CHANGING.get(method, ("", ""))
    return route if route and path.startswith(beginning) else None
