"""A secret that cannot be used: one line that names it, exit status 2, and no traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Todo

WRONG = 2


@pytest.fixture
def secret(tmp_path: Path, settings: dict[str, str]) -> Path:
    """Where the password of a database would be that has one."""
    settings["DATABASE_URL"] = "postgresql://todo@127.0.0.1:1/todo"
    settings["SECRETS_DIR"] = str(tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()
    return tmp_path / "secrets" / "todo_database_password"


def _write(secret: Path, word: str, mode: int = 0o644) -> None:
    secret.write_text(word)
    secret.chmod(mode)


def _break(secret: Path, how: str) -> None:
    if how == "folder":
        secret.mkdir()
    else:
        secret.touch()


@pytest.mark.parametrize("arguments", [("run", "save-handler"), ("run", "web"), ("migrate",)])
@pytest.mark.parametrize("broken", ["empty", "folder"])
async def test_every_command_names_it(
    todo_command: Todo, secret: Path, arguments: tuple[str, ...], broken: str
) -> None:
    _break(secret, broken)
    command = await todo_command(*arguments)
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line.startswith(f"TODO_DATABASE_PASSWORD (in {secret}): ")
    assert broken in line


async def test_one_that_may_not_be_read_names_who_may_not(todo_command: Todo, secret: Path) -> None:
    """As a file of root's that is mounted into a container."""
    _write(secret, "word", 0)
    command = await todo_command("migrate")
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line.startswith(f"TODO_DATABASE_PASSWORD (in {secret}): ")
    assert f"(uid {os.getuid()}) may not read the file; allow that" in line


async def test_no_password_is_said_of_a_database_that_refuses_it(
    todo_command: Todo, secret: Path, postgres_url: str
) -> None:
    _write(secret, "a-wr0ng-word")
    url = postgres_url.replace("postgres@", "nobody@")
    command = await todo_command("migrate", DATABASE_URL=url)
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line.startswith("TODO_DATABASE_URL: the database cannot be used: ")
    assert "nobody" in line
    assert line.endswith(" (the password is that of TODO_DATABASE_PASSWORD)")
    assert "a-wr0ng-word" not in line
