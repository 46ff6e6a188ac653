from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from dovetail.testing.servers import PostgresServer

MakePostgres = Callable[..., Awaitable[PostgresServer]]


async def execute(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_rows_and_port_outlive_the_process(
    new_postgres_server: MakePostgres, how: str
) -> None:
    server = await new_postgres_server()
    await execute(server.url, "CREATE TABLE kept AS SELECT 1 AS one")
    open_connection = await asyncpg.connect(server.url)
    await getattr(server, how)()
    with pytest.raises(OSError, match=r"111|refused"):
        await execute(server.url, "SELECT 1")
    await server.start()
    rows = await execute(server.url, "SELECT one FROM kept")
    assert [row["one"] for row in rows] == [1]
    open_connection.terminate()


async def test_each_test_has_its_own_database(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    await execute(postgres_url, "CREATE TABLE mine (id int)")
    found = await execute(postgres_server.url, "SELECT 1 FROM pg_tables WHERE tablename = 'mine'")
    assert found == []


async def test_settings_are_passed_on(new_postgres_server: MakePostgres) -> None:
    server = await new_postgres_server(fsync=True, settings={"max_connections": "7"})
    rows = await execute(
        server.url, "SELECT current_setting('fsync') f, current_setting('max_connections') m"
    )
    assert dict(rows[0]) == {"f": "on", "m": "7"}
