"""Counts requests and their duration by route. Paths without a route share one label."""

from __future__ import annotations

from collections.abc import Awaitable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo.monitoring.http_numbers import HttpNumbers

#: The route of what there is not.
UNKNOWN = "unknown"
#: The status of a request whose sender went away before it was answered, as nginx has it.
CLIENT_GONE = 499
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class RequestMetrics:
    """Measures until the response begins, so that streams of open pages do not count as slow."""

    def __init__(self, app: ASGIApp, numbers: HttpNumbers) -> None:
        self._app = app
        self._numbers = numbers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        numbers = self._numbers
        numbers.in_progress += 1
        started = perf_counter()
        begun = False

        # No coroutine of its own: there are two messages in each of many requests.
        def watching(message: Message) -> Awaitable[None]:
            nonlocal begun
            if not begun:
                begun = True
                self._add(scope, message["status"], perf_counter() - started)
            return send(message)

        failed = True
        try:
            await self._app(scope, receive, watching)
            failed = False
        finally:
            if not begun:
                self._add(scope, 500 if failed else CLIENT_GONE, perf_counter() - started)

    def _add(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"]
        # The router has left it here, where it found one.
        route = scope.get("route")
        place = method if method in _METHODS else "other", route.path if route else UNKNOWN
        self._numbers.routes[place].add(status, seconds)
        self._numbers.in_progress -= 1
