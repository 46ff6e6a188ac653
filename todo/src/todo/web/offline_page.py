"""The list without items, which a browser keeps for when the server cannot be reached."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from todo.web.list_contents import ListContents
from todo.web.list_query import ListQuery
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
            contents=ListContents(ListQuery(), trouble="trouble_offline"),
            failed={},
            form="",
            next="/",
            text="",
            error="",
            notice=None,
        )
