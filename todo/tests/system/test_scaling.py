"""Three save-handlers share the work; the database sees three connections however many clicks come."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from dovetail.testing.servers import PostgresServer

from .application import PATIENCE, Application

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.slow,
]  # 1,500 items in small batches that take a moment, on each queue

ITEMS = 1_500
HANDLERS = 3
CLIENTS = 16


async def test_save_handlers_share_the_work_with_one_connection_each(
    tmp_path: Path,
    new_postgres_server: Callable[..., Awaitable[PostgresServer]],
    queue_setting: dict[str, str],
) -> None:
    database = await (await new_postgres_server()).create_database("todo")
    # Small batches that take a moment: so there is work for all, however fast this machine is.
    settings = {"SAVE_HANDLER__BATCH": "10", "SAVE_HANDLER__DELAY": "0.02"}
    async with Application(
        tmp_path, DATABASE_URL=database, QUEUE_TIMEOUT=PATIENCE, **queue_setting, **settings
    ) as app:
        up = await app.up("--scale", f"save-handler={HANDLERS}")
        await up.line("save-handler listens on events.todo.newitem", count=HANDLERS)
        watch = _ConnectionWatch(database)
        watching = asyncio.create_task(watch.run())
        numbers = iter(range(ITEMS))
        await asyncio.gather(*(_add(app, numbers) for _ in range(CLIENTS)))

        async def all_saved() -> bool:
            return _saved_by(up.lines).total() >= ITEMS

        await app.until(all_saved)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        share = _saved_by(up.lines)
        assert share.total() == ITEMS, "an item was saved twice"
        assert len(share) == HANDLERS, share
        assert all(count > 0 for count in share.values())
        assert watch.looks > 10
        assert watch.most == HANDLERS


async def _add(app: Application, numbers: Iterator[int]) -> None:
    for number in numbers:
        answer = await app.add(f"item {number}")
        assert answer.status_code == 202, answer.text


def _saved_by(lines: list[str]) -> Counter[str]:
    """Items that each handler says it saved."""
    share: Counter[str] = Counter()
    for line in lines:
        who, _, said = line.partition("|")
        _, saved, ids = said.partition(" saved ")
        if saved and who.startswith("save-handler"):
            share[who.strip()] += len(ids.split())
    return share


class _ConnectionWatch:
    """Looks at PostgreSQL's own list of connections, again and again."""

    def __init__(self, database: str) -> None:
        self._database = database
        self.most = 0
        self.looks = 0

    async def run(self) -> None:
        connection = await asyncpg.connect(self._database)
        try:
            while True:
                count = await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%save-handler%'"
                )
                self.most = max(self.most, count)
                self.looks += 1
                await asyncio.sleep(0.01)
        finally:
            await connection.close()
