"""Preparing the schema: by many at once, again, and when it is newer than the program."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from todo.changes import change_of
from todo.events import ItemCompleted, ItemRemoved
from todo.items import Item
from todo.store import SchemaTooNew, Store, open_store, schema
from todo.store.address import parse

from .support import bares

pytestmark = pytest.mark.usefixtures("patient")

OLD = Item("019b7e94-3200-7000-8000-00000000000a", "the cat", datetime(2026, 1, 2, 12, tzinfo=UTC))
PREPARE = """
import asyncio, sys
from todo.store import open_store

async def main():
    store = open_store(sys.argv[1])
    await store.prepare()
    print(await store.count(), "alembic" in sys.modules)
    await store.close()

asyncio.run(main())
"""


async def _prepare_in_a_process(url: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PREPARE,
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode().strip()


async def test_many_processes_prepare_at_once(database_url: str) -> None:
    outputs = await asyncio.gather(*(_prepare_in_a_process(database_url) for _ in range(6)))
    assert {one.split()[0] for one in outputs} == {"0"}


async def test_a_schema_that_is_up_to_date_needs_no_alembic(
    store: Store, database_url: str
) -> None:
    assert await _prepare_in_a_process(database_url) == "0 False"


async def test_many_stores_of_one_process_prepare_at_once(database_url: str) -> None:
    stores = [open_store(database_url) for _ in range(6)]
    await asyncio.gather(*(store.prepare() for store in stores))
    assert [await store.count() for store in stores] == [0] * 6
    for store in stores:
        await store.close()


async def _on(url: str, work: object) -> object:
    engine = create_async_engine(parse(url).url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)  # type: ignore[arg-type]
    finally:
        await engine.dispose()


async def test_a_schema_of_a_newer_release_is_left_alone(store: Store, database_url: str) -> None:
    def make_newer(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await _on(database_url, make_newer)
    other = open_store(database_url)
    with pytest.raises(
        SchemaTooNew,
        match=f"newer release of this program made its schema, 9999, and this one knows {schema.HEAD}",
    ):
        await other.prepare()
    await other.close()


def _forget_everything(connection: Connection) -> None:
    """As it was before the first migration."""
    connection.execute(text("DROP TABLE todos"))
    connection.execute(text("DROP TABLE changes"))
    connection.execute(text("DELETE FROM alembic_version"))


def _description(connection: Connection) -> object:
    found = inspect(connection)
    tables = sorted(found.get_table_names())
    columns = {
        table: [{**one, "type": repr(one["type"])} for one in found.get_columns(table)]
        for table in tables
    }
    made = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        if connection.dialect.name == "postgresql"
        else "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    indexes = sorted(connection.scalars(text(made)))
    return columns, {table: found.get_pk_constraint(table) for table in tables}, indexes


async def test_the_migrations_lead_to_the_schema_that_is_made_at_once(
    store: Store, database_url: str
) -> None:
    at_once = await _on(database_url, _description)
    await _on(database_url, _forget_everything)
    outputs = await asyncio.gather(*(_prepare_in_a_process(database_url) for _ in range(3)))
    assert "0 True" in outputs
    assert await _on(database_url, _description) == at_once
    assert await store.count() == 0


def _make_the_first(connection: Connection) -> None:
    """The schema of the releases before changes, with an item that one of them has amended."""
    on_postgresql = connection.dialect.name == "postgresql"
    id_type = 'VARCHAR(64) COLLATE "C"' if on_postgresql else "VARCHAR(64)"
    moment = "TIMESTAMP WITH TIME ZONE" if on_postgresql else "VARCHAR(32)"
    for statement in (
        f"CREATE TABLE todos (id {id_type} NOT NULL PRIMARY KEY, item VARCHAR(256) NOT NULL, "
        f"date_added {moment} NOT NULL)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('0001')",
        f"INSERT INTO todos VALUES ('{OLD.id}', '{OLD.item}', '2026-01-02 12:00:00+00:00')",
        "INSERT INTO todos VALUES ('no uuid', 'x', '2026-01-02 12:00:00+00:00')",
    ):
        connection.execute(text(statement))


async def test_items_of_older_releases_stay_and_can_be_changed(database_url: str) -> None:
    if path := parse(database_url).file:
        path.parent.mkdir()
    await _on(database_url, _make_the_first)
    store = open_store(database_url)
    await store.prepare()
    assert bares((await store.page()).items) == [OLD, Item("no uuid", "x", OLD.date_added)]
    changes = [change_of(ItemCompleted, one) for one in (OLD.id, "no uuid")]
    assert all(answer.item and answer.item.done for answer in await store.apply(changes))
    assert await _added_again(store) == OLD.item
    assert (await store.history(OLD.id))[0].value == OLD.item
    await store.apply([change_of(ItemRemoved, OLD.id, after=changes[0].change)])
    assert await store.count() == 1
    await store.close()


async def _added_again(store: Store) -> str | None:
    """Its text when the event of the item comes once more, with its first one."""
    added = await store.add([Item(OLD.id, "teh cat", OLD.date_added)])
    assert added.lost == []
    (there,) = added.items
    return None if there is None else there.item


def test_head_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD
