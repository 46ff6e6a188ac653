"""The pages that show something."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from todo.web.diagnosis import diagnose
from todo.web.site import RETRY_AFTER, Site
from todo.web.views import exists, list_view


class Pages:
    """Home, the list and diagnostics, and what keeps them up to date."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def home(self, request: Request) -> Response:
        """How many items there are."""
        listing = await self._site.views.read("home")
        return self._site.page("home.html", here="/", listing=listing, view="home")

    async def items(self, request: Request) -> Response:
        """The list, or with `before` a page of older items."""
        view = list_view(request.query_params.get("before", ""))
        listing = await self._site.views.read(view)
        unreadable = listing.saved.unreachable and listing.waiting.unreachable
        return self._site.page(
            "list.html",
            503 if unreadable else 200,
            RETRY_AFTER if unreadable else None,
            here="/list",
            listing=listing,
            view=view,
            accepted="accepted" in request.query_params,
        )

    async def diagnostics(self, request: Request) -> Response:
        """How queue, database and components are."""
        site = self._site
        found = await diagnose(site.queue, site.store, site.settings)
        return site.page("diagnostics.html", here="/diagnostics", found=found)

    async def fragment(self, request: Request) -> Response:
        """The part of a page that changes, for a page that is open."""
        content, _ = await self._site.views.render(_view(request))
        return HTMLResponse(content)

    async def events(self, request: Request) -> Response:
        """The same, whenever it changes, as server-sent events."""
        return StreamingResponse(
            self._site.live.stream(_view(request)),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )


def _view(request: Request) -> str:
    name: str = request.path_params["view"]
    if not exists(name):
        raise HTTPException(404)
    return name
