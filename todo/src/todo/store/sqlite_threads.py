"""Connections of SQLite whose threads can be waited for.

aiosqlite has a thread for each connection. It tells the event loop of everything that it did, also after a
connection that failed, or whose caller was cancelled, when nobody waits for it any more: were the loop
closed by then, the thread would die of that. And whoever tells a thread twice to stop waits for ever for
the second time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import Any

import aiosqlite
from aiosqlite.core import _STOP_RUNNING_SENTINEL, _connection_worker_thread, _TxQueue

#: What the threads are called.
THREAD = "sqlite"


class SqliteThreads:
    """The threads of all connections of an engine, until they have ended."""

    def __init__(self) -> None:
        self._running: set[SqliteConnection] = set()

    def connect(self, database: str, **options: Any) -> SqliteConnection:
        """A connection, which is opened when it is awaited."""
        return SqliteConnection(partial(sqlite3.connect, database, **options), self._running)

    async def ended(self) -> None:
        """End those that there are, with their connections; what each was told to do before is done first."""
        await asyncio.gather(*(one.ended() for one in self._running))


class SqliteConnection(aiosqlite.Connection):
    """Its thread is told once to stop, and is done with the event loop when `ended` returns."""

    def __init__(
        self, connector: partial[sqlite3.Connection], running: set[SqliteConnection]
    ) -> None:
        super().__init__(self._connected, iter_chunk_size=64)
        self._open, self._running_threads = connector, running
        #: What the thread opened, also where nobody waited for it any more.
        self._opened: sqlite3.Connection | None = None
        self._stopped: asyncio.Future[Any] | None = None
        # A disk that does not answer keeps no process from its end.
        self._thread = threading.Thread(target=_work, args=(self._tx,), name=THREAD, daemon=True)

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        opening = super().__await__()  # starts the thread
        self._running_threads.add(self)
        return opening

    def stop(self) -> asyncio.Future[Any] | None:
        """Close the connection and end its thread once everything before is done; it may be called again."""
        if self._stopped is None:
            self._tx.put_nowait((None, self._close_opened))
            self._stopped = super().stop()
            self._tx.put_nowait((None, lambda: _STOP_RUNNING_SENTINEL))  # where that told nobody
            if self._stopped is None:  # there is no event loop any more
                return None
            self._stopped.add_done_callback(self._over)
        # Whoever waits may be cancelled, and must not cancel it for others.
        return asyncio.shield(self._stopped)

    async def ended(self) -> None:
        """Stop, and wait for the end of the thread."""
        if stopped := self.stop():
            await stopped

    def _over(self, _: asyncio.Future[Any]) -> None:
        self._thread.join()  # it has nothing more to do
        self._running_threads.discard(self)

    def interrupt_at_once(self) -> None:
        """Let the statement that runs, if one does, fail soon."""
        if self._opened is not None:
            with suppress(sqlite3.ProgrammingError):  # it is closed already
                self._opened.interrupt()

    def _connected(self) -> sqlite3.Connection:
        self._opened = self._open()
        return self._opened

    def _close_opened(self) -> None:
        if self._opened is not None:
            self._opened.close()


def _work(orders: _TxQueue) -> None:
    """What aiosqlite's thread does, also once the event loop is closed, and nobody waits for what it did."""
    while True:
        try:
            _connection_worker_thread(orders)
        except RuntimeError:
            continue
        return
