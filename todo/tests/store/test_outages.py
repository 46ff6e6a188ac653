"""Databases that are down, hang, refuse, or come back."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from dovetail.testing.servers import PostgresServer
from todo.items import Item
from todo.store import Store, StoreRefused, StoreUnavailable, open_store

#: What the interface promises.
LIMIT_SECONDS = 2.0
ITEM = Item("a", "x", datetime(2026, 1, 2, tzinfo=UTC))

NewServer = Callable[..., Awaitable[PostgresServer]]


@asynccontextmanager
async def opened(url: str, connections: int = 1, name: str = "todo") -> AsyncIterator[Store]:
    store = open_store(url, connections=connections, name=name)
    try:
        yield store
    finally:
        await store.close()


async def _refuses_in_time(attempt: Awaitable[object]) -> StoreUnavailable:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable) as raised:
        await attempt
    assert time.monotonic() - started < LIMIT_SECONDS
    return raised.value


async def test_a_database_that_is_down_is_unavailable_and_then_back(
    new_postgres_server: NewServer,
) -> None:
    server = await new_postgres_server()
    async with opened(server.url) as store:
        await store.prepare()
        await server.stop()
        for attempt in (
            store.count(),
            store.add([ITEM]),
            store.newest(3),
            store.amend("a", str.upper),
        ):
            await _refuses_in_time(attempt)
        await server.start()
        await store.add([ITEM])
        assert await store.count() == 1


async def test_a_restart_between_two_uses_is_not_noticed(new_postgres_server: NewServer) -> None:
    server = await new_postgres_server()
    async with opened(server.url, connections=2) as store:
        await store.prepare()
        await asyncio.gather(store.count(), store.count())
        await server.kill()
        await server.start()
        await store.add([ITEM])
        assert await store.count() == 1


async def test_a_database_that_hangs_is_unavailable_in_time(new_postgres_server: NewServer) -> None:
    server = await new_postgres_server()
    async with opened(server.url) as connected, opened(server.url) as unconnected:
        await connected.prepare()
        backends = await _backends(server.url)
        server.pause()
        _signal(backends, "STOP")
        try:
            for store in (connected, unconnected):
                await _refuses_in_time(store.count())
        finally:
            _signal(backends, "CONT")
            server.resume()
        assert await connected.count() == await unconnected.count() == 0


async def _backends(url: str) -> list[int]:
    """The server's processes, one for each connection, of which none is ours."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    await connection.close()
    return [row["pid"] for row in rows]


def _signal(pids: list[int], name: str) -> None:
    for pid in pids:
        os.kill(pid, signal.Signals[f"SIG{name}"])


async def test_no_room_for_connections_is_unavailable(new_postgres_server: NewServer) -> None:
    few = {"max_connections": "4", "superuser_reserved_connections": "0"}
    server = await new_postgres_server(settings=few | {"max_wal_senders": "0"})
    async with opened(server.url) as store:
        await store.prepare()
    taken = [await asyncpg.connect(server.url) for _ in range(4)]
    async with opened(server.url) as store:
        await _refuses_in_time(store.count())
        for connection in taken:
            await connection.close()
        assert await store.count() == 0


async def _heard(text: str) -> None:
    """Wait for a log line of the store with this text."""
    heard = asyncio.Event()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                heard.set()

    ear, log = Ear(), logging.getLogger("todo.store")
    log.addHandler(ear)
    await heard.wait()
    log.removeHandler(ear)


async def test_preparing_waits_for_the_database_and_says_so(
    new_postgres_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = await new_postgres_server()
    url = server.url.replace("postgres@", "postgres:a-secret@")
    await server.stop()
    async with opened(url) as store:
        with caplog.at_level(logging.INFO):
            preparing = asyncio.create_task(store.prepare())
            await asyncio.wait_for(_heard("TODO_DATABASE_URL"), 10)
            await server.start()
            await preparing
        assert await store.count() == 0
    assert f"waiting for the database at postgresql://127.0.0.1:{server.port}" in caplog.text
    assert "a-secret" not in caplog.text


@pytest.mark.parametrize("database", ["there_is_no_such_database"])
async def test_a_database_that_does_not_exist_is_refused(
    postgres_server: PostgresServer, database: str
) -> None:
    async with opened(postgres_server.database_url(database)) as store:
        with pytest.raises(StoreRefused, match=database):
            await store.prepare()


async def test_a_wrong_login_is_refused(postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    async with opened(
        f"postgresql://nobody:a-secret@{parts.hostname}:{parts.port}{parts.path}"
    ) as store:
        with pytest.raises(StoreRefused, match="nobody") as raised:
            await store.prepare()
    assert "a-secret" not in str(raised.value)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "todo.db"
    file.write_text(
        "This is a letter to my aunt, and it is long enough to look like something." * 9
    )
    async with opened(f"sqlite:///{file}") as store:
        with pytest.raises(StoreRefused):
            await store.prepare()


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with opened(f"sqlite:///{tmp_path}/file/todo.db") as store:
        with pytest.raises(StoreRefused):
            await store.prepare()


async def test_a_table_that_is_not_there_yet_is_an_outage_and_no_error(database_url: str) -> None:
    if database_url.startswith("sqlite:///"):
        Path(database_url.removeprefix("sqlite:///")).parent.mkdir()
    async with opened(database_url) as store:
        await _refuses_in_time(store.count())
        await store.prepare()
        assert await store.count() == 0


async def test_a_reader_of_sqlite_is_not_held_up_by_a_writer(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/todo.db") as store:
        await store.prepare()
        await store.add([ITEM])
        other = sqlite3.connect(tmp_path / "todo.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM todos")
        started = time.monotonic()
        assert await store.count() == 1
        assert time.monotonic() - started < 4  # and not the five seconds for which writers wait
        other.execute("ROLLBACK")
        other.close()


async def test_postgresql_sees_the_connections_asked_for_and_their_name(postgres_url: str) -> None:
    async with (
        opened(postgres_url, name="todo/save-handler") as one,
        opened(postgres_url, connections=3, name="todo/web") as three,
    ):
        await one.prepare()
        await asyncio.gather(
            *(store.count() for _ in range(30) for store in (one, three)),
            *(store.add([ITEM]) for _ in range(10) for store in (one, three)),
        )
        connection = await asyncpg.connect(postgres_url)
        rows = await connection.fetch(
            "SELECT application_name AS name, count(*) FROM pg_stat_activity "
            "WHERE application_name LIKE 'todo/%' GROUP BY 1"
        )
        await connection.close()
    seen = {row["name"]: row["count"] for row in rows}
    assert seen["todo/save-handler"] == 1
    assert 1 <= seen["todo/web"] <= 3


async def test_an_outage_is_said_once_and_its_end_too(
    new_postgres_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = await new_postgres_server()
    async with opened(server.url) as store:
        await store.prepare()
        await server.stop()
        for _ in range(5):
            await _refuses_in_time(store.count())
        await server.start()
        for _ in range(3):
            await store.count()
    lines = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(lines) == 2
    place = f"postgresql://127.0.0.1:{server.port}/postgres (TODO_DATABASE_URL)"
    assert lines[0].startswith(f"the database at {place} cannot be used: ")
    assert lines[1].startswith("the database serves again after ")
