"""The connections of a store: none is lost, and none is open any more when they are closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import greenlet_spawn

from todo.store.address import Address
from todo.store.engine import make_engine
from todo.store.sqlite_file import SqliteFile
from todo.store.transaction import Transactions, to_the_end

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

log = logging.getLogger("todo.store")

Result = TypeVar("Result")

#: Seconds after which a disk or a server that does not answer is waited for no longer.
CLOSE_SECONDS = 15.0
#: Where a place in the pool keeps how often all connections had been closed when it was made.
_GENERATION = "todo.store.generation"


class Connections:
    """All connections of a store, and what is done with them.

    SQLAlchemy closes those that nobody uses at that moment, and leaves the others to the garbage collector,
    which cannot wait for them: here they are closed when they are given back.
    """

    def __init__(
        self, address: Address, most: int, name: str, file: SqliteFile | None = None
    ) -> None:
        self._address = address
        self.engine, self._threads = make_engine(address, most, name, file)
        self._file = file
        self._transactions = Transactions(most)
        self._closed = False
        #: Counts how often all were closed; that happens one after the other, so that no pool is forgotten.
        self._generation, self._disposing = 0, asyncio.Lock()
        event.listen(self.engine, "connect", self._connected)
        event.listen(self.engine, "checkin", self._given_back)
        event.listen(self.engine, "engine_disposed", self._disposed)

    async def run(
        self, engine: Engine, work: Callable[[Connection], Result], *, checked: bool = True
    ) -> Result:
        """Do the work in a transaction, as `Transactions.run` says; `engine` is this one, or made from it.

        The file is checked, unless it is being prepared.
        """
        return await self._transactions.run(engine, work, self._file if checked else None)

    async def renew(self) -> None:
        """Close all. Whoever needs one gets a new one."""
        await to_the_end(self._dispose())

    async def close(self) -> None:
        """Close all, for good: what is opened later is not kept for the next.

        Returns when none is open any more, also where the caller is cancelled meanwhile.
        """
        self._closed = True
        await to_the_end(self._close())

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while True:
                    await self._transactions.ended()
                    await self._dispose()
                    if not self._transactions:
                        break
                if self._threads is not None:
                    await self._threads.ended()
        except TimeoutError:
            log.warning(
                "the database at %s does not answer: its connections stay open", self._address.shown
            )

    async def _dispose(self) -> None:
        async with self._disposing:
            await greenlet_spawn(self.engine.dispose)

    def _connected(self, _: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        # Of the place in the pool, which may get another connection: its pool is the old one for ever.
        if entry.record_info is not None:
            entry.record_info.setdefault(_GENERATION, self._generation)

    def _disposed(self, _: Engine) -> None:
        self._generation += 1

    def _given_back(self, _: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        made = entry.record_info.get(_GENERATION) if entry.record_info is not None else None
        if self._closed or made != self._generation:
            entry.invalidate()  # closes it
