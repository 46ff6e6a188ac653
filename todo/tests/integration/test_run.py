"""`todo run`: one component joins what is running, or waits for it; and `todo migrate`."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dovetail import connect
from dovetail.embedded import running
from dovetail.testing.servers import NatsServer, PostgresServer, Server
from todo.addresses import without_secrets
from todo.events import CountItems, ImportItems, WhoIsThere

from .conftest import Todo
from .support import RUNS, add

#: What a component has at most to end.
DRAIN_SECONDS = 10.0


def _address(folder: Path, queue_setting: dict[str, str]) -> str:
    """Of the queue: another one's, or that of the server that `todo up` has started in the folder."""
    url = queue_setting.get("QUEUE_URL") or running(folder / "data")
    assert url is not None
    return url


async def test_a_feature_is_added_to_the_running_system(
    todo_command: Todo, settings: dict[str, str], queue_setting: dict[str, str], tmp_path: Path
) -> None:
    up = await todo_command("up", **queue_setting)
    await up.said(RUNS)
    url = _address(tmp_path, queue_setting)
    await add(settings, "before it was there")
    audit = await todo_command("run", "audit-handler", **queue_setting)
    await audit.said(f"connected to the queue at {without_secrets(url)}")
    await audit.said("audit-handler listens on events.todo.newitem")
    await add(settings, "after")
    await audit.said("AUDIT @ ", times=2)
    audits = [line for line in audit.lines if line.startswith("AUDIT @ ")]
    assert [line.rpartition(": ")[2] for line in audits] == ["before it was there", "after"]
    # Messages are handled, and pages answered, before every component says who is there.
    await up.said("presence listens", times=3)
    await audit.said("presence listens")
    async with connect(url) as queue:
        found = await queue.gather(WhoIsThere(), timeout=20, most=4)
    assert {one.component for one in found} == {"web", "api", "save-handler", "audit-handler"}
    assert await audit.stop() == 0
    assert "audit" not in up.text.partition(RUNS)[2]


async def test_it_waits_for_todo_up_and_says_how_to_start_it(
    todo_command: Todo, tmp_path: Path
) -> None:
    handler = await todo_command("run", "save-handler")
    line = await handler.said(f"waiting for the queue on the data folder {tmp_path}/data")
    assert "`todo up`" in line
    assert "TODO_QUEUE_URL" in line
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    await handler.said("presence listens")


@pytest.mark.slow  # RabbitMQ takes ten seconds to start
async def test_it_waits_for_a_queue_elsewhere_and_names_the_setting(
    todo_command: Todo, new_queue_server: Callable[[], Awaitable[Server]]
) -> None:
    server = await new_queue_server()
    await server.stop()
    handler = await todo_command("run", "audit-handler", QUEUE_URL=server.url)
    await handler.said("TODO_QUEUE_URL")
    await server.start()
    await handler.said("presence listens")
    await server.stop()
    assert await handler.stop(within=DRAIN_SECONDS) == 0
    assert "Traceback" not in handler.text


async def test_it_can_be_stopped_while_it_waits(todo_command: Todo) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        handler = await todo_command("run", "save-handler")
        await handler.said("waiting for the queue")
        assert await handler.stop(number) == 0
        assert "Traceback" not in handler.text


async def test_it_can_be_stopped_while_it_waits_for_the_database(
    todo_command: Todo,
    nats_server: NatsServer,
    new_postgres_server: Callable[..., Awaitable[PostgresServer]],
) -> None:
    server = await new_postgres_server()
    await server.stop()
    for component in ("save-handler", "web"):
        command = await todo_command(
            "run", component, QUEUE_URL=nats_server.url, DATABASE_URL=server.url
        )
        await command.said("waiting for the database")
        assert await command.stop() == 0
        assert "Traceback" not in command.text


@pytest.mark.slow  # starts and ends every component
async def test_every_component_ends_cleanly(
    todo_command: Todo, queue_setting: dict[str, str]
) -> None:
    if not queue_setting:
        await (await todo_command("up", "--only", "queue")).said(RUNS)
    for number in (signal.SIGTERM, signal.SIGINT):
        for component in ("web", "api", "save-handler", "audit-handler", "mutating-handler"):
            command = await todo_command("run", component, **queue_setting)
            await command.said("presence listens")
            if component != "audit-handler":
                await command.said("connected to the database at sqlite:///data/todo.db")
            assert await command.stop(number) == 0
            assert "Traceback" not in command.text


async def test_migrate_makes_the_schema_and_ends(todo_command: Todo, tmp_path: Path) -> None:
    for _ in range(2):
        command = await todo_command("migrate")
        assert await command.ended() == 0
        assert "connected to the database at sqlite:///data/todo.db" in command.text
    with sqlite3.connect(tmp_path / "data" / "todo.db") as database:
        assert database.execute("SELECT count(*) FROM todos").fetchone() == (0,)
    database.close()


async def test_an_import_is_sent_from_outside(
    todo_command: Todo, tmp_path: Path, queue_setting: dict[str, str]
) -> None:
    components = "save-handler" if queue_setting else "queue,save-handler"
    up = await todo_command("up", "--only", components, **queue_setting)
    await up.said("presence listens")
    async with connect(_address(tmp_path, queue_setting)) as queue:
        command = await queue.send(ImportItems(["a", "b"]))
        made = (await up.said(f"import {command} makes ")).split()[-2:]
        for one in made:
            await up.said(one, times=3)  # made, received, saved
        assert await queue.request(CountItems()) == 2
