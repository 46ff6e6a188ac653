"""The list, which is the home page."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from dovetail import new_id
from todo.web.answers import Form
from todo.web.failures import latest_by_item
from todo.web.list_contents import read_contents
from todo.web.list_query import ListQuery, list_query_of
from todo.web.site import RETRY_AFTER, Site
from todo.web.viewer import viewer_of


class ListPage:
    """Shows the part of the list that the address asks for."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """GET / and /list."""
        return await self._page(Form(request), list_query_of(request.query_params), 200)

    async def again(self, form: Form, status: int, said: str) -> Response:
        """The same with the text that was not accepted, and why."""
        query = dict(parse_qsl(urlsplit(form.place).query))
        return await self._page(form, list_query_of(query), status, said)

    async def _page(self, form: Form, asked: ListQuery, status: int, error: str = "") -> Response:
        viewer = viewer_of(form.request)
        contents = await read_contents(
            self._site.queue, self._site.store, asked, viewer.today, zone=viewer.zone
        )
        failed = await self._site.failures.read()
        if not asked.after and not asked.narrowed:
            contents = contents.with_lost(failed)
        if contents.unreadable and status == 200:
            status = 503
        return self._site.page(
            form.request,
            "list.html",
            status,
            RETRY_AFTER if status == 503 else None,
            here="/",
            contents=contents,
            failed={key: one.failure for key, one in latest_by_item(failed).items()},
            form=form.fields.get("form") or new_id(),
            next=asked.address(after=asked.after),
            text=form.fields.get("item", ""),
            error=error,
        )
