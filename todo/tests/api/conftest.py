"""The API on a queue in memory and a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from dovetail import MessageQueue, connect, new_id
from todo.api.app import create_app
from todo.items import Item
from todo.settings import Settings
from todo.store import Store, open_store

from .support import items


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue


@pytest_asyncio.fixture
async def store(settings: Settings, patient: None) -> AsyncIterator[Store]:
    store = open_store(settings.database)
    await store.prepare()
    yield store
    await store.close()


@pytest.fixture
def app(queue: MessageQueue, store: Store, settings: Settings) -> Starlette:
    return create_app(queue, store, settings)


@pytest_asyncio.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://todo.test") as client:
        yield client


@pytest_asyncio.fixture
async def item(store: Store) -> Item:
    (one,) = items("Buy milk")
    await store.add([one])
    return one
