"""Preparing the schema: by many at once, again, and when it is newer than the program."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from todo.store import SchemaTooNew, Store, open_store, schema
from todo.store.address import parse

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
    connection.execute(text("DELETE FROM alembic_version"))


def _description(connection: Connection) -> object:
    found = inspect(connection)
    tables = sorted(found.get_table_names())
    columns = {
        table: [{**one, "type": repr(one["type"])} for one in found.get_columns(table)]
        for table in tables
    }
    return columns, {table: found.get_pk_constraint(table) for table in tables}


async def test_the_migrations_lead_to_the_schema_that_is_made_at_once(
    store: Store, database_url: str
) -> None:
    at_once = await _on(database_url, _description)
    await _on(database_url, _forget_everything)
    outputs = await asyncio.gather(*(_prepare_in_a_process(database_url) for _ in range(3)))
    assert "0 True" in outputs
    assert await _on(database_url, _description) == at_once
    assert await store.count() == 0


def test_head_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD
