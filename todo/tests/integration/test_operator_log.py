"""What an operator reads in the log when something is wrong for long, or for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from dovetail.testing.servers import NatsServer, PostgresServer

from .conftest import Todo
from .support import add

WRONG = 2


def _make_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize("component", ["save-handler", "web", "migrate"])
async def test_a_program_older_than_the_schema_says_so_in_one_line(
    todo_command: Todo, nats_url: str, tmp_path: Path, component: str
) -> None:
    await (await todo_command("migrate")).ended()
    _make_newer(tmp_path / "data" / "todo.db")
    arguments = ("migrate",) if component == "migrate" else ("run", component)
    command = await todo_command(*arguments, QUEUE_URL=nats_url)
    assert await command.ended() == WRONG
    (line,) = (one for one in command.lines if "TODO_" in one)
    assert line == command.lines[-1]
    assert line.startswith("TODO_DATA_DIR: the database cannot be used: a newer release ")
    assert "TODO_VERSION" in line
    assert "Traceback" not in command.text


async def test_a_wrong_password_of_the_queue_is_named(
    todo_command: Todo, new_nats_server: Callable[..., Awaitable[NatsServer]], tmp_path: Path
) -> None:
    server = await new_nats_server(
        config="authorization { user: todo, password: right }", login="todo:right"
    )
    url = server.url.replace(":right@", "@")
    wrong = await todo_command("run", "audit-handler", QUEUE_URL=url, QUEUE_PASSWORD="a-wr0ng-word")
    assert await wrong.ended() == WRONG
    (line,) = wrong.lines
    assert "TODO_QUEUE_URL" in line
    assert line.endswith(" (the password is that of TODO_QUEUE_PASSWORD)")
    assert "a-wr0ng-word" not in line
    right = await todo_command("run", "audit-handler", QUEUE_URL=url, QUEUE_PASSWORD="right")
    await right.said("presence listens")
    assert "right" not in right.text


async def test_a_database_that_goes_away_has_a_line_in_every_component_that_uses_it(
    todo_command: Todo,
    nats_url: str,
    new_postgres_server: Callable[..., Awaitable[PostgresServer]],
    settings: dict[str, str],
) -> None:
    server = await new_postgres_server()
    more = {"QUEUE_URL": nats_url, "DATABASE_URL": server.url}
    up = await todo_command("up", **more)
    await up.said("connected to the database", times=3)
    await server.stop()
    item_id = await add(settings, "kept")
    line = await up.said("cannot be used")
    assert (
        f"the database at postgresql://127.0.0.1:{server.port}/postgres (TODO_DATABASE_URL)" in line
    )
    await server.start()
    await up.said(f"saved {item_id}")
    await up.said("the database serves again after")
    assert "Traceback" not in up.text
