"""GET /todo and GET /todo/{id}."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dovetail import MessageQueue
from todo.api import problems
from todo.api.adding import is_uuid
from todo.api.schemas import ItemPage, Todo
from todo.serving.waiting import read_waiting
from todo.store import Store, StoreUnavailable

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
#: Waiting items among which one is looked for that is not saved yet.
WAITING_SEARCHED = 1000

Endpoint = Callable[[Request], Awaitable[Response]]


class InvalidParameter(Exception):
    """A query parameter cannot be used; the message says what would."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def read_page(store: Store) -> Endpoint:
    """The endpoint that lists items, page by page."""

    async def endpoint(request: Request) -> Response:
        try:
            after, limit = _after(request), _limit(request)
            # One more than asked for tells whether there is a next page.
            items = await store.page(after=after, limit=limit + 1)
        except InvalidParameter as error:
            return problems.invalid_parameter(error.name, str(error))
        except StoreUnavailable:
            return problems.database_unavailable()
        page = ItemPage(items[:limit], items[limit - 1].id if len(items) > limit else None)
        return _json(page)

    return endpoint


def read_one(queue: MessageQueue, store: Store) -> Endpoint:
    """The endpoint that shows one item, saved or still waiting."""

    async def endpoint(request: Request) -> Response:
        wanted = request.path_params["id"].lower()
        try:
            found = await _find(queue, store, wanted) if is_uuid(wanted) else None
        except StoreUnavailable:
            return problems.database_unavailable()
        if found is None:
            return problems.problem(
                404,
                "No item has this id. If it was accepted just now, and many wait to be saved, try "
                "again later.",
            )
        return _json(found)

    return endpoint


async def _find(queue: MessageQueue, store: Store, wanted: str) -> Todo | None:
    if item := await store.get(wanted):
        return Todo(item.id, item.item, item.date_added, "saved")
    waiting = await read_waiting(queue, WAITING_SEARCHED)
    for item in waiting.items:
        if item.id == wanted:
            return Todo(item.id, item.item, item.date_added, "accepted")
    # It may have been saved between the two.
    if item := await store.get(wanted):
        return Todo(item.id, item.item, item.date_added, "saved")
    return None


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _after(request: Request) -> str | None:
    after = request.query_params.get("after")
    if after is None:
        return None
    if not is_uuid(after):
        raise InvalidParameter("after", "`after` must be the id of an item, as `next` gave it.")
    return after.lower()


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise InvalidParameter("limit", f"`limit` must be a whole number from 1 to {MAX_LIMIT}.")
