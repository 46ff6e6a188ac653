"""The diagnostics page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from todo.web.diagnostics import diagnose
from todo.web.site import Site


class DiagnosticsPage:
    """Answers `GET /diagnostics`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def diagnostics(self, request: Request) -> Response:
        """How queue, database and components are."""
        site = self._site
        found = await diagnose(site.queue, site.store, site.settings)
        return site.page(request, "diagnostics.html", here="/diagnostics", found=found)
