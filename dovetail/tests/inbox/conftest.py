"""The inbox on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Column, Integer, MetaData, String, Table
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dovetail.inbox import Inbox

metadata = MetaData()
inbox_table = Inbox(metadata)
effects_table = Table(
    "effects", metadata, Column("id", Integer, primary_key=True), Column("what", String)
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/inbox.db"
    url: str = request.getfixturevalue("postgres_url")
    return url.replace("postgresql:", "postgresql+asyncpg:")


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A database with the inbox and a table of effects."""
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


@pytest.fixture
def inbox() -> Inbox:
    return inbox_table


@pytest.fixture
def effects() -> Table:
    return effects_table
