"""The endpoint of the live stream."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from todo.web.sign_in_required import ADMITTED
from todo.web.site import Site


class LiveEndpoint:
    """Answers `GET /live`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def answer(self, request: Request) -> Response:
        """Server-sent events from behind the place `after`, or from the one that the browser has come to."""
        after = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return self._site.live.open(after, request.scope.get(ADMITTED))
