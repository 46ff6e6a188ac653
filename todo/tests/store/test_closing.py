"""No connection outlives its store: when that is closed, each has ended, with its thread."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from sqlalchemy import Connection, text

from todo.store import StoreChanged, StoreRefused, StoreUnavailable, open_store, transaction
from todo.store.sql_store import SqlStore
from todo.store.sqlite_threads import THREAD

#: Runs until it is interrupted.
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"
#: Long enough for the loop to turn some times meanwhile.
LONG = ENDLESS.replace("SELECT x FROM n)", "SELECT x + 1 FROM n WHERE x < 20000)")

Left = Callable[[], list[threading.Thread]]


@pytest.fixture
def left() -> Left:
    """Threads of connections that were opened in this test and have not ended: each one has its own."""
    before = set(threading.enumerate())

    def those_left() -> list[threading.Thread]:
        others = set(threading.enumerate()) - before
        return [one for one in others if one.name == THREAD]

    return those_left


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


async def turns(number: int) -> None:
    """Let the loop turn so often."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_closed_while_it_is_read(tmp_path: Path, patient: None, left: Left) -> None:
    store, held = sqlite_store(tmp_path, 2), Held()
    await store.prepare()
    reading = asyncio.create_task(store._read(held))
    await held.begun()
    closing = asyncio.create_task(store.close())
    await turns(10)
    assert not closing.done()
    held.let_go()
    await closing
    assert not left()
    assert await reading == 1


async def test_cancelled_and_closed_while_it_is_read(tmp_path: Path, left: Left) -> None:
    store, held = sqlite_store(tmp_path, 1), Held()
    await store.prepare()
    reading = asyncio.create_task(store._read(held))
    await held.begun()
    reading.cancel()
    closing = asyncio.create_task(store.close())
    held.let_go()
    await closing
    assert not left()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_what_takes_too_long_is_given_up_when_it_is_closed(
    tmp_path: Path, patient: None, left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "END_SECONDS", 0.05)
    store = sqlite_store(tmp_path, 1)
    await store.prepare()
    reading = asyncio.create_task(store._read(lambda it: it.execute(text(ENDLESS)).all()))
    waiting = asyncio.create_task(store.count())
    await turns(1)
    await store.close()
    assert not left()
    for one in reading, waiting:
        with pytest.raises(StoreUnavailable, match="closed while it was in use"):
            await one


@pytest.mark.parametrize("times", [1, 100])
async def test_cancelled_at_any_moment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: Left, times: int
) -> None:
    """Again and again, too, as for a browser that has gone: no connection is lost, and nobody is alarmed."""
    prepared = sqlite_store(tmp_path, 1)
    await prepared.prepare()
    for number in range(100):
        store = sqlite_store(tmp_path, 1)  # so that its first connection is cancelled, too
        reading = [asyncio.create_task(store.count()) for _ in range(3)]
        await turns(number)
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
    assert not left()


async def reading_on(reading: list[asyncio.Task[Any]], closing: asyncio.Task[None]) -> None:
    """Nobody is cancelled."""


async def reading_cancelled(reading: list[asyncio.Task[Any]], closing: asyncio.Task[None]) -> None:
    for one in reading:
        one.cancel()


async def closing_cancelled(reading: list[asyncio.Task[Any]], closing: asyncio.Task[None]) -> None:
    for number in range(20):
        await turns(number)
        closing.cancel()


async def all_cancelled(reading: list[asyncio.Task[Any]], closing: asyncio.Task[None]) -> None:
    await reading_cancelled(reading, closing)
    await closing_cancelled(reading, closing)


@pytest.mark.parametrize(
    "meanwhile", [reading_on, reading_cancelled, closing_cancelled, all_cancelled]
)
@pytest.mark.parametrize("statement", ["SELECT 1", LONG], ids=["short", "long"])
async def test_closed_at_any_moment(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    left: Left,
    statement: str,
    meanwhile: Callable[[list[asyncio.Task[Any]], asyncio.Task[None]], Any],
) -> None:
    """Nothing is left of a store when it is closed, whoever reads at that moment or is cancelled."""
    prepared = sqlite_store(tmp_path, 1)
    await prepared.prepare()
    await prepared.close()
    for number in range(60):
        store = sqlite_store(tmp_path, 2)
        reading = [
            asyncio.create_task(store._read(lambda it: it.execute(text(statement)).all()))
            for _ in range(3)
        ]
        await turns(number * 2)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        await meanwhile(reading, closing)
        await asyncio.wait([closing])
        assert not left()
        for one in await asyncio.gather(*reading, return_exceptions=True):
            assert isinstance(one, list | asyncio.CancelledError)
    gc.collect()
    assert not caplog.records


async def test_a_connection_that_fails_leaves_no_thread(tmp_path: Path, left: Left) -> None:
    store = sqlite_store(tmp_path / "missing", 2)
    for _ in range(10):
        reading = [asyncio.create_task(store.count()) for _ in range(2)]
        for one in await asyncio.gather(*reading, return_exceptions=True):
            assert isinstance(one, StoreUnavailable | StoreRefused)
        await store.close()
        assert not left()


async def test_used_after_it_was_closed(tmp_path: Path, left: Left) -> None:
    store = sqlite_store(tmp_path, 1)
    await store.prepare()
    await store.close()
    assert await store.count() == 0
    assert not left()
    await store.close()


async def test_its_file_is_replaced_while_it_is_read(
    tmp_path: Path, patient: None, left: Left
) -> None:
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
    assert not left()
    assert await store.count() == 0
    await store.close()
    assert not left()


async def test_who_waited_while_all_were_opened_anew_gets_a_new_one(
    tmp_path: Path, patient: None, left: Left
) -> None:
    store, held = sqlite_store(tmp_path, 1), Held()
    await store.prepare()
    reading = asyncio.create_task(store._read(held))
    await held.begun()
    waiting = asyncio.create_task(store.count())
    await turns(10)
    await asyncio.gather(*(store._connections.renew() for _ in range(3)))
    held.let_go()
    assert (await reading, await waiting) == (1, 0)
    assert len(left()) == 1
    await store.close()
    assert not left()


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
