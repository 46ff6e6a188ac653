"""One transaction, which leaves no connection behind whenever its caller is cancelled.

SQLAlchemy waits while it takes a connection and while it gives it back. What is cancelled there leaves the
pool with one connection less, for good; and the task of a request whose browser has gone is cancelled at
every wait. So a transaction is a task of its own, which is cancelled while it works only, and once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.util import greenlet_spawn

from todo.store.file import SqliteFile

Result = TypeVar("Result")

#: Seconds that the connection of a caller who was cancelled has to be taken or to be given back.
END_SECONDS = 5.0
#: Of callers who were cancelled.
_ending: set[asyncio.Task[Any]] = set()


async def run(
    engine: Engine, work: Callable[[Connection], Result], file: SqliteFile | None = None
) -> Result:
    """Do the work in one transaction. Cancelling it gives the connection up, and does not wait for that.

    FileChanged where the file is not the one any more; then nothing was written to the one that is there.
    """
    return await _Transaction(engine, work, file).run()


async def ended() -> None:
    """Wait until the connections of callers who were cancelled are given back."""
    if _ending:
        await asyncio.wait(_ending)


class _Transaction(Generic[Result]):
    def __init__(
        self, engine: Engine, work: Callable[[Connection], Result], file: SqliteFile | None
    ) -> None:
        self._engine, self._work, self._file = engine, work, file
        self._working = self._given_up = False

    async def run(self) -> Result:
        task = asyncio.create_task(greenlet_spawn(self._do), name="transaction")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._give_up(task)
            raise

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
        self._working = True
        try:
            return self._work(connection)
        finally:
            self._working = False

    def _give_up(self, task: asyncio.Task[Result]) -> None:
        self._given_up = True
        if self._working:
            task.cancel()
        limit = task.get_loop().call_later(END_SECONDS, task.cancel)

        def done(task: asyncio.Task[Result]) -> None:
            limit.cancel()
            _ending.discard(task)

        _ending.add(task)
        task.add_done_callback(done)
