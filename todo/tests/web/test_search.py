"""What the list shows where words are looked for, with and without the search-handler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest_asyncio
from starlette.applications import Starlette

from dovetail import MessageQueue, Worker
from todo.changes import change_of
from todo.events import ItemEdited
from todo.handlers.search_handler import Filling, search_handler
from todo.settings import Settings
from todo.store import open_store
from todo.store.search_index import SearchableStore
from todo.web.app import create_app

from .support import client_of, items, publish

PLAIN = "the search-handler does not answer.</p>"


@pytest_asyncio.fixture
async def store(settings: Settings) -> AsyncIterator[SearchableStore]:
    store = cast(SearchableStore, open_store(settings.database, connections=2, searchable=True))
    await store.prepare()
    yield store
    await store.close()


@pytest_asyncio.fixture
async def client(
    queue: MessageQueue, store: SearchableStore, settings: Settings
) -> AsyncIterator[httpx.AsyncClient]:
    app: Starlette = create_app(queue, store, settings)
    async with client_of(app) as client:
        yield client
    await app.state.closed()


async def _shown(client: httpx.AsyncClient, words: str) -> tuple[list[str], str]:
    found = await client.get("/items", params={"q": words}, headers={"Accept": "application/json"})
    page = found.json()
    return [one["item"] for one in page["items"]], page["search"]


async def test_the_page_says_when_words_are_looked_for_plainly(
    client: httpx.AsyncClient, queue: MessageQueue, store: SearchableStore
) -> None:
    await store.add(items("milk", "a café and milk for everybody"))
    assert PLAIN in (await client.get("/", params={"q": "milk"})).text
    assert await _shown(client, "cafe") == ([], "plain")
    filling = Filling(store)
    await filling.once()
    async with Worker(queue, [search_handler(store, filling)]):
        page = (await client.get("/", params={"q": "milk"})).text
        assert PLAIN not in page
        assert await _shown(client, "milk") == (["milk", "a café and milk for everybody"], "full")
        assert await _shown(client, "cafe") == (["a café and milk for everybody"], "full")


async def test_who_looks_for_words_finds_their_own_that_are_not_saved_yet(
    client: httpx.AsyncClient, queue: MessageQueue, store: SearchableStore
) -> None:
    first, second, third = items("milk one", "milk two", "milk three")
    await store.add([first, second])
    filling = Filling(store)
    await filling.once()
    async with Worker(queue, [search_handler(store, filling)]):
        await publish(queue, third)
        edited = change_of(ItemEdited, first.id, item="tea")
        await queue.publish(edited, id=edited.change)
        assert await _shown(client, "milk") == (["milk three", "milk two"], "full")
        assert await _shown(client, "tea") == (["tea"], "full")
