"""The pages on a queue in memory and a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from dovetail import MessageQueue, connect, new_id
from todo.settings import Settings
from todo.store import Store, open_store
from todo.web.app import create_app

from .support import client_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


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


@pytest_asyncio.fixture
async def missing_store(settings: Settings) -> AsyncIterator[Store]:
    """A database that cannot be reached; `prepare` brings it up."""
    store = open_store(settings.database)
    yield store
    await store.close()


@pytest_asyncio.fixture
async def app(queue: MessageQueue, store: Store, settings: Settings) -> AsyncIterator[Starlette]:
    app = create_app(queue, store, settings)
    yield app
    await app.state.closed()


@pytest_asyncio.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client
