"""Engines for the two databases.

SQLAlchemy's drivers are asynchronous here, but `sqlalchemy.ext.asyncio` is not used: it imports the
whole ORM, which was measured at 8 MB and 0.1 s in each process. What it wraps around an engine is
`greenlet_spawn`: inside it, ordinary blocking calls of SQLAlchemy wait without blocking the loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Engine, create_engine, event

from todo.store.address import Address
from todo.store.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    from todo.store.sqlite_threads import SqliteThreads

#: How long a connection may take to come up, and to be closed politely.
CONNECT_SECONDS = 1.3
CLOSE_SECONDS = 0.3
#: How long a writer waits for another one in SQLite.
_BUSY_MILLISECONDS = 5000


def make_engine(
    address: Address, connections: int, name: str, file: SqliteFile | None = None
) -> tuple[Engine, SqliteThreads | None]:
    """An engine with so many connections and not one more; it connects when it is first used.

    With the threads that its connections have on SQLite.
    """
    threads = None
    if address.kind == "sqlite":
        from todo.store.sqlite_threads import SqliteThreads  # noqa: PLC0415 - imports aiosqlite

        threads = SqliteThreads()
        arguments: dict[str, Any] = {"async_creator_fn": threads.connect}
    else:
        arguments = _postgresql_arguments(name)
    engine = create_engine(
        address.url,
        pool_size=connections,
        max_overflow=0,
        connect_args=arguments,
    )
    if file:
        event.listen(engine, "connect", _set_up_sqlite)
        file.watch(engine)
    return engine, threads


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
