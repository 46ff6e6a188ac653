"""The database, made anew from what the queue has kept."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from dovetail import MessageQueue, Worker, connect, new_id
from todo.changes import amendment, change_of
from todo.events import (
    ANY_CHANGE,
    Change,
    ItemAmended,
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemRemoved,
    ItemRestored,
    ItemTagged,
    NewItem,
)
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.process import CannotRun
from todo.rebuild.damaged_file import set_damaged_aside
from todo.rebuild.history_group import GROUP
from todo.rebuild.run import rebuild
from todo.settings import SaveHandlerSettings, Settings
from todo.store import Store, open_store
from todo.store.query import Query

SETTINGS = Settings()


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """The one whose place another is to take."""
    store = open_store(f"sqlite:///{tmp_path}/old.db")
    await store.prepare()
    yield store
    await store.close()


@pytest_asyncio.fixture
async def new_store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/new.db")
    yield store
    await store.close()


async def publish(queue: MessageQueue, *changes: Change) -> None:
    for change in changes:
        await queue.publish(change, id=change.change)


async def add(queue: MessageQueue, text: str, **fields: object) -> Item:
    item = Item(new_id(), text, datetime.now(UTC), **fields)  # type: ignore[arg-type]
    await queue.publish(NewItem(item), id=item.id)
    return item


async def saved(queue: MessageQueue, store: Store) -> None:
    """Let the save-handler do all that waits for it."""
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        async with asyncio.timeout(10):
            while any(  # noqa: ASYNC110 - a queue in memory is quick to ask
                row.waiting + row.in_hand
                for row in (await queue.status()).groups
                if row.group == "save-handler"
            ):
                await asyncio.sleep(0)


async def everything(store: Store) -> list[Item]:
    return (await store.page(Query(sort="-position"), limit=1000)).items


async def a_life(queue: MessageQueue, store: Store) -> list[Item]:
    """Items with a history; as they are in the end."""
    one = await add(queue, "one", due="2026-12-03", tags=("shop",), notes="some")
    two, three, four = [await add(queue, text) for text in ("two", "three ->", "four")]
    await saved(queue, store)
    removed = change_of(ItemRemoved, four.id)
    await publish(
        queue,
        change_of(ItemEdited, two.id, item="TWO"),
        change_of(ItemCompleted, one.id),
        change_of(ItemRemoved, three.id),
        removed,
        change_of(ItemRestored, four.id, after=removed.change),
        change_of(ItemTagged, four.id, tags=("a", "b")),
        change_of(ItemDue, "01890000-0000-7000-8000-000000000000", due="2026-12-03"),
    )
    amended = amendment(one, "one!")
    await store.apply([amended])
    await queue.publish(ItemAmended((await store.items([one.id]))[0], amended.change))
    await saved(queue, store)
    return await everything(store)


async def test_a_database_that_was_lost_is_there_again(
    queue: MessageQueue, store: Store, new_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = await a_life(queue, store)
    assert len(before) == 3

    await rebuild(queue, new_store, SETTINGS)

    assert await everything(new_store) == before
    for item in before:
        assert [(one.field, one.value) for one in await new_store.history(item.id)] == [
            (one.field, one.value) for one in await store.history(item.id)
        ]
    assert "the history reaches back to " in caplog.text
    assert "kept for 7 days (TODO_HISTORY)" in caplog.text
    assert "read 4 new items and 8 changes; the database has 3 items now" in caplog.text
    assert GROUP not in {row.group for row in (await queue.status()).groups}


async def test_what_was_done_to_the_rows_is_undone_and_the_rest_stays(
    queue: MessageQueue, store: Store, tmp_path: Path
) -> None:
    (older,) = [Item(new_id(), "older than the history", datetime.now(UTC))]
    await store.add([older])
    before = await a_life(queue, store)
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("UPDATE todos SET item = 'wrong' WHERE id <> ?", [older.id])
        connection.execute("DELETE FROM todos WHERE item = 'wrong' AND done")

    await rebuild(queue, store, SETTINGS)

    assert await everything(store) == before
    assert await store.get(older.id) is not None


async def test_it_can_be_done_again_and_while_more_comes(
    queue: MessageQueue, store: Store, new_store: Store
) -> None:
    before = await a_life(queue, store)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        work = asyncio.create_task(rebuild(queue, store, SETTINGS))
        later = [await add(queue, f"later {number}") for number in range(20)]
        await work
    await saved(queue, store)
    await rebuild(queue, new_store, SETTINGS)
    await rebuild(queue, new_store, SETTINGS)
    assert {item.id for item in await everything(new_store)} == {
        item.id for item in [*before, *later]
    }
    assert await everything(new_store) == await everything(store)


async def test_what_nobody_could_save_is_left_out(
    queue: MessageQueue, new_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await queue.publish_raw(NewItem.__subject__, b"no event")
    await queue.publish(NewItem(Item(new_id(), " ", datetime.now(UTC))))
    await queue.publish_raw(ANY_CHANGE.replace("*", "painted"), b"{}")
    item = await add(queue, "good")
    await rebuild(queue, new_store, SETTINGS)
    assert [one.id for one in await everything(new_store)] == [item.id]
    assert "3 messages were left out" in caplog.text


async def test_two_do_not_run_at_once(queue: MessageQueue, store: Store, new_store: Store) -> None:
    await a_life(queue, store)
    first = asyncio.create_task(rebuild(queue, new_store, SETTINGS))
    async with asyncio.timeout(10):
        while not any(row.running for row in await queue.groups() if row.status.group == GROUP):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    with pytest.raises(CannotRun, match="running already"):
        await rebuild(queue, store, SETTINGS)
    await first


async def test_one_that_was_ended_in_the_middle_begins_again(
    queue: MessageQueue, store: Store, new_store: Store
) -> None:
    before = await a_life(queue, store)
    first = asyncio.create_task(rebuild(queue, new_store, SETTINGS))
    async with asyncio.timeout(10):
        while GROUP not in {row.status.group for row in await queue.groups()}:  # noqa: ASYNC110
            await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await rebuild(queue, new_store, SETTINGS)
    assert await everything(new_store) == before


@pytest.mark.parametrize("content", [b"no database at all", None])
def test_a_damaged_file_is_set_aside(tmp_path: Path, content: bytes | None) -> None:
    settings = Settings(data_dir=tmp_path)
    file = tmp_path / "todo.db"
    if content is None:
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE x AS SELECT 1 AS a")
            connection.execute("CREATE INDEX i ON x (a)")
        connection.close()
        raw = bytearray(file.read_bytes())
        raw[4096:8192] = b"\xff" * 4096
        content = bytes(raw)
    file.write_bytes(content)
    set_damaged_aside(settings)
    assert not file.exists()
    (aside,) = tmp_path.glob("todo.db.damaged-*")
    assert aside.read_bytes() == content
    set_damaged_aside(settings)


def test_a_good_file_stays(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "todo.db") as connection:
        connection.execute("CREATE TABLE x (a)")
    connection.close()
    set_damaged_aside(Settings(data_dir=tmp_path))
    assert (tmp_path / "todo.db").exists()
