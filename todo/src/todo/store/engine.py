"""Engines for the two databases, and how work is done on them.

SQLAlchemy's drivers are asynchronous here, but `sqlalchemy.ext.asyncio` is not used: it imports the
whole ORM, which was measured at 8 MB and 0.1 s in each process. What it wraps around an engine is
`greenlet_spawn`: inside it, ordinary blocking calls of SQLAlchemy wait without blocking the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.util import greenlet_spawn

from todo.store.address import Address

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

Result = TypeVar("Result")

#: How long a connection may take to come up, and to be closed politely.
CONNECT_SECONDS = 1.3
CLOSE_SECONDS = 0.3
#: How long a writer waits for another one in SQLite.
_BUSY_MILLISECONDS = 5000


def make_engine(address: Address, connections: int, name: str) -> Engine:
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
    if address.kind == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


async def run(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """Do the work in one transaction. Cancelling it gives the connection up."""

    def transaction() -> Result:
        with engine.begin() as connection:
            return work(connection)

    return await greenlet_spawn(transaction)


async def dispose(engine: Engine) -> None:
    """Close the engine's connections."""
    await greenlet_spawn(engine.dispose)


def _set_up_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # What is committed is acked on the queue, so it must survive a loss of power.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


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
