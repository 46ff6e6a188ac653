"""What /ready and the diagnostics say of a queue and a database, each real, each in trouble."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from dovetail import MessageQueue, QueueFull, connect, new_id
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import NatsServer, PostgresServer, Server
from todo.api.app import create_app as create_api
from todo.events import NewItem
from todo.items import Item
from todo.monitoring.monitor import Monitor
from todo.settings import Settings
from todo.store import Store, StoreFull, StoreUnavailable, open_store
from todo.web.app import create_app as create_web

from ..small_disk import (  # noqa: TID252 - tests have no absolute names
    fill,
    give_away,
    read_only,
    small_disk,
)

NewServer = Callable[..., Awaitable[Server]]
NewPostgres = Callable[..., Awaitable[PostgresServer]]


def item(text: str = "milk") -> Item:
    return Item(new_id(), text, datetime.now(UTC))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = open_store(url)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Of a SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path}/data/todo.db"


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with opened(database_url) as store:
        await store.prepare()
        yield store


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue


async def said(queue: MessageQueue, store: Store) -> tuple[str, str]:
    """Of queue and database: by every component that has both, alike, and by the diagnostics."""
    monitor = Monitor(queue=queue, store=store)
    answer = await monitor.answer("/ready")
    settings = Settings(database_url="sqlite:////x/todo.db")
    for create in (create_web, create_api):
        app = create(queue, store, settings)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://todo.test") as client:
            response = await client.get("/ready")
            assert (response.status_code, response.content) == (answer.status, answer.body)
            if create is create_web:
                _agrees((await client.get("/diagnostics")).text, response.json())
    found = json.loads(answer.body)
    ready = found["queue"] == found["database"] == "ok"
    assert (answer.status, found["status"]) == ((200, "ready") if ready else (503, "unready"))
    return found["queue"], found["database"]


def _agrees(page: str, found: dict[str, str]) -> None:
    words = {
        "queue": {"ok": "Connected", "unreachable": "Cannot be reached", "full": "Full: "},
        "database": {
            "ok": "Answers",
            "unreachable": "Cannot be reached",
            "full": "Full, or read only",
            "no schema": "Without the schema of this release",
        },
    }
    for part, states in words.items():
        shown = page.partition(f'id="{part}-state">')[2].partition("</dd>")[0]
        assert states[found[part]] in shown


async def test_a_queue_that_is_full(
    new_nats_server: Callable[..., Awaitable[NatsServer]], store: Store
) -> None:
    server = await new_nats_server(max_file_store="1MB")
    async with connect(server.url) as queue, connect(server.url) as watching:
        assert await said(watching, store) == ("ok", "ok")
        with pytest.raises(QueueFull):
            await _publish_many(queue)
        assert await said(watching, store) == ("full", "ok")


async def _publish_many(queue: MessageQueue) -> None:
    for _ in range(10_000):
        await queue.publish(NewItem(item("x" * 250)))


@pytest.mark.slow  # RabbitMQ takes ten seconds to start
async def test_a_queue_that_is_down_and_back(new_queue_server: NewServer, store: Store) -> None:
    server = await new_queue_server()
    async with connect(server.url, timeout=10) as queue:
        assert await said(queue, store) == ("ok", "ok")
        await server.kill()
        assert await said(queue, store) == ("unreachable", "ok")
        await server.start()
        await _ready_again(queue, store)
        assert await said(queue, store) == ("ok", "ok")


@pytest.mark.slow  # waits until a frozen queue is noticed
async def test_a_queue_that_hangs(new_queue_server: NewServer, store: Store) -> None:
    server = await new_queue_server()
    async with connect(server.url, timeout=10) as queue:
        assert await said(queue, store) == ("ok", "ok")
        server.pause()
        assert await said(queue, store) == ("unreachable", "ok")
        server.resume()
        await _ready_again(queue, store)
        assert await said(queue, store) == ("ok", "ok")


async def _ready_again(queue: MessageQueue, store: Store) -> None:
    """A server that has just started may take its time for a while."""
    monitor = Monitor(queue=queue, store=store)

    async def ready() -> bool:
        return (await monitor.answer("/ready")).status == 200

    await until(ready, "it is ready again")


async def test_a_database_that_is_down_and_back(
    new_postgres_server: NewPostgres, queue: MessageQueue
) -> None:
    server = await new_postgres_server()
    async with opened(server.url) as store:
        assert await said(queue, store) == ("ok", "no schema")
        await store.prepare()
        assert await said(queue, store) == ("ok", "ok")
        await server.stop()
        assert await said(queue, store) == ("ok", "unreachable")
        await server.start()
        assert await said(queue, store) == ("ok", "ok")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """Of an empty database, on each of the two."""
    kind = {"sqlite": "database_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(kind)
    return url


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE todos",
        "DROP TABLE alembic_version",
        "DELETE FROM alembic_version",
        "UPDATE alembic_version SET version_num = '9999'",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
async def test_a_schema_that_is_not_ours(
    any_database_url: str, queue: MessageQueue, change: str
) -> None:
    async with opened(any_database_url) as store:
        await store.prepare()
        assert await said(queue, store) == ("ok", "ok")
        await _do(any_database_url, change)
        assert await said(queue, store) == ("ok", "no schema")


async def _do(url: str, statement: str) -> None:
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
            database.execute(statement)
        return
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one."""
    with small_disk(tmp_path / "disk", "12m") as folder:
        yield folder


