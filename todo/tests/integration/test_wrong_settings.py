"""A setting that is wrong: one line that names it, exit status 2, and no traceback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dovetail.testing.servers import NatsServer, PostgresServer, RedisServer

from .conftest import Todo

WRONG = 2


@pytest.mark.parametrize(
    "arguments", [("up",), ("run", "web"), ("run", "save-handler"), ("migrate",)]
)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_PORT", "eighty"),
        ("QUEUE_URL", "http://me:secret@queue"),
        ("DATABASE_URL", "mysql://me:secret@database/todo"),
        ("CONFIG_FILE", "nowhere.toml"),
    ],
)
async def test_every_command_refuses_it(
    todo_command: Todo, arguments: tuple[str, ...], name: str, value: str
) -> None:
    command = await todo_command(*arguments, **{name: value})
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert command.errors == [line]
    assert line.startswith(f"TODO_{name}: ")
    assert "secret" not in line


async def test_a_file_is_named_with_its_key(todo_command: Todo, tmp_path: Path) -> None:
    (tmp_path / "todo.toml").write_text("[save_handler]\nbatch = 0")
    command = await todo_command("run", "save-handler")
    assert await command.ended() == WRONG
    assert command.lines == [
        "TODO_SAVE_HANDLER__BATCH (save_handler.batch in todo.toml): 0 will not do; "
        "allowed is a number from 1 to 10000"
    ]


@pytest.mark.parametrize(("component", "name"), [("web", "WEB_PORT"), ("api", "API_PORT")])
async def test_a_port_in_use_is_named(
    todo_command: Todo, nats_server: NatsServer, component: str, name: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = {"QUEUE_URL": nats_server.url, name: str(port)}
        command = await todo_command("run", component, **settings)
        assert await command.ended() == WRONG
    assert command.lines == [
        f"TODO_{name}: port {port} of 127.0.0.1 is in use by another program; allowed is a free port"
    ]


async def test_a_host_that_is_not_ours_is_named(
    todo_command: Todo, nats_server: NatsServer
) -> None:
    command = await todo_command("run", "web", QUEUE_URL=nats_server.url, WEB_HOST="192.0.2.1")
    assert await command.ended() == WRONG
    assert command.lines[0].startswith("TODO_WEB_HOST: '192.0.2.1' is no address of this machine")


@pytest.mark.parametrize("arguments", [("up",), ("run", "web")], ids=" ".join)
async def test_what_others_can_reach_needs_a_password(
    todo_command: Todo, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    command = await todo_command(*arguments, WEB_HOST="0.0.0.0")
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line.startswith("TODO_WEB_HOST (0.0.0.0): ")
    assert "TODO_PASSWORD" in line
    assert "TODO_OPEN" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["QUEUE_PORT", "QUEUE_MONITOR_PORT"])
async def test_a_port_of_the_queue_in_use_is_named(todo_command: Todo, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = await todo_command("up", **{name: str(other.getsockname()[1])})
        assert await command.ended() == WRONG
    assert f"TODO_{name}" in command.lines[-1]
    assert "Traceback" not in command.text


async def test_a_data_folder_that_cannot_be_made_is_named(
    todo_command: Todo, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    command = await todo_command("up", DATA_DIR=str(tmp_path / "file"))
    assert await command.ended() == WRONG
    assert "TODO_DATA_DIR" in command.lines[-1]
    assert "Traceback" not in command.text


async def test_up_stops_with_the_line_of_a_child_that_is_configured_wrongly(
    todo_command: Todo,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = await todo_command("up", WEB_PORT=str(other.getsockname()[1]))
        assert await command.ended() == WRONG
    assert command.errors[-1].startswith("web cannot run: TODO_WEB_PORT: port ")
    assert "again" not in command.text.replace("Ctrl-C again", "")


async def test_a_login_that_the_queue_refuses_is_named(
    todo_command: Todo, new_nats_server: object
) -> None:
    server = await new_nats_server(  # type: ignore[operator]
        config="authorization { user: me, password: right }", login="me:right"
    )
    url = server.url.replace("right", "wrong")
    command = await todo_command("run", "audit-handler", QUEUE_URL=url)
    assert await command.ended() == WRONG
    assert "TODO_QUEUE_URL" in command.lines[-1]
    assert "wrong" not in command.text


async def test_a_database_that_refuses_is_named(
    todo_command: Todo, nats_server: NatsServer, postgres_server: PostgresServer
) -> None:
    url = postgres_server.database_url("nowhere").replace("postgres@", "postgres:secret@")
    for component in ("save-handler", "web"):
        command = await todo_command("run", component, QUEUE_URL=nats_server.url, DATABASE_URL=url)
        assert await command.ended() == WRONG
        assert command.lines[-1].startswith("TODO_DATABASE_URL: ")
        assert '"nowhere" does not exist' in command.lines[-1]
        assert "secret" not in command.text
        assert "Traceback" not in command.text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("up", "--only", "webb"), "webb"),
        (("up", "--scale", "web=2"), "web=2"),
        (("run", "database"), "database"),
        (("start",), "start"),
    ],
)
async def test_a_wrong_command_line_shows_how_it_is_used(
    todo_command: Todo, arguments: tuple[str, ...], complaint: str
) -> None:
    command = await todo_command(*arguments)
    assert await command.ended() == WRONG
    assert command.lines[0].startswith("Usage: ")
    assert complaint in command.lines[-1]


@pytest.mark.parametrize("queue", ["nats", "redis"])
async def test_more_copies_than_the_queue_can_keep_are_refused(
    todo_command: Todo, nats_server: NatsServer, redis_server: RedisServer, queue: str
) -> None:
    url = {"nats": nats_server.url, "redis": redis_server.url}[queue]
    command = await todo_command("run", "audit-handler", QUEUE_URL=url, QUEUE_REPLICAS="3")
    assert await command.ended() == WRONG
    (line,) = (line for line in command.errors if line.startswith("TODO_QUEUE_REPLICAS: "))
    assert "Traceback" not in command.text
    assert "replicas" in line
