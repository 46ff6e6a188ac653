"""Passwords set apart from their address, and secrets that come in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from todo.address_password import with_password
from todo.settings import read_settings
from todo.store.address import parse

from .support import complaints

pytestmark = pytest.mark.usefixtures("nothing_set")

PASSWORD = "s3cret: p@ss/w?rd#%[1]"
ENCODED = "s3cret%3A%20p%40ss%2Fw%3Frd%23%25%5B1%5D"

DATABASE = "postgresql://todo@todo-db/todo"
ADDRESSES = {"queue": "nats://todo@message-queue:4222", "database": DATABASE}


@pytest.fixture(params=["queue", "database"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two addresses; it is set, and names a user."""
    name: str = request.param
    monkeypatch.setenv(f"TODO_{name.upper()}_URL", ADDRESSES[name])
    return name


def _address(kind: str) -> str:
    found = read_settings()
    return found.queue_url if kind == "queue" else found.database


def _expected(kind: str, encoded: str = ENCODED) -> str:
    return ADDRESSES[kind].replace("todo@", f"todo:{encoded}@")


@pytest.mark.parametrize("name", ["todo_{}_password", "TODO_{}_PASSWORD"])
def test_a_password_comes_from_a_secret_in_either_case(
    nothing_set: Path, kind: str, name: str
) -> None:
    secrets = nothing_set / "secrets"
    secrets.mkdir()
    word = kind.upper() if name.isupper() else kind
    (secrets / name.format(word)).write_text(PASSWORD + "\n")
    assert _address(kind) == _expected(kind)


def test_a_password_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv(f"TODO_{kind.upper()}_PASSWORD", PASSWORD)
    assert _address(kind) == _expected(kind)
    assert "s3cret" not in repr(read_settings())


def test_a_password_comes_from_the_file(nothing_set: Path, kind: str) -> None:
    (nothing_set / "todo.toml").write_text(f'{kind}_password = "{PASSWORD}"')
    assert _address(kind) == _expected(kind)


@pytest.mark.parametrize("password", ["[1]", "null", "{", " with space ", "true"])
def test_a_password_is_text_whatever_it_looks_like(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("TODO_DATABASE_URL", DATABASE)
    monkeypatch.setenv("TODO_DATABASE_PASSWORD", password)
    assert read_settings().database_password == password


def test_the_database_understands_how_it_is_encoded() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    address = parse(with_password(DATABASE, PASSWORD))
    assert sqlalchemy.make_url(address.url).password == PASSWORD
    assert address.shown == "postgresql://todo-db/todo"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis://default@queue", "redis://default:word@queue"),
        ("amqp://me@one:1,two:2/v%2Fhost", "amqp://me:word@one:1,two:2/v%2Fhost"),
        ("tls://me@queue?ca=/a@b/c.pem", "tls://me:word@queue?ca=/a@b/c.pem"),
        ("postgresql://me@/todo?host=/run/pg", "postgresql://me:word@/todo?host=/run/pg"),
    ],
)
def test_it_stands_behind_the_user(address: str, expected: str) -> None:
    assert with_password(address, "word") == expected


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("nats://me:other@queue", "has a password already"),
        ("nats://queue", "names no user"),
        ("nats://:x@queue", "has a password already"),
        ("embedded:", "names no user"),
        ("", "names no user"),
    ],
)
def test_a_password_that_has_no_place_is_named_with_the_address(
    monkeypatch: pytest.MonkeyPatch, url: str, complaint: str
) -> None:
    monkeypatch.setenv("TODO_QUEUE_URL", url)
    monkeypatch.setenv("TODO_QUEUE_PASSWORD", PASSWORD)
    (line,) = complaints()
    assert line.startswith(f"TODO_QUEUE_PASSWORD: TODO_QUEUE_URL {complaint}")
    assert "s3cret" not in line
    assert "other" not in line


def test_a_user_of_the_address_is_still_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_QUEUE_URL", "amqp://todo@queue")
    assert "a user without a password" in complaints()[0]
    monkeypatch.setenv("TODO_QUEUE_PASSWORD", PASSWORD)
    assert read_settings().queue_url == f"amqp://todo:{ENCODED}@queue"


@pytest.fixture
def secret(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the database's password would be."""
    monkeypatch.setenv("TODO_DATABASE_URL", DATABASE)
    (nothing_set / "secrets").mkdir()
    return nothing_set / "secrets" / "todo_database_password"


def _complaint_of(secret: Path) -> str:
    (line,) = complaints()
    place = f"TODO_DATABASE_PASSWORD (in {secret}): "
    assert line.startswith(place)
    return line.removeprefix(place)


@pytest.mark.parametrize("content", ["", "\n", " \n"])
def test_an_empty_secret_is_named(secret: Path, content: str) -> None:
    secret.write_text(content)
    assert _complaint_of(secret).startswith("the file is empty; write the value into it")


def test_a_secret_that_is_a_folder_is_named(secret: Path) -> None:
    secret.mkdir()
    assert _complaint_of(secret).startswith("this is a folder, not a file; where Docker made it")


def test_a_secret_that_is_no_text_is_named(secret: Path) -> None:
    secret.write_bytes(b"\xff\xfe")
    assert "no text in UTF-8" in _complaint_of(secret)


def test_a_secret_of_the_environment_hides_a_file_that_is_broken(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.mkdir()
    monkeypatch.setenv("TODO_DATABASE_PASSWORD", "word")
    assert read_settings().database == DATABASE.replace("todo@", "todo:word@")


def test_a_folder_in_the_place_of_the_settings_file_is_named(nothing_set: Path) -> None:
    (nothing_set / "todo.toml").mkdir()
    (line,) = complaints()
    assert line.startswith("todo.toml: this is a folder, not a file")
