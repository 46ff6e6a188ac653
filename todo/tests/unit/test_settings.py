"""Settings: where they come from, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from todo.settings import Rule, Settings, read_settings

from .support import complaints

pytestmark = pytest.mark.usefixtures("nothing_set")


def test_without_any_the_defaults_hold() -> None:
    found = read_settings()
    assert found == Settings()
    assert (found.queue_url, found.web_host, found.web_port, found.api_port) == (
        "embedded:",
        "127.0.0.1",
        8080,
        8081,
    )
    assert (found.queue_port, found.queue_monitor_port) == (4222, 8222)
    assert found.database == "sqlite:///data/todo.db"
    assert found.save_handler.publish_item_saved


def test_the_default_database_is_in_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_DATA_DIR", "/var/lib/todo")
    assert read_settings().database == "sqlite:////var/lib/todo/todo.db"


def test_the_environment_reaches_every_section(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TODO_WEB_PORT": "9000",
        "TODO_QUEUE_URL": "nats://user:word@queue:4222",
        "TODO_QUEUE_REPLICAS": "3",
        "TODO_DATABASE_URL": "postgres://user:word@db/todo",
        "TODO_SAVE_HANDLER__PUBLISH_ITEM_SAVED": "false",
        "TODO_SAVE_HANDLER__DELAY": "0.5",
        "TODO_SAVE_HANDLER__BATCH": "1",
        "TODO_MUTATING_HANDLER__RULES": '[{"find": "teh", "replace": "the"}]',
        "TODO_LOG_FORMAT": "json",
    }.items():
        monkeypatch.setenv(name, value)
    found = read_settings()
    assert (found.web_port, found.log_format) == (9000, "json")
    assert found.queue_replicas == 3
    assert found.database == "postgres://user:word@db/todo"
    assert not found.save_handler.publish_item_saved
    assert (found.save_handler.delay, found.save_handler.batch) == (0.5, 1)
    assert found.mutating_handler.rules == (Rule("teh", "the"),)


def test_a_file_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "todo.toml").write_text(
        'web_port = 9000\n[save_handler]\nbatch = 7\n[[mutating_handler.rules]]\nfind = "a"\nreplace = "b"\n'
    )
    found = read_settings()
    assert (found.web_port, found.save_handler.batch) == (9000, 7)
    assert found.mutating_handler.rules == (Rule("a", "b"),)


def test_a_file_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text("web_port = 9001")
    (tmp_path / "todo.toml").write_text("web_port = 9000")
    monkeypatch.setenv("TODO_CONFIG_FILE", "other.toml")
    assert read_settings().web_port == 9001


def test_environment_then_secrets_then_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "todo.toml").write_text("web_port = 1\napi_port = 1\nqueue_port = 1")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "todo_web_port").write_text("2\n")
    (tmp_path / "secrets" / "TODO_API_PORT").write_text("2")
    monkeypatch.setenv("TODO_WEB_PORT", "3")
    found = read_settings()
    assert (found.web_port, found.api_port, found.queue_port) == (3, 2, 1)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_WEB_PORT", "")
    assert read_settings().web_port == 8080


def test_variables_of_other_programs_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_DIR", "/home/me/todo.txt")
    assert read_settings() == Settings()


def test_no_password_shows_in_its_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_DATABASE_URL", "postgresql://me:secret@h/d")
    assert "secret" not in repr(read_settings())


@pytest.mark.parametrize(
    ("name", "value", "wrong", "allowed"),
    [
        ("WEB_PORT", "abc", "'abc' will not do", "1 to 65535"),
        ("WEB_PORT", "0", "'0' will not do", "1 to 65535"),
        ("API_PORT", "65536", "'65536' will not do", "1 to 65535"),
        ("QUEUE_TIMEOUT", "nan", "'nan' will not do", "0.05 to 60"),
        ("QUEUE_TIMEOUT", "-1", "'-1' will not do", "0.05 to 60"),
        ("QUEUE_REPLICAS", "0", "'0' will not do", "1 to 5"),
        ("QUEUE_REPLICAS", "6", "'6' will not do", "1 to 5"),
        ("LOG_LEVEL", "loud", "'loud' will not do", "debug, info, warning or error"),
        ("LOG_FORMAT", "xml", "'xml' will not do", "text or json"),
        ("SAVE_HANDLER__PUBLISH_ITEM_SAVED", "maybe", "'maybe' will not do", "true or false"),
        ("SAVE_HANDLER__BATCH", "0", "'0' will not do", "1 to 10000"),
        ("SAVE_HANDLER__DELAY", "x", "'x' will not do", "0 to 3600"),
        ("MUTATING_HANDLER__RULES", "[", "'[' will not do", "JSON list"),
        ("MUTATING_HANDLER__RULES", '[{"find": "a"}]', "`replace` - at `$[0]`", "JSON list"),
        ("ALLOWED_HOSTS", "a, http://b", "'http://b' is no host name", "*.example.org"),
        ("OPEN", "perhaps", "'perhaps' will not do", "true or false"),
        ("QUEUE_OPEN", "2", "'2' will not do", "true or false"),
        ("PASSWORD", "a secret\nb", "several lines", "without a line break"),
        ("PASSWORD", "a secret\u2028b", "several lines", "without a line break"),
        ("QUEUE_URL", "localhost", "no scheme", "nats://host:4222"),
        ("QUEUE_URL", "http://me:secret@queue", "scheme 'http'", "nats://host:4222"),
        ("QUEUE_URL", "nats://me:secret@queue:port", "host and port", "nats://host:4222"),
        ("QUEUE_URL", "memory://x", "share no memory", "nats://host:4222"),
        ("QUEUE_URL", "embedded:?sync=always", "TODO_QUEUE_SYNC", "nats://host:4222"),
        ("QUEUE_SYNC", "yes", "yes", "interval or always"),
        ("DATABASE_URL", "mysql://me:secret@h/d", "scheme 'mysql'", "postgresql://"),
        ("DATABASE_URL", "postgresql://me:secret@h", "names no database", "postgresql://"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wrong: str, allowed: str
) -> None:
    monkeypatch.setenv(f"TODO_{name}", value)
    (line,) = complaints()
    assert line.startswith(f"TODO_{name}: ")
    assert wrong in line
    assert allowed in line.partition("allowed is")[2]
    assert "secret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "text", ["a.example,*.b.example", " a.example , *.b.example,", '["a.example", "*.b.example"]']
)
def test_several_names_have_commas_between_them(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TODO_ALLOWED_HOSTS", text)
    assert read_settings().allowed_hosts == ("a.example", "*.b.example")


def test_several_names_in_a_file_are_a_list(tmp_path: Path) -> None:
    (tmp_path / "todo.toml").write_text('allowed_hosts = ["a.example"]\nopen = true')
    found = read_settings()
    assert (found.allowed_hosts, found.open) == (("a.example",), True)


def test_the_password_may_be_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "todo_password").write_text("open sesame\n")
    assert read_settings().password == "open sesame"


def test_every_wrong_value_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_WEB_PORT", "abc")
    monkeypatch.setenv("TODO_LOG_LEVEL", "loud")
    assert len(complaints()) == 2


def test_a_wrong_value_of_a_file_is_named_by_its_key_too(tmp_path: Path) -> None:
    (tmp_path / "todo.toml").write_text('[save_handler]\nbatch = "many"')
    (line,) = complaints()
    assert line.startswith("TODO_SAVE_HANDLER__BATCH (save_handler.batch in todo.toml): 'many'")


def test_a_wrong_secret_is_named_by_its_file_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "todo_database_url"
    secret.write_text("mysql://me:secret@h/d")
    (line,) = complaints()
    assert line.startswith(f"TODO_DATABASE_URL (in {secret}): has the scheme 'mysql'")
    assert "me:secret" not in line


@pytest.mark.parametrize(
    "name", ["TODO_WEBPORT", "TODO_SAVE_HANDLER__BATCHES", "TODO_SAVE_HANDLER_BATCH"]
)
def test_a_variable_that_is_nearly_one_is_pointed_out(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    (line,) = complaints()
    assert line.startswith(f"{name}: there is no such setting; the nearest is TODO_")


@pytest.mark.parametrize("name", ["PASSWORD", "DATABASE_PASSWORD", "CALENDAR__SECRET"])
def test_a_file_with_a_secret_is_not_named_by_a_variable(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"TODO_{name}_FILE", "/run/secrets/mine")
    (line,) = complaints()
    assert line.startswith(f"TODO_{name}_FILE: there is no such setting; ")
    assert line.endswith(f"/todo_{name.lower()}")


def test_an_unknown_key_of_a_file_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "todo.toml").write_text(
        "web_prot = 1\n[save_handler]\nbatches = 1\n[nonsense]\na = 1"
    )
    lines = complaints()
    assert (
        lines[0] == "web_prot in todo.toml: there is no such setting; the nearest is TODO_WEB_PORT"
    )
    assert "save_handler.batches in todo.toml" in lines[1]
    assert "nonsense.a in todo.toml" in lines[2]


def test_a_file_that_is_not_toml_says_where_it_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "todo.toml").write_text("web_port = 1\nthis is not toml")
    (line,) = complaints()
    assert line.startswith("todo.toml is not valid TOML")
    assert "line 2" in line


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_CONFIG_FILE", "nowhere.toml")
    assert complaints() == ["TODO_CONFIG_FILE: there is no file 'nowhere.toml'"]
