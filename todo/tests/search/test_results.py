"""Searching, with and without the search-handler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from dovetail import MessageQueue, Worker, connect, new_id
from todo.changes import change_of
from todo.events import (
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemMoved,
    ItemRemoved,
    ItemTagged,
    NewItem,
)
from todo.handlers.save_handler import save_handler
from todo.handlers.search_handler import Filling, search_handler
from todo.items import Item, items_of
from todo.search.results import search
from todo.settings import SaveHandlerSettings
from todo.store import StoreUnavailable, open_store
from todo.store.query import InvalidCursor, Query
from todo.store.search_index import SearchableStore

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


class Watched:
    """An index whose changes a test can wait for."""

    def __init__(self, store: SearchableStore) -> None:
        self._store = store
        self._changed = asyncio.Condition()
        self.down = False
        #: How many ids were brought up to date one by one.
        self.indexed = 0

    async def index(self, ids: Sequence[str]) -> None:
        if self.down:
            raise StoreUnavailable("it is down")
        await self._store.index(ids)
        async with self._changed:
            self.indexed += len(ids)
            self._changed.notify_all()

    async def index_stale(self, after: str = "") -> str | None:
        return await self._store.index_stale(after)

    async def drop_removed(self) -> None:
        await self._store.drop_removed()

    async def find(self, query: str, most: int) -> list[str] | None:
        if self.down:
            raise StoreUnavailable("it is down")
        return await self._store.find(query, most)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(condition)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SearchableStore]:
    store = cast(
        SearchableStore, open_store(f"sqlite:///{tmp_path}/todo.db", connections=2, searchable=True)
    )
    await store.prepare()
    yield store
    await store.close()


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue


@pytest.fixture
def index(store: SearchableStore) -> Watched:
    return Watched(store)


@pytest_asyncio.fixture
async def handler(queue: MessageQueue, index: Watched) -> AsyncIterator[Filling]:
    """The search-handler, with all that was saved when the test begins to use it."""
    filling = Filling(index)
    async with Worker(queue, [search_handler(index, filling)]):
        yield filling


async def added(store: SearchableStore, *texts: str) -> list[str]:
    items = items_of(texts, new_id())
    await store.add(items)
    return [item.id for item in items]


async def texts(queue: MessageQueue, store: SearchableStore, query: Query) -> tuple[list[str], str]:
    """All pages, three at a time."""
    found: list[str] = []
    after = None
    while True:
        page, how = await search(queue, store, query, after=after, limit=3)
        assert len(page.items) <= 3
        found += [item.item for item in page.items]
        if (after := page.next) is None:
            return found, how


async def test_without_the_handler_words_are_looked_for_anywhere(
    queue: MessageQueue, store: SearchableStore
) -> None:
    await added(store, "buy milk", "silk", "tea")
    assert await texts(queue, store, Query(q="ilk")) == (["buy milk", "silk"], "plain")
    assert (await texts(queue, store, Query()))[0] == ["buy milk", "silk", "tea"]


async def test_with_it_the_best_come_first_and_beginnings_count(
    queue: MessageQueue, store: SearchableStore, handler: Filling
) -> None:
    await added(store, "a milkshake and a long list of other things", "milk", "silk")
    assert (await texts(queue, store, Query(q="milk")))[1] == "plain", "it is not filled yet"
    await handler.once()
    expected = ["milk", "a milkshake and a long list of other things"], "full"
    assert await texts(queue, store, Query(q="milk")) == expected
    assert await texts(queue, store, Query(q="milk", sort="-position")) == expected
    assert await texts(queue, store, Query(q="ilk")) == ([], "full")
    assert (await texts(queue, store, Query(q="!!")))[1] == "full"


async def test_the_rest_of_a_query_holds_as_well(
    queue: MessageQueue, store: SearchableStore, handler: Filling
) -> None:
    ids = await added(store, *(f"tea {number}" for number in range(10)))
    await store.apply(
        [
            *(change_of(ItemCompleted, one) for one in ids[:4]),
            *(change_of(ItemTagged, one, tags=("Home",)) for one in ids[::2]),
            change_of(ItemDue, ids[5], due="2026-12-03"),
            change_of(ItemDue, ids[6], due="2026-12-01T10:00:00Z"),
            change_of(ItemDue, ids[0], due="2026-12-01"),
        ]
    )
    await handler.once()
    for query, expected in (
        (Query(), range(10)),
        (Query(status="active"), range(4, 10)),
        (Query(status="done"), range(4)),
        (Query(tag="home"), range(0, 10, 2)),
        (Query(tag="home", status="active"), (4, 6, 8)),
        (Query(due_until="2026-12-03"), (5, 6)),
        (Query(due_until="2026-12-02"), (6,)),
        (Query(no_due_until="2026-12-03"), (0, 1, 2, 3, 4, 7, 8, 9)),
    ):
        wanted = Query(**{**query.__dict__, "q": "te"})
        found, how = await texts(queue, store, wanted)
        assert sorted(found) == sorted(f"tea {number}" for number in expected), query
        assert how == "full"


async def test_a_page_is_full_however_much_the_rest_of_the_query_leaves_out(
    queue: MessageQueue, store: SearchableStore, handler: Filling
) -> None:
    ids = await added(store, *(f"tea {number}" for number in range(300)))
    await store.apply([change_of(ItemCompleted, one) for one in ids[10:]])
    await handler.once()
    found, how = await texts(queue, store, Query(q="tea", status="active"))
    assert (len(found), how) == (10, "full")


async def test_an_order_that_was_asked_for_is_that_of_the_database(
    queue: MessageQueue, store: SearchableStore, handler: Filling
) -> None:
    ids = await added(store, "tea b", "tea C", "tea a", "tea d", "tea e")
    await store.apply(
        [
            change_of(ItemDue, ids[0], due="2026-12-03"),
            change_of(ItemDue, ids[3], due="2026-12-01"),
            change_of(ItemMoved, ids[4], position="1"),
        ]
    )
    await handler.once()
    for sort in ("-added", "position", "due", "-due", "item", "-item"):
        query = Query(q="tea", sort=sort)
        plain = await store.page(query)
        found, how = await texts(queue, store, query)
        assert found == [item.item for item in plain.items], sort
        assert how == "full"


async def test_what_is_saved_and_changed_is_found_at_once(
    queue: MessageQueue, store: SearchableStore, handler: Filling, index: Watched
) -> None:
    await handler.once()
    one = Item(new_id(), "buy milk", NOON)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await queue.publish(NewItem(one), id=one.id)
        await index.until(lambda: index.indexed == 1)
        assert await texts(queue, store, Query(q="milk")) == (["buy milk"], "full")
        edited = change_of(ItemEdited, one.id, item="buy tea")
        await queue.publish(edited, id=edited.change)
        await index.until(lambda: index.indexed == 2)
        assert await texts(queue, store, Query(q="milk")) == ([], "full")
        assert await texts(queue, store, Query(q="tea")) == (["buy tea"], "full")
        removed = change_of(ItemRemoved, one.id, after=edited.change)
        await queue.publish(removed, id=removed.change)
        await index.until(lambda: index.indexed == 3)
        assert await texts(queue, store, Query(q="tea")) == ([], "full")


async def test_a_database_that_is_away_is_waited_for(
    queue: MessageQueue, store: SearchableStore, handler: Filling, index: Watched
) -> None:
    await handler.once()
    index.down = True
    one = Item(new_id(), "buy milk", NOON)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await queue.publish(NewItem(one), id=one.id)
        assert (await texts(queue, store, Query(q="milk")))[1] == "plain"
        index.down = False
        await index.until(lambda: index.indexed == 1)
    assert await texts(queue, store, Query(q="milk")) == (["buy milk"], "full")
    assert await queue.dead_letters.list() == []


async def test_it_may_come_and_go_between_two_pages(
    queue: MessageQueue, store: SearchableStore, index: Watched
) -> None:
    await added(store, *(f"tea {number}" for number in range(5)))
    query, filling = Query(q="tea"), Filling(index)
    await filling.once()
    first, how = await search(queue, store, query, limit=3)
    assert (how, first.next is not None) == ("plain", True)
    async with Worker(queue, [search_handler(index, filling)]):
        rest, _ = await search(queue, store, query, after=first.next, limit=3)
        assert [item.item for item in rest.items] == ["tea 3", "tea 4"]
        ranked, how = await search(queue, store, query, limit=3)
        assert how == "full"
    anew, how = await search(queue, store, query, after=ranked.next, limit=3)
    assert (how, anew.items) == ("plain", first.items)


@pytest.mark.parametrize(
    "cursor", ["hit:", "hit:-1", "hit:x", "hit:٣", "hit:1e3", f"hit:{'9' * 20}"]
)
async def test_a_cursor_that_is_none(
    queue: MessageQueue, store: SearchableStore, handler: Filling, cursor: str
) -> None:
    await handler.once()
    with pytest.raises(InvalidCursor):
        await search(queue, store, Query(q="tea"), after=cursor)
