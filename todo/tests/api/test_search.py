"""`GET /todo?q=…` while a search-handler runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx
import pytest_asyncio

from dovetail import MessageQueue, Worker, connect, new_id
from todo.api.app import create_app
from todo.handlers.search_handler import Filling, search_handler
from todo.items import items_of
from todo.settings import Settings
from todo.store import open_store
from todo.store.search_index import SearchableStore


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SearchableStore]:
    url = f"sqlite:///{tmp_path}/todo.db"
    store = cast(SearchableStore, open_store(url, connections=2, searchable=True))
    await store.prepare()
    yield store
    await store.close()


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue


async def test_hits_come_page_by_page_the_best_first(
    queue: MessageQueue, store: SearchableStore
) -> None:
    await store.add(items_of(["a long text about many things and tea", "coffee", "tea"], new_id()))
    filling = Filling(store)
    await filling.once()
    transport = httpx.ASGITransport(create_app(queue, store, Settings()))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://todo.test") as client,
        Worker(queue, [search_handler(store, filling)]),
    ):
        first = (await client.get("/todo", params={"q": "TE", "limit": 1})).json()
        assert [one["item"] for one in first["items"]] == ["tea"]
        following = {"q": "TE", "limit": 1, "after": first["next"]}
        second = (await client.get("/todo", params=following)).json()
        assert [one["item"] for one in second["items"]] == ["a long text about many things and tea"]
        assert second["next"] is None
        wrong = await client.get("/todo", params={"q": "te", "after": "hit:x"})
        assert (wrong.status_code, wrong.json()["status"]) == (422, 422)
        unasked = await client.get("/todo", params={"after": first["next"]})
        assert unasked.status_code == 422
