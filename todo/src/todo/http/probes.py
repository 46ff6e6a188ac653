"""Routes for monitoring, on the public port of a component."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from todo.monitoring.monitor import PATHS, Monitor


def probe_routes(monitor: Monitor) -> list[Route]:
    """`/health`, `/ready` and `/metrics`."""

    async def answer(request: Request) -> Response:
        found = await monitor.answer(request.scope["path"])
        return Response(found.body, found.status, found.headers)

    return [Route(path, answer) for path in PATHS]
