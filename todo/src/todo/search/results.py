"""A page of search results: from the search-handler where one runs, else by matching in the database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal

from dovetail import DovetailError, MessageQueue
from todo.events import Found, SearchItems
from todo.items import Item
from todo.positions import position_of
from todo.store import Store
from todo.store.query import InvalidCursor, Page, Query, Sort

How = Literal["full", "plain"]

#: For the search-handler to answer; people wait for it as they write.
TIMEOUT_SECONDS = 0.8
#: Hits that are asked for at most: their ids have room in a message.
MOST_HITS = 10_000
#: At first only so many more than a page has, for what the rest of the query leaves out.
_MARGIN = 200
#: The orders in which lists are shown where nobody asked for one: then the best hit comes first.
_ANY_ORDER = ("added", "-position")
#: What a cursor of ours begins with; the number of hits before it follows.
_CURSOR = "hit:"
#: Items that are read at once.
_CHUNK = 500
_NOTHING = Found(None, complete=False)


async def search(
    queue: MessageQueue,
    store: Store,
    query: Query,
    *,
    after: str | None = None,
    limit: int = 100,
) -> tuple[Page, How]:
    """A page of the query, and how its words were looked for.

    "full": by whole words and the beginnings of words, the best first where the order is "added" or
    "-position". "plain": each word somewhere, because no search-handler runs, or its index is not filled yet.
    Where that changes between two pages, it begins anew. Raises what `Store.page` does.
    """
    if not query.q.strip():
        return await store.page(query, after=after, limit=limit), "full"
    ours = after is not None and is_of_a_hit(after)
    how: How = "plain"
    if after is None or ours:
        page, how = await _full(queue, store, query, _number(after), limit)
        if page is not None:
            return page, how
    return await store.page(query, after=None if ours else after, limit=limit), how


def is_of_a_hit(cursor: str) -> bool:
    """Whether the cursor is of a page that the search-handler has found."""
    return cursor.startswith(_CURSOR)


async def _full(
    queue: MessageQueue, store: Store, query: Query, start: int, limit: int
) -> tuple[Page | None, How]:
    """A page of hits; None where the search-handler cannot tell, or sees no word to look for."""
    most = start + limit + _MARGIN if query.sort in _ANY_ORDER else MOST_HITS
    while True:
        found = await _found(queue, query.q, most)
        if found.ids is None:
            return None, "full" if found.complete else "plain"
        page = await _page(store, query, found.ids, start, limit)
        if page.next is not None or len(found.ids) < most or most >= MOST_HITS:
            return page, "full"
        most = MOST_HITS


async def _found(queue: MessageQueue, words: str, most: int) -> Found:
    """What the search-handler finds; nothing and incomplete where it cannot tell."""
    try:
        found = await queue.request(SearchItems(words, most), timeout=TIMEOUT_SECONDS)
    except DovetailError:
        return _NOTHING
    return found if found.complete else _NOTHING


async def _page(store: Store, query: Query, ids: Sequence[str], start: int, limit: int) -> Page:
    """Those of the hits that the rest of the query allows, from behind so many."""
    if query.sort not in _ANY_ORDER:
        every = _sorted([item async for _, item in _allowed(store, query, ids)], query.sort)
        end = start + limit
        return Page(every[start:end], f"{_CURSOR}{end}" if len(every) > end else None)
    found: list[Item] = []
    seen = start
    async for index, item in _allowed(store, query, ids, start):
        if len(found) == limit:
            return Page(found, f"{_CURSOR}{seen}")
        found.append(item)
        seen = index + 1
    return Page(found)


async def _allowed(
    store: Store, query: Query, ids: Sequence[str], start: int = 0
) -> AsyncGenerator[tuple[int, Item]]:
    """Each with its number among the hits; those that were removed since are left out."""
    for first in range(start, len(ids), _CHUNK):
        chunk = ids[first : first + _CHUNK]
        items = {item.id: item for item in await store.items(chunk)}
        for index, one in enumerate(chunk, first):
            if (item := items.get(one)) is not None and _allows(query, item):
                yield index, item


def _allows(query: Query, item: Item) -> bool:
    """Whether all but the words of the query holds for the item."""
    if query.status != "all" and item.done != (query.status == "done"):
        return False
    tag = query.tag.casefold()
    if tag and not any(one.casefold() == tag for one in item.tags):
        return False
    if query.due_until and not _is_due(item, query.due_until):
        return False
    return not (query.no_due_until and _is_due(item, query.no_due_until))


def _is_due(item: Item, until: str) -> bool:
    return not item.done and item.due is not None and item.due[:10] <= until[:10]


def _sorted(items: list[Item], sort: Sort) -> list[Item]:
    """In this order; what is not due comes last either way."""
    field, descending = sort.removeprefix("-"), sort.startswith("-")
    key = _KEYS[field]
    items.sort(key=lambda item: (key(item), item.id), reverse=descending)
    if field == "due":
        items.sort(key=lambda item: item.due is None)
    return items


_KEYS: dict[str, Callable[[Item], str]] = {
    "added": lambda item: item.id,
    "position": position_of,
    "due": lambda item: item.due or "",
    "item": lambda item: item.item.casefold(),
}


def _number(cursor: str | None) -> int:
    """How many hits came before. Raises InvalidCursor."""
    if cursor is None:
        return 0
    digits = cursor.removeprefix(_CURSOR)
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 9):
        raise InvalidCursor(f"{cursor!r:.80} is no cursor of a page of this search")
    return int(digits)
