"""GET /todo, GET /todo/{id} and GET /todo/{id}/history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from dovetail import MessageQueue
from todo.api import problems
from todo.api.item_json import answer, as_json, todo_of
from todo.api.list_query import InvalidParameter, ListQuery, list_query_of
from todo.api.preconditions import entity_tag, has_it
from todo.api.problems import Refused
from todo.api.schemas import History, ItemPage, PastChange
from todo.current_item import read_current_item
from todo.items import is_id, is_uuid
from todo.search.results import search
from todo.store import Store, StoreUnavailable
from todo.store.query import InvalidCursor, Past

Endpoint = Callable[[Request], Awaitable[Response]]


def read_page(queue: MessageQueue, store: Store) -> Endpoint:
    """The endpoint that lists saved items, page by page."""

    async def endpoint(request: Request) -> Response:
        try:
            asked = list_query_of(request.query_params)
            await _check_place(store, asked)
            page, how = await search(
                queue, store, asked.query, after=asked.after, limit=asked.limit
            )
        except InvalidParameter as error:
            return problems.invalid_parameter(error.name, str(error))
        except InvalidCursor:
            message = "`after` must be what `next` gave in the same order."
            return problems.invalid_parameter("after", message)
        items = [todo_of(item, "saved") for item in page.items]
        return as_json(ItemPage(items, page.next, how if asked.query.q.strip() else None))

    return endpoint


def read_one(queue: MessageQueue, store: Store) -> Endpoint:
    """The endpoint that shows one item, with what was accepted and is not saved yet."""

    async def endpoint(request: Request) -> Response:
        found = await read_current_item(queue, store, request.path_params["id"])
        if found.there is None:
            return problems.not_there()
        tag = entity_tag(found.there, found.status)
        if has_it(request.scope["headers"], tag):
            return Response(status_code=304, headers={"ETag": tag})
        return answer(200, found.there, found.status)

    return endpoint


def read_history(queue: MessageQueue, store: Store) -> Endpoint:
    """The endpoint that shows what became of one item, also of one that was removed."""

    async def endpoint(request: Request) -> Response:
        found = await read_current_item(queue, store, request.path_params["id"])
        past = await store.history(found.id)
        if not past and found.there is None:
            return problems.not_there()
        return as_json(History([_past(one) for one in past]))

    return endpoint


def guarded(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose refusals become responses."""

    async def guard(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as refused:
            return refused.response
        except StoreUnavailable:
            return problems.database_unavailable()

    return guard


async def _check_place(store: Store, asked: ListQuery) -> None:
    """Raise InvalidCursor where `after` is neither a UUID nor an item's id, and ids are what it is to be."""
    after, query = asked.after, asked.query
    if after is None or not query.sort.endswith("added") or query.q.strip() or is_uuid(after):
        return
    if not is_id(after) or await store.get(after) is None:
        raise InvalidCursor


def _past(one: Past) -> PastChange:
    return PastChange(
        one.change, one.at, one.field, one.value, one.seen, one.current, one.superseded
    )
