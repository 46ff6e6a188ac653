"""What a browser keeps to stand in for the list where the server cannot be reached: no items are in it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from todo.web.asked import Asked
from todo.web.contents import Contents
from todo.web.site import Site


class OfflinePage:
    """Shows the list without any item."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def answer(self, request: Request) -> Response:
        """The page, the same for everyone who speaks that language."""
        return self._site.page(
            request,
            "list.html",
            here="/",
            contents=Contents(Asked(), trouble="trouble_offline"),
            failed={},
            form="",
            next="/",
            text="",
            error="",
            notice=None,
        )
