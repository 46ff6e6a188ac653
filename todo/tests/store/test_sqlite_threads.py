"""The threads of SQLite's connections, and the event loop that they tell of what they did."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from todo.store.sqlite_threads import SqliteConnection, SqliteThreads

LIMIT_SECONDS = 10.0


@pytest.mark.parametrize("stopped", ["before", "after"])
def test_thread_that_is_at_work_when_the_event_loop_is_closed(stopped: str, tmp_path: Path) -> None:
    """It dies of nothing: it finishes, closes the connection, and ends."""
    loop = asyncio.new_event_loop()
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(LIMIT_SECONDS)

    async def begin() -> SqliteConnection:
        connection = SqliteThreads().connect(str(tmp_path / "file"))
        await connection
        working = asyncio.create_task(connection._execute(work))  # type: ignore[no-untyped-call]
        assert await asyncio.to_thread(begun.wait, LIMIT_SECONDS)
        working.cancel()
        if stopped == "before":
            connection.stop()
        return connection

    connection = loop.run_until_complete(begin())
    loop.close()
    go_on.set()
    connection.stop()
    connection._thread.join(LIMIT_SECONDS)
    assert not connection._thread.is_alive()
    assert connection._connection is None
