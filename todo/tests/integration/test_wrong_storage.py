"""A database, a folder or a settings file that will not do: one line, a status, and nothing started twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Todo

WRONG = 2


def folder(data: Path) -> None:
    (data / "todo.db").mkdir()


def letter(data: Path) -> None:
    (data / "todo.db").write_text("Dear aunt, " * 900)


def file_for_folder(data: Path) -> None:
    data.rmdir()
    data.touch()


@pytest.mark.parametrize(
    "arguments", [("up",), ("run", "save-handler"), ("migrate",)], ids=" ".join
)
@pytest.mark.parametrize("spoil", [folder, letter, file_for_folder])
async def test_a_file_that_is_no_database_is_named_before_anything_is_started(
    todo_command: Todo, tmp_path: Path, arguments: tuple[str, ...], spoil: Callable[[Path], None]
) -> None:
    (tmp_path / "data").mkdir()
    spoil(tmp_path / "data")
    command = await todo_command(*arguments)
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line.startswith("TODO_DATA_DIR: the database cannot be used: data")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TABLE todos", "no table todos"),
        ("DROP TABLE alembic_version", "a table todos that this program did not make"),
        ("UPDATE alembic_version SET version_num = 'abc'", "a newer release"),
    ],
)
async def test_a_schema_that_is_not_what_it_says(
    todo_command: Todo, tmp_path: Path, change: str, said: str
) -> None:
    await (await todo_command("migrate")).ended()
    with closing(sqlite3.connect(tmp_path / "data" / "todo.db")) as database, database:
        database.execute(change)
    command = await todo_command("migrate")
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line.startswith("TODO_DATA_DIR: the database cannot be used: ")
    assert said in line


@pytest.mark.parametrize("arguments", [("up",), ("run", "web"), ("health",), ("scale",)])
@pytest.mark.parametrize(
    ("content", "said"), [(b"web_port = [", "not valid TOML"), (b"\xff\xfe", "no text in UTF-8")]
)
async def test_a_settings_file_that_is_broken(
    todo_command: Todo, tmp_path: Path, arguments: tuple[str, ...], content: bytes, said: str
) -> None:
    (tmp_path / "todo.toml").write_bytes(content)
    command = await todo_command(*arguments)
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line.startswith("todo.toml")
    assert said in line


async def test_a_database_that_does_not_answer_is_said_without_numbers(todo_command: Todo) -> None:
    command = await todo_command("migrate", DATABASE_URL="postgresql://u@127.0.0.1:1/d")
    line = await command.said("waiting for the database")
    assert line.endswith("nothing listens there (connection refused)")
