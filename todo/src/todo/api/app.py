"""The API as an ASGI application."""

from __future__ import annotations

from importlib import import_module

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dovetail import MessageQueue
from todo.api import problems
from todo.api.adding import Adding
from todo.api.reading import Endpoint, read_one, read_page
from todo.monitoring.monitor import Monitor
from todo.serving.measured import Measured
from todo.serving.probes import probe_routes
from todo.settings import Settings
from todo.store import Store

INDEX = {
    "name": "To-do list",
    "items": "/todo",
    "description": "/openapi.json",
    "health": "/health",
    "ready": "/ready",
    "metrics": "/metrics",
}
#: What to do, by status, where the framework finds the error.
ADVICE = {
    404: "There is nothing at this address. GET / names what there is.",
    405: "This address does not take that method; the Allow header names those it takes.",
}


def create_app(
    queue: MessageQueue, store: Store, settings: Settings, monitor: Monitor | None = None
) -> Starlette:
    """The API on an open queue and store, which whoever opened them closes.

    `monitor` is what the process tells of itself on a port of its own, where it has one.

    A 503 for a queue that is down takes as long as the queue's `timeout` option.
    """
    monitor = monitor or Monitor(queue=queue, store=store, answers_requests=True)
    routes = [
        Route("/todo", Todos(read_page(store))),
        Route("/todo/{id}", read_one(queue, store)),
        Route("/", index),
        Route("/openapi.json", openapi),
        *probe_routes(monitor),
    ]
    add = Adding(queue, monitor.metrics)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Measured, numbers=monitor.metrics.http),
            Middleware(ShortWay, add=add, route=routes[0]),
        ],
        exception_handlers={HTTPException: http_error, Exception: internal_error},
    )
    app.router.redirect_slashes = False
    return app


class ShortWay:
    """Takes POST /todo past the router, which would cost it a tenth of its time."""

    def __init__(self, app: ASGIApp, add: ASGIApp, route: Route) -> None:
        self._app = app
        self._add = add
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch one request."""
        if scope["type"] == "http" and scope["path"] == "/todo" and scope["method"] == "POST":
            scope["route"] = self._route  # as the router would
            await self._add(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Todos:
    """Everything else at `/todo`."""

    def __init__(self, read: Endpoint) -> None:
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what only reads; other methods are refused."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        response = await self._read(Request(scope, receive))
        await response(scope, receive, send)


async def index(request: Request) -> Response:
    """What there is."""
    return Response(msgspec.json.encode(INDEX), media_type="application/json")


async def openapi(request: Request) -> Response:
    """The machine-readable description, made when it is first asked for."""
    # Most processes are never asked, so they need not load it.
    document = import_module("todo.api.openapi").document()
    return Response(document, media_type="application/json")


async def http_error(request: Request, error: Exception) -> Response:
    """An error that the router found."""
    assert isinstance(error, HTTPException)
    detail = ADVICE.get(error.status_code, error.detail)
    return problems.problem(
        error.status_code, detail, headers=dict(error.headers) if error.headers else None
    )


async def internal_error(request: Request, error: Exception) -> Response:
    """An error of ours; the server logs it with its traceback."""
    return problems.problem(
        500,
        "Something went wrong here; the log has the reason. If an item was sent, it may have been "
        "accepted: send it again with an Idempotency-Key only.",
    )
