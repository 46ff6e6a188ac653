"""Engines for the two databases.

SQLAlchemy's drivers are asynchronous here, but `sqlalchemy.ext.asyncio` is not used: it imports the
whole ORM, which was measured at 8 MB and 0.1 s in each process. What it wraps around an engine is
`greenlet_spawn`: inside it, ordinary blocking calls of SQLAlchemy wait without blocking the loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.util import greenlet_spawn

from todo.store.address import Address
from todo.store.file import SqliteFile
from todo.store.transaction import ended

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

#: How long a connection may take to come up, and to be closed politely.
CONNECT_SECONDS = 1.3
CLOSE_SECONDS = 0.3
#: Where a connection keeps how often its engine's connections had been closed when it was opened.
_GENERATION = "todo.store.generation"
#: How long a writer waits for another one in SQLite.
_BUSY_MILLISECONDS = 5000


def make_engine(
    address: Address, connections: int, name: str, file: SqliteFile | None = None
) -> Engine:
    """An engine with so many connections and not one more; it connects when it is first used."""
    arguments = {} if address.kind == "sqlite" else _postgresql_arguments(name)
    engine = create_engine(
        address.url,
        pool_size=connections,
        max_overflow=0,
        # Those who wait for a connection have a time limit of their own.
        pool_timeout=60,
        connect_args=arguments,
    )
    if file:
        event.listen(engine, "connect", _set_up_sqlite)
        file.watch(engine)
    return engine


class Connections:
    """All connections of an engine, to be closed.

    SQLAlchemy closes those that nobody uses at that moment, and leaves the others to the garbage collector,
    which cannot wait for them: here they are closed when they are given back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closed = False
        #: Counts how often all were closed.
        self._generation = 0
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "checkin", self._given_back)
        event.listen(engine, "engine_disposed", self._disposed)

    async def renew(self) -> None:
        """Close all. Whoever needs one gets a new one."""
        await greenlet_spawn(self._engine.dispose)

    async def close(self) -> None:
        """Close all, for good: what is opened later is not kept for the next."""
        self._closed = True
        await ended()
        await self.renew()

    def _connected(self, _: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info[_GENERATION] = self._generation

    def _disposed(self, _: Engine) -> None:
        self._generation += 1

    def _given_back(self, _: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        if self._closed or entry.info.get(_GENERATION) != self._generation:
            entry.invalidate()  # closes it


def _set_up_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    # Else one text that is no UTF-8 would fail every statement that comes across it.
    cast("Any", entry.driver_connection).text_factory = _text
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # What is committed is acked on the queue, so it must survive a loss of power.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
    # SQLite knows the case of ASCII only.
    cast("Any", connection).create_function("folded", 1, _folded, deterministic=True)


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _postgresql_arguments(name: str) -> dict[str, Any]:
    import asyncpg  # noqa: PLC0415 - only for those who use PostgreSQL

    class Connection(asyncpg.Connection):  # type: ignore[misc]
        """Gives a server that does not answer little time to say goodbye."""

        async def close(self, *, timeout: float | None = None) -> None:
            await super().close(timeout=CLOSE_SECONDS if timeout else None)

    return {
        "timeout": CONNECT_SECONDS,
        "server_settings": {"application_name": name},
        "connection_class": Connection,
    }
