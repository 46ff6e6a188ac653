"""Transactions that never lose their connection, whenever their callers are cancelled.

SQLAlchemy waits while it takes a connection and while it gives it back. Cancelled there, it leaves the
pool with one connection less for good; and the task of a request whose browser has gone is cancelled at
every wait. So a transaction is a task of its own. It is cancelled only while it works, and only once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.util import greenlet_spawn

from todo.store import StoreUnavailable
from todo.store.sqlite_file import SqliteFile

Result = TypeVar("Result")

#: Seconds that a transaction has to end by itself while the store is closed; and that a server has to give
#: a connection, or to take it back, where its caller was cancelled.
END_SECONDS = 5.0


class Transactions:
    """The transactions of one store, until each has given back its connection.

    `most` at once: those who wait for a place in the pool wait on where a connection could not be made.
    """

    def __init__(self, most: int) -> None:
        self._places = asyncio.Semaphore(most)
        self._running: dict[asyncio.Task[Any], _Transaction[Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    async def run(
        self,
        engine: Engine,
        work: Callable[[Connection], Result],
        file: SqliteFile | None = None,
    ) -> Result:
        """Do the work in one transaction. Cancelling it gives the connection up, and does not wait for that.

        FileChanged where the file is not the one any more; then nothing was written to the one that is
        there. StoreUnavailable where the store is closed meanwhile, and it takes too long.
        """
        transaction = _Transaction(self._places, engine, work, file)
        self._running[transaction.task] = transaction
        transaction.task.add_done_callback(self._running.pop)
        return await transaction.result()

    async def ended(self) -> None:
        """Wait until none runs; those that do not end by themselves are given up."""
        while self._running:
            _, late = await asyncio.wait(list(self._running), timeout=END_SECONDS)
            for task in late:
                self._running[task].give_up(closed=True)


class _Transaction(Generic[Result]):
    def __init__(
        self,
        places: asyncio.Semaphore,
        engine: Engine,
        work: Callable[[Connection], Result],
        file: SqliteFile | None,
    ) -> None:
        self._places = places
        self._engine, self._work, self._file = engine, work, file
        self._begun = self._given_up = self._closed = False
        self._working: Connection | None = None
        self.task = asyncio.create_task(self._run(), name="transaction")

    async def result(self) -> Result:
        try:
            return await asyncio.shield(self.task)
        except asyncio.CancelledError:
            self.give_up()
            caller = asyncio.current_task()
            if self._closed and caller and not caller.cancelling():
                raise StoreUnavailable("it was closed while it was in use") from None
            raise

    def give_up(self, *, closed: bool = False) -> None:
        """End it without a result, as soon as that can be without losing the connection."""
        if self._given_up:
            return
        self._given_up, self._closed = True, closed
        if not self._begun:
            self.task.cancel()
        elif self._working:
            self.task.cancel()
            _interrupt(self._working)
        if self._engine.dialect.name != "sqlite":
            # A server may not answer. SQLite's thread does, and who does not wait for it loses it.
            limit = self.task.get_loop().call_later(END_SECONDS, self.task.cancel)
            self.task.add_done_callback(lambda _: limit.cancel())

    async def _run(self) -> Result:
        async with self._places:
            self._begun = True
            result: Result = await greenlet_spawn(self._do)
            return result

    def _do(self) -> Result:
        with self._engine.connect() as connection:
            with connection.begin():
                opened = self._file.check(connection) if self._file else None
                result = self._interruptible(connection)
            if opened:  # while it is open: who closes the last connection removes the log
                opened.check()
        return result

    def _interruptible(self, connection: Connection) -> Result:
        if self._given_up:
            raise asyncio.CancelledError
        self._working = connection
        try:
            return self._work(connection)
        finally:
            self._working = None


def _interrupt(connection: Connection) -> None:
    """Whoever is cancelled waits for the statement that runs, which only SQLite has to be told to end."""
    interrupt = getattr(connection.connection.driver_connection, "interrupt_at_once", None)
    if interrupt:
        interrupt()


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do it and wait for it, also where the caller is cancelled meanwhile, which is told afterwards."""
    task, cancelled = asyncio.create_task(work), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled:
        raise cancelled
