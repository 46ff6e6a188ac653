"""What was accepted while nobody could save it is saved, each item once."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from dovetail import Backoff, MessageQueue, Worker, connect, new_id
from dovetail.testing.servers import PostgresServer
from todo.events import NewItem
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import SaveHandlerSettings
from todo.store import Store, open_store

from .conftest import Todo

NewPostgres = Callable[..., Awaitable[PostgresServer]]

COUNT, HANDLERS = 2_000, 3


async def _accept(queue: MessageQueue, count: int) -> set[str]:
    """Publish items as the web page does, many at once; their ids."""
    now = datetime.now(UTC)
    items = [Item(new_id(), f"thing {number}", now) for number in range(count)]
    for start in range(0, count, 100):
        chunk = items[start : start + 100]
        await asyncio.gather(*(queue.publish(NewItem(one), id=one.id) for one in chunk))
    return {one.id for one in items}


async def _saved(store: Store) -> list[str]:
    """The ids of all rows, one for each row."""
    ids: list[str] = []
    while page := (await store.page(after=ids[-1] if ids else None, limit=1000)).items:
        ids += [one.id for one in page]
    return ids


async def _until_saved(store: Store, count: int) -> None:
    async with asyncio.timeout(60):
        while await store.count() < count:  # noqa: ASYNC110 - the database announces nothing
            await asyncio.sleep(0.05)


async def _until_handled(queue: MessageQueue) -> None:
    """Wait until the groups have nothing left, not even to ack."""

    async def busy() -> bool:
        return any(one.waiting + one.in_hand for one in (await queue.status()).groups)

    async with asyncio.timeout(30):
        while await busy():  # noqa: ASYNC110 - the queue announces nothing
            await asyncio.sleep(0.05)


async def test_2000_items_wait_for_the_first_save_handlers(
    todo_command: Todo, queue_url: str, database_url: str
) -> None:
    settings = {"QUEUE_URL": queue_url, "DATABASE_URL": database_url}
    async with connect(queue_url) as queue:
        accepted = await _accept(queue, COUNT)
        for _ in range(HANDLERS):
            await todo_command("run", "save-handler", **settings)
        store = open_store(database_url)
        await store.prepare()
        await _until_saved(store, COUNT)
        await _until_handled(queue)
        rows = await _saved(store)
        await store.close()
        assert len(rows) == COUNT
        assert set(rows) == accepted
        assert await queue.dead_letters.list() == []


async def test_an_outage_longer_than_all_retries_costs_nothing(
    queue_url: str, new_postgres_server: NewPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    database = await new_postgres_server()
    store = open_store(database.url)
    await store.prepare()
    group = save_handler(store, SaveHandlerSettings(batch=20))
    # All of its attempts together would take less than a tenth of a second.
    short = Backoff(first=0.01, most=0.02, tries=4)
    group.options = dataclasses.replace(group.options, retry=short)
    async with connect(queue_url) as queue:
        accepted = await _accept(queue, 100)
        await database.stop()
        with caplog.at_level(logging.WARNING, "dovetail.worker"):
            async with Worker(queue, [group]):
                await asyncio.sleep(3)  # an outage has no other sign than that it lasts
                accepted |= await _accept(queue, 100)
                await database.start()
                await _until_saved(store, 200)
                await _until_handled(queue)
        assert set(await _saved(store)) == accepted
        assert await queue.dead_letters.list() == []
    assert "save-handler pauses, no attempt is used up" in caplog.text
    assert "failed (attempt" not in caplog.text
    await store.close()