async def test_sqlite_on_a_full_disk(disk: Path, queue: MessageQueue) -> None:
    async with (
        opened(f"sqlite:///{disk}/todo.db") as store,
        opened(f"sqlite:///{disk}/todo.db") as watching,
    ):
        await store.prepare()
        assert await said(queue, store) == ("ok", "ok")
        ballast = fill(disk)
        with pytest.raises(StoreFull):
            await store.add([item("x" * 250) for _ in range(2000)])
        assert await said(queue, store) == ("ok", "full")
        assert await said(queue, watching) == ("ok", "full")
        ballast.unlink()
        await store.add([item()])
        assert await said(queue, store) == ("ok", "ok")
        assert await said(queue, watching) == ("ok", "ok")


async def test_sqlite_that_may_only_be_read(disk: Path, queue: MessageQueue) -> None:
    url = f"sqlite:///{disk}/todo.db"
    async with opened(url) as store:
        await store.prepare()
    with read_only(disk):
        async with opened(url) as store:
            assert await said(queue, store) == ("ok", "full")
            with pytest.raises(StoreUnavailable):
                await store.add([item()])
    async with opened(url) as store:
        await store.add([item()])
        assert await said(queue, store) == ("ok", "ok")


async def test_postgresql_on_a_full_disk(
    disk: Path, new_postgres_server: NewPostgres, queue: MessageQueue
) -> None:
    """Its tables are there; its log, without which it does not run at all, is elsewhere."""
    server = await new_postgres_server()
    give_away(disk, server.folder)
    await _do(server.url, f"CREATE TABLESPACE small LOCATION '{disk}'")
    await _do(server.url, "CREATE DATABASE todo TABLESPACE small")
    async with opened(server.database_url("todo")) as store:
        await store.prepare()
        ballast = fill(disk)
        with pytest.raises(StoreFull, match="No space left"):
            await store.add([item("x" * 250) for _ in range(20_000)])
        assert await said(queue, store) == ("ok", "full")
        ballast.unlink()
        await store.add([item()])
        assert await said(queue, store) == ("ok", "ok")


async def test_postgresql_that_may_only_be_read(
    new_postgres_server: NewPostgres, queue: MessageQueue
) -> None:
    server = await new_postgres_server()
    async with opened(server.url) as store:
        await store.prepare()
    await _do(server.url, "ALTER DATABASE postgres SET default_transaction_read_only = on")
    async with opened(server.url) as store:
        assert await said(queue, store) == ("ok", "full")
        with pytest.raises(StoreUnavailable, match="read-only"):
            await store.add([item()])
