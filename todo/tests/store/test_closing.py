"""No connection outlives its store: what is in use while it is closed is closed when it is given back."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from sqlalchemy import Connection, text

from todo.store import StoreChanged, open_store
from todo.store.sql import SqlStore


@pytest.fixture
def threads() -> Iterator[None]:
    """Every connection of aiosqlite has one, until it is closed."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if "_connection_worker_thread" in thread.name:
            thread.join(10)
            assert not thread.is_alive()


class Held:
    """Work that takes a connection of SQLite and gives it back when it is let go."""

    def __init__(self) -> None:
        self._begun, self._let_go = threading.Event(), threading.Event()

    def __call__(self, connection: Connection) -> int:
        cast("Any", connection.connection.dbapi_connection).create_function("held", 0, self._hold)
        return int(connection.execute(text("SELECT held()")).scalar_one())

    def _hold(self) -> int:
        self._begun.set()
        return int(self._let_go.wait(10))

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, 10)

    def let_go(self) -> None:
        self._let_go.set()


def sqlite_store(folder: Path, connections: int) -> SqlStore:
    return cast("SqlStore", open_store(f"sqlite:///{folder}/todo.db", connections=connections))


@pytest.mark.usefixtures("threads")
async def test_closed_while_it_is_read(tmp_path: Path) -> None:
    store, held = sqlite_store(tmp_path, 2), Held()
    await store.prepare()
    reading = asyncio.create_task(store._read(held))
    await held.begun()
    await store.close()
    held.let_go()
    assert await reading == 1


@pytest.mark.usefixtures("threads")
async def test_cancelled_and_closed_while_it_is_read(tmp_path: Path) -> None:
    store, held = sqlite_store(tmp_path, 1), Held()
    await store.prepare()
    reading = asyncio.create_task(store._read(held))
    await held.begun()
    reading.cancel()
    closing = asyncio.create_task(store.close())
    held.let_go()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("times", [1, 100])
async def test_cancelled_at_any_moment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, times: int
) -> None:
    """Again and again, too, as for a browser that has gone: no connection is lost, and nobody is alarmed."""
    prepared = sqlite_store(tmp_path, 1)
    await prepared.prepare()
    for turns in range(100):
        store = sqlite_store(tmp_path, 1)  # so that its first connection is cancelled, too
        reading = [asyncio.create_task(store.count()) for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for _ in range(times):
            for one in reading:
                one.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*reading, return_exceptions=True)
        assert await store.count() == 0
        await store.close()
    await prepared.close()
    gc.collect()
    assert not caplog.records


@pytest.mark.usefixtures("threads")
async def test_used_after_it_was_closed(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path, 1)
    await store.prepare()
    await store.close()
    assert await store.count() == 0
    await store.close()


@pytest.mark.usefixtures("threads")
async def test_its_file_is_replaced_while_it_is_read(tmp_path: Path) -> None:
    """All connections are opened anew, also the one that is in use."""
    store, held = sqlite_store(tmp_path, 2), Held()
    await store.prepare()
    reading = asyncio.create_task(store._read(held))
    await held.begun()
    (tmp_path / "todo.db").rename(tmp_path / "moved.db")
    with pytest.raises(StoreChanged, match="was removed"):
        await store.count()
    (tmp_path / "moved.db").rename(tmp_path / "todo.db")
    held.let_go()
    assert await reading == 1
    assert await store.count() == 0
    await store.close()


async def test_postgresql_has_no_connection_of_a_store_that_was_closed(postgres_url: str) -> None:
    store = cast("SqlStore", open_store(postgres_url, connections=2, name="closed"))
    await store.prepare()
    reading = asyncio.create_task(
        store._read(lambda connection: connection.execute(text("SELECT pg_sleep(0.3)")).all())
    )
    client = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    left = "SELECT state FROM pg_stat_activity WHERE application_name = 'closed' AND state = $1"
    async with asyncio.timeout(30):
        while not await client.fetch(left, "active"):  # noqa: ASYNC110 - it has no signal
            await asyncio.sleep(0.01)
        await store.close()
        await reading
        while await client.fetch(left, "idle"):  # noqa: ASYNC110 - it has no signal
            await asyncio.sleep(0.01)
    await client.close()
